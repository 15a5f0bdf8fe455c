"""An open WebSocket over a non-blocking socket that somebody else polls: receiving, sending, closing.

Knows no event loop: the poller calls :meth:`WebSocket.receive` and :meth:`WebSocket.flush`, and starts its timers.
What a socket costs while it is open is this object, its scanner and the descriptor.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Hashable
from typing import Protocol

from loadtest.errors import TransportError
from loadtest.transport.interface import Closed, Handler, ReadLags
from loadtest.transport.names import SockAddr
from loadtest.transport.scanner import FrameScanner, encode_text
from loadtest.transport.stamped import StampedReads
from loadtest.transport.tls import TlsStream

PEER_CLOSE_TIMEOUT_S = 2.0
"""How long a peer that has sent or caused a close frame may take to close TCP, which is its part (RFC 6455, 7.1.1)."""

READ_BYTES = 16 * 1024
"""One read a socket and turn, so that a flooded socket does not keep the others waiting."""

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT


class Timer(Protocol):
    """A started timer."""

    def stop(self) -> None:
        """Never fire."""

    def close(self) -> None:
        """Free it."""


class Loop(Protocol):
    """What a connection needs of its poller."""

    def watch(self, fd: int, events: int) -> None:
        """Report ``events`` of a registered descriptor from now on."""

    def forget(self, fd: int) -> None:
        """Report nothing of it any more; called before it is closed."""

    def start_timer(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once in the hub, ``seconds`` from now."""

    def report(self, error: Exception) -> None:
        """A handler raised."""


