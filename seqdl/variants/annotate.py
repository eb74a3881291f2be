"""What a score means: its place in a background, calibrated probabilities, intervals, and whether the network
knows such sequences. From the files that `seqdl background` and `seqdl calibrate` keep beside the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.uncertainty.calibration import FILE as CALIBRATION
from seqdl.variants.background import ACTIVE, Background, fingerprint, read_background
from seqdl.variants.background import FILE as BACKGROUND
from seqdl.variants.network import Network
from seqdl.variants.options import AUTO, NONE, ScoringOptions
from seqdl.variants.passes import Prediction
from seqdl.variants.scored import Column
from seqdl.variants.scores import Outputs

FROM_BACKGROUND = {"binary": "evalue", "coverage": "aaq"}  # scores that only a background gives


def find_files(network: Network, options: ScoringOptions) -> ScoringOptions:
    """Put the paths of a run's own background and calibration where "auto" stands, or None."""
    found = {}
    for name, file in (("background", BACKGROUND), ("calibration", CALIBRATION)):
        value = getattr(options, name)
        if value == AUTO:
            path = network.folder / file if network.folder else None
            found[name] = str(path) if path and path.exists() else None
        elif value == NONE:
            found[name] = None
    return replace(options, **found)


def require_single_targets(options: ScoringOptions, wanted: Sequence[str]) -> None:
    """Refuse what a category's mean cannot have, where it was asked for by name.

    Parameters
    ----------
    options : ScoringOptions
    wanted : sequence of str
        Names of scores.

    Raises
    ------
    InputError
        Naming the option or the score.
    """
    for name in ("background", "calibration"):
        value = getattr(options, name)
        if value not in (None, AUTO, NONE):
            raise InputError(
                f"`{name}` says something about single targets, and `category` writes means over several. "
                f"Leave one of them out. Received: {value} and {options.category}."
            )
    for name in FROM_BACKGROUND.values():
        if name in wanted:
            raise InputError(
                f"The score {name!r} compares single targets with a background, and `category` writes means "
                "over several. Leave one of them out."
            )


class Annotated(NamedTuple):
    """Columns beside the scores of m alleles.

    Attributes
    ----------
    values : dict of float32 arrays, shape (m, targets)
    notes : dict of float32 arrays, shape (m,)
    unlike : bool array, shape (m,)
        Whether the network was trained on no such sequence.
    """

    values: dict[str, np.ndarray]
    notes: dict[str, np.ndarray]
    unlike: np.ndarray


