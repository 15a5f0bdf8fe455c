"""Proof of delivery, and who is connected but deaf."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
import pytest

from loadtest.clock import NS_PER_S, VirtualClock
from loadtest.collect.hearing import Hearing
from loadtest.metrics import Batch


@dataclass
class Ear:
    """A socket that heard something, some time."""

    role: str = "agent"
    heard_ns: int = 0


class Room:
    """Subscriptions, numbered from 0, that were confirmed now."""

    def __init__(self, *roles: str) -> None:
        self.clock = VirtualClock()
        self.hearing = Hearing(self.clock, lambda at_ns: at_ns // NS_PER_S)
        self.ears = [Ear(role) for role in roles]
        for epoch, ear in enumerate(self.ears):
            self.hearing.opened(epoch, ear, self.clock.now_ns())
        self.batch = Batch()

    def emit(self, *reached: int, required: int | None = None) -> None:
        """An emission to everybody that reaches these, and its deadline ten seconds later."""
        sent_ns = self.clock.advance(1)
        for epoch in reached:
            self.ears[epoch].heard_ns = sent_ns + 1
        missing = [epoch for epoch in range(len(self.ears)) if epoch not in reached]
        self.clock.advance(10)
        self.hearing.missed(np.array(missing, dtype=np.int64), required or len(self.ears), sent_ns)

    def deaf(self) -> dict[str, int]:
        """Sockets found deaf and not heard again, by role."""
        self.hearing.flush(self.clock.now_ns(), self.batch)
        found: dict[str, int] = {}
        for (_, metric, _, role), value in self.batch.counts.items():
            sign = {"cable.deaf": 1, "cable.deaf_recovered": -1}[metric]
            found[role] = found.get(role, 0) + sign * int(value)
        return {role: n for role, n in found.items() if n}


def test_an_emission_that_reaches_nobody_makes_all_of_them_deaf() -> None:
    """Where two or more should have heard one emission and none did, one round is enough."""
    room = Room("agent", "agent", "contact")
    room.emit()

    assert {"agent": 2, "contact": 1} == room.deaf()


def test_one_loss_is_no_deafness() -> None:
    """A socket that missed what others received may have lost just that."""
    room = Room("agent", "agent")
    room.emit(0)

    assert room.deaf() == {}


def test_two_in_a_row_are() -> None:
    """A second emission missed, and still nothing heard: the socket is deaf."""
    room = Room("agent", "agent")
    room.emit(0)
    room.emit(0)

    assert {"agent": 1} == room.deaf()


def test_a_lone_socket_takes_two_as_well() -> None:
    """Nobody else can bear witness that its loss was no single one."""
    room = Room("contact")
    room.emit()
    once = room.deaf()
    room.emit()

    assert ({}, {"contact": 1}) == (once, room.deaf())


def test_who_heard_something_since_is_not_deaf() -> None:
    """Any frame since the first miss begins the count anew."""
    room = Room("agent", "agent")
    room.emit(0)
    room.ears[1].heard_ns = room.clock.now_ns()
    room.emit(0)

    assert room.deaf() == {}


def test_frames_after_the_emission_excuse_it() -> None:
    """A socket that lost one message while others came in is no deaf one, however many it loses so."""
    room = Room("agent", "agent")
    for _ in range(3):
        room.ears[1].heard_ns = room.clock.now_ns() + 2 * NS_PER_S
        room.emit(0)

    assert room.deaf() == {}


def test_unanswered_beats_count_alike() -> None:
    """Two beats without an answer, and nothing else: deaf."""
    room = Room("contact")
    for _ in range(2):
        room.hearing.missed_answer(0, room.clock.advance(30))

    assert {"contact": 1} == room.deaf()


def test_who_hears_again_is_told_and_no_longer_counted() -> None:
    """The time line has both moments; the balance is even."""
    room = Room("agent", "contact")
    room.emit()
    before = room.deaf()
    for ear in room.ears:
        ear.heard_ns = room.clock.advance(1)

    assert ({"agent": 1, "contact": 1}, {}) == (before, room.deaf())
    assert [
        "Sockets of 1 agent and 1 contact are connected, but deaf: nothing of what was due to them has come",
        "Sockets of 1 agent and 1 contact were deaf and hear again",
    ] == [note.text for note in room.batch.notes]


def test_a_deaf_socket_that_closes_remains_counted() -> None:
    """It was never heard of again."""
    room = Room("agent", "agent")
    room.emit()
    room.deaf()
    room.hearing.closed(0)
    room.ears[1].heard_ns = room.clock.advance(1)

    assert {"agent": 1} == room.deaf()


def test_a_closed_socket_misses_nothing() -> None:
    """What ended before the deadline is the ledger's business."""
    room = Room("agent", "agent")
    room.hearing.closed(0)
    room.hearing.closed(1)
    room.emit()

    assert room.deaf() == {}


def test_it_is_counted_in_the_window_of_what_was_missed_first() -> None:
    """The verdict is over the hold, and the deadline of its last emissions is over after it."""
    room = Room("agent", "agent")
    sent_ns = room.clock.now_ns() + NS_PER_S
    room.emit()
    room.deaf()

    assert [sent_ns // NS_PER_S] == [window for window, *_ in room.batch.counts]


@pytest.mark.parametrize(("heard_s", "expected_us"), [(None, 7_000_000), (5, 2_000_000)])
def test_the_age_of_the_last_proof(heard_s: int | None, expected_us: int) -> None:
    """It counts from the newest event frame; before the first one, from the confirm."""
    room = Room("agent")
    if heard_s is not None:
        room.ears[0].heard_ns = room.clock.now_ns() + heard_s * NS_PER_S
    room.hearing.look(0, room.clock.advance(7))
    room.hearing.flush(room.clock.now_ns(), room.batch)
    (hist,) = room.batch.hists.values()

    assert (1, expected_us) == (hist.n, hist.max_us)


def test_an_age_of_hours_stays_in_range() -> None:
    """Older than the histogram's hour is an hour, not a sample out of range."""
    room = Room("agent")
    room.hearing.look(0, room.clock.advance(5 * 3600))
    room.hearing.flush(room.clock.now_ns(), room.batch)
    (hist,) = room.batch.hists.values()

    assert (1, 0) == (hist.n, hist.overflow)


def test_a_deaf_socket_that_closes_before_it_is_told_is_not_kept() -> None:
    """It is counted as any other, and its receiver is let go of."""
    room = Room("agent", "agent")
    room.emit()
    room.hearing.closed(0)
    room.hearing.closed(1)
    ears = [weakref.ref(ear) for ear in room.ears]
    room.ears.clear()

    assert {"agent": 2} == room.deaf()
    assert [None, None] == [ear() for ear in ears]
