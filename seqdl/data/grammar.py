"""A small regulatory grammar with known answers: motifs as facts, and the rule by which each factor binds.

`simulate` plants it and `find_sites` is its law: what is bound follows from the sequence alone, on the
simulated genome as on any mutated piece of it. So the truth of a variant is never guessed: the law reads
both alleles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.encoding import N

# Letter probabilities by position (A, C, G, T), rounded to two decimals from JASPAR 2022 (CC BY 4.0).
# fmt: off
_PROBABILITIES = {
    "CTCF": [  # MA0139.1
        (.10, .32, .08, .50), (.18, .16, .46, .20), (.31, .05, .49, .15), (.06, .88, .02, .04),
        (.01, .99, 0, 0), (.82, .01, .07, .10), (.04, .58, .37, .01), (.12, .47, .05, .36),
        (.93, .01, .04, .02), (.01, 0, .99, 0), (.37, 0, .62, .01), (.06, .01, .56, .37),
        (.01, 0, .98, .01), (.06, .01, .85, .08), (.11, .81, .01, .07), (.41, .01, .56, .02),
        (.09, .53, .34, .04), (.13, .35, .08, .44), (.45, .20, .29, .06)],
    "GATA1": [  # MA0035.4
        (.31, .17, .19, .33), (.24, .20, .15, .41), (.06, .86, .04, .04), (.02, .01, .01, .96),
        (.69, .01, .01, .29), (.94, .02, .01, .03), (.03, .02, .01, .94), (.04, .91, .02, .03),
        (.10, .04, .01, .85), (.37, .16, .20, .27), (.32, .21, .13, .34)],
    "MAX": [  # MA0058.3
        (.48, .23, .19, .10), (.28, .41, .22, .09), (.01, .99, 0, 0), (.98, 0, .01, .01),
        (0, .97, 0, .03), (.05, .01, .94, 0), (.01, .02, 0, .97), (0, 0, .99, .01),
        (.20, .35, .24, .21), (.16, .32, .14, .38)],
    "REST": [  # MA0138.2
        (.13, .11, .23, .53), (.04, .17, .09, .70), (.05, .85, .03, .07), (.90, .02, .06, .02),
        (.02, .03, .94, .01), (.08, .61, .20, .11), (.98, 0, .01, .01), (0, .99, .01, 0),
        (.02, .93, .01, .04), (.57, .13, .10, .20), (.14, .23, .08, .55), (.02, 0, .98, 0),
        (.01, 0, .99, 0), (.88, .07, .02, .03), (.01, .79, .15, .05), (.98, .01, 0, .01),
        (.03, .01, .95, .01), (.13, .64, .11, .12), (.23, .02, .43, .32), (.13, .59, .20, .08),
        (.11, .71, .02, .16)],
    "AP1": [  # MA0099.3, FOS::JUN
        (.59, .11, .26, .04), (0, 0, 0, 1), (.01, 0, .82, .17), (.83, .13, 0, .04),
        (.08, .18, .69, .05), (0, 0, 0, 1), (.03, .97, 0, 0), (1, 0, 0, 0),
        (.02, .31, .10, .57), (.28, .40, .16, .16)],
    "SP1": [  # MA0079.5
        (0, 0, .95, .05), (0, 0, 1, 0), (0, 0, 1, 0), (0, 0, 1, 0),
        (.27, .73, 0, 0), (0, 0, 1, 0), (0, .09, .91, 0), (.25, .05, .67, .03),
        (.16, 0, .84, 0)],
}
# fmt: on


class Factor(NamedTuple):
    """One simulated DNA-binding protein.

    Attributes
    ----------
    name : str
        Target name.
    jaspar : str
        Matrix identifier in JASPAR 2022.
    threshold : float
        Bits of log odds (against equal letters) from which an instance counts.
    rule : {"alone", "needs", "pair", "unless"}
        How the motif has to stand for the factor to bind, see `RULES`.
    partner : str
        The other motif of "needs" and "unless"; "" otherwise.
    reach : tuple of int
        Smallest and largest distance in bp between the centres of the two motifs.
    category : str
        For the target table.
    """

    name: str
    jaspar: str
    threshold: float
    rule: str
    partner: str
    reach: tuple[int, int]
    category: str = "TF"


RULES = {
    "alone": "binds wherever its motif has a strong instance",
    "needs": "binds where its motif stands near the motif of {partner}, and nowhere else",
    "pair": "binds where two instances of its own motif stand near each other",
    "unless": "binds wherever its motif has a strong instance, unless the motif of {partner} is near",
}
FACTORS = (
    Factor("CTCF", "MA0139.1", 13.0, "alone", "", (0, 0)),
    Factor("REST", "MA0138.2", 16.0, "alone", "", (0, 0)),
    Factor("AP1", "MA0099.3", 11.0, "alone", "", (0, 0)),
    Factor("GATA1", "MA0035.4", 8.5, "needs", "AP1", (10, 45)),
    Factor("SP1", "MA0079.5", 11.0, "pair", "", (9, 40)),
    Factor("MAX", "MA0058.3", 9.5, "unless", "REST", (0, 80)),
)
FACTOR_NAMES = tuple(factor.name for factor in FACTORS)
FAR = 150  # bp of N between pieces that must not see each other: more than any reach


class Hits(NamedTuple):
    """Motif instances on one piece of sequence, by position.

    Attributes
    ----------
    starts : int64 array, shape (n,)
        0-based.
    strands : int8 array, shape (n,)
        +1 or -1.
    scores : float32 array, shape (n,)
        In bits.
    """

    starts: np.ndarray
    strands: np.ndarray
    scores: np.ndarray


class Sites(NamedTuple):
    """Bound sites of one factor, by position.

    Attributes
    ----------
    centers : int64 array, shape (n,)
        0-based middle of the factor's own motif, or of its two motifs.
    scores : float32 array, shape (n,)
        Bits of its motif; of a pair, of the weaker one.
    own, partner : int64 arrays, shape (n,)
        Start of the factor's motif, and of the motif that it needs (-1 where it needs none).
    """

    centers: np.ndarray
    scores: np.ndarray
    own: np.ndarray
    partner: np.ndarray


def motif(name: str) -> np.ndarray:
    """Return a motif's letter probabilities, float64, shape (width, 4); rows sum to 1."""
    probabilities = np.array(_PROBABILITIES[name], float)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def log_odds(name: str) -> np.ndarray:
    """Return a motif's log odds against equal letters in bits, float32 (width, 4); a zero counts as 0.005."""
    return np.log2((motif(name) * 0.98 + 0.005) / 0.25).astype(np.float32)


