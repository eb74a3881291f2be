"""Discovery: planted motifs come back with sign and places; what cannot be clustered is said in words."""

import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.interpret.motifs.discovery import discover_motifs
from seqdl.interpret.motifs.patterns import read_patterns
from tests.toy_motifs import DOWN, UP, WINDOW, planted, write_toy_patterns

SMALL = {"min_seqlets": 50, "leiden_runs": 2}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    pytest.importorskip("modiscolite")
    attribution, truth = planted(n=400, noise=0.05, mutated=0.05)
    path = tmp_path_factory.mktemp("found") / "patterns.h5"
    return attribution, truth, discover_motifs(attribution, path, **SMALL), path


def both_strands(word):
    return {word, word[::-1].translate(str.maketrans("ACGT", "TGCA"))}


@pytest.mark.slow
def test_planted_motifs_come_back_with_their_sign(found):
    _, _, discovery, _ = found
    assert discovery.target == "toy" and discovery.method == "deepshap"
    assert min(discovery.found) > 100
    for sign, word in (("+", UP), ("-", DOWN)):
        own = [pattern for pattern in discovery.patterns if pattern.sign == sign]
        assert own
        for pattern in own:
            core = pattern.trimmed().motif.consensus.upper()
            assert any(core in strand or strand in core for strand in both_strands(word))
            assert np.sign(pattern.contributions.sum()) == (1 if sign == "+" else -1)
            np.testing.assert_allclose(pattern.motif.probabilities.sum(axis=1), 1)


@pytest.mark.slow
def test_seqlets_lie_on_the_genome_where_the_motifs_were_planted(found):
    _, truth, discovery, _ = found
    place = {row: (1000 * row + start, 1000 * row + start + 10) for row, start, _, _ in truth}
    table = discovery.seqlets
    assert len(table) == sum(pattern.seqlets for pattern in discovery.patterns)
    inside = [
        row.start <= place[row.window][0] and place[row.window][1] <= row.end for row in table.itertuples()
    ]
    assert np.mean(inside) > 0.95
    assert (table["chrom"] == "chrI").all() and (table["start"] // 1000 == table["window"]).all()
    assert (np.sign(table["contribution"]) == np.where(table["pattern"].str.startswith("pos"), 1, -1)).all()


@pytest.mark.slow
def test_the_file_is_modiscos_own_and_is_read_again_when_resumed(found):
    attribution, _, discovery, path = found
    with h5py.File(path) as file:
        assert {"pos_patterns", "neg_patterns", "windows"} <= set(file) and file.attrs[
            "window_size"
        ] == WINDOW
    before = path.stat().st_mtime_ns
    again = discover_motifs(attribution, path, resume=True, **SMALL)
    assert path.stat().st_mtime_ns == before
    assert [pattern.name for pattern in again.patterns] == [pattern.name for pattern in discovery.patterns]
    with pytest.raises(InputError, match="too few seqlets"):  # other settings: not what is there
        discover_motifs(attribution, path, resume=True, min_seqlets=1000)
    assert path.stat().st_mtime_ns == before


@pytest.mark.slow
def test_too_few_seqlets_are_said_in_words_and_leave_nothing(tmp_path):
    pytest.importorskip("modiscolite")
    with pytest.raises(InputError, match=r"too few seqlets.*more than 100.*--min-seqlets"):
        discover_motifs(planted(n=20)[0], tmp_path / "p.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "choices", "words"),
    [
        ({}, {"width": 30}, "at least 42 bases"),
        ({}, {"width": 101}, "cannot be more"),
        ({}, {"fdr": 1.0}, "between 0 and 1"),
        ({}, {"min_pattern": 0}, "at least 1"),
        ({"hypothetical": 0.0}, {}, "All contributions are zero"),
        ({"hypothetical": np.nan}, {}, "NaN or infinity"),
    ],
)
def test_bad_input_gets_a_sentence(tmp_path, change, choices, words):
    pytest.importorskip("modiscolite")
    attribution, _ = planted(n=4)
    for name, value in change.items():
        attribution = attribution._replace(**{name: np.full_like(attribution.hypothetical, value)})
    with pytest.raises(InputError, match=words):
        discover_motifs(attribution, tmp_path / "p.h5", **choices)


def test_patterns_come_back_from_their_file_with_their_places(tmp_path):
    attribution, truth = planted(n=40)
    discovery = read_patterns(write_toy_patterns(tmp_path / "p", attribution, truth))
    assert [(p.name, p.sign, p.seqlets) for p in discovery.patterns] == [
        ("pos_0", "+", 20),
        ("neg_0", "-", 20),
    ]
    expected = {(1000 * row + place - 5, strand) for row, place, _, strand in truth}
    assert {(row.start, row.strand) for row in discovery.seqlets.itertuples()} == expected


def test_a_file_without_places_is_modiscos_own_and_another_is_refused(tmp_path):
    attribution, truth = planted(n=40)
    folder = write_toy_patterns(tmp_path / "p", attribution, truth)
    with h5py.File(folder / "patterns.h5", "r+") as file:
        del file["windows"]
        for key in list(file.attrs):
            del file.attrs[key]
    assert (read_patterns(folder).seqlets["chrom"] == "").all()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="no patterns of TF-MoDISco"):
        read_patterns(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match="not an HDF5 file"):
        read_patterns(tmp_path / "text.h5")
    with pytest.raises(InputError, match="does not exist"):
        read_patterns(tmp_path / "none.h5")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_worker_and_its_folder_go_with_the_process_that_started_it(tmp_path, number):
    script = tmp_path / "parent.py"
    script.write_text(
        "import signal, sys\n"
        "from pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from seqdl.interpret.motifs import discovery\n"
        "discovery._work(Path(sys.argv[1]), 1)\n"
    )
    folder = tmp_path / "work"
    folder.mkdir()
    os.mkfifo(folder / "settings.json")  # the worker waits for what nobody writes
    with subprocess.Popen([sys.executable, script, folder], stderr=subprocess.DEVNULL) as parent:
        writer = os.open(folder / "settings.json", os.O_WRONLY)  # returns once the worker reads
        parent.send_signal(number)
        assert parent.wait(20)
    try:
        for _ in range(200):  # a pipe without readers tells that the worker is gone
            os.write(writer, b" ")
            time.sleep(0.05)
        pytest.fail("the worker still reads")
    except BrokenPipeError:
        pass
    finally:
        os.close(writer)
    assert folder.exists() == (number == signal.SIGINT)  # after Ctrl-C, whoever made the folder takes it away
