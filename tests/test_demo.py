"""The demonstration: its commands are real, its checks can fail, and a small one runs through."""

import argparse
import json
from importlib import import_module

import numpy as np
import pytest

from seqdl import InputError
from seqdl.cli.main import VERBS, main
from seqdl.data.simulate import simulate
from seqdl.demo import MARKER, plan_demo, prepare_folder
from seqdl.demo_checks import check_attributions, check_effects, check_network, check_records
from seqdl.interpret.attribute import Attribution
from seqdl.interpret.writers import write_attribution
from seqdl.intervals import Interval
from tests.data.test_simulate import rows

TARGETS = ["AP1", "CTCF", "GATA1", "MAX", "REST", "SP1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sim"), n_contigs=3, contig_length=60_000, n_variants=60)


def write_scores(path, made, effect_of, leave_out=0):
    """Write a table of scores and its rejects, with `effect_of(row)` -> {target: diff}."""
    described = {"format": "seqdl-scores", "version": 1, "targets": TARGETS, "scores": ["diff"]}
    meta = json.dumps(described)
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "FLAG", "MAX_TARGET", "MAX_REF", "MAX_ALT", "MAX_ABS_DIFF"]
    lines = [f"##meta={meta}", "\t".join(head + [f"{t}:diff" for t in TARGETS])]
    rejects = ["#CHROM\tPOS\tID\tREF\tALT\tREASON\tDETAIL"]
    for row in rows(made.variants_file):
        key = [row[c] for c in ("CHROM", "POS", "ID", "REF", "ALT")]
        if row["TRUTH"] == "bad":
            rejects.append("\t".join([*key, "SYMBOLIC", "."]))
        else:
            diff = effect_of(row)
            lines.append(
                "\t".join([*key, ".", "CTCF", "0", "0", "0", *(f"{diff.get(t, 0):.4f}" for t in TARGETS)])
            )
    path.write_text("\n".join(lines[: len(lines) - leave_out]) + "\n")
    path.with_name("scores.rejects.tsv").write_text("\n".join(rejects) + "\n")
    return path


def planted(row):
    return {
        name: 0.5 * int(sign) for name, sign in (e.split(":") for e in row["EFFECTS"].split(",") if e != ".")
    }


def test_every_planned_command_is_one_that_a_user_can_type(tmp_path):
    for step in plan_demo(tmp_path / "demo", epochs=3, contig_length=50_000):
        verb, *rest = step.argv
        parser = argparse.ArgumentParser(exit_on_error=False)
        import_module(VERBS[verb][0]).add_arguments(parser)
        parser.parse_args(rest)


def test_only_a_demonstration_is_ever_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("five years")
    with pytest.raises(InputError, match="nothing was touched"):
        prepare_folder(mine)
    assert main(["demo", "--out", str(mine)]) == 2
    assert (mine / "thesis.txt").read_text() == "five years"
    with pytest.raises(InputError, match="is a file"):
        prepare_folder(mine / "thesis.txt")
    own = prepare_folder(tmp_path / "own")
    (own / "x").write_text("x")
    assert (prepare_folder(own, keep=True) / "x").exists()
    assert not (prepare_folder(own) / "x").exists()
    assert (own / MARKER).exists()


def test_effects_of_the_truth_itself_pass_and_reversed_or_random_ones_fail(made, tmp_path):
    path = tmp_path / "scores.tsv"
    ranking, signs = check_effects(write_scores(path, made, planted), made.variants_file)
    assert ranking.passed and signs.passed and ranking.value == signs.value == 1
    backwards = write_scores(path, made, lambda row: {name: -value for name, value in planted(row).items()})
    ranking, signs = check_effects(backwards, made.variants_file)
    assert ranking.passed and not signs.passed and signs.value == 0
    rng = np.random.default_rng(0)
    ranking, signs = check_effects(
        write_scores(path, made, lambda row: {"CTCF": rng.normal()}), made.variants_file
    )
    assert not ranking.passed and not signs.passed


def test_records_are_counted_one_by_one(made, tmp_path):
    whole = write_scores(tmp_path / "scores.tsv", made, planted)
    assert check_records(made.variants, whole, made.variants_file).passed
    cut = write_scores(tmp_path / "scores.tsv", made, planted, leave_out=1)
    assert not check_records(made.variants, cut, made.variants_file).passed


@pytest.mark.parametrize("on_motif", [True, False])
def test_attributions_must_lie_on_the_motifs(made, tmp_path, on_motif):
    sites = [row for row in rows(made.sites_file) if row["FACTOR"] == "GATA1"]
    region = Interval(
        "chr1",
        int(sites[0]["CENTER"]) - 250,
        int(sites[0]["CENTER"]) + 250,
        name=f"GATA1_{sites[0]['CENTER']}",
    )
    values = np.random.default_rng(0).normal(0, 0.01, (1, 500, 4)).astype(np.float32)
    for row in sites if on_motif else []:
        if row["CHROM"] == "chr1":
            values[
                0, max(int(row["START"]) - region.start, 0) : max(int(row["END"]) - region.start, 0), 0
            ] = 1
    found = Attribution(
        values, (region,), "GATA1", "grad_x_input", np.zeros((1, 500), np.uint8), np.zeros(1, np.float32)
    )
    write_attribution(tmp_path / "attributions_GATA1.h5", found)
    assert check_attributions([tmp_path / "attributions_GATA1.h5"], made.sites_file).passed == on_motif
    assert not check_attributions([], made.sites_file).passed


@pytest.mark.parametrize(("network", "passed"), [(0.95, True), (0.7, False), (0.8, False)])
def test_the_network_must_beat_the_baselines(tmp_path, network, passed):
    models = [("network", network), ("gc_length", 0.6), ("kmer", 0.8)]
    entries = [
        {"name": n, "label": n, "median_auroc": v, "median_auroc_ci": [v - 0.1, v + 0.1]} for n, v in models
    ]
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"models": entries}))
    assert check_network(path).passed == passed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_demonstration_runs_through(tmp_path, capfd):
    out = tmp_path / "demo"
    words = ["demo", "--out", str(out), "--epochs", "1", "--contig-length", "60000"]
    # So little training cannot pass every check, and then the exit code says so.
    assert main(words) in (0, 1)
    said, noise = capfd.readouterr()
    for step in plan_demo(out):
        assert step.result.exists(), step.title
    assert "$ seqdl score-variants" in said and "Next, on your own files" in said and "report.html" in said
    assert not any(word in noise for word in ("oneDNN", "cudart", "cpu_feature_guard", "Traceback"))
    record = json.loads((out / MARKER).read_text())
    checks = {check["name"]: check for check in record["checks"]}
    assert len(checks) == 5
    assert checks["every record of the VCF is accounted for"]["passed"]
    before = (out / "run" / "model.keras").stat().st_mtime_ns
    assert main([*words, "--keep"]) == (0 if all(check["passed"] for check in checks.values()) else 1)
    assert (out / "run" / "model.keras").stat().st_mtime_ns == before
    assert "kept" in capfd.readouterr().out
