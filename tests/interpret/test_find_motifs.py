"""From a run to a folder: contributions are kept and reused for the same question alone; effects."""

import json

import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.interpret.experiments.tables import read_table
from seqdl.interpret.motifs import discovery
from seqdl.interpret.motifs.in_run import discover_in_run, target_folder
from seqdl.interpret.motifs.patterns import read_patterns
from seqdl.training.run import Run
from tests.toy_motifs import write_toy_patterns
from tests.toy_report import MOTIFS, make_genome, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def bed(run):
    places = [place for place in make_genome(run.parent)[1] if place[2] == 0 and place[0] == "chrIII"]
    path = run.parent / "sites.bed"
    path.write_text("".join(f"{chrom}\t{start}\t{start + 12}\n" for chrom, start, _ in places))
    return path


@pytest.fixture
def no_modisco(monkeypatch):
    """Stand in for TF-MoDISco: the pattern is what lies in the middle of every window."""

    def discover(attribution, out, *, resume=False, **choices):
        from seqdl.encoding import encode, one_hot

        codes, word = attribution.codes, one_hot(encode(MOTIFS[0]))
        middle = codes.shape[1] // 2 - 6
        forward = (one_hot(codes[:, middle : middle + 12]) * word).sum(axis=(1, 2)) > 8
        truth = [(row, middle, 0, "+" if ahead else "-") for row, ahead in enumerate(forward)]
        attribution = attribution._replace(hypothetical=attribution.values)
        return read_patterns(write_toy_patterns(out.parent, attribution, truth, MOTIFS[:1], (1,)))

    monkeypatch.setattr(discovery, "discover_motifs", discover)


def ask(run, bed, **choices):
    return discover_in_run(
        run, genome=run.parent / "genome.fa", bed=bed, method="grad_x_input", **{"target": "CTCF", **choices}
    )


def test_the_folder_lies_in_the_run_and_holds_the_effect_of_each_pattern(run, bed, no_modisco):
    result = ask(run, bed)
    assert result.folder == target_folder(Run.open(run), "CTCF") == run / "motifs" / "CTCF"
    assert MOTIFS[0] in result.motifs[0].consensus.upper()
    table, settings = read_table(result.folder / "effects.tsv")
    assert settings["experiment"] == "marginalize" and list(table["motif"]) == ["pos_0"]
    assert table["target"][0] == "CTCF" and table["low"][0] > 0.5
    summary = json.loads((result.folder / "motifs.json").read_text())
    assert (summary["target"], summary["method"], summary["database"]) == ("CTCF", "grad_x_input", None)


def test_contributions_are_reused_for_the_same_question_alone(run, bed, no_modisco, tmp_path, monkeypatch):
    import seqdl.interpret.attribute as module

    out = tmp_path / "here"
    ask(run, bed, out=out)
    calls = []
    attribute = module.attribute
    monkeypatch.setattr(module, "attribute", lambda *a, **k: calls.append(k["target"]) or attribute(*a, **k))
    ask(run, bed, out=out, resume=True)
    assert calls == []
    ask(run, bed, out=out)
    ask(run, bed, out=out, resume=True, target="CTCF_GM")
    fewer = tmp_path / "fewer.bed"
    fewer.write_text("".join(bed.read_text().splitlines(keepends=True)[:5]))
    ask(run, fewer, out=out, resume=True, target="CTCF_GM")
    assert calls == ["CTCF", "CTCF_GM", "CTCF_GM"]


def test_what_is_missing_is_said(run, bed):
    with pytest.raises(InputError, match="exactly one of"):
        discover_in_run(run, target="CTCF")
    with pytest.raises(InputError, match="`run` and regions, or `attributions`"):
        discover_in_run(None, "x")
    with pytest.raises(InputError, match="not both"):
        discover_in_run(run, attributions="a.h5", bed=bed)


def test_a_targets_folder_is_a_plain_name(run):
    assert target_folder(Run.open(run), "H3K4me1 <b>/&").name == "H3K4me1_b_"
    assert np.all([part not in ("", "..") for part in target_folder(Run.open(run), "../x").parts[-2:]])
