"""The network in memory: both ends' rights and duties, and a whole cable over it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from loadtest.cable import CableConnection, Confirmed, Event, Received, Stale, Welcomed, contact_identifier
from loadtest.clock import NS_PER_MS, NS_PER_S, VirtualClock
from loadtest.errors import TransportError
from loadtest.transport import Closed, Endpoint, Handler, MemoryNetwork, ServerEnd, Socket, drop

URL = "ws://cable.test:3000/cable"
LATENCY_MS = 10


class Ear:
    """A handler that keeps what it hears; a handler of a run does not keep slices, and neither does this one."""

    def __init__(self) -> None:
        self.texts: list[tuple[bytes, int]] = []
        self.errors: list[tuple[str, str]] = []
        self.closed: list[Closed] = []

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        self.texts.append((bytes(data[start:end]), arrival_ns // NS_PER_MS))

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        self.errors.append((kind, detail))

    def on_closed(self, closed: Closed) -> None:
        self.closed.append(closed)


def network(script: Callable[[ServerEnd], None] = lambda end: None) -> MemoryNetwork:
    """A network from time 0 with a latency of 10 ms and one server."""
    made = MemoryNetwork(VirtualClock(start_ns=0), latency_s=LATENCY_MS / 1000)
    made.serve(URL, script)
    return made


def connected(script: Callable[[ServerEnd], None] = lambda end: None) -> tuple[MemoryNetwork, Ear, Socket, ServerEnd]:
    """A network, and a connection over it."""
    made, ear = network(script), Ear()
    socket = made.connect(Endpoint(URL), ear)
    return made, ear, socket, made.connections[0]


def test_both_ends_satisfy_the_transports_interface() -> None:
    """What a run's handler and socket promise, these promise (mypy reads this test too)."""
    _, ear, memory_socket, _ = connected()
    handler: Handler = ear
    socket: Socket = memory_socket

    assert all(hasattr(socket, name) for name in ("peer", "subprotocol", "is_open", "send_text", "close", "abort"))
    assert all(hasattr(handler, name) for name in ("on_text", "on_protocol_error", "on_closed"))


# -- connecting --------------------------------------------------------------------------------------------------------


def test_nobody_at_the_url_refuses() -> None:
    """As a port that nobody listens on."""
    with pytest.raises(TransportError, match=r"nowhere\.test: refused"):
        network().connect(Endpoint("ws://nowhere.test/cable"), Ear())


def test_a_server_that_went_refuses() -> None:
    """A server can be taken away; its connections stay."""
    made, _, socket, _ = connected()
    made.unserve(URL)
    with pytest.raises(TransportError, match="refused"):
        made.connect(Endpoint(URL), Ear())

    assert socket.is_open


def test_a_script_may_refuse() -> None:
    """A server looks at the Origin and answers 404, as Action Cable does."""

    def check_origin(end: ServerEnd) -> None:
        if end.endpoint.origin != "http://cable.test:3000":
            raise TransportError("http_404", end.client.peer)

    made = network(check_origin)
    with pytest.raises(TransportError, match="http_404"):
        made.connect(Endpoint(URL), Ear())

    assert made.connect(Endpoint(URL, origin="http://cable.test:3000"), Ear()).is_open
    assert len(made.connections) == 1


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ((), None),
        (("actioncable-v1-json", "actioncable-unsupported"), "actioncable-v1-json"),
        (("actioncable-v1-ext-json", "actioncable-unsupported"), "actioncable-unsupported"),
        (("foreign",), None),
    ],
)
def test_the_server_takes_the_first_subprotocol_it_speaks(offered: tuple[str, ...], expected: str | None) -> None:
    """As Action Cable does: none where none is offered, or none that it knows."""
    socket = network().connect(Endpoint(URL, subprotocols=offered), Ear())

    assert expected == socket.subprotocol


def test_the_peer_is_the_urls() -> None:
    """Address and port, without path or query."""
    _, _, socket, _ = connected()

    assert socket.peer == "cable.test:3000"


# -- texts -------------------------------------------------------------------------------------------------------------


