"""`seqdl notebooks`: list the lessons, or copy them into a folder."""

from __future__ import annotations

import argparse

from seqdl.cli.commas import words

HELP = "list the lessons, or copy them into a folder"
EXAMPLES = """\
examples:
  seqdl notebooks                                  what there is
  seqdl notebooks --out lessons/                   all of them, with their answers
  seqdl notebooks --out lessons/ --lessons 2,3     two of them
  seqdl notebooks --out class/ --no-answers        for a class; keep the answers to yourself

Then: pip install jupyterlab && jupyter lab lessons/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.lessons.copy_lessons`."""
    parser.add_argument("-o", "--out", metavar="FOLDER", help="where the copies go (default: only list)")
    parser.add_argument(
        "--lessons", metavar="NAMES", help="names or numbers with commas between (default: all)"
    )
    parser.add_argument("--no-answers", action="store_true", help="leave the answers out")
    parser.add_argument("--overwrite", action="store_true", help="replace notebooks that are there")


def run(args: argparse.Namespace) -> int:
    """List or copy."""
    from seqdl.cli.table import print_table
    from seqdl.lessons import copy_lessons, list_lessons
    from seqdl.words import count

    if args.out is None:
        print_table([("lesson", "title"), *((lesson.name, lesson.title) for lesson in list_lessons())], set())
        print("To copy them: seqdl notebooks --out lessons/")
        return 0
    written = copy_lessons(
        args.out, words(args.lessons), answers=not args.no_answers, overwrite=args.overwrite
    )
    copied = sum(path.suffix == ".ipynb" and path.parent.name != "answers" for path in written)
    print(f"{count(copied, 'lesson')} in {args.out}; begin with {written[0]}.")
    print(f"Next: pip install jupyterlab && jupyter lab {args.out}")
    return 0
