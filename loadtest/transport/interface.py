"""What a transport gives and calls: shared by the gevent transport of a run and the in-memory one of tests."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to open a WebSocket.

    Attributes:
        url: ``ws://`` or ``wss://`` URL of the cable.
        origin: value of the Origin header, or None to send none.
        subprotocols: offered in this order; empty offers none (the seed's own snippet).
        ssl_context: the one shared, verifying context; needed for ``wss://``.
        headers: further handshake headers; may hold secrets, so it is left out of ``repr``.
        connect_timeout_s: bound on name resolution, TCP, TLS and upgrade together.
        source_addresses: local addresses to connect from, in turn; empty leaves it to the kernel.
    """

    url: str
    origin: str | None = None
    subprotocols: tuple[str, ...] = ()
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    connect_timeout_s: float = 10.0
    source_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """How a connection ended.

    Attributes:
        code: the close code received, or 1006 when the peer closed without a close frame.
        reason: the close frame's text, empty when there was none.
        by_us: whether this side began it.
        at_ns: monotonic time at which it was seen.
    """

    code: int
    reason: str
    by_us: bool
    at_ns: int


class Handler(Protocol):
    """What a transport calls as things arrive: in the hub, so it must neither block nor switch greenlets."""

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        """A whole text message stands in ``data[start:end]``.

        Args:
            data: what was read, or put together from several reads.
            start: first byte of the message. Where it is 4 and ``end`` is the length of ``data``, the message's frame
                is all of ``data``, its header of four bytes in front.
            end: one past its last byte.
            arrival_ns: monotonic time at which the read that completed it returned, before any parsing.
            lag_ns: how long the kernel had held the message by then, where that is known exactly; else not given.
        """

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        """The peer broke RFC 6455 or sent a binary message; called before ``on_closed`` where that follows."""

    def on_closed(self, closed: Closed) -> None:
        """The connection is gone; called exactly once, nothing follows."""


class ReadLags(Protocol):
    """Takes what kernel receive stamps tell of reads; called in the hub."""

    def exact(self, read_ns: int, lag_ns: int) -> None:
        """A read held one message, which the kernel had held for ``lag_ns`` at the monotonic time ``read_ns``."""

    def at_least(self, frames: int, read_ns: int, lag_ns: int, gap_ns: int, backlog_ns: int) -> None:
        """A read held so many messages, the newest of which the kernel had held for ``lag_ns``; the others longer.

        Args:
            frames: how many.
            read_ns: monotonic time of the read.
            lag_ns: see above.
            gap_ns: since the socket's read before; where that emptied it, none of these had waited longer.
            backlog_ns: how long all reads have come back full; 0 where this one or the one before did not.
        """

    def behind(self, since_ns: int, until_ns: int) -> None:
        """Between two monotonic times more sockets were ready, at every turn, than a turn serves.

        Before it, whatever had come was read. Called after every such turn, with the same beginning until it is over.
        """


class Socket(Protocol):
    """An open connection."""

    @property
    def peer(self) -> str:
        """``address:port`` spoken to."""

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol the server chose."""

    @property
    def is_open(self) -> bool:
        """Whether text can still be sent."""

    def send_text(self, text: str) -> int:
        """Send one text message without blocking; what the kernel does not take is queued.

        Returns:
            Monotonic nanoseconds at the hand-over.

        Raises:
            TransportError: ``closed``, when the connection is no longer open.
        """

    def close(self, code: int = 1000, reason: str = "", timeout_s: float = 2.0) -> None:
        """Begin the close handshake; ``on_closed`` comes when the peer answers or ``timeout_s`` is over."""

    def pause(self, buffer_bytes: int = 0) -> None:
        """Read nothing any more, as a process that was stopped; only the connection's end is still seen.

        Args:
            buffer_bytes: let this side's kernel keep no more than about so much; 0 leaves it to the kernel.
        """

    def discard(self, size: int) -> int:
        """Of a paused connection, read so many bytes at most and throw them away; returns how many there were."""

    def abort(self) -> None:
        """Cut the connection at once, without a close frame."""
