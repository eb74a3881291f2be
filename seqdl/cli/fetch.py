"""`seqdl data list` and `seqdl data fetch`: public data sets by name."""

from __future__ import annotations

import argparse
from pathlib import Path

from seqdl.cli.table import print_table

LIST_HELP = "list the public data sets that can be fetched"
FETCH_HELP = "download a public data set, checked and resumable"
LIST_EXAMPLES = """\
examples:
  seqdl data list
  seqdl data list yeast-chipexo          what it holds, whom to cite, under which licence
"""
FETCH_EXAMPLES = """\
examples:
  seqdl data fetch yeast-chipexo
  seqdl data fetch human-chr22 --files 'hg19*' 'peaks/GM12878/*'
  SEQDL_DATA=/my/copies seqdl data fetch yeast-chipexo       uses files that you already have
"""


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `seqdl data list`."""
    parser.add_argument(
        "dataset", nargs="?", help="show everything about this one (a name, or a manifest .json)"
    )


def run_list(args: argparse.Namespace) -> int:
    """Print the data sets as a table, or one in full."""
    from seqdl.data.manifests import list_datasets, load_manifest

    if args.dataset:
        manifest = load_manifest(args.dataset)
        print(f"{manifest.name}: {manifest.title}\n\n{manifest.description}\n")
        print(f"Organism: {manifest.organism}\nAssembly: {manifest.assembly or 'none'}")
        print(f"Files:    {len(manifest.files):,}, {_size(sum(f.bytes for f in manifest.files))} to download")
        for line in _contents(manifest.files):
            print(f"  {line}")
        _print_terms(manifest)
        return 0
    table = list_datasets()
    rows = [("name", "files", "size", "from", "title")]
    rows += [
        (r.name, f"{r.files:,}", _size(r.bytes), r.where, r.title) for r in table.itertuples(index=False)
    ]
    print_table(rows, right={1, 2})
    print("\nMore on one: seqdl data list NAME. Get one: seqdl data fetch NAME.")
    return 0


def add_fetch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `seqdl data fetch`."""
    parser.add_argument("dataset", help="a name from `seqdl data list`, or a manifest .json of your own")
    parser.add_argument(
        "--files", nargs="+", metavar="PATTERN", help="only files whose path fits, such as 'chipexo/R*'"
    )
    parser.add_argument(
        "--base-url", metavar="URL", help="a mirror: fetch URL/path instead of each file's own address"
    )


def run_fetch(args: argparse.Namespace) -> int:
    """Fetch a data set, then print where it lies, whom to cite and what to type next."""
    from seqdl.data.manifests import fetch, load_manifest, local_path, select_files

    manifest = load_manifest(args.dataset)
    folder = fetch(
        args.dataset, files=args.files, base_url=args.base_url, progress=not getattr(args, "quiet", False)
    )
    files = select_files(manifest, args.files)
    places = {f.path: local_path(manifest, f, folder) for f in files}
    print(f"{manifest.name}: {len(files):,} files, complete and verified, in\n  {folder}")
    for line in _contents(files, folder, places):
        print(f"  {line}")
    changes = {f.derived for f in files if f.derived and places[f.path] != folder / f.path}
    for change in sorted(changes):
        print(f"Note: these are your local files, not the public originals: {change}.")
    _print_terms(manifest)
    genome = next((places[f.path] for f in files if f.role == "genome"), None)
    commands = [c for c in manifest.next if genome or "{genome}" not in c] if args.files is None else []
    if commands:
        print("Next:")
    for command in commands:
        print(f"  {command.format(root=folder, genome=genome)}")
    return 0


def _contents(files, folder: Path | None = None, places: dict | None = None) -> list[str]:
    """Describe files by role: each by name where there are few, else their number and folder."""
    lines = []
    for role in dict.fromkeys(f.role for f in files):
        of_role = [f for f in files if f.role == role]
        if len(of_role) > 4:
            top = sorted({f.path.split("/")[0] + "/" if "/" in f.path else "." for f in of_role})
            lines.append(f"{role:<10} {len(of_role):,} files in {', '.join(top)}")
            continue
        for file in of_role:
            name = places[file.path].relative_to(folder) if places else file.path
            note = (
                f"  ({file.note})"
                if file.note and (places is None or places[file.path] == folder / file.path)
                else ""
            )
            lines.append(f"{role:<10} {name}{note}")
    return lines


def _print_terms(manifest) -> None:
    print(f"Licence: {manifest.licence}")
    for text in manifest.citation:
        print(f"Cite: {text}")


def _size(n: int) -> str:
    """Write a number of bytes as a person reads it."""
    return f"{n / 1e6:,.1f} MB" if n >= 1e5 else f"{n / 1e3:,.1f} kB"
