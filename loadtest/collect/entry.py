"""A page of the emission ledger: what is emitted, and the ticks of those who received it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.collect.membership import among
from loadtest.collect.subjects import MARKED

#: a copy flood on one entry is counted, not kept: ticks kept at least
TICKS_AT_LEAST = 1024


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
    """One emission's page in the ledger. Receivers append to ``who`` and ``when``; everything else is the ledger's.

    A delivery costs 12 bytes here, and 4 more once the required epochs are known.

    Args:
        key: the mark's key, or event and subject.
        room: ticks kept at most; what exceeds it is counted in ``overflow``.
    """

    __slots__ = (
        "action",
        "bound_ns",
        "closed",
        "doubted",
        "due_us",
        "heard",
        "judged",
        "key",
        "lagged",
        "missing",
        "overflow",
        "own",
        "required",
        "responded_ns",
        "room",
        "settled",
        "status",
        "when",
        "who",
        "written_ns",
    )

    def __init__(self, key: bytes, room: int = TICKS_AT_LEAST) -> None:
        self.key = key
        self.action: Action | None = None
        self.own = False
        #: the due time as its emitter announced it, Unix microseconds: with the key, the emission's name in any process
        self.due_us = 0
        #: by how much its times may be wrong: another's, beside arrivals here; one's own, in the run's wall time only
        self.bound_ns = 0
        self.written_ns = 0
        self.responded_ns: int | None = None
        self.status = ""
        self.who = array("i")
        self.when = array("q")
        self.room = room
        #: pairs of a tick's place and how long the kernel had held its frame, where that is known exactly
        self.lagged: array[int] | None = None
        self.overflow = 0
        self.required: NDArray[np.int32] | None = None
        #: some process received it: what matters where it is not certain that it was emitted
        self.heard = False
        self.settled = False
        self.closed = False
        #: it was closed as a doubt, for others to decide
        self.doubted = False
        self.judged = 0
        self.missing: set[int] | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether it takes a delivery to know that it was emitted at all."""
        return self.status == "uncertain" or (self.action is not None and self.action.perhaps)

    def lag(self, lag_ns: int) -> None:
        """Of the tick that is about to be appended: how long the kernel had held its frame."""
        if self.lagged is None:
            self.lagged = array("q")
        add = self.lagged.append  # twice is cheaper than one extend
        add(len(self.who))
        add(lag_ns)

    def adopt(self, early: Entry) -> None:
        """Take over the ticks of an entry that has no emission of its own."""
        self.who, self.when, self.lagged, self.overflow = early.who, early.when, early.lagged, early.overflow

    def kernel_arrivals(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ticked epochs ascending, and when the kernel had the first copy; those of which that is known, shape (n,)."""
        place, lag_ns = np.array(self.lagged or (), dtype=np.int64).reshape(-1, 2).T
        epochs, first = np.unique(np.array(self.who, dtype=np.int64), return_index=True)
        at = np.searchsorted(place, first)  # places ascend
        known = at < len(place)
        known[known] = place[at[known]] == first[known]
        return epochs[known], np.array(self.when, dtype=np.int64)[first[known]] - lag_ns[at[known]]

    def split(self, at_ns: int) -> Entry:
        """Hand ticks from ``at_ns`` on over to a new entry of the same key."""
        later = Entry(self.key, self.room)
        who, when = list(self.who), list(self.when)
        lagged = dict(zip(self.lagged[::2], self.lagged[1::2], strict=True)) if self.lagged else {}
        del self.who[:], self.when[:]
        self.lagged = None
        for place, (epoch, arrival_ns) in enumerate(zip(who, when, strict=True)):
            entry = later if arrival_ns >= at_ns else self
            if place in lagged:
                entry.lag(lagged[place])
            entry.who.append(epoch)
            entry.when.append(arrival_ns)
        return later

    def seen(self, since: int = 0) -> Seen:
        """What arrived up to now.

        Args:
            since: how many ticks to leave out at the beginning.
        """
        who = np.array(self.who, dtype=np.int64)[since:]
        when = np.array(self.when, dtype=np.int64)[since:]
        epochs, first, copies = np.unique(who, return_index=True, return_counts=True)
        return Seen(self, epochs, when[first], copies, since + len(who), np.zeros(len(epochs), dtype=bool))

    @property
    def is_complete(self) -> bool:
        """Whether every required epoch has a tick (once the required ones are known)."""
        required = self.required
        if required is None or len(self.who) < len(required):
            return False
        return bool(among(required, np.array(self.who, dtype=np.int32)).all())


@dataclass(slots=True)
class Seen:
    """The copies of an emission that had arrived at some moment.

    Attributes:
        entry: the emission.
        epochs: who had it, ascending, shape (n,).
        first_ns: arrival of each one's first copy, shape (n,).
        copies: how many each got, shape (n,).
        ticks: how many ticks of the entry had come by then.
        overtaken: whose first copy arrived after that of an emission that happened after this one; filled in by
            :class:`loadtest.collect.order.Order`, shape (n,).
    """

    entry: Entry
    epochs: NDArray[np.int64]
    first_ns: NDArray[np.int64]
    copies: NDArray[np.int64]
    ticks: int
    overtaken: NDArray[np.bool_]
