"""The Action Cable server: welcome, pings, subscriptions and presence beats over aiohttp's WebSockets.

What a client sees follows Rails' Action Cable and upstream's ``RoomChannel``: identifiers are opaque and echoed byte
for byte; a bad token is met with silence, and its subscription stays registered, so that a second try on the same
socket is ignored too; nothing a client sends as text or binary is answered with an error or ends the connection; no
origin is refused and no extension is negotiated. Two things are narrower than Rails: commands of one socket run in
their order, and the first presence.update always comes, after the confirmation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web

from loadtest.clock import NS_PER_S, Clock, SystemClock
from loadtest.directory import Agent, Contact
from loadtest.refserver.frames import SUBPROTOCOLS, WELCOME, confirmation, disconnect, ping, rejection
from loadtest.refserver.presence import Presence
from loadtest.refserver.publisher import Publisher
from loadtest.refserver.rooms import Rooms, Subscription
from loadtest.refserver.state import State

CHANNEL = "RoomChannel"
MAX_MESSAGE_BYTES = 67_108_863
"""Longest message taken, as websocket-driver's."""
SEND_BUFFER_BYTES = 65_536
"""What the kernel is to keep of what one peer does not read (Linux doubles it); the rest waits in this process, where
its backlog is counted. Left to itself, a kernel keeps megabytes on loopback, and a slow reader shows after minutes."""

_log = logging.getLogger(__name__)


class _Command(msgspec.Struct):
    command: str
    identifier: str = ""
    data: str = ""


class _Action(msgspec.Struct):
    action: str


_decode_command = msgspec.json.Decoder(_Command).decode
_decode_action = msgspec.json.Decoder(_Action).decode
_decode_any = msgspec.json.Decoder().decode
_UNREADABLE = (msgspec.MsgspecError, RecursionError)  # the latter for JSON nested without end


class CableFaults(Protocol):
    """What can be made to go wrong with connections; see :mod:`loadtest.refserver.faults.connections`."""

    async def accepting(self) -> None:
        """A client asks to connect; returns when it may be accepted."""

    def rejects(self, subscription: Subscription) -> bool:
        """Whether a good subscription is refused in so many words."""

    def confirms(self, subscription: Subscription) -> bool:
        """Whether a good subscription is confirmed, rather than left without any answer."""

    def confirmed(self, subscription: Subscription) -> None:
        """A subscription was confirmed."""

    def ping(self, connections: Iterable[Connection], frame: bytes) -> None:
        """Ping these connections."""


class Connection:
    """One open WebSocket and its subscriptions.

    A subscription whose token was refused is kept as None: it exists and hears nothing.
    """

    __slots__ = ("_socket", "subscriptions", "transport")

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self.transport = transport
        self.subscriptions: dict[str, Subscription | None] = {}

    def write(self, frame: bytes) -> bool:
        """Hand a whole frame to the transport, which keeps what the kernel does not take; False when it is gone."""
        if not self.is_open:
            return False
        self.transport.write(frame)
        return True

    @property
    def is_open(self) -> bool:
        """Whether frames can still be handed over."""
        return not (self._socket.closed or self.transport.is_closing())

    async def close(self, code: int) -> None:
        """Close with a close frame."""
        await self._socket.close(code=code, drain=False)

    @property
    def backlog_bytes(self) -> int:
        """What the peer has not read and the kernel has not taken."""
        return self.transport.get_write_buffer_size()