def score_instances(codes: np.ndarray, name: str) -> np.ndarray:
    """Score sequences as wide as a motif on the forward strand.

    Parameters
    ----------
    codes : uint8 array, shape (n, width)
        Without N.
    name : str
        Motif.

    Returns
    -------
    scores : float32 array, shape (n,)
        Bits.
    """
    table = log_odds(name)
    return table[np.arange(len(table)), codes].sum(axis=1)


def _words(codes: np.ndarray) -> np.ndarray:
    """Number every four letters in base 5, uint16 (length - 3,): one lookup then scores four letters."""
    small, n = codes.astype(np.uint16), max(len(codes) - 3, 0)
    words = np.zeros(n, np.uint16)
    for k in range(4):
        words += small[k : k + n] * np.uint16(5 ** (3 - k))
    return words


_LETTERS_OF_WORD = np.stack(np.unravel_index(np.arange(625), (5, 5, 5, 5)), axis=1)  # (625, 4)


def scan(codes: np.ndarray, name: str, slack: float = 0.0, words: np.ndarray | None = None) -> Hits:
    """Find a motif's instances on both strands; of overlapping ones the best stays.

    Parameters
    ----------
    codes : uint8 array, shape (length,)
        A sequence; N matches nothing.
    name : str
        Motif.
    slack : float
        Bits by which the factor's threshold is lowered.
    words : uint16 array, shape (length - 3,), optional
        What an earlier scan of the same sequence has made, to save the work.

    Returns
    -------
    hits : Hits
    """
    table = log_odds(name)
    width, threshold = len(table), find_factor(name).threshold - slack
    n = len(codes) - width + 1
    if n < 1:
        return Hits(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0, np.float32))
    words = _words(codes) if words is None else words
    best = np.full(n, -np.inf, np.float32)
    strands = np.ones(n, np.int8)
    for strand, rows in ((1, table), (-1, table[::-1, ::-1])):
        rows = np.hstack([rows, np.full((width, 1), -1e3, np.float32)])
        score, done = np.zeros(n, np.float32), 0
        while done < width:
            first = min(done, width - 4)  # the last word reaches back over letters that are counted already
            word = sum(rows[first + k, _LETTERS_OF_WORD[:, k]] for k in range(done - first, 4))
            score += word.take(words[first : first + n], mode="clip")
            done = first + 4
        strands[score > best] = strand
        np.maximum(best, score, out=best)
    starts = np.flatnonzero(best >= threshold)
    cluster = np.cumsum(np.diff(starts, prepend=starts[:1]) >= width)
    order = np.lexsort((starts, -best[starts], cluster))  # the best of each cluster comes first
    starts = np.sort(starts[order[np.unique(cluster[order], return_index=True)[1]]])
    return Hits(starts.astype(np.int64), strands[starts], best[starts])


