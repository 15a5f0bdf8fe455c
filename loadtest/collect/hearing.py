"""Whether sockets that are connected still hear: proof of delivery, and the deaf.

A server can lose its pub/sub side and keep everything else: sockets stay open, pings flow, REST answers, and no event
is ever delivered again. Only what should arrive, and does not, shows it.

*Proof of delivery* is any frame of the subscription that the pub/sub side brought: an event of whatever kind, the
answer to a presence beat included; neither a ping nor a confirm is one. Its age is sampled twice a second on every
subscription.

A subscription is *deaf* when something was due to it, its deadline is over, and nothing at all has come since it was
sent. One loss can look like that where nothing else is said; so it takes two in a row, or one emission that none of two
or more subscriptions has received. It *hears again* when a frame comes after all.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.people import ROLES
from loadtest.directory import Role
from loadtest.metrics import Batch, Note
from loadtest.metrics.buckets import MAX_US

_IN_A_ROW = 2


class Ear(Protocol):
    """A socket with a confirmed subscription."""

    @property
    def role(self) -> Role:
        """Whose it is."""

    @property
    def heard_ns(self) -> int:
        """When the newest frame of the subscription came, monotonic time; 0 for never."""


@dataclass(slots=True)
class _Listener:
    """A subscription: since when it misses what is due, how many in a row, and whether that makes it deaf.

    Once it is ``over``, deaf, nothing of it will be told any more.
    """

    ear: Ear
    opened_ns: int
    since_ns: int = 0
    missed: int = 0
    deaf: bool = False
    over: bool = False


class Hearing:
    """The subscriptions of a process, as far as they hear.

    Args:
        clock: what measures.
        window_of: the window of a monotonic time.
    """

    def __init__(self, clock: Clock, window_of: Callable[[int], int]) -> None:
        self._clock = clock
        self._window_of = window_of
        self._listeners: dict[int, _Listener] = {}
        self._ages: dict[Role, tuple[array[int], array[int]]] = {role: (array("q"), array("q")) for role in ROLES}
        self._found: list[_Listener] = []
        self._deaf: list[_Listener] = []

    def opened(self, epoch: int, ear: Ear, at_ns: int) -> None:
        """A subscription was confirmed."""
        self._listeners[epoch] = _Listener(ear, at_ns)

    def closed(self, epoch: int) -> None:
        """A subscription is over; a deaf one remains counted."""
        listener = self._listeners.pop(epoch, None)
        if listener is not None and listener.deaf and not self._hears(listener):
            listener.over = True
            self._deaf = [one for one in self._deaf if one is not listener]

    def look(self, epoch: int, now_ns: int) -> None:
        """Take the age of a subscription's last proof of delivery; before the first one it counts from the confirm."""
        listener = self._listeners.get(epoch)
        if listener is not None:
            at, ages = self._ages[listener.ear.role]
            at.append(now_ns)
            ages.append(now_ns - max(listener.ear.heard_ns, listener.opened_ns))

    def missed(self, epochs: NDArray[np.int64], required: int, sent_ns: int) -> None:
        """An emission's deadline is over.

        Args:
            epochs: who of those required here has nothing.
            required: how many there are.
            sent_ns: when its request was written.
        """
        found = (self._listeners.get(epoch) for epoch in epochs.tolist())
        silent = [one for one in found if one is not None and one.ear.heard_ns <= sent_ns]
        for listener in silent:
            self._miss(listener, sent_ns, sure=len(silent) == required > 1)

    def missed_answer(self, epoch: int, sent_ns: int) -> None:
        """A presence beat sent at ``sent_ns`` was not answered within the deadline."""
        listener = self._listeners.get(epoch)
        if listener is not None and listener.ear.heard_ns <= sent_ns:
            self._miss(listener, sent_ns, sure=False)

    def _miss(self, listener: _Listener, sent_ns: int, *, sure: bool) -> None:
        if not listener.missed or self._hears(listener):
            listener.since_ns, listener.missed = sent_ns, 0
        listener.missed += 1
        if not listener.deaf and (sure or listener.missed >= _IN_A_ROW):
            listener.deaf = True
            self._found.append(listener)

    @staticmethod
    def _hears(listener: _Listener) -> bool:
        return listener.ear.heard_ns > listener.since_ns

    def flush(self, now_ns: int, batch: Batch) -> None:
        """Hand over the ages, and who was found deaf or hears again since the last call."""
        for role, (at, ages) in self._ages.items():
            if at:
                windows = np.array([self._window_of(one) for one in at], dtype=np.int64)
                ages_us = np.clip(np.array(ages, dtype=np.int64) // NS_PER_US, 0, MAX_US)
                for window in np.unique(windows).tolist():
                    batch.hist(window, "proof_age", "", role).record_many(ages_us[windows == window])
        self._ages = {role: (array("q"), array("q")) for role in ROLES}
        found, self._found = self._found, []
        again = [listener for listener in self._deaf if self._hears(listener)]
        self._deaf = [listener for listener in self._deaf if not self._hears(listener)]
        self._deaf += [listener for listener in found if not listener.over]
        for listener in again:
            listener.deaf, listener.missed = False, 0
        for metric, listeners in (("cable.deaf", found), ("cable.deaf_recovered", again)):
            for listener in listeners:
                batch.add(self._window_of(listener.since_ns), metric, "", listener.ear.role)
        at_us = self._clock.wall_ns(now_ns) // NS_PER_US
        for listeners, text in (
            (found, "are connected, but deaf: nothing of what was due to them has come"),
            (again, "were deaf and hear again"),
        ):
            if listeners:
                counts: dict[str, int] = {role: sum(one.ear.role == role for one in listeners) for role in ROLES}
                whose = " and ".join(f"{n} {role}{'s' if n > 1 else ''}" for role, n in counts.items() if n)
                since_us = self._clock.wall_ns(min(one.since_ns for one in listeners)) // NS_PER_US
                batch.notes.append(Note(at_us, "deaf", f"Sockets of {whose} {text}", {**counts, "since_us": since_us}))
