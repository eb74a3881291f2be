"""Personal sequences: every window is a piece of the contig with all of a haplotype's variants in it."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest

from seqdl.encoding import decode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.variants.alleles import allele_windows, encode_alleles, right_aligned
from seqdl.variants.personal import haplotypes
from seqdl.variants.personal.haplotypes import read_haplotypes

HEAD = (
    '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="p">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tmother\tchild\n"
)


def write(folder, rows, head=HEAD):
    """Write records (chrom, 0-based start, ref, alts, GT[:PS]) with the child's genotypes."""
    path = folder / "in.vcf"
    lines = []
    for i, (chrom, start, ref, alts, gt) in enumerate(rows):
        info = "END=90" if alts == "<DEL>" else "."
        form = "GT:PS" if ":" in gt else "GT"
        lines.append(f"{chrom}\t{start + 1}\tv{i}\t{ref}\t{alts}\t.\t.\t{info}\t{form}\t0/1\t{gt}\n")
    path.write_text(head + "".join(lines))
    return path


def everything(path, genome, window, anchor=None, **options):
    """Read all chunks into rows of (record, alt, haplotype, reason, ref, alt window, variants, flags)."""
    contigs = {name: name for name in genome.names}
    rows = []
    for chunk, screened, notes in read_haplotypes(path, "child", genome, contigs, window, anchor, **options):
        right = {} if screened.right is None else dict(zip(screened.moved.tolist(), screened.right))
        scored = {i: k for k, i in enumerate(screened.rows.tolist())}
        assert len(screened.shared) == len(screened.flags) == len(notes["haplotype"]) == len(scored)
        for i in range(len(chunk.pos)):
            row = [int(chunk.record[i]), chunk.alts[i]]
            if i in scored:
                k = scored[i]
                ref, alt = decode(screened.windows.ref[k]), decode(screened.windows.alt[k])
                if screened.shared[k]:
                    assert ref == decode(screened.windows.ref[k - 1])
                moved = decode(right[k]) if k in right else None
                variants = int(notes["haplotype_variants"][k])
                row += [
                    notes["haplotype"][k],
                    screened.reasons[i],
                    ref,
                    alt,
                    variants,
                    screened.flags[k],
                    moved,
                ]
            else:
                row += [None, screened.reasons[i], screened.details[i]]
            rows.append(tuple(row))
    return rows


def applies(edits, new):
    """Whether an edit (start, end, letters) can stand beside the others: slowly, base by base."""
    (start, end, _), touched = new, set(range(new[0], new[1]))
    for s, e, _ in edits:
        if touched & set(range(s, e)):
            return False
        if start == end and (s < start < e or s == e == start):
            return False
        if s == e and start < s < end:
            return False
    return True


def edited(sequence, edits):
    """Edit a contig as a string, from right to left; insertions stand before what is replaced there."""
    for start, end, letters in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        sequence = sequence[:start] + letters + sequence[end:]
    return sequence


def place(edits, start, own):
    """Where the genome's base `start` stands on the haplotype: count what lies left of it."""
    at = start
    for edit in edits:
        s, e, letters = edit
        if edit is own and s == e == start:
            continue
        at -= min(e, start) - min(s, start)
        if e <= start:
            at += len(letters)
        elif s < start < e:
            at += min(start - s, len(letters))
    return at


