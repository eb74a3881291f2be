"""RNA and sequences of several lengths: read, cut, folded, clustered, matched; split so that none leaks."""

import os
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.data.build import build_dataset
from seqdl.data.clusters import cluster_sequences, join, kmer_sets, similar_pairs
from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import ORIGINS
from seqdl.data.fold import fold
from seqdl.data.hairpin_negatives import folding_windows
from seqdl.data.stems import stem_features
from seqdl.encoding import bases_of, decode, encode, gc_content, symbols_of
from seqdl.errors import InputError, MissingDependencyError
from seqdl.genome import Genome
from seqdl.io.fasta import read_fasta
from seqdl.io.structure import parse_structure, write_dot_bracket, write_symbols

needs_viennarna = pytest.mark.skipif(find_spec("RNA") is None, reason="pip install ViennaRNA")
needs_data = pytest.mark.skipif("SEQDL_DATA" not in os.environ, reason="real hairpins: set SEQDL_DATA")


def hairpin(rng, arm=20, loop=5):
    left = rng.integers(0, 4, arm).astype(np.uint8)
    return decode(np.concatenate([left, rng.integers(0, 4, loop).astype(np.uint8), 3 - left[::-1]]))


def write(path, records, letter="U"):
    path.write_text("".join(f">{name}\n{text.replace('T', letter)}\n" for name, text in records))
    return path


@pytest.fixture
def positives(tmp_path):
    rng = np.random.default_rng(0)
    return write(
        tmp_path / "pos.fa",
        [(f"hsa-mir-{i % 13}-{i}", hairpin(rng, int(rng.integers(18, 26)))) for i in range(60)],
    )


@pytest.fixture
def negatives(tmp_path):
    rng = np.random.default_rng(1)
    texts = [decode(rng.integers(0, 4, rng.integers(40, 57)).astype(np.uint8)) for _ in range(50)]
    return write(tmp_path / "neg.fa", [(f"n{i}", text) for i, text in enumerate(texts)], "T")


def text_of(data, row):
    codes = bases_of(data.codes([row])[0])
    return decode(codes[: int((data.codes([row])[0] != 4).nonzero()[0].max()) + 1])


def test_rna_of_several_lengths(positives, negatives, tmp_path):
    out = tmp_path / "rna.h5"
    report = build_dataset(fasta=positives, negatives=str(negatives), random_split="0.2,0.2", out=out)
    data, records = Dataset.open(out), read_fasta(positives)
    assert (data.alphabet, data.structured, data.channels, data.n) == ("rna", False, 4, 110)
    assert data.window == max(records.lengths.max(), read_fasta(negatives).lengths.max())
    assert data.labels()[:, 0].tolist() == [1] * 60 + [0] * 50
    for row in (0, 7, 59):
        codes = data.codes([row])[0]
        np.testing.assert_array_equal(codes[: records.lengths[row]], records.sequence(row))
        assert (codes[records.lengths[row] :] == 4).all()
    assert any("RNA" in note for note in report.notes)


def test_u_and_t_give_the_same_dataset(positives, negatives, tmp_path):
    as_dna = tmp_path / "dna.fa"
    as_dna.write_text(positives.read_text().replace("U", "T").replace("u", "t"))
    built = []
    for fasta, rna in ((positives, None), (as_dna, True)):
        build_dataset(
            fasta=fasta, negatives=str(negatives), random_split="0.2,0.2", rna=rna, out=tmp_path / "x.h5"
        )
        data = Dataset.open(tmp_path / "x.h5")
        built.append((data.codes(np.arange(data.n)), data.split, data.alphabet))
    np.testing.assert_array_equal(built[0][0], built[1][0])
    np.testing.assert_array_equal(built[0][1], built[1][1])
    assert built[0][2] == built[1][2] == "rna"


def test_dna_of_several_lengths_needs_to_be_asked_for(positives, negatives, tmp_path):
    arguments = dict(
        fasta=positives, negatives=str(negatives), random_split="0.2,0.2", rna=False, out=tmp_path / "x.h5"
    )
    with pytest.raises(InputError, match="--max-length"):
        build_dataset(**arguments)
    build_dataset(**arguments, max_length=80)
    data = Dataset.open(tmp_path / "x.h5")
    assert (data.window, data.alphabet) == (80, "dna") and (data.codes(np.arange(data.n))[:, -1] == 4).all()


