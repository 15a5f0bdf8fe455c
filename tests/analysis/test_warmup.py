"""The warm-up, dropped by rule."""

from __future__ import annotations

import pytest

from loadtest.analysis.summary import summarise
from loadtest.analysis.warmup import without_warm_up
from loadtest.analysis.windows import timeline
from tests.report.synthetic import Story, data

STORY = Story(hold=60, stall=(0, 1, 2))


def test_the_hold_begins_later() -> None:
    """By as many seconds; its end stays."""
    before, after = (timeline(one) for one in (data(STORY), without_warm_up(data(STORY), 10)))

    assert (after.hold_s, after.hold.size, after.hold_end_s) == (
        before.hold_s - 10,
        before.hold.size - 10,
        before.hold_end_s,
    )


def test_what_was_slow_at_first_is_gone() -> None:
    """Latencies of the dropped seconds are in no percentile, their deliveries in no balance."""
    whole, held = (summarise(one).as_dict() for one in (data(STORY), without_warm_up(data(STORY), 10)))
    event = "message.created"

    assert held["fanout"][event]["agent"]["p99_ms"] < whole["fanout"][event]["agent"]["p99_ms"] / 5
    assert held["delivery"][event]["expected"] == whole["delivery"][event]["expected"] * 50 // 60


def test_connects_before_the_hold_still_count() -> None:
    """They belong to the ramp, wherever that ends."""
    whole, held = (summarise(one).as_dict() for one in (data(STORY), without_warm_up(data(STORY), 10)))

    assert whole["cable"]["connects"] == held["cable"]["connects"]


def test_no_warm_up_changes_nothing() -> None:
    """Zero seconds are the run itself."""
    run = data(STORY)

    assert without_warm_up(run, 0) is run


@pytest.mark.parametrize("seconds", [60, 61, 1000])
def test_a_hold_that_is_all_warm_up_is_refused(seconds: float) -> None:
    """Nothing would be left."""
    with pytest.raises(ValueError, match="not longer than the warm-up"):
        without_warm_up(data(STORY), seconds)


def test_the_run_given_is_left_as_it_is() -> None:
    """Frames are copied, not changed."""
    run = data(STORY)
    without_warm_up(run, 10)

    assert summarise(run).as_dict() == summarise(data(STORY)).as_dict()
