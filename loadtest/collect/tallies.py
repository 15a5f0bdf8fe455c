"""Events that cannot be told to be one action's: judged by subject, by least and most count and by the final state.

In newer versions several actions cause some events (a message may reopen and reassign its conversation), a server may
merge or repeat them, and what they show is the state when they were sent. So frames are counted by subject from the
first action that is sure to cause one until a deadline after the last: a *tally*. Of each subscription that was there
all the time it asks

- at least as many frames as the actions are sure to cause: what is missing is lost;
- at most as many as they may cause: what exceeds it is duplicated;
- that the last frame shows the state last set, where an action of ours set one and nothing can have changed it since:
  else that change was lost, whatever the count.

A subscription that ended is charged with what was missing then as cut, and with no action that came after. What comes
after the tally was closed, and was missing, is late. There are no latencies: a frame cannot be told to be a certain
action's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect.entry import Action
from loadtest.collect.epochs import Epochs
from loadtest.collect.judge import Judge
from loadtest.collect.people import ROLES, People
from loadtest.metrics import Batch

TALLY = "tally"
"""First field of a tally's announcement to other workers."""

_ANNOUNCED_NS = 3 * NS_PER_S  # an announcement takes up to two seconds
_EARLY_NS = 5 * NS_PER_S


class _Id(msgspec.Struct):
    id: int | None = None


class _Meta(msgspec.Struct):
    assignee: _Id | None = None
    team: _Id | None = None


class _Shown(msgspec.Struct):
    status: str | None = None
    meta: _Meta | None = None


_decode = msgspec.json.Decoder(_Shown).decode


def read_state(event: str, data: Any) -> str | None:
    """The state that a frame shows, as :meth:`Tallies.begin` is told it; None for events that show none.

    Args:
        event: the frame's event.
        data: its ``data``, as JSON bytes.

    Raises:
        msgspec.MsgspecError: the fields that show it are of the wrong type.
    """
    if event == "conversation.status_changed":
        return _decode(data).status
    if event in ("assignee.changed", "team.changed"):
        meta = _decode(data).meta or _Meta()
        one = meta.assignee if event == "assignee.changed" else meta.team
        return "" if one is None or one.id is None else str(one.id)
    return None


@dataclass(slots=True)
class Part:
    """What one action causes of one subject's event.

    Attributes:
        key: event and subject.
        action: the action.
        least: frames it is sure to cause.
        most: frames it may cause, or None where nothing bounds it.
        state: the state that it sets, or None.
        due_us: when it was due, Unix microseconds.
        own: it was done by this process.
    """

    key: bytes
    action: Action
    least: int
    most: int | None
    state: str | None
    due_us: int
    own: bool = True


@dataclass(slots=True)
class _Tally:
    """One subject's event while it is counted."""

    key: bytes
    waiting: int = 0  # sure actions without an answer
    first: Part | None = None
    required: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    since_ns: int = 0
    last_ns: int = 0
    least: int = 0
    most: int | None = 0
    emitted: int = 0
    state: str | None = None
    counts: dict[int, int] = field(default_factory=dict)
    shown: dict[int, str | None] = field(default_factory=dict)
    missing: dict[int, int] = field(default_factory=dict)
    acts: deque[tuple[int, int]] = field(default_factory=deque)  # the newest: when written, least of it
    owed: dict[int, int] = field(default_factory=dict)  # by epoch that ended, the least it had to get by then
    kept_until_ns: int = 0

    def allow(self, most: int | None) -> None:
        """So many more frames may come."""
        self.most = None if most is None or self.most is None else self.most + most


