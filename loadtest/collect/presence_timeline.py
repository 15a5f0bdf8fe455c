"""Presence in the order in which it happened, whichever process of the fleet saw it.

An observer here is told of people who are simulated elsewhere, so their truth has to come here. Each process announces,
about once a second, what its own people did since the last time, and up to when that is all. What happens is kept until
every other process has told up to then, and judged in the order of its times: so it makes no difference how people are
dealt to processes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import count

from loadtest.clock import NS_PER_S

MARGIN_NS = NS_PER_S
"""What has arrived but waits to be read may be told so much later than it happened."""

PATIENCE_NS = 10 * NS_PER_S
"""Longer than that nobody waits for a process that tells nothing: it may be gone."""


class Timeline:
    """What is yet to be judged.

    Args:
        others: how many other processes there are.
    """

    def __init__(self, others: int) -> None:
        self._others = others
        self._told_ns: dict[str, int] = {}
        self._waiting: list[tuple[int, int, Callable[[], object]]] = []
        self._order = count()
        #: up to when everything is judged
        self.judged_ns = 0

    def put(self, at_ns: int, happens: Callable[[], object]) -> bool:
        """Something happened at ``at_ns``; returns whether that is not too late to be judged in its order."""
        heapq.heappush(self._waiting, (at_ns, next(self._order), happens))
        return at_ns >= self.judged_ns

    def told(self, worker: str, upto_ns: int) -> None:
        """Another process has announced everything up to a moment."""
        self._told_ns[worker] = max(upto_ns, self._told_ns.get(worker, upto_ns))

    def pass_to(self, now_ns: int, *, final: bool) -> Iterator[Callable[[], object]]:
        """What can be judged at ``now_ns``, in order; all there is at the end."""
        horizon_ns = now_ns
        if not final:
            horizon_ns = now_ns - MARGIN_NS
            told_ns = min(self._told_ns.values(), default=0) if len(self._told_ns) >= self._others else 0
            horizon_ns = min(horizon_ns, max(told_ns, now_ns - PATIENCE_NS))
        horizon_ns = max(horizon_ns, self.judged_ns)
        while self._waiting and (final or self._waiting[0][0] <= horizon_ns):
            yield heapq.heappop(self._waiting)[2]
        self.judged_ns = horizon_ns
