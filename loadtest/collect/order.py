"""Which first copies were overtaken: the order of emissions, by Lamport's happens-before.

Emission B happened after A when B's POST was written after A's answer (2xx) had come: POSTs that overlap have no order,
and one without an answer may still take effect at any time. A's first copy on a socket is *overtaken* (the ledger
counts it as reordered) when B's first copy arrived there earlier (Lamport, Communications of the ACM 21(7), 1978).
Between emissions of two workers "after" takes more than their clocks may be wrong by.

The sends are swept once for all emissions that are asked about together, newest first: what is kept while sweeping is
the earliest arrival on each socket among the sends so far. So the cost grows with the number of sends, not of pairs,
which matters when a server has held deliveries back for seconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from loadtest.collect.entry import Entry, Seen
from loadtest.collect.epochs import NEVER_NS

_written = attrgetter("written_ns")


class Order:
    """Sends that may have overtaken one that is still open."""

    def __init__(self) -> None:
        self._sends: list[Entry] = []  # ascending by written_ns
        # of the sends that were forgotten, by epoch: when the newest that had arrived there was written
        self._newest_ns: NDArray[np.int64] = np.zeros(256, dtype=np.int64)
        self._forgotten_ns = 0  # what was written before this is forgotten
        self._bound_ns = 0  # the most that other workers' stamps have been doubtful by

    def __len__(self) -> int:
        return len(self._sends)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._sends))

    def add(self, entry: Entry) -> None:
        """An emission's request was written."""
        insort(self._sends, entry, key=_written)
        if not entry.own:
            self._bound_ns = max(self._bound_ns, entry.bound_ns)

    def sweep(self, asked: Sequence[Seen], epochs: int) -> Iterator[None]:
        """Say which first copies were overtaken, in each one's ``overtaken``.

        Args:
            asked: copies of emissions whose answers have come.
            epochs: how many epochs there are.

        Yields:
            After each one, and now and then between, so that the caller can spread the work.
        """
        doubtful = [
            one
            for one in asked
            if one.entry.status == "ok" and len(one.epochs) and int(one.first_ns.max()) > self._answered(one)
        ]
        if not doubtful:
            return
        doubtful.sort(key=self._answered, reverse=True)
        since = bisect_right(self._sends, self._answered(doubtful[-1]), key=_written)
        until = bisect_left(self._sends, max(int(one.first_ns.max()) for one in doubtful), key=_written)
        later = sorted({*self._sends[since:until], *(one.entry for one in asked)}, key=_written)
        earliest_ns = np.full(epochs, NEVER_NS, dtype=np.int64)
        for one in doubtful:
            answered_ns = self._answered(one)
            while later and later[-1].written_ns > answered_ns:
                _note_arrivals(later.pop(), earliest_ns)
                if not len(later) % 64:
                    yield
            known = one.epochs[one.epochs < len(self._newest_ns)]  # ascending: the others follow
            one.overtaken = earliest_ns[one.epochs] < one.first_ns
            one.overtaken[: len(known)] |= self._newest_ns[known] > answered_ns
            yield

    def forget(self, before_ns: int, seen_ns: int) -> None:
        """Drop sends that are closed and that no open emission can have been overtaken by.

        What is kept of them, for copies that come very late, is which epochs they reached.

        Args:
            before_ns: drop what was written before this time; nothing of it is open.
            seen_ns: every late copy that arrived until then has been asked about.
        """
        self._forgotten_ns = max(self._forgotten_ns, before_ns)
        cut = bisect_left(self._sends, before_ns, key=_written)
        for entry in self._sends[:cut]:
            self._remember(
                entry.written_ns,
                np.array(entry.who, dtype=np.int64)[np.array(entry.when, dtype=np.int64) <= seen_ns],
            )
        del self._sends[:cut]

    def reused(self, epochs: NDArray[np.int64]) -> None:
        """These numbers will be other epochs', which nothing has reached yet."""
        self._newest_ns[epochs[epochs < len(self._newest_ns)]] = 0

    def came_late(self, seen: Seen) -> None:
        """A closed emission has arrived at further epochs."""
        if seen.entry.written_ns < self._forgotten_ns:
            self._remember(seen.entry.written_ns, seen.epochs)

    def _remember(self, written_ns: int, who: NDArray[np.int64]) -> None:
        if not len(who):
            return
        top = int(who.max())
        if top >= len(self._newest_ns):
            grown = np.zeros(2 * (top + 1), dtype=np.int64)
            grown[: len(self._newest_ns)] = self._newest_ns
            self._newest_ns = grown
        self._newest_ns[who] = np.maximum(self._newest_ns[who], written_ns)

    def _answered(self, seen: Seen) -> int:
        """What was written after this surely happened after it, whichever two workers' clocks say so."""
        return (seen.entry.responded_ns or 0) + 2 * self._bound_ns


def _note_arrivals(entry: Entry, earliest_ns: NDArray[np.int64]) -> None:
    who, when = np.array(entry.who, dtype=np.int64), np.array(entry.when, dtype=np.int64)
    if len(who) and int(who.max()) >= len(earliest_ns):  # subscribed meanwhile: nobody asks about it
        there = who < len(earliest_ns)
        who, when = who[there], when[there]
    np.minimum.at(earliest_ns, who, when)
