"""Labels follow the stated rule; targets are listed, named and described; nothing is dropped in silence."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.data.bins import LABEL_RULES, Peaks, dense_labels, label_pairs, tile
from seqdl.data.encode_names import parse_encode_name
from seqdl.data.targets import collect_targets, read_peaks, read_target_table, target_stem
from seqdl.errors import InputError
from seqdl.genome import Genome

BIN, LENGTHS, TARGETS = 10, [57, 9, 40], 3


def slow_labels(rows, rule):
    """Label each bin by looking at each of its bases: what the fast code must equal."""
    labels = []
    for contig, length in enumerate(LENGTHS):
        for b in range(length // BIN):
            row = []
            for target in range(TARGETS):
                mine = [(s, e, m) for t, c, s, e, m in rows if (t, c) == (target, contig)]
                inside = [sum(b * BIN <= p < (b + 1) * BIN for p in range(s, e)) for s, e, _ in mine]
                more = any(2 * i > BIN for i in inside)
                narrow = any(2 * i >= e - s and e - s <= BIN and i for i, (s, e, _) in zip(inside, mine))
                places = [m if m >= 0 else (s + e) // 2 for s, e, m in mine]
                row.append({
                    "half-bin": more,
                    "half": more or narrow,
                    "any": any(inside),
                    "summit": any(b * BIN <= p < (b + 1) * BIN for p in places),
                }[rule])  # fmt: skip
            labels.append(row)
    return np.array(labels, np.uint8)


@st.composite
def peaks(draw):
    contig = draw(st.integers(0, 2))
    start = draw(st.integers(0, LENGTHS[contig] - 1))
    end = draw(st.integers(start + 1, LENGTHS[contig]))
    summit = draw(st.one_of(st.just(-1), st.integers(start, end - 1)))
    return draw(st.integers(0, TARGETS - 1)), contig, start, end, summit


@settings(deadline=None, max_examples=200)
@given(st.lists(peaks(), min_size=1, max_size=12), st.sampled_from(LABEL_RULES))
def test_labels_equal_a_base_by_base_reference(rows, rule):
    tiling = tile(LENGTHS, BIN)
    columns = [np.array(c) for c in zip(*rows)]
    bins, targets = label_pairs(tiling, Peaks(columns[0].astype(np.int32), *columns[1:]), TARGETS, rule)
    fast = dense_labels(bins, targets, np.arange(len(tiling.starts)), TARGETS)
    np.testing.assert_array_equal(fast, slow_labels(rows, rule))
    some = np.arange(0, len(tiling.starts), 2)
    np.testing.assert_array_equal(dense_labels(bins, targets, some, TARGETS), fast[some])


@settings(deadline=None)
@given(peaks())
def test_every_peak_labels_a_bin_by_the_half_rule(peak):
    columns = [np.array([c]) for c in peak]
    bins, _ = label_pairs(tile([n + 20 - n % 10 for n in LENGTHS], BIN), Peaks(*columns), TARGETS)
    assert len(bins)


def test_unknown_rule():
    none = Peaks(*(np.zeros(0, np.int64) for _ in range(5)))
    with pytest.raises(InputError, match="label_rule.*'most'"):
        label_pairs(tile([10], 5), none, 1, "most")


@pytest.mark.parametrize(
    "stem, fields",
    [
        ("wgEncodeAwgTfbsSydhK562Stat1Ifna6hUniPk", ("K562", "STAT1", "Ifna6h", "TF")),
        ("wgEncodeAwgTfbsHaibGm12878Pou2f2Pcr1xUniPk", ("GM12878", "POU2F2", "", "TF")),
        ("wgEncodeAwgTfbsSydhGm12878NfkbTnfaIggrabUniPk", ("GM12878", "NFKB", "Tnfa", "TF")),
        ("wgEncodeAwgTfbsHaibK562Bclaf101388Pcr1xUniPk", ("K562", "BCLAF1", "", "TF")),
        ("wgEncodeAwgTfbsBroadK562Rbbp5a300109aUniPk", ("K562", "RBBP5", "", "TF")),
        ("wgEncodeAwgTfbsUchicagoK562Ehdac8UniPk", ("K562", "HDAC8", "", "TF")),
        ("wgEncodeAwgDnaseUwdukeHelas3UniPk", ("HeLa-S3", "DNase", "", "DNase")),
        ("wgEncodeBroadHistoneGm12878H3k04me1StdPkV2", ("GM12878", "H3K4me1", "", "histone")),
        ("wgEncodeBroadHistoneK562H2azStdPk", ("K562", "H2A.Z", "", "histone")),
    ],
)
def test_encode_names(stem, fields):
    assert tuple(parse_encode_name(stem).values()) == fields


@pytest.mark.parametrize(
    "stem", ["Abf1_CX", "11760_EAF3_chexmix_filtered_new", "wgEncodeBroadHistoneK562Cbpsc369Pk"]
)
def test_other_names_say_nothing(stem):
    assert parse_encode_name(stem) is None


@pytest.mark.skipif("SEQDL_DATA" not in os.environ, reason="real peak files: set SEQDL_DATA")
def test_every_uniform_file_is_understood():
    for path in Path(os.environ["SEQDL_DATA"], "human_chr22", "peaks").glob("*/wgEncodeAwg*"):
        fields = parse_encode_name(target_stem(path))
        assert fields["cell"] == path.parent.name
        assert (fields["category"] == "DNase") == ("AwgDnase" in path.name) and fields["assay"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "peaks"
    folder.mkdir()
    (folder / "b.bed").write_text("1\t0\t5\n1\t7\t9\n")
    (folder / "a.narrowPeak").write_text("1\t10\t15\t.\t0\t.\t0\t0\t0\t2\n")
    (folder / "INDEX.tsv").write_text("x\n")
    return folder


def test_a_folder_is_listed_by_name_and_the_rest_is_said(folder):
    targets, notes = collect_targets(folder, category="TF")
    assert [(t.name, t.category, t.unit) for t in targets] == [("a", "TF", "peak"), ("b", "TF", "peak")]
    assert any("INDEX.tsv" in n for n in notes)


def test_same_names_in_two_folders_get_the_folder(folder, tmp_path):
    other = tmp_path / "K562"
    other.mkdir()
    (other / "b.bed.gz").write_bytes((folder / "b.bed").read_bytes())
    targets, notes = collect_targets([folder, other])
    assert [t.name for t in targets] == ["a", "peaks_b", "K562_b"]
    assert any("several folders" in n for n in notes)


def test_files_and_folders_that_are_not_there(folder, tmp_path):
    with pytest.raises(InputError, match="Its sub-folders have: --peaks .*peaks"):
        collect_targets(tmp_path)
    targets, _ = collect_targets(folder / "c.bed")
    with pytest.raises(InputError, match="c.bed does not exist"):
        read_peaks(targets, Genome.from_arrays({"1": "A" * 20}))


def test_a_table_describes_and_chooses(folder, tmp_path):
    table = folder / "table.tsv"
    table.write_text("file\tname\tcell\tcategory\tpeaks\nb.bed\tBeta\tK562\tTF\t2\n")
    targets, _ = collect_targets(None, table)
    assert targets[0].name == "Beta" and targets[0].cell == "K562" and targets[0].path == folder / "b.bed"
    targets, notes = collect_targets(folder, table)
    assert [t.name for t in targets] == ["a", "Beta"]
    assert any("1 files have no row" in n for n in notes)


@pytest.mark.parametrize(
    "text, message",
    [
        ("file\tname\tcatgory\na.bed\tA\tTF\n", "'catgory'.*'category'"),
        ("name\tcell\n", "has a column 'file'"),
        ("file\tcell\nx.bed\n", "table.tsv:2: the header has 2 columns"),
        ("file\nx.bed\nx.bed\n", "table.tsv:3: each line names its own file"),
        ("file\n", "no target"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    path = tmp_path / "table.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_target_table(path)


def test_peaks_are_placed_and_small_targets_listed(folder):
    genome = Genome.from_arrays({"chr1": "A" * 20})
    targets, notes = collect_targets(folder)
    kept, peaks, counts, more = read_peaks(targets, genome, min_peaks=2)
    assert [t.name for t in kept] == ["b"] and counts == [2]
    assert peaks.start.tolist() == [0, 7] and peaks.contig_ids.tolist() == [0, 0]
    assert more == ["peaks: 1 → chr1 (chr prefix)", "targets: 1 with fewer than 2 peaks left out: a (1)"]
    with pytest.raises(InputError, match="No target has 9 peaks"):
        read_peaks(targets, genome, min_peaks=9)


def test_unknown_contigs_and_clipping_are_counted(folder):
    (folder / "b.bed").write_text("1\t0\t5\nUn\t7\t9\n1\t18\t25\n")
    genome = Genome.from_arrays({"1": "A" * 20})
    targets, _ = collect_targets(folder)
    with pytest.raises(InputError, match="b.bed:3: .*5 bases past"):
        read_peaks(targets, genome)
    _, peaks, _, notes = read_peaks(targets, genome, clip=True)
    assert peaks.end.max() == 20
    assert any("not in the genome: Un" in n for n in notes)
    assert any("1 peaks on contigs that the genome has not" in n for n in notes)
    assert any("1 peaks cut at" in n for n in notes)
