"""`seqdl models list`, `seqdl models show NAME` and `seqdl models reach NAME`."""

from __future__ import annotations

import argparse
import textwrap

from seqdl.cli.table import print_table

HELP = "list the networks, show one layer by layer, or what a changed base reaches in it"
EXAMPLES = """\
examples:
  seqdl models list
  seqdl models list --task coverage
  seqdl models show deepsea
  seqdl models show danq --preset small --window 1000 --targets 189
  seqdl models show basenji --preset small --window 4096 --bin 2048 --resolution 32
  seqdl models reach run/
  seqdl models reach basset --window 1000 --width 8
"""
_WIDTH = 100
_TASKS = {
    "binary": "binary: one probability a target and window",
    "coverage": "coverage: values along the window's middle",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list`, `show` and `reach`."""
    verbs = parser.add_subparsers(dest="action", metavar="{list,show,reach}", required=True)
    listed = verbs.add_parser(
        "list",
        help="every network with its presets",
        description="List every network with its presets: what it predicts, from what, its size, its paper.",
    )
    listed.add_argument(
        "--task", choices=("binary", "coverage"), help="only networks that predict labels, or coverage"
    )
    show = verbs.add_parser(
        "show",
        help="one network: paper, presets, layers",
        description="Show one network: its paper, its presets, where it differs from the paper, how many "
        "bases one position sees, its layers.",
    )
    show.add_argument("name", help="a network's name, from 'seqdl models list'")
    _add_sizes(show)
    reach = verbs.add_parser(
        "reach",
        help="what a changed base reaches, layer by layer, and what evaluating changes saves",
        description="Show how many positions of each layer a change of the sequence can reach, and how much "
        "arithmetic it takes to recompute only those. seqdl ism does that.",
    )
    reach.add_argument("name", help="a run's folder, a .keras file, or a network's name")
    reach.add_argument(
        "--width", type=int, default=1, metavar="N", help="bases that change, side by side (default: 1)"
    )
    _add_sizes(reach)


def _add_sizes(parser) -> None:
    """Declare the flags that size a network of a name."""
    parser.add_argument(
        "--preset", help="which size to show layer by layer (default: the first, the paper's)"
    )
    parser.add_argument("--window", type=int, help="window length in bp (default: the preset's)")
    parser.add_argument("--targets", type=int, help="number of targets (default: the preset's)")
    parser.add_argument(
        "--channels", type=int, choices=(4, 7), default=4, help="7 for bases with structure (default: 4)"
    )
    parser.add_argument(
        "--bin", type=int, help="coverage: bases in the window's middle to predict (default: the preset's)"
    )
    parser.add_argument("--resolution", type=int, help="coverage: bases a value (default: the preset's)")


def run(args: argparse.Namespace) -> int:
    """Print the list or one network; `list` loads no Keras."""
    from seqdl.models.registry import list_models

    if args.action == "list":
        _print_list([entry for entry in list_models() if args.task in (None, entry.task)])
        return 0
    if args.action == "reach":
        return _print_what_changes_reach(args)
    entry, preset, model = _build(args)
    window, targets = model.input_shape[1], model.output_shape[-1]
    _print_entry(entry)
    print(f"\n{entry.title}, preset {preset.name}, {window:,} bp, {_targets(targets)}")
    print(_filled("receptive field: " + _reach(model), "  "))
    _print_layers(model)
    return 0


def _build(args: argparse.Namespace):
    """Build the network that the flags describe; return its entry, its preset and itself."""
    from seqdl.models.registry import build_model, get_entry

    entry = get_entry(args.name)
    preset = entry.preset(args.preset) if args.preset else entry.presets[0]
    window = preset.window if args.window is None else args.window
    targets = preset.n_targets if args.targets is None else args.targets
    sizes = {"channels": args.channels, "bin": args.bin, "resolution": args.resolution}
    model = build_model(args.name, window, targets, preset.name, **sizes)
    return entry, preset, model


def _print_what_changes_reach(args: argparse.Namespace) -> int:
    from seqdl.errors import require_at_least
    from seqdl.incremental.program import build_program
    from seqdl.incremental.strips import plan_strips
    from seqdl.incremental.table import reach_rows, reach_words
    from seqdl.interpret.heads import scalar_model

    require_at_least(1, width=args.width)
    plan = plan_strips(build_program(scalar_model(_open(args))), args.width)
    print_table(reach_rows(plan), right={2, 3, 4, 5, 6})
    for sentence in reach_words(plan):
        print(_filled(sentence, ""))
    return 0


def _open(args: argparse.Namespace):
    """Return a run, a file's network, or a network of the list."""
    from pathlib import Path

    if args.name.endswith(".keras"):
        from seqdl.models.load import load_model_file

        return load_model_file(args.name)
    if Path(args.name).is_dir():
        from seqdl.training.run import Run

        return Run.open(args.name)
    return _build(args)[2]


def _print_list(entries) -> None:
    rows = [("model", "preset", "task", "parameters", "at", "min. window", "what")]
    for entry in entries:
        for preset in entry.presets:
            at = f"{preset.window:,} bp, {_targets(preset.n_targets)}"
            size, least = f"{preset.parameters:,}", f"{preset.min_window:,} bp"
            rows.append((entry.name, preset.name, entry.task, size, at, least, preset.summary))
    print_table(rows, right={3, 5})
    for entry in entries:
        print(f"\n{entry.title} ({entry.name})")
        _print_facts(entry)
        _print_deviations(entry.presets[0])


def _print_facts(entry) -> None:
    """Print what goes in, what comes out, and the paper."""
    for label, text in (("input", entry.input), ("output", entry.output), ("paper", entry.paper)):
        print(_filled(text, f"  {label:<7}"))


def _print_entry(entry) -> None:
    print(f"{entry.title} ({entry.name})")
    print(_filled(_TASKS[entry.task], "  task   "))
    _print_facts(entry)
    for preset in entry.presets:
        print()
        print(_filled(f"{preset.name}: {preset.summary}", "preset "))
        trained = preset.trainable_parameters
        rest = "" if trained == preset.parameters else f", {trained:,} of them trained,"
        at = f"at {preset.window:,} bp and {_targets(preset.n_targets)}"
        least = f"windows from {preset.min_window:,} bp on"
        print(_filled(f"{preset.parameters:,} parameters{rest} {at}; {least}", "  "))
        _print_deviations(preset)


def _print_deviations(preset) -> None:
    for line in preset.deviations:
        print(_filled(line, "  differs: "))


def _targets(n: int) -> str:
    return f"{n:,} target" + ("s" if n != 1 else "")


def _filled(text: str, label: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=label, subsequent_indent=" " * len(label))


def _reach(model) -> str:
    """Say how many bases a position sees, and from where on that is the whole window."""
    from seqdl.errors import InputError
    from seqdl.models.reach import reach_by_layer, spatial_layer
    from seqdl.models.receptive_field import receptive_field_by_formula

    try:
        reaches = reach_by_layer(model)
    except InputError as error:
        return f"not known. {error}"
    layer = spatial_layer(model, reaches)
    if reaches[layer] is None:
        return "the whole window"
    after = "" if reaches[model.layers[-1].name] else "; what follows sees the whole window"
    return f"{receptive_field_by_formula(model, layer):,} bp (a position of the layer '{layer}'){after}"


def _print_layers(model) -> None:
    rows = [("layer", "kind", "output", "parameters")]
    for layer in model.layers:
        shape = " x ".join(str(n) for n in layer.output.shape[1:])
        rows.append((layer.name, type(layer).__name__, shape, f"{layer.count_params():,}"))
    rows.append(("total", "", "", f"{model.count_params():,}"))
    print_table(rows, right={2, 3})
