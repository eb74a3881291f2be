"""What scoring needs of a network: a run's own predictor and card, or any object with the same few names."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.progress import say
from seqdl.variants.options import ScoringOptions
from seqdl.words import suggest

if TYPE_CHECKING:
    from seqdl.training.run import Run


class Asker(NamedTuple):
    """One network ready to be asked: codes (n, window) in, its outputs (log odds or coverage) out.

    `mean` averages strands as the run's card says; ``strand(codes, reverse)`` reads one of them. With the
    incremental engine both take `of` as well, see `seqdl.prediction.predictor.Predictor.logits`.
    """

    mean: Callable[..., np.ndarray]
    strand: Callable[..., np.ndarray] | None = None


@dataclass(frozen=True)
class Network:
    """A run's network, and what is known about it.

    Attributes
    ----------
    asker : Asker
        uint8 codes (n, window) to float32 log odds (n, targets), or coverage (n, bins, targets).
    members, thinned : callable
        ``members()`` and ``thinned(draws, seed)`` give the askers of an ensemble's members, and of networks
        with fixed dropout masks.
    window, anchor, batch_size : int
        Bases of a window, index of a variant's first base in it, windows at once.
    target_names, target_labels : tuple of str
        One per target; a label adds cell, assay and treatment where the card has them.
    targets : tuple of dict
        The card's target table.
    strand_average, random_split : bool
        From the card.
    label : str
        What the card calls the network.
    task : {"binary", "coverage"}
    bins, resolution : int
        Of coverage: bins a window, bases a bin; 0 for log odds.
    spared : float
        Floating-point operations of a pass that strips spare a changed window; 0 without any.
    model_file : Path or None
        Where its weights are: tells a run from another.
    """

    asker: Asker
    window: int
    anchor: int
    batch_size: int
    target_names: tuple[str, ...]
    target_labels: tuple[str, ...]
    strand_average: bool
    random_split: bool
    label: str
    targets: tuple[dict, ...] = ()
    task: str = "binary"
    bins: int = 0
    resolution: int = 0
    model_file: Path | None = None
    folder: Path | None = None
    spared: float = 0.0
    members: Callable[[], list[Asker]] = lambda: []
    thinned: Callable[[int, int], list[Asker]] | None = None

    @property
    def margin(self) -> int:
        """Bases between the window's first and that of the first bin of coverage."""
        return (self.window - self.bins * self.resolution) // 2


def open_network(run: object, genome: Genome, options: ScoringOptions) -> Network:
    """Open a run for scoring.

    Parameters
    ----------
    run : path, Run, Network, or predictor
        A predictor has ``logits``, ``window`` and ``target_names``.
    genome : Genome
        Checked against the run's card.
    options : ScoringOptions

    Returns
    -------
    network : Network

    Raises
    ------
    InputError
        If the run is unusable, or its genome is another one.
    """
    if isinstance(run, Network):
        return run
    if hasattr(run, "logits"):
        if options.engine == "incremental":
            raise InputError("`engine` incremental needs a run folder, whose layers it follows.")
        names = tuple(map(str, run.target_names))
        return Network(
            asker=Asker(run.logits),
            window=int(run.window),
            anchor=int(getattr(run, "anchor", run.window // 2)),
            batch_size=int(getattr(run, "batch_size", options.batch_size or 256)),
            target_names=names,
            target_labels=names,
            targets=tuple({"name": name} for name in names),
            strand_average=bool(getattr(run, "strand_average", False)),
            random_split=False,
            label=type(run).__name__,
        )
    from seqdl.models.ensemble import ensemble_members
    from seqdl.prediction.predictor import Predictor
    from seqdl.prediction.tasks import require_bases, require_dna
    from seqdl.training.run import MODEL, Run

    run = Run.open(run)
    for require in (require_bases, require_dna):
        require(run, "Scoring variants")
    found = run.check_genome(genome, allow_mismatch=options.allow_genome_mismatch)
    if genome.checksum != run.card["genome"]["checksum"]:
        say(found)

    def predictor(model: object = None) -> Predictor:
        one = run
        if model is not None:
            one = copy(run)
            one.__dict__["model"] = model  # a cached property's value: the card is the run's
        return Predictor(one, options.batch_size, options.strand_average, options.precision, options.engine)

    _require_room(options.batch_size, int(run.window))
    whole = predictor()
    binary = run.task == "binary"
    return Network(
        asker=_asker(whole),
        window=int(run.window),
        anchor=int(run.anchor),
        batch_size=whole.batch_size,
        target_names=tuple(map(str, run.target_names)),
        target_labels=_labels(run.card["targets"]),
        targets=tuple(run.card["targets"]),
        strand_average=whole.strand_average,
        random_split=run.random_split,
        label=run.label,
        task=run.task,
        bins=0 if binary else run.output_shape[0],
        resolution=run.resolution,
        model_file=run.path if run.path.is_file() else run.path / MODEL,
        folder=run.folder,
        spared=whole.spared,
        members=lambda: [_asker(predictor(model)) for model in ensemble_members(run.model)],
        thinned=lambda draws, seed: _thinned(run, predictor, draws, seed),
    )


def _require_room(batch_size: int | None, window: int) -> None:
    """Refuse a batch that no network on this machine could take: the system would end the process."""
    size = (batch_size or 0) * window * 16  # one-hot, float32
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > there:
        raise InputError(
            f"`batch_size`: {batch_size:,} windows of {window:,} bases alone take {size / 1e9:,.0f} GB, and "
            f"this machine has {there / 1e9:,.0f}. Take a smaller one; a batch is filled up, however few "
            "variants there are."
        )


def _thinned(run: Run, predictor: Callable, draws: int, seed: int) -> list[Asker]:
    from seqdl.uncertainty.dropout import thinned_models

    return [_asker(predictor(model)) for model in thinned_models(run.model, draws, seed)]


def _asker(predictor) -> Asker:
    return Asker(predictor.logits if predictor.task == "binary" else predictor.coverage, predictor.strand)


def _labels(targets: Sequence[dict]) -> tuple[str, ...]:
    """Describe each target of a card as "name cell assay treatment", as far as they are known."""
    keys = ("name", "cell", "assay", "treatment")
    return tuple(" ".join(dict.fromkeys(str(t[k]) for k in keys if t.get(k))) for t in targets)


def pick_targets(names: Sequence[str], wanted: Sequence[str] | str | None) -> np.ndarray:
    """Find targets by name.

    Parameters
    ----------
    names : sequence of str
        All targets.
    wanted : sequence of str, optional
        Names, or patterns with ``*`` and ``?``; None takes all.

    Returns
    -------
    places : int64 array
        In the order of `names`.

    Raises
    ------
    InputError
        If a name or pattern fits no target.
    """
    if wanted is None:
        return np.arange(len(names))
    places: set[int] = set()
    for pattern in [wanted] if isinstance(wanted, str) else wanted:
        found = [i for i, name in enumerate(names) if name == pattern]
        found = found or [i for i, name in enumerate(names) if fnmatch.fnmatchcase(name, pattern)]
        if not found:
            raise InputError(
                f"`targets`: the run has no target {pattern!r} "
                f"(it has {len(names)}).{suggest(str(pattern), names)}"
            )
        places.update(found)
    if not places:
        raise InputError("`targets` needs at least one name, or leave it out to take all.")
    return np.array(sorted(places), np.int64)
