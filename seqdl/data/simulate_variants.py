"""Variants for a simulated genome, of every kind, with effects that follow from the grammar's law.

Many alleles are proposed, the law reads each on the reference and on the mutated sequence, and those whose
answer is clear are kept: causal ones, which take a bound site away or make one, and neutral ones of the same
kinds and lengths in the same windows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data.grammar import (
    FACTOR_NAMES,
    FACTORS,
    Hits,
    Sites,
    find_factor,
    find_sites,
    join_pieces,
    log_odds,
    sample_instances,
    scan,
)  # fmt: skip
from seqdl.encoding import decode, encode

# In bp from the variant: a site this near is there; none within the second is clearly absent.
NEAR, AROUND = 110, 230
FLANK = 280  # bp of sequence that the law reads on either side
# Shares among the causal alleles; neutral ones are matched to what comes out.
MECHANISMS = {
    "break_snv": 0.40, "break_mnp": 0.08, "break_deletion": 0.12, "break_insertion": 0.10,
    "break_complex": 0.06, "spacing": 0.06, "make_snv": 0.12, "make_insertion": 0.06,
}  # fmt: skip


class Allele(NamedTuple):
    """One alternative allele and the truth about it.

    Attributes
    ----------
    chrom : str
        Contig.
    pos : int
        1-based, as in VCF.
    ref, alt : str
        Letters; `alt` may be symbolic in the records that are bad on purpose.
    truth : {"causal", "neutral", "unclear", "bad"}
        "bad" records cannot be scored.
    mechanism : str
        How it was made.
    effects : dict of str to int
        +1 where a factor gains a site, -1 where it loses one.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    truth: str
    mechanism: str
    effects: dict[str, int]

    @property
    def kind(self) -> str:
        """Kind of the change, as `Variant.kind` names it; "BAD" for a record that cannot be scored."""
        from seqdl.intervals import Variant

        return "BAD" if self.truth == "bad" else Variant(self.chrom, self.pos, self.ref, self.alt).kind


class _Proposal(NamedTuple):
    start: int  # 0-based
    ref: str
    alt: str
    mechanism: str


