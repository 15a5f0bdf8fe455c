"""What the clocks of several workers cannot tell from nothing is printed as their bound."""

import copy

from loadtest.report import tables
from loadtest.report.clock_bound import AtMost, latency, within_clocks
from loadtest.report.text import terminal
from tests.report.synthetic import Story, summary


def test_a_latency_below_the_bound_is_at_most_the_bound():
    """Its own number says nothing."""
    row = within_clocks({"n": 1, "p50_ms": 0.2, "p99_ms": 0.5, "max_ms": "inf", "p999_ms": None}, 0.4)

    assert {"n": 1, "p50_ms": AtMost(0.4), "p99_ms": 0.5, "max_ms": "inf", "p999_ms": None} == row
    assert ["≤ 0.400 ms", "0.500 ms", "∞"] == [latency(row[key]) for key in ("p50_ms", "p99_ms", "max_ms")]


def test_within_one_process_every_latency_is_a_number():
    """The bound of a clock against itself is 0."""
    assert {"p50_ms": 0.0} == within_clocks({"p50_ms": 0.0}, 0.0)


def test_tables_and_terminal_show_the_bound():
    """The fan-out of a run over machines whose clocks agree only to an hour has no number in it."""
    made = copy.deepcopy(summary(Story()))
    made["generator"]["clock_bound_ms"] = 3_600_000.0
    cells = [cell.text for row in tables.fanout(made).rows for cell in row]

    assert any(text.startswith("≤") for text in cells)
    assert not [text for text in cells if text.endswith((" ms", " s")) and not text.startswith("≤")]
    assert "≤" in terminal(made, "run")
