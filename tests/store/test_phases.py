"""Which part of a run a window belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.store.phases import Phases

PHASES = Phases(hold_first=10, hold_last=19, first=5, last=25)


@pytest.mark.parametrize(("window", "phase"), [(9, "ramp"), (10, "hold"), (19, "hold"), (20, "drain")])
def test_the_hold_includes_both_ends(window: int, phase: str) -> None:
    """The hold is from its first to its last window; before is ramp, after is drain."""
    assert phase == PHASES.of(window)


def test_without_a_hold_all_is_ramp() -> None:
    """A run that never came to its hold is ramp."""
    assert Phases(None, None, 5, 25).of(25) == "ramp"


@given(st.integers(0, 40), st.integers(1, 12))
def test_a_step_lies_in_one_phase(window: int, coarsen: int) -> None:
    """A coarse step never crosses the border of a phase, and starts at or before the window."""
    label = PHASES.label(window, coarsen)

    assert window - coarsen < label <= window
    assert PHASES.of(window) == PHASES.of(label)


def test_steps_start_with_the_hold() -> None:
    """The hold's first step starts at its first window, whatever the step."""
    assert [10, 10, 10, 10, 14] == [PHASES.label(window, 4) for window in range(10, 15)]
