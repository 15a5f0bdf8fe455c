"""A plan whose rate changes while it goes on, the same on every worker.

Arrivals stay stratified: one in each slot, at a random place in it. A change takes hold at a moment of the plan that is
told to all workers ahead of it; the slots that would reach over that moment are left out (less than one arrival), and
the numbers go on, so that a slot's number still decides who acts in it. A worker that is told too late has taken up
slots of the old rate beyond the moment: those it does not take again.

A profile of the load (:mod:`loadtest.plan.load_profile`) stretches the slots of whatever rate there is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.plan.pacer import Pacer, uniform

_HAIR = 1e-9


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A rate from a moment on, by when ``offered_s`` seconds of full load were offered; ``first`` is its first slot."""

    from_s: float
    offered_s: float
    rate_per_s: float
    first: int


class Paces:
    """Arrivals of a whole fleet, in order.

    Args:
        pacer: the rate at the beginning, the seed, the profile and the end of the plan.
    """

    def __init__(self, pacer: Pacer) -> None:
        self._seed = pacer.seed
        self._slots = pacer.slots
        self._profile = pacer.profile
        self._stretches = [_Stretch(0.0, 0.0, pacer.rate_per_s, 0)]
        self._next = 0

    def change(self, at_s: float, rate_per_s: float) -> None:
        """Go on at another rate from a moment of the plan on.

        Args:
            at_s: seconds from the plan's start, later than the last change.
            rate_per_s: arrivals a second of full load; 0 for none.

        Raises:
            ValueError: the moment lies before the last change.
        """
        last = self._stretches[-1]
        if at_s < last.from_s:
            raise ValueError(f"a change at {at_s} s comes after one at {last.from_s} s")
        offered_s = self._profile.offered_s(at_s)
        whole = math.floor((offered_s - last.offered_s) * last.rate_per_s + _HAIR)
        self._stretches.append(_Stretch(at_s, offered_s, rate_per_s, last.first + whole))

    def upto(self, until_s: float) -> Iterator[tuple[int, float]]:
        """Take the arrivals due up to a moment, each once: slot numbers and due times, ascending."""
        while (due_s := self.next_due_s) <= until_s:
            self._next += 1
            yield self._next - 1, due_s

    @property
    def next_due_s(self) -> float:
        """When the next arrival is due; infinite where none is."""
        if self._slots and self._next >= self._slots:
            return math.inf
        place = bisect_right(self._stretches, self._next, key=lambda stretch: stretch.first) - 1
        stretch = self._stretches[place]
        if stretch.rate_per_s <= 0:
            return math.inf
        within = self._next - stretch.first + uniform(self._seed, "arrival", self._next)
        return self._profile.at_s(stretch.offered_s + within / stretch.rate_per_s)