def slow(contigs, rows, window, anchor):
    """Make the expected rows from whole contigs, one haplotype at a time."""
    applied = {(chrom, h): [] for chrom in contigs for h in (1, 2)}
    expected = []
    for number, (chrom, start, ref, alts, gt) in enumerate(rows):
        alleles = gt.split(":")[0].replace("/", "|").split("|")
        for allele, letters in enumerate(alts.split(","), 1):
            for h, carried in enumerate(alleles, 1):
                if carried != str(allele):
                    continue
                left = len(os.path.commonprefix([ref, letters]))
                r, a = ref[left:], letters[left:]
                right = len(os.path.commonprefix([r[::-1], a[::-1]]))
                edit = (start + left, start + len(ref) - right, a[: len(a) - right])
                edits = applied[chrom, h]
                fine = applies(edits, edit) if ref != letters else True
                if fine and ref != letters:
                    edits.append(edit)
                expected.append((number, letters, h, chrom, start, edit, fine))
    out = []
    pad = "N" * (3 * window)
    for number, letters, h, chrom, start, edit, fine in expected:
        if not fine:
            out.append((number, letters, None, "OVERLAP"))
            continue
        edits = applied[chrom, h]
        own = next((e for e in edits if e == edit), None)
        begin = place(edits, start, own) - anchor + len(pad)
        cut = lambda text, at: (pad + text + pad)[at : at + window]  # noqa: E731
        contig = contigs[chrom]
        growth = 0 if own is None else len(edit[2]) - (edit[1] - edit[0])
        whole, without = edited(contig, edits), edited(contig, [e for e in edits if e is not own])
        out.append(
            (
                number, letters, str(h), "", cut(contig, start - anchor + len(pad)), cut(without, begin),
                cut(whole, begin), cut(whole, begin + growth) if growth else None,
            )
        )  # fmt: skip
    return out


def random_contigs(rng, n):
    sizes = rng.choice([150, 90, 40], n)
    return {f"c{i}": "".join(rng.choice(list("ACGTN"[: 4 + i % 2]), size)) for i, size in enumerate(sizes)}


def random_rows(rng, contigs):
    """Draw a person's variants on each contig: SNV to complex, overlaps and contig ends included."""
    rows = []
    for chrom, sequence in contigs.items():
        starts = np.sort(rng.integers(0, len(sequence), rng.integers(0, rng.choice([6, 12, 30]))))
        if rng.random() < 0.3:
            starts = np.sort(np.concatenate([starts, rng.integers(0, 12, 3)]))
        for start in starts.tolist():
            ref = sequence[start : start + int(rng.choice([1, 1, 1, 2, 3, 6]))]
            alts = set()
            for _ in range(int(rng.integers(1, 3))):
                drawn = "".join(rng.choice(list("ACGT"), int(rng.integers(1, 6))))
                snv = "".join(rng.choice(list("ACGT"), len(ref)))
                alts.add([drawn, ref[0], ref + drawn, snv, snv][rng.integers(5)])
            a = [str(x) for x in rng.integers(0, len(alts) + 1, 2)]
            gt = f"{a[0]}|{a[1]}" if rng.random() < 0.9 else a[0]
            if a[0] == a[1] and rng.random() < 0.5:
                gt = f"{a[0]}/{a[1]}"
            rows.append((chrom, start, ref, ",".join(sorted(alts)), gt))
    return rows


