"""WebSockets of a run: one epoll for all of a process's connections, watched by one gevent watcher.

No greenlet, no watcher and no protocol object per connection; a greenlet is only needed to connect.
Each turn serves a bounded number of ready sockets, then gevent's other greenlets run.
It first reads them all, one after the other, which is a tenth faster than to take each read apart at once, and stamps
each read as it returns. What was read is then offered to whoever may know it by its bytes (the poller's ``take``); of
what is left a frame is recognised in place and handed to its connection's handler, in the hub.

Works with and without gevent's monkey patching: patched originals are asked for where they are needed.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeAlias

import gevent
import gevent.lock
import gevent.monkey
import gevent.socket

from loadtest.transport.connection import READ_BYTES, READABLE, WRITABLE, Timer, WebSocket
from loadtest.transport.interface import Endpoint, Handler, ReadLags
from loadtest.transport.names import AddressBook
from loadtest.transport.opening import Opening, lookup
from loadtest.transport.scanner import common_header
from loadtest.transport.stamped import Share

_FRAMES_A_TURN = 2048  # a few ms of work: beyond it the rest of the batch waits for the next turn
_LONG_READ_BYTES = 2048  # longer than nearly every event: such a read holds several
_READ = 1  # what a gevent io watcher calls readable

Read: TypeAlias = tuple[WebSocket, bytes, int]
"""Whose, what was read, and the monotonic time at which the read returned."""

Take: TypeAlias = Callable[[Iterator[Read]], tuple[int, Read | None]]
"""Takes reads from an iterator as long as it knows what they are; says how many messages it took, and which read stands
behind them, if any."""


class Poller:
    """All connections of one process.

    The epoll is made by the first connection, in the process that uses it; a poller inherited over a fork forgets the
    parent's connections.

    Args:
        batch: most ready sockets served a turn.
        on_handler_error: called in the hub with an exception that a handler raised; that connection is cut.
        lags: told how long the kernel had held what was read; None asks for no stamps.
        stamps: on which share of the connections, 0 to 1, the kernel stamps what it receives.
        take: given what a turn has read of connections that go the common way, takes what it may and leaves the rest to
            the handlers. A read is a whole message where it begins as :func:`common_header` says. Must not raise.

    Attributes:
        stamped: connections opened whose reads are stamped.
        resumed: connections opened by resuming a TLS session.
        turns: how often the hub has called.
        frames: messages handed on.
        max_batch: most sockets found ready in a turn.
        handler_errors: exceptions that handlers raised.
    """

    def __init__(
        self,
        *,
        batch: int = 256,
        on_handler_error: Callable[[Exception], None] | None = None,
        lags: ReadLags | None = None,
        stamps: float = 0.0,
        take: Take | None = None,
    ) -> None:
        self.batch = batch
        self.turns = 0
        self.frames = 0
        self.max_batch = 0
        self.handler_errors = 0
        self.stamped = 0
        self._on_handler_error = on_handler_error or _Printed()
        self._take = take or _nothing
        self._lags = lags
        self._stamps = Share(0.0 if lags is None else stamps)
        self.resumed = 0
        self._sessions: dict[Hashable, ssl.SSLSession] = {}  # of clients that are not connected
        self._sockets: dict[int, WebSocket] = {}
        self._left_over: list[tuple[int, int]] = []
        self._polled_ns = 0
        self._was_full = False  # the epoll may have held back more
        self._behind_since_ns = 0  # more was ready than was served, ever since
        self._addresses = AddressBook(lookup, gevent.lock.RLock())
        self._pid = 0
        self._epoll: Any = None
        self._watcher: Any = None

    @property
    def connections(self) -> int:
        """Connections that are open or closing."""
        return len(self._sockets)

    def connect(self, endpoint: Endpoint, handler: Handler, *, client: Hashable = None) -> WebSocket:
        """Open a connection; to be called from a greenlet, which waits.

        The handler hears nothing before this has returned and its greenlet has waited or ended, so that it can be
        given the connection first.

        Args:
            endpoint: where, and how to present oneself.
            handler: what the connection calls, in the hub.
            client: whose connection it is; one that comes back resumes its TLS session, as browsers do, which spares
                both sides most of a handshake. None remembers nothing.

        Raises:
            TransportError: ``dns``, ``refused``, ``timeout``, ``reset``, ``unreachable``, ``tls``, ``http_<status>``,
                ``subprotocol``, ``handshake``; ``no_files``, ``no_ports`` and ``source_address`` when this machine is
                out of descriptors or local ports, or does not have an address to connect from.
        """
        self._own()
        session = None if client is None else self._sessions.pop(client, None)
        opening = Opening(endpoint, self._addresses, stamp=self._stamps.take(), session=session)
        opening.run()
        raw = gevent.monkey.get_original("socket", "socket")
        sock = raw(opening.family, socket.SOCK_STREAM, 0, opening.sock.detach())
        self.stamped += opening.stamped
        connection = WebSocket(
            self,
            handler,
            sock,
            opening.address,
            subprotocol=opening.subprotocol,
            tls=opening.tls,
            lags=self._lags if opening.stamped else None,
            client=client,
        )
        self.resumed += opening.tls is not None and opening.tls.is_resumed
        self._epoll.register(connection.fileno(), READABLE)
        if not self._sockets:
            self._watcher.start(self._turn)
        self._sockets[connection.fileno()] = connection
        if opening.rest:
            connection.hold(opening.rest, opening.arrival_ns)
            gevent.get_hub().loop.run_callback(self._deliver_held, connection)
        return connection

    def close(self) -> None:
        """Cut every connection and free the epoll; the next :meth:`connect` makes a new one."""
        for connection in list(self._sockets.values()):
            connection.abort()
        self._release()

    def watch(self, fd: int, events: int) -> None:
        """Report ``events`` of a connection's descriptor from now on."""
        self._epoll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """A connection is about to close its descriptor."""
        connection = self._sockets.pop(fd)
        if connection.client is not None and (session := connection.tls_session) is not None:
            self._sessions[connection.client] = session
        self._epoll.unregister(fd)
        if not self._sockets:
            self._watcher.stop()

    def start_timer(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once in the hub, ``seconds`` from now."""
        timer: Any = gevent.get_hub().loop.timer(seconds)
        timer.start(callback)
        started: Timer = timer
        return started

    def report(self, error: Exception) -> None:
        """Count a handler's exception and pass it on; what the callback raises is printed, for others wait."""
        self.handler_errors += 1
        try:
            self._on_handler_error(error)
        except Exception as second:
            traceback.print_exception(second)

    def _turn(self) -> None:
        """Serve the ready sockets: the watcher's callback, in the hub."""
        if self._pid != os.getpid():
            self._release()
            return
        if not (ready := self._left_over):
            self._polled_ns = time.monotonic_ns()
            ready = self._epoll.poll(0, self.batch)
            self._was_full = len(ready) == self.batch
        self.turns += 1
        if len(ready) > self.max_batch:
            self.max_batch = len(ready)
        limit = self.frames + _FRAMES_A_TURN
        remaining = iter(ready)
        while self._serve_some(remaining, limit) and self.frames < limit:
            pass
        self._left_over = list(remaining) if self._sockets else []  # no turn follows where nobody is left
        if self._lags is not None:
            self._tell_whether_behind(self._lags)

    def _tell_whether_behind(self, lags: ReadLags) -> None:
        is_behind = bool(self._left_over or (self._was_full and self._epoll and self._epoll.poll(0, 1)))
        if is_behind and not self._behind_since_ns:
            self._behind_since_ns = self._polled_ns
        if self._behind_since_ns:
            lags.behind(self._behind_since_ns, time.monotonic_ns())
            if not is_behind:
                self._behind_since_ns = 0

    def _serve_some(self, remaining: Iterator[tuple[int, int]], limit: int) -> bool:
        """Read ready sockets, then hand on what they gave: reading alone keeps to the processor's caches.

        What does not go the common way (encrypted, with something to send) is served at once.

        Args:
            remaining: descriptors and events; those that are not served are left in it. Ends early at a read so long
                that many messages are in it.
            limit: ends early when so many messages have been handed on.

        Returns:
            Whether anything was read the common way; when not, there is nothing more.
        """
        sockets, monotonic_ns = self._sockets, time.monotonic_ns
        reads: list[Read] = []
        stamped: list[Read] = []
        keep = reads.append
        for fd, events in remaining:
            try:
                connection = sockets[fd]
            except KeyError:  # closed meanwhile
                continue
            if connection.quick is not None and events == READABLE:
                recv = connection.recv  # a name first: to call an attribute that is no method takes twice as long
                try:
                    data = recv(READ_BYTES)
                except OSError:
                    self._serve(connection, events)  # asks again what it is
                    continue
                keep((connection, data, monotonic_ns()))
                if len(data) > _LONG_READ_BYTES:
                    break
            elif connection.is_stamped and events == READABLE:
                try:
                    data = connection.recv(READ_BYTES)
                except OSError:
                    self._serve(connection, events)
                    continue
                stamped.append((connection, data, monotonic_ns()))
                if len(data) > _LONG_READ_BYTES:
                    break
            else:
                self._serve(connection, events)
                if self.frames >= limit:
                    break
        self._hand_on(reads)
        for connection, data, arrival_ns in stamped:
            self._hand_on_one(connection, data, arrival_ns)
        return bool(reads or stamped)

    def _hand_on(self, reads: list[Read]) -> None:
        """Hand on what was read, unless its connection was closed meanwhile."""
        header_of = common_header
        take = self._take
        remaining = iter(reads)
        while True:
            taken, odd = take(remaining)
            self.frames += taken
            if odd is None:
                return
            connection, data, arrival_ns = odd
            handler = connection.quick
            if handler is None or data[:4] != header_of(len(data)):
                self._hand_on_one(connection, data, arrival_ns)
                continue
            try:
                handler.on_text(data, 4, len(data), arrival_ns)
                self.frames += 1
            except Exception as error:
                self.report(error)
                connection.abort()

    def _hand_on_one(self, connection: WebSocket, data: bytes, arrival_ns: int) -> None:
        """Hand on a read that may be anything."""
        try:
            self.frames += connection.take(data, arrival_ns)
        except Exception as error:
            self.report(error)
            connection.abort()

    def _serve(self, connection: WebSocket, events: int) -> None:
        """Do what a connection's descriptor is ready for."""
        try:
            if events & WRITABLE:
                connection.flush()
            if events != WRITABLE:
                self.frames += connection.receive()
        except Exception as error:
            self.report(error)
            connection.abort()

    def _deliver_held(self, connection: WebSocket) -> None:
        try:
            self.frames += connection.deliver_held()
        except Exception as error:
            self.report(error)
            connection.abort()

    def _own(self) -> None:
        if self._pid == os.getpid():
            return
        self._release()
        self._epoll = gevent.monkey.get_original("select", "epoll")()
        self._watcher = gevent.get_hub().loop.io(self._epoll.fileno(), _READ)
        self._pid = os.getpid()

    def _release(self) -> None:
        if self._epoll is None:
            return
        for connection in self._sockets.values():
            connection.disown()
        self._sockets.clear()
        self._left_over = []
        self._was_full = False
        self._behind_since_ns = 0
        self._watcher.stop()
        self._watcher.close()
        self._epoll.close()
        self._epoll = self._watcher = None
        self._pid = 0


def _nothing(reads: Iterator[Read]) -> tuple[int, Read | None]:
    """Takes no read, so that each goes to its handler."""
    return 0, next(reads, None)


class _Printed:
    """Prints handlers' exceptions to stderr, each raising line once."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, int | None]] = set()

    def __call__(self, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = (type(error).__name__, frames[-1].filename, frames[-1].lineno) if frames else (str(error), "", None)
        if place not in self._seen:
            self._seen.add(place)
            sys.stderr.write("The handler of a connection failed, and the connection was cut (shown once):\n")
            traceback.print_exception(error)
