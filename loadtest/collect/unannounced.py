"""Marks of this run that arrived before anybody said what was emitted: they wait, bounded in time and number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from loadtest.collect.entry import Entry


class Unannounced:
    """Entries that await their announcement, the oldest first.

    Args:
        within_ns: how long an announcement may be under way.
        limit: how many may wait; beyond it the oldest wait no more.
    """

    def __init__(self, within_ns: int, limit: int) -> None:
        self._within_ns = within_ns
        self._limit = limit
        self._waiting: OrderedDict[bytes, tuple[int, Entry]] = OrderedDict()

    def add(self, entry: Entry, now_ns: int) -> None:
        """An entry waits from now on."""
        self._waiting[entry.key] = (now_ns, entry)

    def claim(self, key: bytes) -> None:
        """Its emission is known: it waits no more."""
        self._waiting.pop(key, None)

    def expired(self, now_ns: int, *, final: bool = False) -> Iterator[tuple[int, Entry]]:
        """Give up those that nobody announced in time.

        Args:
            now_ns: monotonic time.
            final: nothing will be announced any more.

        Yields:
            Since when it waited, and the entry; it is forgotten by then.
        """
        while self._waiting:
            key, (seen_ns, entry) = next(iter(self._waiting.items()))
            if not final and now_ns - seen_ns < self._within_ns and len(self._waiting) <= self._limit:
                break
            del self._waiting[key]
            yield seen_ns, entry
