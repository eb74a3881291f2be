"""The whole command on 100,000 random alleles, against contigs that are edited as strings.

`test_alleles` holds the windows to the law. Here a VCF goes in and a file of scores comes out, and the
reference shares nothing with seqdl: it mutates the whole contig's text for each allele, cuts both windows
out of it, and adds up a linear network's weights in float64.
"""

import numpy as np
import pytest
from variant_cases import LinearNetwork

from seqdl.genome import Genome
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants

ALLELES = 100_000
WINDOW = 40
SIZES = {"c1": 900, "c2": 400, "c3": 60, "c4": 12}
LONGEST = 24  # bases of an allele; the window has room for 20
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
COMPLEMENT = str.maketrans("ACGTN", "CATGA")


class FastLinear(LinearNetwork):
    """The network of known weights, all windows at once."""

    def __init__(self, window, targets=2):
        super().__init__(window, targets)
        self._flat = np.ascontiguousarray(self.weights).reshape(window * 5, targets)

    def logits(self, codes):
        return self._flat[np.arange(self.window) * 5 + codes].sum(axis=1)


def draw(rng, size):
    return "".join(rng.choice(list("ACGT"), size))


def draw_alts(rng, ref):
    """Return one to three ALT alleles of REF, of any kind, not all of them with a sequence."""
    alts = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        kind = rng.random()
        if kind < 0.3:
            alt = ref[:-1] + "ACGT"[rng.integers(4)]
        elif kind < 0.5:
            alt = ref + draw(rng, int(rng.integers(1, LONGEST)))
        elif kind < 0.7:
            alt = ref[0]
        elif kind < 0.9:
            alt = draw(rng, int(rng.integers(1, LONGEST)))
        elif kind < 0.95:
            alt = draw(rng, len(ref)).lower()
        else:
            alt = str(rng.choice(["*", "<DEL>", "R", f"{ref[0]}]c1:5]"]))
        alts.append(alt)
    return list(dict.fromkeys(alts))


def draw_records(rng, contigs, alleles):
    """Return (chrom, pos, ref, alts) with `alleles` ALT alleles in all; one REF in 20 is not the contig's."""
    names = list(contigs)
    records, count = [], 0
    while count < alleles:
        name = names[rng.choice(4, p=[0.5, 0.3, 0.15, 0.05])]
        text = contigs[name]
        start = int(rng.integers(len(text)))
        if rng.random() < 0.1:
            start = int(rng.choice([0, 1, len(text) - 1, len(text) - 2]))
        size = 1 if rng.random() < 0.5 else int(rng.integers(2, LONGEST))
        ref = text[start : start + size]
        if rng.random() < 0.05:
            ref = ref.translate(COMPLEMENT)
        alts = draw_alts(rng, ref)[: alleles - count]
        records.append((name, start + 1, ref, alts))
        count += len(alts)
    return records


def cut(text, begin):
    """Return WINDOW letters of a contig from index `begin` on, N outside of it."""
    left = "N" * max(0, -begin)
    found = left + text[max(0, begin) : max(0, begin + WINDOW)]
    return found + "N" * (WINDOW - len(found))


def by_hand(contigs, records, policy):
    """Return the scored alleles, and the letters of both windows of each."""
    keys, windows = [], []
    for name, pos, ref, alts in records:
        text, start = contigs[name], pos - 1
        for alt in alts:
            if set(alt.upper()) - set("ACGTN") or max(len(ref), len(alt)) > WINDOW - WINDOW // 2:
                continue
            if text[start : start + len(ref)] != ref and policy == "skip":
                continue
            rest = text[start + len(ref) :]
            before, after = (text[:start] + allele.upper() + rest for allele in (ref, alt))
            keys.append((name, pos, ref, alt))
            windows += [cut(before, start - WINDOW // 2), cut(after, start - WINDOW // 2)]
    return keys, np.frombuffer("".join(windows).encode(), np.uint8).reshape(-1, 2, WINDOW)


def sum_weights(weights, letters):
    """Add up the weights of the letters: float64, shape (alleles, 2, targets)."""
    total = np.zeros((*letters.shape[:2], weights.shape[2]))
    for place in range(WINDOW):
        for code, base in enumerate(b"ACGT"):
            total[letters[:, :, place] == base] += weights[place, code].astype(np.float64)
    return total


@pytest.mark.parametrize(("policy", "suffix", "seed"), [("skip", ".h5", 1), ("force", ".tsv", 2)])
def test_1e5_random_alleles_score_as_on_edited_contigs(tmp_path, policy, suffix, seed):
    rng = np.random.default_rng(seed)
    contigs = {name: draw(rng, size) for name, size in SIZES.items()}
    contigs["c1"] = contigs["c1"][:400] + "N" * 30 + contigs["c1"][430:]
    alleles = ALLELES // 2
    records = draw_records(rng, contigs, alleles)
    vcf = tmp_path / "in.vcf"
    rows = (f"{name}\t{pos}\t.\t{ref}\t{','.join(alts)}\t.\t.\t.\n" for name, pos, ref, alts in records)
    vcf.write_text(HEADER + "".join(rows))

    network = FastLinear(WINDOW)
    out = tmp_path / f"s{suffix}"
    summary = score_variants(
        network, vcf, Genome.from_arrays(contigs), out, scores=["diff", "logit_diff"], ref_mismatch=policy
    )
    table = read_scores(out)

    keys, letters = by_hand(contigs, records, policy)
    found = list(table.variants[["chrom", "pos", "ref", "alt"]].itertuples(index=False, name=None))
    assert found == keys
    assert 0.6 * alleles < len(keys) < alleles
    assert (summary.records, summary.alleles) == (len(records), alleles)
    assert summary.scored + sum(summary.rejected.values()) == alleles

    z = sum_weights(network.weights, letters)
    p = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(table.scores["logit_diff"], z[:, 1] - z[:, 0], atol=2e-5)
    np.testing.assert_allclose(table.scores["diff"], p[:, 1] - p[:, 0], atol=5e-6)
    best = np.abs(p[:, 1] - p[:, 0]).max(axis=1)
    np.testing.assert_allclose(table.variants["max_abs_diff"], best, atol=5e-6)
