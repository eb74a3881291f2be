"""The section on variants: the largest effects of a file of any size, in words a reader can check."""

import numpy as np
import pandas as pd
import pytest

from seqdl.errors import InputError
from seqdl.reporting.build import report
from seqdl.reporting.inputs import Inputs
from seqdl.reporting.scored import POINTS, survey_scores
from seqdl.reporting.variants import variant_section
from seqdl.training.run import Run
from seqdl.variants.files import streaming
from seqdl.variants.make_background import make_background
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants
from tests.reporting.test_report_page import Page
from tests.toy_report import add_variants, make_genome, make_run


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Return a run, its scores, and the VCF, in which every third allele is common."""
    folder = tmp_path_factory.mktemp("scored")
    run = make_run(folder)
    vcf = add_variants(folder, make_genome(folder)[1])
    lines = vcf.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("#CHROM"))
    lines[first:first] = ['##INFO=<ID=AF,Number=A,Type=Float,Description="">']
    for i in range(first + 2, len(lines)):
        lines[i] = lines[i][: lines[i].rindex("\t")] + f"\tAF={0.3 if i % 3 else 0.001}"
    vcf.write_text("\n".join(lines) + "\n")
    score_variants(run, vcf, folder / "genome.fa", run / "scores.tsv")
    return run, vcf


def test_the_largest_effects_are_found_piece_by_piece(scored, monkeypatch):
    run, _ = scored
    table = read_scores(run / "scores.tsv")
    monkeypatch.setattr(streaming.stream_scores, "__defaults__", (None, 4))
    found = survey_scores(run / "scores.tsv", 7)
    order = np.argsort(-table.variants["max_abs_diff"].to_numpy(), kind="stable")[:7]
    want = table.variants.iloc[order].reset_index(drop=True)
    assert found.top.variants.astype(str).equals(want.astype(str))
    np.testing.assert_array_equal(found.top.scores["diff"], table.scores["diff"][order])
    assert found.total == len(table.variants)
    assert found.large == (table.variants["max_abs_diff"] >= 0.1).sum() > 0
    assert found.contig == "chrIII"
    np.testing.assert_array_equal(found.positions, table.variants["pos"])


def test_a_long_contig_keeps_its_largest_effects(monkeypatch):
    """A hundred thousand places become at most POINTS, and no stretch loses its largest."""
    rng = np.random.default_rng(1)
    n = 100_000
    frame = pd.DataFrame({
        "chrom": np.where(np.arange(n) < 60_000, "big", "small"), "pos": rng.integers(1, 10**8, n),
        "max_abs_diff": rng.random(n).astype(np.float32),
    })  # fmt: skip
    best = int(frame["max_abs_diff"][:60_000].idxmax())
    frame.loc[best, "max_abs_diff"] = 2.0
    monkeypatch.setattr("seqdl.reporting.scored.read_meta", lambda path: {"task": "binary"})
    monkeypatch.setattr(
        "seqdl.reporting.scored.stream_scores",
        lambda path: (frame[i : i + 7000] for i in range(0, n, 7000)),
    )
    monkeypatch.setattr(
        "seqdl.reporting.scored.read_rows", lambda path, rows: streaming.Rows(frame.iloc[rows], {})
    )
    found = survey_scores("any.tsv", 3)
    assert found.contig == "big" and found.top.variants.index[0] == best
    assert POINTS / 2 < len(found.positions) <= POINTS
    assert (np.diff(found.positions) > 0).all()
    assert found.sizes.max() == 2.0 and found.positions[found.sizes.argmax()] == frame["pos"][best]
    here = frame[:60_000].sort_values("pos")
    for low in range(0, 10**8, 10**7):  # the largest of each tenth is one of the points
        tenth = here[(here["pos"] > low) & (here["pos"] <= low + 10**7)]
        assert tenth["max_abs_diff"].max() == found.sizes[
            (found.positions > low) & (found.positions <= low + 10**7)
        ].max().astype(np.float32)


@pytest.mark.slow
def test_the_page_shows_them_along_the_genome_and_by_frequency(scored, tmp_path):
    run, vcf = scored
    out = tmp_path / "page.html"
    text = Page(report(run, out=out, top=1, vcf=vcf).read_text(encoding="utf-8")).text
    assert "30 alleles scored from scores.tsv" in text
    assert "along chrIII; the first of the table are named" in text
    assert "Alleles: 10 rare, 0 in between, 20 common" in text
    assert "selection would keep such alleles rare" in text
    assert "not that the variant causes a trait" in text
    text = Page(report(run, out=out, top=0).read_text(encoding="utf-8")).text
    assert "selection would keep" not in text


def test_with_a_background_the_page_says_how_unusual_they_are(scored, tmp_path):
    """Each sentence's percentile is that of the target's own column; the table's accounts for the choice."""
    run, vcf = scored
    genome = run.parent / "genome.fa"
    background = make_background(run, genome, simulated=True, size=400, out=tmp_path / "b.h5").path
    score_variants(run, vcf, genome, tmp_path / "s.h5", background=str(background))
    found = Inputs(Run.open(run), {}, scores=survey_scores(tmp_path / "s.h5", 4), top=3)
    section = variant_section(found)
    table, *texts = section.blocks[:5]
    assert table.columns[-2:] == ("percentile", "flag")
    top, meta = found.scores.top, found.scores.meta
    assert [row[-2].order for row in table.rows] == top.variants["max_percentile"].tolist()
    for k, (text, row) in enumerate(zip(texts[:3], top.variants.itertuples(), strict=False)):
        p = float(top.scores["diff_p"][k, meta["targets"].index(row.max_target)])
        as_much = round(p * 401) - 1
        assert text.text.startswith(f"{row.chrom}:{row.pos:,} ")
        assert f"of {row.max_target} from" in text.text
        assert "of 400 " in text.text if as_much else "none of 400" in text.text
    assert "does not tell whether the allele matters for health" in texts[3].text
    assert "the choice of the target is accounted for" in texts[3].text


def test_frequencies_need_scores(scored, tmp_path):
    run, vcf = scored
    bare = make_run(tmp_path)
    with pytest.raises(InputError, match="`vcf` gives the allele frequencies of scored variants"):
        report(bare, out=tmp_path / "page.html", vcf=vcf)
    with pytest.raises(InputError, match="needs INFO AF"):
        report(run, out=tmp_path / "page.html", vcf=add_variants(tmp_path, make_genome(tmp_path)[1]))
    assert not (tmp_path / "page.html").exists()
