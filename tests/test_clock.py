"""The clocks: monotonic measure, wall anchor, virtual time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest import clock
from loadtest.clock import NS_PER_S, SystemClock, VirtualClock


def test_system_clock_never_runs_back() -> None:
    """Reads in a row never decrease."""
    system = SystemClock()

    reads = [system.now_ns() for _ in range(1000)]

    assert sorted(reads) == reads


def test_system_clock_reads_the_monotonic_clock() -> None:
    """A read lies between two of the system's own."""
    before = time.monotonic_ns()
    now = SystemClock().now_ns()
    after = time.monotonic_ns()

    assert before <= now <= after


@given(st.integers(min_value=0, max_value=2**62))
def test_wall_and_monotonic_time_are_inverse(mono_ns: int) -> None:
    """Going to the wall clock and back loses nothing."""
    system = SystemClock()

    actual = system.mono_ns(system.wall_ns(mono_ns))

    assert mono_ns == actual


def test_anchor_returns_the_wall_clocks_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that was set forward shows as that step, and later stamps follow it."""
    stopped_ns = 5_000 * NS_PER_S
    wall_ns = 1_700_000_000 * NS_PER_S
    monkeypatch.setattr(clock.time, "monotonic_ns", lambda: stopped_ns)
    monkeypatch.setattr(clock.time, "time_ns", lambda: wall_ns)
    system = SystemClock()
    monkeypatch.setattr(clock.time, "time_ns", lambda: wall_ns + 3 * NS_PER_S)

    step_ns = system.anchor()

    assert (3 * NS_PER_S, wall_ns + 3 * NS_PER_S) == (step_ns, system.wall_ns(stopped_ns))


def test_anchor_keeps_the_tightest_pair_of_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preemption between the two reads does not bend the offset."""
    spreads_ns = iter([900, 2, 700, 500, 300])
    state = {"mono_ns": 0, "spread_ns": 0, "reads": 0}

    def monotonic_ns() -> int:
        if state["reads"] % 2 == 0:
            state["spread_ns"] = next(spreads_ns)
        else:
            state["mono_ns"] += state["spread_ns"]
        state["reads"] += 1
        return state["mono_ns"]

    monkeypatch.setattr(clock.time, "monotonic_ns", monotonic_ns)
    # True offset 10_000; the wall is read right at the pair's beginning, so its middle is off by half the spread.
    monkeypatch.setattr(clock.time, "time_ns", lambda: state["mono_ns"] + 10_000)

    system = SystemClock()

    expected = 10_000 - 1
    assert expected == system.wall_ns(0)


def test_virtual_clock_moves_only_when_told() -> None:
    """Time stands still between two advances."""
    virtual = VirtualClock(start_ns=7)

    reads = [virtual.now_ns(), virtual.now_ns(), virtual.advance(1.5), virtual.now_ns()]

    expected = [7, 7, 7 + 1_500_000_000, 7 + 1_500_000_000]
    assert expected == reads


def test_virtual_clock_refuses_to_run_back() -> None:
    """A negative advance is an error of the caller."""
    with pytest.raises(ValueError, match="never runs back"):
        VirtualClock().advance(-0.1)


def test_virtual_wall_clock_runs_along() -> None:
    """The wall clock of a virtual clock advances with it."""
    virtual = VirtualClock(start_ns=NS_PER_S, wall_start_ns=100 * NS_PER_S)
    virtual.advance(2.0)

    actual = virtual.wall_ns(virtual.now_ns())

    expected = 102 * NS_PER_S
    assert expected == actual
