"""An emission as another worker is told of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from loadtest.clock import NS_PER_S, VirtualClock
from loadtest.collect.announcement import read_announcement, write_announcement
from loadtest.collect.entry import Entry
from tests.collect.support import BOB, action, collector


def test_an_announcement_arrives_as_it_was_written() -> None:
    """In plain types, in microseconds, and by the reader's own clock."""
    here = VirtualClock()
    there, _ = collector()
    other = VirtualClock(start_ns=777 * NS_PER_S)
    due_ns = here.now_ns()
    entry = Entry(b"conversation.typing_on|1|100|user:2")
    entry.action = replace(
        action(due_ns, dispatched_ns=due_ns + 1_000),
        event="conversation.typing_on",
        actor_role="agent",
        actor_id=2,
        perhaps=True,
        most=3,
        spared=99,
    )
    entry.due_us = here.wall_ns(due_ns) // 1000
    entry.written_ns, entry.responded_ns, entry.status = due_ns + 2_000, due_ns + 3_000, "ok"
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(write_announcement(entry, here)))
    told = read_announcement(plain, other, there.people)
    start_ns = other.now_ns()

    assert (entry.key, entry.due_us, "ok") == (told.key, told.due_us, told.status)
    assert (start_ns + 2_000, start_ns + 3_000) == (told.written_ns, told.responded_ns)
    assert 0 == told.bound_ns
    assert replace(entry.action, due_ns=start_ns, dispatched_ns=start_ns + 1_000, spared=BOB) == told.action


def test_what_either_clock_may_be_wrong_by_adds_up() -> None:
    """The emitter's when the due time was put into the run's time, or worse since then; and the reader's now."""
    here, other = VirtualClock(), VirtualClock()
    there, _ = collector()
    entry = Entry(b"key")
    entry.action = action(here.now_ns())
    entry.responded_ns, entry.status = here.now_ns(), "ok"
    found = []
    for due_ns, answered_ns in ((300_000, 100_000), (100_000, 300_000)):
        entry.bound_ns, here.bound_ns, other.bound_ns = due_ns, answered_ns, 50_000
        found.append(read_announcement(write_announcement(entry, here), other, there.people).bound_ns)

    assert found == [350_000, 350_000]
