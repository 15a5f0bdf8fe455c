"""The gevent transport against real servers in another process."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator

import gevent
import gevent.monkey
import pytest

from loadtest.errors import TransportError
from loadtest.transport.address import cable_endpoint
from loadtest.transport.connection import WebSocket
from loadtest.transport.gevent_ws import Poller, Read
from tests.certificates import Certificates
from tests.transport.conftest import PeerServer, Recorder


def test_echo(poller: Poller, server: PeerServer) -> None:
    """Text sent comes back as it was, whatever its length class and script."""
    texts = ["", "a", "ü" * 62, "b" * 125, "c" * 126, "d" * 65535, "e" * 65536, "😀"]
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/echo"), recorder)

    for text in texts:
        connection.send_text(text)

    assert texts == recorder.wait_texts(len(texts))


def test_megabytes_both_ways(poller: Poller, server: PeerServer) -> None:
    """A message larger than every buffer goes out in parts and comes back whole."""
    text = "".join(str(number) for number in range(200_000))
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/echo"), recorder)

    connection.send_text(text)
    connection.send_text("after")

    assert [text, "after"] == recorder.wait_texts(2)


def test_official_client_sends_origin_and_subprotocols(poller: Poller, server: PeerServer) -> None:
    """The official client's handshake is told apart by the server."""
    recorder = Recorder()
    poller.connect(server.endpoint("/headers"), recorder)

    headers = json.loads(recorder.wait_texts(1)[0])

    assert (f"http://127.0.0.1:{server.ws}", "actioncable-v1-json, actioncable-unsupported") == (
        headers["Origin"],
        headers["Sec-WebSocket-Protocol"],
    )


