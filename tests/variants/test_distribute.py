"""Scoring on a cluster gives the bytes of one machine, also where a worker is killed; errors are in words."""

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import CancelledError

import numpy as np
import pytest
from variant_cases import HEADER, LinearNetwork, letters, other

from seqdl.errors import InputError, MissingDependencyError
from seqdl.genome import Genome
from seqdl.progress import Progress
from seqdl.variants.files.reading import read_scores
from seqdl.variants.jobs import cluster, remote
from seqdl.variants.jobs.cluster import check_scheduler, connect, visible_gpus
from seqdl.variants.jobs.distribute import Team, open_team
from seqdl.variants.jobs.parts import Parts
from seqdl.variants.jobs.pipeline import Prepared
from seqdl.variants.options import ScoringOptions
from seqdl.variants.score import score_variants

distributed = pytest.importorskip("distributed")
# The engine leaves the socket of a refused connection, such as to a killed worker, to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A tiny trained run, its genome, and a VCF of 400 records, some of them to be rejected."""
    from tests.toy import toy_run

    folder = tmp_path_factory.mktemp("case")
    run, _ = toy_run(folder, epochs=1)
    genome = Genome(folder / "toy.fa")
    vcf = folder / "in.vcf"
    lines = []
    for pos in range(150, 60_150 - 150, 150):
        ref = letters(genome, "chrA", pos)
        alt = {0: f"{other(ref)},{ref}GG", 1: "<DEL>"}.get(pos % 21, other(ref))
        lines.append(f"chrA\t{pos}\tv{pos}\t{ref}\t{alt}\t.\tPASS\tAC={pos}\n")
    vcf.write_text(HEADER.replace("3000", "60000") + "".join(lines))
    return run.path, vcf, genome.path


@pytest.fixture(scope="module")
def score(case, tmp_path_factory):
    """Score the case in small chunks; the same call without a scheduler is made once for each format."""
    folder, single = tmp_path_factory.mktemp("scores"), {}

    def score(name, scheduler=None, **options):
        options = {"batch_size": 8, "chunk_records": 8, "scores": "all", **options}
        suffix = name[name.index(".") :]
        if scheduler is None:
            if suffix not in single:
                single[suffix] = folder / f"single{suffix}"
                score_variants(*case, single[suffix], **options)
            return single[suffix]
        score_variants(*case, folder / name, scheduler=scheduler, **options)
        return folder / name

    return score


@pytest.fixture(scope="module")
def client():
    """Two worker processes, as `local:2` starts them, that several tests share."""
    with connect("local:2") as client:
        yield client
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # here, and not in another file's test


@pytest.fixture(scope="module")
def address(client):
    return client.scheduler.address


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tsv.gz", ".vcf.gz"])
def test_a_cluster_writes_the_bytes_of_one_machine(score, address, suffix):
    many, one = score(f"many{suffix}", address), score(f"one{suffix}")
    assert many.read_bytes() == one.read_bytes()
    rejects = [path.with_name(path.name.replace(suffix, ".rejects.tsv")) for path in (many, one)]
    assert rejects[0].read_bytes() == rejects[1].read_bytes() and "SYMBOLIC" in rejects[0].read_text()
    assert not many.with_name(f"{many.name}.parts").exists()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5", ".parquet"])
def test_a_cluster_gives_the_numbers_of_one_machine(score, address, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    many, one = read_scores(score(f"many{suffix}", address)), read_scores(score(f"one{suffix}"))
    assert many.variants.equals(one.variants) and many.meta == one.meta
    for name, values in one.scores.items():
        np.testing.assert_array_equal(many.scores[name], values)


@pytest.mark.slow
def test_a_scheduler_is_found_by_its_file_too(score, address, tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": address}))
    assert score("file.tsv.gz", str(file)).read_bytes() == score("one.tsv.gz").read_bytes()


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_record(score, client, address, capfd):
    """SIGKILL to one of two workers once some chunks are scored; its process is started anew."""
    one = score("one.tsv.gz")
    pids = list(client.run(os.getpid).values())
    parts = one.with_name("killed.tsv.gz.parts")
    done, killed_amid = threading.Event(), []

    def kill():
        while len(list(parts.glob("[0-9]*.npz"))) < 5 and not done.wait(0.002):
            pass
        killed_amid.append(not done.is_set())
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        many = score("killed.tsv.gz", address)
    finally:
        done.set()
        killer.join()
    assert killed_amid == [True]
    assert many.read_bytes() == one.read_bytes()
    assert "Traceback" not in (said := capfd.readouterr().err) and "distributed" not in said
    until = time.monotonic() + 60
    while (now := list(client.run(os.getpid).values())) == pids or len(now) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
def test_an_error_of_a_worker_arrives_as_it_is(score, case, address, tmp_path):
    run, vcf, genome = case
    wrong = tmp_path / "wrong.vcf"
    lines = vcf.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if "\tv45000\t" in line)
    fields = lines[at].split("\t")
    lines[at] = "\t".join([*fields[:3], other(fields[3]), *fields[4:]])
    wrong.write_text("".join(lines))
    with pytest.raises(InputError, match="45,?000"):
        score_variants(
            run, wrong, genome, tmp_path / "s.tsv", scheduler=address, ref_mismatch="error", chunk_records=8,
            batch_size=8,
        )  # fmt: skip
    assert not (tmp_path / "s.tsv").exists()
    assert list((tmp_path / "s.tsv.parts").glob("*.npz"))  # what stood before it is kept


@pytest.mark.slow
def test_the_command_starts_and_ends_its_own_processes(score, case, tmp_path):
    run, vcf, genome = case
    words = [sys.executable, "-m", "seqdl", "score-variants", "--run", run, "-g", genome, "--vcf", vcf]
    words += [
        "-o",
        tmp_path / "s.tsv.gz",
        "--scheduler",
        "local:1",
        "--batch-size",
        "8",
        "--chunk-records",
        "8",
    ]
    words += ["--scores", "all"]
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, start_new_session=True, check=True
    )
    assert (tmp_path / "s.tsv.gz").read_bytes() == score("one.tsv.gz").read_bytes()
    assert "1 worker process of local:1 scored" in done.stdout
    for word in ("distributed", "tornado", "Traceback", "Warning"):
        assert word not in done.stderr


