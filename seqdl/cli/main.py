"""The `seqdl` command: finds the verb's module, runs it, and turns errors into words and exit codes.

Exit codes: 0 done, 2 wrong usage or input, 1 an internal error, 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from seqdl.cli.quiet import quiet_tensorflow
from seqdl.errors import SeqdlError
from seqdl.progress import interrupt, set_quiet
from seqdl.version import __version__
from seqdl.words import suggest

# Verb -> (module, one line of help). The module is imported only when its verb is called.
VERBS = {
    "data": ("seqdl.cli.data", "build, inspect, fetch, list or simulate datasets"),
    "train": ("seqdl.cli.train", "train a model on a dataset"),
    "tune": ("seqdl.cli.tune", "search hyper-parameters by trial"),
    "ensemble": ("seqdl.cli.ensemble", "join runs into one that predicts their mean"),
    "evaluate": ("seqdl.cli.evaluate", "measure a run on held-out data, beside baselines"),
    "predict": ("seqdl.cli.predict", "predict regions or sequences"),
    "background": ("seqdl.cli.background", "score ordinary variants, so that others get percentiles"),
    "calibrate": ("seqdl.cli.calibrate", "calibrate a run: probabilities, intervals, unlike sequences"),
    "score-variants": ("seqdl.cli.score_variants", "score the variants of a VCF"),
    "attribute": ("seqdl.cli.attribute", "explain predictions base by base"),
    "ism": ("seqdl.cli.ism", "mutate every base in turn and predict again"),
    "motifs": ("seqdl.cli.motifs", "read motifs off a network: filters, discovery, matches, hits"),
    "marginalize": ("seqdl.cli.marginalize", "put motifs into backgrounds and measure their effect"),
    "report": ("seqdl.cli.report", "write one HTML page about a run"),
    "models": ("seqdl.cli.models", "list the networks, or show one"),
    "notebooks": ("seqdl.cli.notebooks", "list the lessons, or copy them into a folder"),
    "demo": ("seqdl.cli.demo", "do the whole job on a simulated genome and check it against the truth"),
}
EXAMPLES = """\
examples:
  seqdl demo --out demo/
  seqdl data build --genome g.fa --peaks peaks/ --test-chroms chr8 --valid-chroms chr7 --out ds.h5
  seqdl train --data ds.h5 --model deepsea --preset small --out run/
  seqdl evaluate --run run/ --data ds.h5
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf.gz --out scores.tsv.gz

`seqdl VERB --help` shows a verb's options and examples.
"""


def _common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("every verb")
    group.add_argument("--quiet", action="store_true", help="no notes and no progress on standard error")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _top() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seqdl",
        usage="seqdl VERB [options]",
        description="Deep learning on DNA with Keras: "
        "build a dataset, train, evaluate, score variants, report.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seqdl {__version__}")
    verbs = parser.add_argument_group("verbs")
    for verb, (_, text) in VERBS.items():
        # Only for the help page: the verb is dispatched before argparse sees it.
        verbs.add_argument(verb, nargs="?", help=text, metavar=verb)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; usable from Python as well.

    Parameters
    ----------
    argv : list of str, optional
        The words after ``seqdl``; those of the process by default.

    Returns
    -------
    code : int
        0 done, 2 wrong usage or input, 1 an internal error, 130 interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    # TensorFlow's start-up lines are no news to a biologist.
    quiet_tensorflow()
    debug = "--debug" in argv
    try:
        with _interrupts_between_steps():
            return _dispatch(argv)
    except SystemExit as stop:  # argparse: help is 0, wrong usage is 2
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print("seqdl: interrupted; nothing half-written was left behind.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: not an error, but Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SeqdlError as error:
        if debug:
            raise
        print(f"seqdl: error: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print(_NO_MEMORY, file=sys.stderr)
        return 2
    except OSError as error:
        if debug:
            raise
        print(f"seqdl: error: {_os_words(error)}", file=sys.stderr)
        return 2 if error.errno in _USER_ERRNOS else 1
    except Exception as error:
        if debug:
            raise
        if _is_out_of_memory(error):
            print(_NO_MEMORY, file=sys.stderr)
            return 2
        words = str(error).splitlines()[0][:300] if str(error) else ""
        print(
            f"seqdl: internal error: {type(error).__name__}: {words}\n"
            f"This is a fault of seqdl. Run it again with --debug to see where, and please report it.",
            file=sys.stderr,
        )
        return 1


@contextmanager
def _interrupts_between_steps() -> Iterator[None]:
    """Let a first Ctrl-C wait for the end of the step under way, see `seqdl.progress.interrupt`."""

    def handle(number, frame) -> None:
        if not interrupt():
            raise KeyboardInterrupt

    # Only the main thread may set a handler, and only Python's own is replaced.
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_NO_MEMORY = (
    "seqdl: error: not enough memory. A smaller --batch-size needs less, as does a shorter window or a "
    "smaller network."
)
_USER_ERRNOS = (
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
)


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether TensorFlow, JAX or PyTorch ran out of memory: each says it by an error of its own."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"ResourceExhaustedError", "OutOfMemoryError"}) or "RESOURCE_EXHAUSTED" in str(error)


def _os_words(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full{where}. Nothing half-written was left behind; "
            "free some space and run it again."
        )
    if error.errno == errno.EFBIG:
        return (
            f"a file has become larger than the file system or `ulimit -f` allows{where}. "
            "Nothing half-written was left behind; lift the limit, or write elsewhere."
        )
    return f"{error.strerror or error}{where}."


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0].startswith("-"):
        parser = _top()
        if not argv:
            parser.print_help()
            return 0
        parser.parse_args(argv)
        parser.error("name a verb, such as `seqdl train`")
    verb, rest = argv[0], argv[1:]
    if verb == "help":
        _top().print_help()
        return 0
    if verb not in VERBS:
        print(
            f"seqdl: error: there is no verb {verb!r}.{suggest(verb, VERBS)} `seqdl --help` lists them.",
            file=sys.stderr,
        )
        return 2
    module = import_module(VERBS[verb][0])
    parser = argparse.ArgumentParser(
        prog=f"seqdl {verb}",
        description=module.HELP,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    for each in _leaves(parser):
        _common(each)
    args = parser.parse_args(_joined(rest))
    set_quiet(args.quiet)
    return int(module.run(args) or 0)


def _joined(words: list[str]) -> list[str]:
    """Join a flag and a list that begins with a negative number, which argparse takes for another flag."""
    found: list[str] = []
    for word in words:
        if found and re.fullmatch(r"--[a-z-]+", found[-1]) and re.fullmatch(r"-\d+(,-?\d+)+", word):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Find the parsers that end a command: of `seqdl data build`, that of `build`."""
    for action in parser._subparsers._group_actions if parser._subparsers else ():
        return [leaf for sub in dict.fromkeys(action.choices.values()) for leaf in _leaves(sub)]
    return [parser]


if __name__ == "__main__":
    sys.exit(main())
