"""Opening a connection from a greenlet: the name, TCP, TLS and the WebSocket handshake, within one limit of time.

Errors tell which of these steps failed, and what to do about it.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import time
from typing import Any

import gevent
import gevent.socket

from loadtest.errors import TransportError
from loadtest.transport.connection import READ_BYTES
from loadtest.transport.handshake import OpeningHandshake, shown_address, split_url
from loadtest.transport.interface import Endpoint
from loadtest.transport.names import AddressBook, SockAddr
from loadtest.transport.sources import bind_source
from loadtest.transport.stamped import ask_for_stamps
from loadtest.transport.tls import TlsStream


class Opening:
    """One attempt to connect: resolve, dial, encrypt, upgrade, all within the endpoint's time.

    Args:
        endpoint: where, and how to present oneself.
        book: looks names up.
        stamp: whether to ask the kernel to stamp what the socket receives.
        session: a TLS session to resume.

    Attributes:
        sock: gevent's socket, connected once :meth:`run` has returned.
        family: its address family.
        address: whom it is connected to.
        tls: of an encrypted connection.
        subprotocol: the one that the server chose.
        rest: what followed the answer to the upgrade.
        arrival_ns: monotonic time at which the read that completed the answer returned.
        stamped: whether the kernel stamps what is received.
    """

    __slots__ = (
        "_book",
        "_endpoint",
        "_session",
        "_stage",
        "_stamp",
        "_uri",
        "address",
        "arrival_ns",
        "family",
        "rest",
        "sock",
        "stamped",
        "subprotocol",
        "tls",
    )

    def __init__(
        self, endpoint: Endpoint, book: AddressBook, *, stamp: bool, session: ssl.SSLSession | None = None
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._uri = split_url(endpoint.url)
        self._book = book
        self._stage = "resolving the name"
        self._stamp = stamp
        self.stamped = False
        self.sock: Any = None
        self.family = socket.AF_INET
        self.address: SockAddr = ()
        self.tls: TlsStream | None = None
        self.subprotocol: str | None = None
        self.rest = b""
        self.arrival_ns = 0

    def run(self) -> None:
        """Connect.

        Raises:
            TransportError: it did not come about.
        """
        limit = gevent.Timeout(self._endpoint.connect_timeout_s)
        try:
            with limit:
                self._dial()
                if self._uri.secure:
                    self._encrypt()
                self._upgrade()
        except BaseException as error:
            if self.sock is not None:
                self.sock.close()
            if error is limit:
                raise self._error(
                    "timeout", f"no connection within {self._endpoint.connect_timeout_s:g} s, while {self._stage}"
                ) from None
            if isinstance(error, OSError):
                raise self._network_error(error) from error
            raise

    def _dial(self) -> None:
        host, port = self._uri.host, self._uri.port
        deadline_s = time.monotonic() + self._endpoint.connect_timeout_s
        addresses = self._book.addresses(host, port)
        self._stage = "connecting to " + host
        for index, (self.family, self.address) in enumerate(addresses):
            try:
                self.sock = gevent.socket.socket(self.family, socket.SOCK_STREAM)
                bind_source(self.sock, self.family, self._endpoint.source_addresses)
                self.stamped = self._stamp and ask_for_stamps(self.sock)
                left_s = deadline_s - time.monotonic()
                self.sock.settimeout(max(left_s, 0.0) / (len(addresses) - index) or None)
                self.sock.connect(self.address)
            except OSError:
                self._book.doubt(host, port)
                if index == len(addresses) - 1:
                    raise
                if self.sock is not None:
                    self.sock.close()
                continue
            self.sock.settimeout(None)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return

    def _encrypt(self) -> None:
        context = self._endpoint.ssl_context
        if context is None:
            raise self._error("tls", "a wss:// endpoint without a TLS context; make it with cable_endpoint()")
        self._stage = "agreeing on TLS"
        self.tls = TlsStream(context, self._uri.host, self._session)
        try:
            while True:
                done = self.tls.handshake()
                if out := self.tls.outgoing():
                    self.sock.sendall(out)
                if done:
                    return
                self.tls.receive(self._received())
        except ssl.SSLError:
            with contextlib.suppress(OSError):  # the alert is a courtesy; the error is raised either way
                self.sock.sendall(self.tls.outgoing())
            raise

    def _upgrade(self) -> None:
        self._stage = "waiting for the answer to the upgrade"
        handshake = OpeningHandshake(self._endpoint)
        request = handshake.request
        if self.tls is not None:
            self.tls.write(request)
            request = self.tls.outgoing()
        self.sock.sendall(request)
        rest: bytes | None = None
        while rest is None:
            data = self.sock.recv(READ_BYTES)
            self.arrival_ns = time.monotonic_ns()
            if self.tls is not None:
                data = self._decrypted(self.tls, data)
            elif not data:
                data = None
            if data is None:
                raise handshake.cut()
            rest = handshake.feed(data)
        self.rest = rest
        self.subprotocol = handshake.subprotocol

    def _decrypted(self, tls: TlsStream, data: bytes) -> bytes | None:
        """The plain text of what was received, or None at the end of the stream."""
        if not data:
            return None
        tls.receive(data)
        plain = b""
        while (text := tls.read()) is not None:
            if not text:
                return plain or None
            plain += text
        return plain

    def _received(self) -> bytes:
        data: bytes = self.sock.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError(
                errno.ECONNRESET,
                "the server closed the connection while agreeing on TLS; is this the port that speaks TLS?",
            )
        return data

    def _network_error(self, error: OSError) -> TransportError:
        detail = error.strerror or str(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._error(
                "tls",
                f"the server's certificate is not trusted: {error.verify_message}; if an authority of your own signed"
                " it, name its PEM file in SSL_CERT_FILE",
            )
        if isinstance(error, ssl.SSLError):
            return self._error("tls", f"{error.reason or detail}; is this the port that speaks TLS?")
        if isinstance(error, socket.gaierror):
            return self._error("dns", detail)
        if isinstance(error, ConnectionRefusedError):
            return self._error("refused", f"{detail}; nothing listens there")
        if isinstance(error, TimeoutError):
            return self._error("timeout", f"no connection within its time, while {self._stage}")
        if isinstance(error, ConnectionError):
            return self._error("reset", detail)
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return self._error("no_files", f"{detail}; raise the limit with ulimit -n, or use more workers")
        if error.errno == errno.EADDRNOTAVAIL:
            return self._error("no_ports", f"{detail}; no local port is left towards the target: add --source-address")
        return self._error("unreachable", detail)

    def _error(self, kind: str, detail: str) -> TransportError:
        return TransportError(kind, shown_address(self._endpoint.url), detail)


def lookup(host: str, port: int) -> list[tuple[Any, ...]]:
    """``getaddrinfo`` for TCP, by gevent's resolver; for :class:`loadtest.transport.names.AddressBook`."""
    found: list[tuple[Any, ...]] = gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    return found
