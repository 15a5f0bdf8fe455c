"""When faults happen: seconds since the first confirmed subscription, and timers for what comes at a moment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from loadtest.clock import NS_PER_S, Clock
from loadtest.refserver.faults.grammar import Term
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.truth import TruthLog, line


class Schedule:
    """The faults' own time.

    Args:
        clock: what measures.
        plan: the terms; what lasts a while gets a line in the truth when it begins and when it ends.
        truth: where those lines go.

    Attributes:
        on_moment: told of each term that comes at a moment, with how many times it came before.
    """

    def __init__(self, clock: Clock, plan: FaultPlan, truth: TruthLog) -> None:
        self._clock = clock
        self._plan = plan
        self._truth = truth
        self._zero_ns: int | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self.on_moment: Callable[[Term, int], None] = lambda term, ordinal: None

    def at_s(self) -> float:
        """Seconds since the first confirmed subscription; below 0 before it."""
        return -1.0 if self._zero_ns is None else (self._clock.now_ns() - self._zero_ns) / NS_PER_S

    def ns_at(self, at_s: float) -> int:
        """The monotonic time in nanoseconds of a moment given in such seconds."""
        return round(at_s * NS_PER_S) + (self._zero_ns or 0)

    def wall_ns(self) -> int:
        """Unix time in nanoseconds."""
        return self._clock.wall_ns(self._clock.now_ns())

    def begin(self) -> None:
        """The first subscription was confirmed; does nothing the second time."""
        if self._zero_ns is not None:
            return
        self._zero_ns = self._clock.now_ns()
        for term in self._plan.terms:
            when = term.when
            if term.kind.when == "moment":
                self._at(when.from_s, self._moment, term, 0)
            elif term.kind.when == "stall":
                self._at(when.from_s, self._stall, term, 0)
            elif when.from_s or when.until_s < math.inf:
                self._at(when.from_s, self._window, term, "begin")
                if when.until_s < math.inf:
                    self._at(when.until_s, self._window, term, "end")

    def end(self) -> None:
        """Nothing happens any more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def later(self, delay_s: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something after so many seconds, unless all has ended by then."""

        def run() -> None:
            self._timers.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(handle)
        return handle

    def _at(self, at_s: float, act: Callable[..., None], *arguments: object) -> None:
        self.later(max(0.0, at_s - self.at_s()), lambda: act(*arguments))

    def _moment(self, term: Term, ordinal: int) -> None:
        if term.when.every_s:
            self._at(term.when.from_s + (ordinal + 1) * term.when.every_s, self._moment, term, ordinal + 1)
        self.on_moment(term, ordinal)

    def _stall(self, term: Term, ordinal: int) -> None:
        begun_s = term.when.from_s + ordinal * term.when.every_s
        self._window(term, "begin")
        self._at(begun_s + term.time_s, self._window, term, "end")
        if term.when.every_s:
            self._at(begun_s + term.when.every_s, self._stall, term, ordinal + 1)

    def _window(self, term: Term, state: str) -> None:
        self._truth.add(line(self.wall_ns(), "window", fault=term.kind.name, term=term.text, state=state))
