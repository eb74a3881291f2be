"""The run card: everything that must hold for a trained model's numbers to mean something."""

from __future__ import annotations

import datetime
import platform
from importlib.metadata import PackageNotFoundError, version

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import SPLITS, TARGET_COLUMNS
from seqdl.encoding import ALPHABET, RNA
from seqdl.training.card import FORMAT, VERSION
from seqdl.version import __version__

# What a network's last layer holds.
OUTPUTS = {
    "binary": {"kind": "probability", "layer": "probabilities", "logit_layer": "logits"},
    "coverage": {"kind": "coverage", "layer": "coverage"},
}
_PACKAGES = ("tensorflow", "keras", "jax", "torch", "numpy", "h5py", "pyfaidx", "pybedtools")


def packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def make_card(data: Dataset, model: dict, training: dict, strand_average: bool, metrics: dict) -> dict:
    """Describe a trained model: everything that must hold for its numbers to mean something.

    Parameters
    ----------
    data : Dataset
        What it was trained on.
    model : dict
        name, preset, parameters, overrides.
    training : dict
        The resolved configuration and how the training went.
    strand_average : bool
        Whether predictions are averaged over both strands.
    metrics : dict
        What the best epoch reached on the validation windows; `evaluate` adds the test windows'.

    Returns
    -------
    card : dict
        JSON-ready.
    """
    table = data.targets
    split = {"kind": data.split_kind, "random": data.random_split}
    for number, name in enumerate(SPLITS):
        rows = data.split == number
        chroms = sorted(set(data.chroms[rows]) - {""}) if data.kind == "genome" else []
        split[name] = {"windows": int(rows.sum()), "contigs": chroms}
    if data.fold is not None:
        split["fold"] = data.fold
    contigs, pairs = data.contigs, data.strand_pairs.tolist()
    card = {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seqdl": __version__,
        "packages": packages(),
        "model": model,
        "task": data.task,
        "alphabet": RNA if data.alphabet == "rna" else ALPHABET,
        "structured": data.structured,
        "n_policy": "zeros",
        "window": data.window,
        "bin": data.bin,
        "anchor": data.window // 2,
        "resolution": data.resolution,
        "input_shape": [data.window, data.channels],
        "output": OUTPUTS[data.task],
        "strand_pairs": pairs if pairs != list(range(len(pairs))) else None,
        "targets": [{c: row[c] for c in TARGET_COLUMNS} for row in table.to_dict("records")],
        "genome": {
            "name": data.genome_name,
            "checksum": data.genome_checksum,
            "contigs": {
                n: {"length": int(length), "md5": m}
                for n, length, m in zip(contigs.names, contigs.lengths, contigs.md5, strict=True)
            },
        },
        "split": split,
        "strand_average": strand_average,
        "dataset": {
            "path": str(data.path.resolve()), "sha256": data.sha256, "windows": data.n,
            "genome_path": data.genome_path,
        },
        "training": training,
        "metrics": metrics,
    }  # fmt: skip
    if data.task == "coverage":
        # With these, `seqdl.data.transform.Transform` turns a prediction back into the track's own unit.
        card["transforms"] = data.provenance.get("coverage", {}).get("targets", [])
    return card
