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

from bisect import bisect_right, insort
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.entry import Action, Entry
from loadtest.collect.epochs import Epochs
from loadtest.collect.judge import Judge
from loadtest.collect.people import ROLES, People
from loadtest.collect.subjects import MARKED, event_of
from loadtest.contract import DialectName, EventSpec, events_of
from loadtest.metrics import Batch

#: a finished entry's subject rests this long, so that a second copy is still told as one
_QUARANTINE_NS = 300_000_000
#: with several workers it rests until all of them have closed its books, and this much longer: an announcement takes
#: up to a second, and what arrives before it must not fall into the books of the emission before
_ANNOUNCED_NS = 2_000_000_000


class Ledger:
    """All entries of a process.

    Args:
        people: the identities simulated here.
        epochs: their subscriptions.
        clock: what measures.
        window_ns: length of a window.
        deadline_s: how long a delivery may take from the moment its request was written.
        guard_s: how long before the send a confirm must have been for its epoch to be required.
        dialect: whose audiences hold; in ``auto`` what only some versions send to somebody is allowed, not required.
        workers: how many processes account for this run.
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
        dialect: DialectName = "seed",
        workers: int = 1,
        worker: str = "",
        overdue_limit: int = 20_000,
    ) -> None:
        self._people = people
        self._epochs = epochs
        self._clock = clock
        self._deadline_ns = round(deadline_s * NS_PER_S)
        self._judge = Judge(
            people,
            epochs,
            clock,
            window_ns=window_ns,
            deadline_ns=self._deadline_ns,
            guard_ns=round(guard_s * NS_PER_S),
            worker=worker,
        )
        self._overdue_limit = overdue_limit
        self._alone = workers == 1
        self._resting: dict[bytes, int] = {}  # subject -> when it may be used again
        self._possible = events_of(dialect)
        self._certain = events_of("seed") if dialect == "auto" else self._possible
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

        It can be when it has no entry, or one that everybody required has ticked, a moment ago.
        """
        if key in self._retired or self._resting.get(key, now_ns) > now_ns:
            return False
        entry = self.entries.get(key)
        if entry is None:
            return True
        if not self._alone or not entry.status or entry.action is None or entry.closed:
            return False
        if entry.required is None:
            self._judge.require(entry)
        return bool(entry.when) and now_ns - entry.when[-1] > _QUARANTINE_NS and entry.is_complete

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
                self._judge.settle(before, batch)
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
        if not self._alone and entry.action is not None and not entry.action.marked:
            self._resting[entry.key] = entry.written_ns + self._deadline_ns + _ANNOUNCED_NS
        if entry.key:  # one that was never bound to a subject is nothing to others
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
        key, written_ns = bytes(plain[0]), self._clock.mono_ns(plain[3] * NS_PER_US)
        entry = self._adopt(key)
        if entry.action is not None:  # its subject's emission before this one; their ticks are told apart by time
            entry = self.entries[key] = entry.split(written_ns)
        due_us, dispatched_us, _, responded_us, status = plain[1:6]
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
        self.written(entry, written_ns)
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
                self._judge.require(entry)
            if not entry.settled and (over or final or entry.is_complete):
                self._judge.settle(entry, batch)
            if over or final:
                self._close(entry, batch, over=over)
        for entry in list(self._overdue.values()):
            if len(entry.who) > entry.judged:
                self._judge.take_late(entry, batch)
                if not entry.missing:
                    self._overdue.pop(entry.key, None)
                    self.entries.pop(entry.key, None)
        self._expire_unannounced(now_ns, batch, final=final)
        self._resting = {key: until_ns for key, until_ns in self._resting.items() if until_ns > now_ns}
        self._epochs.prune(now_ns - 4 * self._deadline_ns)

    def _admit(self, entry: Entry, action: Action) -> None:
        entry.action = action
        entry.audience, entry.allowed = (
            self._audience(specs[action.event], action) for specs in (self._certain, self._possible)
        )
        self._open[id(entry)] = entry

    def _audience(self, spec: EventSpec, action: Action) -> NDArray[np.int64]:
        audience = self._people.audience(
            spec, action.account_id, action.inbox_id, action.contact_id, private=action.private
        )
        return audience if action.spared < 0 else audience[audience != action.spared]

    def _close(self, entry: Entry, batch: Batch, *, over: bool) -> None:
        del self._open[id(entry)]
        finished = self._judge.close(entry, batch, over=over, later=self._send_order, entries=self.entries.get)
        assert entry.action is not None
        if not finished and not entry.action.marked:
            self._retired.add(entry.key)
        if entry.missing:
            self._overdue[entry.key] = entry
            if len(self._overdue) > self._overdue_limit:
                old, _ = self._overdue.popitem(last=False)
                self.entries.pop(old, None)
        elif self.entries.get(entry.key) is entry:
            del self.entries[entry.key]

    def _expire_unannounced(self, now_ns: int, batch: Batch, *, final: bool) -> None:
        """Marks that nobody announced in two deadlines belong to no entry."""
        while self._unannounced:
            key, (seen_ns, entry) = next(iter(self._unannounced.items()))
            if not final and now_ns - seen_ns < 2 * self._deadline_ns:
                break
            del self._unannounced[key]
            self.entries.pop(key, None)
            window = self._judge.window_of(seen_ns)
            event = event_of(key)
            column = "delivery.unmatched" if event == MARKED else "delivery.foreign"
            for epoch in entry.who:
                role = ROLES[int(self._people.role[self._epochs.identity[epoch]])]
                batch.add(window, column, event, role)
        cut = bisect_right(self._send_order, (now_ns - 3 * self._deadline_ns, b""))
        if cut > 4096:
            del self._send_order[:cut]