class Tallies:
    """All tallies of a process.

    Args:
        people: the identities simulated here.
        epochs: their subscriptions.
        clock: what measures.
        judge: knows audiences and makes closing records.
        deadline_ns: how long a frame may take.
        guard_ns: how long before an action a confirm must have been for its epoch to be required.
        alone: no other process takes part in the run.
    """

    def __init__(
        self,
        people: People,
        epochs: Epochs,
        clock: Clock,
        judge: Judge,
        *,
        deadline_ns: int,
        guard_ns: int,
        alone: bool,
    ) -> None:
        self._people = people
        self._epochs = epochs
        self._clock = clock
        self._judge = judge
        self._deadline_ns = deadline_ns
        self._guard_ns = guard_ns
        self._alone = alone
        self._patience_ns = deadline_ns if alone else deadline_ns + _ANNOUNCED_NS
        self._open: dict[bytes, _Tally] = {}
        self._closed: dict[bytes, _Tally] = {}
        #: by subject, what may follow from actions of the last deadline: when written (a deadline later where it is
        #: uncertain whether it was done), how many frames
        self._allowed: dict[bytes, deque[tuple[int, int | None]]] = {}
        self._early: deque[tuple[int, bytes, int, str | None]] = deque()
        self._astray: list[tuple[bytes, int, int]] = []
        #: for other workers, to be taken by whoever sends them
        self.news: list[list[Any]] = []

    @property
    def open_count(self) -> int:
        """Tallies that are not closed."""
        return len(self._open)

    def epochs(self) -> Iterator[NDArray[np.int64]]:
        """The epochs that are named here, each perhaps several times: arrays of shape (n,)."""
        for tally in (*self._open.values(), *self._closed.values()):
            yield tally.required
            yield np.array([*tally.counts, *tally.missing], dtype=np.int64)
        yield np.array([epoch for _, _, epoch, _ in self._early], dtype=np.int64)
        yield np.array([epoch for _, epoch, _ in self._astray], dtype=np.int64)

    # -- actions -----------------------------------------------------------------------------------------------------

    def begin(self, key: bytes, action: Action, least: int, most: int | None, state: str | None = None) -> Part:
        """An action is about to be sent that will cause ``least`` to ``most`` frames of a subject."""
        if least:
            self._tally(key).waiting += 1
        return Part(key, action, least, most, state, self._clock.wall_ns(action.due_ns) // NS_PER_US)

    def finish(self, part: Part, written_ns: int, status: str) -> None:
        """The action was sent at ``written_ns`` and answered: ``ok``, ``void`` or ``uncertain``."""
        if part.least:
            self._tally(part.key).waiting -= 1
        if status != "void":
            self._count(part, written_ns, status)
            if not self._alone:
                self.news.append(self._announcement(part, written_ns, status))

    def take(self, plain: list[Any]) -> None:
        """Another worker's action, as :attr:`news` gives it."""
        _, key, written_us, status, least, most, state, due_us, event, call, account_id, inbox_id = plain[:12]
        conversation_id, contact_id, actor_role, actor_id, bound_us = plain[12:]
        mono_ns = self._clock.mono_ns(due_us * NS_PER_US)
        action = Action(
            event=event,
            call=call,
            account_id=account_id,
            inbox_id=inbox_id,
            conversation_id=conversation_id,
            contact_id=contact_id,
            actor_role=actor_role,
            actor_id=actor_id,
            private=False,
            due_ns=mono_ns,
            dispatched_ns=mono_ns,
        )
        written_ns = self._clock.mono_ns(written_us * NS_PER_US)
        key = bytes(key)
        self._count(Part(key, action, least, most, state, due_us, own=False), written_ns, status)
        if least:
            bound_ns = bound_us * NS_PER_US + self._clock.bound_at_ns(written_ns)
            self._take_up(key, written_ns - bound_ns)

    def _take_up(self, key: bytes, since_ns: int) -> None:
        """Count the frames of a subject that came before it was known what they belong to."""
        early, self._early = self._early, deque()
        for frame in early:
            at_ns, its_key, epoch, shown = frame
            if its_key == key and at_ns >= since_ns:
                self.tick(key, epoch, at_ns, shown)
            else:
                self._early.append(frame)

    def _announcement(self, part: Part, written_ns: int, status: str) -> list[Any]:
        a = part.action
        written_us = self._clock.wall_ns(written_ns) // NS_PER_US
        told = [TALLY, part.key, written_us, status, part.least, part.most, part.state, part.due_us, a.event, a.call]
        bound_us = -(-self._clock.bound_at_ns(written_ns) // NS_PER_US)
        return [*told, a.account_id, a.inbox_id, a.conversation_id, a.contact_id, a.actor_role, a.actor_id, bound_us]

    def _tally(self, key: bytes) -> _Tally:
        tally = self._open.get(key)
        if tally is None:
            tally = self._open[key] = _Tally(key)
            self._closed.pop(key, None)
        return tally

    def _count(self, part: Part, written_ns: int, status: str) -> None:
        tally = self._tally(part.key) if part.least else self._open.get(part.key)
        is_sure = part.least > 0 and status == "ok"
        if tally is None or (tally.first is None and not is_sure):  # nothing to add to yet
            doubt_ns = self._deadline_ns if status == "uncertain" else 0  # who answers late often broadcasts late
            self._allowed.setdefault(part.key, deque()).append((written_ns + doubt_ns, part.most))
            return
        tally.allow(part.most)
        if not is_sure:
            tally.state = None  # it may have changed what was set
            return
        if tally.first is None:
            tally.first, tally.since_ns = part, written_ns
            required = self._judge.required_of(part.action)
            tally.required = self._epochs.alive_at(required, written_ns, self._guard_ns)
            for before_ns, most in self._allowed.pop(part.key, ()):
                if before_ns > written_ns - self._deadline_ns:
                    tally.allow(most)
        tally.least += part.least
        tally.acts.append((written_ns, part.least))
        tally.emitted += part.own
        if written_ns >= tally.last_ns:
            tally.last_ns, tally.state = written_ns, part.state

    # -- frames ------------------------------------------------------------------------------------------------------

    def tick(self, key: bytes, epoch: int, at_ns: int, state: str | None) -> None:
        """An epoch received a frame of a subject that shows a state."""
        tally = self._open.get(key)
        if tally is not None and not tally.waiting and at_ns > tally.last_ns + self._deadline_ns:
            tally = None  # too late for it, or another action's that is not announced yet
        tally = tally or self._closed.get(key)
        if tally is None:
            self._early.append((at_ns, key, epoch, state))
            return
        tally.counts[epoch] = tally.counts.get(epoch, 0) + 1
        tally.shown[epoch] = state

    def astray(self, key: bytes, epoch: int, at_ns: int) -> None:
        """An epoch received a frame that by what it says is not for it: a leak, whichever action it is of."""
        self._astray.append((key, epoch, at_ns))

    # -- judging -----------------------------------------------------------------------------------------------------

    def judging(self, now_ns: int, batch: Batch, *, final: bool = False) -> Iterator[None]:
        """Close tallies whose last deadline is over, and take up what came late; yields after each that took work."""
        while self._early and self._early[0][0] < now_ns - _EARLY_NS:
            self._early.popleft()
        for key, tally in list(self._open.items()):
            over = not tally.waiting and now_ns >= tally.last_ns + self._patience_ns
            if not over and not final:
                self._settle_ends(tally, now_ns - self._patience_ns)
                continue
            del self._open[key]
            if tally.first is not None:
                self._close(tally, tally.first, batch, over=over)
                if tally.missing:
                    tally.kept_until_ns = now_ns + self._deadline_ns
                    self._closed[key] = tally
                    if self._alone:
                        self._take_up(key, tally.last_ns)
                yield
        for key, tally in list(self._closed.items()):
            assert tally.first is not None
            self._take_late(tally, tally.first, batch)
            if final or not tally.missing or tally.kept_until_ns <= now_ns:
                self._closed.pop(key, None)
        self._write_astray(batch)
        before_ns = now_ns - self._deadline_ns
        for key, allowed in list(self._allowed.items()):
            while allowed and allowed[0][0] <= before_ns:
                allowed.popleft()
            if not allowed:
                del self._allowed[key]

    def _owed(self, tally: _Tally, epoch: int) -> int:
        """The least that a required epoch had to get: of an action that came after its end it had to get nothing."""
        owed = tally.owed.get(epoch)
        if owed is not None:
            return owed
        end_ns = int(self._epochs.end_ns[epoch])
        return tally.least - sum(least for written_ns, least in tally.acts if written_ns > end_ns)

    def _settle_ends(self, tally: _Tally, before_ns: int) -> None:
        """Of a busy subject: what epochs that ended before ``before_ns`` were owed; forgets actions until then."""
        for epoch in tally.required[self._epochs.end_ns[tally.required] <= before_ns].tolist():
            tally.owed[epoch] = self._owed(tally, epoch)
        while tally.acts and tally.acts[0][0] <= before_ns:
            tally.acts.popleft()

    def _close(self, tally: _Tally, first: Part, batch: Batch, *, over: bool) -> None:
        limit_ns = tally.last_ns + self._deadline_ns
        allowed = set(self._judge.allowed_of(first.action).tolist())
        balance: dict[str, dict[str, int]] = {role: {} for role in ROLES}

        def add(epoch_or_identity: int, column: str, value: int = 1, *, is_identity: bool = False) -> None:
            identity = epoch_or_identity if is_identity else int(self._epochs.identity[epoch_or_identity])
            row = balance[ROLES[int(self._people.role[identity])]]
            row[column] = row.get(column, 0) + value

        for epoch in tally.required.tolist():
            count, least = tally.counts.get(epoch, 0), self._owed(tally, epoch)
            came = min(count, least)
            ended = int(self._epochs.end_ns[epoch]) <= limit_ns
            if not ended and came == least and tally.state not in (None, tally.shown.get(epoch)):
                came -= 1  # whatever came, it was not the last change
            add(epoch, "expected", least)
            add(epoch, "delivered", came)
            if came < least:
                by_peer = bool(self._epochs.is_cut_by_peer(np.array([epoch]))[0])
                column = ("cut_by_peer" if by_peer else "cut_by_us") if ended else "lost" if over else "undetermined"
                add(epoch, column, least - came)
                if column == "lost":
                    tally.missing[epoch] = least - came
        for epoch, count in tally.counts.items():
            if int(self._epochs.identity[epoch]) not in allowed:
                add(epoch, "leaked", count)
            elif tally.most is not None and count > tally.most:
                add(epoch, "duplicated", count - tally.most)
        for identity in self._epochs.count_without(self._judge.required_of(first.action), tally.since_ns).tolist():
            add(identity, "away", is_identity=True)
        self._write(first, balance, batch, emitted=tally.emitted)
        tally.counts.clear()

    def _take_late(self, tally: _Tally, first: Part, batch: Batch) -> None:
        """Frames that came since a tally with something missing was closed."""
        balance: dict[str, dict[str, int]] = {}
        for epoch, count in tally.counts.items():
            missing = tally.missing.get(epoch, 0)
            came = min(count, missing)
            if tally.state not in (None, tally.shown.get(epoch)):
                came = min(came, missing - 1)  # the last change is still not there
            if came > 0:
                role = ROLES[int(self._people.role[self._epochs.identity[epoch]])]
                row = balance.setdefault(role, {"late": 0, "lost": 0})
                row["late"] += came
                row["lost"] -= came
                tally.missing[epoch] = missing - came
                if tally.missing[epoch] == 0:
                    del tally.missing[epoch]
        tally.counts.clear()
        self._write(first, balance, batch)

    def _write_astray(self, batch: Batch) -> None:
        astray, self._astray = self._astray, []
        for key, epoch, at_ns in astray:
            event, account, subject, _ = key.decode().split("|")
            contact = event.startswith("contact.")
            action = Action(
                event=event,
                call="",
                account_id=int(account),
                inbox_id=0,
                conversation_id=0 if contact else int(subject),
                contact_id=int(subject) if contact else 0,
                actor_role="",
                actor_id=0,
                private=False,
                due_ns=at_ns,
                dispatched_ns=at_ns,
            )
            role = ROLES[int(self._people.role[self._epochs.identity[epoch]])]
            batch.add(self._judge.window_at(at_ns), "delivery.leaked", event, role)
            at_us = self._clock.wall_ns(at_ns) // NS_PER_US
            batch.closings.append(self._judge.closing_of(key, action, at_us, role, leaked=1))

    def _write(self, first: Part, balance: dict[str, dict[str, int]], batch: Batch, emitted: int = 0) -> None:
        window = self._judge.window_of_us(first.due_us)
        if emitted:
            batch.add(window, "delivery.emitted", first.action.event, value=emitted)
        for number, (role, row) in enumerate(balance.items()):
            values = {column: value for column, value in row.items() if value}
            for column, value in values.items():
                batch.add(window, f"delivery.{column}", first.action.event, role, value)
            if values or (emitted and number == 0):
                values["emitted"] = 0 if number else emitted
                batch.closings.append(self._judge.closing_of(first.key, first.action, first.due_us, role, **values))
