"""What scoring needs of a network: a run's own predictor and card, or any object with the same few names."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.progress import say
from seqdl.words import suggest


@dataclass(frozen=True)
class Network:
    """A network ready to be asked.

    Attributes
    ----------
    logits : callable
        uint8 codes (n, window) to float32 log odds (n, targets).
    window, anchor, batch_size : int
        Bases of a window, index of a variant's first base in it, windows at once.
    target_names, target_labels : tuple of str
        One per target; a label adds cell, assay and treatment where the card has them.
    strand_average, random_split : bool
        From the card.
    label : str
        What the card calls the network.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    window: int
    anchor: int
    batch_size: int
    target_names: tuple[str, ...]
    target_labels: tuple[str, ...]
    strand_average: bool
    random_split: bool
    label: str


def open_network(
    run: object,
    genome: Genome,
    batch_size: int,
    strand_average: bool | None,
    precision: str,
    allow_genome_mismatch: bool,
) -> Network:
    """Open a run for scoring.

    Parameters
    ----------
    run : path, Run, or predictor
        A predictor has ``logits``, ``window`` and ``target_names``.
    genome : Genome
        Checked against the run's card.
    batch_size : int
        Windows at once.
    strand_average : bool, optional
        As the card says by default.
    precision : str
        "float32" or "bfloat16".
    allow_genome_mismatch : bool
        Accept another genome than the run's.

    Returns
    -------
    network : Network

    Raises
    ------
    InputError
        If the run is unusable, or its genome is another one.
    """
    if hasattr(run, "logits"):
        names = tuple(map(str, run.target_names))
        return Network(
            logits=run.logits,
            window=int(run.window),
            anchor=int(getattr(run, "anchor", run.window // 2)),
            batch_size=int(getattr(run, "batch_size", batch_size)),
            target_names=names,
            target_labels=names,
            strand_average=bool(getattr(run, "strand_average", False)),
            random_split=False,
            label=type(run).__name__,
        )
    from seqdl.prediction.predictor import Predictor
    from seqdl.prediction.tasks import require_bases, require_dna, require_labels
    from seqdl.training.run import Run

    run = Run.open(run)
    for require in (require_labels, require_bases, require_dna):
        require(run, "Scoring variants")
    found = run.check_genome(genome, allow_mismatch=allow_genome_mismatch)
    if genome.checksum != run.card["genome"]["checksum"]:
        say(found)
    predictor = Predictor(run, batch_size, strand_average, precision)
    return Network(
        logits=predictor.logits,
        window=int(run.window),
        anchor=int(run.anchor),
        batch_size=batch_size,
        target_names=tuple(map(str, run.target_names)),
        target_labels=_labels(run.card["targets"]),
        strand_average=predictor.strand_average,
        random_split=run.random_split,
        label=run.label,
    )


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