def test_texts_travel_both_ways_with_the_latency() -> None:
    """The server answers what arrives; nothing arrives before its time."""

    def echo(end: ServerEnd) -> None:
        end.on_text = lambda text: end.send_text(text.upper())

    made, ear, socket, end = connected(echo)
    sent_ns = socket.send_text("häl")
    made.run_for(0.0199)
    before = list(ear.texts)
    made.run_for(0.0001)

    expected = (0, [], ["häl"], [("HÄL".encode(), 20)])
    assert expected == (sent_ns, before, end.received, ear.texts)


def test_a_paused_client_reads_nothing_and_still_sees_the_end() -> None:
    """As a process that was stopped: texts wait where nobody reads them, the connection's end is told."""
    made, ear, socket, end = connected()
    socket.pause()
    end.send_text("unread")
    made.run_for(1.0)
    socket.abort()
    made.run_for(1.0)

    assert ([], 1) == (ear.texts, len(ear.closed))


def test_a_script_that_greets_is_heard_after_the_connect() -> None:
    """No handler is entered before its owner has the socket."""
    made, ear, _, _ = connected(lambda end: end.send_text("welcome"))
    before = list(ear.texts)
    made.run_for(1)

    expected = ([], [(b"welcome", 10)])
    assert expected == (before, ear.texts)


def test_a_text_may_be_no_utf8() -> None:
    """A server that breaks the encoding can be scripted."""
    made, ear, _, end = connected()
    end.send_text(b"\xff")
    made.run_for(1)

    expected = [(b"\xff", 10)]
    assert expected == ear.texts


def test_a_message_stands_among_other_bytes() -> None:
    """A handler that takes all of the data for its message is found out."""
    heard: list[tuple[bytes, bytes]] = []

    class Greedy(Ear):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            heard.append((data, data[start:end]))

    made = network(lambda end: end.send_text("words"))
    made.connect(Endpoint(URL), Greedy())
    made.run_for(1)

    assert [(b"\0\0\0\0words\0\0\0\0", b"words")] == heard


def test_faults_are_scripted_for_each_direction() -> None:
    """A lost command and a lost broadcast are different things."""
    made, ear, socket, end = connected()
    end.incoming.script(drop())
    for text in ("lost", "heard"):
        socket.send_text(text)
        end.send_text(text)
    made.run_for(1)

    expected = (["heard"], [(b"lost", 10), (b"heard", 10)])
    assert expected == (end.received, ear.texts)


def test_a_server_that_stands_still_answers_later() -> None:
    """Stopped and continued: what came meanwhile is heard then, and nothing is lost."""

    def echo(end: ServerEnd) -> None:
        end.on_text = end.send_text

    made, ear, socket, end = connected(echo)
    end.stall(5)
    socket.send_text("a")
    made.run_for(10)

    expected = [(b"a", 5010)]
    assert expected == ear.texts


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_servers_close_frame_comes_behind_its_texts() -> None:
    """Code and reason are the server's, and nothing follows."""
    made, ear, socket, end = connected()
    end.send_text("last")
    end.close(4001, "bye")
    made.run_for(1)

    expected = ([(b"last", 10)], [Closed(4001, "bye", by_us=False, at_ns=10 * NS_PER_MS)], False)
    assert expected == (ear.texts, ear.closed, socket.is_open)


def test_our_close_is_answered() -> None:
    """The handler hears of it when the answer is there; the server sees the code."""
    made, ear, socket, end = connected()
    socket.close(1000, "done")
    made.run_for(10)

    expected = ([Closed(1000, "done", by_us=True, at_ns=20 * NS_PER_MS)], ("done", False))
    assert end.closed is not None
    assert expected == (ear.closed, (end.closed.reason, end.closed.by_us))


def test_our_close_without_an_answer_ends_by_its_timeout() -> None:
    """A server that ignores the close frame cannot hold the socket."""
    made, ear, socket, end = connected()
    end.answers_close = False
    socket.close(timeout_s=2)
    made.run_for(10)

    expected = [Closed(1006, "", by_us=True, at_ns=2 * NS_PER_S)]
    assert expected == ear.closed


