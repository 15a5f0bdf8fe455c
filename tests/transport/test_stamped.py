"""Kernel receive stamps on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
from loadtest.transport.scanner import FrameScanner
from loadtest.transport.stamped import Share, StampedReads, ask_for_stamps
from tests.certificates import Certificates
from tests.transport.conftest import PeerServer, Recorder

HI = b"\x81\x02hi"


class Lags:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.exactly: list[tuple[int, int]] = []
        self.bounds: list[tuple[int, int, int]] = []
        self.waits: list[tuple[int, int]] = []

    def exact(self, read_ns: int, lag_ns: int) -> None:
        self.exactly.append((read_ns, lag_ns))

    def at_least(self, frames: int, read_ns: int, lag_ns: int, gap_ns: int, backlog_ns: int) -> None:
        self.bounds.append((frames, read_ns, lag_ns))
        self.waits.append((gap_ns, backlog_ns))

    def behind(self, since_ns: int, until_ns: int) -> None:
        raise AssertionError((since_ns, until_ns))  # a few sockets are never too many


class Ear:
    """Handler and peer of a scanner: keeps each message's lag."""

    def __init__(self) -> None:
        self.lags_ns: list[int] = []

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        self.lags_ns.append(lag_ns)

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        raise AssertionError(detail)

    def on_closed(self, closed: object) -> None:
        raise AssertionError(closed)

    def write(self, data: bytes) -> None:
        raise AssertionError(data)

    def closing(self, *, by_peer: bool) -> None:
        raise AssertionError(by_peer)

    def slowed(self, slow: bool) -> None:
        """Frames in parts are taken as any others."""


class Pair:
    """A TCP connection over loopback, one end of it read with stamps."""

    def __init__(self, *, asked: bool = True) -> None:
        self.lags = Lags()
        self.ear = Ear()
        self.scanner = FrameScanner(self.ear, self.ear)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.ours = socket.socket()
            assert not asked or ask_for_stamps(self.ours)
            self.ours.connect(listener.getsockname())
            self.peer, _ = listener.accept()
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reads = StampedReads(self.ours, self.lags)

    def read(self, size: int = 16384) -> int:
        """One read, handed on as a connection does."""
        data = self.reads.recv(size)
        return self.reads.feed(self.scanner, data, time.monotonic_ns(), is_last=True)

    def close(self) -> None:
        self.ours.close()
        self.peer.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Asked for stamps."""
    made = Pair()
    yield made
    made.close()


def test_a_message_read_alone_has_its_exact_lag(pair: Pair) -> None:
    """From its arrival in the kernel until the read: at least as long as the reader is known to have waited."""
    pair.peer.send(HI)
    pair.ours.recv(1, socket.MSG_PEEK)  # it has arrived
    there_ns = time.monotonic_ns()
    while time.monotonic_ns() < there_ns + 3_000_000:  # busy with something else
        pass
    pair.read()
    read_ns, lag_ns = pair.lags.exactly[0]

    assert (pair.ear.lags_ns, pair.lags.bounds) == ([lag_ns], [])
    assert 3_000_000 <= lag_ns <= read_ns


def test_messages_read_together_have_a_lower_bound(pair: Pair) -> None:
    """Joined segments carry the newest one's stamp, so none of the messages is said to be exact."""
    pair.peer.send(HI)
    pair.peer.send(HI)
    while len(pair.ours.recv(8, socket.MSG_PEEK)) < 8:
        pass
    count = pair.read()
    frames, _, lag_ns = pair.lags.bounds[0]

    assert (count, frames, lag_ns >= 0, pair.ear.lags_ns, pair.lags.exactly) == (2, 2, True, [-1, -1], [])


def test_a_message_in_two_reads_has_a_lower_bound(pair: Pair) -> None:
    """What completes a message is not all of it."""
    pair.peer.send(HI[:3])
    first = pair.read()
    pair.peer.send(HI[3:])
    second = pair.read()

    assert (first, second, pair.ear.lags_ns, len(pair.lags.bounds)) == (0, 1, [-1], 1)


