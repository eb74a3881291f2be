"""A job that was cut off goes on where it was: the same bytes, no record lost or doubled, nothing left."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from variant_cases import HEADER, LinearNetwork, letters, other

from seqdl.encoding import decode
from seqdl.errors import InputError
from seqdl.files import atomic_path
from seqdl.genome import Genome
from seqdl.io.vcf import survey_vcf
from seqdl.variants.files.tsv_writer import TsvWriter
from seqdl.variants.jobs.job import plan_job
from seqdl.variants.jobs.parts import Parts
from seqdl.variants.options import ScoringOptions
from seqdl.variants.score import score_variants

ROOT = Path(__file__).parents[2]
FORMATS = (".tsv.gz", ".vcf.gz", ".h5")
JOB = """
import sys, time
sys.path[:0] = [{root!r}, {here!r}]
from variant_cases import LinearNetwork
from seqdl.variants.score import score_variants

class Network(LinearNetwork):
    def logits(self, codes):
        time.sleep({pause})
        return super().logits(codes)

for out in sys.argv[1:]:
    score_variants(Network(), {vcf!r}, {fasta!r}, out, batch_size=8, chunk_records=4)
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A genome on disk and a sorted VCF of 300 records, some with two alleles, some to be rejected."""
    folder = tmp_path_factory.mktemp("case")
    rng = np.random.default_rng(3)
    codes = {"chrA": rng.integers(0, 4, 3000), "chrB": rng.integers(0, 4, 2000)}
    genome = Genome.from_arrays({name: x.astype(np.uint8) for name, x in codes.items()})
    fasta = folder / "g.fa"
    fasta.write_text("".join(f">{name}\n{decode(genome.codes(name))}\n" for name in genome.names))
    rows = []
    for name in genome.names:
        for pos in np.sort(rng.choice(np.arange(60, 1900), 150, replace=False)).tolist():
            ref = letters(genome, name, pos)
            alt = {0: f"{other(ref)},{ref}GG", 1: "<DEL>"}.get(pos % 9, other(ref))
            rows.append(
                f"{name}\t{pos}\tv{pos}\t{ref if pos % 23 else other(ref)}\t{alt}\t.\tPASS\tAC={pos}\n"
            )
    vcf = folder / "in.vcf"
    vcf.write_text(HEADER.replace("length=3000>\n", "length=3000>\n##contig=<ID=chrB,length=2000>\n"))
    with open(vcf, "a") as handle:
        handle.writelines(rows)
    return fasta, vcf


def command(case, pause=0.0):
    fasta, vcf = case
    text = JOB.format(
        root=str(ROOT), here=str(Path(__file__).parent), vcf=str(vcf), fasta=str(fasta), pause=pause
    )
    return [sys.executable, "-c", text]


@pytest.fixture(scope="module")
def undisturbed(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run([*command(case), *(str(folder / f"s{suffix}") for suffix in FORMATS)], check=True)
    return folder


def kill_after(words, folder, chunks, delay):
    """Start a process, and kill it a moment after the folder holds so many parts; tell how many are left."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while len(list(folder.glob("[0-9]*.npz"))) < chunks and process.poll() is None:
            time.sleep(0.002)
        time.sleep(delay)
    finally:
        process.kill()
        said = process.communicate()[1]
    assert process.returncode == -9, said.decode()
    return len(list(folder.glob("[0-9]*.npz")))


@pytest.mark.parametrize("suffix", FORMATS)
def test_killed_at_random_moments_the_bytes_are_those_of_an_undisturbed_job(
    case, undisturbed, tmp_path, suffix
):
    out = tmp_path / f"s{suffix}"
    parts = out.with_name(f"{out.name}.parts")
    moments = random.Random(suffix)
    words = [*command(case, pause=0.02), str(out)]
    there = 0
    for _ in range(3):
        there = kill_after(words, parts, there + moments.randint(1, 18), moments.uniform(0, 0.04))
        assert {path.name for path in tmp_path.iterdir()} == {parts.name}  # nothing lies outside the folder
    subprocess.run([*command(case), str(out)], check=True)
    assert out.read_bytes() == (undisturbed / out.name).read_bytes()
    assert (tmp_path / "s.rejects.tsv").read_bytes() == (undisturbed / "s.rejects.tsv").read_bytes()
    wanted = {out.name, "s.rejects.tsv"} | ({f"{out.name}.tbi"} if suffix.endswith(".gz") else set())
    assert {path.name for path in tmp_path.iterdir()} == wanted


