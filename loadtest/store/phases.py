"""Ramp, hold and drain: which part of a run a window belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.store.resuming import Gap, in_gap


@dataclass(frozen=True, slots=True)
class Phases:
    """Which windows belong to the hold: those from ``hold_first`` to ``hold_last``, both included.

    Attributes:
        hold_first: window of the hold's start; None while there is none.
        hold_last: window of its end, or the newest one while it goes on; None while there is no hold.
        first: the oldest window with data; None when there is none.
        last: the newest window with data; None when there is none.
        gaps: windows between two parts of a run that was gone on with; they belong to no phase.
    """

    hold_first: int | None
    hold_last: int | None
    first: int | None
    last: int | None
    gaps: tuple[Gap, ...] = ()

    def of(self, window: int) -> str:
        """``ramp``, ``hold``, ``drain`` or ``gap``."""
        if in_gap(window, self.gaps):
            return "gap"
        if self.hold_first is None or self.hold_last is None or window < self.hold_first:
            return "ramp"
        return "hold" if window <= self.hold_last else "drain"

    def label(self, window: int, coarsen: int) -> int:
        """The first window of the step of ``coarsen`` windows that holds ``window``.

        Steps start at the hold's start and end where a phase ends.
        """
        step = window - (window - (self.hold_first or 0)) % coarsen
        if self.hold_last is not None and window > self.hold_last:
            return max(step, self.hold_last + 1)
        return step
