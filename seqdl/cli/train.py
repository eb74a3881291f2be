"""`seqdl train`: a dataset in, a run folder out."""

from __future__ import annotations

import argparse
import json

from seqdl.errors import InputError
from seqdl.training.config import MONITORS, OPTIMIZERS, PRECISIONS, TrainingConfig

HELP = "train a model on a dataset built with `seqdl data build`"
EXAMPLES = """\
examples:
  seqdl train --data ds.h5 --model deepsea --preset small --out run/
  seqdl train --data ds.h5 --out run/ --resume                      after a kill: goes on, same result
  seqdl train --data ds.h5 --out run/ --precision mixed_bfloat16    faster on a CPU with AVX512-BF16, or a GPU
  seqdl train --data ds.h5 --out run/ --set filters=[128,160,192] --set dense_units=512
  seqdl train --data ds.h5 --out again/ --config run/config.json    the same choices as another run

The test split is never looked at. History and checkpoint are written after every epoch.
"""
_DEFAULT = TrainingConfig()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each is an argument of `seqdl.fit` or a field of `TrainingConfig`."""
    parser.add_argument("--data", required=True, help="dataset file (.h5)")
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("-g", "--genome", help="the dataset's genome, if it has moved since the build")
    parser.add_argument("--resume", action="store_true", help="go on after the last finished epoch")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in --out")
    parser.add_argument("--config", help="JSON file of choices, such as another run's config.json")
    parser.add_argument("--tensorboard", metavar="FOLDER", help="also write TensorBoard logs there")

    model = parser.add_argument_group("model")
    _choice(model, "model", str, "network (see `seqdl models list`)")
    _choice(model, "preset", str, "size of it")
    model.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="overrides",
        help="replace one of the preset's sizes (VALUE is JSON); may be repeated",
    )  # fmt: skip

    group = parser.add_argument_group("training")
    _choice(group, "epochs", int, "at most this many")
    _choice(group, "batch_size", int, "windows a step")
    _choice(group, "optimizer", str, "", choices=OPTIMIZERS)
    _choice(group, "learning_rate", float, "at the peak")
    _choice(group, "schedule", str, "", choices=("cosine", "constant"))
    _choice(group, "warmup", float, "share of the steps in which the rate climbs")
    _choice(group, "weight_decay", float, "of adamw")
    _choice(group, "momentum", float, "of sgd")
    _choice(group, "clip_norm", float, "largest gradient norm, 0 for none")
    _choice(group, "patience", int, "epochs without improvement before stopping, 0 never stops early")
    _choice(group, "monitor", str, "what the best epoch is judged by", choices=MONITORS)
    _choice(group, "epoch_windows", int, "windows an epoch; by default all of the training split")
    _choice(group, "precision", str, "of the training; the finished model is float32", choices=PRECISIONS)
    _choice(group, "seed", int, "")
    group.add_argument(
        "--deterministic", action="store_true", default=None, help="bit-for-bit repeatable, a little slower"
    )

    group = parser.add_argument_group("augmentation and strands")
    _choice(group, "max_shift", int, "random shift of each training window, bases to either side")
    group.add_argument(
        "--no-reverse-complement", dest="reverse_complement", action="store_false", default=None,
        help="train on the forward strand only",
    )  # fmt: skip
    group.add_argument(
        "--no-strand-average", dest="strand_average", action="store_false", default=None,
        help="predict from the forward strand only (recorded in the card)",
    )  # fmt: skip


def _choice(group, name: str, kind, text: str, choices=None) -> None:
    # None means "not given", so that a flag can be told from a default when --config is read.
    default = getattr(_DEFAULT, name)
    shown = f"{text}{' ' if text else ''}(default {'all' if default is None else default})"
    group.add_argument(f"--{name.replace('_', '-')}", type=kind, default=None, choices=choices, help=shown)


def parse_overrides(pairs: list[str]) -> dict:
    """Read ["name=JSON", …] as a dict; what is not JSON is taken as text.

    Raises
    ------
    InputError
        If one has no "=".
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--set takes NAME=VALUE, for example filters=[64,96,128]. Received: {pair!r}.")
        try:
            found[name.strip().replace("-", "_")] = json.loads(value)
        except json.JSONDecodeError:
            found[name.strip().replace("-", "_")] = value
    return found


def run(args: argparse.Namespace) -> int:
    """Train, then say what to type next."""
    given = {name: getattr(args, name, None) for name in TrainingConfig.__dataclass_fields__}
    given = {name: value for name, value in given.items() if value is not None}
    overrides = parse_overrides(args.overrides)
    given.pop("overrides", None)
    if overrides:
        given["overrides"] = overrides
    config = (
        TrainingConfig.from_file(args.config, **given) if args.config else TrainingConfig.from_dict(given)
    )

    from seqdl.training.fit import fit

    trained = fit(
        args.data, args.out, config, genome=args.genome, resume=args.resume, overwrite=args.overwrite,
        tensorboard=args.tensorboard,
    )  # fmt: skip
    best = trained.card["training"]
    print(
        f"{trained.path}: best epoch {best['best_epoch']} of {best['epochs_run']}, "
        f"{best['monitor']} {best['best_value']:.4f}"
    )
    print(f"next: seqdl evaluate --run {args.out} --data {args.data}")
    return 0