def test_too_long_too_short(positives, negatives, tmp_path):
    arguments = dict(
        fasta=positives, negatives="shuffle", random_split="0.2,0.2", out=tmp_path / "x.h5", max_length=45
    )
    lengths = read_fasta(positives).lengths
    over = int((lengths > 45).sum())
    with pytest.raises(InputError, match=rf"{over} of 60 sequences have more than 45 .*hsa-mir.*--too-long"):
        build_dataset(**arguments)
    report = build_dataset(**arguments, too_long="drop")
    assert report.n_windows == 2 * (60 - over) and any(f"{over} of 60" in note for note in report.notes)
    build_dataset(**arguments, too_long="centre")
    data, records = Dataset.open(tmp_path / "x.h5"), read_fasta(positives)
    row = int(np.argmax(records.lengths))
    first = (records.lengths[row] - 45) // 2
    np.testing.assert_array_equal(data.codes([row])[0], records.sequence(row)[first : first + 45])
    report = build_dataset(**{**arguments, "max_length": None}, min_length=50)
    assert report.n_windows == 2 * int((lengths >= 50).sum())
    with pytest.raises(InputError, match="no sequence is left"):
        build_dataset(**{**arguments, "max_length": None}, min_length=500)


def test_shuffles_keep_length_dinucleotides_and_split(positives, tmp_path):
    build_dataset(
        fasta=positives, negatives="shuffle", negative_ratio=2, group_by=r"mir-(\d+)-",
        random_split="0.2,0.2", out=tmp_path / "x.h5",
    )  # fmt: skip
    data = Dataset.open(tmp_path / "x.h5")
    codes = data.codes(np.arange(data.n)).astype(int)
    counts = [tuple(np.bincount(5 * row[:-1] + row[1:], minlength=25)) for row in codes]
    place = {count: row for row, count in enumerate(counts[:60])}
    for row in range(60, 180):
        source = place[counts[row]]
        assert data.split[row] == data.split[source] and data.groups[row] == data.groups[source]
        assert data.origin[row] == ORIGINS.index("shuffled")
    assert (codes[60:] != codes[[place[c] for c in counts[60:]]]).any(axis=1).mean() > 0.9


def mutated(rng, text, rate):
    codes = encode(text)
    change = rng.random(len(codes)) < rate
    return decode(np.where(change, rng.integers(0, 4, len(codes)), codes).astype(np.uint8))


def flat(texts):
    codes = [encode(text) for text in texts]
    return np.concatenate(codes), np.concatenate([[0], np.cumsum([len(c) for c in codes])])


@given(st.integers(0, 10_000), st.sampled_from([0.6, 0.8, 0.95, 1.0]), st.sampled_from([4, 6, 8]))
@settings(max_examples=25)
def test_no_two_clusters_hold_a_similar_pair(seed, identity, k):
    """Every pair is compared, slowly, by sets of words."""
    rng = np.random.default_rng(seed)
    seeds = [decode(rng.integers(0, 5, rng.integers(5, 60)).astype(np.uint8)) for _ in range(6)]
    texts = [mutated(rng, seeds[i % 6], rng.choice([0, 0.05, 0.3])) for i in range(24)]
    clusters = cluster_sequences(*flat(texts), identity, k)
    words = [{t[i : i + k] for i in range(len(t) - k + 1) if "N" not in t[i : i + k]} for t in texts]
    linked = []
    for a in range(24):
        for b in range(a + 1, 24):
            share = len(words[a] & words[b]) / max(min(len(words[a]), len(words[b])), 1)
            if words[a] and words[b] and share > 0 and share ** (1 / k) >= identity - 1e-9:
                linked.append((a, b))
    assert all(clusters[a] == clusters[b] for a, b in linked)
    np.testing.assert_array_equal(clusters, join(24, np.array(linked, int).reshape(-1, 2)))
    pairs = similar_pairs(kmer_sets(*flat(texts), k), identity, k)
    assert sorted(map(tuple, pairs.tolist())) == linked