def find_factor(name: str) -> Factor:
    """Return the factor of that name."""
    return next(factor for factor in FACTORS if factor.name == name)


def _nearest(from_: np.ndarray, to: np.ndarray, reach: tuple[int, int]) -> np.ndarray:
    """Index into `to` (sorted) of the first centre within reach of each of `from_`, or -1.

    Both are float64 arrays, of shapes (m,) and (n,); the result is an int64 array of shape (n,).
    """
    found = np.full(len(from_), -1)
    least, most = reach
    for low, high in ((-most, -least), (least, most)):
        index = np.searchsorted(to, from_ + low, side="left")
        good = index < len(to)
        good[good] = to[index[good]] <= from_[good] + high
        found = np.where((found < 0) & good, index, found)
    return found


def find_sites(codes: np.ndarray, slack: float = 0.0) -> dict[str, Sites]:
    """Apply the law: which factor is bound where, on one piece of sequence.

    Parameters
    ----------
    codes : uint8 array, shape (length,)
        A sequence. Pieces joined by `FAR` bases of N do not see each other.
    slack : float
        Bits by which every threshold is lowered.

    Returns
    -------
    sites : dict of str to Sites
        By factor.
    """
    words = _words(codes)
    hits = {factor.name: scan(codes, factor.name, slack, words) for factor in FACTORS}
    centers = {name: hit.starts + len(_PROBABILITIES[name]) / 2 for name, hit in hits.items()}
    sites = {}
    for factor in FACTORS:
        own, middle, bits = hits[factor.name], centers[factor.name], hits[factor.name].scores
        keep, partner = np.arange(len(middle)), np.full(len(middle), -1)
        if factor.rule == "pair":
            close = np.diff(middle)
            keep = np.flatnonzero((close >= factor.reach[0]) & (close <= factor.reach[1]))
            partner = own.starts[keep + 1]
            bits = np.minimum(bits, np.append(bits[1:], np.float32(np.inf)))
            middle = middle + np.append(close, 0) / 2
        elif factor.rule == "needs":
            other = _nearest(middle, centers[factor.partner], factor.reach)
            keep = np.flatnonzero(other >= 0)
            partner = hits[factor.partner].starts[other[keep]]
        elif factor.rule == "unless":
            keep = np.flatnonzero(_nearest(middle, centers[factor.partner], factor.reach) < 0)
            partner = partner[keep]
        middle = middle[keep].astype(np.int64)
        sites[factor.name] = Sites(middle, bits[keep], own.starts[keep], partner)
    return sites


def sample_instances(name: str, n: int, quality: str, rng: np.random.Generator) -> np.ndarray:
    """Draw instances of a motif from its letter probabilities.

    Parameters
    ----------
    name : str
        Motif.
    n : int
        Number of instances.
    quality : {"strong", "weak", "shuffled"}
        At least one bit above the factor's threshold; two to seven bits below it; or a strong instance whose
        letters are shuffled until fewer than half of its bits are left.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    codes : uint8 array, shape (n, width)
    """
    probabilities = motif(name)
    threshold = find_factor(name).threshold
    kept, have = [], 0
    flat = 0.55 * probabilities + 0.45 / 4  # what a weak instance is drawn from
    while have < n:
        m = 30 * (n - have) + 100
        source = np.cumsum(flat if quality == "weak" else probabilities, axis=1)[:, :3]
        codes = (rng.random((m, len(source), 1)) > source).sum(axis=2).astype(np.uint8)
        score = score_instances(codes, name)
        if quality == "weak":
            codes = codes[(score >= threshold - 7) & (score <= threshold - 2)]
        else:
            codes = codes[score >= threshold + 1]
        if quality == "shuffled":
            codes = rng.permuted(codes, axis=1)
            both = np.maximum(score_instances(codes, name), score_instances(3 - codes[:, ::-1], name))
            codes = codes[both < threshold / 2]
        kept.append(codes[: n - have])
        have += len(kept[-1])
    return np.concatenate(kept) if kept else np.empty((0, len(probabilities)), np.uint8)


def join_pieces(pieces: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Join sequences with `FAR` bases of N between them, so that one scan reads them all.

    Parameters
    ----------
    pieces : list of uint8 arrays, shape (length,)
        Codes.

    Returns
    -------
    codes : uint8 array, shape (total,)
    offsets : int64 array, shape (n,)
        Where each piece begins.
    """
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    offsets = np.cumsum(np.r_[0, lengths[:-1] + FAR]) if len(pieces) else lengths
    codes = np.full(int(lengths.sum() + FAR * len(pieces)), N, np.uint8)
    for offset, piece in zip(offsets, pieces, strict=True):
        codes[offset : offset + len(piece)] = piece
    return codes, offsets
