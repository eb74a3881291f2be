"""RNA to predict: whole sequences of any length, with their structures as given or folded here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqdl.encoding import N, add_structure
from seqdl.errors import InputError
from seqdl.prediction.sources import N_IN_WINDOW, OK, Part, Source, check_step

_RECORDS = 256  # sequences read at a time


def rna_windows(
    fasta: str | Path,
    window: int,
    rows: int,
    structured: bool,
    lengths: str = "error",
    step: int | None = None,
) -> Source:
    """Lay windows on RNA sequences, each at its beginning; shorter ones are followed by padding.

    Parameters
    ----------
    fasta : path
        Plain or gzipped; where the run reads structures, a dot-bracket file is taken as it is, and
        anything else folded by ViennaRNA.
    window : int
        Longest sequence that the run reads, in bases.
    rows : int
        Windows in a part, about.
    structured : bool
        Whether the run reads structures.
    lengths : {"error", "pad", "centre", "tile"}
        For a longer sequence: refuse it (also under "pad"); take its middle; or cover it with windows every
        `step` bases, the last one at its end. Pieces are folded as pieces; of a given structure, pairs that
        a cut parts are opened.
    step : int, optional
        For "tile"; `window` if left out.

    Returns
    -------
    source : Source

    Raises
    ------
    InputError
        If a sequence is too long under "error", or the file is not usable.
    MissingDependencyError
        If sequences must be folded and ViennaRNA is not installed.
    """
    from seqdl.io.structure import holds_structure, open_unmatched

    step = check_step(lengths, step, window)
    given = holds_structure(fasta)
    if structured and not given:
        from seqdl.data.fold import require_viennarna

        require_viennarna("This run reads secondary structures, and the file gives none: folding")

    def pieces() -> Iterator[tuple[str, int, np.ndarray, np.ndarray | None]]:
        for name, codes, symbols in _records(fasta, given):
            for start in _starts(name, len(codes), window, lengths, step, fasta):
                cut = slice(start, start + window)
                part = None
                if structured and symbols is not None:
                    part = symbols[cut] if len(codes) <= window else open_unmatched(symbols[cut])
                yield name, start, codes[cut], part

    def parts() -> Iterator[Part]:
        held: list = []
        for piece in pieces():
            held.append(piece)
            if len(held) == rows:
                yield _part(held, window, structured)
                held = []
        if held:
            yield _part(held, window, structured)

    rule = {
        "centre": f"whole sequences up to {window} bases, the middle of longer ones",
        "tile": f"whole sequences up to {window} bases, longer ones every {step} bases and at their end",
    }.get(lengths, f"whole sequences up to {window} bases")
    if structured:
        rule += f"; structures {'as given' if given else 'of minimum free energy, by ViennaRNA'}"
    return Source(None, parts(), rule)


def _records(fasta: str | Path, given: bool) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    if given:
        from seqdl.io.structure import read_dot_bracket

        records = read_dot_bracket(fasta)
        for i, name in enumerate(records.names):
            part = slice(records.offsets[i], records.offsets[i + 1])
            yield name, records.codes[part], records.symbols[part]
        return
    from seqdl.io.fasta import iter_fasta

    for records in iter_fasta(fasta, _RECORDS):
        for i, name in enumerate(records.names):
            yield name, records.sequence(i), None


def _starts(name: str, length: int, window: int, lengths: str, step: int, fasta) -> list[int]:
    if length <= window:
        return [0]
    if lengths == "centre":
        return [(length - window) // 2]
    if lengths == "tile":
        return sorted({*range(0, length - window + 1, step), length - window})
    raise InputError(
        f"{fasta}: the sequence {name!r} has {length:,} bases and the model reads {window:,} at most. "
        "--lengths centre takes the middle of each longer one, --lengths tile covers it."
    )


def _part(pieces: list, window: int, structured: bool) -> Part:
    sizes = np.array([len(piece[2]) for piece in pieces])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.concatenate([piece[2] for piece in pieces])
    unknown = np.add.reduceat((flat == N).astype(np.int64), offsets[:-1]) > 0
    if structured:
        if pieces[0][3] is None:
            from seqdl.data.fold import fold

            symbols = fold(flat, offsets).symbols
        else:
            symbols = np.concatenate([piece[3] for piece in pieces])
        flat = add_structure(flat, symbols)
    codes = np.full((len(pieces), window), N, np.uint8)
    codes[np.arange(window) < sizes[:, None]] = flat
    starts = np.array([piece[1] for piece in pieces])
    return Part(
        {
            "name": np.array([piece[0] for piece in pieces], object), "start": starts, "end": starts + sizes,
            "flag": np.where(unknown, N_IN_WINDOW, OK),
        },
        codes,
    )  # fmt: skip