class CableServer:
    """All connections of the server.

    Args:
        state: identities.
        rooms: where confirmed subscriptions join.
        presence: where beats go.
        publisher: tells an identity who is online.
        clock: time of pings.
        ping_interval_s: seconds between two pings.
        account_stream: whether agents hear a stream of the account they subscribe with.
        faults: what is made to go wrong, None for nothing.
    """

    def __init__(
        self,
        state: State,
        rooms: Rooms,
        presence: Presence,
        publisher: Publisher,
        clock: Clock,
        ping_interval_s: float,
        *,
        account_stream: bool,
        faults: CableFaults | None = None,
    ) -> None:
        self._state = state
        self._rooms = rooms
        self._presence = presence
        self._publisher = publisher
        self._clock = clock
        self._ping_interval_s = ping_interval_s
        self._account_stream = account_stream
        self._faults = faults
        self.connections: set[Connection] = set()

    @property
    def backlog_bytes(self) -> int:
        """What all peers together have not read yet and the kernel has not taken."""
        return sum(connection.backlog_bytes for connection in self.connections)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request to ``/cable``: anything but an upgrade is 404, as Action Cable answers it."""
        socket = web.WebSocketResponse(
            protocols=SUBPROTOCOLS, compress=False, autoclose=False, max_msg_size=MAX_MESSAGE_BYTES
        )
        if not socket.can_prepare(request).ok:
            return web.Response(status=404, text="Page not found")
        if self._faults is not None:
            await self._faults.accepting()
        await socket.prepare(request)
        transport = request.transport
        if transport is None:  # the peer left during the handshake
            return socket
        own = transport.get_extra_info("socket")
        if own is not None:
            own.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
        connection = Connection(socket, transport)
        connection.write(WELCOME)
        self.connections.add(connection)
        try:
            await self._receive(socket, connection)
        finally:
            self.connections.discard(connection)
            for subscription in connection.subscriptions.values():
                if subscription is not None:
                    self._rooms.leave(subscription)
        return socket

    async def beat(self) -> None:
        """Ping every connection in one burst, at a fixed interval, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self._ping_interval_s
            await asyncio.sleep(due - loop.time())
            if isinstance(self._clock, SystemClock):
                self._clock.anchor()
            self.ping_all()

    def ping_all(self) -> None:
        """Ping every connection now."""
        frame = ping(self._clock.wall_ns(self._clock.now_ns()) // NS_PER_S)
        if self._faults is not None:
            self._faults.ping(self.connections, frame)
            return
        for connection in self.connections:
            connection.write(frame)

    async def say_goodbye(self, limit_s: float) -> None:
        """Tell everybody to disconnect and to come back, and close; waits so many seconds for the clients' answers."""
        leaving = list(self.connections)
        for connection in leaving:
            connection.write(disconnect("server_restart", reconnect=True))
        closing = [asyncio.ensure_future(connection.close(1000)) for connection in leaving]
        if closing:
            await asyncio.wait(closing, timeout=limit_s)

    def abort_all(self) -> None:
        """Cut every connection without a close frame, as Puma does on SIGTERM."""
        for connection in self.connections:
            connection.transport.abort()

    async def _receive(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                self._command(connection, message.data)
            elif message.type is WSMsgType.CLOSE:
                # The code is echoed; not draining, for the peer has stopped to read.
                await socket.close(code=message.data or 1000, drain=False)
                return
            elif message.type is not WSMsgType.BINARY:
                return  # CLOSING, CLOSED, ERROR: aiohttp has answered already

    def _command(self, connection: Connection, text: str) -> None:
        try:
            command = _decode_command(text)
        except _UNREADABLE as error:
            _log.debug("could not execute a command: %s", error)
            return
        match command.command:
            case "subscribe":
                self._subscribe(connection, command.identifier)
            case "unsubscribe":
                subscription = connection.subscriptions.pop(command.identifier, None)
                if subscription is not None:
                    self._rooms.leave(subscription)
            case "message":
                self._perform(connection.subscriptions.get(command.identifier), command.data)

    def _subscribe(self, connection: Connection, identifier: str) -> None:
        if identifier in connection.subscriptions:
            return
        try:
            params = _decode_any(identifier)
        except _UNREADABLE as error:
            _log.debug("could not read an identifier: %s", error)
            return
        if not isinstance(params, dict) or params.get("channel") != CHANNEL:
            return  # not registered: a later try is judged anew
        found = self._authenticate(params)
        if found is None:
            connection.subscriptions[identifier] = None
            return
        identity, account_id = found
        hears_account = self._account_stream and isinstance(identity, Agent)
        subscription = Subscription(identifier, identity, account_id, connection, hears_account=hears_account)
        if self._faults is not None and self._faults.rejects(subscription):
            connection.write(rejection(identifier))
            return  # not registered, as Rails forgets what a channel rejects: a later try is judged anew
        if self._faults is not None and not self._faults.confirms(subscription):
            connection.subscriptions[identifier] = None
            return
        connection.subscriptions[identifier] = subscription
        self._rooms.join(subscription)
        connection.write(confirmation(identifier))
        if self._faults is not None:
            self._faults.confirmed(subscription)
        self._update_presence(subscription)

    def _authenticate(self, params: dict[str, Any]) -> tuple[Agent | Contact, int] | None:
        """Who subscribes, and with which account: a user where ``user_id`` is given, else a contact, as upstream."""
        token = params.get("pubsub_token")
        if not isinstance(token, str):
            return None
        user_id = params.get("user_id")
        if user_id is None or user_id == "":
            contact = self._state.contact_by_pubsub_token(token)
            return None if contact is None else (contact, contact.account_id)
        agent = self._state.staff.by_pubsub_token.get(token)
        account_id = _as_id(params.get("account_id"))
        if agent is None or _as_id(user_id) != agent.user_id or account_id not in agent.account_ids:
            return None
        return agent, account_id

    def _perform(self, subscription: Subscription | None, data: str) -> None:
        if subscription is None:
            return
        try:
            action = _decode_action(data)
        except _UNREADABLE as error:
            _log.debug("could not read an action: %s", error)
            return
        if action.action == "update_presence":
            self._update_presence(subscription)

    def _update_presence(self, subscription: Subscription) -> None:
        self._presence.beat(subscription.account_id, subscription.role, subscription.identity_id)
        self._publisher.presence_update(subscription)


def _as_id(value: object) -> int:
    """An id given as a number or as digits, as Rails casts it; 0, which is nobody's, for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return 0