@pytest.mark.parametrize(("window", "anchor"), [(30, None), (31, 8), (26, 14), (60, 40)])
def test_2000_random_people_have_the_windows_of_their_edited_contigs(tmp_path, window, anchor):
    rng = np.random.default_rng(window)
    kinds = Counter()
    for trial in range(10):
        contigs = random_contigs(rng, 50)  # as many people: their contigs have nothing to do with each other
        rows = random_rows(rng, contigs)
        genome = Genome.from_arrays(contigs)
        path = write(tmp_path, rows)
        expected = slow(contigs, rows, window, window // 2 if anchor is None else anchor)
        options = {"chunk_records": [1, 2, 5, 30, 1000][trial % 5], "both_sides": True}
        joint = everything(path, genome, window, anchor, **options)
        context = everything(path, genome, window, anchor, effect="context", **options)
        assert [row[:4] for row in joint] == [row[:4] for row in expected] == [row[:4] for row in context]
        for want, one, other in zip(expected, joint, context):
            kinds[want[3]] += 1
            if want[3] == "":
                assert (one[4], other[4]) == want[4:6]
                assert one[5] == other[5] == want[6]
                assert one[8] == other[8] == want[7]
                assert one[6] == other[6]
    assert kinds["OVERLAP"] > 200 and kinds[""] > 2000


def test_alone_in_its_window_a_variant_has_the_usual_windows(tmp_path):
    rng = np.random.default_rng(5)
    sequence = "".join(rng.choice(list("ACGT"), 4000))
    genome = Genome.from_arrays({"c": sequence})
    rows = []
    for start in range(0, 3990, 40):
        ref = sequence[start : start + int(rng.integers(1, 5))]
        alt = ["A", "GT", ref + "ACG", ref[0], "TTTTT"][rng.integers(5)]
        if alt != ref:
            rows.append(("c", start, ref, alt, "0|1"))
    starts, refs, alts = (list(column) for column in list(zip(*rows))[1:4])
    refs, alts = encode_alleles(refs), encode_alleles(alts)
    ids, anchors = np.zeros(len(rows), int), np.full(len(rows), 12)
    plain = allele_windows(genome, ids, np.array(starts), refs, alts, 30, 12)
    right = right_aligned(genome, ids, np.array(starts), refs, alts, 30, anchors)
    path = write(tmp_path, rows)
    for effect in ("joint", "context"):
        found = everything(path, genome, 30, 12, effect=effect, both_sides=True)
        assert [(row[4], row[5]) for row in found] == [
            (decode(ref), decode(alt)) for ref, alt in zip(plain.ref, plain.alt)
        ]
        assert [row[6] for row in found] == [1] * len(rows)
        grows = refs.lengths != alts.lengths
        assert [row[8] for row in found] == [decode(x) if g else None for x, g in zip(right, grows)]


def test_worked_by_hand(tmp_path):
    sequence = "AAAAACCCCCGGGGGTTTTTAAAAACCCCC"
    rows = [("c", 9, "CG", "C", "1|0"), ("c", 14, "G", "A", "1|1"), ("c", 17, "T", "TCC", "1|0")]
    genome = Genome.from_arrays({"c": sequence})
    # Haplotype 1 is AAAAACCCCCGGGATTTCCTTAAAAACCCCC, and haplotype 2 AAAAACCCCCGGGGATTTTTAAAAACCCCC.
    found = everything(write(tmp_path, rows), genome, 10, 4)
    assert [row[:3] + row[4:7] for row in found] == [
        (0, "C", "1", "CCCCCGGGGG", "CCCCCGGGAT", 2),
        (1, "A", "1", "GGGGGTTTTT", "CGGGATTTCC", 3),
        (1, "A", "2", "GGGGGTTTTT", "GGGGATTTTT", 1),
        (2, "TCC", "1", "GGTTTTTAAA", "GATTTCCTTA", 2),
    ]
    context = everything(write(tmp_path, rows), genome, 10, 4, effect="context")
    assert [row[4] for row in context] == ["CCCCCGGGGA", "CGGGGTTTCC", "GGGGGTTTTT", "GATTTTTAAA"]
    assert [row[5] for row in context] == [row[5] for row in found]


PLAIN = "".join(np.random.default_rng(11).choice(list("ACGT"), 400))


def snv(start, gt, sequence=PLAIN):
    return ("c", start, sequence[start], "CAAA"["ACGT".index(sequence[start])], gt)


def plain(tmp_path, rows, window=20, **options):
    return everything(write(tmp_path, rows), Genome.from_arrays({"c": PLAIN}), window, **options)


@pytest.mark.parametrize(
    ("gt", "carriers"),
    [
        ("0|1", ["2"]),
        ("1|0", ["1"]),
        ("1|1", ["1", "2"]),
        ("1/1", ["1", "2"]),
        ("1", ["1"]),
        ("0|0", []),
        ("0/0", []),
        ("0", []),
        ("./.", []),
        (".", []),
        ("0/.", []),
        ("1|.", ["1"]),
        (".|1", ["2"]),
    ],
)
def test_who_carries_what(tmp_path, gt, carriers):
    tally = Counter()
    assert [row[2] for row in plain(tmp_path, [snv(50, gt)], tally=tally)] == carriers
    assert (tally["records"], tally["missing"]) == (1, int("." in gt))
    assert tally["reference"] == int(set(gt) <= set("0|/"))


def test_the_order_is_the_records_then_the_alleles_then_the_haplotypes(tmp_path):
    base = PLAIN[50]
    a, b, c = (letter for letter in "ACGT" if letter != base)
    found = plain(tmp_path, [("c", 50, base, f"{a},{b},{c}", "2|1"), ("c", 90, PLAIN[90], "TTT", "1|1")])
    assert [row[:3] for row in found] == [(0, a, "2"), (0, b, "1"), (1, "TTT", "1"), (1, "TTT", "2")]


@pytest.mark.parametrize("gt", ["0/1", "1/0", "1/.", "./1", "0/1:7"])
def test_an_unphased_heterozygote_is_an_error_or_a_named_row(tmp_path, gt):
    rows = [snv(44, "0|1"), snv(50, gt), snv(200, "1|0")]
    shown = gt.split(":")[0]
    with pytest.raises(
        InputError, match=rf"Record 2 \(c:51 .*child is heterozygous .*GT {shown}\).*WhatsHap"
    ):
        plain(tmp_path, rows)
    found = plain(tmp_path, rows, on_unphased="skip")
    assert [row[2:4] for row in found] == [("2", ""), (None, "UNPHASED"), ("1", "")]
    assert [found[0][7], found[2][7]] == ["VARIANT_LEFT_OUT", "."]
    assert found[0][5][16] == PLAIN[50]  # it is in nobody's window
    alts = ",".join(letter for letter in "ACGT" if letter != PLAIN[50])
    both = plain(tmp_path, [("c", 50, PLAIN[50], alts, "1/2")], on_unphased="skip")
    assert [row[1:4] for row in both] == [(alt, None, "UNPHASED") for alt in alts.split(",")[:2]]


def test_what_is_rejected_anyway_needs_no_phase(tmp_path):
    rows = [
        ("c", 50, PLAIN[50], "<DEL>", "0/1"),
        ("c", 60, PLAIN[60], PLAIN[60] + "R", "0/1"),
        ("x", 5, "A", "C", "0/1"),
    ]
    assert [row[3] for row in plain(tmp_path, rows)] == ["SYMBOLIC", "NON_ACGT", "UNKNOWN_CONTIG"]


def test_a_window_with_two_phase_sets_is_an_error_or_named_rows(tmp_path):
    rows = [snv(50, "0|1:50"), snv(55, "1|1:50"), snv(58, "1|0:58"), snv(90, "0|1:58"), snv(110, "1|0")]
    with pytest.raises(InputError, match=r"Record 1 \(c:51 .*phase sets 50 and 58.*longer sets"):
        plain(tmp_path, rows)
    found = plain(tmp_path, rows, on_unphased="skip")
    # The third lies in the windows of both haplotypes, whichever it belongs to; 90 and 110 see no other.
    assert [row[3] for row in found] == ["PHASE_SET"] * 4 + ["", ""]
    assert found[0][4] == "haplotype 2: its window holds variants of the phase sets 50 and 58"
    # Wider windows join 90 and 110, of which one has no PS: no set is not the same set.
    wide = plain(tmp_path, rows[3:], window=60, on_unphased="skip")
    assert [row[4] for row in wide] == [
        f"haplotype {h}: its window holds variants of the phase sets 58 and none" for h in (2, 1)
    ]
    # Homozygous neighbours are the same on both haplotypes: no phase set is needed.
    assert [row[3] for row in plain(tmp_path, [snv(50, "0|1:50"), snv(55, "1|1:9"), snv(57, "1")])] == [
        ""
    ] * 4
    assert [row[3] for row in plain(tmp_path, [snv(50, "0|1"), snv(55, "1|0")])] == ["", ""]


def test_overlaps_are_named_and_the_first_stays(tmp_path):
    rows = [
        ("c", 50, PLAIN[50:54], PLAIN[50], "1|1"),
        snv(52, "0|1"),
        ("c", 53, PLAIN[53], PLAIN[53] + "A", "0|1"),  # stands right behind the deletion: no overlap
        ("c", 53, PLAIN[53], PLAIN[53] + "C", "1|0"),
        ("c", 53, PLAIN[53], PLAIN[53] + "G", "1|0"),
    ]
    found = plain(tmp_path, rows)
    assert [row[3] for row in found] == ["", "", "OVERLAP", "", "", "OVERLAP"]
    assert found[2][4] == "haplotype 2: it overlaps the change at c:52, which comes first"
    assert [row[5] for row in found[:2]] == [PLAIN[40:51] + insert + PLAIN[54:62] for insert in ("C", "A")]
    assert [row[7] for row in found if not row[3]] == ["VARIANT_LEFT_OUT"] * 4


def test_what_has_no_sequence_is_rejected_by_name_and_not_applied(tmp_path):
    base = PLAIN[60]
    wrong = next(letter for letter in "ACGT" if letter not in (base, PLAIN[61]))
    rows = [
        snv(50, "1|1"),
        ("c", 56, PLAIN[56], "<DEL>", "0|1"),
        ("c", 57, PLAIN[57], "*", "1|0"),
        ("c", 58, PLAIN[58], "R", "1|0"),
        ("c", 60, wrong, base, "1|0"),
        ("c", 399, PLAIN[399] + "A", "A", "1|0"),
        ("x", 5, "A", "C", "0|1"),
        ("y", 5, "A", "C", "0|1"),
    ]
    found = plain(tmp_path, rows)
    assert [row[3] for row in found] == [
        "", "", "SYMBOLIC", "SYMBOLIC", "NON_ACGT", "REF_MISMATCH", "OUT_OF_RANGE",
        "UNKNOWN_CONTIG", "UNKNOWN_CONTIG",
    ]  # fmt: skip
    assert found[5][4].endswith(f"the genome has {base} at c:61; it carries ALT: REF and ALT look swapped")
    assert all(row[4].startswith("haplotype ") for row in found[2:])
    want = PLAIN[40:50] + rows[0][3] + PLAIN[51:60]
    assert [row[5] for row in found[:2]] == [want, want]
    # NON_ACGT lies in the window of haplotype 1, <DEL> (until 90) in that of haplotype 2.
    assert [row[7] for row in found[:2]] == ["VARIANT_LEFT_OUT"] * 2
    assert [row[7] for row in plain(tmp_path, [rows[0], rows[2]])[:2]] == [".", "."]  # * says nothing new
    far = plain(tmp_path, [rows[1], snv(80, "1|1"), snv(101, "1|1")])
    assert [row[7] for row in far[1:]] == [".", "VARIANT_LEFT_OUT", ".", "."]


def test_an_allele_that_does_not_fit_is_rejected_but_stays_in_the_others_windows(tmp_path):
    rows = [snv(50, "0|1"), ("c", 53, PLAIN[53], PLAIN[53] + "ACGTACGTACGT", "0|1")]
    found = plain(tmp_path, rows)
    assert [row[3] for row in found] == ["", "OUT_OF_RANGE"]
    assert found[1][4] == "haplotype 2: an allele is longer than 10 bases"
    assert found[0][5] == PLAIN[40:50] + rows[0][3] + PLAIN[51:54] + "ACGTAC"
    assert found[0][6:8] == (2, ".")


def test_windows_at_the_ends_and_in_n_are_flagged(tmp_path):
    contigs = {"c": PLAIN[:100] + "N" + PLAIN[101:200]}
    genome = Genome.from_arrays(contigs)
    rows = [snv(3, "1|0"), snv(95, "1|0"), snv(150, "1|0"), snv(195, "1|0")]
    for effect in haplotypes.EFFECTS:
        found = everything(write(tmp_path, rows), genome, 20, effect=effect)
        assert [row[7] for row in found] == ["WINDOW_PADDED", "N_IN_WINDOW", ".", "WINDOW_PADDED"]
    # With three bases fewer behind it, the haplotype's window reaches over the end; the genome's does not.
    assert everything(write(tmp_path, [snv(190, "1|0")]), genome, 20)[0][7] == "."
    rows = [snv(190, "1|0"), ("c", 194, PLAIN[194:198], PLAIN[194], "1|0")]
    assert everything(write(tmp_path, rows), genome, 20)[0][7] == "WINDOW_PADDED"


@pytest.mark.parametrize("effect", haplotypes.EFFECTS)
def test_chunks_of_any_size_give_the_same_rows(tmp_path, effect):
    rng = np.random.default_rng(8)
    contigs = random_contigs(rng, 12)
    path, genome = write(tmp_path, random_rows(rng, contigs)), Genome.from_arrays(contigs)
    whole = everything(path, genome, 40, effect=effect, chunk_records=10_000)
    for size in (1, 3, 17):
        sizes = [
            len(chunk.pos)
            for chunk, *_ in read_haplotypes(
                path,
                "child",
                genome,
                dict.fromkeys(contigs) | {n: n for n in contigs},
                40,
                chunk_records=size,
            )
        ]
        assert set(sizes[:-1]) <= {size} and 0 < sizes[-1] <= size
        assert everything(path, genome, 40, effect=effect, chunk_records=size) == whole


def test_memory_depends_on_the_window_and_not_on_the_file(tmp_path, monkeypatch):
    """However long the contig, only edits near the place of reading are known."""
    rng = np.random.default_rng(2)
    sequence = "".join(rng.choice(list("ACGT"), 60_000))
    rows = [snv(start, "1|0", sequence) for start in range(10, 59_990, 10)]
    known = []
    finish = haplotypes.Stretch.finish

    def watch(self, frontier):
        known.append((len(self._haplotypes[0]._edits), len(self._waiting), len(self._phases)))
        return finish(self, frontier)

    monkeypatch.setattr(haplotypes.Stretch, "finish", watch)
    found = everything(write(tmp_path, rows), Genome.from_arrays({"c": sequence}), 200, chunk_records=50)
    assert len(found) == len(rows)
    assert np.max(known, axis=0).max() < 50 + 200 // 10 * 3


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (
            [snv(90, "0|1"), snv(50, "0|0")],
            HEAD,
            r"not sorted: record 2 \(c:51\) follows c:91.*bcftools sort",
        ),
        (
            [snv(9, "0|1"), ("d", 1, "A", "C", "0|0"), snv(50, "0|0")],
            HEAD,
            "not sorted: record 3 returns to c",
        ),
        ([snv(50, "0|2")], HEAD, r"Record 1 \(c:51 .*GT 0\|2 of child names allele 2, and ALT has 1 allele"),
        ([snv(50, "0|1|1")], HEAD, r"child has 3 alleles \(GT 0\|1\|1\)"),
        ([snv(50, "0|1")], HEAD.replace("child", "kind"), "no sample 'child', among 2 samples. The first"),
        ([snv(50, "0|1")], HEAD.replace("child", "chlid"), "Did you mean 'chlid'"),
    ],
)
def test_unusable_files_are_refused(tmp_path, rows, head, message):
    with pytest.raises(InputError, match=message):
        everything(write(tmp_path, rows, head), Genome.from_arrays({"c": PLAIN}), 20)