def test_clusters_join_what_is_tied():
    groups = join(5, np.array([[0, 3]]), tied=np.array([-1, 7, 7, -1, 7]))
    assert groups.tolist() == [0, 1, 1, 0, 1]


def test_families_and_clusters_are_never_cut(tmp_path):
    rng = np.random.default_rng(3)
    seeds = [hairpin(rng, 25) for _ in range(20)]
    pos = write(tmp_path / "p.fa", [(f"f{i // 2}x{i}", mutated(rng, seeds[i % 20], 0.02)) for i in range(60)])
    neg = write(tmp_path / "n.fa", [(f"g{i}", mutated(rng, seeds[i % 20][::-1], 0.02)) for i in range(40)])
    arguments = dict(
        fasta=pos, negatives=str(neg), random_split="0.25,0.25", out=tmp_path / "x.h5", cluster=0.8
    )
    report = build_dataset(**arguments)
    data = Dataset.open(tmp_path / "x.h5")
    assert data.split_kind == "groups" and not data.random_split
    codes, offsets = flat([text_of(data, row) for row in range(data.n)])
    pairs = similar_pairs(kmer_sets(codes, offsets), 0.8)
    assert len(pairs) > 40 and (data.split[pairs[:, 0]] == data.split[pairs[:, 1]]).all()
    assert (data.groups[pairs[:, 0]] == data.groups[pairs[:, 1]]).all()
    assert any("20 groups" in note or "cluster" in note for note in report.notes)
    # Both kinds of sequence are in every part.
    for code in range(3):
        assert set(data.labels()[data.split == code, 0]) == {0, 1}
    build_dataset(**arguments, group_by=r"^f(\d+)x")
    data = Dataset.open(tmp_path / "x.h5")
    family = np.arange(60) // 2
    assert all(len(set(data.split[:60][family == f])) == 1 for f in range(30))
    assert (data.split[pairs[:, 0]] == data.split[pairs[:, 1]]).all()


def test_some_negatives_with_a_group_and_some_without_are_refused(positives, tmp_path):
    neg = write(tmp_path / "n.fa", [("hsa-mir-3-x", "ACGU" * 12), ("other", "AACU" * 12)])
    with pytest.raises(InputError, match="Some negatives have a group and some none"):
        build_dataset(fasta=positives, negatives=str(neg), group_by=r"mir-(\d+)-", out=tmp_path / "x.h5")


@needs_viennarna
def test_folded_here_as_viennarna_does(positives, tmp_path):
    import RNA

    build_dataset(
        fasta=positives, negatives="shuffle", structure="fold", random_split="0.2,0.2", out=tmp_path / "x.h5"
    )
    data = Dataset.open(tmp_path / "x.h5")
    assert data.structured and data.channels == 7 and data.alphabet == "rna"
    for row in (0, 30, 70, 119):
        text = text_of(data, row)
        codes = data.codes([row])[0]
        structure, energy = RNA.fold(text.replace("T", "U"))
        assert write_symbols(symbols_of(codes[: len(text)])) == structure
        assert data.energies[row] == pytest.approx(energy, abs=1e-3)
        assert (codes[len(text) :] == 4).all()


@needs_viennarna
def test_folding_does_not_depend_on_the_number_of_processes():
    rng = np.random.default_rng(5)
    codes, offsets = flat([decode(rng.integers(0, 5, 20 + i % 7).astype(np.uint8)) for i in range(450)])
    one, two = fold(codes, offsets, 1), fold(codes, offsets, 2)
    np.testing.assert_array_equal(one.symbols, two.symbols)
    np.testing.assert_array_equal(one.energies, two.energies)
    with pytest.raises(InputError, match="`processes`"):
        fold(codes, offsets, 0)


def test_without_viennarna_the_message_says_how_to_get_it(positives, tmp_path, monkeypatch):
    monkeypatch.setattr("seqdl.data.fold.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'seqdl\[rna\]'"):
        build_dataset(
            fasta=positives,
            negatives="shuffle",
            structure="fold",
            random_split="0.2,0.2",
            out=tmp_path / "x.h5",
        )
    assert not (tmp_path / "x.h5").exists()


