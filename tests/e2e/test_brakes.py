"""What keeps a run from doing harm: the abort guard, two signals, one identities file a run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.directory import Population
from loadtest.directory.secret_files import FileLock
from loadtest.errors import UsageError
from loadtest.refserver import ServerChild, ServerSettings, start_child
from loadtest.store import open_run
from tests.plugin.locusts import Running, command, forked, locust

POPULATION = Population(agents=8, contacts=4, members=4)
SMALL = ("--agents", 8, "--contacts", 4, "--deadline", 3, "--spawn-rate", 50, "--emit-rate", 20, "--typing", 0)
ALLOWED = 160
"""Requests that the server takes of an address: those of the ramp, and some seconds more."""


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    """Where the server writes who there is."""
    return tmp_path / "identities.jsonl"


@pytest.fixture
def strict(ids: Path) -> Iterator[ServerChild]:
    """A server that answers 429 once it was asked often enough."""
    child = start_child(ServerSettings(population=POPULATION, identities_path=str(ids), rate_limit=ALLOWED))
    yield child
    child.stop()


def test_a_target_that_refuses_is_let_go(strict: ServerChild, ids: Path, tmp_path: Path) -> None:
    """The run says what it will do, and by itself that and why it stops; the verdict is FAIL, the data is kept."""
    folder = tmp_path / "run"
    target = ("--host", strict.url, "--identities", ids)
    argv = command("agents.py", folder, *SMALL, *target, "-t", "10m", "--abort-guard", "on")
    with Running(argv, folder) as running:
        running.until_said("about to load")
        with pytest.raises(UsageError, match="another run uses this file"):
            FileLock(ids)
        ran = running.wait()
    run = open_run(folder)
    notes = run.note_frame()
    reasons = notes.loc[notes["kind"] == "abort", "text"].tolist()

    assert (1, "FAIL") == (ran.code, ran.summary["verdict"]["result"]), ran.err
    assert 1 == len(reasons)
    assert "stopping: the target's rate limit refuses" in ran.err
    assert any(check["name"] == "abort guard" for check in ran.summary["verdict"]["checks"])
    assert ran.err.index("about to load") < ran.err.index("stopping:")
    assert ran.sums()["delivered"] > 0
    assert "Traceback" not in ran.out + ran.err


def test_a_run_whose_people_are_in_use_does_not_begin(strict: ServerChild, ids: Path, tmp_path: Path) -> None:
    """Exit code 2, and the target is asked for nothing by it."""
    lock = FileLock(ids)
    ran = locust("agents.py", tmp_path / "run", *SMALL, "--host", strict.url, "--identities", ids, "-t", "5s")
    lock.release()

    assert (2, True) == (ran.code, "another run uses this file" in ran.err)
    assert not (tmp_path / "run").exists()


def phases(folder: Path) -> list[str]:
    """The phases that a run has entered so far."""
    try:
        notes = open_run(folder).note_frame()
    except UsageError:  # not there yet
        return []
    return notes.loc[notes["kind"] == "phase", "text"].tolist()


def test_who_interrupts_twice_waits_for_nothing(tmp_path: Path) -> None:
    """The second signal ends all processes at once, without a report; what was stored can be reported."""
    folder = tmp_path / "run"
    argv = command("agents.py", folder, *SMALL, "-t", "10m", "--deadline", 60, *forked(2))
    with Running(argv, folder, start_new_session=True) as running:
        running.until(lambda: "hold" in phases(folder))
        running.signal_group(signal.SIGINT)
        running.until(lambda: "drain" in phases(folder))
        running.signal_group(signal.SIGTERM)
        ran = running.wait()

        assert (4, []) == (ran.code, running.survivors())
    assert "interrupted again" in ran.err
    assert "Traceback" not in ran.out + ran.err
    assert not (folder / "summary.json").exists()


def test_a_sigterm_to_all_processes_keeps_what_workers_measured(tmp_path: Path) -> None:
    """systemd sends it to a whole unit: workers leave it to their master, which closes the books."""
    folder = tmp_path / "run"
    argv = command("agents.py", folder, *SMALL, "-t", "10m", *forked(2))
    with Running(argv, folder, start_new_session=True) as running:
        running.until_delivering()
        running.signal_group(signal.SIGTERM)
        ran = running.wait()

        assert [] == running.survivors()
    row = ran.sums()
    assert row["delivered"] + row["late"] == row["expected"] > 0
    assert ran.summary["verdict"]["exit_code"] == ran.code
    assert "Traceback" not in ran.out + ran.err
