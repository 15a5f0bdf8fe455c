"""A page of the emission ledger: what is emitted, and the ticks of those who received it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """One emission's page in the ledger. Receivers append to ``who`` and ``when``; everything else is the ledger's."""

    __slots__ = (
        "action",
        "allowed",
        "audience",
        "closed",
        "judged",
        "key",
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

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.action: Action | None = None
        self.own = False
        #: who must see it, and who may (in some version of the dialect), by identity number
        self.audience: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.allowed: NDArray[np.int64] = self.audience
        self.written_ns = 0
        self.responded_ns: int | None = None
        self.status = ""
        self.who = array("i")
        self.when = array("q")
        self.room = TICKS_AT_LEAST
        self.overflow = 0
        self.required: NDArray[np.int64] | None = None
        self.settled = False
        self.closed = False
        self.judged = 0
        self.missing: dict[int, int] | None = None

    def split(self, at_ns: int) -> Entry:
        """Hand ticks from ``at_ns`` on over to a new entry of the same key."""
        later = Entry(self.key)
        who, when = list(self.who), list(self.when)
        del self.who[:], self.when[:]
        for epoch, arrival_ns in zip(who, when, strict=True):
            entry = later if arrival_ns >= at_ns else self
            entry.who.append(epoch)
            entry.when.append(arrival_ns)
        return later

    def firsts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Ticked epochs ascending, the arrival of each one's first copy, and how many copies each got; shapes (n,)."""
        who = np.array(self.who, dtype=np.int64)
        when = np.array(self.when, dtype=np.int64)
        epochs, first, copies = np.unique(who, return_index=True, return_counts=True)
        return epochs, when[first], copies

    @property
    def is_complete(self) -> bool:
        """Whether every required epoch has a tick (once the required ones are known)."""
        required = self.required
        if required is None or len(self.who) < len(required):
            return False
        return bool(np.isin(required, np.array(self.who, dtype=np.int64)).all())
