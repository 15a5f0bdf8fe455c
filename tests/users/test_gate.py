"""The gate that connecting users pass, and the place where one greenlet waits."""

from __future__ import annotations

import gevent
import pytest

from loadtest.users.gate import Gate, Waiter


class Room:
    """Greenlets that go through a gate, stay until told, and note their order."""

    def __init__(self, room: int) -> None:
        self.gate = Gate(room)
        self.inside: list[int] = []
        self.came: list[int] = []
        self.leaving = [Waiter() for _ in range(10)]
        self.done = [False] * 10

    def visit(self, number: int) -> None:
        with self.gate:
            self.inside.append(number)
            self.came.append(number)
            try:
                while not self.done[number]:
                    self.leaving[number].wait()
            finally:
                self.inside.remove(number)

    def enter(self, *numbers: int) -> list[gevent.Greenlet]:
        greenlets = [gevent.spawn(self.visit, number) for number in numbers]
        gevent.idle()
        return greenlets

    def leave(self, number: int) -> None:
        self.done[number] = True
        self.leaving[number].wake()
        gevent.idle()


def test_lets_so_many_in_and_then_the_next_in_turn():
    """No more than its room holds are inside, and who came first is next."""
    room = Room(2)
    greenlets = room.enter(0, 1, 2, 3)
    assert room.inside == [0, 1]

    for number in (1, 0, 2, 3):
        room.leave(number)
        assert len(room.inside) <= 2

    gevent.joinall(greenlets, raise_error=True)
    assert room.came == [0, 1, 2, 3]
    assert not room.inside


def test_who_is_killed_in_the_queue_is_passed_over():
    """A greenlet that ends while it waits takes no place."""
    room = Room(1)
    _, second, third = room.enter(0, 1, 2)
    second.kill()

    room.leave(0)

    assert room.inside == [2]
    room.leave(2)
    third.get()


def test_who_is_killed_as_it_is_called_gives_its_place_on():
    """A place is not lost when its greenlet is killed between the call and its turn."""
    room = Room(1)
    first, second, _ = room.enter(0, 1, 2)
    first.kill(block=False)  # its place is the second's
    second.kill(block=False)  # which has not run yet

    gevent.idle()

    assert room.came == [0, 2]
    assert room.inside == [2]


def test_an_error_inside_gives_the_place_back():
    """Whoever leaves by an exception has left."""
    gate = Gate(1)
    with pytest.raises(KeyError), gate:
        raise KeyError

    with gate:
        passed = True

    assert passed


def test_a_wake_reaches_only_who_waits():
    """A greenlet that has gone on to wait for something else is not disturbed."""
    waiter = Waiter()
    order: list[str] = []

    def live() -> None:
        with gevent.Timeout(0.0, exception=False):
            waiter.wait()
        order.append("time over")
        waiter.wake()  # nobody waits
        elsewhere.wait()
        order.append("woken elsewhere")

    elsewhere = Waiter()
    greenlet = gevent.spawn(live)
    while "time over" not in order:
        gevent.sleep(0.001)
    waiter.wake()
    gevent.idle()
    assert order == ["time over"]

    elsewhere.wake()
    greenlet.get()

    assert order == ["time over", "woken elsewhere"]