@pytest.mark.slow
def test_the_command_killed_at_random_moments_writes_the_same_bytes(tmp_path):
    from tests.toy import toy_run

    run, _ = toy_run(tmp_path, epochs=1)
    genome = Genome(tmp_path / "toy.fa")
    vcf = tmp_path / "in.vcf"
    rows = [("chrA", pos, letters(genome, "chrA", pos)) for pos in range(500, 59_000, 150)]
    vcf.write_text(
        HEADER.replace("3000", "60000")
        + "".join(f"{c}\t{p}\t.\t{r}\t{other(r)}\t.\t.\t.\n" for c, p, r in rows)
    )
    words = [sys.executable, "-m", "seqdl", "score-variants", "--run", str(run.path), "-g", str(genome.path)]
    words += ["--vcf", str(vcf), "--batch-size", "4", "--chunk-records", "2", "-o"]
    moments = random.Random(1)
    folder = tmp_path / "out"
    parts = folder / "killed.vcf.gz.parts"
    there = 0
    for _ in range(2):
        there = kill_after(
            [*words, str(folder / "killed.vcf.gz")],
            parts,
            there + moments.randint(1, 40),
            moments.random() / 20,
        )
    assert there < len(rows) // 2
    for name in ("killed", "whole"):
        subprocess.run([*words, str(folder / f"{name}.vcf.gz"), "--quiet"], check=True, capture_output=True)
    assert (folder / "killed.vcf.gz").read_bytes() == (folder / "whole.vcf.gz").read_bytes()
    assert len(list(folder.iterdir())) == 6  # of both: the scores, their index, the rejects


@pytest.fixture
def score(case, tmp_path):
    """Score the case in this process, in chunks of 4 records."""

    def score(network=None, name="s.tsv", **options):
        fasta, vcf = case
        options = {"batch_size": 8, "chunk_records": 4, **options}
        return score_variants(network or LinearNetwork(), vcf, fasta, tmp_path / name, **options)

    return score


@pytest.fixture
def cut_off(score, tmp_path, monkeypatch):
    """Cut a job off when a certain block is to be written, by a full disk; return its folder of parts."""

    def cut_off(block=20, **options):
        write, seen = TsvWriter.write, []

        def full(self, rows):
            seen.append(rows)
            if len(seen) == block:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "s.tsv")
            write(self, rows)

        with monkeypatch.context() as patch:
            patch.setattr(TsvWriter, "write", full)
            with pytest.raises(OSError, match="No space left"):
                score(**options)
        return tmp_path / "s.tsv.parts"

    return cut_off


def test_a_full_disk_keeps_what_is_scored(score, cut_off, tmp_path, capsys):
    parts = cut_off()
    assert len(list(parts.glob("*.npz"))) >= 19 and not (tmp_path / "s.tsv").exists()
    assert "the command goes on from there" in capsys.readouterr().err
    network = LinearNetwork()
    score(network)
    whole = LinearNetwork()
    score(whole, name="whole.tsv")
    assert (tmp_path / "s.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert network.seen < whole.seen - 18 * 8
    assert not parts.exists()


def test_a_job_whose_every_chunk_is_there_does_not_ask_the_network(score, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "remove", stopped)
        with pytest.raises(KeyboardInterrupt):
            score()
    (tmp_path / "s.tsv").unlink()
    silent = LinearNetwork()
    silent.logits = stopped
    score(silent)
    score(name="whole.tsv")
    assert (tmp_path / "s.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "of another chunk"])
def test_a_damaged_part_is_scored_again(score, cut_off, tmp_path, harm):
    parts = cut_off()
    files = sorted(parts.glob("*.npz"))
    whole = files[3].read_bytes()
    at = whole.index(b"value.diff") + 200
    flipped = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
    harmed = {"cut": whole[:-30], "flipped": flipped, "empty": b"", "of another chunk": files[4].read_bytes()}
    files[3].write_bytes(harmed[harm])
    network = LinearNetwork()
    score(network)
    score(name="whole.tsv")
    assert (tmp_path / "s.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_no_damage_of_a_part_passes_unseen(score, cut_off):
    parts = Parts(cut_off(), {})
    file, rng = parts.path(2), np.random.default_rng(0)
    whole = file.read_bytes()
    (block, counts) = parts.read(2)
    for at in rng.integers(0, len(whole), 200).tolist():
        file.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << rng.integers(8))]) + whole[at + 1 :])
        found = parts.read(2)
        if found is None:
            assert not file.exists()
            continue
        # Some bytes of a zip file mean nothing, such as a time.
        assert found[1] == counts and found[0].chunk.refs == block.chunk.refs
        for name, values in block.values.items():
            np.testing.assert_array_equal(found[0].values[name], values)