def test_an_unused_scheduler_that_cannot_be_reached_is_named(score):
    with pytest.raises(InputError, match=r"127.0.0.1:1 cannot be reached.*Is it running"):
        score("none.tsv", "127.0.0.1:1")


@pytest.fixture
def empty_cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=0, dashboard_address=":0", host="127.0.0.1", silence_logs=logging.CRITICAL
    ) as scheduler:
        yield scheduler.scheduler_address


def test_a_cluster_without_workers_is_not_waited_for_endlessly(score, empty_cluster):
    with pytest.raises(InputError, match=r"has had no worker for 0.3 s.*--worker-timeout"):
        score("lonely.tsv", empty_cluster, worker_timeout=0.3)


def test_what_workers_cannot_open_themselves_is_refused(case, tmp_path, empty_cluster):
    run, vcf, path = case
    network = LinearNetwork(window=40)
    with pytest.raises(InputError, match="must be a run's folder. Received: LinearNetwork"):
        score_variants(network, vcf, path, tmp_path / "s.tsv", scheduler=empty_cluster)
    genome = Genome(path)
    memory = Genome.from_arrays({name: genome.codes(name) for name in genome.names})
    with pytest.raises(InputError, match="genome themselves, so it must be a file"):
        score_variants(run, vcf, memory, tmp_path / "s.tsv", scheduler=empty_cluster)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "scheduler, message",
    [
        ("local", "such as local:4"),
        ("local:", "such as local:4"),
        ("local:two", "such as local:4"),
        ("local:0", "at least one process"),
        ("tcp://host", "Received: 'tcp://host'"),
        ("somewhere", "an address such as tcp://host:8786"),
        ("missing.json", "scheduler file missing.json does not exist"),
    ],
)
def test_a_scheduler_is_checked_before_any_work(scheduler, message):
    with pytest.raises(InputError, match=message):
        score_variants("no run", "no.vcf", "no.fa", "s.tsv", scheduler=scheduler)


def test_a_scheduler_file_without_an_address_is_refused(score, tmp_path):
    file = tmp_path / "s.json"
    for text in ("{}", "not JSON", "[1]"):
        file.write_text(text)
        with pytest.raises(InputError, match="it names no address"):
            score("none.tsv", str(file))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"seqdl\[dask\]"):
        check_scheduler("local:2")


@pytest.fixture
def job(case, tmp_path, monkeypatch):
    """A job as a worker finds it, and its parts; this process is the worker."""
    run, vcf, path = case
    monkeypatch.setattr(remote, "_APPEARS_WITHIN", 0.0)
    monkeypatch.setattr(remote, "_open", {})
    parts = Parts(tmp_path / "s.tsv.parts", {"vcf": "in.vcf"})
    parts.begin()
    yield parts, remote.keep_job(parts, run, Genome(path), {"chrA": "chrA"}, ScoringOptions(batch_size=8))
    parts.release()


@pytest.fixture
def chunk(case):
    from seqdl.io.vcf import read_vcf

    return next(read_vcf(case[1], 4))


def test_a_worker_keeps_the_part_and_answers_with_little(job, chunk):
    parts, name = job
    answer = remote.score_part(str(parts.folder), name, 3, chunk, None, {})
    assert answer.error is None and answer.counts == (0, 0)
    assert {"opening", "alleles", "model", "keeping"} <= set(answer.seconds)
    block, counts = parts.read(3)
    assert counts == (0, 0) and block.chunk.pos.tolist() == chunk.pos.tolist()
    assert remote.score_part(str(parts.folder), name, 4, chunk, None, {}).error is None
    assert len(remote._open) == 1  # the network is opened once