def test_a_file_without_genotypes_is_refused(tmp_path):
    path = write(tmp_path, [snv(50, "0|1"), snv(60, "0|1")])
    path.write_text(path.read_text().replace("\tGT\t", "\tDP\t").replace("0/1", "3").replace("0|1", "4"))
    with pytest.raises(InputError, match="no genotype .* for child, in none of its 2 records"):
        everything(path, Genome.from_arrays({"c": PLAIN}), 20)
    tally = Counter()
    path.write_text(path.read_text().replace("DP\t3\t4", "GT\t0/1\t0|1", 1))  # one of two has it
    assert len(everything(path, Genome.from_arrays({"c": PLAIN}), 20, tally=tally)) == 1
    assert (tally["missing"], tally["genotyped"]) == (1, 1)
    sites = "\n".join("\t".join(line.split("\t")[:8]) for line in path.read_text().splitlines())
    path.write_text(sites + "\n")
    with pytest.raises(InputError, match="sites only, no samples"):
        everything(path, Genome.from_arrays({"c": PLAIN}), 20)


def test_arguments_are_checked(tmp_path):
    for options, message in (
        ({"effect": "alone"}, "joint, context. Received: 'alone'"),
        ({"on_unphased": "guess"}, "error, skip. Received: 'guess'"),
        ({"chunk_records": 0}, "at least 1"),
        ({"anchor": 20}, "0 to 19. Received: 20"),
    ):
        with pytest.raises(InputError, match=message):
            plain(tmp_path, [snv(50, "0|1")], **options)


