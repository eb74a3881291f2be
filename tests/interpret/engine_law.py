"""The law of every engine that evaluates edits: its numbers are those of building each mutant by hand."""

import numpy as np

from seqdl.encoding import N, decode, encode
from seqdl.interpret.mutagenesis.edits import Edits


def splice(text, start, removed, inserted, follows, length):
    """Write the edited sequence as a person would: splice, and cut to the window."""
    return (text[:start] + inserted + text[start + removed :] + follows + "N" * length)[:length]


def assert_engine_keeps_the_law(engine, output, codes, right=None, atol=1e-5, seed=0):
    """Compare an engine with predictions of mutants that are built as strings.

    Parameters
    ----------
    engine : seqdl.interpret.mutagenesis.edits.Engine
    output : callable
        ``output(codes uint8 (n, L)) -> array (n, ...)``, whole passes.
    codes : uint8 array, (n, L)
        With an N somewhere, if the engine shall be trusted there.
    right : uint8 array, (n, r), optional
    """
    rng = np.random.default_rng(seed)
    n, length = codes.shape
    np.testing.assert_allclose(engine.reference(codes), output(codes), atol=atol)
    for removed, width in ((1, 1), (1, 0), (0, 1), (5, 5), (3, 0), (0, 4), (2, 5), (0, 0)):
        last = length - max(removed, width)
        starts = np.concatenate([[0, 1, last - 1, last, length // 2], rng.integers(0, last + 1, 6)])
        rows = rng.integers(0, n, len(starts))
        inserted = rng.integers(0, N + (width > 3), (len(starts), width)).astype(np.uint8)
        found = engine.evaluate(codes, Edits(rows, starts, removed, inserted), right)
        by_hand = [
            splice(
                decode(codes[row]), start, removed, decode(word),
                "" if right is None else decode(right[row]), length,
            )
            for row, start, word in zip(rows, starts, inserted, strict=True)
        ]  # fmt: skip
        expected = output(np.stack([encode(text) for text in by_hand]))
        np.testing.assert_allclose(found, expected, atol=atol, err_msg=f"{removed} bases for {width}")
