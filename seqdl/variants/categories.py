"""Targets joined into categories, such as all experiments of one cell: means over their targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.words import few, suggest

_KEYS = ("category", "cell", "assay", "treatment")


class Categories(NamedTuple):
    """Which targets belong together.

    Attributes
    ----------
    names : tuple of str
    weights : float32 array, shape (targets, categories)
        Columns add up to 1.
    source : str
        Where they are from, in words.
    """

    names: tuple[str, ...]
    weights: np.ndarray
    source: str

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Average values (m, targets) over each category's targets: float32 (m, categories)."""
        return (values @ self.weights.astype(values.dtype)).astype(np.float32)


def read_categories(source: str, targets: Sequence[dict]) -> Categories:
    """Sort targets into categories.

    Parameters
    ----------
    source : str
        A column of the run's target table (category, cell, assay, treatment), or a TSV whose lines are target
        and category; targets that it does not name belong to none.
    targets : sequence of dict
        The targets' rows of the card.

    Returns
    -------
    categories : Categories
        In the order of their first target.

    Raises
    ------
    InputError
        If there is no such column or file, or it names no target.
    """
    names = [str(target["name"]) for target in targets]
    if source in _KEYS:
        labels = [str(target.get(source) or "") for target in targets]
        said = f"the card's {source}"
        if not any(labels):
            known = [key for key in _KEYS if any(target.get(key) for target in targets)]
            raise InputError(
                f"`category`: the run's targets have no {source}. Known of them: {few(known)}. Or give "
                "a TSV of target and category."
            )
    elif Path(source).is_file():
        said, found = f"the file {Path(source).name}", {}
        for number, line in read_lines(source, "table of categories"):
            fields = line.split("\t")
            if len(fields) < 2:
                raise InputError(
                    f"The table of categories {source} has no tab in line {number}: {line[:60]!r}. Each "
                    "line is a target's name, a tab, and its category."
                )
            found[fields[0]] = fields[1]
        labels = [found.get(name, "") for name in names]
        if not any(labels):
            raise InputError(
                f"The table of categories {source} names none of the run's targets ({few(names, 3)}): its "
                f"first column holds {few(list(found), 3)}."
            )
    else:
        raise InputError(
            f"`category` is one of {', '.join(_KEYS)}, or a TSV of target and category. "
            f"Received: {source!r}.{suggest(source, _KEYS)}"
        )
    categories = tuple(dict.fromkeys(label for label in labels if label))
    weights = np.array([[label == name for name in categories] for label in labels], np.float32)
    return Categories(categories, weights / weights.sum(axis=0), said)
