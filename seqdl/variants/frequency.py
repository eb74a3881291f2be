"""Effects of common against rare alleles: is what a network calls a large effect rarer in people?

An allele that harms is kept rare by selection, so if predicted effects matter to people, rare alleles should
have the larger ones, by a little: most rare alleles are young, not harmful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.io.vcf import read_info
from seqdl.variants.contrast import Contrast, contrast
from seqdl.variants.files.streaming import read_meta, stream_scores
from seqdl.words import count

MOST = 100_000  # alleles kept of each class: a distribution and its median need no more
DRAWS = 1000
MEANS = ("logit_diff", "logSAD", "diff", "SAD")  # the first of them that was scored is averaged over targets
DEFAULT_BEST = ("|P(alt) - P(ref)|",)  # files of version 1 do not name it


class FrequencyClass(NamedTuple):
    """Alleles with ``low <= AF < high``; an allele that nobody carries (AF 0) is in no class."""

    name: str
    low: float
    high: float


CLASSES = (
    FrequencyClass("rare", 0.0, 0.01),
    FrequencyClass("in between", 0.01, 0.05),
    FrequencyClass("common", 0.05, np.inf),
)


class FrequencyComparison(NamedTuple):
    """Effects by class of allele frequency.

    Attributes
    ----------
    classes : tuple of FrequencyClass
    counts : tuple of int
        Scored alleles of each class, before thinning.
    contrasts : tuple of Contrast
    absent, unknown : int
        Scored alleles that nobody carries, and those without a frequency in the VCF.
    stretches : int
        Of `block` bases, that the bootstrap draws from.
    block : int
    """

    classes: tuple[FrequencyClass, ...]
    counts: tuple[int, ...]
    contrasts: tuple[Contrast, ...]
    absent: int
    unknown: int
    stretches: int
    block: int

    def text(self) -> str:
        """Say it in sentences, with the numbers."""
        named = [f"{n:,} {c.name}" for c, n in zip(self.classes, self.counts, strict=True)]
        first, last = self.classes[0].name, self.classes[-1].name
        lines = [f"Alleles: {', '.join(named)}; left out: {self.absent:,} that nobody carries (AF 0)."]
        if self.unknown:
            lines.append(f"{count(self.unknown, 'allele')} without a frequency.")
        for one in self.contrasts:
            if not np.isfinite(one.difference):
                lines.append(f"{one.label}: there are not enough alleles to compare.")
                continue
            low, high = one.interval
            side = "larger" if low > 0 else "smaller" if high < 0 else ""
            verdict = f"{last} alleles have the {side} effects" if side else "no difference can be told"
            lines.append(
                f"{one.label}: median {one.medians[-1]:.3g} {last}, {one.medians[0]:.3g} {first}; difference "
                f"{_signed(one.difference)} (95 % interval {_signed(low)} to {_signed(high)}): {verdict}. "
                f"Of a {last} and a {first} allele, the {last} one has the larger effect in "
                f"{one.larger:.0%} of pairs ({one.larger_interval[0]:.0%} to {one.larger_interval[1]:.0%})."
            )
        return "\n".join(lines)


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")


def read_frequencies(vcf: str | Path, field: str = "AF") -> Iterator[tuple[str, int, str, str, float]]:
    """Yield each ALT allele of a VCF with its frequency.

    Parameters
    ----------
    vcf : path
        VCF (plain, gzip, bgzip) or BCF.
    field : str
        INFO key with one number an ALT allele.

    Yields
    ------
    allele : (chrom, pos, ref, alt, frequency)
        NaN where the record has none.

    Raises
    ------
    InputError
        If the file cannot be read, or a frequency is no number from 0 to 1.
    """
    pattern = re.compile(rf"(?:^|;){re.escape(field)}=([^;]*)")
    for chrom, pos, ref, alts, info in read_info(vcf):
        found = pattern.search(info)
        texts = found.group(1).split(",") if found else []
        for k, alt in enumerate(alts):
            value = _frequency(texts[k], field, f"{chrom}:{pos}") if k < len(texts) else np.nan
            yield chrom, pos, ref, alt, value


def _frequency(text: str, field: str, place: str) -> float:
    if text == ".":
        return np.nan
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InputError(f"INFO {field} of {place} must be a frequency from 0 to 1. Received: {text[:40]!r}.")
    return value


def compare_frequencies(
    scores: str | Path,
    vcf: str | Path,
    *,
    field: str = "AF",
    block: int | None = None,
    draws: int = DRAWS,
    most: int = MOST,
    seed: int = 1,
) -> FrequencyComparison:
    """Compare the effects of common and of rare alleles.

    Both files are read once, side by side, in constant memory.

    Parameters
    ----------
    scores : path
        What `score_variants` wrote, but not as VCF.
    vcf : path
        The VCF that was scored, with allele frequencies in its INFO column.
    field : str
        Their key.
    block : int, optional
        Bases that the bootstrap draws together; the network's window by default. Alleles are inherited
        together over longer ones: where there is data enough, 50,000 is the safer choice.
    draws : int
        Bootstrap draws.
    most : int
        Alleles kept of each class, at random.
    seed : int
        Of both.

    Returns
    -------
    comparison : FrequencyComparison

    Raises
    ------
    InputError
        If a file cannot be read, the scored alleles are not those of the VCF, or it has no frequencies.
    """
    meta = read_meta(scores)
    block = int(meta["window"]) if block is None else block
    require_at_least(1, block=block, draws=draws, most=most)
    mean_of = next((name for name in MEANS if name in meta["scores"]), None)
    labels = {"max_abs_diff": f"largest {meta.get('best', DEFAULT_BEST)[0]} over the targets"}
    if mean_of:
        labels["mean_abs"] = f"mean |{mean_of}| over the targets"
    kept, alleles = _Kept(most, seed), _Forward(scores, vcf, field)
    counts, absent, unknown = np.zeros(len(CLASSES), np.int64), 0, 0
    contigs: dict[str, int] = {}
    for frame in stream_scores(scores, mean_of):
        keys = zip(frame["chrom"], frame["pos"].tolist(), frame["ref"], frame["alt"], strict=True)
        frequency = np.array([alleles.find(key) for key in keys], np.float64)
        absent, unknown = absent + int((frequency == 0).sum()), unknown + int(np.isnan(frequency).sum())
        inside = np.stack([(frequency >= c.low) & (frequency < c.high) & (frequency > 0) for c in CLASSES])
        counts += inside.sum(axis=1)
        numbers = np.array([contigs.setdefault(name, len(contigs)) for name in frame["chrom"]], np.int64)
        stretches = (numbers << 32) + frame["pos"].to_numpy() // block
        kept.add(inside, stretches, frame[list(labels)].to_numpy(np.float64))
    if not counts.sum():
        raise InputError(
            f"No scored allele has a frequency: the VCF {vcf} needs INFO {field}, one number from 0 to 1 for "
            "each ALT allele. `bcftools +fill-tags in.vcf.gz -- -t AF` computes it from genotypes."
        )
    found = kept.finish()
    names, places = np.unique(np.concatenate([one.stretches for one in found]), return_inverse=True)
    places = np.split(places, np.cumsum([len(one.stretches) for one in found])[:-1])
    contrasts = tuple(
        contrast(name, label, [one.sizes[:, k] for one in found], places, len(names), draws, seed)
        for k, (name, label) in enumerate(labels.items())
    )
    return FrequencyComparison(CLASSES, tuple(counts.tolist()), contrasts, absent, unknown, len(names), block)


class _Forward:
    """Finds alleles in a VCF going forward only: the scored stand in its order, without the rejected."""

    def __init__(self, scores: str | Path, vcf: str | Path, field: str) -> None:
        self._scores, self._vcf = scores, vcf
        self._alleles = read_frequencies(vcf, field)
        self._last: tuple[tuple, float] = ((), np.nan)

    def find(self, key: tuple[str, int, str, str]) -> float:
        """Return an allele's frequency."""
        if key == self._last[0]:  # scored on both haplotypes of a sample
            return self._last[1]
        for *found, value in self._alleles:
            if tuple(found) == key:
                self._last = key, value
                return value
        chrom, pos, ref, alt = key
        raise InputError(
            f"{self._scores} holds {chrom}:{pos} {ref[:20]}>{alt[:20]}, which the VCF {self._vcf} does not "
            "have, or not in that order. Give the VCF that was scored."
        )


class _Sample(NamedTuple):
    keys: np.ndarray  # (n,): those with the smallest stay
    stretches: np.ndarray  # (n,)
    sizes: np.ndarray  # (n, measures)

    def smallest(self, most: int) -> _Sample:
        if len(self.keys) <= most:
            return self
        rows = np.argpartition(self.keys, most)[:most]
        return _Sample(*(x[rows] for x in self))


class _Kept:
    """A random sample of each class, in constant memory."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._rng = most, np.random.default_rng(seed)
        self._samples: list[_Sample | None] = [None] * len(CLASSES)

    def add(self, inside: np.ndarray, stretches: np.ndarray, sizes: np.ndarray) -> None:
        keys = self._rng.random(len(stretches))
        for k, rows in enumerate(inside):
            new = _Sample(keys[rows], stretches[rows], sizes[rows])
            old = self._samples[k]
            both = new if old is None else _Sample(*map(np.concatenate, zip(old, new, strict=True)))
            self._samples[k] = both if len(both.keys) <= 2 * self._most else both.smallest(self._most)

    def finish(self) -> list[_Sample]:
        return [one.smallest(self._most) for one in self._samples]