def test_bcf_and_bgzip_give_the_same_rows(tmp_path):
    rng = np.random.default_rng(4)
    contigs = random_contigs(rng, 6)
    head = HEAD.replace("#CHROM", "".join(f"##contig=<ID={name}>\n" for name in contigs) + "#CHROM")
    path, genome = write(tmp_path, random_rows(rng, contigs), head), Genome.from_arrays(contigs)
    whole = everything(path, genome, 40)
    for name, mode in (("in.bcf", "wb"), ("in.vcf.gz", "wz")):
        with (
            pysam.VariantFile(str(path)) as source,
            pysam.VariantFile(str(tmp_path / name), mode, header=source.header) as sink,
        ):
            for record in source:
                sink.write(record)
        assert everything(tmp_path / name, genome, 40) == whole


DATA = os.environ.get("SEQDL_DATA")


@pytest.mark.skipif(not DATA, reason="needs the real data: set SEQDL_DATA")
@pytest.mark.skipif(not shutil.which("bcftools"), reason="needs bcftools: apt-get install bcftools")
def test_1000_genomes_sites_agree_with_bcftools_consensus(tmp_path):
    """A person is drawn at the frequencies of real sites; each window must stand in bcftools' haplotype."""
    rng = np.random.default_rng(22)
    folder = Path(DATA) / "human_chr22"
    genome = Genome(folder / "hg19_chr22_1_22M.fa.gz", cache=tmp_path)
    low, high, window = 17_440_000, 17_690_000, 200
    path, end = tmp_path / "person.vcf.gz", 0
    with (
        pysam.VariantFile(str(next(folder.glob("1000G_phase3_*.vcf.gz")))) as source,
        pysam.BGZFile(str(path), "wb") as sink,
    ):
        lines = [HEAD.replace("#CHROM", f"##contig=<ID=22,length={genome.lengths['22']}>\n#CHROM")]
        for record in source:
            if record.pos <= end:  # bcftools' rule for what overlaps is its own
                continue
            carried = rng.integers(0, len(record.alts) + 1, 2)
            end = record.pos + len(record.ref)
            alts = ",".join(record.alts)
            lines.append(
                f"22\t{record.pos}\t.\t{record.ref}\t{alts}\t.\t.\t.\tGT\t0|0\t{carried[0]}|{carried[1]}\n"
            )
        sink.write("".join(lines).encode())
    subprocess.run(["bcftools", "index", path], check=True)
    fasta = tmp_path / "slice.fa"
    fasta.write_text(f">22:{low + 1}-{high}\n{genome.sequence('22', low, high)}\n")
    people = {}
    for haplotype in ("1", "2"):
        done = subprocess.run(
            ["bcftools", "consensus", "-s", "child", "-H", haplotype, "-f", fasta, path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        people[haplotype] = "".join(done.stdout.splitlines()[1:]).upper()
    found = everything(path, genome, window)
    assert len(found) > 2000 and not any(row[3] for row in found)
    for row in found:
        assert row[5] in people[row[2]]
    assert any(len(people[h]) != high - low for h in people)
