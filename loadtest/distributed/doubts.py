"""Decides for all workers whether a doubtful emission was one.

A POST that was answered late, with a 5xx or not at all may have emitted; an event that perhaps follows an action may
have followed. It did if anybody received it. One worker cannot tell for the others: who received it says so, and its
announcement passes here on its way to them; who did not hands over what its account would be (a
:class:`loadtest.metrics.batch.Doubt`). Here both meet: somebody had it, and all accounts count; nobody had it, and it
never was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from loadtest.clock import NS_PER_S, NS_PER_US
from loadtest.collect.judge import BALANCE
from loadtest.metrics import Batch, Doubt

WAIT_S = 90.0
"""How long a doubt waits for somebody who received it: a master that stood still is a minute late at most."""

_MOST_HEARD = 200_000

Emission = tuple[str, int]
"""A key and when it was due, Unix microseconds: subjects recur."""


class Doubts:
    """All doubts of a run.

    Args:
        window_ns: length of a window.
    """

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._heard: OrderedDict[Emission, None] = OrderedDict()
        self._waiting: OrderedDict[Emission, tuple[int, list[Doubt]]] = OrderedDict()

    def announced(self, plain: Sequence[Any], into: Batch) -> None:
        """A worker announces something to the others; that it received a doubtful emission is for here as well.

        Args:
            plain: the announcement, as :attr:`loadtest.collect.ledger.Ledger.announcements` has it.
            into: where the accounts go that count now.
        """
        if len(plain) != 2:
            return
        emission = (bytes(plain[0]).decode(), int(plain[1]))
        self._heard[emission] = None
        if len(self._heard) > _MOST_HEARD:
            self._heard.popitem(last=False)
        for doubt in self._waiting.pop(emission, (0, []))[1]:
            self._count(doubt, into)

    def take(self, batch: Batch, now_ns: int) -> None:
        """Take the doubts out of a worker's batch; those that are none any more count in it from now on.

        Args:
            batch: the batch; changed.
            now_ns: monotonic time.
        """
        doubts, batch.doubts = batch.doubts, []
        for doubt in doubts:
            emission = (doubt.closing.mark, doubt.closing.due_us)
            if emission in self._heard:
                self._count(doubt, batch)
            else:
                self._waiting.setdefault(emission, (now_ns, []))[1].append(doubt)

    def decide(self, now_ns: int, into: Batch, *, final: bool) -> None:
        """Give up doubts that nobody resolved in time: there was no such emission.

        Args:
            now_ns: monotonic time.
            into: where it is counted that a call's fate stayed uncertain.
            final: the run is over, and all workers have told everything.
        """
        while self._waiting:
            emission, (since_ns, doubts) = next(iter(self._waiting.items()))
            if not final and now_ns - since_ns < round(WAIT_S * NS_PER_S):
                return
            del self._waiting[emission]
            for doubt in doubts:
                if doubt.call and doubt.closing.emitted and doubt.closing.status == "uncertain":
                    into.add(self._window(doubt), "emission.uncertain", doubt.call)

    def _count(self, doubt: Doubt, into: Batch) -> None:
        closing, window = doubt.closing, self._window(doubt)
        if closing.emitted:
            into.add(window, "delivery.emitted", closing.event)
        for name in BALANCE:
            value = getattr(closing, name)
            if value:
                into.add(window, f"delivery.{name}", closing.event, closing.role, value)
        into.closings.append(closing)

    def _window(self, doubt: Doubt) -> int:
        return doubt.closing.due_us * NS_PER_US // self._window_ns