@pytest.mark.parametrize(
    "options, named",
    [
        ({"scores": ["ref"]}, "scores"),
        ({"anchor": 3}, "anchor"),
        ({"chunk_records": 8}, "chunk_records was 4, now it is 8"),
        ({"ref_mismatch": "force"}, "ref_mismatch"),
    ],
)
def test_parts_of_another_job_are_refused_with_the_first_difference(score, cut_off, options, named):
    parts = cut_off()
    before = sorted(path.name for path in parts.glob("*.npz"))
    with pytest.raises(InputError, match=f"another one: its [^.]*{named}"):
        score(**options)
    assert sorted(path.name for path in parts.glob("*.npz")) == before
    score(restart=True, **options)
    assert not parts.exists()


def test_restart_begins_anew(score, cut_off):
    parts = cut_off()
    network, whole = LinearNetwork(), LinearNetwork()
    score(network, restart=True)
    score(whole, name="whole.tsv")
    assert network.seen == whole.seen and not parts.exists()


def test_leftovers_of_a_killed_job_are_removed_by_the_next(score, cut_off, tmp_path):
    parts = cut_off()
    for name in (".s.123.abcdef.part.tsv", ".00000070.123.abcdef.part.npz"):
        (parts / name).write_text("half")
    folder = parts / ".s.123.abcdef.part.zarr"
    folder.mkdir()
    (folder / "x").write_text("half")
    score()
    assert {path.name for path in tmp_path.iterdir()} == {"s.tsv", "s.rejects.tsv"}


def test_a_job_killed_while_it_removed_its_parts_is_followed_by_a_new_one(score, cut_off):
    parts = cut_off()
    (parts / "plan.json").unlink()
    network, whole = LinearNetwork(), LinearNetwork()
    score(network)
    score(whole, name="whole.tsv")
    assert network.seen == whole.seen and not parts.exists()


def test_two_jobs_at_once_on_one_output_are_refused(score, cut_off, tmp_path):
    parts = cut_off()
    other_job = Parts(parts, {})
    other_job._take_lock()
    with pytest.raises(InputError, match="Another process is writing this output now"):
        score()
    other_job.release()
    score()
    assert (tmp_path / "s.tsv").exists()


def test_a_folder_of_the_user_is_left_alone(score, tmp_path):
    folder = tmp_path / "s.tsv.parts"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="other files are there: thesis.txt"):
        score()
    assert (folder / "thesis.txt").read_text() == "precious"


def test_a_file_written_aside_on_another_file_system_takes_its_name(tmp_path, monkeypatch):
    aside_in, target = tmp_path / "aside", tmp_path / "there" / "x.txt"
    aside_in.mkdir()
    replace = os.replace

    def across(source, to):
        if Path(source).parent == aside_in:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, to)

    monkeypatch.setattr(os, "replace", across)
    with atomic_path(target, aside_in) as aside:
        assert aside.parent == aside_in
        aside.write_text("whole")
    assert target.read_text() == "whole"
    assert not list(aside_in.iterdir()) and [path.name for path in target.parent.iterdir()] == ["x.txt"]


def test_a_job_goes_on_with_the_same_software_only(case, tmp_path, monkeypatch):
    """Two backends differ in the last digits: half a table from each would be neither's."""
    fasta, vcf = case
    model = tmp_path / "model.keras"
    model.write_bytes(b"weights")
    scorer = SimpleNamespace(network=SimpleNamespace(model_file=model), chunk_records=4)

    def plan(backend):
        monkeypatch.setattr("seqdl.variants.jobs.job.software", lambda: {"backend": backend})
        return plan_job(vcf, survey_vcf(vcf), Genome(fasta), scorer, {}, ScoringOptions(), False)

    parts = Parts(tmp_path / "s.tsv.parts", plan("tensorflow"))
    parts.begin()
    parts.release()
    with pytest.raises(InputError, match="its software was .*tensorflow.*, now it is .*jax"):
        Parts(tmp_path / "s.tsv.parts", plan("jax")).begin()
