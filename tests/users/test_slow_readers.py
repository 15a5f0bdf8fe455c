"""Sockets that read slowly: how much they take, and that they end."""

import gevent

from loadtest.plan.storm import SlowReaders
from loadtest.users import slow_readers
from loadtest.users.slow_readers import read_slowly


class Paused:
    """A paused socket with so many bytes waiting; it is over after so many looks."""

    def __init__(self, looks, waiting=10**9):
        self.taken = []
        self._looks = looks
        self._waiting = waiting

    def discard(self, size):
        """Take what there is."""
        size = min(size, self._waiting)
        self._waiting -= size
        self.taken.append(size)
        return size

    def is_over(self):
        """After so many looks."""
        self._looks -= 1
        return self._looks < 0


def test_so_many_bytes_a_second_are_read(monkeypatch):
    """A quarter of them four times a second, whatever waits."""
    monkeypatch.setattr(gevent, "sleep", lambda s: None)
    socket = Paused(8)
    read_slowly(socket, SlowReaders(1.0, 1_000), socket.is_over)

    assert socket.taken == [round(1_000 * slow_readers._PERIOD_S)] * 8


def test_nothing_is_read_at_0(monkeypatch):
    """Not a byte."""
    monkeypatch.setattr(gevent, "sleep", lambda s: None)
    socket = Paused(8)
    read_slowly(socket, SlowReaders(1.0, 0), socket.is_over)

    assert socket.taken == []


def test_a_pause_of_the_server_is_not_made_up_for(monkeypatch):
    """What had nothing to take takes a second's worth at most, later."""
    monkeypatch.setattr(gevent, "sleep", lambda s: None)
    socket = Paused(40, waiting=0)
    read_slowly(socket, SlowReaders(1.0, 1_000), socket.is_over)
    socket._waiting, socket._looks = 10**6, 1
    assert max(socket.taken) == 0
    read_slowly(socket, SlowReaders(1.0, 1_000), socket.is_over)

    assert max(socket.taken) <= 1_000
