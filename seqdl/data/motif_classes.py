"""Simulate sequences of several classes that differ in the motifs they hold, with the truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.dataset_file import SPLITS
from seqdl.data.motif_planting import draw_instances, most_bases, place_motifs
from seqdl.data.motif_recipes import LENGTHS, RECIPES, motif_probabilities, motifs_of
from seqdl.encoding import CODE_TO_LETTER, reverse_complement
from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.words import few


class Instances(NamedTuple):
    """Planted motifs, one entry each, by sequence and then by place.

    Attributes
    ----------
    rows : int64 array, shape (m,)
        The sequence it lies in.
    motifs : int64 array, shape (m,)
        Place in `MotifClasses.motif_names`.
    starts, ends : int64 arrays, shape (m,)
        0-based, half-open.
    strands : int8 array, shape (m,)
        +1 or -1; always +1 for a repeat, which reads the same on both strands.
    """

    rows: np.ndarray
    motifs: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    strands: np.ndarray


@dataclass(frozen=True)
class MotifClasses:
    """Simulated sequences of several classes and what was planted into them.

    Attributes
    ----------
    kind : str
        "plain", "fancy" or "grammar".
    codes : uint8 array, shape (n, length)
        A 0, C 1, G 2, T 3.
    labels : int64 array, shape (n,)
        Place in `class_names`.
    split : uint8 array, shape (n,)
        0 training, 1 validation, 2 test.
    class_names, motif_names : tuple of str
    instances : Instances
        The truth.
    """

    kind: str
    codes: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    class_names: tuple[str, ...]
    motif_names: tuple[str, ...]
    instances: Instances

    def __len__(self) -> int:
        return len(self.codes)

    def part(self, split: str) -> MotifClasses:
        """Return the sequences of one split, with their truth.

        Parameters
        ----------
        split : {"train", "valid", "test"}

        Returns
        -------
        part : MotifClasses
            Instances count their rows within the part.

        Raises
        ------
        InputError
            If there is no such split.
        """
        require_one_of("split", split, SPLITS)
        inside = self.split == SPLITS.index(split)
        kept = inside[self.instances.rows]
        found = Instances(*(column[kept] for column in self.instances))
        found = found._replace(rows=(np.cumsum(inside) - 1)[found.rows])
        return MotifClasses(
            self.kind, self.codes[inside], self.labels[inside], self.split[inside],
            self.class_names, self.motif_names, found,
        )  # fmt: skip

    def positions(self, motifs: Sequence[str] | None = None) -> np.ndarray:
        """Mark the bases that a planted motif covers.

        Parameters
        ----------
        motifs : sequence of str, optional
            Only these; all, repeats too, by default.

        Returns
        -------
        covered : bool array, shape (n, length)

        Raises
        ------
        InputError
            If a name is not one of `motif_names`.
        """
        found = self.instances
        if motifs is not None:
            for name in motifs:
                require_one_of("motifs", name, self.motif_names)
            chosen = np.isin(found.motifs, [self.motif_names.index(name) for name in motifs])
            found = Instances(*(column[chosen] for column in found))
        n, length = self.codes.shape
        edges = np.bincount(found.rows * (length + 1) + found.starts, minlength=n * (length + 1))
        edges -= np.bincount(found.rows * (length + 1) + found.ends, minlength=n * (length + 1))
        return edges.cumsum().reshape(n, length + 1)[:, :length] > 0

    def counts(self) -> np.ndarray:
        """Count each motif's instances by sequence, int64, shape (n, number of motifs)."""
        cell = self.instances.rows * len(self.motif_names) + self.instances.motifs
        total = len(self) * len(self.motif_names)
        return np.bincount(cell, minlength=total).reshape(len(self), len(self.motif_names))


