"""Sizing and scaling as text."""

from __future__ import annotations

from loadtest.analysis.sizing import Asked, Scaled, size
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


def test_scaling_is_a_line_each():
    """Processes, interval, deliveries, and the share of linear growth."""
    rows = [Scaled(1, "emit-rate", (10.0, 11.0), 100.0, 1.0), Scaled(2, "emit-rate", None, None, None)]

    first, second = scaling_text(rows).splitlines()

    assert " ".join(first.split()) == "1 process emit-rate 10 to 11 100 deliveries/s 100 % of linear growth"
    assert "n/a of linear growth" in second
