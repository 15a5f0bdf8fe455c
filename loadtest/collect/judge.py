"""Judges the ledger's entries: latencies, and the balance of who should have received what.

Pure in that it keeps nothing between calls; see :mod:`loadtest.collect.ledger` for the terms.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.entry import TICKS_AT_LEAST, Entry
from loadtest.collect.epochs import EndCause, Epochs
from loadtest.collect.people import ROLES, People
from loadtest.metrics import Batch, Closing

_BALANCE = (
    "expected",
    "delivered",
    "late",
    "lost",
    "duplicated",
    "reordered",
    "leaked",
    "cut_by_peer",
    "cut_by_us",
    "away",
    "undetermined",
)
#: ticks kept of each required epoch
_TICKS_PER_EPOCH = 8


class Judge:
    """Draws up entries.

    Args:
        people: the identities simulated here.
        epochs: their subscriptions.
        clock: what measures.
        window_ns: length of a window.
        deadline_ns: how long a delivery may take from the moment its request was written.
        guard_ns: how long before the send a confirm must have been for its epoch to be required.
        worker: name of this process in closing records.
    """

    def __init__(
        self,
        people: People,
        epochs: Epochs,
        clock: Clock,
        *,
        window_ns: int,
        deadline_ns: int,
        guard_ns: int,
        worker: str,
    ) -> None:
        self._people = people
        self._epochs = epochs
        self._clock = clock
        self._window_ns = window_ns
        self._deadline_ns = deadline_ns
        self._guard_ns = guard_ns
        self._worker = worker

    def window_of(self, due_ns: int) -> int:
        """The number of the window a due time falls in."""
        return self._clock.wall_ns(due_ns) // self._window_ns

    def require(self, entry: Entry) -> None:
        """Work out which epochs must receive the emission."""
        if entry.status == "void":
            entry.required = np.empty(0, dtype=np.int64)
        else:
            entry.required = self._epochs.alive_at(entry.audience, entry.written_ns, self._guard_ns)
        entry.room = max(TICKS_AT_LEAST, _TICKS_PER_EPOCH * len(entry.required))

    def settle(self, entry: Entry, batch: Batch) -> None:
        """Take the latencies of the required epochs' first copies."""
        entry.settled = True
        action = entry.action
        required = entry.required
        assert action is not None
        assert required is not None
        epochs, arrivals, _ = entry.firsts()
        mine = np.isin(epochs, required)
        self._latencies(entry, epochs[mine], arrivals[mine], batch)

    def close(
        self,
        entry: Entry,
        batch: Batch,
        *,
        over: bool,
        later: Sequence[tuple[int, bytes]],
        entries: Callable[[bytes], Entry | None],
    ) -> bool:
        """Draw the balance of an entry.

        Args:
            entry: the entry; its required epochs are known.
            batch: where balance and closing records go.
            over: whether its deadline is over, so that what is missing is lost.
            later: (written, key) of all sends, ascending by time, to tell reordering.
            entries: look-up of those sends' entries.

        Returns:
            Whether it was finished: everybody required ticked, or nobody was.
        """
        action = entry.action
        required = entry.required
        assert action is not None
        assert required is not None
        entry.closed = True
        epochs, arrivals, copies = entry.firsts()
        window = self.window_of(action.due_ns)
        unheard = not len(epochs) and (entry.status == "uncertain" or action.perhaps)
        if unheard:
            required = np.empty(0, dtype=np.int64)  # nobody got it: not emitted
            if entry.status == "uncertain":
                batch.add(window, "emission.uncertain", action.call)
        elif entry.status == "void":
            batch.add(window, "emission.void", action.call)
        allowed = np.isin(self._epochs.identity[epochs], entry.allowed)
        place = np.searchsorted(epochs, required)
        ticked = np.zeros(len(required), dtype=bool)
        inside = place < len(epochs)
        ticked[inside] = epochs[place[inside]] == required[inside]
        in_time = np.zeros(len(required), dtype=bool)
        in_time[ticked] = arrivals[place[ticked]] <= entry.written_ns + self._deadline_ns
        cause = self._epochs.cause[required]
        missing = ~ticked & (cause == EndCause.OPEN)
        reordered = self._reordered(entry, epochs, arrivals, later, entries)
        away = self._epochs.count_without(entry.audience, entry.written_ns) if len(entry.audience) else entry.audience
        void = entry.status == "void"
        emitted = int(entry.own and not void and not unheard)
        copies_over = np.maximum(copies - action.most, 0)
        required_roles = self._roles_of(required)
        epoch_roles = self._roles_of(epochs)
        if emitted:
            batch.add(window, "delivery.emitted", action.event)
        for number, role in enumerate(ROLES):
            of = required_roles == number
            tick_of = epoch_roles == number
            balance = {
                "expected": int(of.sum()),
                "delivered": int((of & in_time).sum()),
                "late": int((of & ticked & ~in_time).sum()),
                "lost": int((of & missing).sum()) if over else 0,
                "duplicated": 0 if void else int(copies_over[tick_of & allowed].sum()),
                "reordered": int(reordered[tick_of].sum()),
                "leaked": int((tick_of & ~allowed).sum()),
                "cut_by_peer": int((of & ~ticked & (cause == EndCause.BY_PEER)).sum()),
                "cut_by_us": int((of & ~ticked & (cause == EndCause.BY_US)).sum()),
                "away": int((self._people.role[away] == number).sum()),
                "undetermined": 0 if over else int((of & missing).sum()),
            }
            for name, value in balance.items():
                if value:
                    batch.add(window, f"delivery.{name}", action.event, role, value)
            if void and (stray := int((copies[tick_of & allowed]).sum())):
                batch.add(window, "delivery.unmatched", action.event, role, stray)
            latencies = (arrivals[np.isin(epochs, required[of])] - action.due_ns) // NS_PER_US
            has_row = emitted and number == 0
            if any(balance.values()) or has_row:
                batch.closings.append(
                    self._closing(
                        entry,
                        role,
                        emitted=emitted if number == 0 else 0,
                        first_us=int(latencies.min()) if len(latencies) else None,
                        last_us=int(latencies.max()) if len(latencies) else None,
                        **balance,
                    )
                )
        if entry.overflow:
            batch.add(window, "generator.overflow", value=entry.overflow)
        if over and missing.any():
            entry.missing = dict.fromkeys(required[missing].tolist(), 0)
            entry.judged = len(entry.who)
        return not missing.any()

    def take_late(self, entry: Entry, batch: Batch) -> None:
        """An entry that was closed with receivers missing got more ticks."""
        action = entry.action
        missing = entry.missing
        assert action is not None
        assert missing is not None
        window = self.window_of(action.due_ns)
        fresh = list(zip(entry.who[entry.judged :], entry.when[entry.judged :], strict=True))
        entry.judged = len(entry.who)
        for epoch, arrival_ns in fresh:
            number = int(self._people.role[self._epochs.identity[epoch]])
            role = ROLES[number]
            if epoch in missing:
                del missing[epoch]
                batch.add(window, "delivery.lost", action.event, role, -1)
                batch.add(window, "delivery.late", action.event, role, 1)
                self._latencies(entry, np.array([epoch]), np.array([arrival_ns]), batch)
                latency_us = (arrival_ns - action.due_ns) // NS_PER_US
                batch.closings.append(self._closing(entry, role, late=1, lost=-1, last_us=latency_us))
            elif self._epochs.identity[epoch] in entry.allowed:
                batch.add(window, "delivery.duplicated", action.event, role)
                batch.closings.append(self._closing(entry, role, duplicated=1))
            else:
                batch.add(window, "delivery.leaked", action.event, role)
                batch.closings.append(self._closing(entry, role, leaked=1))

    def _latencies(self, entry: Entry, epochs: NDArray[np.int64], arrivals: NDArray[np.int64], batch: Batch) -> None:
        action = entry.action
        assert action is not None
        window = self.window_of(action.due_ns)
        roles = self._roles_of(epochs)
        for number, role in enumerate(ROLES):
            of_role = arrivals[roles == number]
            if len(of_role):
                batch.hist(window, "fanout", action.event, role).record_many((of_role - action.due_ns) // NS_PER_US)
                batch.hist(window, "fanout_sent", action.event, role).record_many(
                    (of_role - entry.written_ns) // NS_PER_US
                )

    def _closing(self, entry: Entry, role: str, **values: Any) -> Closing:
        a = entry.action
        assert a is not None
        own = entry.own
        base: dict[str, Any] = {**dict.fromkeys(_BALANCE, 0), "emitted": 0, "first_us": None, "last_us": None, **values}
        return Closing(
            mark=entry.key.decode(),
            event=a.event,
            role=role,
            worker=self._worker,
            account_id=a.account_id,
            conversation_id=a.conversation_id,
            inbox_id=a.inbox_id,
            actor_role=a.actor_role,
            actor_id=a.actor_id,
            due_us=self._clock.wall_ns(a.due_ns) // NS_PER_US,
            lateness_us=(a.dispatched_ns - a.due_ns) // NS_PER_US if own else 0,
            rest_wait_us=(entry.written_ns - a.dispatched_ns) // NS_PER_US if own else 0,
            response_us=(entry.responded_ns - entry.written_ns) // NS_PER_US if entry.responded_ns and own else None,
            status=entry.status,
            **base,
        )

    def _reordered(
        self,
        entry: Entry,
        epochs: NDArray[np.int64],
        arrivals: NDArray[np.int64],
        later: Sequence[tuple[int, bytes]],
        entries: Callable[[bytes], Entry | None],
    ) -> NDArray[np.bool_]:
        """Which ticked epochs saw this emission after one whose POST began after this one's response."""
        overtaken = np.zeros(len(epochs), dtype=bool)
        if entry.responded_ns is None or not len(epochs):
            return overtaken
        last = int(arrivals.max())
        first_candidate = bisect_right(later, (entry.responded_ns, b"\xff"))
        for written_ns, key in later[first_candidate:]:
            if written_ns >= last:
                break
            other = entries(key)
            if other is None or other is entry or not len(other.who):
                continue
            other_epochs, other_arrivals, _ = other.firsts()
            _, here, there = np.intersect1d(epochs, other_epochs, assume_unique=True, return_indices=True)
            overtaken[here] |= arrivals[here] > other_arrivals[there]
        return overtaken

    def _roles_of(self, epochs: NDArray[np.int64]) -> NDArray[np.int8]:
        return self._people.role[self._epochs.identity[epochs]]
