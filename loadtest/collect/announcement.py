"""An emission as workers tell each other of it: plain values, times on the wall clock.

A worker that received nothing must still count its losses, so every emission is announced to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.entry import Action, Entry
from loadtest.collect.people import People


@dataclass(frozen=True, slots=True)
class Announcement:
    """Another worker's emission, in this process's terms.

    Attributes:
        key: the mark's key, or event and subject.
        action: what was emitted.
        due_us: when it was due, by its emitter's clock: Unix microseconds.
        written_ns: when its request was written, monotonic time.
        responded_ns: when the answer came, monotonic time.
        status: ``ok``, ``void`` or ``uncertain``.
        bound_ns: by how much these times may be wrong: what the emitter's clock may be off the run's time by, and this
            process's.
    """

    key: bytes
    action: Action
    due_us: int
    written_ns: int
    responded_ns: int
    status: str
    bound_ns: int


def write_announcement(entry: Entry, clock: Clock) -> list[Any]:
    """Tell of an emission whose POST has ended, in plain types."""
    a = entry.action
    assert a is not None
    assert entry.responded_ns is not None

    def wall_us(mono_ns: int) -> int:
        return clock.wall_ns(mono_ns) // NS_PER_US

    return [
        entry.key,
        entry.due_us,
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
        -(-max(entry.bound_ns, clock.bound_at_ns(entry.responded_ns)) // NS_PER_US),
    ]


def read_announcement(plain: list[Any], clock: Clock, people: People) -> Announcement:
    """The inverse of :func:`write_announcement`, in another process."""

    def mono_ns(wall_us: int) -> int:
        return clock.mono_ns(wall_us * NS_PER_US)

    key, due_us, dispatched_us, written_us, responded_us, status, event, call = plain[:8]
    account_id, inbox_id, conversation_id, contact_id, actor_role, actor_id, private, perhaps, most = plain[8:17]
    bound_us = plain[17]
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
        due_ns=mono_ns(due_us),
        dispatched_ns=mono_ns(dispatched_us),
        perhaps=perhaps,
        most=most,
        spared=people.spared(event, actor_role, account_id, actor_id),
    )
    bound_ns = bound_us * NS_PER_US + clock.bound_at_ns(action.due_ns)
    return Announcement(bytes(key), action, due_us, mono_ns(written_us), mono_ns(responded_us), status, bound_ns)
