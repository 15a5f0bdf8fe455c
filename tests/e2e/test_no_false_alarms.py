"""No false alarms: ``locustfiles/mixed.py`` drives all 13 events, and a server that does right is not accused."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadtest.collect.subjects import MARKED, counted_events, tracked_events
from loadtest.contract import EVENTS
from loadtest.store import open_run
from tests.plugin.locusts import ROOT, Ran, Running, command, environment

DIALECTS = ("seed", "current")
SHORT = ("--run-time", "20s")
LONG = ("--run-time", "5m")
LONG_S = 420
FAULTS = ("lost", "leaked", "duplicated", "unmatched")


def embedded(folder: Path, dialect: str, *options: str) -> list[str]:
    """The default run on the embedded server."""
    return command("mixed.py", folder, "--dialect", dialect, *options)


def on_rails(folder: Path, rails: Any, *options: str) -> list[str]:
    """The default mix on Action Cable, by everybody whom that server knows."""
    there = ("--host", rails.base_url, "--identities", rails.identities, "--agents", 50, "--contacts", 50)
    expiry = ("--agent-expiry", 60, "--contact-expiry", 60)
    return command("mixed.py", folder, *there, *expiry, *options)


def long_run(argv: list[str], folder: Path) -> Ran:
    """Run to the end, for minutes."""
    done = subprocess.run(
        argv,
        check=False,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG_S,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


def told(ran: Ran) -> dict[str, Any]:
    """Everything that a run holds against the server."""
    contract, cable = ran.summary["contract"], ran.summary["cable"]
    delivery = {
        (event, column): row[column]
        for event, row in ran.summary["delivery"].items()
        for column in FAULTS
        if row.get(column)
    }
    found = {
        "violations": contract["violations"],
        "unknown events": contract["unknown_events"],
        "protocol errors": cable["protocol_errors"],
        "delivery": delivery,
    }
    return {what: value for what, value in found.items() if value}


def seen(ran: Ran, metric: str) -> set[str]:
    """The events that a counter of the run has counted."""
    counts = open_run(ran.folder).count_frame()
    return set(counts[(counts["metric"] == metric) & (counts["value"] > 0)]["name"])


def accounted(dialect: str) -> set[str]:
    """The events whose deliveries are in the books."""
    return {MARKED, "presence.update", *tracked_events(dialect), *counted_events(dialect)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Twenty seconds of each dialect, at the same time."""
    with ExitStack() as stack:
        folders = {dialect: tmp_path_factory.mktemp(dialect) / "run" for dialect in DIALECTS}
        runs = {
            dialect: stack.enter_context(Running(embedded(folder, dialect, *SHORT), folder))
            for dialect, folder in folders.items()
        }
        return {dialect: running.wait() for dialect, running in runs.items()}


@pytest.fixture(scope="module")
def finished_on_rails(rails: Any, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Twenty seconds on Action Cable."""
    folder = tmp_path_factory.mktemp("rails") / "run"
    with Running(on_rails(folder, rails, *SHORT), folder) as running:
        return running.wait()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_embedded_server_is_not_accused(finished: dict[str, Ran], dialect: str) -> None:
    """No violation, nothing unknown, nothing lost, leaked, doubled or unmatched, whichever dialect is spoken."""
    assert {} == told(finished[dialect])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_events_are_driven_and_checked(finished: dict[str, Ran], dialect: str) -> None:
    """All 13 events are caused, received and held against the contract."""
    ran = finished[dialect]
    missing = {metric: set(EVENTS) - seen(ran, metric) for metric in ("delivery.received", "contract.checked")} | {
        "delivery.emitted": accounted(dialect) - seen(ran, "delivery.emitted")
    }

    assert {"delivery.received": set(), "contract.checked": set(), "delivery.emitted": set()} == missing


@pytest.mark.peer
def test_action_cable_is_not_accused(finished_on_rails: Ran) -> None:
    """On a server that nobody here wrote the default mix finds nothing wrong."""
    assert {} == told(finished_on_rails)


@pytest.mark.peer
def test_all_events_are_driven_and_checked_on_action_cable(finished_on_rails: Ran) -> None:
    """All 13 events are received from Action Cable and held against the contract."""
    missing = [set(EVENTS) - seen(finished_on_rails, metric) for metric in ("delivery.received", "contract.checked")]

    assert [set(), set()] == missing


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_five_minutes_without_an_accusation(tmp_path: Path, dialect: str) -> None:
    """The same over five minutes on the embedded server."""
    ran = long_run(embedded(tmp_path / "run", dialect, *LONG), tmp_path / "run")

    assert ({}, set()) == (told(ran), set(EVENTS) - seen(ran, "contract.checked"))


@pytest.mark.slow
@pytest.mark.peer
def test_five_minutes_without_an_accusation_on_action_cable(tmp_path: Path, rails: Any) -> None:
    """The same over five minutes on Action Cable."""
    ran = long_run(on_rails(tmp_path / "run", rails, *LONG), tmp_path / "run")

    assert ({}, set()) == (told(ran), set(EVENTS) - seen(ran, "contract.checked"))
