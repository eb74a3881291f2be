"""The gkm-SVM as a baseline, by the programs of lsgkm where the user has installed them.

lsgkm (Lee, Bioinformatics 32, 2196, 2016; https://github.com/Dongwon-Lee/lsgkm) is under the GPL: its
programs ``gkmtrain`` and ``gkmpredict`` are called when they are found on PATH, and never come with seqdl.
One support vector machine is trained per target, which takes minutes to hours each; "gkm" is there without
them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from seqdl.encoding import CODE_TO_LETTER, N
from seqdl.errors import InputError, MissingDependencyError
from seqdl.evaluation.baselines import BaselineOptions, Fitted, window_features, word_window
from seqdl.progress import progress_bar

MOST_TARGETS = 20
# Training time grows with the square of the windows: with more, the negatives are thinned out.
MOST_WINDOWS = 20_000
_LONGEST = 2047  # lsgkm reads no further into a sequence
_THREADS = (16, 4, 1)  # the numbers it accepts
_CACHE_MB = 1000


def fit_lsgkm(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Fit the baseline "lsgkm": a gkm-SVM a target, its scores turned into probabilities by Platt's method.

    Parameters
    ----------
    data : Dataset
        Source of windows and labels; 20 targets at most.
    train, valid, test : int64 (n,)
        Windows to train on, to fit the probabilities on, and to predict. Where the validation windows do not
        hold both positives and negatives of a target, every fifth training window is kept for it instead.
    options : BaselineOptions
        The lengths, `kmer_window`, `threads` and `seed`.

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        Too many targets, RNA, sequences too long or too short for lsgkm, or a program that failed.
    MissingDependencyError
        ``gkmtrain`` or ``gkmpredict`` is not on PATH.
    """
    programs = _programs()
    if data.n_targets > MOST_TARGETS:
        raise InputError(
            f"The baseline lsgkm trains one SVM per target, at most {MOST_TARGETS}. Received: "
            f"{data.n_targets} targets. Use --baselines gkm, which fits them together."
        )
    if data.alphabet != "dna":
        raise InputError("The baseline lsgkm reads both strands, and an RNA has one. Use another baseline.")
    length, width = options.gkm_length, word_window(data, options)
    width = data.window if width is None else min(width, data.window)
    if not length <= width <= _LONGEST:
        raise InputError(
            f"lsgkm reads sequences of {length} (its word) to {_LONGEST} bases. Received: windows of "
            f"{width}. Give the central bases to use (--kmer-window)."
        )
    left = (data.window - width) // 2
    codes = window_features(data, (train, valid, test), lambda c: c[:, left : left + width], "bases")
    train_labels, valid_labels = data.labels(train), data.labels(valid)
    out = np.empty((len(test), data.n_targets), np.float32)
    used = []
    with (
        TemporaryDirectory(prefix="seqdl_lsgkm_") as folder,
        progress_bar(data.n_targets, "Training gkm-SVMs", "targets") as progress,
    ):
        for target in range(data.n_targets):
            sets = (codes[0], train_labels[:, target]), (codes[1], valid_labels[:, target])
            out[:, target], n = _one_target(programs, Path(folder), *sets, codes[2], options)
            used.append(n)
            progress.advance()
    details = {
        "windows_of_an_svm": max(used),
        "gkm_length": length,
        "gkm_informative": options.gkm_informative,
        "kmer_window": width,
    }
    return Fitted(f"gkm-SVM (lsgkm, {length} and {options.gkm_informative})", out, details)


def _programs() -> tuple[str, str]:
    found = [shutil.which(name) for name in ("gkmtrain", "gkmpredict")]
    if None in found:
        missing = " and ".join(n for n, f in zip(("gkmtrain", "gkmpredict"), found, strict=True) if f is None)
        raise MissingDependencyError(
            f"The baseline lsgkm needs {missing}, not on PATH. Build the programs from "
            "https://github.com/Dongwon-Lee/lsgkm (its licence is the GPL), or use --baselines gkm."
        )
    return tuple(found)