class Annotations:
    """What background and calibration add to scores.

    Parameters
    ----------
    network : Network
    options : ScoringOptions
        With paths, see `find_files`.
    chosen : int64 array
        Places of the targets that are written.
    anchor : int
    wanted : sequence of str
        Scores as they were asked for, or "all".

    Attributes
    ----------
    wanted : tuple of str
        The scores that the network alone gives.
    needs : tuple of str
        Scores that must be computed besides.

    Raises
    ------
    InputError
        If a file does not fit the run and the options, or a score needs a background that is not there.
    """

    def __init__(
        self,
        network: Network,
        options: ScoringOptions,
        chosen: np.ndarray,
        anchor: int,
        wanted: Sequence[str],
    ) -> None:
        self._binary = network.task == "binary"
        self._options, self._chosen, self._places = options, chosen, (network, anchor)
        self._own = FROM_BACKGROUND[network.task]
        self.wanted = tuple(name for name in wanted if name != self._own)
        everything = tuple(wanted) == ("all",)
        self._extra = self._own in wanted or (everything and options.background is not None)
        if self._extra and options.background is None:
            raise InputError(
                f"The score {self._own!r} compares with a background, and the run has none. Make one first: "
                "seqdl background --run ... --vcf ..."
            )
        if not self.wanted:
            self.wanted = ("deepsea_effect",) if self._binary else ("logSAD",)
        self.needs: tuple[str, ...] = ()
        self._background: Background | None = None
        self._calibration = None
        self._ranked: tuple[str, ...] = ()

    def open(self, effects: tuple[str, ...]) -> None:
        """Read the files, for the scores that are effects."""
        network, anchor = self._places
        options = self._options
        needs: list[str] = []
        if options.background is not None:
            own = ("deepsea_effect",) if self._binary else (ACTIVE,) * self._extra
            needs += ("deepsea_effect",) if self._binary else ("ref", "alt")
            self._ranked = effects
            self._background = read_background(
                options.background, (*effects, *own), fingerprint(network, options, anchor), self._chosen
            )
        if options.calibration is not None:
            from seqdl.uncertainty.calibration import Calibration

            if network.model_file is None:
                raise InputError("A calibration belongs to a run, and this network is none.")
            found = Calibration.open(options.calibration, network.model_file)
            if found.strand_average != network.strand_average or (
                not self._binary and options.shifts != (0,)
            ):
                strands = "both strands averaged" if found.strand_average else "one strand"
                raise InputError(
                    f"The calibration {options.calibration} was made with {strands} and unshifted windows, "
                    "and now it is not so. Make one with the same choices, or leave it out "
                    "(--calibration none)."
                )
            self._calibration = found.take(self._chosen)
            if self._calibration.causal is not None:
                needs.append(self._calibration.causal.score)
        self._effects, self.needs = effects, tuple(needs)

    def columns(self) -> list[Column]:
        """Describe the columns that each target gets."""
        found = []
        if self._background is not None:
            n, source = self._background.n, self._background.source
            for name in self._ranked:
                found += [
                    Column(
                        f"{name}_percentile",
                        f"100 * (share of the background with a smaller |{name}| + half of the same)",
                        f"percentile among {n:,} {source}",
                    ),
                    Column(
                        f"{name}_p",
                        f"(1 + those of the background with at least this |{name}|) / ({n:,} + 1)",
                        f"empirical p-value against {n:,} {source}; not corrected for multiple testing",
                    ),
                ]
            if self._extra and self._binary:
                found.append(
                    Column(
                        "evalue",
                        f"(1 + those of the background with at least this deepsea_effect) / ({n:,} + 1)",
                        f"E-value as DeepSEA's (Zhou & Troyanskaya 2015), against {n:,} {source}",
                    )
                )
            elif self._extra:
                found.append(
                    Column(
                        "aaq",
                        "share of the background with a smaller max(sum(ref), sum(alt)) + half of the same",
                        f"active allele quantile, 0 to 1, among {n:,} {source}",
                    )
                )
        if self._calibration is not None:
            from seqdl.uncertainty.derived import derived_columns

            found += derived_columns(self._calibration, (*self._effects, *self.needs))
        return found

    def notes(self) -> tuple[Column, ...]:
        """Describe the columns that each allele gets once."""
        found = []
        if self._background is not None:
            size = "MAX_ABS_DIFF"
            found += [
                Column(
                    "max_percentile",
                    f"percentile of {size} among the background variants' own",
                    f"{self._background.n:,} {self._background.source}",
                ),
                Column(
                    "max_p",
                    f"(1 + background variants whose {size} is at least this) / ({self._background.n:,} + 1)",
                    "empirical p-value of the largest effect; the choice of the target is accounted for",
                ),
            ]
            if self._binary:
                found.append(
                    Column(
                        "mle",
                        "mean over the targets of -log10(evalue)",
                        "mean log E-value: how unusual the effects are in all targets together",
                    )
                )
        if self._calibration is not None:
            from seqdl.uncertainty.derived import derived_notes

            found += derived_notes(self._calibration, (*self._effects, *self.needs))
        return tuple(found)

    def settings(self) -> Iterator[tuple[str, str]]:
        """Yield what the header says about the files used."""
        if self._background is not None:
            yield "background", f"{self._background.n:,} {self._background.source}"
        if self._calibration is not None:
            found = self._calibration
            yield "calibration", f"{found.n:,} windows of the {found.split} split, level {found.level:g}"

    def of(
        self,
        ref: Prediction,
        alt: Prediction,
        values: dict[str, np.ndarray],
        largest: np.ndarray,
        windows: np.ndarray,
    ) -> Annotated:
        """Compute the columns of m alleles.

        Parameters
        ----------
        ref, alt : Outputs, or float32 arrays of shape (m, bins, targets)
            Predictions.
        values : dict of float32 arrays, shape (m, targets)
            Scores, those of `needs` included.
        largest : float32 array, shape (m,)
            Largest effect over the targets.
        windows : uint8 array, shape (m, window)
            Of the alternative alleles.

        Returns
        -------
        annotated : Annotated
        """
        added, notes, unlike = {}, {}, np.zeros(len(largest), bool)
        if self._background is not None:
            for name in self._ranked:
                percentile, p = self._background.compare(name, values[name])
                added[f"{name}_percentile"], added[f"{name}_p"] = percentile, p
            notes["max_percentile"], notes["max_p"] = self._background.of_largest(largest)
            if self._binary:
                evalue = self._background.p_values("deepsea_effect", values["deepsea_effect"])
                notes["mle"] = -np.log10(evalue.astype(np.float64)).mean(axis=1).astype(np.float32)
                added["evalue"] = evalue
            elif self._extra:
                active = np.maximum(values["ref"], values["alt"])
                added["aaq"] = self._background.percentiles(ACTIVE, active) / np.float32(100)
        if self._calibration is not None:
            from seqdl.uncertainty.derived import derive

            outputs = (x.z if isinstance(x, Outputs) else x for x in (ref, alt))
            scores = {name: values[name] for name in (*self._effects, *self.needs)}
            added |= derive(self._calibration, *outputs, scores)
            if self._calibration.causal is not None and self._calibration.causal.by == "allele":
                notes["p_causal"] = added.pop("p_causal")
            if self._calibration.composition is not None:
                notes["unlike"], unlike = self._calibration.unlike(windows)
        return Annotated(added, notes, unlike)