def test_what_is_read_after_an_empty_socket_came_since(pair: Pair) -> None:
    """The read before gave less than was asked for, so none of the next one's messages waited longer than from then."""
    pair.peer.send(HI)
    pair.ours.recv(1, socket.MSG_PEEK)
    before_ns = time.time_ns()
    pair.read()
    pair.peer.send(HI + HI)
    while len(pair.ours.recv(8, socket.MSG_PEEK)) < 8:
        pass
    pair.read()
    gap_ns, backlog_ns = pair.lags.waits[0]

    assert (pair.lags.bounds[0][2] <= gap_ns <= time.time_ns() - before_ns, backlog_ns) == (True, 0)


def test_a_socket_that_no_read_empties_has_a_backlog(pair: Pair) -> None:
    """It is as old as the first of the reads that came back full, and over with the first that does not.

    A read that is full by chance is the last of them, and the silence after it is no backlog.
    """
    pair.peer.send(HI * 8)
    while len(pair.ours.recv(32, socket.MSG_PEEK)) < 32:
        pass
    counts = [pair.read(8) for _ in range(4)]
    backlogs = [backlog_ns for _, backlog_ns in pair.lags.waits]
    pair.peer.send(HI * 2)
    while len(pair.ours.recv(8, socket.MSG_PEEK)) < 8:
        pass
    pair.read(9)

    assert counts == [2, 2, 2, 2]
    assert backlogs[0] == 0 < backlogs[1] < backlogs[2] < backlogs[3]
    assert pair.lags.waits[-1][1] == 0


def test_without_a_stamp_a_read_is_as_any_other() -> None:
    """A socket that the kernel does not stamp gives its messages, and no lag."""
    pair = Pair(asked=False)
    pair.peer.send(HI)
    count = pair.read()
    pair.close()

    assert (count, pair.ear.lags_ns, pair.lags.exactly, pair.lags.bounds) == (1, [-1], [], [])


def test_a_socket_that_cannot_be_asked_says_so() -> None:
    """A closed one, for want of a kernel without the option."""
    closed = socket.socket()
    closed.close()

    assert not ask_for_stamps(closed)


@pytest.mark.parametrize(
    ("share", "chosen"), [(0.0, []), (0.1, [0, 10, 20]), (0.3, [0, 3, 6, 10, 13, 16, 20, 23, 26]), (1.0, [*range(30)])]
)
def test_a_share_is_chosen_evenly(share: float, chosen: list[int]) -> None:
    """The first of every so many, and all or none at the ends."""
    chooser = Share(share)

    assert chosen == [number for number in range(30) if chooser.take()]


def test_a_share_of_the_connections_is_stamped(server: PeerServer) -> None:
    """Messages on every other connection tell their lag; the others are read as ever."""
    lags = Lags()
    poller = Poller(lags=lags, stamps=0.5)
    recorders = [Recorder() for _ in range(4)]
    for recorder in recorders:
        poller.connect(server.endpoint("/echo"), recorder).send_text("hi")
    heard = [recorder.wait_texts(1) for recorder in recorders]
    stamped = poller.stamped
    poller.close()

    assert (heard, stamped, len(lags.exactly)) == ([["hi"]] * 4, 2, 2)


def test_stamps_under_tls(server: PeerServer, certificates: Certificates) -> None:
    """The stamp of a record that held one message is exact; a message of many records has a bound."""
    lags = Lags()
    poller = Poller(lags=lags, stamps=1.0)
    endpoint = cable_endpoint(f"https://localhost:{server.wss}", cable_path="/echo", ca_file=certificates.authority)
    recorder = Recorder()
    connection = poller.connect(endpoint, recorder)
    connection.send_text("alone")
    recorder.wait_texts(1)
    exact = len(lags.exactly)
    connection.send_text("x" * 100_000)
    recorder.wait_texts(2)
    poller.close()

    assert (exact, len(lags.exactly), [frames for frames, _, _ in lags.bounds]) == (1, 1, [1])
