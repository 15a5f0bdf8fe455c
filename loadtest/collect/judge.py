"""Judges the ledger's entries: latencies, and the balance of who should have received what.

Pure in that it keeps nothing between calls; see :mod:`loadtest.collect.ledger` for the terms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.entry import TICKS_AT_LEAST, Action, Entry, Seen
from loadtest.collect.epochs import Epochs
from loadtest.collect.membership import among
from loadtest.collect.people import ROLES, People
from loadtest.contract import DialectName, EventSpec, events_of
from loadtest.metrics import Batch, Closing, Doubt

BALANCE = (
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
"""The counts of a closing record, each of which is a count ``delivery.{name}`` of its window."""

#: ticks kept of each required epoch
_TICKS_PER_EPOCH = 8

OnMissing = Callable[[NDArray[np.int64], int, int], None]
"""Told which required epochs had nothing by the deadline, how many were required, and when the emission was written."""

OnAway = Callable[[NDArray[np.int64], int, str], None]
"""Told which identities of an audience had no subscription when an emission was written, when that was, its event."""

OnLatencies = Callable[[Entry, NDArray[np.int64], NDArray[np.int64]], None]
"""Told the latencies of an emission as they are recorded: which epochs', and microseconds from the due time."""

OnReads = Callable[[int, NDArray[np.int64]], None]
"""Told of latencies as they are recorded: in which window, and the monotonic nanoseconds of the reads they end in."""


