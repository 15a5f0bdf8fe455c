"""What a step of a search did, and whether it had come to rest."""

from __future__ import annotations

import pytest

from loadtest.analysis.capacity_step import cut
from loadtest.analysis.series import Series
from loadtest.analysis.step_figures import figures, rest
from loadtest.analysis.summary import summarise
from tests.analysis.search_runs import SearchRun, span


def of_step(run, where):
    """A step's frames, its series, and the windows of its hold."""
    data = run.build()
    _, held, end = where.windows(data.window_s)
    whole = cut(data, where)
    return whole, Series(whole), range(held, end)


def test_figures_are_rates_of_the_hold():
    """Ten messages a second to ten agents each are a hundred deliveries a second, whatever there was besides."""
    run = SearchRun().talk(range(5, 30), messages=3).talk(range(30, 60)).talk(range(60, 95), messages=7)
    data, series, held = of_step(run, span(20, 30, 60))

    found = figures(data, summarise(data), series, held)

    assert found["seconds"] == 30
    assert found["messages_per_s"] == pytest.approx(10)
    assert found["deliveries_per_s"] == pytest.approx(100)
    assert found["expected_per_s"] == pytest.approx(100)


def test_a_hold_without_a_window_has_no_figures():
    """There is nothing to divide by."""
    data, series, _ = of_step(SearchRun().talk(range(5, 95)), span(20, 30, 60))

    assert figures(data, summarise(data), series, range(0)) == {}


def test_what_was_dropped_is_told_by_whose_doing():
    """The generator's own, and what the target held up."""
    run = SearchRun().talk(range(5, 95))
    for window in range(30, 60):
        run.run.count(window, "generator.dropped", 10, "nobody_there")
        run.run.count(window, "generator.dropped", 30, "too_many_in_flight")
    data, series, held = of_step(run, span(20, 30, 60))

    found = figures(data, summarise(data), series, held)

    assert found["dropped_share"] == pytest.approx(10 / 20)
    assert found["held_up_share"] == pytest.approx(30 / 40)


def test_a_steady_step_is_at_rest_and_a_queue_that_grows_is_not():
    """Throughput and latency are looked at apart."""
    steady = of_step(SearchRun().talk(range(5, 95)), span(20, 30, 60))
    growing = of_step(
        SearchRun().talk(range(5, 30), ms=15.0).talk(range(30, 95), ms=15.0, growth=0.1), span(20, 30, 60)
    )

    still, moved = (rest(series, data, held) for data, series, held in (steady, growing))

    assert (still["throughput"].at_rest, still["latency"].at_rest) == (True, True)
    assert moved["throughput"].at_rest
    assert moved["latency"].rises
