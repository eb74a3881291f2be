"""`Run`: a folder that says what it is. The model, its card, its configuration, history and metrics.

The card (format "seqdl-run", version 2) stands in `card.json` and inside `model.keras`, so a model
that travels alone still knows its alphabet, window, targets and genome.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

from seqdl.data.dataset_file import TARGET_COLUMNS
from seqdl.errors import InputError
from seqdl.files import require_file, write_text
from seqdl.training.card import check_card, check_same
from seqdl.training.history import read_history
from seqdl.words import few, suggest

MODEL, CARD, CONFIG, HISTORY, METRICS = (
    "model.keras",
    "card.json",
    "config.json",
    "history.csv",
    "metrics.json",
)
CHECKPOINT = "checkpoint.h5"
MEMBER_HISTORIES = "members.csv"  # of an ensemble: its members' histories in one table


class Run:
    """A trained model with its card; open it with `Run.open`.

    Attributes
    ----------
    path : Path
        The run's folder (or the model file, when only that was given).
    card : dict
        See `seqdl.training.make_card`.
    """

    def __init__(self, path: Path, card: dict, model_file: Path) -> None:
        self.path, self.card, self._model_file = path, card, model_file

    @classmethod
    def open(cls, path: Run | str | Path) -> Run:
        """Open a run folder, or a `model.keras` file that travels alone.

        Parameters
        ----------
        path : path or Run
            An open run is returned as it is.

        Raises
        ------
        InputError
            If it is no run, is unfinished, damaged, or of a newer version.
        """
        if isinstance(path, Run):
            return path
        if not isinstance(path, (str, Path)):
            raise InputError(f"A run is the path of its folder, or a Run. Received: {type(path).__name__}.")
        path = Path(path).expanduser()
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir() if p.is_dir()] if path.parent.is_dir() else []
            raise InputError(f"There is no run at {path}.{suggest(path.name, siblings)}")
        if path.is_file():
            from seqdl.models.load import read_card

            card, model_file = read_card(path), path
            if card is None:
                raise InputError(
                    f"{path} carries no seqdl card, so its window and targets are unknown. Give a run folder."
                )
        else:
            model_file = path / MODEL
            if not model_file.exists():
                unfinished = (
                    " Its training was cut off: go on with `seqdl train --resume`."
                    if (path / CHECKPOINT).exists()
                    else ""
                )
                raise InputError(f"{path} is no finished run: it has no {MODEL}.{unfinished}")
            card = _read_json(path / CARD, "run card")
        return cls(path, check_card(card, path), model_file)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.label}, {len(self.target_names)} targets)"

    @property
    def folder(self) -> Path:
        """Where results of this run are written."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def label(self) -> str:
        """What the network is called: its model and preset."""
        model = self.card["model"]
        if model.get("members"):
            return f"{model['name']} of {model['of']}"
        return " ".join(str(model[key]) for key in ("name", "preset") if model.get(key))

    @property
    def window(self) -> int:
        """Input length, bases."""
        return int(self.card["window"])

    @property
    def bin(self) -> int:
        """Labelled central stretch, bases."""
        return int(self.card["bin"])

    @property
    def task(self) -> str:
        """What is predicted: "binary" labels of a window, or "coverage" along its middle."""
        return self.card["task"]

    @property
    def resolution(self) -> int:
        """Bases a predicted value of coverage; 0 for binary labels."""
        return int(self.card["resolution"])

    @property
    def structured(self) -> bool:
        """Whether the network reads bases with their secondary structure."""
        return self.card["structured"]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(targets,), or (bins, targets) of coverage."""
        targets = len(self.card["targets"])
        return (targets,) if self.task == "binary" else (self.bin // self.resolution, targets)

    @property
    def strand_pairs(self):
        """int (targets,): the target that each target becomes on the other strand."""
        import numpy as np

        pairs = self.card["strand_pairs"]
        return np.arange(len(self.card["targets"])) if pairs is None else np.asarray(pairs)

    @property
    def anchor(self) -> int:
        """Index in the window of a scored variant's first base."""
        return int(self.card["anchor"])

    @property
    def n_policy(self) -> str:
        """What an unknown base is to the model."""
        return self.card["n_policy"]

    @property
    def strand_average(self) -> bool:
        """Whether predictions are averaged over both strands unless told otherwise."""
        return bool(self.card["strand_average"])

    @property
    def random_split(self) -> bool:
        """Whether the run was trained on windows split at random, which leaks."""
        return bool(self.card["split"]["random"])

    @property
    def target_names(self) -> list[str]:
        """Names of the outputs, in order."""
        return [t["name"] for t in self.card["targets"]]

    @property
    def targets(self):
        """The target table: a pandas DataFrame, one row an output."""
        import pandas as pd

        return pd.DataFrame(self.card["targets"], columns=list(TARGET_COLUMNS))

    @cached_property
    def model(self):
        """The Keras model, opened in safe mode: (batch, window, 4) float32 to (batch, targets)."""
        from seqdl.models.load import load_model_file, read_card

        inner = read_card(self._model_file)
        if inner is not None:
            check_same(self.card, inner, self.path)
        model = load_model_file(self._model_file)
        expected = (None, *self.card["input_shape"]), (None, *self.output_shape)
        if (model.input_shape, model.output_shape) != expected:
            raise InputError(
                f"The model in {self._model_file} takes {model.input_shape} and gives {model.output_shape}, "
                f"but its card says {expected[0]} and {expected[1]}: model and card do not belong together."
            )
        return model

    def check_genome(self, genome, allow_mismatch: bool = False) -> str:
        """Refuse a genome that is not the one this run was trained on.

        Parameters
        ----------
        genome : Genome
            What shall be read from. It may have more or fewer contigs than the training genome; those
            in common must have the same bases.
        allow_mismatch : bool
            Say yes all the same (flag ``--allow-genome-mismatch``).

        Returns
        -------
        note : str
            One sentence on what was found.

        Raises
        ------
        InputError
            Naming the contigs that differ.
        """
        known = self.card["genome"]["contigs"]
        if not known:
            return "The run was trained on sequences without a genome, so the genome is not checked."
        if genome.checksum == self.card["genome"]["checksum"]:
            return f"The genome is the run's own ({genome.name})."
        shared = [name for name in known if name in genome]
        differ = [name for name in shared if genome.md5[name] != known[name]["md5"]]
        flag = "If that is meant (another assembly or species), pass --allow-genome-mismatch."
        if not shared:
            reason = (
                f"The genome {genome.name} shares no contig name with the run's genome "
                f"{self.card['genome']['name']}: {few(genome.names, 3)} against {few(known, 3)}. {flag}"
            )
        elif differ:
            first = differ[0]
            reason = (
                f"The genome {genome.name} is not the one this run was trained on "
                f"({self.card['genome']['name']}): {len(differ)} of {len(shared)} contigs with the same "
                f"name have other bases, first {first} ({genome.lengths[first]:,} bp here, "
                f"{known[first]['length']:,} bp in training). {flag}"
            )
        else:
            return (
                f"{len(shared)} of the genome's {len(genome.names)} contigs are the run's own; "
                "the others are new to it."
            )
        if not allow_mismatch:
            raise InputError(reason)
        return reason

    def history(self) -> list[dict[str, float]]:
        """Return the training history, one dict an epoch; empty if there is none."""
        file = self.folder / HISTORY
        return read_history(file) if file.exists() else []

    def member_histories(self) -> list[list[dict[str, float]]]:
        """Return the histories of an ensemble's members, in order; empty for a single network."""
        file = self.folder / MEMBER_HISTORIES
        if not file.exists() or not self.card["model"].get("members"):
            return []
        found: dict[int, list[dict[str, float]]] = {}
        for row in read_history(file):
            found.setdefault(int(row.pop("member", 0)), []).append(row)
        return [found[number] for number in sorted(found)]

    def metrics(self) -> dict | None:
        """Return what `evaluate` found, or None before it was run."""
        file = self.folder / METRICS
        if not file.exists():
            return None
        metrics = _read_json(file, "metrics file")
        if not isinstance(metrics, dict) or not metrics.get("models"):
            raise InputError(
                f"The metrics file {file} holds no models' numbers. Write it again with `seqdl evaluate`."
            )
        return metrics

    def update_card(self, **entries) -> None:
        """Add entries to the card, in the folder (the model file keeps the card of its training)."""
        self.card.update(entries)
        if self.path.is_dir():
            write_text(self.path / CARD, json.dumps(self.card, indent=1))


def _read_json(path: Path, what: str):
    try:
        return json.loads(require_file(path, what).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The {what} {path} is damaged: {error}.") from error
