"""Virtual time: order, ties, and where the clock stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import NS_PER_S, VirtualClock
from loadtest.transport.timeline import Timeline

START_NS = 5 * NS_PER_S


def timeline() -> Timeline:
    """One whose clock stands at 5 s."""
    return Timeline(VirtualClock(start_ns=START_NS))


@given(st.lists(st.integers(0, 50), max_size=20))
def test_calls_are_made_in_the_order_of_time(delays_ns: list[int]) -> None:
    """Each at its moment; those due at the same moment in the order they were asked for."""
    line = timeline()
    made: list[tuple[int, int]] = []
    for number, delay_ns in enumerate(delays_ns):
        line.call_at(START_NS + delay_ns, lambda number=number: made.append((line.clock.now_ns(), number)))  # type: ignore[misc]
    line.run_until(START_NS + 50)

    expected = sorted((START_NS + delay_ns, number) for number, delay_ns in enumerate(delays_ns))
    assert expected == made


def test_the_clock_stops_where_it_was_asked_to() -> None:
    """Also where nothing is due there."""
    line = timeline()
    line.run_for(1.5)

    assert line.clock.now_ns() == START_NS + 1_500_000_000


def test_what_is_due_later_is_left() -> None:
    """A run goes up to its end and not beyond."""
    line = timeline()
    made: list[str] = []
    line.call_later(1.0, lambda: made.append("at the end"))
    line.call_later(1.000000001, lambda: made.append("a nanosecond later"))
    line.run_for(1.0)

    expected = ["at the end"]
    assert expected == made


def test_a_call_may_ask_for_further_calls() -> None:
    """What a call sets up within the run is made in the same run."""
    line = timeline()
    made: list[int] = []

    def beat() -> None:
        made.append((line.clock.now_ns() - START_NS) // NS_PER_S)
        line.call_later(3.0, beat)

    line.call_later(3.0, beat)
    line.run_for(10.0)

    expected = [3, 6, 9]
    assert expected == made


def test_a_moment_that_is_over_is_made_now() -> None:
    """A call that was asked for too late is made in the next run, and the clock never runs back."""
    line = timeline()
    made: list[int] = []
    line.call_at(0, lambda: made.append(line.clock.now_ns()))
    line.run_for(0)

    expected = [START_NS]
    assert expected == made


def test_running_to_the_past_is_refused() -> None:
    """A monotonic clock has no way back."""
    with pytest.raises(ValueError, match="is over"):
        timeline().run_until(START_NS - 1)


def test_idle_is_when_nothing_is_due() -> None:
    """The clock stands at the last call's moment."""
    line = timeline()
    line.call_later(7.0, lambda: None)
    line.run_until_idle()

    assert line.clock.now_ns() == START_NS + 7 * NS_PER_S


def test_what_is_never_idle_is_refused() -> None:
    """A timer that sets itself again ends the run with an error, not the test with a time-out."""
    line = timeline()

    def again() -> None:
        line.call_later(1.0, again)

    again()
    with pytest.raises(RuntimeError, match="not idle"):
        line.run_until_idle(at_most_s=60)


def test_what_a_call_raises_leaves_the_rest_due() -> None:
    """An error in one call reaches whoever runs, and the next run goes on."""
    line = timeline()
    made: list[str] = []

    def fail() -> None:
        raise LookupError("scripted")

    line.call_later(1.0, fail)
    line.call_later(2.0, lambda: made.append("later"))
    with pytest.raises(LookupError):
        line.run_for(5.0)
    line.run_for(5.0)

    expected = ["later"]
    assert expected == made