def test_a_worker_that_does_not_share_the_file_system_says_so(job, chunk, tmp_path, monkeypatch):
    parts, name = job
    answer = remote.score_part(str(tmp_path / "elsewhere"), name, 0, chunk, None, {})
    assert isinstance(answer.error, InputError)
    assert "does not see" in str(answer.error) and "file system that all workers see" in str(answer.error)
    answer = remote.score_part(str(parts.folder), "0" * 64, 0, chunk, None, {})
    assert "another job is in" in str(answer.error)
    text = (parts.folder / "job.json").read_text().replace("toy.fa", "gone.fa")
    (parts.folder / "job.json").write_text(text)
    answer = remote.score_part(str(parts.folder), remote._checksum(text), 0, chunk, None, {})
    assert "cannot open the job" in str(answer.error) and "gone.fa" in str(answer.error)
    assert not parts.path(0).exists()


def test_a_worker_with_other_packages_does_not_take_part(job, chunk, monkeypatch):
    parts, name = job
    ours = remote.software()
    monkeypatch.setattr(remote, "software", lambda: {**ours, "keras": "2.0"})
    answer = remote.score_part(str(parts.folder), name, 0, chunk, None, {})
    assert f"its keras is 2.0, and that of the process that started the job is {ours['keras']}" in str(
        answer.error
    )


def test_a_task_that_outlives_its_job_writes_nothing(job, chunk, monkeypatch):
    parts, name = job
    scorer = remote._scorer(parts.folder, name, "here")

    def slow(*args):
        parts.remove()
        return type(scorer).score_screened(scorer, *args)

    monkeypatch.setattr(scorer, "score_screened", slow)
    assert remote.score_part(str(parts.folder), name, 0, chunk, None, {}).error is not None
    assert not parts.folder.exists()


class Told:
    """A future and a client that do what they are told."""

    def __init__(self, error=None, threads=0, status="running"):
        self.error, self.status = error, status
        self.threads = threads

    def result(self, timeout=None):
        raise self.error

    def done(self):
        return True

    def nthreads(self):
        if isinstance(self.threads, Exception):
            raise self.threads
        return {"a": self.threads} if self.threads else {}


@pytest.mark.parametrize(
    "error, message",
    [
        (distributed.scheduler.KilledWorker("task", None, 4), "died while it scored records 1 to 4.*memory"),
        (CancelledError(), "connection with the scheduler here was lost. What is scored is kept"),
        (distributed.comm.CommClosedError(), "connection with the scheduler here was lost"),
        (ModuleNotFoundError("No module named 'seqdl'"), "cannot run seqdl: No module named 'seqdl'"),
        (
            RuntimeError("Error during deserialization of the task graph. ..."),
            "need the same seqdl and Python",
        ),
    ],
)
def test_what_happens_to_a_cluster_is_said_in_words(chunk, error, message):
    item = Prepared(0, chunk, None, {}, None)
    with pytest.raises(InputError, match=message):
        Team(Told(), "here", 1.0).answer(Told(error), item, Progress(None, "x", "y"))


def test_other_errors_of_a_worker_are_not_renamed(chunk):
    item = Prepared(0, chunk, None, {}, None)
    for error in (OSError(28, "No space left on device"), ZeroDivisionError("x"), RuntimeError("x")):
        with pytest.raises(type(error)) as raised:
            Team(Told(), "here", 1.0).answer(Told(error), item, Progress(None, "x", "y"))
        assert raised.value is error


@pytest.mark.parametrize("client", [Told(threads=OSError("gone")), Told(status="closed")])
def test_a_scheduler_that_is_gone_is_noticed_while_waiting(client):
    with pytest.raises(InputError, match="connection with the scheduler here was lost"):
        Team(client, "here", 1.0)._look(Progress(None, "x", "y"))


def test_processes_share_the_gpus_that_are_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert visible_gpus() == ["2", "5"]
    assert [cluster._gpu(["2", "5"], i) for i in range(3)] == [
        {"CUDA_VISIBLE_DEVICES": name} for name in ("2", "5", "2")
    ]
    assert cluster._gpu(["0"], 1) == {} == cluster._gpu([], 0)


@pytest.mark.slow
def test_a_local_cluster_divides_the_cores_and_leaves_the_environment_as_it_was(monkeypatch):
    def environment():
        return os.getpid(), dict(os.environ)

    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with open_team("local:1") as team:
        ((pid, found),) = team._client.run(environment).values()
    assert int(found["TF_NUM_INTRAOP_THREADS"]) == len(os.sched_getaffinity(0))
    assert dict(os.environ) == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