class WebSocket:
    """An open connection; the interface's ``Socket``.

    ``Closed.by_us`` is true when this side began the close; a peer that is closed because it broke the protocol
    began it itself.

    Args:
        loop: polls the descriptor and starts timers.
        handler: told of what arrives.
        sock: connected, the opening handshake done.
        address: the peer's, as the socket module gives it.
        subprotocol: chosen by the server.
        tls: the encrypted stream, its handshake done, or None.
        lags: told how late reads were, where the socket was asked for the kernel's stamps, else None.
        client: whose connection it is.

    Attributes:
        client: see above.
        is_stamped: whether its reads are stamped, and are what was sent, not encrypted.
        recv: reads bytes, as the socket's.
        scanner: takes apart what is read.
        quick: whom a read that is one common frame may be handed to straight away, as it is; None where it has to come
            through :meth:`receive`.
    """

    __slots__ = (
        "_address",
        "_by_us",
        "_closing",
        "_fd",
        "_handler",
        "_loop",
        "_out",
        "_sock",
        "_stamped",
        "_subprotocol",
        "_timer",
        "_tls",
        "client",
        "is_stamped",
        "quick",
        "recv",
        "scanner",
    )

    def __init__(
        self,
        loop: Loop,
        handler: Handler,
        sock: socket.socket,
        address: SockAddr,
        *,
        subprotocol: str | None = None,
        tls: TlsStream | None = None,
        lags: ReadLags | None = None,
        client: Hashable = None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._fd = sock.fileno()
        self._stamped = None if lags is None else StampedReads(sock, lags)
        self.recv = sock.recv if self._stamped is None else self._stamped.recv
        self.is_stamped = self._stamped is not None and tls is None
        self.quick: Handler | None = handler if tls is None and lags is None else None
        self._loop = loop
        self._handler: Handler | None = handler
        self.scanner = FrameScanner(handler, self)
        self._tls = tls
        self.client = client
        self._address = address
        self._subprotocol = subprotocol
        self._out: bytearray | None = None
        self._timer: Timer | None = None
        self._closing = False
        self._by_us = False

    def __repr__(self) -> str:
        return f"<WebSocket to {self.peer}, {'open' if self.is_open else 'closing or closed'}>"

    @property
    def tls_session(self) -> ssl.SSLSession | None:
        """What a later connection of the same client may resume; None without TLS, or once it is closed."""
        return None if self._tls is None else self._tls.session

    @property
    def peer(self) -> str:
        """``address:port`` spoken to."""
        host, port = self._address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol the server chose."""
        return self._subprotocol

    @property
    def is_open(self) -> bool:
        """Whether text can still be sent."""
        return self._fd >= 0 and not self._closing

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""
        return self._fd

    def send_text(self, text: str) -> int:
        """Send one text message without blocking; what the kernel does not take is queued, without bound.

        Returns:
            Monotonic nanoseconds at the hand-over.

        Raises:
            TransportError: ``closed``, when the connection is no longer open.
        """
        if self._fd < 0 or self._closing:
            raise TransportError("closed", self.peer, "the connection is no longer open")
        frame = encode_text(text)
        sent_ns = time.monotonic_ns()
        self.write(frame)
        return sent_ns

    def close(self, code: int = 1000, reason: str = "", timeout_s: float = 2.0) -> None:
        """Begin the close handshake; ``on_closed`` comes when the peer answers or ``timeout_s`` is over.

        Does nothing when the connection is closing or closed.

        Raises:
            ValueError: a code or reason that may not stand in a close frame.
        """
        if self.is_open:
            self.scanner.start_close(code, reason)
            if self._fd >= 0:  # sending the close frame may have found the connection gone
                self._closing = self._by_us = True
                self._arm(timeout_s)

    def pause(self, buffer_bytes: int = 0) -> None:
        """Read nothing any more, as a process that was stopped: what comes waits in the kernel until it is full.

        Args:
            buffer_bytes: let this side's kernel keep no more than about so much; 0 leaves it to the kernel.
        """
        if self._fd >= 0:
            if buffer_bytes:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
            self._loop.watch(self._fd, 0)

    def discard(self, size: int) -> int:
        """Of a paused connection, read so many bytes at most and throw them away: nothing of it is parsed any more.

        Returns:
            How many bytes there were.
        """
        if self._fd < 0 or size <= 0:
            return 0
        try:
            data = self._sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            data = b""
        if not data:
            self._finish()
        return len(data)

    def abort(self) -> None:
        """Cut the connection at once, without a close frame; ``on_closed`` is called before this returns."""
        self._finish()

    def write(self, data: bytes) -> None:
        """Send encoded frames (the scanner's replies come this way too)."""
        if self._fd < 0:
            return
        if self._tls is not None:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                self._tls_failed(error, time.monotonic_ns())
                return
            data = self._tls.outgoing()
        self._transmit(data)

    def closing(self, *, by_peer: bool) -> None:
        """The scanner's word that the peer's close frame has come, or that the peer broke the protocol."""
        if not self._closing:
            self._closing = True
            self._by_us = not by_peer
        if self._timer is None:
            self._arm(PEER_CLOSE_TIMEOUT_S)

    def slowed(self, slow: bool) -> None:
        """The scanner's word that reads have to come through it, or need not any more."""
        self.quick = None if slow or self._tls is not None or self._stamped is not None else self._handler

    def receive(self) -> int:
        """Read once and hand on what came: the poller's call, in the hub.

        Returns:
            The number of messages handed on.
        """
        try:
            data = self.recv(READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""  # reset or timed out: the same as an end without a close frame
        arrival_ns = time.monotonic_ns()
        return self.take(data, arrival_ns)

    def take(self, data: bytes, arrival_ns: int) -> int:
        """Hand on what a read gave; nothing is the end of the stream.

        Returns:
            The number of messages handed on.
        """
        if not data:
            count = self.scanner.feed(b"", arrival_ns)
            self._finish(arrival_ns, by_us=False)
            return count
        if self._tls is None:
            return self._hand_on(data, arrival_ns)
        return self._decrypt(self._tls, data, arrival_ns)

    def hold(self, data: bytes, arrival_ns: int) -> None:
        """Keep what came behind the handshake's answer until the first read or :meth:`deliver_held`."""
        self.scanner.hold(data, arrival_ns)

    def deliver_held(self) -> int:
        """Hand on what came with the handshake's answer, unless a read has done so."""
        return self.scanner.feed(b"", 0)

    def flush(self) -> None:
        """The kernel takes more: send what is queued."""
        out = self._out
        if out is None or self._fd < 0:
            return
        sent = self._send(out)
        if sent == len(out):
            self._out = None
            self._loop.watch(self._fd, READABLE)
        elif sent > 0:
            del out[:sent]

    def disown(self) -> None:
        """Drop a connection inherited over a fork: it is the parent's, whose copy stays open."""
        self._fd = -1
        self._sock.close()
        self.scanner.release()

    def _hand_on(self, data: bytes, arrival_ns: int) -> int:
        """Hand on the messages in plain bytes, where reads are stamped with what that tells."""
        if self._stamped is None:
            return self.scanner.feed(data, arrival_ns)
        is_last = self._tls is None or self._tls.is_drained
        return self._stamped.feed(self.scanner, data, arrival_ns, is_last=is_last)

    def _decrypt(self, tls: TlsStream, data: bytes, arrival_ns: int) -> int:
        tls.receive(data)
        count = 0
        try:
            while self._fd >= 0:
                text = tls.read()
                if text is None:
                    break
                if not text:
                    self._finish(arrival_ns, by_us=False)
                    break
                count += self._hand_on(text, arrival_ns)
        except ssl.SSLError as error:
            self._tls_failed(error, arrival_ns)
        if self._fd >= 0 and (answer := tls.outgoing()):
            self._transmit(answer)
        return count

    def _transmit(self, data: bytes) -> None:
        if self._out is not None:
            self._out += data
            return
        sent = self._send(data)
        if 0 <= sent < len(data):
            self._out = bytearray(memoryview(data)[sent:])
            self._loop.watch(self._fd, READABLE | WRITABLE)

    def _send(self, data: bytes | bytearray) -> int:
        """Hand bytes to the kernel; returns how many it took, -1 when the connection is gone."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except (ConnectionError, TimeoutError):
            return len(data)  # lost; the reading side sees the end too, after what the peer still had to say
        except OSError:
            self._finish()
            return -1

    def _tls_failed(self, error: ssl.SSLError, at_ns: int) -> None:
        if self._handler is not None:
            self._handler.on_protocol_error("tls", str(error.reason or error), at_ns)
        self._finish(at_ns, by_us=False)

    def _arm(self, timeout_s: float) -> None:
        self._timer = self._loop.start_timer(max(timeout_s, 0.0), self._finish)

    def _finish(self, at_ns: int | None = None, *, by_us: bool = True) -> None:
        """Close the descriptor and tell the handler, once; ``by_us`` counts when no close had begun."""
        if self._fd < 0:
            return
        handler, self._handler = self._handler, None
        assert handler is not None
        code, reason = self.scanner.eof()
        closed = Closed(
            code, reason, self._by_us if self._closing else by_us, time.monotonic_ns() if at_ns is None else at_ns
        )
        self._loop.forget(self._fd)
        self._fd = -1
        self._sock.close()
        self.scanner.release()
        self._out = self._tls = None
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        try:
            handler.on_closed(closed)
        except Exception as error:
            self._loop.report(error)
