"""What a score means: its place in a background, calibrated probabilities, and whether the network knows such
sequences. Both come from files that `seqdl background` and `seqdl calibrate` keep beside the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seqdl.genome import Genome
from seqdl.variants.network import Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.passes import Passes, Prediction
from seqdl.variants.scored import Column
from seqdl.variants.screen import Screened


class Annotations:
    """Columns beside the scores."""

    def __init__(
        self, network: Network, genome: Genome, options: ScoringOptions, chosen: np.ndarray, anchor: int
    ) -> None:
        self.needs: tuple[str, ...] = ()

    def off(self) -> None:
        """Leave all columns out."""
        self.needs = ()

    def split(self, wanted: Sequence[str]) -> tuple[Sequence[str], tuple[str, ...]]:
        """Take the names that only a background gives out of the wanted scores."""
        return wanted, ()

    def columns(self, names: tuple[str, ...], extra: tuple[str, ...]) -> list[Column]:
        """Describe the columns that each target gets."""
        return []

    def notes(self) -> tuple[Column, ...]:
        """Describe the columns that each allele gets once."""
        return ()

    def settings(self) -> Iterator[tuple[str, str]]:
        """Yield what the header says about the files used."""
        yield from ()

    def of(
        self,
        ref: Prediction,
        alt: Prediction,
        values: dict[str, np.ndarray],
        screened: Screened,
        rows: slice,
        passes: Passes,
    ) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
        """Compute the columns of some rows: by target, a warning mark each, and the notes."""
        return {}, np.zeros(rows.stop - rows.start, bool), {}
