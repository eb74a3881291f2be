"""The optuna study behind a search: opened from its journal, and what it says of its trials."""

from __future__ import annotations

import json
from pathlib import Path

from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import atomic_path
from seqdl.training.config import TrainingConfig

PRUNERS = ("median", "hyperband", "none")


def require_optuna():
    """Return the module optuna, without its notes; MissingDependencyError if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(
            "A hyper-parameter search needs optuna, which is not installed: pip install 'seqdl[tune]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open_study(optuna, journal: Path, config: TrainingConfig, pruner: str):
    """Open or make the study of a search.

    Parameters
    ----------
    optuna : module
    journal : Path
        File that the trials are kept in.
    config : TrainingConfig
        Its `monitor` is optimised; `epochs` are the steps that a pruner looks at.
    pruner : str
        Of `PRUNERS`.

    Returns
    -------
    study : optuna.Study

    Raises
    ------
    InputError
        If the journal is damaged in more than its last line.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    warm = max(1, config.epochs // 5)
    made = {
        "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=warm),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(1, config.epochs, 3),
        "none": optuna.pruners.NopPruner,
    }[pruner]()
    _mend(journal)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))), study_name="seqdl", pruner=made,
        direction="minimize" if config.monitor.endswith("loss") else "maximize", load_if_exists=True,
    )  # fmt: skip


def bury(optuna, study) -> None:
    """Close trials that a kill left open. They do not count: the next one draws the same values again."""
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def done(study) -> int:
    """Count the trials that are over: finished, pruned, or failed for a reason."""
    return sum("seconds" in trial.user_attrs for trial in study.get_trials(deepcopy=False))


def best_trial(study):
    """Return the best finished trial, None before there is one."""
    finished = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    return study.best_trial if finished else None


def _mend(journal: Path) -> None:
    """Cut off a last line that a kill left half-written: optuna would append to it. Refuse other damage."""
    if not journal.exists():
        return
    text = journal.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            known = isinstance(json.loads(line), dict)
        except ValueError:
            known = False
        if not known:
            raise InputError(
                f"{journal}:{number}: the record of trials is damaged. Choose another --out, or start afresh "
                "with --overwrite."
            )
    if len(whole) < len(text):
        with atomic_path(journal) as aside:
            aside.write_bytes(whole)
