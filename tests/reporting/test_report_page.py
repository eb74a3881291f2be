"""The page: self-contained, escaped, complete; and a sentence with a command for whatever is missing."""

import re
import shutil
from html.parser import HTMLParser

import pytest

from seqdl.errors import InputError
from seqdl.reporting.build import report
from tests.toy_motifs import motif_folder
from tests.toy_report import add_variants, make_genome, make_run

VOID = {"meta", "link", "input", "img", "br", "hr"}
SECTIONS = [
    "data",
    "training",
    "performance",
    "targets",
    "calibration",
    "variants",
    "motifs",
    "filters",
    "card",
    "glossary",
]


class Page(HTMLParser):
    """Reads a page into tags, checking that they are balanced."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    from seqdl.evaluation.evaluate import evaluate
    from seqdl.variants.score import score_variants

    folder = tmp_path_factory.mktemp("full")
    run = make_run(folder)
    evaluate(run, folder / "ds.h5", bootstrap=20, kmer_length=4, baselines=("gc_length", "kmer"))
    vcf = add_variants(folder, make_genome(folder)[1])
    score_variants(run, vcf, folder / "genome.fa", run / "scores.tsv.gz")
    motif_folder(run / "motifs" / "CTCF", "CTCF")
    return run


@pytest.mark.slow
def test_a_full_page_has_every_section_and_loads_nothing(full):
    path = report(full, top=2)
    assert path == full / "report.html"
    source = path.read_text(encoding="utf-8")
    page = Page(source)
    assert [attrs["id"] for attrs in page.all("section") if "id" in attrs] == SECTIONS
    for attrs in page.all("img"):
        assert attrs["src"].startswith("data:image/") and len(attrs["alt"]) > 20
    assert len(page.all("img")) == 2 + 1 + 1 + 1 + 1 + 2 + 1 + 1
    assert not page.all("iframe") and all("src" not in attrs for attrs in page.all("script"))
    bare = re.sub(r"data:[^\"]+", "data:", source)
    assert re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*\"|@import|url\(|https?://", bare) == []
    assert [attrs["href"] for attrs in page.all("a")] == [f"#{name}" for name in SECTIONS]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert 'class="missing"' not in source


@pytest.mark.slow
def test_the_page_says_what_matters_in_words(full):
    text = Page(report(full, top=1).read_text(encoding="utf-8")).text
    assert "DeepSEA on 6 targets of toy" in text
    assert "on 300 test windows of chrIII, which it never saw" in text
    assert "The best simple rule, k-mer regression, reaches" in text
    assert (
        "1 target has fewer than 10 positive test windows and stays out of the medians: H3K4me1 <b>&." in text
    )
    assert "30 alleles scored from scores.tsv.gz" in text
    assert "RANDOM" not in text and "random over windows" not in text


@pytest.mark.slow
def test_a_random_split_is_said_at_the_top(full, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(full, run)
    (run / "card.json").write_text(
        (run / "card.json").read_text().replace('"random": false', '"random": true')
    )
    text = Page(report(run, top=0).read_text(encoding="utf-8")).text
    assert text.index("The split is random over windows") < text.index("What it was trained on")
    assert "never saw" not in text


def test_a_bare_run_gives_a_page_that_names_the_commands(bare, tmp_path):
    out = tmp_path / "page.html"
    assert report(bare, out=out) == out
    source = out.read_text(encoding="utf-8")
    text = Page(source).text
    assert source.count('class="missing"') == 5
    assert f"seqdl evaluate --run {bare} --data {bare.parent / 'ds.h5'}" in text
    assert f"seqdl score-variants --run {bare} --genome {bare.parent / 'genome.fa'} --vcf" in text
    assert "has not been evaluated yet" in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_run_that_travels_without_its_data_still_gives_a_page(bare, tmp_path):
    run = tmp_path / "moved"
    run.mkdir()
    shutil.copy(bare / "model.keras", run)
    (run / "card.json").write_text(
        (bare / "card.json").read_text().replace("ds.h5", "gone.h5").replace("genome.fa", "gone.fa")
    )
    text = Page(report(run).read_text(encoding="utf-8")).text
    assert "could not be opened here" in text and "there are no learning curves" in text
    assert f"seqdl report --run {run} --data" in text


def test_names_are_escaped_whatever_they_hold(bare, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(bare, run)
    evil = "</script><script>alert(1)</script>"
    card = (run / "card.json").read_text().replace('"toy"', f'"{evil}"')
    (run / "card.json").write_text(card)
    source = report(run).read_text(encoding="utf-8")
    assert evil not in source and source.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in source


def test_bad_input_gets_a_sentence_and_leaves_no_page(bare, tmp_path):
    with pytest.raises(InputError, match=r"end in \.html"):
        report(bare, out=tmp_path / "page.pdf")
    with pytest.raises(InputError, match="does not exist"):
        report(bare, out=tmp_path / "page.html", data=tmp_path / "no.h5")
    with pytest.raises(InputError, match="does not exist"):
        report(bare, out=tmp_path / "page.html", scores=tmp_path / "no.tsv.gz")
    with pytest.raises(InputError, match="must not be negative"):
        report(bare, out=tmp_path / "page.html", top=-1)
    with pytest.raises(InputError, match="no run"):
        report(tmp_path / "nowhere")
    run = tmp_path / "run"
    shutil.copytree(bare, run)
    (run / "history.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(InputError, match="history.csv"):
        report(run)
    assert not (tmp_path / "page.html").exists()
