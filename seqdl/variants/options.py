"""What a user chooses about scores: one object, checked once, that travels to wherever they are computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.incremental import ENGINES
from seqdl.variants.screen import check_policy
from seqdl.words import suggest

AUTO, NONE = "auto", "none"  # of `background` and `calibration`
SPREADS = ("members", "strands", "shifts", "dropout")


@dataclass(frozen=True)
class ScoringOptions:
    """Everything beside the run, the genome and the variants that decides the numbers.

    Attributes
    ----------
    scores : tuple of str, or None
        Wanted scores; None takes the task's own two.
    targets : tuple of str, or None
        Names or patterns; None takes all.
    category : str, or None
        Column of the card's target table, or a TSV of target and category: means over its targets.
    ref_mismatch : str
        See `seqdl.variants.screen`.
    anchor : int, or None
        Index of a variant's first base in the window; None takes the run's own.
    batch_size : int, or None
        Windows at once.
    strand_average : bool, or None
        None does as the card says.
    precision : str
        "float32" or "bfloat16".
    shifts : tuple of int
        Bases by which the window is moved to the left; predictions are averaged over them.
    spread : tuple of str
        Sources of uncertainty that get columns, from `SPREADS`.
    draws, seed : int
        Thinned networks of Monte-Carlo dropout, and where they begin.
    normalize : bool
        Left-align and trim alleles first.
    engine : {"auto", "incremental", "full"}
        Whole passes, or of a substitution's window only what it can reach (`seqdl.incremental`): "auto" does
        so for chunks of variants that gain more by it than it takes to set up.
    share_reference : int
        Bases of a tile whose variants share one reference window; 0 gives each its own.
    haplotypes : str or None
        A sample whose own haplotypes are scored, see `seqdl.variants.personal.haplotypes`.
    haplotype_effect, on_unphased : str
        As there.
    background, calibration : str or None
        Files made by `seqdl background` and `seqdl calibrate`; "auto" takes the run's own if it has them,
        "none" takes none.
    allow_genome_mismatch : bool
        Accept another genome than the run's.
    """

    scores: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    category: str | None = None
    ref_mismatch: str = "skip"
    anchor: int | None = None
    batch_size: int | None = None
    strand_average: bool | None = None
    precision: str = "float32"
    shifts: tuple[int, ...] = (0,)
    spread: tuple[str, ...] = ()
    draws: int = 10
    seed: int = 1
    normalize: bool = False
    engine: str = "auto"
    share_reference: int = 0
    haplotypes: str | None = None
    haplotype_effect: str = "joint"
    on_unphased: str = "error"
    background: str | None = None
    calibration: str | None = None
    allow_genome_mismatch: bool = False

    def described(self) -> dict:
        """Return them as plain values, files by their content: equal where the numbers are."""
        found = asdict(self)
        for key in ("background", "calibration", "category"):
            value = found[key]
            if value is not None and Path(value).is_file():
                found[key] = hashlib.sha256(Path(value).read_bytes()).hexdigest()
        return json.loads(json.dumps(found))


def check_options(options: ScoringOptions) -> ScoringOptions:
    """Check what can be checked without a run.

    Parameters
    ----------
    options : ScoringOptions

    Returns
    -------
    options : ScoringOptions
        With sequences as tuples.

    Raises
    ------
    InputError
        Naming the option.
    """
    check_policy(options.ref_mismatch)
    require_one_of("engine", options.engine, ENGINES)
    if options.batch_size is not None and options.batch_size < 1:
        raise InputError(
            f"`batch_size` must be a positive number of windows. Received: {options.batch_size}."
        )
    shifts = tuple(int(shift) for shift in options.shifts)
    if not shifts or len(set(shifts)) < len(shifts):
        raise InputError(
            f"`shifts` must be one or more different whole numbers of bases, such as -1,0,1. "
            f"Received: {','.join(map(str, shifts)) or 'none'}."
        )
    spread = _names(options.spread)
    for name in spread:
        if name not in SPREADS:
            raise InputError(
                f"`spread` may hold {', '.join(SPREADS)}. Received: {name!r}.{suggest(str(name), SPREADS)}"
            )
    if "shifts" in spread and len(shifts) < 2:
        raise InputError(
            "`spread` over shifts needs at least two of them, such as --shifts -1,0,1. Received: one shift."
        )
    if options.scores is not None and not len(options.scores):
        raise InputError("`scores` needs at least one name, or leave it out to take the usual two.")
    require_at_least(2, draws=options.draws)
    if options.haplotypes is not None and (options.share_reference or options.normalize):
        raise InputError(
            "`haplotypes` builds each allele's own windows from the sample's sequence: leave out "
            "`share_reference` and `normalize`."
        )
    if options.haplotypes is not None and options.ref_mismatch in ("flip", "force"):
        raise InputError(
            "`haplotypes` can only hold alleles whose REF is the genome's: `ref_mismatch` is skip or error. "
            f"Received: {options.ref_mismatch!r}."
        )
    if options.share_reference < 0:
        raise InputError(
            f"`share_reference` is the number of bases in a tile whose variants share a reference window, "
            f"or 0. Received: {options.share_reference}."
        )
    return replace(
        options,
        shifts=shifts,
        spread=tuple(name for name in SPREADS if name in spread),
        scores=None if options.scores is None else _names(options.scores),
        targets=None if options.targets is None else _names(options.targets),
    )


def _names(values: Sequence[str] | str) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)