def test_structures_as_given(tmp_path):
    rng = np.random.default_rng(6)
    files = {}
    for name, n in (("pos", 30), ("neg", 30)):
        texts = [hairpin(rng, 10, 6) for _ in range(n)]
        codes, offsets = flat(texts)
        symbols = np.tile(parse_structure("(" * 10 + "." * 6 + ")" * 10), n)
        files[name] = write_dot_bracket(
            tmp_path / f"{name}.db", [f"{name}{i}" for i in range(n)], codes, offsets, symbols,
            np.arange(n) - 20.0 if name == "pos" else None,
        )  # fmt: skip
    arguments = dict(fasta=files["pos"], negatives=files["neg"], random_split="0.2,0.2", structure="given")
    build_dataset(**arguments, out=tmp_path / "x.h5")
    data = Dataset.open(tmp_path / "x.h5")
    codes = data.codes(np.arange(60))
    assert (symbols_of(codes) == parse_structure("(" * 10 + "." * 6 + ")" * 10)).all()
    np.testing.assert_array_equal(data.energies[:30], np.arange(30) - 20.0)
    assert np.isnan(data.energies[30:]).all()
    # A cut opens the pairs that it parts, and the energy is of the whole.
    build_dataset(**arguments, max_length=20, too_long="centre", out=tmp_path / "x.h5")
    data = Dataset.open(tmp_path / "x.h5")
    assert write_symbols(symbols_of(data.codes([0])[0])) == "(" * 7 + "." * 6 + ")" * 7
    assert np.isnan(data.energies).all()
    with pytest.raises(InputError, match="no structure to be given"):
        build_dataset(**{**arguments, "negatives": "shuffle"}, out=tmp_path / "x.h5")


def test_windows_of_a_genome_match_and_fold():
    rng = np.random.default_rng(7)
    pieces = []
    for _ in range(900):
        pieces += [hairpin(rng, int(rng.integers(20, 30))), decode(rng.integers(0, 4, 30).astype(np.uint8))]
    known = hairpin(rng, 25)
    genome = Genome.from_arrays({"c1": "".join(pieces), "c2": "N" * 500 + known * 20 + "ACGT" * 10})
    positives = [hairpin(rng, int(rng.integers(20, 26))) for _ in range(12)] + [known]
    codes, offsets = flat(positives)
    wanted = np.repeat(np.arange(13), 2)
    drawn = folding_windows(genome, codes, offsets, wanted, gc_within=0.05, seed=1)
    assert len(drawn.names) > 15 and len(set(drawn.names)) == len(drawn.names)
    texts = [decode(part) for part in np.split(drawn.codes, drawn.offsets[1:-1])]
    for text, name, row in zip(texts, drawn.names, drawn.matched):
        assert len(text) == len(positives[row]) and "N" not in text
        assert abs(gc_content(encode(text)) - gc_content(encode(positives[row]))) <= 0.05 + 1e-6
        assert stem_features(encode(text)[None])[0, 4] >= 18
        contig, place, strand = name.replace("(", ":").rstrip(")").split(":")
        start, end = map(int, place.split("-"))
        assert genome.sequence(contig, start, end, strand) == text
    # None is a positive, on either strand, though the genome holds one twenty times.
    both = [codes, (3 - codes[::-1]).astype(np.uint8)]
    bounds = [offsets, np.concatenate([[0], np.cumsum(np.diff(offsets)[::-1])])]
    mine = kmer_sets(drawn.codes, drawn.offsets)
    for sequence, bound in zip(both, bounds):
        assert not len(similar_pairs(mine, 0.8, other=kmer_sets(sequence, bound)))
    again = folding_windows(genome, codes, offsets, wanted, gc_within=0.05, seed=1)
    assert again.names == drawn.names


