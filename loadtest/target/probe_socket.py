"""One WebSocket of a probe: the sans-I/O cable, driven by asyncio, with everything that came and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from loadtest.cable import CableConnection, Event, Pinged, Received
from loadtest.cable.frames import Ping, decode
from loadtest.clock import NS_PER_S
from loadtest.target.probe_rest import USER_AGENT
from loadtest.transport.interface import Endpoint

_NEVER_S = 3600.0
_YEAR_2100_S = 4.1e9
_MAX_FRAME_BYTES = 64 * 1024 * 1024


class _Connect(connect):
    """Opens a WebSocket and follows no redirect: the handshake may carry secrets."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came.

    Attributes:
        event: what the cable made of it.
        at_ns: monotonic time of its arrival.
        name: the event's name where it is a broadcast, else empty.
        data: the broadcast's data; holds customers' words, so it is left out of ``repr``.
    """

    event: Event
    at_ns: int
    name: str = ""
    data: Any = field(default=None, repr=False)


class _Message(msgspec.Struct):
    event: str
    data: Any = None


_decode_message = msgspec.json.Decoder(_Message).decode


class ProbeSocket:
    """An open WebSocket; reads by itself until it is closed. Make one with :func:`open_socket`.

    Attributes:
        connection: websockets' own.
        cable: the protocol.
        arrivals: everything that came, in order.
        ping_seconds: what each ping said of the server's clock, and this one's wall clock then, in Unix seconds.
        opened_ns: monotonic time at which the handshake was done.
        is_closed: whether the server or we have ended it.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.cable = CableConnection(
            confirm_timeout_s=_NEVER_S, welcome_timeout_s=_NEVER_S, stale_after_s=_NEVER_S
        )  # a probe's waits have bounds of their own
        self.arrivals: list[Arrival] = []
        self.ping_seconds: list[tuple[float, float]] = []
        self.opened_ns = time.monotonic_ns()
        self.cable.opened(self.opened_ns)
        self.is_closed = False
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                at_ns = time.monotonic_ns()
                if isinstance(text, str):
                    found = [_arrival(event, at_ns) for event in self.cable.receive(text, at_ns)]
                    if any(isinstance(arrival.event, Pinged) for arrival in found):
                        ping = decode(text)
                        if isinstance(ping, Ping) and ping.message is not None and ping.message < _YEAR_2100_S:
                            self.ping_seconds.append((ping.message, time.time()))
                    async with self._news:
                        self.arrivals += found
                        self._news.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.is_closed = True
            async with self._news:
                self._news.notify_all()

    async def until(self, wanted: Callable[[Arrival], bool], timeout_s: float, *, since: int = 0) -> Arrival | None:
        """The first arrival, of those that came already or will, that is wanted.

        Args:
            wanted: which.
            timeout_s: how long to wait.
            since: how many of :attr:`arrivals` to pass over.

        Returns:
            The arrival, or None when the time is over or the socket has ended.
        """
        looked = since

        def look() -> Arrival | None:
            nonlocal looked
            new, looked = self.arrivals[looked:], max(looked, len(self.arrivals))
            return next((arrival for arrival in new if wanted(arrival)), None)

        async def find() -> Arrival | None:
            async with self._news:
                while (found := look()) is None and not self.is_closed:
                    await self._news.wait()
                return found

        if (there := look()) is not None:
            return there

        try:
            return await asyncio.wait_for(find(), max(timeout_s, 0.0))
        except TimeoutError:
            return None

    def seen(self, wanted: Callable[[Arrival], bool]) -> list[Arrival]:
        """All arrivals so far that are wanted."""
        return [arrival for arrival in self.arrivals if wanted(arrival)]

    async def send(self, text: str) -> None:
        """Send a text; nothing happens where the socket has ended, which its arrivals tell."""
        try:
            await self.connection.send(text)
        except ConnectionClosed:
            self.is_closed = True

    async def subscribe(self, identifier: str) -> None:
        """Send a subscribe command."""
        await self.send(self.cable.subscribe(identifier, time.monotonic_ns()))

    async def beat(self, identifier: str) -> None:
        """Send a presence beat."""
        await self.send(self.cable.perform(identifier, "update_presence"))

    async def close(self) -> None:
        """Close it and read no more."""
        await self.connection.close()
        await self._reader


async def open_socket(endpoint: Endpoint, timeout_s: float) -> ProbeSocket:
    """Open a WebSocket, compression offered.

    Args:
        endpoint: where, and how to present oneself.
        timeout_s: bound on TCP, TLS and upgrade together.

    Raises:
        OSError: the network's own errors, TLS among them, and TimeoutError.
        websockets.exceptions.InvalidHandshake: what answered refused or is no WebSocket.
    """
    connection = await _Connect(
        endpoint.url,
        origin=None if endpoint.origin is None else Origin(endpoint.origin),
        subprotocols=[Subprotocol(name) for name in endpoint.subprotocols] or None,
        compression="deflate",
        additional_headers=list(endpoint.headers),
        user_agent_header=USER_AGENT,
        proxy=None,
        ssl=endpoint.ssl_context,
        open_timeout=timeout_s,
        ping_interval=None,
        close_timeout=1.0,
        max_size=_MAX_FRAME_BYTES,
    )
    return ProbeSocket(connection)


def seconds_between(earlier_ns: int, later_ns: int) -> float:
    """Nanoseconds apart, in seconds."""
    return (later_ns - earlier_ns) / NS_PER_S


def _arrival(event: Event, at_ns: int) -> Arrival:
    if isinstance(event, Received):
        try:
            message = _decode_message(event.message)
        except msgspec.MsgspecError:
            return Arrival(event, at_ns)
        return Arrival(event, at_ns, message.event, message.data)
    return Arrival(event, at_ns)
