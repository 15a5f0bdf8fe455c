"""The picture of who was there and who was shown."""

from __future__ import annotations

import pandas as pd
import pytest

from loadtest.report import ink
from loadtest.report.figures_presence_strip import MOST_PEOPLE, kind_of, who_was_there
from loadtest.report.series import Frames
from loadtest.report.timeline import Timeline

LINE = Timeline(phases=[("hold", 0.0, 10.0)])


def drawn(*gauges: tuple[float, str, float], line: Timeline = LINE) -> ink.Picture | None:
    """The picture of these changes."""
    empty = pd.DataFrame(columns=["window", "start_s", "phase", "metric", "name", "role", "hist", "value"])
    rows = [(at, f"presence.strip.{name}", "w", value) for at, name, value in gauges]
    frames = Frames(empty, empty, pd.DataFrame(rows, columns=["at_s", "name", "worker", "value"]), 1.0)
    with ink.style():
        return who_was_there(frames, line)


@pytest.mark.parametrize(("value", "kind"), [(7, 0), (5, 1), (6, 2), (4, 3), (0, 4), (3, 4), (1, 4)])
def test_each_value_has_its_colour(value: int, kind: int) -> None:
    """There and shown, there and not shown, gone and shown, gone and not shown, not judged."""
    assert kind_of(value) == kind


def test_shares_of_time_are_told() -> None:
    """Half of ten seconds right, a fifth falsely offline, the rest falsely online."""
    picture = drawn((0.0, "agent.3", 7), (5.0, "agent.3", 5), (7.0, "agent.3", 6))
    assert picture is not None

    assert "there, and shown so 50.0%, there, but shown as gone 20.0%, gone, but still shown 30.0%" in picture.alt


def test_what_was_no_number_is_not_judged() -> None:
    """A gauge may be NULL in the store."""
    picture = drawn((0.0, "agent.3", 7), (5.0, "agent.3", float("nan")))
    assert picture is not None

    assert "there, and shown so 50.0%, not judged 50.0%" in picture.alt


def test_the_liveliest_are_shown_agents_first() -> None:
    """Of twenty people the twelve who changed most."""
    calm = [(0.0, f"contact.{n}", 7.0) for n in range(20)]
    lively = [(float(at), "contact.19", float(at % 2 + 6)) for at in range(1, 9)]
    picture = drawn(*calm, *lively, (0.0, "agent.50", 7), (1.0, "agent.50", 5))
    assert picture is not None

    assert f"{MOST_PEOPLE} people" in picture.caption
    assert picture.light.index("agent 50") < picture.light.index("contact 19")


def test_without_strips_or_hold_there_is_no_picture() -> None:
    """Nothing is drawn of nothing."""
    assert drawn() is None
    assert drawn((0.0, "agent.3", 7), line=Timeline()) is None
