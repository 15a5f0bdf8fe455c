"""Host names to addresses, looked up once in a while instead of once a connection.

``getaddrinfo`` costs about 90 us and a thread; ten thousand connections need its answer once.
The caller gives the look-up and a lock, so that nothing here knows of gevent.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from loadtest.clock import NS_PER_S

Lookup = Callable[[str, int], list[tuple[Any, ...]]]
"""``getaddrinfo`` for a stream socket: host and port in, its five-tuples out."""

SockAddr = tuple[Any, ...]


@dataclass(slots=True)
class _Entry:
    found_ns: int
    addresses: list[tuple[socket.AddressFamily, SockAddr]]
    next: int = 0


class AddressBook:
    """The addresses of hosts, kept for a while.

    Args:
        lookup: resolves a name; its ``OSError`` passes through.
        lock: held during a look-up, so that a thousand connections wait for one.
        keep_s: how long an answer is good, in seconds.
        retry_s: how old an answer must be before a failed connection makes it doubtful, in seconds.
        now_ns: monotonic clock.
    """

    __slots__ = ("_entries", "_keep_ns", "_lock", "_lookup", "_now_ns", "_retry_ns")

    def __init__(
        self,
        lookup: Lookup,
        lock: AbstractContextManager[Any],
        *,
        keep_s: float = 30.0,
        retry_s: float = 1.0,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._lookup = lookup
        self._lock = lock
        self._keep_ns = round(keep_s * NS_PER_S)
        self._retry_ns = round(retry_s * NS_PER_S)
        self._now_ns = now_ns
        self._entries: dict[tuple[str, int], _Entry] = {}

    def addresses(self, host: str, port: int) -> list[tuple[socket.AddressFamily, SockAddr]]:
        """Where to connect, in the order to try.

        The addresses of the resolver's first choice of family take turns, as they would if every client asked for
        itself; those of the other family follow.

        Raises:
            OSError: the name cannot be resolved (``socket.gaierror``).
        """
        key = host, port
        entry = self._fresh(key)
        if entry is None:
            with self._lock:
                entry = self._fresh(key)
                if entry is None:
                    found = [(info[0], info[4]) for info in self._lookup(host, port)]
                    entry = self._entries[key] = _Entry(self._now_ns(), list(dict.fromkeys(found)))
        family = entry.addresses[0][0]
        first = [address for address in entry.addresses if address[0] == family]
        turn = entry.next % len(first)
        entry.next += 1
        return [*first[turn:], *first[:turn], *(address for address in entry.addresses if address[0] != family)]

    def doubt(self, host: str, port: int) -> None:
        """An address did not answer: look the name up again, unless that was done a moment ago."""
        entry = self._entries.get((host, port))
        if entry is not None and self._now_ns() - entry.found_ns >= self._retry_ns:
            del self._entries[host, port]

    def _fresh(self, key: tuple[str, int]) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or self._now_ns() - entry.found_ns >= self._keep_ns:
            return None
        return entry
