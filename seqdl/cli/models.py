"""`seqdl models list` and `seqdl models show NAME`."""

from __future__ import annotations

import argparse
import textwrap

from seqdl.cli.table import print_table

HELP = "list the networks, or show one layer by layer"
EXAMPLES = """\
examples:
  seqdl models list
  seqdl models show deepsea
  seqdl models show deepsea --preset small --window 1000 --targets 189
"""
_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list` and `show`."""
    verbs = parser.add_subparsers(dest="action", metavar="{list,show}", required=True)
    verbs.add_parser(
        "list", help="every network with its presets", description="List every network with its presets."
    )
    show = verbs.add_parser(
        "show",
        help="one network: paper, presets, layers",
        description="Show one network: its paper, its presets, where it differs from the paper, its layers.",
    )
    show.add_argument("name", help="a network's name, from 'seqdl models list'")
    show.add_argument("--preset", help="which size to show layer by layer (default: the paper's)")
    show.add_argument("--window", type=int, help="window length in bp (default: the preset's)")
    show.add_argument("--targets", type=int, help="number of targets (default: the preset's)")


def run(args: argparse.Namespace) -> int:
    """Print the list or one network; only `show` loads Keras."""
    from seqdl.models.registry import build_model, get_entry, list_models

    if args.action == "list":
        _print_list(list_models())
    else:
        entry = get_entry(args.name)
        preset = entry.preset(args.preset) if args.preset else entry.presets[0]
        window = preset.window if args.window is None else args.window
        targets = preset.n_targets if args.targets is None else args.targets
        model = build_model(args.name, window, targets, preset.name)
        _print_entry(entry)
        _print_layers(model, f"{entry.title}, preset {preset.name}, {window:,} bp, {targets:,} targets")
    return 0


def _print_list(entries) -> None:
    rows = [("model", "preset", "parameters", "at", "min. window", "what")]
    for entry in entries:
        for preset in entry.presets:
            at = f"{preset.window:,} bp, {preset.n_targets:,} targets"
            rows.append(
                (
                    entry.name,
                    preset.name,
                    f"{preset.parameters:,}",
                    at,
                    f"{preset.min_window} bp",
                    preset.summary,
                )
            )
    print_table(rows, right={2, 4})


def _print_entry(entry) -> None:
    print(f"{entry.title} ({entry.name})")
    for label, text in (("input", entry.input), ("output", entry.output), ("paper", entry.paper)):
        print(textwrap.fill(text, _WIDTH, initial_indent=f"  {label:<7}", subsequent_indent=" " * 9))
    for preset in entry.presets:
        print(f"\npreset {preset.name}: {preset.summary}")
        print(f"  {preset.parameters:,} parameters at {preset.window:,} bp and {preset.n_targets:,} targets; "
              f"windows from {preset.min_window} bp on")  # fmt: skip
        for line in preset.deviations:
            print(textwrap.fill(line, _WIDTH, initial_indent="  differs: ", subsequent_indent=" " * 11))


def _print_layers(model, title: str) -> None:
    print(f"\n{title}")
    rows = [("layer", "kind", "output", "parameters")]
    for layer in model.layers:
        shape = " x ".join(str(n) for n in layer.output.shape[1:])
        rows.append((layer.name, type(layer).__name__, shape, f"{layer.count_params():,}"))
    rows.append(("total", "", "", f"{model.count_params():,}"))
    print_table(rows, right={2, 3})