def _one_target(programs, folder: Path, train, valid, test_codes, options) -> tuple[np.ndarray, int]:
    """Return the probabilities float32 (n,) of one target and the number of windows trained on."""
    (codes, labels), (held_codes, held_labels) = (
        _long_enough(*part, options.gkm_length) for part in (train, valid)
    )
    prior = (train[1].sum() + 0.5) / (len(train[1]) + 1)
    if len(np.unique(held_labels)) < 2:
        fifth = np.arange(len(codes)) % 5 == 4
        held_codes, held_labels, codes, labels = codes[fifth], labels[fifth], codes[~fifth], labels[~fifth]
    out = np.full(len(test_codes), prior, np.float32)
    if len(np.unique(labels)) < 2 or len(np.unique(held_labels)) < 2:
        return out, 0
    chosen = _thinned(labels, options.seed)
    positive = chosen & (labels == 1)
    _write(folder / "positive.fa", codes[positive])
    _write(folder / "negative.fa", codes[chosen & (labels == 0)])
    scored = (test_codes != N).sum(axis=1) >= options.gkm_length
    _write(folder / "scored.fa", np.concatenate([held_codes, test_codes[scored]]))
    threads = next(n for n in _THREADS if n <= options.cores)
    lengths = ("-l", options.gkm_length, "-k", options.gkm_informative)
    mismatches = min(3, options.gkm_length - options.gkm_informative)
    model, answer = folder / "svm.model.txt", folder / "scores.txt"
    for old in (model, answer):
        old.unlink(missing_ok=True)
    # Kernel 2: gapped k-mers without a weight on the centre, since a peak lies anywhere in its bin.
    train_words = ["-t", 2, *lengths, "-d", mismatches, "-m", _CACHE_MB, "-T", threads, "-v", 1]
    _call([programs[0], *train_words, folder / "positive.fa", folder / "negative.fa", folder / "svm"], model)
    _call([programs[1], "-T", threads, "-v", 1, folder / "scored.fa", model, answer], answer)
    scores = _read(answer, len(held_codes) + int(scored.sum()))
    held, rest = scores[: len(held_codes)], scores[len(held_codes) :]
    out[scored] = _platt(held, held_labels, rest)
    return out, int(chosen.sum())


def _long_enough(codes: np.ndarray, labels: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave out sequences without room for one word: lsgkm does not survive them."""
    keep = (codes != N).sum(axis=1) >= length
    return codes[keep], labels[keep]


def _thinned(labels: np.ndarray, seed: int) -> np.ndarray:
    """Choose at most `MOST_WINDOWS`, bool (n,): all positives up to half of them, the rest negatives."""
    rng = np.random.default_rng(seed)
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    n_ones = min(len(ones), max(MOST_WINDOWS // 2, MOST_WINDOWS - len(zeros)))
    n_zeros = min(len(zeros), MOST_WINDOWS - n_ones)
    chosen = np.zeros(len(labels), bool)
    chosen[rng.choice(ones, n_ones, replace=False)] = True
    chosen[rng.choice(zeros, n_zeros, replace=False)] = True
    return chosen


def _write(path: Path, codes: np.ndarray) -> None:
    """Write FASTA: padding cut off, an N inside as A, as lsgkm reads it with a warning for each."""
    known = codes != N
    ends = np.where(known.any(axis=1), codes.shape[1] - known[:, ::-1].argmax(axis=1), 0)
    letters = CODE_TO_LETTER[np.where(known, codes, 0)]
    with open(path, "wb") as handle:
        for row, (text, end) in enumerate(zip(letters, ends, strict=True)):
            handle.write(b">%d\n%b\n" % (row, text[:end].tobytes()))


def _call(words: list, made: Path) -> None:
    """Run a program; it must leave the file `made`, since wrong arguments also end with exit code 0."""
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if result.returncode or not made.is_file():
        said = (result.stderr + result.stdout).strip().splitlines()[-5:]
        raise InputError(
            f"{words[0]} ended with exit code {result.returncode}"
            f"{'' if made.is_file() else ' and no result'}. It said: {' / '.join(said) or 'nothing'}."
        )


def _read(path: Path, n: int) -> np.ndarray:
    """Read the scores that gkmpredict wrote, a line of name and number for each sequence."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    try:
        if [line[0] for line in lines] != [str(row) for row in range(n)]:
            raise ValueError(f"{len(lines)} lines, not one for each of {n} sequences in their order")
        scores = np.array([float(line[1]) for line in lines])
        if not np.isfinite(scores).all():
            raise ValueError("a score that is not finite")
        return scores
    except (ValueError, IndexError) as error:
        raise InputError(f"What gkmpredict wrote cannot be read: {error}.") from error


def _platt(held: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Fit Platt's logistic curve to held-out scores and apply it.

    The labels are drawn in by one pseudo-count, as Platt (1999) does, so that scores that separate the
    classes do not give certainties.
    """
    from sklearn.linear_model import LogisticRegression

    scale = max(float(held.std()), 1e-12)
    ones = labels.sum(dtype=np.int64)
    target = np.where(labels == 1, (ones + 1) / (ones + 2), 1 / (len(labels) - ones + 2))
    curve = LogisticRegression(C=1e6).fit(
        np.tile(held / scale, 2)[:, None],
        np.repeat([1, 0], len(held)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    return curve.predict_proba((scores / scale)[:, None])[:, 1]
