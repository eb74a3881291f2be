"""`seqdl train`: a dataset in, a run folder out."""

from __future__ import annotations

import argparse
import json

from seqdl.cli.train_many import add_arguments as add_many
from seqdl.cli.train_many import run_many
from seqdl.errors import InputError
from seqdl.training.config import TrainingConfig
from seqdl.training.config_checks import (
    CLASS_WEIGHTS,
    LOSSES,
    MONITORS,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
)

HELP = "train a model on a dataset built with `seqdl data build`"
EXAMPLES = """\
examples:
  seqdl train --data ds.h5 --model deepsea --preset small --out run/
  seqdl train --data coverage.h5 --model basenji --out run/         bins of coverage instead of labels
  seqdl train --data ds.h5 --out run/ --resume                      after a kill: goes on, same result
  seqdl train --data ds.h5 --out run/ --precision mixed_bfloat16    faster on a CPU with AVX512-BF16, or a GPU
  seqdl train --data ds.h5 --out run/ --set filters=[128,160,192] --set dense_units=512
  seqdl train --config run/config.json --out again/                 the same training once more, same result
  seqdl train --data ds.h5 --out run/ --config choices.toml         choices from a file (JSON or TOML)

before and around a training:
  seqdl train --data ds.h5 --out range/ --range-test                which learning rate? a table and a picture
  seqdl train --data ds.h5 --out run/ --loss focal --class-weights balanced         rare positives
  seqdl train --data ds.h5 --out run/ --optimizer sgd --nesterov --learning-rate 0.1 --schedule onecycle
  seqdl train --data ds.h5 --out run/ --dropout 0.4 --l2 1e-5 --max-norm 3          against overfitting
  seqdl train --data mine.h5 --out run/ --from human/ --freeze trunk                a new head on old layers
  seqdl train --data mine.h5 --out tuned/ --from human/ --learning-rate 2e-4        fine-tune every layer
  seqdl train --data ds.h5 --out folds/ --folds 5                   cross-validation, mean and spread
  seqdl train --data ds.h5 --out run/ --members 5                   a deep ensemble: one run of five networks

The test split is never looked at. History and checkpoint are written after every epoch.
"""
_DEFAULT = TrainingConfig()
_RANGE = {"range_low": 1e-6, "range_high": 1.0, "range_steps": 200}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each is an argument of `seqdl.fit` or a field of `TrainingConfig`."""
    parser.add_argument("--data", help="dataset file (.h5); may be left out with --config of a run")
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("-g", "--genome", help="the dataset's genome, if it has moved since the build")
    parser.add_argument("--resume", action="store_true", help="go on after the last finished epoch")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in --out")
    parser.add_argument("--config", help="file of choices (JSON or TOML), such as another run's config.json")
    parser.add_argument("--tensorboard", metavar="FOLDER", help="also write TensorBoard logs there")

    group = parser.add_argument_group("model")
    _choice(
        group,
        "model",
        str,
        "network (see `seqdl models list`); auto: deepsea, basenji for coverage, rnn for RNA",
    )
    _choice(group, "preset", str, "size of it; auto: small")
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="overrides",
        help="replace one of the preset's sizes (VALUE is JSON); may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--from", dest="from_run", metavar="RUN",
        help="begin with that run's weights (same window); other targets get a new head",
    )  # fmt: skip
    _choice(
        group,
        "freeze",
        _freeze,
        "layers of --from that learn nothing: trunk (all but the head), or the first N",
    )

    group = parser.add_argument_group("loss and weights")
    _choice(group, "loss", str, "auto: bce for labels, poisson for coverage, profile for bpnet", LOSSES)
    _choice(group, "focal_gamma", float, "of focal: the higher, the less easy windows count")
    _choice(group, "focal_alpha", float, "of focal: weight of positives, between 0 and 1", none="none")
    _choice(
        group,
        "count_weight",
        float,
        "of profile: weight of the log count's error",
        none="half the mean total",
    )
    _choice(
        group,
        "class_weights",
        str,
        "balanced: positives count as much as negatives, at most 20 times",
        CLASS_WEIGHTS,
    )
    _choice(group, "sample_weights", str, "one weight a window: .npy, or one number a line", none="none")

    group = parser.add_argument_group("steps")
    _choice(group, "epochs", int, "at most this many")
    _choice(group, "batch_size", int, "windows a step")
    _choice(group, "optimizer", str, "", OPTIMIZERS)
    _choice(group, "learning_rate", float, "at the peak")
    _choice(group, "schedule", str, "", SCHEDULES)
    _choice(group, "warmup", float, "share of the steps in which the rate climbs")
    _choice(group, "end_rate", float, "of exponential: the last rate, as a share of the peak")
    _choice(group, "momentum", float, "of sgd")
    _switch(group, "nesterov", "Nesterov's momentum, of sgd")
    _choice(group, "clip_norm", float, "largest gradient norm, 0 for none")
    _choice(group, "patience", int, "epochs without improvement before stopping, 0 never stops early")
    _choice(group, "monitor", str, "what the best epoch is judged by", MONITORS)
    _choice(group, "epoch_windows", int, "windows an epoch; by default all of the training split", none="all")
    _choice(group, "precision", str, "of the training; the finished model is float32", PRECISIONS)
    _choice(group, "seed", int, "")
    _switch(group, "deterministic", "bit-for-bit repeatable, a little slower")

    group = parser.add_argument_group("regularisation")
    _choice(group, "dropout", float, "replaces every dropout rate of the model", none="the preset's")
    _choice(group, "weight_decay", float, "of adamw")
    _choice(group, "l1", float, "penalty on the kernels' absolute values")
    _choice(group, "l2", float, "penalty on the kernels' squares")
    _choice(group, "max_norm", float, "largest norm of a filter or unit, 0 for none")

    group = parser.add_argument_group("augmentation and strands")
    _choice(
        group, "max_shift", int, "random shift of each training window, bases to either side",
        none="12 for labels; for coverage resolution / 8, at most 3",
    )  # fmt: skip
    _switch(group, "reverse_complement", "train on the forward strand only", off=True)
    _switch(group, "strand_average", "predict from the forward strand only (recorded in the card)", off=True)

    group = parser.add_argument_group("learning-rate range test")
    group.add_argument(
        "--range-test", action="store_true",
        help="train nothing: sweep the learning rate and write lr_range.tsv and lr_range.svg into --out",
    )  # fmt: skip
    for flag, text, word in (
        ("low", "first rate", "RATE"), ("high", "last rate", "RATE"), ("steps", "steps", "N"),
    ):  # fmt: skip
        default = _RANGE[f"range_{flag}"]
        group.add_argument(
            f"--range-{flag}", type=type(default), default=default, metavar=word,
            help=f"{text} (default {default:g})",
        )  # fmt: skip
    add_many(parser)


def _choice(group, name: str, kind, text: str, choices=None, none: str = "") -> None:
    # None means "not given", so that a flag can be told from a default when --config is read.
    default = getattr(_DEFAULT, name)
    shown = f"{text}{' ' if text else ''}(default {none if default is None else default})"
    group.add_argument(f"--{name.replace('_', '-')}", type=kind, default=None, choices=choices, help=shown)


def _switch(group, name: str, text: str, off: bool = False) -> None:
    flag = f"--{'no-' if off else ''}{name.replace('_', '-')}"
    group.add_argument(
        flag, dest=name, action="store_false" if off else "store_true", default=None, help=text
    )


def _freeze(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


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


def read_config(args: argparse.Namespace) -> TrainingConfig:
    """Join the configuration file and the flags; flags go first. Set `args.data` from it where left out."""
    given = {name: getattr(args, name, None) for name in TrainingConfig.__dataclass_fields__}
    given = {name: value for name, value in given.items() if value is not None}
    overrides = parse_overrides(args.overrides)
    given.pop("overrides", None)
    if overrides:
        given["overrides"] = overrides
    config = (
        TrainingConfig.from_file(args.config, **given) if args.config else TrainingConfig.from_dict(given)
    )
    args.data = args.data or config.data
    if args.data is None:
        raise InputError(
            "Which dataset? Give --data, or --config of a run, which says what it was trained on."
        )
    return config


def run(args: argparse.Namespace) -> int:
    """Train, then say what to type next."""
    config = read_config(args)
    if args.range_test:
        return _range_test(args, config)
    for flag, default in _RANGE.items():
        if getattr(args, flag) != default:
            raise InputError(
                f"--{flag.replace('_', '-')} is of the range test, and there is no --range-test."
            )
    code = run_many(args, config)
    if code is not None:
        return code

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


def _range_test(args: argparse.Namespace, config: TrainingConfig) -> int:
    for flag in ("folds", "members", "tensorboard", "resume"):
        if getattr(args, flag):
            raise InputError(f"--range-test trains nothing, so it takes no --{flag}.")

    from seqdl.training.learning_rate import learning_rate_range

    found = learning_rate_range(
        args.data, config, args.range_low, args.range_high, args.range_steps, genome=args.genome
    )
    table, figure = found.write(args.out)
    reach = f"from a rate of {found.lowest:.2g}, and is least at {found.highest:.2g}"
    print(f"{figure}: the loss falls {reach} ({table})")
    print(f"next: seqdl train --data {args.data} --out RUN --learning-rate {found.suggestion:.2g}")
    return 0