def simulate_motif_classes(
    n: int = 40_000,
    length: int | None = None,
    seed: int = 0,
    kind: str = "plain",
    *,
    fractions: tuple[float, float] = (0.1, 0.1),
) -> MotifClasses:
    """Simulate sequences of four classes that differ in their motifs.

    Motifs are drawn from their letter probabilities and lie on either strand, at random places, never on
    top of each other. Everything else is random letters. Classes are equally frequent.

    Parameters
    ----------
    n : int
        Sequences, at least 4.
    length : int, optional
        Bases of each: 200, or 300 for "fancy", by default; at least what the fullest sequence needs.
    seed : int
        Source of all randomness: the same arguments give the same arrays.
    kind : {"plain", "fancy", "grammar"}
        The recipe, see `seqdl.data.motif_recipes.RECIPES`. "plain" and "fancy" classes hold different motifs;
        "grammar" classes hold the same two, once each, in another order, direction or distance.
    fractions : (float, float)
        Shares of the validation and of the test sequences. Sequences are drawn one by one, so that none is
        a copy, a neighbour or a relative of another: here, unlike in a genome, a random split is honest.
        Every class is split in the same proportions.

    Returns
    -------
    classes : MotifClasses

    Raises
    ------
    InputError
        If an argument is out of range, or the sequences are too short for their motifs.

    Examples
    --------
    >>> data = simulate_motif_classes(400, seed=1)
    >>> data.codes.shape, len(data.part("test")), data.class_names[3]
    ((400, 200), 40, 'GATA1, CTCF')
    """
    require_one_of("kind", kind, tuple(RECIPES))
    recipes = RECIPES[kind]
    length = LENGTHS[kind] if length is None else length
    require_at_least(len(recipes), n=n)
    require_at_least(0, seed=seed)
    fractions = tuple(float(share) for share in fractions)
    if len(fractions) != 2 or min(fractions) < 0 or sum(fractions) >= 1:
        raise InputError(
            f"`fractions` are two shares, of validation and test, below 1 together. Received: {fractions}."
        )
    names = motifs_of(recipes)
    probabilities = {name: motif_probabilities(name) for name in names}
    widths = {name: len(probabilities[name]) for name in names}
    needed = max(most_bases(recipe, widths) for recipe in recipes)
    if length < needed:
        raise InputError(
            f"`length` must be at least {needed}, which the fullest sequence of kind {kind!r} takes. "
            f"Received: {length}."
        )
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n, dtype=np.int64) % len(recipes))
    codes = rng.integers(0, 4, (n, length), np.uint8)
    tables = [
        place_motifs(recipe, np.flatnonzero(labels == number), length, names, widths, rng)
        for number, recipe in enumerate(recipes)
    ]
    rows, motifs, starts, strands = (np.concatenate(column) for column in zip(*tables, strict=True))
    order = np.lexsort((starts, rows))
    rows, motifs, starts, strands = rows[order], motifs[order], starts[order], strands[order]
    ends = starts + np.array([widths[name] for name in names])[motifs]
    for number, name in enumerate(names):
        here = np.flatnonzero(motifs == number)
        letters = draw_instances(probabilities[name], len(here), rng)
        turned = strands[here] < 0
        letters[turned] = reverse_complement(letters[turned])
        codes[rows[here, None], starts[here, None] + np.arange(widths[name])] = letters
    return MotifClasses(
        kind, codes, labels, _split(labels, fractions), tuple(recipe.name for recipe in recipes), names,
        Instances(rows, motifs, starts, ends, strands.astype(np.int8)),
    )  # fmt: skip


def write_motif_classes(classes: MotifClasses, out: str | Path) -> list[Path]:
    """Write one FASTA file a class, whose headers name the split, and a table of what was planted.

    Parameters
    ----------
    classes : MotifClasses
    out : str or Path
        Folder; made when it does not exist.

    Returns
    -------
    written : list of Path
        ``class_0.fa`` and so on, then ``truth.tsv``.
    """
    from seqdl.files import write_text

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    letters = [row.tobytes().decode("ascii") for row in CODE_TO_LETTER[classes.codes]]
    written = []
    for label, name in enumerate(classes.class_names):
        written.append(out / f"class_{label}.fa")
        write_text(written[-1], "".join(
            f">seq_{row} split={SPLITS[classes.split[row]]} class={label} {name}\n{letters[row]}\n"
            for row in np.flatnonzero(classes.labels == label)
        ))  # fmt: skip
    lines = [
        f"seq_{row}\t{start}\t{end}\t{classes.motif_names[motif]}\t{'+' if strand > 0 else '-'}\n"
        for row, motif, start, end, strand in zip(*(c.tolist() for c in classes.instances), strict=True)
    ]
    written.append(out / "truth.tsv")
    write_text(written[-1], "sequence\tstart\tend\tmotif\tstrand\n" + "".join(lines))
    return written


def _split(labels: np.ndarray, fractions: tuple[float, float]) -> np.ndarray:
    """Assign splits class by class; the order of the sequences is random already."""
    split = np.zeros(len(labels), np.uint8)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        valid, test = (round(len(rows) * share) for share in fractions)
        split[rows[:valid]], split[rows[valid : valid + test]] = 1, 2
    if any(share > 0 and not (split == code).any() for code, share in enumerate(fractions, 1)):
        missing = [SPLITS[code] for code, share in enumerate(fractions, 1) if not (split == code).any()]
        raise InputError(
            f"{len(labels)} sequences are too few for the shares {fractions}: nothing is left for "
            f"{few(missing)}. Simulate more, or give 0 for a split that you do not need."
        )
    return split
