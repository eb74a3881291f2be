"""Progress that a person can act on: counts, a rate, and when it will be over."""

import pytest

from seqdl import progress
from seqdl.progress import Progress, progress_bar, track


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_rate_and_finish_leave_the_first_step_out(clock):
    bar = Progress(1000, "Scoring", "variants")
    clock[0] += 30  # opening and compiling
    bar.advance(100)
    clock[0] += 10
    bar.advance(400)
    line = bar.line()
    assert "500 of 1,000 variants" in line and "40/s" in line and "12 s left" in line


def test_quick_work_says_nothing(capsys):
    assert list(track(range(5), None, "Counting", "things")) == list(range(5))
    assert capsys.readouterr().err == ""


def test_long_work_writes_lines_where_there_is_no_terminal(clock, capsys):
    with progress_bar(None, "Reading", "records") as bar:
        bar.advance(10)
        clock[0] += 20
        bar.advance(10)
    assert "Reading: 20 records" in capsys.readouterr().err


def test_an_interrupt_waits_for_the_next_step_and_is_not_lost():
    assert not progress.interrupt()  # nothing under way: to be raised at once
    done = []
    with pytest.raises(KeyboardInterrupt), progress_bar(3, "Working", "steps") as bar:
        for step in range(3):
            if step == 1:
                assert progress.interrupt()
            done.append(step)
            bar.advance()
    assert done == [0, 1]
    with progress_bar(1, "Working again", "steps") as bar:
        bar.advance()
        assert progress.interrupt() and not progress.interrupt()  # the second is raised at once
    assert not progress.interrupt()


def test_an_interrupt_after_the_last_step_is_not_lost_either():
    with pytest.raises(KeyboardInterrupt), progress_bar(1, "Training", "windows") as bar:
        bar.advance()
        assert progress.interrupt()  # as while the epoch is validated, before its bar is closed
    with progress_bar(1, "Outer", "steps") as outer:
        with progress_bar(1, "Inner", "steps"):
            assert progress.interrupt()
        with pytest.raises(KeyboardInterrupt):
            outer.advance()
        assert not progress.interrupt()
    with pytest.raises(ValueError), progress_bar(1, "Failing", "steps"):
        assert progress.interrupt()
        raise ValueError("goes before")
    assert not progress.interrupt()  # and nothing is left over
