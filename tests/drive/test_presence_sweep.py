"""A sweep's plan, and one of two short heartbeats run for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.drive.presence_sweep import OVERHEAD_S, expected_s, hold_s, run_options, sweep


def test_every_heartbeat_settles_for_two_beats_and_is_measured_for_two_at_least() -> None:
    """A beat a minute needs four of them."""
    assert (hold_s(10, 120), hold_s(60, 100)) == (140, 240)


def test_the_expected_time_is_that_of_all_runs() -> None:
    """It is told first."""
    assert expected_s((10, 60), 120) == 140 + 240 + 2 * OVERHEAD_S


def test_what_was_given_wins_but_for_the_sweeps_own() -> None:
    """A scenario of the user's replaces the default one; heartbeat and length are the sweep's."""
    options = run_options(20, 120, {"agents": "5", "presence-scenario": "steady", "heartbeat": 1})

    assert (options["agents"], options["presence-scenario"], options["heartbeat"], options["run-time"]) == (
        "5", "steady", 20, "160s",
    )  # fmt: skip


def test_people_leave_for_good_once_it_has_settled() -> None:
    """So that accuracy and detection do not disturb each other."""
    assert run_options(20, 120, {})["presence-scenario"] == "mass-leave=0.3@41/1600"


@pytest.mark.slow
def test_a_beat_slower_than_the_expiry_shows_two_thirds_before_any_load(tmp_path: Path) -> None:
    """E = 20 s on the documented beat of 30 s; a beat of 10 s keeps everybody shown. Takes five minutes."""
    given = {"agents": 30, "contacts": 5, "members": 5, "agent-expiry": 20, "contact-expiry": 90}
    fast, documented = sweep((10.0, 30.0), 90.0, tmp_path / "sweep", given)

    assert fast.p_a is not None
    assert documented.p_a is not None
    assert documented.p_a_ceiling is not None
    assert fast.p_a > 0.99
    assert documented.p_a == pytest.approx(documented.p_a_ceiling, abs=0.01)
    assert documented.p_a == pytest.approx(2 / 3, abs=0.05)
    assert documented.why is not None
    assert "before any load" in documented.why
