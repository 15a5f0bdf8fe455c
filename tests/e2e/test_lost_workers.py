"""Workers that are killed or stopped, and a stopped master: the run ends, says what was lost, and keeps the rest."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from loadtest.store import open_run
from tests.plugin.locusts import Ran, Running, command, forked

OPTIONS = ("--agents", 6, "--contacts", 3, "--emit-rate", 10, "--deadline", 3)
STOPPED_S = 6.0


def workers_of(running: Running) -> list[psutil.Process]:
    """The forked workers."""
    return [
        p for p in running.family() if p.ppid() == running.pid and "loadtest.refserver" not in " ".join(p.cmdline())
    ]


def kill_one(running: Running) -> None:
    """SIGKILL to a worker."""
    workers_of(running)[0].kill()


def stop(process: psutil.Process) -> None:
    """SIGSTOP, and SIGCONT six seconds later: Locust takes a worker for missing after three."""
    process.suspend()
    threading.Timer(STOPPED_S, process.resume).start()


FATES: dict[str, Callable[[Running], None]] = {
    "stopped": lambda running: stop(workers_of(running)[0]),
    "headless": lambda running: stop(psutil.Process(running.pid)),
    "killed": kill_one,
}


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ran, list[psutil.Process]]]:
    """A run for every fate, one begun when the other delivers; with each what was left of its processes."""
    folder = tmp_path_factory.mktemp("fates")
    found = {}
    with contextlib.ExitStack() as stack:
        runs = {}
        for fate in FATES:
            argv = command("agents.py", folder / fate, *OPTIONS, "--run-time", "16s", *forked(2))
            runs[fate] = stack.enter_context(Running(argv, folder / fate))
            runs[fate].until_delivering()
            FATES[fate](runs[fate])
        for fate, running in runs.items():
            ran = running.wait()
            found[fate] = (ran, running.survivors())
    return found


def notes_of(ran: Ran, kind: str) -> list[dict[str, object]]:
    """Notes of a kind."""
    notes = open_run(ran.folder).note_frame()
    return notes[notes["kind"] == kind].to_dict("records")


@pytest.mark.parametrize("fate", FATES)
def test_nothing_is_left_running(ends: dict[str, tuple[Ran, list[psutil.Process]]], fate: str) -> None:
    """Workers and the embedded server are gone with their master."""
    assert [] == ends[fate][1]


@pytest.mark.parametrize("fate", FATES)
def test_the_report_is_made_of_what_there_is(ends: dict[str, tuple[Ran, list[psutil.Process]]], fate: str) -> None:
    """Messages of the others are in it, and nobody is said to have lost what a live server sent."""
    ran, _ = ends[fate]
    row = ran.sums()

    assert row["delivered"] > 0
    assert (row["lost"], row["leaked"]) == (0, 0)
    assert Path(ran.folder, "report.html").is_file()


def test_a_killed_worker_invalidates_the_run(ends: dict[str, tuple[Ran, list[psutil.Process]]]) -> None:
    """Exit code 4, naming the worker, its users and since when nothing was heard of it."""
    ran, _ = ends["killed"]
    (lost,) = notes_of(ran, "worker_lost")
    (missing,) = notes_of(ran, "worker_missing")
    end = max(note["at_s"] for note in notes_of(ran, "phase"))

    assert (4, "INVALID") == (ran.code, ran.summary["verdict"]["result"])
    assert "was lost with its" in str(lost["text"])
    assert any("orker lost" in reason for reason in ran.summary["generator"]["reasons"])
    assert float(str(lost["at_s"])) < float(str(missing["at_s"])) < float(str(end))


def test_a_worker_that_was_stopped_comes_back(ends: dict[str, tuple[Ran, list[psutil.Process]]]) -> None:
    """Missing, then back, is told; what its sockets had in store counts, late, and the windows are marked."""
    ran, _ = ends["stopped"]
    told = [len(notes_of(ran, kind)) for kind in ("worker_missing", "worker_back", "worker_lost")]

    assert [1, 1, 0] == told
    assert (4, "INVALID") == (ran.code, ran.summary["verdict"]["result"])
    assert ran.summary["generator"]["windows_marked"] > 0


def test_a_master_that_was_stopped_loses_nothing(ends: dict[str, tuple[Ran, list[psutil.Process]]]) -> None:
    """What workers sent meanwhile waited for it; both have handed over everything by the end."""
    ran, _ = ends["headless"]
    row = ran.sums()

    assert [] == notes_of(ran, "worker_lost")
    assert row["delivered"] + row["late"] == row["expected"]
    assert row["undetermined"] == 0