class Judge:
    """Draws up entries.

    Args:
        people: the identities simulated here.
        epochs: their subscriptions.
        clock: what measures.
        window_ns: length of a window.
        deadline_ns: how long a delivery may take from the moment its request was written.
        guard_ns: how long before the send a confirm must have been for its epoch to be required.
        dialect: whose audiences hold; in ``auto`` what only some versions send to somebody is allowed, not required.
        worker: name of this process in closing records.
        alone: no other process takes part: what nobody here received, nobody did.
        on_missing: told who missed an emission.
        on_away: told who was not there for one.
        on_latencies: told every latency that is recorded.
        on_reads: told when those deliveries were read.
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
        dialect: DialectName,
        worker: str,
        alone: bool = True,
        on_missing: OnMissing | None = None,
        on_away: OnAway | None = None,
        on_latencies: OnLatencies | None = None,
        on_reads: OnReads | None = None,
    ) -> None:
        self._people = people
        self._epochs = epochs
        self._clock = clock
        self._window_ns = window_ns
        self._deadline_ns = deadline_ns
        self._guard_ns = guard_ns
        self._possible = events_of(dialect)
        self._certain = events_of("seed") if dialect == "auto" else self._possible
        self._worker = worker
        self._alone = alone
        self._on_missing = on_missing
        self._on_away = on_away
        self._on_latencies = on_latencies
        self._on_reads = on_reads

    def window_at(self, mono_ns: int) -> int:
        """The number of the window a monotonic time falls in."""
        return self._clock.wall_ns(mono_ns) // self._window_ns

    def window_of(self, entry: Entry) -> int:
        """The number of the window an emission was due in, the same in every process."""
        return self.window_of_us(entry.due_us)

    def window_of_us(self, due_us: int) -> int:
        """The number of the window of a Unix time in microseconds."""
        return due_us * NS_PER_US // self._window_ns

    def required_of(self, action: Action) -> NDArray[np.int64]:
        """Who must see an emission, by identity number."""
        spec = self._certain.get(action.event)  # none in the oldest version of a dialect, which promises nothing then
        return np.empty(0, dtype=np.int64) if spec is None else self._audience(spec, action)

    def allowed_of(self, action: Action) -> NDArray[np.int64]:
        """Who may see an emission in some version of the dialect, by identity number."""
        return self._audience(self._possible[action.event], action)

    def _audience(self, spec: EventSpec, action: Action) -> NDArray[np.int64]:
        audience = self._people.audience(
            spec, action.account_id, action.inbox_id, action.contact_id, private=action.private
        )
        return audience if action.spared < 0 else audience[audience != action.spared]

    def require(self, entry: Entry) -> None:
        """Work out which epochs must receive the emission."""
        action = entry.action
        assert action is not None
        if entry.status == "void":
            entry.required = np.empty(0, dtype=np.int32)
        else:
            alive = self._epochs.alive_at(self.required_of(action), entry.written_ns, self._guard_ns)
            entry.required = alive.astype(np.int32)
        entry.room = max(entry.room, TICKS_AT_LEAST, _TICKS_PER_EPOCH * len(entry.required))

    def settle(self, seen: Seen, batch: Batch) -> None:
        """Take the latencies of the required epochs' first copies."""
        entry = seen.entry
        entry.settled = True
        assert entry.required is not None
        mine = among(seen.epochs, entry.required)
        self._latencies(entry, seen.epochs[mine], seen.first_ns[mine], batch)
        if entry.lagged:
            epochs, arrivals = entry.kernel_arrivals()
            mine = among(epochs, entry.required)
            self._arrivals(entry, epochs[mine], arrivals[mine], batch)

    def close(self, seen: Seen, batch: Batch, *, over: bool) -> bool:
        """Draw the balance of an entry.

        Of an emission that is doubtful, and that nobody here is known to have received, it is drawn as if there was
        one, and handed over as a doubt: whoever hears all processes decides. Where there is no other, it was none.

        Args:
            seen: the entry's copies so far; its required epochs are known. What comes later is late, or too much.
            batch: where balance and closing records go.
            over: whether its deadline is over, so that what is missing is lost.

        Returns:
            Whether it was finished: everybody required ticked, or nobody was.
        """
        entry = seen.entry
        action = entry.action
        assert action is not None
        assert entry.required is not None
        entry.closed = True
        entry.judged = seen.ticks
        window = self.window_of(entry)
        void = entry.status == "void"
        unheard = not len(seen.epochs) and not entry.heard and entry.is_doubtful
        none = unheard and self._alone  # nobody got it: not emitted
        doubts: list[Doubt] | None = [] if unheard and not none and not void else None
        if entry.own and not action.perhaps and (void or (none and entry.status == "uncertain")):
            batch.add(window, "emission.void" if void else "emission.uncertain", action.call)
        nobody = np.empty(0, dtype=np.int64)
        required = nobody if none else entry.required.astype(np.int64)
        limit_ns = entry.written_ns + self._deadline_ns
        place = np.searchsorted(seen.epochs, required)
        ticked = place < len(seen.epochs)
        ticked[ticked] = seen.epochs[place[ticked]] == required[ticked]
        in_time = np.zeros(len(required), dtype=bool)
        in_time[ticked] = seen.first_ns[place[ticked]] <= limit_ns
        cut = ~ticked & (self._epochs.end_ns[required] <= limit_ns)
        missing = ~ticked & ~cut
        lost = missing if over and not entry.overflow else np.zeros(len(required), dtype=bool)
        by_peer = self._epochs.is_cut_by_peer(required)
        allowed = among(self._epochs.identity[seen.epochs], self.allowed_of(action))
        away = nobody if void or none else self._away(entry, action)
        emitted = int(entry.own and not void and not none)
        excess = np.maximum(seen.copies - action.most, 0)
        required_roles, seen_roles = self._roles_of(required), self._roles_of(seen.epochs)
        if emitted and doubts is None:
            batch.add(window, "delivery.emitted", action.event)
        for number, role in enumerate(ROLES):
            of, by = required_roles == number, seen_roles == number
            balance = {
                "expected": _count(of),
                "delivered": _count(of & in_time),
                "late": _count(of & ticked & ~in_time),
                "lost": _count(of & lost),
                "duplicated": 0 if void else int(excess[by & allowed].sum()),
                "reordered": _count(by & allowed & seen.overtaken),
                "leaked": _count(by & ~allowed),
                "cut_by_peer": _count(of & cut & by_peer),
                "cut_by_us": _count(of & cut & ~by_peer),
                "away": int((self._people.role[away] == number).sum()),
                "undetermined": _count(of & missing & ~lost),
            }
            for name, value in balance.items():
                if value and doubts is None:
                    batch.add(window, f"delivery.{name}", action.event, role, value)
            if void and (stray := int(seen.copies[by & allowed].sum())):
                batch.add(window, "delivery.unmatched", action.event, role, stray)
            if any(balance.values()) or (emitted and number == 0):
                latencies_us = _since_us(entry, seen.first_ns[place[of & ticked]], action.due_ns)
                extremes: dict[str, int | None] = {"first_us": None, "last_us": None}
                if len(latencies_us):
                    extremes = {"first_us": int(latencies_us.min()), "last_us": int(latencies_us.max())}
                closing = self._closing(entry, role, emitted=emitted if number == 0 else 0, **extremes, **balance)
                if doubts is None:
                    batch.closings.append(closing)
                else:
                    doubts.append(Doubt("" if action.perhaps else action.call, closing))
        if len(away) and self._on_away is not None:
            self._on_away(away, entry.written_ns, action.event)
        if entry.overflow:
            batch.add(window, "generator.overflow", value=entry.overflow)
            entry.overflow = 0
        if lost.any():
            entry.missing = set(required[lost].tolist())
            if self._on_missing is not None and doubts is None:
                self._on_missing(required[lost], len(required), entry.written_ns)
        if doubts is not None:
            entry.doubted = True
            batch.doubts += doubts
            return True
        return not missing.any()

    def _away(self, entry: Entry, action: Action) -> NDArray[np.int64]:
        audience = self.required_of(action)
        return self._epochs.count_without(audience, entry.written_ns) if len(audience) else audience

    def take_late(self, fresh: Seen, batch: Batch) -> None:
        """An entry got more ticks after it was closed: late deliveries, further copies, or leaks.

        What corrects a doubt is one as well, and has no latency in a histogram, since that cannot be taken back.

        Args:
            fresh: what came since it was judged.
            batch: where corrections go.
        """
        entry = fresh.entry
        action = entry.action
        assert action is not None
        window = self.window_of(entry)
        before = Counter(entry.who[: entry.judged])
        entry.judged = fresh.ticks
        missing = entry.missing or set()
        late = np.array([epoch in missing for epoch in fresh.epochs.tolist()], dtype=bool)
        missing.difference_update(fresh.epochs.tolist())
        had = np.array([before[epoch] for epoch in fresh.epochs.tolist()], dtype=np.int64)
        allowed = among(self._epochs.identity[fresh.epochs], self.allowed_of(action))
        excess = np.maximum(had + fresh.copies - np.maximum(had, action.most), 0)
        doubted = entry.doubted and not entry.heard
        if not doubted:
            self._latencies(entry, fresh.epochs[late], fresh.first_ns[late], batch)
        roles = self._roles_of(fresh.epochs)
        void = entry.status == "void"
        for number, role in enumerate(ROLES):
            by = roles == number
            came = _count(by & late)
            changes = {
                "late": came,
                "lost": -came,
                "duplicated": 0 if void else int(excess[by & allowed].sum()),
                "reordered": _count(by & allowed & (had == 0) & fresh.overtaken),
                "leaked": _count(by & ~allowed & (had == 0)),
            }
            for name, value in changes.items():
                if value and not doubted:
                    batch.add(window, f"delivery.{name}", action.event, role, value)
            if void and (stray := int(fresh.copies[by & allowed].sum())):
                batch.add(window, "delivery.unmatched", action.event, role, stray)
            if any(changes.values()):
                last_us = int(_since_us(entry, fresh.first_ns[by & late], action.due_ns).max()) if came else None
                closing = self._closing(entry, role, last_us=last_us, **changes)
                if doubted:
                    batch.doubts.append(Doubt(action.call, closing))
                else:
                    batch.closings.append(closing)

    def _latencies(self, entry: Entry, epochs: NDArray[np.int64], arrivals: NDArray[np.int64], batch: Batch) -> None:
        action = entry.action
        assert action is not None
        window = self.window_of(entry)
        if self._on_latencies is not None:
            self._on_latencies(entry, epochs, _since_us(entry, arrivals, action.due_ns))
        if self._on_reads is not None:
            self._on_reads(window, arrivals)
        roles = self._roles_of(epochs)
        for number, role in enumerate(ROLES):
            of_role = arrivals[roles == number]
            if len(of_role):
                batch.hist(window, "fanout", action.event, role).record_many(_since_us(entry, of_role, action.due_ns))
                batch.hist(window, "fanout_sent", action.event, role).record_many(
                    _since_us(entry, of_role, entry.written_ns)
                )

    def _arrivals(self, entry: Entry, epochs: NDArray[np.int64], arrivals: NDArray[np.int64], batch: Batch) -> None:
        """Latencies up to the arrival in this machine's kernel, free of this process's own lag."""
        action = entry.action
        assert action is not None
        window = self.window_of(entry)
        roles = self._roles_of(epochs)
        for number, role in enumerate(ROLES):
            of_role = arrivals[roles == number]
            if len(of_role):
                batch.hist(window, "fanout_arrival", action.event, role).record_many(
                    _since_us(entry, of_role, action.due_ns)
                )

    def _closing(self, entry: Entry, role: str, **values: Any) -> Closing:
        a = entry.action
        assert a is not None
        if entry.own:
            values["lateness_us"] = (a.dispatched_ns - a.due_ns) // NS_PER_US
            values["rest_wait_us"] = (entry.written_ns - a.dispatched_ns) // NS_PER_US
            if entry.responded_ns:
                values["response_us"] = (entry.responded_ns - entry.written_ns) // NS_PER_US
        return self.closing_of(entry.key, a, entry.due_us, role, status=entry.status, **values)

    def closing_of(self, key: bytes, action: Action, due_us: int, role: str, **values: Any) -> Closing:
        """A closing record; what ``values`` does not name is 0 or not known."""
        times = {"lateness_us": 0, "rest_wait_us": 0, "response_us": None, "first_us": None, "last_us": None}
        base: dict[str, Any] = {**dict.fromkeys(BALANCE, 0), **times, "emitted": 0, "status": "ok", **values}
        return Closing(
            mark=key.decode(),
            event=action.event,
            role=role,
            worker=self._worker,
            account_id=action.account_id,
            conversation_id=action.conversation_id,
            inbox_id=action.inbox_id,
            actor_role=action.actor_role,
            actor_id=action.actor_id,
            due_us=due_us,
            **base,
        )

    def _roles_of(self, epochs: NDArray[np.int64]) -> NDArray[np.int8]:
        return self._people.role[self._epochs.identity[epochs]]


def _since_us(entry: Entry, arrivals: NDArray[np.int64], since_ns: int) -> NDArray[np.int64]:
    """Latencies. What seems to have come before its time, within what clocks may be wrong by, came at once.

    What came sooner than that is left negative: the histogram counts it as a defect.
    """
    passed_ns = arrivals - since_ns
    if not entry.own:
        passed_ns[(passed_ns < 0) & (passed_ns >= -entry.bound_ns)] = 0
    return passed_ns // NS_PER_US


def _count(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))