def test_negatives_from_a_genome_by_the_build(positives, tmp_path):
    rng = np.random.default_rng(8)
    pieces = [
        hairpin(rng, int(rng.integers(19, 28))) + decode(rng.integers(0, 4, 8).astype(np.uint8))
        for _ in range(800)
    ]
    genome = write(tmp_path / "g.fa", [("c1", "".join(pieces))], "T")
    report = build_dataset(
        genome,
        fasta=positives,
        negatives="genome",
        random_split="0.2,0.2",
        cluster=0.9,
        out=tmp_path / "x.h5",
    )
    data = Dataset.open(tmp_path / "x.h5")
    assert data.kind == "sequences" and data.alphabet == "rna" and report.labelled == 60
    made = data.origin == ORIGINS.index("background")
    assert made.sum() == report.n_windows - 60 > 20 and (data.labels()[made] == 0).all()


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(cluster=1.5), "`cluster`.*1.5"),
        (dict(max_length=30, min_length=31), "`min_length`"),
        (dict(max_length=0), "`max_length`"),
        (dict(max_length=60, window=50), "--max-length"),
        (dict(structure="guess"), "`structure`.*guess"),
        (dict(too_long="cut"), "`too_long`.*cut"),
        (dict(structure="given"), "no structure to be given"),
        (dict(negatives="genome"), "genome"),
        (dict(negatives="none"), "need negatives"),
        (dict(negatives="missing.fa"), "missing.fa does not exist"),
        (dict(random_split=None), "--cluster"),
        (dict(structure="fold", rna=False), "is an RNA's"),
    ],
)
def test_bad_arguments(positives, tmp_path, changes, message):
    arguments = dict(fasta=positives, negatives="shuffle", random_split="0.2,0.2", out=tmp_path / "x.h5")
    with pytest.raises(InputError, match=message):
        build_dataset(**(arguments | changes))


def test_a_genome_takes_no_choice_of_sequences(tmp_path):
    with pytest.raises(InputError, match="max_length, cluster|cluster"):
        build_dataset(
            Genome.from_arrays({"c": "ACGT" * 50}), "x.bed", max_length=9, cluster=0.8, out=tmp_path / "x"
        )


@pytest.mark.parametrize(
    "text, message",
    [
        (">a\nACGU\n>b\n>c\nACGU\n", "'b' has no sequence"),
        (">a\nACGU\n>b\nMKVLE\n", "'L' is no nucleotide letter|no nucleotide letter"),
        ("", "empty"),
    ],
)
def test_bad_sequences_are_named(negatives, tmp_path, text, message):
    (tmp_path / "bad.fa").write_text(text)
    with pytest.raises(InputError, match=message):
        build_dataset(
            fasta=tmp_path / "bad.fa", negatives=str(negatives), random_split="0.2,0.2", out=tmp_path / "x.h5"
        )


def test_by_the_command_line(positives, negatives, tmp_path, capsys):
    from seqdl.cli.main import main

    out = str(tmp_path / "x.h5")
    words = ["data", "build", "--fasta", str(positives), "--negatives", str(negatives), "--cluster", "0.8"]
    assert main([*words, "--max-length", "90", "--min-length", "43", "--out", out]) == 0
    data = Dataset.open(out)
    assert (data.window, data.alphabet, data.split_kind) == (90, "rna", "groups")
    assert main(["data", "inspect", out]) == 0 and "x.h5" in capsys.readouterr().out
    assert main([*words, "--max-length", "43", "--out", out]) == 2
    assert "--too-long" in capsys.readouterr().err


@needs_data
def test_human_hairpins_by_family_and_cluster(tmp_path):
    records = read_fasta(os.path.join(os.environ["SEQDL_DATA"], "mirna/mirbase_r20_hairpin.fa"))
    human = [i for i, name in enumerate(records.names) if name.startswith("hsa-")]
    assert len(human) == 1872
    pos = write(tmp_path / "hsa.fa", [(records.names[i], decode(records.sequence(i))) for i in human])
    build_dataset(
        fasta=pos, negatives="shuffle", group_by=r"^hsa-((?:let|mir)-\d+)", cluster=0.8,
        random_split="0.15,0.2", out=tmp_path / "x.h5",
    )  # fmt: skip
    data = Dataset.open(tmp_path / "x.h5")
    assert data.alphabet == "rna" and data.n == 3744 and data.window == 180
    let7 = [row for row, i in enumerate(human) if "let-7" in records.names[i]]
    assert len(let7) == 11 and len(set(data.split[let7])) == 1
