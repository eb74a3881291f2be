"""The run's folder: what may be there when a training begins, and what is written when it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.files import write_text
from seqdl.training.config import TrainingConfig
from seqdl.training.make_card import make_card
from seqdl.training.run import CARD, CHECKPOINT, CONFIG, HISTORY, METRICS, MODEL, Run

# Plans of many trainings; their runs lie in folders below.
_OTHERS = {
    "folds.json": "a cross-validation", "members.json": "an ensemble with its members",
    "search.json": "a search",
}  # fmt: skip
# What a run folder may hold: an --overwrite removes these and nothing else.
_OWN_FILES = (MODEL, CARD, CONFIG, HISTORY, METRICS, CHECKPOINT)


def check_folder(out: Path, resume: bool, overwrite: bool) -> dict | None:
    """Look what the run's folder holds.

    Parameters
    ----------
    out : Path
    resume, overwrite : bool
        What was asked for.

    Returns
    -------
    state : dict or None
        What to resume from; None for a fresh start.

    Raises
    ------
    InputError
        If the folder holds a run that is neither to be resumed nor to be replaced.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; a folder is needed.")
    for name, what in _OTHERS.items():
        if (out / name).exists():
            raise InputError(
                f"{out} holds {what}, which a single run would be mixed with. Choose another --out."
            )
    checkpoint = out / CHECKPOINT
    if resume and checkpoint.exists():
        from seqdl.training.checkpoint import read_state

        return read_state(checkpoint)
    if (out / MODEL).exists() and not overwrite:
        if resume:
            raise InputError(f"{out} holds a finished run; there is nothing to resume.")
        raise InputError(f"{out} holds a finished run. Choose another --out, or replace it with --overwrite.")
    if checkpoint.exists() and not overwrite:
        raise InputError(
            f"{out} holds an unfinished training. Go on with --resume, or start afresh with --overwrite."
        )
    return None


def check_state(state: dict, out: Path, data: Dataset, config: TrainingConfig, record: dict) -> None:
    """Refuse to resume a training that was begun with other choices or other data.

    Parameters
    ----------
    state : dict
        From `check_folder`.
    out : Path
    data : Dataset
    config : TrainingConfig
        Resolved.
    record : dict
        Of what will be trained on, see `seqdl.training.prepare`.
    """
    changed = config.differences(TrainingConfig.from_dict(state["config"], str(out / CHECKPOINT)))
    if state["dataset_sha256"] != data.sha256:
        changed.append("another dataset")
    if state.get("record", {}).get("sample_weights_sha256") != record.get("sample_weights_sha256"):
        changed.append("other sample weights")
    if changed:
        raise InputError(
            f"{out} was begun with other choices ({'; '.join(changed)}), so resuming would mix two "
            f"trainings. Use the same ones, or start afresh with --overwrite."
        )


def make_folder(out: Path, config: TrainingConfig) -> None:
    """Make the run's folder, without what an earlier training left, and write the choices down."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the run's folder {out}: {error.strerror}.") from error
    for name in _OWN_FILES:
        (out / name).unlink(missing_ok=True)
    write_text(out / CONFIG, json.dumps(config.to_dict(), indent=1))


def finish(out: Path, data: Dataset, config: TrainingConfig, network, rows: list, keep, more: dict) -> Run:
    """Write the float32 model with its card; the checkpoint has then done its work.

    Parameters
    ----------
    out : Path
    data : Dataset
    config : TrainingConfig
        Resolved.
    network : keras.Model
        With the best epoch's weights.
    rows : list of dict
        The history.
    keep : KeepBest
    more : dict
        Further entries of the card's record of the training.
    """
    from seqdl.models.save import save_model_file
    from seqdl.training.network import build_network, model_options

    model = build_network(replace(config, precision="float32"), data)
    model.set_weights(network.get_weights())
    card = make_card(
        data,
        model={
            "name": config.model, "preset": config.preset, "parameters": int(model.count_params()),
            "overrides": model_options(config),
        },
        training={
            **config.to_dict(), "epochs_run": len(rows), "best_epoch": keep.best_epoch + 1,
            "best_value": keep.best_value, "seconds": round(sum(row["seconds"] for row in rows), 1), **more,
        },
        strand_average=config.strand_average,
        metrics={"validation": {
            k: v for k, v in rows[keep.best_epoch].items() if k[:4] == "val_" and np.isfinite(v)
        }},
    )  # fmt: skip
    write_text(out / CARD, json.dumps(card, indent=1))
    save_model_file(model, out / MODEL, card)
    (out / CHECKPOINT).unlink(missing_ok=True)
    return Run.open(out)
