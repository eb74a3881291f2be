"""The gkm-SVM programs: called as their own help says; what they leave is read, or the reason is named."""

import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import Sequences, write_dataset
from seqdl.encoding import encode
from seqdl.errors import InputError, MissingDependencyError
from seqdl.evaluation import lsgkm
from seqdl.evaluation.baselines import fit_baseline

# Programs with the interface that the usage texts of gkmtrain and gkmpredict give: options by getopt, three
# files, 1, 4 or 16 threads, log lines on standard output, exit code 0 for wrong arguments. The "SVM" counts
# 4-mers.
COMMON = """#!{python}
import getopt, math, sys
from collections import Counter
def read(path):
    names, texts = [], []
    for line in open(path):
        if line[0] == ">":
            names.append(line[1:].split()[0]); texts.append("")
        else:
            texts[-1] += line.strip()
    assert texts and all(set(t) <= set("ACGT") and len(t) >= 10 for t in texts), "no sequence for lsgkm"
    return names, texts
def usage():
    print("Usage: ...")
    sys.exit(0)
def options(letters):
    try:
        found, files = getopt.getopt(sys.argv[1:], letters)
    except getopt.GetoptError:
        usage()
    found = dict(found)
    if len(files) != 3 or found.get("-T", "1") not in ("1", "4", "16"):
        usage()
    print("INFO: Arguments")
    return found, files
def words(texts):
    return Counter(t[i:i + 4] for t in texts for i in range(len(t) - 3))
"""
TRAIN = """
found, (positive, negative, prefix) = options("t:l:k:d:g:M:H:c:e:w:m:x:i:r:sv:T:")
assert found["-l"] == "10" and found["-k"] == "6" and int(found["-d"]) <= 4
ones, zeros = words(read(positive)[1]), words(read(negative)[1])
with open(prefix + ".model.txt", "w") as out:
    for word in sorted(set(ones) | set(zeros)):
        ratio = (ones[word] + 1) / (zeros[word] + 1) * sum(zeros.values()) / sum(ones.values())
        out.write(f"{word} {math.log(ratio):g}\\n")
"""
PREDICT = """
found, (file, model, answer) = options("v:T:")
weights = dict(line.split() for line in open(model))
with open(answer, "w") as out:
    for name, text in zip(*read(file)):
        score = sum(float(weights.get(text[i:i + 4], 0)) for i in range(len(text) - 3)) / len(text)
        out.write("%s\\t%g\\n" % (name, score))
"""


def install(folder, monkeypatch, train=TRAIN, predict=PREDICT):
    """Put the two programs on PATH."""
    folder.mkdir(exist_ok=True)
    for name, text in (("gkmtrain", train), ("gkmpredict", predict)):
        (folder / name).write_text(COMMON.replace("{python}", sys.executable) + text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """300 sequences of 30 to 50 bases, positives with a motif; one too short for a word, one with N."""
    rng = np.random.default_rng(0)
    labels = np.stack([np.arange(300) % 2, np.zeros(300)], axis=1).astype(np.uint8)
    rows = [rng.integers(0, 4, rng.integers(30, 51)).astype(np.uint8) for _ in labels]
    for row, (positive, _) in zip(rows, labels, strict=True):
        if positive:
            row[5:14] = encode("TGACTCAGC")
    rows[299] = encode("ACGTNNNNN")
    rows[298][20] = 4
    path = tmp_path_factory.mktemp("lsgkm") / "ds.h5"
    write_dataset(
        path, window=50, bin=50, labels=labels, targets=pd.DataFrame({"name": ["motif", "nothing"]}),
        split=np.repeat([0, 1, 2], [180, 40, 80]).astype(np.uint8), split_kind="groups",
        sequences=Sequences(
            np.concatenate(rows), np.concatenate([[0], np.cumsum([len(row) for row in rows])]),
            [f"s{i}" for i in range(300)],
        ),
        sequence_ids=np.arange(300),
    )  # fmt: skip
    return Dataset.open(path)


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_scores_become_calibrated_probabilities(data, tmp_path, monkeypatch, threads):
    install(tmp_path / "bin", monkeypatch)
    test = data.indices("test")
    made = fit_baseline("lsgkm", data, test, threads=threads)
    motif, nothing = made.probabilities.T
    assert made.probabilities.dtype == np.float32 and made.details["windows_of_an_svm"] == 180
    assert roc_auc_score(data.labels(test)[:, 0], motif) > 0.95
    assert motif.mean() == pytest.approx(0.5, abs=0.1) and ((motif > 0) & (motif < 1)).all()
    assert motif[-1] == pytest.approx(90.5 / 181)  # too short for a word: the share of positives
    np.testing.assert_allclose(nothing, 0.5 / 181, rtol=1e-5)


def test_without_validation_windows_some_training_windows_are_kept_for_it(data, tmp_path, monkeypatch):
    install(tmp_path / "bin", monkeypatch)
    train, none = np.flatnonzero(data.split == 0), np.zeros(0, np.int64)
    from seqdl.evaluation.baselines import BaselineOptions

    made = lsgkm.fit_lsgkm(data, train, none, data.indices("test"), BaselineOptions())
    assert made.details["windows_of_an_svm"] == 144
    assert roc_auc_score(data.labels(data.indices("test"))[:, 0], made.probabilities[:, 0]) > 0.9


def test_many_windows_are_thinned_positives_last(monkeypatch):
    monkeypatch.setattr(lsgkm, "MOST_WINDOWS", 100)
    for ones, zeros, kept in (
        (30, 400, (30, 70)),
        (400, 30, (70, 30)),
        (200, 200, (50, 50)),
        (20, 30, (20, 30)),
    ):
        labels = np.repeat([1, 0], [ones, zeros])
        chosen = lsgkm._thinned(labels, 0)
        assert (labels[chosen].sum(), (1 - labels[chosen]).sum()) == kept


def test_missing_programs_are_named(data, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="gkmtrain and gkmpredict.*not on PATH.*--baselines gkm"):
        fit_baseline("lsgkm", data, data.indices("test"))


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({"train": "sys.exit('out of memory')"}, "gkmtrain ended with exit code 1 .*out of memory"),
        ({"train": "usage()"}, "exit code 0 and no result. It said: Usage"),
        ({"predict": "open(sys.argv[-1], 'w').write('0\\t0.5\\n')"}, "1 lines, not one for each"),
        ({"predict": PREDICT.replace("%g", "nan%g")}, "could not convert"),
    ],
)
def test_programs_that_fail_are_quoted(data, tmp_path, monkeypatch, programs, words):
    install(tmp_path / "bin", monkeypatch, **programs)
    with pytest.raises(InputError, match=words):
        fit_baseline("lsgkm", data, data.indices("test"))


def test_what_lsgkm_cannot_take_is_refused(data, tmp_path, monkeypatch):
    install(tmp_path / "bin", monkeypatch)
    for attribute, value, words in (
        ("n_targets", 21, "at most 20. Received: 21"),
        ("alphabet", "rna", "both strands"),
        ("window", 2100, "10 .* to 2047 bases. Received: windows of 2100"),
    ):
        with monkeypatch.context() as patched, pytest.raises(InputError, match=words):
            patched.setattr(data, attribute, value)
            fit_baseline("lsgkm", data, data.indices("test"))


@pytest.mark.skipif(shutil.which("gkmtrain") is None, reason="lsgkm's program gkmtrain is not installed")
def test_the_real_programs_find_the_motif(data):
    test = data.indices("test")
    made = fit_baseline("lsgkm", data, test)
    assert roc_auc_score(data.labels(test)[:, 0], made.probabilities[:, 0]) > 0.95
