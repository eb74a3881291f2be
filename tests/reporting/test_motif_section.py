"""The report's section on motifs: what lies in the run's folder is shown, what is damaged is passed over."""

import re

import pytest

from seqdl.interpret.motifs.folder import find_summaries, read_summary
from seqdl.reporting.build import report
from tests.reporting.test_report_page import Page
from tests.toy_motifs import motif_folder
from tests.toy_report import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("motifs"))


def section(source):
    return re.search(r'<section[^>]*id="motifs".*?</section>', source, re.DOTALL).group()


def test_without_motifs_the_section_names_the_command(run, tmp_path):
    part = section(report(run, out=tmp_path / "page.html").read_text(encoding="utf-8"))
    assert f"seqdl motifs discover --run {run} --genome" in part and "--target CTCF" in part


def test_motifs_of_every_target_are_shown_with_match_seqlets_and_effect(run, tmp_path):
    motif_folder(run / "motifs" / "CTCF", "CTCF")
    motif_folder(run / "motifs" / "odd", "H3K4me1 <b>&")
    (run / "motifs" / "broken").mkdir()
    (run / "motifs" / "broken" / "motifs.json").write_text("{")
    source = report(run, out=tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(source)
    part = section(source)
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))
    assert part.count("data:image/png") == 2 and 'class="missing"' not in part
    for expected in ("REB1", "MA0363.1", "1e-07", "0.97", "+1.50", "+1.25 to +1.75", "−0.50"):
        assert expected in words, expected
    assert "REB1 for CTCF" in page.text or "REB1 for H3K4me1 <b>&" in page.text
    assert "from 30 seqlets that raise and 30 that lower" in page.text


def test_a_summary_is_found_newest_first_and_another_file_is_refused(tmp_path):
    import os

    from seqdl.errors import InputError

    for age, name in enumerate(("new", "old")):
        motif_folder(tmp_path / name, name)
        os.utime(tmp_path / name / "motifs.json", (1e9 - age, 1e9 - age))
    assert [summary["target"] for _, summary in find_summaries(tmp_path)] == ["new", "old"]
    (tmp_path / "x.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match="no summary"):
        read_summary(tmp_path / "x.json")
