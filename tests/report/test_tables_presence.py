"""Presence in a report: four plain numbers first, the tables behind them."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.analysis.summary import summarise
from loadtest.report import tables_presence
from tests.report.synthetic import Story, data


@pytest.fixture
def told() -> dict[str, Any]:
    """An expiry of 20 s at a beat of 30 s."""
    return summarise(data(Story(expiry_s=20.0), plan={"heartbeat_s": 30.0, "agent_expiry_s": 20.0}), None).as_dict()


def test_the_four_numbers_are_in_plain_words(told: dict[str, Any]) -> None:
    """Shown right, falsely offline, time to notice, falsely online."""
    numbers = tables_presence.plain_numbers(told)

    assert [fact.value for fact in numbers][:2] == ["66.3 %", "20.2 min"]
    assert [fact.label for fact in numbers][1:] == [
        "falsely offline", "time to notice that somebody left", "falsely online",
    ]  # fmt: skip


def test_a_run_without_presence_has_no_numbers_and_no_rows() -> None:
    """Shorter tables, never an error."""
    empty: dict[str, Any] = {"presence": {}}

    assert tables_presence.plain_numbers(empty) == []
    assert [table.rows for table in tables_presence.folded(empty)] == [[]] * len(tables_presence.folded(empty))


def test_an_older_summary_gives_shorter_tables() -> None:
    """Keys that were not there yet are not missed."""
    old = {"presence": {"agent": {"p_a": 0.9, "offline_min_per_hour": 6.0, "by_observer": {"agent": {"alive_s": 5}}}}}

    assert len(tables_presence.plain_numbers(old)) == 4
    assert all(len(table.rows) <= 1 for table in tables_presence.folded(old))


def test_the_reason_is_told_before_the_tables(told: dict[str, Any]) -> None:
    """Why two thirds are all that is possible."""
    assert "before any load" in tables_presence.reasons(told)[0]


def test_a_sample_of_observers_says_so() -> None:
    """What was not looked at is stated."""
    row = {"p_a": 1.0, "pairs_share": 0.25}

    assert "25.0 % of all pairs" in tables_presence.reasons({"presence": {"agent": row}})[0]


def test_an_estimated_expiry_has_its_bounds() -> None:
    """Where nobody gave it."""
    expiry = {"given_s": None, "estimate_s": 20.1, "low_s": 19.8, "high_s": 20.4}

    assert "between 19.8 s and 20.4 s" in tables_presence.reasons({"presence": {"agent": {"expiry": expiry}}})[0]


def test_statuses_are_told_only_where_somebody_chose_one() -> None:
    """A matrix of one row tells nothing."""
    steady = {"presence": {"agent": {"status_s": {"online>online": 5.0}}}}
    chosen = {"presence": {"agent": {"status_s": {"busy>online": 1.0, "busy>busy": 3.0}}}}

    assert tables_presence.statuses(steady).rows == []
    assert [cell.text for cell in tables_presence.statuses(chosen).rows[1]][:4] == [
        "chose busy",
        "25.0 %",
        "75.0 %",
        "0 %",
    ]
