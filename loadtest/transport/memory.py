"""A network in memory: the transport's client end, a scripted server end, and virtual time between them.

For tests of whatever drives a cable, the toolkit's and a user's own: no thread, no real time, no port, so that a fault
happens at the nanosecond it is scripted for. Nothing is delivered but from :meth:`MemoryNetwork.run_until`, which moves
the clock from one delivery to the next; no callback is ever entered from within another.

A server is a function that gets the server's end of each new connection::

    def greet(end: ServerEnd) -> None:
        end.on_text = lambda text: end.send_text(text.upper())
        end.outgoing.script(deliver(), drop(), delay(0.2), duplicate(), reorder())
        end.send_text('{"type":"welcome"}')

    network = MemoryNetwork(VirtualClock(), latency_s=0.01)
    network.serve("ws://cable.test/cable", greet)
    socket = network.connect(Endpoint("ws://cable.test/cable"), handler)
    network.run_for(1.0)

The close codes are those of RFC 6455, section 7.4.1; 1006 stands for an end without a close frame.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from urllib.parse import urlsplit

from loadtest.clock import NS_PER_S, VirtualClock
from loadtest.errors import TransportError
from loadtest.transport.interface import Closed, Endpoint, Handler
from loadtest.transport.line import Line
from loadtest.transport.timeline import Timeline

ABNORMAL = 1006


class MemoryNetwork(Timeline):
    """Servers by URL, and what is on its way between them and their clients.

    Args:
        clock: moved by this network alone while it runs.
        latency_s: one way, the same for all.
    """

    def __init__(self, clock: VirtualClock, latency_s: float = 0.0) -> None:
        if latency_s < 0:
            raise ValueError(f"a latency is never negative: {latency_s} s")
        super().__init__(clock)
        self.latency_ns = round(latency_s * NS_PER_S)
        self.connections: list[ServerEnd] = []
        """The server's end of every connection that was made, in order."""
        self._servers: dict[str, tuple[Callable[[ServerEnd], None], tuple[str, ...]]] = {}

    def serve(
        self,
        url: str,
        script: Callable[[ServerEnd], None],
        subprotocols: tuple[str, ...] = ("actioncable-v1-json", "actioncable-unsupported"),
    ) -> None:
        """Put a server at a URL, or replace the one that is there.

        Args:
            url: compared as a string.
            script: called with the server's end at each connect; may look at the endpoint and raise
                :class:`~loadtest.errors.TransportError` to refuse.
            subprotocols: what the server speaks; it takes the first that the client offers.
        """
        self._servers[url] = (script, subprotocols)

    def unserve(self, url: str) -> None:
        """Take the server away: later connects are refused, connections stay."""
        self._servers.pop(url, None)

    def connect(self, endpoint: Endpoint, handler: Handler, *, client: Hashable = None) -> MemorySocket:
        """Open a connection; takes no virtual time, and what the script sends meanwhile waits for the next run.

        Args:
            endpoint: whose URL names the server.
            handler: called as things arrive.
            client: whose connection it is; means nothing here.

        Raises:
            TransportError: ``refused`` where nobody serves the URL, or what the script raised.
        """
        found = self._servers.get(endpoint.url)
        peer = urlsplit(endpoint.url).netloc
        if found is None:
            raise TransportError("refused", peer, "no server at this URL")
        script, spoken = found
        chosen = next((offered for offered in endpoint.subprotocols if offered in spoken), None)
        end = ServerEnd(self, endpoint, handler, peer, chosen)
        script(end)
        self.connections.append(end)
        return end.client


