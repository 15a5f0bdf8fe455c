"""Figures of sizing."""

from __future__ import annotations

from loadtest.analysis.scaling import Contention, Scaled, Scaling
from loadtest.analysis.sizing import Asked, size
from loadtest.report.figures_sizing import growth, places
from tests.report.searches import content


def test_every_axis_is_drawn_with_the_load():
    """In its own unit, with its limit where that is known."""
    picture = places(size(Asked(100, 50, 17.5), [content()]))

    assert "messages/s: asked 17.5, carried 10 to 35" in picture.alt
    assert "agents: asked 100, carried 100 to 100, no limit found" in picture.alt


def test_a_load_outside_is_drawn_as_well():
    """It is where the axis has to be searched."""
    assert "asked 90" in places(size(Asked(100, 50, 90.0), [content()])).alt


def test_without_a_pass_there_is_nothing_to_draw():
    """An empty search has no axis."""
    assert places(size(Asked(1, 1, 1.0), [content("empty")])) is None


def test_growth_shows_intervals_and_lower_bounds():
    """A search without a limit is a bound."""
    rows = (
        Scaled(1, "emit-rate", (10.0, 11.0), (100.0, 110.0), 100.0, 1.0, (1.0, 1.0)),
        Scaled(2, "emit-rate", (19.0, 20.0), (190.0, 200.0), 190.0, 0.93, (0.86, 1.0)),
        Scaled(4, "emit-rate", None, None, 300.0),
    )
    law = Contention(1, 105.0, 0.07, (0.0, 0.15), None, None)

    picture = growth(Scaling(rows, "linear", law))

    assert "2: 190 to 200 deliveries/s" in picture.alt
    assert "4: at least 300 deliveries/s" in picture.alt
    assert growth(Scaling((Scaled(1, "emit-rate", None, None, None),), "unknown", None)) is None
