"""Workers that are killed or stopped, and a stopped master: the run ends, says what was lost, and keeps the rest."""

import contextlib
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtest.store import open_run
from tests.plugin.locusts import Ran, Running, command, forked

OPTIONS = ("--agents", 6, "--contacts", 3, "--emit-rate", 10, "--deadline", 3, "--run-time", "10m")
STOPPED_S = 6.0

Fate = Callable[[Running], Callable[[], bool]]


@dataclass
class End:
    """How a run ended.

    Attributes:
        ran: its master.
        left: processes that were still there afterwards.
        server: the embedded server it had.
    """

    ran: Ran
    left: list[psutil.Process]
    server: psutil.Process


def workers_of(running: Running) -> list[psutil.Process]:
    """The forked workers."""
    return [
        p for p in running.family() if p.ppid() == running.pid and "loadtest.refserver" not in " ".join(p.cmdline())
    ]


def delivered(folder: Path) -> float:
    """Messages that the store says were delivered so far."""
    counts = open_run(folder).count_frame()
    chosen = counts[(counts["metric"] == "delivery.delivered") & (counts["name"] == "message.created")]
    return float(chosen["value"].sum())


def stop(process: psutil.Process) -> None:
    """SIGSTOP, and SIGCONT six seconds later: Locust takes a worker for missing after three."""
    process.suspend()
    threading.Timer(STOPPED_S, process.resume).start()


def kill_one(running: Running) -> Callable[[], bool]:
    """SIGKILL to a worker; over when the master misses it."""
    workers_of(running)[0].kill()
    return lambda: bool(notes_of(running.folder, "worker_missing"))


def stop_one(running: Running) -> Callable[[], bool]:
    """A worker stands still for a while; over when it is back."""
    stop(workers_of(running)[0])
    return lambda: bool(notes_of(running.folder, "worker_back"))


def stop_master(running: Running) -> Callable[[], bool]:
    """The master stands still for a while; over when it has taken what was delivered since."""
    stop(psutil.Process(running.pid))
    before = delivered(running.folder)
    return lambda: delivered(running.folder) > before


FATES: dict[str, Fate] = {"stopped": stop_one, "headless": stop_master, "killed": kill_one}


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, End]:
    """A run for every fate, one begun when the other delivers; each goes on until its fate is over."""
    folder = tmp_path_factory.mktemp("fates")
    found = {}
    with contextlib.ExitStack() as stack:
        runs, over = {}, {}
        for fate, strike in FATES.items():
            argv = command("agents.py", folder / fate, *OPTIONS, *forked(2))
            runs[fate] = running = stack.enter_context(Running(argv, folder / fate))
            running.until_delivering()
            server = running.server()
            over[fate] = (strike(running), server)
        for fate, running in runs.items():
            is_over, server = over[fate]
            running.until(is_over)
            running.signal(signal.SIGTERM)
            found[fate] = End(running.wait(), running.survivors(), server)
    return found


def notes_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Notes of a kind."""
    notes = open_run(folder).note_frame()
    return notes[notes["kind"] == kind].to_dict("records")


@pytest.mark.parametrize("fate", FATES)
def test_nothing_is_left_running(ends: dict[str, End], fate: str) -> None:
    """Workers and the embedded server are gone with their master."""
    assert ([], False) == (ends[fate].left, ends[fate].server.is_running())


@pytest.mark.parametrize("fate", FATES)
def test_the_report_is_made_of_what_there_is(ends: dict[str, End], fate: str) -> None:
    """Messages of the others are in it, and nobody is said to have lost what a live server sent."""
    ran = ends[fate].ran
    row = ran.sums()

    assert row["delivered"] > 0
    assert (row["lost"], row["leaked"]) == (0, 0)
    assert Path(ran.folder, "report.html").is_file()


def test_a_killed_worker_invalidates_the_run(ends: dict[str, End]) -> None:
    """Exit code 4, naming the worker, its users and since when nothing was heard of it."""
    ran = ends["killed"].ran
    (lost,) = notes_of(ran.folder, "worker_lost")
    (missing,) = (n for n in notes_of(ran.folder, "worker_missing") if n["data"]["worker"] == lost["data"]["worker"])
    end = max(note["at_s"] for note in notes_of(ran.folder, "phase"))

    assert (4, "INVALID") == (ran.code, ran.summary["verdict"]["result"])
    assert "was lost with its" in lost["text"]
    assert any("orker lost" in reason for reason in ran.summary["generator"]["reasons"])
    assert lost["at_s"] < missing["at_s"] < end


def test_what_the_other_worker_measured_is_kept(ends: dict[str, End]) -> None:
    """It goes on after the loss, and every delivery that it expected has come."""
    ran = ends["killed"].ran
    (lost,) = notes_of(ran.folder, "worker_lost")
    rows = open_run(ran.folder).closing_frame()
    others = rows[rows["worker"] != lost["data"]["worker"]]
    sums = others[["expected", "delivered", "late"]].sum()

    assert sums["expected"] == sums["delivered"] + sums["late"] > 0
    assert others.loc[others["delivered"] > 0, "due_us"].max() > lost["data"]["since_us"]


def test_a_worker_that_was_stopped_comes_back(ends: dict[str, End]) -> None:
    """Missing, then back, is told; what its sockets had in store counts, late, and the windows are marked."""
    ran = ends["stopped"].ran
    missing, back = (
        sorted(note["data"]["worker"] for note in notes_of(ran.folder, kind))
        for kind in ("worker_missing", "worker_back")
    )

    assert missing
    assert missing == back
    assert [] == notes_of(ran.folder, "worker_lost")
    assert (4, "INVALID") == (ran.code, ran.summary["verdict"]["result"])
    assert ran.summary["generator"]["windows_marked"] > 0


def test_a_master_that_was_stopped_loses_nothing(ends: dict[str, End]) -> None:
    """What workers sent meanwhile waited for it; both have handed over everything by the end."""
    ran = ends["headless"].ran
    row = ran.sums()

    assert [] == notes_of(ran.folder, "worker_lost")
    assert row["delivered"] + row["late"] == row["expected"]
    assert row["undetermined"] == 0
