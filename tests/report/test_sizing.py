"""Sizing and scaling as text."""

from __future__ import annotations

from loadtest.analysis.scaling import Contention, Scaled, Scaling
from loadtest.analysis.sizing import Asked, size
from loadtest.report.sizing import scaling_text, sizing_text
from tests.report.searches import content


def test_an_answer_names_its_interval_and_what_stood_still():
    """A share with its bounds, and the axes that nobody varied."""
    text = sizing_text(size(Asked(100, 50, 17.5), [content()]))

    assert "100 agents, 50 contacts, 17.5 messages/s: at 48.8 % of the capacity found" in text
    assert "Not varied: agents" in text


def test_outside_it_says_why():
    """No number, but the reason."""
    text = sizing_text(size(Asked(100, 50, 90.0), [content()]))

    assert "not told" in text
    assert "outside what was measured" in text


def test_an_answer_names_the_work():
    """What the load comes to in deliveries, beside what was carried."""
    text = sizing_text(size(Asked(100, 50, 17.5), [content()]))

    assert "It stands for about 175 deliveries/s; at most 351 were carried" in text


def scaled(processes, deliveries, efficiency):
    """A row with an interval."""
    low, high = deliveries
    return Scaled(processes, "emit-rate", (low / 10, high / 10), deliveries, low, efficiency, (0.9, 1.1))


def test_scaling_is_a_line_each():
    """Processes, interval, deliveries, and the share of linear growth with its interval."""
    rows = (
        scaled(1, (100.0, 110.0), 1.0),
        Scaled(2, "emit-rate", None, None, 150.0),
    )

    _, first, second, *rest = scaling_text(Scaling(rows, "unknown", None, ("Note.",))).splitlines()

    assert " ".join(first.split()) == "1 emit-rate 10 to 11 100 to 110 100 % (90.0 % to 110.0 %)"
    assert " ".join(second.split()) == "2 emit-rate n/a at least 150 n/a"
    assert rest[-1].strip() == "Note."


def test_the_law_is_told_with_its_intervals():
    """Of two sizes contention alone."""
    law = Contention(1, 100.0, 0.1, (0.05, 0.15), None, None)
    rows = (scaled(1, (100.0, 110.0), 1.0), scaled(2, (190.0, 195.0), 0.91))
    text = scaling_text(Scaling(rows, "less than linear", law))

    assert "From 1 to 2 processes growth is less than linear" in text
    assert "Contention 0.1 (95 %: 0.05 to 0.15) by the Universal" in text
    assert "coherency" not in text