def test_a_cut_is_1006_and_loses_what_was_on_its_way() -> None:
    """As a server that was killed: no close frame, no text more in either direction."""
    made, ear, socket, end = connected()
    end.send_text("lost")
    socket.send_text("lost")
    end.cut()
    made.run_for(1)

    expected = ([], [], [Closed(1006, "", by_us=False, at_ns=10 * NS_PER_MS)])
    assert expected == (ear.texts, end.received, ear.closed)


def test_our_abort_is_at_once_and_the_server_sees_1006() -> None:
    """No text arrives after it, though some was on its way."""
    made, ear, socket, end = connected()
    end.send_text("too late")
    socket.abort()
    made.run_for(1)

    expected = ([], [Closed(1006, "", by_us=True, at_ns=0)], 1006)
    assert end.closed is not None
    assert expected == (ear.texts, ear.closed, end.closed.code)


def test_a_broken_protocol_is_told_before_the_end() -> None:
    """The handler hears what was wrong, then that the connection is over with 1002, on both ends."""
    made, ear, _, end = connected()
    end.break_protocol("binary", "12 bytes")
    made.run_for(1)

    assert end.closed is not None
    assert (ear.errors, ear.closed[0].code, end.closed.code) == ([("binary", "12 bytes")], 1002, 1002)


@pytest.mark.parametrize("first", ["close", "abort", "cut", "server close", "break"])
@pytest.mark.parametrize("second", ["close", "abort", "cut", "server close", "break"])
def test_an_end_is_told_once(first: str, second: str) -> None:
    """Whatever ends a connection, and whatever follows."""
    made, ear, socket, end = connected()
    endings = {
        "close": socket.close,
        "abort": socket.abort,
        "cut": end.cut,
        "server close": end.close,
        "break": lambda: end.break_protocol("binary"),
    }
    endings[first]()
    endings[second]()
    made.run_until_idle()

    assert len(ear.closed) == 1


def test_a_closed_socket_takes_no_text() -> None:
    """Closing is enough: the end need not have come."""
    _, _, socket, end = connected()
    socket.close()
    with pytest.raises(TransportError, match="closed"):
        socket.send_text("x")
    end.close()
    with pytest.raises(TransportError, match="closed"):
        end.send_text("x")


def test_the_server_hears_of_the_end_once() -> None:
    """A script can react to a client that leaves."""
    heard: list[int] = []

    def script(end: ServerEnd) -> None:
        end.on_closed = lambda closed: heard.append(closed.code)

    made, _, socket, _ = connected(script)
    socket.close(4000)
    socket.abort()
    made.run_until_idle()

    expected = [4000]
    assert expected == heard


# -- a cable over it ---------------------------------------------------------------------------------------------------


class CableEar(Ear):
    """A handler that feeds a cable connection."""

    def __init__(self, cable: CableConnection) -> None:
        super().__init__()
        self.cable = cable
        self.events: list[Event] = []

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        self.events += self.cable.receive(memoryview(data)[start:end], arrival_ns)


def test_a_cable_lives_and_falls_silent_over_it() -> None:
    """Welcome, subscribe, confirm, broadcast, then a server that stops: the whole of it in virtual time."""
    identifier = contact_identifier("token")

    def serve(end: ServerEnd) -> None:
        def hear(text: str) -> None:
            asked = json.loads(text)["identifier"]
            end.send_text(json.dumps({"identifier": asked, "type": "confirm_subscription"}))
            end.send_text(json.dumps({"identifier": asked, "message": 1}))

        end.on_text = hear
        end.send_text('{"type":"welcome"}')

    made = network(serve)
    ear = CableEar(CableConnection())
    socket = made.connect(Endpoint(URL), ear)
    ear.cable.opened(made.clock.now_ns())
    made.run_for(0.01)
    socket.send_text(ear.cable.subscribe(identifier, made.clock.now_ns()))
    made.run_for(0.02)
    deadline_ns = ear.cable.next_deadline_ns()
    assert deadline_ns is not None
    made.run_until(deadline_ns)
    ear.events += ear.cable.check(made.clock.now_ns())

    expected = [
        Welcomed(10 * NS_PER_MS),
        Confirmed(identifier, 20 * NS_PER_MS),
        Received(identifier, b"1", confirmed=True),
        Stale(6 * NS_PER_S),
    ]
    assert expected == ear.events