def simulate_variants(
    chrom: str, codes: np.ndarray, sites: dict[str, Sites], n: int, rng: np.random.Generator
) -> list[list[Allele]]:
    """Make the records of a VCF for one contig.

    Parameters
    ----------
    chrom : str
        Contig name.
    codes : uint8 array, shape (length,)
        The contig.
    sites : dict of str to Sites
        What is bound on it.
    n : int
        Number of alleles, about half of them causal.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    records : list of list of Allele
        By position; a multi-allelic record has two alleles. A few records at the end of the list's contig, or
        with a wrong reference, a symbolic allele or an unknown contig, are bad on purpose.
    """
    if n == 0:
        return []
    causal = []
    for mechanism, share in MECHANISMS.items():
        wanted = max(1, round(share * n / 2))
        proposals = _propose(mechanism, 3 * wanted + 10, codes, sites, rng)
        judged = judge(chrom, codes, proposals)
        causal += [allele for allele in judged if allele.truth == "causal"][:wanted]
    neutral = []
    for kind in ("SNV", "MNP", "INS", "DEL", "COMPLEX"):
        like = [allele for allele in causal if allele.kind == kind]
        wanted = round(len(like) * max(n - len(causal), 0) / max(len(causal), 1))
        # A tenth breaks motifs that are not bound, for want of a partner: looks causal, is not.
        hard = _propose("break_unbound", wanted, codes, sites, rng) if kind == "SNV" else []
        matched = _propose_like(like, 3 * wanted + 10, codes, sites, rng)
        hard = [allele for allele in judge(chrom, codes, hard) if allele.truth == "neutral"][: wanted // 6]
        easy = [allele for allele in judge(chrom, codes, matched) if allele.truth == "neutral"]
        neutral += hard + easy[: wanted - len(hard)]
    records = {}
    for allele in causal + neutral:  # one record a place: the first one stays
        records.setdefault(allele.pos, [allele])
    for allele in [a for a in causal if a.mechanism == "break_snv"][
        : max(1, n // 40)
    ]:  # a second allele there
        if len(records[allele.pos]) == 1 and records[allele.pos][0] is allele:
            other = [base for base in "ACGT" if base not in (allele.ref, allele.alt)][int(rng.integers(2))]
            records[allele.pos] += judge(
                chrom, codes, [_Proposal(allele.pos - 1, allele.ref, other, "second_allele")]
            )
    for allele in _bad_records(chrom, codes, rng):
        records.setdefault(allele.pos if allele.chrom == chrom else len(codes) * 2, [allele])
    return [records[pos] for pos in sorted(records)]


def judge(chrom: str, codes: np.ndarray, proposals: list[tuple[int, str, str, str]]) -> list[Allele]:
    """Let the law read both alleles of each proposal.

    Parameters
    ----------
    chrom : str
        Contig name.
    codes : uint8 array, shape (length,)
        The contig.
    proposals : list of (start, ref, alt, mechanism)
        `start` is 0-based.

    Returns
    -------
    alleles : list of Allele
        "causal" where a factor's site clearly comes or goes; "neutral" where nothing changes, not even with
        thresholds lowered by 3 bits; else "unclear".
    """
    if not proposals:
        return []
    pieces = []
    for start, ref, alt, _ in proposals:
        left, right = codes[start - FLANK : start], codes[start + len(ref) : start + len(ref) + FLANK]
        pieces += [np.concatenate([left, encode(ref), right]), np.concatenate([left, encode(alt), right])]
    joined, offsets = join_pieces(pieces)
    lengths = np.array([len(piece) for piece in pieces])
    there, away, weak = (find_sites(joined, slack) for slack in (0.0, 1.5, 3.0))

    def near(found: Sites, distance: int) -> np.ndarray:
        """Whether a piece, (2 n,), has a site that near to its middle."""
        piece = np.searchsorted(offsets, found.centers, side="right") - 1
        place = found.centers - offsets[piece]
        close = (place >= FLANK - distance) & (place <= lengths[piece] - FLANK + distance)
        return np.bincount(piece[close], minlength=len(pieces)) > 0

    effects: list[dict[str, int]] = [{} for _ in proposals]
    same = np.ones(len(proposals), bool)
    for name in FACTOR_NAMES:
        present = near(there[name], NEAR)
        absent = ~near(there[name], AROUND) & ~near(away[name], AROUND)
        for sign, change in ((-1, present[0::2] & absent[1::2]), (1, absent[0::2] & present[1::2])):
            for i in np.flatnonzero(change):
                effects[i][name] = sign
        for found in (there[name], weak[name]):
            piece = np.searchsorted(offsets, found.centers, side="right") - 1
            count = np.bincount(piece, minlength=len(pieces)).reshape(-1, 2)
            bits = np.bincount(piece, weights=found.scores, minlength=len(pieces)).reshape(-1, 2)
            same &= (count[:, 0] == count[:, 1]) & (np.abs(bits[:, 0] - bits[:, 1]) < 1e-3)
    return [
        Allele(chrom, p[0] + 1, p[1], p[2], "causal" if e else "neutral" if s else "unclear", p[3], e)
        for p, e, s in zip(proposals, effects, same, strict=True)
    ]


def _propose(
    mechanism: str, n: int, codes: np.ndarray, sites: dict[str, Sites], rng: np.random.Generator
) -> list[_Proposal]:
    """Propose changes of one mechanism; each of the factors is tried equally often."""
    factors = [factor for factor in FACTORS if len(sites[factor.name].centers)]
    if mechanism == "spacing":
        factors = [factor for factor in factors if factor.rule in ("needs", "pair")]
    if mechanism == "break_unbound":
        factors = [factor for factor in FACTORS if factor.rule in ("needs", "pair")]
    # Instances (or near misses) that chance or the simulation left unbound.
    slack = {"break_unbound": 0.0, "make_snv": 6.0}.get(mechanism)
    hits = {factor.name: scan(codes, factor.name, slack) for factor in factors if slack is not None}
    proposals = []
    for i in range(n if factors else 0):
        factor = factors[i % len(factors)]
        bound = sites[factor.name]
        width = len(log_odds(factor.name))
        at = int(rng.integers(len(bound.own))) if len(bound.own) else -1
        start = int(bound.own[at]) if at >= 0 else -1
        # Either of the two motifs of a pair may be broken.
        if mechanism.startswith("break") and at >= 0 and bound.partner[at] >= 0 and rng.random() < 0.5:
            start = int(bound.partner[at])
            width = len(log_odds(factor.partner or factor.name))
        if mechanism == "break_unbound":
            found = hits[factor.name].starts
            start = int(found[rng.integers(len(found))]) if len(found) else -1
        middle = start + int(rng.integers(2, max(width - 3, 3)))
        if mechanism in ("break_snv", "break_unbound"):
            made = _substitute(codes, middle, 1, rng)
        elif mechanism == "break_mnp":
            made = _substitute(codes, middle, int(rng.integers(2, 4)), rng)
        elif mechanism == "break_deletion":
            made = _delete(codes, middle, int(rng.integers(2, 9)))
        elif mechanism == "break_insertion":
            made = _insert(codes, middle, rng.integers(0, 4, int(rng.integers(1, 7))).astype(np.uint8))
        elif mechanism == "break_complex":
            made = _replace(codes, middle, int(rng.integers(2, 5)), int(rng.integers(1, 7)), rng)
        elif mechanism == "spacing":
            middle = (start + int(bound.partner[at]) + width) // 2
            made = _insert(codes, middle, rng.integers(0, 4, int(rng.integers(60, 100))).astype(np.uint8))
        elif mechanism == "make_snv":
            made = _improve(codes, factor.name, hits[factor.name], rng)
        else:
            place = int(rng.integers(FLANK, len(codes) - FLANK))
            made = _insert(codes, place, sample_instances(factor.name, 1, "strong", rng)[0])
        if made and FLANK < made[0] < len(codes) - 2 * FLANK:
            proposals.append(_Proposal(*made, mechanism))
    return proposals


def _propose_like(
    like: list[Allele], n: int, codes: np.ndarray, sites: dict[str, Sites], rng: np.random.Generator
) -> list[_Proposal]:
    """Propose changes of the same kind and lengths as `like`, beside bound sites."""
    middles = np.concatenate([s.centers for s in sites.values()])
    proposals = []
    for i in range(n if len(middles) and like else 0):
        model = like[i % len(like)]
        place = int(middles[rng.integers(len(middles))] + rng.integers(-100, 101))
        if not FLANK < place < len(codes) - 2 * FLANK:
            continue
        if model.kind in ("SNV", "MNP"):
            made = _substitute(codes, place, len(model.ref), rng)
        elif model.kind == "DEL":
            made = _delete(codes, place, len(model.ref) - 1)
        elif model.kind == "INS":
            made = _insert(codes, place, rng.integers(0, 4, len(model.alt) - 1).astype(np.uint8))
        else:
            made = _replace(codes, place, len(model.ref), len(model.alt), rng)
        if made:
            proposals.append(_Proposal(*made, f"beside_{model.kind.lower()}"))
    return proposals


def _substitute(codes: np.ndarray, start: int, length: int, rng: np.random.Generator) -> tuple[int, str, str]:
    """Replace every one of `length` bases by another one."""
    ref = codes[start : start + length]
    return start, decode(ref), decode((ref + rng.integers(1, 4, length)).astype(np.uint8) % 4)


def _delete(codes: np.ndarray, start: int, length: int) -> tuple[int, str, str]:
    """Delete `length` bases after `start`, which stays as the anchor that VCF wants."""
    ref = decode(codes[start : start + 1 + length])
    return start, ref, ref[0]


def _insert(codes: np.ndarray, start: int, inserted: np.ndarray) -> tuple[int, str, str]:
    """Insert bases after the one at `start`."""
    ref = decode(codes[start : start + 1])
    return start, ref, ref + decode(inserted)


def _replace(
    codes: np.ndarray, start: int, length: int, by: int, rng: np.random.Generator
) -> tuple[int, str, str] | None:
    """Replace `length` bases by `by` random ones, of which the first differs; None where they cannot."""
    if length == by:
        return None
    ref = codes[start : start + length]
    alt = rng.integers(0, 4, by).astype(np.uint8)
    alt[0] = (ref[0] + 1 + rng.integers(3)) % 4
    return start, decode(ref), decode(alt)


def _improve(
    codes: np.ndarray, name: str, hits: Hits, rng: np.random.Generator
) -> tuple[int, str, str] | None:
    """Make the one substitution that helps a near miss of a motif most."""
    table, threshold = log_odds(name), find_factor(name).threshold
    missed = np.flatnonzero((hits.scores < threshold - 2) & (hits.starts > FLANK))
    if not len(missed):
        return None
    pick = missed[rng.integers(len(missed))]
    start, rows = int(hits.starts[pick]), table if hits.strands[pick] > 0 else table[::-1, ::-1]
    here = codes[start : start + len(rows)]
    better = rows - rows[np.arange(len(rows)), here][:, None]
    place, base = np.unravel_index(int(better.argmax()), better.shape)
    return start + int(place), decode(here[place : place + 1]), "ACGT"[base]


def _bad_records(chrom: str, codes: np.ndarray, rng: np.random.Generator) -> list[Allele]:
    """Make records that no program can score, and one beside unknown bases that it can."""
    places = rng.integers(2000, len(codes) - 2000, 4)
    ref = [decode(codes[p : p + 1]) for p in places]
    wrong = ["ACGT"[("ACGT".index(r) + 1) % 4] for r in ref]
    bad = [
        Allele(chrom, int(places[0]) + 1, wrong[0], ref[0], "bad", "ref_mismatch", {}),
        Allele(chrom, int(places[1]) + 1, wrong[1] + "A", wrong[1], "bad", "ref_mismatch", {}),
        Allele(chrom, int(places[2]) + 1, ref[2], "<DEL>", "bad", "symbolic", {}),
        Allele(chrom, int(places[3]) + 1, ref[3], "*", "bad", "star", {}),
        Allele(chrom, len(codes) + 1000, "A", "G", "bad", "past_end", {}),
        Allele("chrUn", 1000, "A", "G", "bad", "unknown_contig", {}),
    ]
    beside = _substitute(codes, 520, 1, rng)
    return [Allele(chrom, beside[0] + 1, beside[1], beside[2], "unclear", "beside_unknown_bases", {}), *bad]
