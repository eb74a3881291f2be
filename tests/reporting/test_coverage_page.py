"""The page of a coverage run: its own sections, none of the labels', the diagnosis beside the curves."""

import re

import numpy as np
import pandas as pd
import pytest

from seqdl.evaluation.evaluate import evaluate
from seqdl.reporting.build import report
from tests.reporting.test_report_page import Page
from tests.toy_coverage_run import toy_coverage_run
from tests.toy_motifs import motif_folder

SECTIONS = ["data", "training", "performance", "targets", "examples", "motifs", "filters", "card", "glossary"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, data = toy_coverage_run(tmp_path_factory.mktemp("page"))
    epochs = np.arange(1, 11)
    pd.DataFrame({
        "epoch": epochs, "loss": 2 * 0.7**epochs + 0.2, "val_loss": 1.2 + 0.02 * np.abs(epochs - 4),
        "val_pearson": 0.8 - 0.01 * np.abs(epochs - 4),
    }).to_csv(folder / "history.csv", index=False)  # fmt: skip
    evaluate(folder, data, bootstrap=20, block=4, kmer_length=3)
    motif_folder(folder / "motifs" / "track", "track")
    return folder


def test_a_full_page(run, tmp_path):
    source = report(run, out=tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(source)
    assert [attrs["id"] for attrs in page.all("section") if "id" in attrs] == SECTIONS
    assert 'class="missing"' not in source
    for attrs in page.all("img"):
        assert attrs["src"].startswith("data:image/") and len(attrs["alt"]) > 20
    assert len(page.all("img")) == 1 + 1 + 2 + 1 + 1 + 1
    text = page.text
    assert "its signal along the middle 256 bases: 8 values, one for every 32 bases" in text
    assert "correlates with what was observed by Pearson's r 0.9" in text
    assert "The best simple rule, k-mer regression, reaches r" in text
    assert "which it never saw" in text
    assert "learn its training windows by heart (overfitting)" in text and "To try:" in text
    assert "control: bins shuffled" in text
    for word in ("AUROC", "score-variants", "positive"):
        assert word not in text
    bare = re.sub(r"data:[^\"]+", "data:", source)
    assert re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*\"|@import|url\(|https?://", bare) == []


def test_a_page_before_the_evaluation_names_the_command(tmp_path):
    folder, data = toy_coverage_run(tmp_path)
    source = report(folder).read_text(encoding="utf-8")
    assert source.count('class="missing"') == 5
    text = Page(source).text
    assert f"seqdl evaluate --run {folder} --data {data}" in text
    assert "has not been evaluated yet" in text
