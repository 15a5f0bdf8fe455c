"""The emission ledger: every delivery accounted for.

An entry is opened before its POST and closed a deadline after it. Receivers only append (epoch, arrival) to it; all
judging is done in numpy, once an entry has as many ticks as it needs (*settled*: latencies are taken) and once its
deadline is over (*closed*: the balance is drawn).

The terms, as in the design:

- *required*: an epoch of the audience, confirmed a guard before the send and not over at it;
- *delivered*: a required epoch that was ticked before the deadline; *late*: ticked after it; *lost*: never;
- *cut_by_us*, *cut_by_peer*: a required epoch that ended before its tick; *away*: an identity of the audience that is
  simulated here and had no subscription at the send;
- *duplicated*: copies beyond an epoch's first; *leaked*: an epoch whose identity the contract does not name;
- *reordered*: a first copy that came after one whose POST began after this one's response (Lamport's happens-before);
- *undetermined*: a required epoch whose deadline had not come when the books were closed;
- *unmatched*: a mark of this run that belongs to no entry (voided, or long closed).

An emission that carries text is keyed by its mark. One that does not (typing, status, assignment ...) is keyed by its
event and subject (see :mod:`loadtest.collect.subjects`); a subject has one entry an event at a time, and one whose
entry was not finished is retired for that event, since a late copy could not be told from the next emission's first.
An event that *perhaps* follows has no expectation until its first arrival; then all of its audience is required.

The deadline counts from the moment the request was written: what a pool or a late generator held back is not the
server's delay (latencies still count from the due time).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.epochs import EndCause, Epochs
from loadtest.collect.people import ROLES, People
from loadtest.collect.subjects import MARKED, event_of
from loadtest.contract import EVENTS
from loadtest.metrics import Batch, Closing

#: A copy flood on one entry is counted, not kept: ticks kept per required epoch, and at least.
_TICKS_PER_EPOCH = 8
_TICKS_AT_LEAST = 1024
#: a finished entry's subject rests this long, so that a second copy is still told as one
_QUARANTINE_NS = 300_000_000

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


@dataclass(frozen=True, slots=True)
class Action:
    """What is about to be emitted.

    Attributes:
        event: the event that carries the mark.
        call: name of the REST call that causes it.
        account_id: account of the conversation.
        inbox_id: inbox of the conversation.
        conversation_id: display id of the conversation.
        contact_id: the contact it is held with.
        actor_role: who acts.
        actor_id: user id or contact id of the actor.
        private: a private note.
        perhaps: the event follows the call perhaps, not always.
        most: copies an epoch may get without one of them being a duplicate (a server may merge or repeat).
        spared: number of the identity that the event is not sent to (who types is not told so), or -1.
        due_ns: monotonic time at which the plan made it due.
        dispatched_ns: monotonic time at which the generator took it up.
    """

    event: str
    call: str
    account_id: int
    inbox_id: int
    conversation_id: int
    contact_id: int
    actor_role: str
    actor_id: int
    private: bool
    due_ns: int
    dispatched_ns: int
    perhaps: bool = False
    most: int = 1
    spared: int = -1

    @property
    def marked(self) -> bool:
        """Whether the event carries the mark of its own emission."""
        return self.event == MARKED


class Entry:
    """One emission's page in the ledger. Receivers append to ``who`` and ``when``; everything else is the ledger's."""

    __slots__ = (
        "action",
        "audience",
        "closed",
        "judged",
        "key",
        "missing",
        "overflow",
        "own",
        "required",
        "required_count",
        "responded_ns",
        "room",
        "settled",
        "status",
        "when",
        "who",
        "written_ns",
    )

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.action: Action | None = None
        self.own = False
        self.audience: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.written_ns = 0
        self.responded_ns: int | None = None
        self.status = ""
        self.who = array("i")
        self.when = array("q")
        self.room = _TICKS_AT_LEAST
        self.overflow = 0
        self.required: NDArray[np.int64] | None = None
        self.required_count = 0
        self.settled = False
        self.closed = False
        self.judged = 0
        self.missing: dict[int, int] | None = None


class Ledger:
    """All entries of a process.

    Args:
        people: the identities simulated here.
        epochs: their subscriptions.
        clock: what measures.
        window_ns: length of a window.
        deadline_s: how long a delivery may take from the moment its request was written.
        guard_s: how long before the send a confirm must have been for its epoch to be required.
        worker: name of this process in closing records.
        overdue_limit: closed entries with missing receivers that are kept to recognise a late delivery.
    """

    def __init__(
        self,
        people: People,
        epochs: Epochs,
        clock: Clock,
        *,
        window_ns: int,
        deadline_s: float = 10.0,
        guard_s: float = 0.5,
        worker: str = "",
        overdue_limit: int = 20_000,
    ) -> None:
        self._people = people
        self._epochs = epochs
        self._clock = clock
        self._window_ns = window_ns
        self._deadline_ns = round(deadline_s * NS_PER_S)
        self._guard_ns = round(guard_s * NS_PER_S)
        self._worker = worker
        self._overdue_limit = overdue_limit
        #: by key; the receivers' look-up. Holds open entries, overdue ones, and those that await their announcement.
        self.entries: dict[bytes, Entry] = {}
        self._open: dict[int, Entry] = {}
        self._retired: set[bytes] = set()
        self._unannounced: OrderedDict[bytes, tuple[int, Entry]] = OrderedDict()
        self._overdue: OrderedDict[bytes, Entry] = OrderedDict()
        self._send_order: list[tuple[int, bytes]] = []
        self.announcements: list[list[Any]] = []

    # -- the emitter's side ------------------------------------------------------------------------------------------

    def open(self, key: bytes, action: Action) -> Entry:
        """Open an entry, before its POST."""
        entry = self._adopt(key)
        entry.own = True
        self._admit(entry, action)
        return entry

    def open_unbound(self, action: Action) -> Entry:
        """Open an entry whose subject only the answer to its POST will name; :meth:`bind` it then."""
        entry = Entry(b"")
        entry.own = True
        self._admit(entry, action)
        return entry

    def bind(self, entry: Entry, key: bytes) -> None:
        """The answer named the subject: what arrived for it meanwhile is the entry's."""
        early = self._adopt(key)
        entry.key = key
        entry.who, entry.when, entry.overflow = early.who, early.when, early.overflow
        self.entries[key] = entry
        insort(self._send_order, (entry.written_ns, key))

    def is_free(self, key: bytes, now_ns: int) -> bool:
        """Whether a subject can be used for another emission of its event.

        It can be when it has no entry, or one that everybody required has ticked, a moment (0.3 s) ago.
        """
        if key in self._retired:
            return False
        entry = self.entries.get(key)
        if entry is None:
            return True
        if not entry.status or entry.action is None or entry.closed:
            return False
        if entry.required is None:
            self._require(entry)
        ticked = set(entry.who)
        return (
            bool(entry.when)
            and now_ns - entry.when[-1] > _QUARANTINE_NS
            and all(epoch in ticked for epoch in entry.required.tolist())  # type: ignore[union-attr]  # set above
        )

    def open_subject(self, key: bytes, action: Action, batch: Batch) -> Entry | None:
        """Open an entry for an emission without a mark.

        Args:
            key: event and subject.
            action: what is emitted.
            batch: where the balance of the subject's finished entry goes.

        Returns:
            The entry, or None when the subject is not free.
        """
        if not self.is_free(key, self._clock.now_ns()):
            return None
        before = self.entries.get(key)
        if before is not None:
            if not before.settled:
                self._settle(before, batch)
            self._close(before, batch, over=True)
        return self.open(key, action)

    def _adopt(self, key: bytes) -> Entry:
        """The entry of a key: one that awaits its announcement, or a new one."""
        self._unannounced.pop(key, None)
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = Entry(key)
        return entry

    def written(self, entry: Entry, at_ns: int) -> None:
        """The request was handed to a connection at ``at_ns``."""
        entry.written_ns = at_ns
        insort(self._send_order, (at_ns, entry.key))

    def responded(self, entry: Entry, at_ns: int, status: str) -> None:
        """The POST ended.

        Args:
            entry: the entry.
            at_ns: monotonic time of the answer, or of giving up.
            status: ``ok`` (2xx), ``void`` (4xx: nothing was emitted) or ``uncertain`` (timeout, reset, 5xx).
        """
        if not entry.written_ns:
            self.written(entry, at_ns)
        entry.status = status
        entry.responded_ns = at_ns
        self.announcements.append(self._announcement(entry))

    # -- the receivers' side -----------------------------------------------------------------------------------------

    def unknown(self, key: bytes, now_ns: int) -> Entry:
        """An entry for a mark of this run that is not known (yet): it waits for its announcement, bounded in time."""
        entry = self.entries[key] = Entry(key)
        self._unannounced[key] = (now_ns, entry)
        return entry

    def tick(self, key: bytes, epoch: int, arrival_ns: int) -> None:
        """An epoch received a copy (the receivers' fast path does the same in line)."""
        entry = self.entries.get(key) or self.unknown(key, arrival_ns)
        entry.who.append(epoch)
        entry.when.append(arrival_ns)

    # -- other workers' side -----------------------------------------------------------------------------------------

    def announce(self, plain: list[Any]) -> None:
        """Take another worker's announcement of an emission (as :attr:`announcements` gives them)."""
        entry = self._adopt(bytes(plain[0]))
        due_us, dispatched_us, written_us, responded_us, status = plain[1:6]
        event, call, account_id, inbox_id, conversation_id, contact_id, actor_role, actor_id, private = plain[6:15]
        perhaps, most = plain[15:]
        mono = self._clock.mono_ns
        action = Action(
            event=event,
            call=call,
            account_id=account_id,
            inbox_id=inbox_id,
            conversation_id=conversation_id,
            contact_id=contact_id,
            actor_role=actor_role,
            actor_id=actor_id,
            private=private,
            due_ns=mono(due_us * NS_PER_US),
            dispatched_ns=mono(dispatched_us * NS_PER_US),
            perhaps=perhaps,
            most=most,
            spared=self._people.spared(event, actor_role, account_id, actor_id),
        )
        self._admit(entry, action)
        self.written(entry, mono(written_us * NS_PER_US))
        entry.responded_ns = mono(responded_us * NS_PER_US)
        entry.status = status

    def _announcement(self, entry: Entry) -> list[Any]:
        a = entry.action
        assert a is not None
        assert entry.responded_ns is not None

        def wall_us(mono_ns: int) -> int:
            return self._clock.wall_ns(mono_ns) // NS_PER_US

        return [
            entry.key,
            wall_us(a.due_ns),
            wall_us(a.dispatched_ns),
            wall_us(entry.written_ns),
            wall_us(entry.responded_ns),
            entry.status,
            a.event,
            a.call,
            a.account_id,
            a.inbox_id,
            a.conversation_id,
            a.contact_id,
            a.actor_role,
            a.actor_id,
            a.private,
            a.perhaps,
            a.most,
        ]

    # -- judging -----------------------------------------------------------------------------------------------------

    @property
    def open_count(self) -> int:
        """Entries whose books are not closed."""
        return len(self._open)

    def judge(self, now_ns: int, batch: Batch, *, final: bool = False) -> None:
        """Settle and close what can be, and take up late arrivals.

        Args:
            now_ns: monotonic time.
            batch: where latencies, balances and closing records go.
            final: the run is over: what is still open is closed now, its missing deliveries undetermined.
        """
        for entry in list(self._open.values()):
            if not entry.status:
                if final:
                    entry.status = "uncertain"
                    if not entry.written_ns:
                        entry.written_ns = now_ns
                else:
                    continue
            over = now_ns >= entry.written_ns + self._deadline_ns
            if entry.required is None:
                self._require(entry)
            if not entry.settled and (over or final or len(entry.who) >= entry.required_count):
                self._settle(entry, batch)
            if over or final:
                self._close(entry, batch, over=over)
        for entry in list(self._overdue.values()):
            if len(entry.who) > entry.judged:
                self._take_late(entry, batch)
        self._expire_unannounced(now_ns, batch, final=final)
        self._epochs.prune(now_ns - 4 * self._deadline_ns)

    def _admit(self, entry: Entry, action: Action) -> None:
        entry.action = action
        audience = self._people.audience(
            EVENTS[action.event], action.account_id, action.inbox_id, action.contact_id, private=action.private
        )
        entry.audience = audience if action.spared < 0 else audience[audience != action.spared]
        self._open[id(entry)] = entry

    def _require(self, entry: Entry) -> None:
        if entry.status == "void":
            entry.required = np.empty(0, dtype=np.int64)
        else:
            entry.required = self._epochs.alive_at(entry.audience, entry.written_ns, self._guard_ns)
        entry.required_count = len(entry.required)
        entry.room = max(_TICKS_AT_LEAST, _TICKS_PER_EPOCH * entry.required_count)

    def _firsts(self, entry: Entry) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Ticked epochs ascending, the arrival of each one's first copy, and how many copies each got."""
        who = np.array(entry.who, dtype=np.int64)
        when = np.array(entry.when, dtype=np.int64)
        epochs, first, copies = np.unique(who, return_index=True, return_counts=True)
        return epochs, when[first], copies

    def _window_of(self, due_ns: int) -> int:
        return self._clock.wall_ns(due_ns) // self._window_ns

    def _roles_of(self, epochs: NDArray[np.int64]) -> NDArray[np.int8]:
        return self._people.role[self._epochs.identity[epochs]]

    def _settle(self, entry: Entry, batch: Batch) -> None:
        """Take the latencies of the required epochs' first copies."""
        entry.settled = True
        action = entry.action
        required = entry.required
        assert action is not None
        assert required is not None
        epochs, arrivals, _ = self._firsts(entry)
        mine = np.isin(epochs, required)
        self._latencies(entry, epochs[mine], arrivals[mine], batch)

    def _latencies(self, entry: Entry, epochs: NDArray[np.int64], arrivals: NDArray[np.int64], batch: Batch) -> None:
        action = entry.action
        assert action is not None
        window = self._window_of(action.due_ns)
        roles = self._roles_of(epochs)
        for number, role in enumerate(ROLES):
            of_role = arrivals[roles == number]
            if len(of_role):
                batch.hist(window, "fanout", action.event, role).record_many((of_role - action.due_ns) // NS_PER_US)
                batch.hist(window, "fanout_sent", action.event, role).record_many(
                    (of_role - entry.written_ns) // NS_PER_US
                )

    def _close(self, entry: Entry, batch: Batch, *, over: bool) -> None:
        action = entry.action
        required = entry.required
        assert action is not None
        assert required is not None
        del self._open[id(entry)]
        entry.closed = True
        epochs, arrivals, copies = self._firsts(entry)
        window = self._window_of(action.due_ns)
        unheard = not len(epochs) and (entry.status == "uncertain" or action.perhaps)
        if unheard:
            required = np.empty(0, dtype=np.int64)  # nobody got it: not emitted
            if entry.status == "uncertain":
                batch.add(window, "emission.uncertain", action.call)
        elif entry.status == "void":
            batch.add(window, "emission.void", action.call)
        allowed = np.isin(self._epochs.identity[epochs], entry.audience)
        place = np.searchsorted(epochs, required)
        ticked = np.zeros(len(required), dtype=bool)
        inside = place < len(epochs)
        ticked[inside] = epochs[place[inside]] == required[inside]
        in_time = np.zeros(len(required), dtype=bool)
        in_time[ticked] = arrivals[place[ticked]] <= entry.written_ns + self._deadline_ns
        cause = self._epochs.cause[required]
        missing = ~ticked & (cause == EndCause.OPEN)
        reordered = self._reordered(entry, epochs, arrivals)
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
        if not action.marked and (missing.any() or not over) and not unheard:
            self._retired.add(entry.key)
        if over and missing.any() and not unheard:
            entry.missing = dict.fromkeys(required[missing].tolist(), 0)
            entry.judged = len(entry.who)
            self._overdue[entry.key] = entry
            if len(self._overdue) > self._overdue_limit:
                old, _ = self._overdue.popitem(last=False)
                self.entries.pop(old, None)
        elif self.entries.get(entry.key) is entry:
            del self.entries[entry.key]

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

    def _reordered(self, entry: Entry, epochs: NDArray[np.int64], arrivals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which ticked epochs saw this emission after one whose POST began after this one's response."""
        overtaken = np.zeros(len(epochs), dtype=bool)
        if entry.responded_ns is None or not len(epochs):
            return overtaken
        last = int(arrivals.max())
        first_candidate = bisect_right(self._send_order, (entry.responded_ns, b"\xff"))
        for written_ns, key in self._send_order[first_candidate:]:
            if written_ns >= last:
                break
            other = self.entries.get(key)
            if other is None or other is entry or not len(other.who):
                continue
            other_epochs, other_arrivals, _ = self._firsts(other)
            _, here, there = np.intersect1d(epochs, other_epochs, assume_unique=True, return_indices=True)
            overtaken[here] |= arrivals[here] > other_arrivals[there]
        return overtaken

    def _take_late(self, entry: Entry, batch: Batch) -> None:
        """An entry that was closed with receivers missing got more ticks."""
        action = entry.action
        missing = entry.missing
        assert action is not None
        assert missing is not None
        window = self._window_of(action.due_ns)
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
            elif self._epochs.identity[epoch] in entry.audience:
                batch.add(window, "delivery.duplicated", action.event, role)
                batch.closings.append(self._closing(entry, role, duplicated=1))
            else:
                batch.add(window, "delivery.leaked", action.event, role)
                batch.closings.append(self._closing(entry, role, leaked=1))
        if not missing:
            self._overdue.pop(entry.key, None)
            self.entries.pop(entry.key, None)

    def _expire_unannounced(self, now_ns: int, batch: Batch, *, final: bool) -> None:
        """Marks that nobody announced in two deadlines belong to no entry."""
        while self._unannounced:
            key, (seen_ns, entry) = next(iter(self._unannounced.items()))
            if not final and now_ns - seen_ns < 2 * self._deadline_ns:
                break
            del self._unannounced[key]
            self.entries.pop(key, None)
            window = self._window_of(seen_ns)
            event = event_of(key)
            column = "delivery.unmatched" if event == MARKED else "delivery.foreign"
            for epoch in entry.who:
                role = ROLES[int(self._people.role[self._epochs.identity[epoch]])]
                batch.add(window, column, event, role)
        cut = bisect_right(self._send_order, (now_ns - 3 * self._deadline_ns, b""))
        if cut > 4096:
            del self._send_order[:cut]