class ServerEnd:
    """The server's end of a connection, in the hands of a script.

    Made by :meth:`MemoryNetwork.connect`.

    Attributes:
        endpoint: what the client asked for: URL, origin, headers, subprotocols.
        client: the client's end.
        received: every text that arrived, in order.
        closed: how the client ended it, as this end saw it; None before.
        on_text: called with each text that arrives.
        on_closed: called once, when the client's close or cut arrives.
        answers_close: whether a client's close frame is answered; False lets the client's timeout run out.
        outgoing: towards the client, to be scripted.
        incoming: from the client, to be scripted.
    """

    def __init__(
        self, network: MemoryNetwork, endpoint: Endpoint, handler: Handler, peer: str, subprotocol: str | None
    ) -> None:
        self._network = network
        self.endpoint = endpoint
        self.received: list[str] = []
        self.closed: Closed | None = None
        self.on_text: Callable[[str], None] = lambda _: None
        self.on_closed: Callable[[Closed], None] = lambda _: None
        self.answers_close = True
        self.incoming = Line(network, network.latency_ns, self._arrived)
        self.client = MemorySocket(network, self, handler, peer, subprotocol)
        self.outgoing = Line(network, network.latency_ns, self.client.arrived)

    @property
    def is_open(self) -> bool:
        """Whether this end has neither closed nor seen the other end close."""
        return self.closed is None

    def send_text(self, text: str | bytes) -> None:
        """Send one text; as bytes it may be what is no UTF-8.

        Raises:
            TransportError: ``closed``, when the connection is over.
        """
        if not self.is_open:
            raise TransportError("closed", self.client.peer)
        self.outgoing.send(text.encode() if isinstance(text, str) else text)

    def break_protocol(self, kind: str, detail: str = "") -> None:
        """Send what breaks RFC 6455, as the client's transport would judge it: it is told, and closes with 1002."""
        self.outgoing.pass_on(lambda: self.client.broken(kind, detail))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame; the client sees it behind the texts sent before."""
        if self.is_open:
            self.closed = Closed(code, reason, by_us=True, at_ns=self._network.clock.now_ns())
            self.outgoing.pass_on(lambda: self.client.ended(code, reason, by_us=False))

    def cut(self) -> None:
        """End the connection without a close frame; what is on its way is lost in both directions (1006)."""
        if self.is_open:
            self.closed = Closed(ABNORMAL, "", by_us=True, at_ns=self._network.clock.now_ns())
        self.incoming.cut()
        self.outgoing.cut()
        self._network.call_later(
            self._network.latency_ns / NS_PER_S, lambda: self.client.ended(ABNORMAL, "", by_us=False)
        )

    def stall(self, seconds: float) -> None:
        """Stand still for so long: nothing arrives here, and nothing that is sent arrives there; then all does."""
        self.incoming.stall(seconds)
        self.outgoing.stall(seconds)

    def ended(self, code: int, reason: str) -> None:
        """The client's close frame (or cut, 1006) arrived; called by the client's end."""
        if not self.is_open:
            return
        self.closed = Closed(code, reason, by_us=False, at_ns=self._network.clock.now_ns())
        if code != ABNORMAL and self.answers_close:
            self.outgoing.pass_on(lambda: self.client.ended(code, reason, by_us=True))
        self.on_closed(self.closed)

    def _arrived(self, data: bytes) -> None:
        if self.is_open:
            text = data.decode()
            self.received.append(text)
            self.on_text(text)


class MemorySocket:
    """The client's end of a connection: the transport's :class:`~loadtest.transport.interface.Socket`.

    Made by :meth:`MemoryNetwork.connect`. Texts stand in the middle of a buffer that is wiped after the handler's call,
    so that a handler that keeps a slice of it is found out.
    """

    def __init__(
        self, network: MemoryNetwork, end: ServerEnd, handler: Handler, peer: str, subprotocol: str | None
    ) -> None:
        self._network = network
        self._end = end
        self._handler = handler
        self._peer = peer
        self._subprotocol = subprotocol
        self._closing = False
        self._gone = False
        self._paused = False

    @property
    def peer(self) -> str:
        return self._peer

    @property
    def subprotocol(self) -> str | None:
        return self._subprotocol

    @property
    def is_open(self) -> bool:
        return not (self._closing or self._gone)

    def send_text(self, text: str) -> int:
        if not self.is_open:
            raise TransportError("closed", self._peer)
        self._end.incoming.send(text.encode())
        return self._network.clock.now_ns()

    def close(self, code: int = 1000, reason: str = "", timeout_s: float = 2.0) -> None:
        if not self.is_open:
            return
        self._closing = True
        self._end.incoming.pass_on(lambda: self._end.ended(code, reason))
        self._network.call_later(timeout_s, lambda: self.ended(ABNORMAL, "", by_us=True))

    def pause(self, buffer_bytes: int = 0) -> None:
        self._paused = True

    def discard(self, size: int) -> int:
        return 0  # a paused end of a pair takes nothing in

    def abort(self) -> None:
        if self._gone:
            return
        self._closing = True
        self._end.outgoing.cut()
        self._end.incoming.pass_on(lambda: self._end.ended(ABNORMAL, ""))
        self._network.call_later(0.0, lambda: self.ended(ABNORMAL, "", by_us=True))

    def arrived(self, data: bytes) -> None:
        """A text arrived; called by the network."""
        if self._gone or self._paused:
            return
        margin = b"\x00" * 4  # as in a receive buffer, where other bytes stand around a message
        self._handler.on_text(margin + data + margin, 4, 4 + len(data), self._network.clock.now_ns())

    def broken(self, kind: str, detail: str) -> None:
        """What breaks RFC 6455 arrived; called by the network."""
        if self._gone:
            return
        self._handler.on_protocol_error(kind, detail, self._network.clock.now_ns())
        self._end.incoming.pass_on(lambda: self._end.ended(1002, detail))
        self.ended(1002, detail, by_us=True)

    def ended(self, code: int, reason: str, *, by_us: bool) -> None:
        """The connection is over; called by the network, and only the first call counts."""
        if self._gone:
            return
        self._gone = True
        self._handler.on_closed(Closed(code, reason, by_us=by_us or self._closing, at_ns=self._network.clock.now_ns()))