def test_seed_client_sends_neither(poller: Poller, server: PeerServer) -> None:
    """The seed's bare handshake has no Origin, no subprotocol and no compression."""
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/headers", client="seed"), recorder)

    headers = json.loads(recorder.wait_texts(1)[0])

    assert connection.subprotocol is None
    assert set() == {"Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} & set(headers)


def test_peer_and_subprotocol_are_known(poller: Poller, server: PeerServer) -> None:
    """A connection knows whom it speaks to and what was agreed."""
    connection = poller.connect(server.endpoint("/echo"), Recorder())

    assert (f"127.0.0.1:{server.ws}", "actioncable-v1-json") == (connection.peer, connection.subprotocol)


def test_welcome_in_the_segment_of_the_101(poller: Poller, server: PeerServer) -> None:
    """Frames behind the handshake's answer are delivered in order, the last one though it comes in two parts."""
    recorder = Recorder()
    connection = poller.connect(server.raw_endpoint("/same-segment"), recorder)
    before_waiting = list(recorder.texts)
    recorder.wait_texts(2)
    connection.send_text("go on")

    assert before_waiting == []
    assert recorder.wait_texts(3) == ['{"type":"welcome"}', "first", "second"]


def test_arrival_precedes_the_handler(poller: Poller, server: PeerServer) -> None:
    """A message's arrival lies between its sending and its handling, on one monotonic clock."""
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/echo"), recorder)
    sent_ns = connection.send_text("tick")
    recorder.wait_texts(1)
    arrival_ns = recorder.arrivals_ns[0]

    second_ns = connection.send_text("tock")

    assert sorted([sent_ns, arrival_ns, second_ns]) == [sent_ns, arrival_ns, second_ns]


def test_server_closes_with_a_code(poller: Poller, server: PeerServer) -> None:
    """The server's code and reason are reported once, after its last message."""
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/close?code=4001&reason=bye"), recorder)

    closed = recorder.wait_closed()

    assert (closed.code, closed.reason, closed.by_us) == (4001, "bye", False)
    assert (recorder.texts, len(recorder.closed), connection.is_open) == (["last words"], 1, False)


@pytest.mark.parametrize("path", ["/cut", "/cut?reset=1"])
def test_cut_without_a_close_frame(poller: Poller, server: PeerServer, path: str) -> None:
    """An end of stream without a close frame is 1006."""
    recorder = Recorder()
    poller.connect(server.endpoint(path), recorder)

    closed = recorder.wait_closed()

    assert (closed.code, closed.reason, closed.by_us) == (1006, "", False)


def test_our_close_handshake(poller: Poller, server: PeerServer) -> None:
    """A close of ours is answered by the server with its code."""
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/echo"), recorder)

    connection.close(1000, "done")
    closed = recorder.wait_closed()

    assert (closed.code, closed.by_us, poller.connections) == (1000, True, 0)


def test_close_of_a_deaf_server_ends_by_the_timer(poller: Poller, server: PeerServer) -> None:
    """A server that never answers our close frame does not keep the connection."""
    recorder = Recorder()
    connection = poller.connect(server.raw_endpoint("/deaf"), recorder)

    connection.close(timeout_s=0.01)
    closed = recorder.wait_closed()

    assert (closed.code, closed.by_us) == (1006, True)


def test_abort_tells_once_and_at_once(poller: Poller, server: PeerServer) -> None:
    """An abort is told before it returns; a second one and a close say nothing more."""
    recorder = Recorder()
    connection = poller.connect(server.endpoint("/echo"), recorder)

    connection.abort()
    connection.abort()
    connection.close()

    assert [(closed.code, closed.by_us) for closed in recorder.closed] == [(1006, True)]


def test_sending_on_a_closed_connection(poller: Poller, server: PeerServer) -> None:
    """Text cannot be sent once the close handshake has begun."""
    connection = poller.connect(server.endpoint("/echo"), Recorder())
    connection.close()

    with pytest.raises(TransportError) as caught:
        connection.send_text("too late")

    assert caught.value.kind == "closed"


def test_invalid_close_code(poller: Poller, server: PeerServer) -> None:
    """A code that may not be sent is refused and leaves the connection open."""
    connection = poller.connect(server.endpoint("/echo"), Recorder())

    with pytest.raises(ValueError, match="1006"):
        connection.close(1006)

    assert connection.is_open


def test_rfc_ping_is_answered(poller: Poller, server: PeerServer) -> None:
    """The server's ping frame gets its pong, and the handler hears nothing of it."""
    recorder = Recorder()
    poller.connect(server.endpoint("/ping"), recorder)

    assert recorder.wait_texts(1) == ["ponged"]


def test_binary_message_is_an_error_and_no_end(poller: Poller, server: PeerServer) -> None:
    """A binary message is reported, and the connection goes on."""
    recorder = Recorder()
    poller.connect(server.endpoint("/binary"), recorder)
    recorder.wait_texts(1)

    assert (recorder.errors, recorder.texts) == ([("binary", "a binary message of 3 bytes")], ["after"])


def test_fragments_are_joined(poller: Poller, server: PeerServer) -> None:
    """A message in fragments arrives as one."""
    recorder = Recorder()
    poller.connect(server.endpoint("/fragments"), recorder)

    assert recorder.wait_texts(1) == ["one and two"]


def test_broken_protocol_closes_with_1002(poller: Poller, server: PeerServer) -> None:
    """After a frame with a reserved bit nothing is delivered, and the peer is held to have begun the end."""
    recorder = Recorder()
    poller.connect(server.raw_endpoint("/reserved-bit"), recorder)

    closed = recorder.wait_closed()

    assert (recorder.texts, recorder.errors) == (["ok"], [("frame", "reserved bits must be 0")])
    assert (closed.code, closed.by_us) == (1006, False)


def test_handler_that_raises_costs_only_its_connection(server: PeerServer) -> None:
    """A handler's exception is reported, cuts its own connection, and the others go on."""

    class Failing(Recorder):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            raise RuntimeError("on purpose")

    errors: list[Exception] = []
    poller = Poller(on_handler_error=errors.append)
    failing, healthy = Failing(), Recorder()
    first = poller.connect(server.endpoint("/echo"), failing)
    second = poller.connect(server.endpoint("/echo"), healthy)
    first.send_text("a")
    failing.wait_closed()
    second.send_text("b")

    assert healthy.wait_texts(1) == ["b"]
    assert (
        [str(error) for error in errors],
        poller.handler_errors,
        failing.closed[0].by_us,
    ) == (["on purpose"], 1, True)
    poller.close()


def test_handler_may_abort_while_it_is_called(poller: Poller, server: PeerServer) -> None:
    """Nothing follows an abort from within a handler, though more was read."""

    class Aborting(Recorder):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            super().on_text(data, start, end, arrival_ns)
            connection.abort()

    recorder = Aborting()
    connection = poller.connect(server.raw_endpoint("/same-segment"), recorder)
    recorder.wait_closed()

    assert recorder.texts == ['{"type":"welcome"}']


def test_what_was_read_of_a_connection_that_is_closed_meanwhile_is_dropped(poller: Poller, server: PeerServer) -> None:
    """A turn reads several sockets before it hands on: a handler that cuts another connection has cut it."""
    connections: list[WebSocket] = []

    class Cutting(Recorder):
        """Cuts both connections as it hears the first text."""

        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            super().on_text(data, start, end, arrival_ns, lag_ns)
            for connection in connections:
                connection.abort()

    recorders = [Cutting(), Cutting()]
    connections += [poller.connect(server.endpoint("/echo"), recorder) for recorder in recorders]
    for connection in connections:
        connection.send_text("x" * 200)
    for connection in connections:  # both have something to read before the hub has its turn
        ready = gevent.monkey.get_original("select", "poll")()
        ready.register(connection.fileno(), select.POLLIN)
        ready.poll()

    for recorder in recorders:
        recorder.wait_closed()

    assert [len(recorder.closed) for recorder in recorders] == [1, 1]
    assert sum(len(recorder.texts) for recorder in recorders) == 1


def test_reads_are_offered_first_and_what_is_left_goes_to_the_handlers(server: PeerServer) -> None:
    """What the poller's ``take`` takes no handler hears, and it counts; the rest comes whole and in order."""
    heard: list[bytes] = []

    def take(reads: Iterator[Read]) -> tuple[int, Read | None]:
        """Takes all reads that hold a secret; leaves every other."""
        taken = 0
        for connection, data, arrival_ns in reads:
            if b"secret" not in data:
                return taken, (connection, data, arrival_ns)
            taken += 1
            heard.append(data[4:])
        return taken, None

    poller = Poller(take=take)
    recorders = [Recorder() for _ in range(6)]
    connections = [poller.connect(server.endpoint("/echo"), recorder) for recorder in recorders]
    secret = "secret " * 30
    for number in range(20):
        for place, connection in enumerate(connections):
            connection.send_text(secret if (number + place) % 3 == 0 else f"{number} " * (number * 20 + 1))
            if place % 2:
                gevent.sleep(0)
        with gevent.Timeout(60):
            while len(heard) + sum(len(one.texts) for one in recorders) < 6 * (number + 1):
                gevent.sleep(0)
    frames = poller.frames
    poller.close()
    expected = [
        [f"{number} " * (number * 20 + 1) for number in range(20) if (number + place) % 3] for place in range(6)
    ]

    assert expected == [recorder.texts for recorder in recorders]
    assert ([secret.encode()] * 40, 120) == (heard, frames)


def test_stamped_reads_are_not_offered(server: PeerServer) -> None:
    """A connection with the kernel's stamps goes to its handler, which is told each message's lag."""
    offered: list[Read] = []

    def take(reads: Iterator[Read]) -> tuple[int, Read | None]:
        found = next(reads, None)
        if found is not None:
            offered.append(found)
        return 0, found

    class Lags:
        """Counts."""

        exactly = 0

        def exact(self, read_ns: int, lag_ns: int) -> None:
            self.exactly += 1

        def at_least(self, frames: int, read_ns: int, lag_ns: int) -> None:
            raise AssertionError(frames)

    lags = Lags()
    poller = Poller(lags=lags, stamps=0.5, take=take)
    recorders = [Recorder() for _ in range(2)]
    connections = [poller.connect(server.endpoint("/echo"), recorder) for recorder in recorders]
    for number in range(5):
        for connection in connections:
            connection.send_text("x" * 200)
        for recorder in recorders:
            recorder.wait_texts(number + 1)
    poller.close()

    assert (len(offered), {id(connection) for connection, _, _ in offered}) == (5, {id(connections[1])})
    assert lags.exactly == 5


def test_poller_close_ends_everything(poller: Poller, server: PeerServer) -> None:
    """Closing the poller tells every handler, and the poller can be used again."""
    recorders = [Recorder() for _ in range(3)]
    for recorder in recorders:
        poller.connect(server.endpoint("/echo"), recorder)

    poller.close()
    again = Recorder()
    poller.connect(server.endpoint("/echo"), again).send_text("back")

    assert [len(recorder.closed) for recorder in recorders] == [1, 1, 1]
    assert again.wait_texts(1) == ["back"]


def test_many_sockets_lose_double_and_reorder_nothing(poller: Poller, server: PeerServer) -> None:
    """Two hundred sockets each get their own burst, whole and in order."""
    frames = 150
    recorders = [Recorder() for _ in range(200)]

    def open_one(index: int) -> None:
        endpoint = server.endpoint(f"/burst?frames={frames}&name={index}")
        poller.connect(endpoint, recorders[index]).send_text("go")

    gevent.joinall([gevent.spawn(open_one, index) for index in range(200)], raise_error=True)
    for recorder in recorders:
        recorder.wait(lambda one: one.texts and one.texts[-1] == "end")

    expected = [
        [f"{index}:{number}:" + "x" * (number * 37 % 900) for number in range(frames)] + ["end"] for index in range(200)
    ]
    assert expected == [recorder.texts for recorder in recorders]
    assert (200 * (frames + 1), True) == (poller.frames, poller.max_batch <= poller.batch)


def test_turns_are_bounded(server: PeerServer) -> None:
    """With a batch of one and many ready sockets, every socket is still served."""
    poller = Poller(batch=1)
    recorders = [Recorder() for _ in range(8)]
    connections = [poller.connect(server.endpoint("/burst?frames=50&name=n"), recorder) for recorder in recorders]
    for connection in connections:
        connection.send_text("go")
    for recorder in recorders:
        recorder.wait_texts(51)

    assert poller.max_batch == 1
    poller.close()


class Behind:
    """Keeps since when the poller was behind, and until when."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def exact(self, read_ns: int, lag_ns: int) -> None: ...

    def at_least(self, frames: int, read_ns: int, lag_ns: int, gap_ns: int, backlog_ns: int) -> None: ...

    def behind(self, since_ns: int, until_ns: int) -> None:
        self.told.append((since_ns, until_ns))


@pytest.mark.parametrize(("sockets", "turns"), [(1, 0), (2, 0), (3, 2), (4, 2), (5, 3)])
def test_a_turn_that_leaves_ready_sockets_over_is_told(server: PeerServer, sockets: int, turns: int) -> None:
    """All are ready at once and a turn serves two: from its poll on the poller is behind, until nothing is left."""

    lags = Behind()
    poller = Poller(batch=2, lags=lags)
    recorders = [Recorder() for _ in range(sockets)]
    connections = [poller.connect(server.endpoint("/echo"), recorder) for recorder in recorders]
    waiting = gevent.monkey.get_original("select", "select")
    began = []
    for _ in range(2):
        for connection in connections:
            connection.send_text("hi")
        ready: list[int] = []
        while len(ready) < sockets:  # and no other greenlet has its turn meanwhile
            ready = waiting([connection.fileno() for connection in connections], [], [])[0]
        began.append(time.monotonic_ns())
        for recorder in recorders:
            recorder.wait_texts(len(began))
    poller.close()

    times = [moment for since_ns, until_ns in lags.told for moment in (since_ns, until_ns)]
    assert len(lags.told) == 2 * turns
    assert [since_ns for since_ns, _ in lags.told[:turns]] == [since_ns for since_ns, _ in lags.told[:1]] * turns
    assert all(since_ns >= began[n // turns] for n, (since_ns, _) in enumerate(lags.told))
    assert all(a < b for a, b in zip(times[0::2], times[1::2], strict=True))


def test_a_poller_that_is_closed_while_behind_begins_anew(server: PeerServer) -> None:
    """Who connects after that was not waited for since then."""
    lags = Behind()
    poller = Poller(batch=1, lags=lags)
    recorders = [Recorder() for _ in range(3)]
    connections = [poller.connect(server.endpoint("/echo"), recorder) for recorder in recorders]
    for connection in connections:
        connection.send_text("hi")
    waiting = gevent.monkey.get_original("select", "select")
    while len(waiting([connection.fileno() for connection in connections], [], [])[0]) < len(connections):
        pass  # and no other greenlet has its turn meanwhile
    first = gevent.wait([recorder.changed for recorder in recorders], count=1)
    poller.close()
    told = len(lags.told)
    late = Recorder()
    poller.connect(server.endpoint("/echo"), late).send_text("hi")
    late.wait_texts(1)
    poller.close()

    assert (len(first), len(lags.told) - told) == (1, 0)


def test_tls_echo(poller: Poller, server: PeerServer, certificates: Certificates) -> None:
    """Over TLS, with the name verified, small and large messages go both ways."""
    texts = ["small", "x" * 1_000_000, "after"]
    endpoint = cable_endpoint(f"https://localhost:{server.wss}", cable_path="/echo", ca_file=certificates.authority)
    recorder = Recorder()
    connection = poller.connect(endpoint, recorder)

    for text in texts:
        connection.send_text(text)

    assert texts == recorder.wait_texts(3)


def test_a_client_that_comes_back_resumes_its_tls_session(
    poller: Poller, server: PeerServer, certificates: Certificates
) -> None:
    """As a browser does; somebody else makes a handshake in full."""
    endpoint = cable_endpoint(f"https://localhost:{server.wss}", cable_path="/echo", ca_file=certificates.authority)
    resumed = []
    for client in ("first", "other", "first", None):
        recorder = Recorder()
        connection = poller.connect(endpoint, recorder, client=client)
        connection.send_text("here")
        recorder.wait_texts(1)
        connection.close()
        recorder.wait_closed()
        resumed.append(poller.resumed)

    assert resumed == [0, 0, 1, 1]


def test_tls_close_codes(poller: Poller, server: PeerServer, certificates: Certificates) -> None:
    """Over TLS the server's close code arrives too."""
    endpoint = cable_endpoint(
        f"wss://127.0.0.1:{server.wss}", cable_path="/close?code=4002", ca_file=certificates.authority
    )
    recorder = Recorder()
    poller.connect(endpoint, recorder)

    assert (recorder.wait_closed().code, recorder.closed[0].by_us) == (4002, False)


def test_works_without_monkey_patching(server: PeerServer) -> None:
    """In a process that nobody has patched, connecting and receiving work the same."""
    code = f"""
import gevent.event, select
from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
done = gevent.event.Event()
class Handler:
    def on_text(self, data, start, end, arrival_ns, lag_ns=-1):
        print(bytes(data[start:end]).decode(), hasattr(select, "epoll")); done.set()
    def on_closed(self, closed): pass
poller = Poller()
connection = poller.connect(cable_endpoint("ws://127.0.0.1:{server.ws}", cable_path="/echo"), Handler())
connection.send_text("unpatched")
done.wait(60)
poller.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("unpatched True\n", "")


def test_a_forked_process_forgets_the_parents_connections(server: PeerServer) -> None:
    """After a fork the child's poller starts empty, and the parent's connections go on."""
    code = f"""
import gevent.monkey; gevent.monkey.patch_all()
import gevent.event, os
from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
class Handler:
    def __init__(self): self.heard, self.texts = gevent.event.Event(), []
    def on_text(self, data, start, end, arrival_ns, lag_ns=-1):
        self.texts.append((data[start:end]).decode()); self.heard.set()
    def on_closed(self, closed): self.texts.append("closed")
endpoint = cable_endpoint("ws://127.0.0.1:{server.ws}", cable_path="/echo")
poller, handler = Poller(), Handler()
connection = poller.connect(endpoint, handler)
child = os.fork()
if child == 0:
    own = Handler()
    poller.connect(endpoint, own).send_text("child")
    own.heard.wait(60)
    print(own.texts, handler.texts, poller.connections, flush=True)
    os._exit(0)
os.waitpid(child, 0)
connection.send_text("parent")
handler.heard.wait(60)
print(handler.texts, poller.connections)
poller.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("['child'] [] 1\n['parent'] 1\n", "")
