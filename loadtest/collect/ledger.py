"""The emission ledger: every delivery accounted for.

An entry is opened before its POST and closed a deadline after it. Receivers only append (epoch, arrival) to it; all
judging is done in numpy, once an entry has as many ticks as it needs (*settled*: latencies are taken) and once its
deadline is over (*closed*: the balance is drawn).

The terms, as in the design:

- *required*: an epoch of the audience, confirmed a guard before the send and not over at it;
- *delivered*: a required epoch that was ticked before the deadline; *late*: ticked after it; *lost*: never;
- *cut_by_us*, *cut_by_peer*: a required epoch that ended before its tick and its deadline;
- *expected*: all required epochs. Each is exactly one of delivered, late, lost, cut and undetermined;
- *away*, beside them: an identity of the audience that is simulated here and had no subscription at the send. Nothing
  is expected for it: who comes back while a message is held up may receive it, and need not;
- *duplicated*: copies beyond an epoch's first; *leaked*: an epoch whose identity the contract does not name;
- *reordered*: a first copy that came after one whose POST began after this one's response
  (:mod:`loadtest.collect.order`);
- *undetermined*: a required epoch whose deadline had not come when the books were closed, or whose emission had more
  copies than there was room for;
- *unmatched*: a mark of this run that belongs to no entry (voided, or closed for more than a deadline).

An emission that carries text is keyed by its mark. One that does not (typing, status, assignment ...) is keyed by its
event and subject (see :mod:`loadtest.collect.subjects`); a subject has one entry an event at a time, and rests before
the next (:mod:`loadtest.collect.resting`).
An event that *perhaps* follows has no expectation until its first arrival; then all of its audience is required.
Events that cannot be told to be one action's are counted by subject (:mod:`loadtest.collect.tallies`).

The deadline counts from the moment the request was written: what a pool or a late generator held back is not the
server's delay (latencies still count from the due time). A POST whose fate is uncertain gets two deadlines: a server
that answers too late often broadcasts late.

Memory: a delivery is 12 bytes while it arrives and 16 once its emission is judged, kept for two deadlines; so it is
bounded by rate x deadline x audience (``python -m tests.bench.ledger_memory`` measures it). What was lost is kept to
recognise a late delivery, up to a number of emissions.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.announcement import read_announcement, write_announcement
from loadtest.collect.entry import TICKS_AT_LEAST, Action, Entry, Seen
from loadtest.collect.epochs import Epochs
from loadtest.collect.judge import Judge, OnAway, OnLatencies, OnMissing, OnReads
from loadtest.collect.order import Order
from loadtest.collect.people import ROLES, People
from loadtest.collect.recycling import unnamed
from loadtest.collect.resting import Resting
from loadtest.collect.subjects import MARKED, event_of
from loadtest.collect.tallies import TALLY, Tallies
from loadtest.collect.unannounced import Unannounced
from loadtest.contract import DialectName
from loadtest.metrics import Batch

#: a finished entry's subject rests this long, so that a second copy is still told as one
_QUARANTINE_NS = 300_000_000
#: how long an announcement may be under way: a master that stood still passes it on as long as Locust's workers wait
#: for it, and what would be forgotten sooner would be missed as lost
_MASTER_SILENT_NS = 60_000_000_000
#: what is missing for so long is not waited for any more
_LATE_NS = 3_600_000_000_000
#: epochs' numbers are given back when so many, and half of all, can be
_RECYCLED_AT_LEAST = 1_024
#: copies that are kept of an emission, for each identity simulated here
_COPIES = 8


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
        unannounced_limit: marks of no known emission that wait for their announcement.
        on_missing: told who missed an emission, see :data:`loadtest.collect.judge.OnMissing`.
        on_away: told who was not there for one, see :data:`loadtest.collect.judge.OnAway`.
        on_latencies: told every latency that is recorded, see :data:`loadtest.collect.judge.OnLatencies`.
        on_reads: told when the deliveries were read, see :data:`loadtest.collect.judge.OnReads`.
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
        unannounced_limit: int = 100_000,
        on_missing: OnMissing | None = None,
        on_away: OnAway | None = None,
        on_latencies: OnLatencies | None = None,
        on_reads: OnReads | None = None,
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
            dialect=dialect,
            worker=worker,
            alone=workers == 1,
            on_missing=on_missing,
            on_away=on_away,
            on_latencies=on_latencies,
            on_reads=on_reads,
        )
        self._overdue_limit = overdue_limit
        self._alone = workers == 1
        self._announced_in_ns = max(2 * self._deadline_ns, 0 if self._alone else _MASTER_SILENT_NS)
        self._room = max(TICKS_AT_LEAST, _COPIES * people.count)
        self.resting = Resting(self._deadline_ns)
        #: by key; the receivers' look-up. Open entries, closed ones a while longer, those that await an announcement.
        self.entries: dict[bytes, Entry] = {}
        #: by (account, inbox): when the newest marked message there was written, by whichever worker
        self.newest_ns: dict[tuple[int, int], int] = {}
        self._open: dict[int, Entry] = {}
        self._unannounced = Unannounced(self._announced_in_ns, unannounced_limit)
        self._overdue: OrderedDict[int, Entry] = OrderedDict()  # closed, and somebody has nothing yet
        self._finished: deque[tuple[int, Entry]] = deque()  # closed, and until when copies are still told
        self._order = Order()
        self.tallies = Tallies(
            people,
            epochs,
            clock,
            self._judge,
            deadline_ns=self._deadline_ns,
            guard_ns=round(guard_s * NS_PER_S),
            alone=workers == 1,
        )
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
        entry = Entry(b"", self._room)
        entry.own = True
        self._admit(entry, action)
        return entry

    def bind(self, entry: Entry, key: bytes) -> None:
        """The answer named the subject: what arrived for it meanwhile is the entry's."""
        early = self._adopt(key)
        entry.key = key
        entry.adopt(early)
        self.entries[key] = entry

    def is_free(self, key: bytes, now_ns: int) -> bool:
        """Whether a subject can be used for another emission of its event.

        It can be when it has no entry, or one that everybody required has ticked, a moment ago.
        """
        if not self.resting.is_free(key, now_ns):
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
        now_ns = self._clock.now_ns()
        if not self.is_free(key, now_ns):
            return None
        before = self.entries.get(key)
        if before is not None:
            seen = before.seen()
            if not before.settled:
                self._judge.settle(seen, batch)
            for _ in self._order.sweep((seen,), len(self._epochs)):
                pass
            self._close(seen, now_ns, batch, over=True)
        return self.open(key, action)

    def _adopt(self, key: bytes) -> Entry:
        """The entry of a key: one that awaits its announcement, or a new one."""
        self._unannounced.claim(key)
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = Entry(key, self._room)
        return entry

    def _admit(self, entry: Entry, action: Action, due_us: int | None = None) -> None:
        self._people.converses(action.account_id, action.conversation_id, action.contact_id)
        entry.action = action
        entry.due_us = self._clock.wall_ns(action.due_ns) // NS_PER_US if due_us is None else due_us
        entry.bound_ns = self._clock.bound_at_ns(action.due_ns)
        self._open[id(entry)] = entry

    def written(self, entry: Entry, at_ns: int) -> None:
        """The request was handed to a connection at ``at_ns``."""
        entry.written_ns = at_ns
        self._order.add(entry)
        action = entry.action
        if action is not None and action.marked:
            inbox = (action.account_id, action.inbox_id)
            self.newest_ns[inbox] = max(at_ns, self.newest_ns.get(inbox, 0))

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
            self.resting.rest(entry.key, entry.written_ns)
        if entry.key:  # one that was never bound to a subject is nothing to others
            self.announcements.append(write_announcement(entry, self._clock))

    # -- the receivers' side -----------------------------------------------------------------------------------------

    def unknown(self, key: bytes, now_ns: int) -> Entry:
        """An entry for a mark of this run that is not known (yet): it waits for its announcement, bounded in time."""
        entry = self.entries[key] = Entry(key, self._room)
        self._unannounced.add(entry, now_ns)
        return entry

    def tick(self, key: bytes, epoch: int, arrival_ns: int) -> None:
        """An epoch received a copy (the receivers' fast path does the same in line)."""
        entry = self.entries.get(key) or self.unknown(key, arrival_ns)
        entry.who.append(epoch)
        entry.when.append(arrival_ns)

    # -- other workers' side -----------------------------------------------------------------------------------------

    def announce(self, plain: list[Any]) -> None:
        """Take what another worker announced, as :attr:`announcements` gives it: an emission, or that one was heard."""
        if plain[0] == TALLY:
            self.tallies.take(plain)
            return
        if len(plain) == 2:
            self._heard(bytes(plain[0]), plain[1])
            return
        told = read_announcement(plain, self._clock, self._people)
        entry = self._adopt(told.key)
        if entry.action is not None:  # its subject's emission before this one; their ticks are told apart by time
            entry = self.entries[told.key] = entry.split(told.written_ns - told.bound_ns)
        self._admit(entry, told.action, told.due_us)
        entry.bound_ns = told.bound_ns
        self.written(entry, told.written_ns)
        entry.responded_ns = told.responded_ns
        entry.status = told.status

    def _heard(self, key: bytes, due_us: int) -> None:
        """Another worker's sockets have received an emission of which it was not certain that there is one."""
        entry = self.entries.get(key)
        if entry is not None and entry.due_us == due_us:
            entry.heard = True

    # -- judging -----------------------------------------------------------------------------------------------------

    @property
    def open_count(self) -> int:
        """Entries and tallies whose books are not closed."""
        return len(self._open) + self.tallies.open_count

    def judge(self, now_ns: int, batch: Batch, *, final: bool = False) -> None:
        """Settle and close what can be, and take up late arrivals, in one go (see :meth:`judging`)."""
        for _ in self.judging(now_ns, batch, final=final):
            pass

    def judging(self, now_ns: int, batch: Batch, *, final: bool = False) -> Iterator[None]:
        """Settle and close what can be, and take up late arrivals, step by step.

        Arrivals, sends and answers may go on between two steps, so that the caller can spread the work.

        Args:
            now_ns: monotonic time.
            batch: where latencies, balances and closing records go.
            final: the run is over: what is still open is closed now, its missing deliveries undetermined.

        Yields:
            After every entry that took work.
        """
        closing: list[tuple[Seen, bool]] = []
        for number, entry in list(self._open.items()):
            if number not in self._open:  # closed between two steps, for its subject's next emission
                continue
            if not entry.status:
                if not final:
                    continue
                entry.status = "uncertain"
                if not entry.written_ns:
                    entry.written_ns = now_ns
            if entry.who and not entry.heard and not self._alone and entry.is_doubtful:
                entry.heard = True
                self.announcements.append([entry.key, entry.due_us])
            over = now_ns >= entry.written_ns + self._patience_ns(entry)
            if entry.required is None:
                self._judge.require(entry)
            if over or final or (not entry.settled and entry.is_complete):
                seen = entry.seen()
                if not entry.settled:
                    self._judge.settle(seen, batch)
                if over or final:
                    closing.append((seen, over))
                yield
        closed = [*self._overdue.values(), *(entry for _, entry in self._finished)]
        late = [entry.seen(entry.judged) for entry in closed if len(entry.who) > entry.judged]
        yield from self._order.sweep([*(seen for seen, _ in closing), *late], len(self._epochs))
        for seen, over in closing:
            if id(seen.entry) in self._open:
                self._close(seen, now_ns, batch, over=over)
                yield
        for seen in late:
            self._judge.take_late(seen, batch)
            self._order.came_late(seen)
            if not seen.entry.missing and self._overdue.pop(id(seen.entry), None) is not None:
                self._finish(seen.entry, now_ns)
            yield
        yield from self.tallies.judging(now_ns, batch, final=final)
        self.announcements += self.tallies.news
        self.tallies.news.clear()
        while self._finished and (final or self._finished[0][0] <= now_ns):
            self._drop(self._finished.popleft()[1])
        self._expire_unannounced(now_ns, batch, final=final)
        while self._overdue and next(iter(self._overdue.values())).written_ns < now_ns - _LATE_NS:
            self._drop(self._overdue.popitem(last=False)[1])
        for key in self.resting.wake(now_ns):
            overdue = self._overdue.pop(id(self.entries.get(key)), None)
            if overdue is not None:
                self._drop(overdue)
        self._order.forget(self._oldest_open_ns(now_ns), now_ns)
        self._epochs.prune(now_ns - 4 * self._deadline_ns)
        if not final:
            yield from self._recycle(now_ns - 4 * self._deadline_ns - self._announced_in_ns)

    def _recycle(self, before_ns: int) -> Iterator[None]:
        """Give back the numbers of epochs that ended before ``before_ns`` and that no emission names any more."""
        epochs = self._epochs
        ended = epochs.ended_before(before_ns)
        if len(ended) < max(_RECYCLED_AT_LEAST, len(epochs) // 2):
            return
        entries = [*self.entries.values(), *self._open.values(), *self._order]
        free = yield from unnamed(ended, len(epochs), entries, self.tallies.epochs())
        self._order.reused(free)
        epochs.recycle(free)

    def _patience_ns(self, entry: Entry) -> int:
        """How long after it was written an entry is closed."""
        assert entry.action is not None
        doubtful = entry.status == "uncertain" and entry.action.marked and not entry.who and not entry.heard
        return 2 * self._deadline_ns if doubtful else self._deadline_ns

    def _oldest_open_ns(self, now_ns: int) -> int:
        """When the oldest open entry was written; those to come are later than now."""
        return min(min((e.written_ns for e in self._open.values() if e.written_ns), default=now_ns), now_ns)

    def _close(self, seen: Seen, now_ns: int, batch: Batch, *, over: bool) -> None:
        entry = seen.entry
        del self._open[id(entry)]
        finished = self._judge.close(seen, batch, over=over)
        assert entry.action is not None
        if not finished and not entry.action.marked:
            self.resting.retire(entry.key, now_ns)
        if entry.missing:
            self._overdue[id(entry)] = entry
            if len(self._overdue) > self._overdue_limit:
                self._drop(self._overdue.popitem(last=False)[1])
        elif entry.action.marked:
            self._finish(entry, now_ns)
        else:
            self._drop(entry)

    def _finish(self, entry: Entry, now_ns: int) -> None:
        """Nothing is missing: what still comes is a further copy, or a leak."""
        self._finished.append((now_ns + self._deadline_ns, entry))

    def _drop(self, entry: Entry) -> None:
        if self.entries.get(entry.key) is entry:
            del self.entries[entry.key]

    def _expire_unannounced(self, now_ns: int, batch: Batch, *, final: bool) -> None:
        """Marks that nobody announced in time belong to no entry."""
        for seen_ns, entry in self._unannounced.expired(now_ns, final=final):
            self.entries.pop(entry.key, None)
            window = self._judge.window_at(seen_ns)
            event = event_of(entry.key)
            column = "delivery.unmatched" if event == MARKED else "delivery.foreign"
            for epoch in entry.who:
                role = ROLES[int(self._people.role[self._epochs.identity[epoch]])]
                batch.add(window, column, event, role)
