"""A connection over a socket pair and a loop that does only what the test says."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from loadtest.errors import TransportError
from loadtest.transport.connection import READABLE, WRITABLE, WebSocket
from tests.transport.conftest import Recorder


class ManualTimer:
    """A timer that the test fires."""

    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self.seconds = seconds
        self.callback = callback
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        assert self.stopped


class ManualLoop:
    """A loop that notes what it is asked for."""

    def __init__(self) -> None:
        self.watched: list[int] = []
        self.forgotten: list[int] = []
        self.timers: list[ManualTimer] = []
        self.reported: list[Exception] = []

    def watch(self, fd: int, events: int) -> None:
        self.watched.append(events)

    def forget(self, fd: int) -> None:
        self.forgotten.append(fd)

    def start_timer(self, seconds: float, callback: Callable[[], None]) -> ManualTimer:
        self.timers.append(ManualTimer(seconds, callback))
        return self.timers[-1]

    def report(self, error: Exception) -> None:
        self.reported.append(error)


class Bench:
    """A connection, its loop, its handler and the peer's end of it."""

    def __init__(self) -> None:
        ours, self.peer = socket.socketpair()
        self.loop = ManualLoop()
        self.handler = Recorder()
        self.connection = WebSocket(self.loop, self.handler, ours, ("192.0.2.1", 80), subprotocol="v1")

    def receive(self) -> int:
        """One read, as the poller makes it."""
        return self.connection.receive()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A fresh one, closed afterwards."""
    made = Bench()
    yield made
    made.connection.abort()
    made.peer.close()


def test_nothing_to_read(bench: Bench) -> None:
    """A false alarm of the poller is no message and no end."""
    assert (bench.receive(), bench.connection.is_open) == (0, True)


def test_messages_are_counted(bench: Bench) -> None:
    """A read returns how many messages it handed on."""
    bench.peer.send(b"\x81\x02hi\x81\x02ho")

    assert (bench.receive(), bench.handler.texts) == (2, ["hi", "ho"])


def test_backlog_is_sent_in_order(bench: Bench) -> None:
    """What the kernel does not take waits for the socket to be writable, in order, then only reading is watched."""
    texts = ["a" * 3_000_000, "b", "c"]
    for text in texts:
        bench.connection.send_text(text)
    watched_while_full = list(bench.loop.watched)
    got = b""
    while len(got) < 3_000_000 + 14 + 7 + 7:
        got += bench.peer.recv(1 << 20)
        bench.connection.flush()

    assert (watched_while_full, bench.loop.watched[-1]) == ([READABLE | WRITABLE], READABLE)


def test_flush_without_backlog(bench: Bench) -> None:
    """A writable socket without anything queued is nothing."""
    bench.connection.flush()

    assert bench.loop.watched == []


def test_sending_into_a_broken_connection(bench: Bench) -> None:
    """Sending to a peer that is gone is silent; what it said before, and its end, come from reading."""
    bench.peer.send(b"\x81\x02hi")
    bench.peer.close()
    bench.connection.send_text("lost")
    bench.connection.send_text("lost")
    while not bench.handler.closed:
        bench.receive()

    assert (bench.handler.texts, bench.handler.closed[0].code, bench.handler.closed[0].by_us) == (["hi"], 1006, False)


def test_close_timer(bench: Bench) -> None:
    """Our close waits for the peer as long as it was told to, and ends by the timer."""
    bench.connection.close(timeout_s=5.0)
    timer = bench.loop.timers[0]
    timer.callback()

    assert (
        timer.seconds,
        timer.stopped,
        bench.handler.closed[0].code,
        bench.handler.closed[0].by_us,
    ) == (5.0, True, 1006, True)


def test_peers_close_waits_for_its_end_of_stream(bench: Bench) -> None:
    """After the peer's close frame nothing can be sent; the end is told when the peer closes the stream."""
    bench.peer.send(b"\x88\x02\x0f\xa1")
    bench.receive()
    still_there = (bench.connection.is_open, list(bench.handler.closed), len(bench.loop.timers))
    with pytest.raises(TransportError):
        bench.connection.send_text("late")
    bench.peer.close()
    bench.receive()

    assert (still_there, bench.handler.closed[0].code, bench.handler.closed[0].by_us) == ((False, [], 1), 4001, False)
    assert bench.loop.timers[0].stopped


def test_peer_that_keeps_the_stream_open_after_its_close(bench: Bench) -> None:
    """The peer's code is kept when the timer has to end the connection."""
    bench.peer.send(b"\x88\x02\x0f\xa1")
    bench.receive()
    bench.loop.timers[0].callback()

    assert (bench.handler.closed[0].code, bench.handler.closed[0].by_us) == (4001, False)


def test_forgotten_before_closed(bench: Bench) -> None:
    """The loop forgets the descriptor while it is still this connection's."""
    fd = bench.connection.fileno()
    bench.connection.abort()

    assert ([fd], -1) == (bench.loop.forgotten, bench.connection.fileno())


def test_on_closed_that_raises_is_reported(bench: Bench) -> None:
    """A handler's exception at the end is reported, not raised into the poller."""

    def fail(_: object) -> None:
        raise RuntimeError("on purpose")

    bench.handler.on_closed = fail  # type: ignore[method-assign]
    bench.connection.abort()

    assert [str(error) for error in bench.loop.reported] == ["on purpose"]


def test_shown(bench: Bench) -> None:
    """A connection shows whom it speaks to."""
    assert (
        bench.connection.peer,
        bench.connection.subprotocol,
        repr(bench.connection),
    ) == ("192.0.2.1:80", "v1", "<WebSocket to 192.0.2.1:80, open>")


def test_what_a_paused_connection_discards_is_never_parsed(bench: Bench) -> None:
    """So many bytes at most are thrown away, whatever they are part of; nothing is nothing, an end is an end."""
    bench.connection.pause()
    bench.peer.send(b"\x81\x02hi\x81\x02ho")
    taken = [bench.connection.discard(size) for size in (3, 0, 100, 100)]
    bench.peer.close()
    at_the_end = bench.connection.discard(100)

    assert (taken, at_the_end) == ([3, 0, 5, 0], 0)
    assert bench.handler.texts == []
    assert not bench.connection.is_open
