"""The allele-window law: the alt window is a piece of the mutated genome, the ref window of the genome."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import decode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.variants.alleles import allele_windows, check_anchor, encode_alleles, equals_genome


def by_hand(sequence, start, ref, alt, window, anchor):
    """Mutate the contig as a string, pad both with N, and cut: slow, and plainly right."""
    assert sequence[start : start + len(ref)] == ref
    pad = "N" * (2 * window)
    whole = pad + sequence + pad
    mutated = pad + sequence[:start] + alt + sequence[start + len(ref) :] + pad
    begin = start - anchor + len(pad)
    return whole[begin : begin + window], mutated[begin : begin + window], whole, mutated


def random_variants(rng, sequences, n, longest):
    """Draw SNV, MNP, INS, DEL and complex alleles anywhere on the contigs, their ends included."""
    kinds = rng.integers(0, 5, n)
    chosen = []
    names = list(sequences)
    contigs = rng.integers(0, len(names), n)
    places = rng.random(n)
    near = rng.random(n)
    for kind, contig, place, edge in zip(kinds, contigs, places, near):
        sequence = sequences[names[contig]]
        ref_size = 1 if kind in (0, 2) else int(rng.integers(2, longest + 1))
        last = len(sequence) - ref_size
        start = int(place * (last + 1))
        if edge < 0.1:  # a fifth of them touch a contig's first or last bases
            start = min(int(place * 10), last)
        elif edge < 0.2:
            start = max(0, last - int(place * 10))
        ref = sequence[start : start + ref_size]
        draw = lambda size: decode(rng.integers(0, 4, size).astype(np.uint8))  # noqa: E731
        if kind == 0:
            alt = draw(1)
        elif kind == 1:
            alt = draw(ref_size)
        elif kind == 2:
            alt = ref + draw(int(rng.integers(1, longest)))
        elif kind == 3:
            alt = ref[0]
        else:
            alt = draw(int(rng.integers(1, longest + 1)))
        chosen.append((int(contig), start, ref, alt))
    return chosen


@pytest.mark.parametrize(("window", "anchor"), [(60, None), (61, None), (60, 0), (60, 35)])
def test_1e5_random_variants_are_windows_of_the_genome_and_the_mutated_genome(window, anchor):
    rng = np.random.default_rng(window + (anchor or 0))
    sequences = {
        f"c{i}": decode(rng.integers(0, 5, size).astype(np.uint8))
        for i, size in enumerate((400, 150, 90, 30))
    }
    genome = Genome.from_arrays(sequences)
    variants = random_variants(rng, sequences, 25_000, longest=20)
    contigs, starts, refs, alts = (list(column) for column in zip(*variants))
    windows = allele_windows(
        genome,
        np.array(contigs),
        np.array(starts),
        encode_alleles(refs),
        encode_alleles(alts),
        window,
        anchor,
    )
    ref_text, alt_text = decode(windows.ref.ravel()), decode(windows.alt.ravel())
    names = list(sequences)
    for i, (contig, start, ref, alt) in enumerate(variants):
        place = slice(i * window, (i + 1) * window)
        want_ref, want_alt, whole, mutated = by_hand(
            sequences[names[contig]], start, ref, alt, window, window // 2 if anchor is None else anchor
        )
        assert ref_text[place] == want_ref, (contig, start, ref, alt)
        assert alt_text[place] == want_alt, (contig, start, ref, alt)
        assert ref_text[place] in whole
        assert alt_text[place] in mutated


bases = st.text("ACGT", min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.text("ACGTN", min_size=20, max_size=60), st.data())
def test_any_allele_follows_the_law(sequence, data):
    window = data.draw(st.integers(16, 40))
    anchor = data.draw(st.integers(0, window - 8))
    size = data.draw(st.integers(1, 8))
    start = data.draw(st.integers(0, len(sequence) - size))
    ref, alt = sequence[start : start + size], data.draw(bases)
    genome = Genome.from_arrays({"other": "ACGT" * 5, "c": sequence, "after": "TTTT" * 5})
    windows = allele_windows(
        genome,
        np.array([1]),
        np.array([start]),
        encode_alleles([ref]),
        encode_alleles([alt.lower()]),
        window,
        anchor,
    )
    want_ref, want_alt, _, _ = by_hand(sequence, start, ref, alt, window, anchor)
    assert (decode(windows.ref[0]), decode(windows.alt[0])) == (want_ref, want_alt)


def test_the_first_base_of_the_variant_is_in_the_middle_unless_anchored():
    genome = Genome.from_arrays({"c": "A" * 50})
    one = (genome, np.array([0]), np.array([20]), encode_alleles(["A"]), encode_alleles(["G"]))
    assert decode(allele_windows(*one, 10).alt[0]).index("G") == 5
    assert decode(allele_windows(*one, 11).alt[0]).index("G") == 5
    assert decode(allele_windows(*one, 10, anchor=4).alt[0]).index("G") == 4


def test_alleles_that_do_not_fit_or_are_no_letters_are_errors():
    genome = Genome.from_arrays({"c": "ACGT" * 20})
    where = (genome, np.array([0]), np.array([20]))
    with pytest.raises(InputError, match="must fit in the window: at most 5 bases"):
        allele_windows(*where, encode_alleles(["A"]), encode_alleles(["AAAAAA"]), 10)
    with pytest.raises(InputError, match="letters A, C, G, T, N"):
        allele_windows(*where, encode_alleles(["A"]), encode_alleles(["<DEL>"]), 10)
    with pytest.raises(InputError, match="0 to 9. Received: 10"):
        check_anchor(10, 10)


def test_encoding_is_per_allele():
    alleles = encode_alleles(["A", "acgtN", "é", "*", "TT"])
    assert alleles.lengths.tolist() == [1, 5, 1, 1, 2]
    assert alleles.legal.tolist() == [True, True, False, False, True]
    some = alleles.take(np.array([4, 1]))
    assert decode(some.codes) == "TTACGTN"
    assert some.join(some).lengths.tolist() == [2, 5, 2, 5]
    genome = Genome.from_arrays({"c": "GGACGTT"})
    equal = equals_genome(
        genome, np.array([0, 0, 0]), np.array([2, 3, 6]), encode_alleles(["ACG", "ACG", "TT"])
    )
    assert equal.tolist() == [True, False, False]
