"""REST calls of a run: one bounded pool of keep-alive connections a worker, over Locust's ``geventhttpclient``.

Its parser reads the answers; its client is not used, because that one sends a request again when a kept connection
turns out to be closed, and a load tester that sends twice counts wrong. So:

- no request is ever sent twice, and no redirect is followed (a 302 is an answer with status 302);
- an idle connection is thrown away, not tried, once it is old or readable (the server closed it, or sent what nobody
  asked for); Node and uvicorn close theirs after 5 s, others later;
- TLS is verified, host name included; no proxy of the environment is used.

A request can wait for a free connection. That wait is the target's while it holds all of them, so the pool has to be
large enough (at least rate x timeout), and the moment a request is handed to a connection is stamped.
"""

from __future__ import annotations

import base64
import errno
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import gevent
import gevent.lock
import gevent.monkey
import gevent.socket
import gevent.ssl
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketResponse

import loadtest
from loadtest.api import Call
from loadtest.clock import NS_PER_S
from loadtest.errors import TransportError, UsageError

USER_AGENT = f"onechat-loadtest/{loadtest.__version__}"

_ACCESS_TOKEN = "api_access_token"  # noqa: S105 - a header's name
_READ_BYTES = 16 * 1024
_POLLIN = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a call.

    Attributes:
        status: the HTTP status, or None when there was no complete answer.
        body: the answer's body; empty without one.
        written_ns: monotonic time at which the request was handed to a connection; when it never was, the time at which
            it was given up.
        responded_ns: monotonic time at which the last byte of the answer was read, or None.
        error: None, or why there was no answer: ``timeout``, ``reset``, ``refused``, ``tls``, ``dns``, ``protocol``,
            ``unreachable``, ``no_files``, ``no_ports`` and ``source_address`` (this machine's limits), ``closed``
            (the client, by us).
        sent: whether bytes of the request may have left; when False the target certainly knows nothing of it.
        detail: the system's or library's own words for ``error``.
    """

    status: int | None
    body: bytes = field(repr=False)
    written_ns: int
    responded_ns: int | None
    error: str | None
    sent: bool
    detail: str = ""


class RestClient:
    """One target's REST calls, to be sent from any number of greenlets.

    Args:
        base_url: ``http://`` or ``https://``, with a path where the installation lives under one.
        connections: most connections at a time.
        timeout_s: bound on connecting, sending and answer together, in seconds; waiting for a free connection is
            bounded by as much again.
        ca_file: PEM file of the authorities to trust in place of the system's.
        max_idle_s: an unused connection older than this is not used again, in seconds.
        auth_header: the header that carries access tokens, where it is not upstream's ``api_access_token``.
        headers: sent with every request.
        bind: gives a new socket of a family its local address; its TransportError fails the call.

    Raises:
        UsageError: the URL, a number or the CA file is unusable.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        timeout_s: float = 10.0,
        ca_file: str | None = None,
        max_idle_s: float = 4.0,
        auth_header: str = "",
        headers: Sequence[tuple[str, str]] = (),
        bind: Callable[[Any, int], None] | None = None,
    ) -> None:
        if connections < 1 or not timeout_s > 0:
            raise UsageError(
                f"a pool of {connections} connections with a timeout of {timeout_s} s",
                remedy="Give at least one connection and more than 0 seconds",
            )
        self._target = _target(base_url)
        self._target.headers.update(headers)
        self._auth_header = auth_header
        self._bind = bind
        self._context = _verifying_context(ca_file) if self._target.secure else None
        self._timeout_s = timeout_s
        self._max_idle_ns = round(max_idle_s * NS_PER_S)
        self._free = gevent.lock.BoundedSemaphore(connections)
        self._idle: deque[_Connection] = deque()
        self._closed = False
        self._size = connections
        self._in_flight = 0
        self._waiting = 0

    @property
    def size(self) -> int:
        """Most connections at a time."""
        return self._size

    @property
    def in_flight(self) -> int:
        """Calls that hold a connection now, or are making one."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Calls that wait for a free connection now."""
        return self._waiting

    @property
    def idle(self) -> int:
        """Connections kept for later calls."""
        return len(self._idle)

    def send(self, call: Call) -> Reply:
        """Send a call once and wait for its answer, in the calling greenlet.

        Network failures are replies, not exceptions.

        Raises:
            UsageError: a header or the path holds a character that would break the request apart.
        """
        request = self._request(call)
        if not self._acquire():
            detail = f"no connection of {self._size} became free within {self._timeout_s:g} s"
            return Reply(None, b"", time.monotonic_ns(), None, "timeout", sent=False, detail=detail)
        self._in_flight += 1
        try:
            return self._exchange(request, call.endpoint.method)
        finally:
            self._in_flight -= 1
            self._free.release()

    def close(self) -> None:
        """Close idle connections; calls under way end as they would, and later ones are answered ``closed``."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _acquire(self) -> bool:
        if self._free.acquire(blocking=False):
            return True
        self._waiting += 1
        try:
            acquired: bool = self._free.acquire(timeout=self._timeout_s)
            return acquired
        finally:
            self._waiting -= 1

    def _exchange(self, request: bytes, method: str) -> Reply:
        if self._closed:
            return Reply(None, b"", time.monotonic_ns(), None, "closed", sent=False, detail="the client was closed")
        limit = gevent.Timeout(self._timeout_s)
        connection: _Connection | None = None
        written_ns = 0
        try:
            with limit:
                connection = self._kept() or self._connect()
                written_ns = time.monotonic_ns()
                connection.sock.sendall(request)
                response = HTTPSocketResponse(cast(Any, connection), block_size=_READ_BYTES, method=method)
                body = response.read()
                responded_ns = time.monotonic_ns()
        except BaseException as error:
            if connection is not None:
                connection.close()
            if error is limit:
                kind, detail = "timeout", f"no answer within {self._timeout_s:g} s"
            elif isinstance(error, TransportError):
                kind, detail = error.kind, error.detail
            elif isinstance(error, OSError | HTTPParseError):
                kind, detail = _kind(error, ended=connection is not None and connection.ended)
            else:
                raise
            sent = written_ns != 0
            return Reply(None, b"", written_ns or time.monotonic_ns(), None, kind, sent=sent, detail=detail)
        if response.should_close() or self._closed:
            connection.close()
        else:
            connection.idle_since_ns = responded_ns
            self._idle.append(connection)
        return Reply(response.status_code, body, written_ns, responded_ns, None, sent=True)

    def _kept(self) -> _Connection | None:
        """The connection used last, if it is still good; the others of its age or older are closed with it."""
        oldest_ns = time.monotonic_ns() - self._max_idle_ns
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since_ns >= oldest_ns and not connection.readable():
                while self._idle and self._idle[0].idle_since_ns < oldest_ns:
                    self._idle.popleft().close()
                return connection
            connection.close()
        return None

    def _connect(self) -> _Connection:
        failure: OSError | None = None
        deadline_s = time.monotonic() + self._timeout_s
        found = gevent.socket.getaddrinfo(self._target.host, self._target.port, 0, gevent.socket.SOCK_STREAM)
        for number, (family, kind, protocol, _, address) in enumerate(found):
            sock = gevent.socket.socket(family, kind, protocol)
            try:
                if self._bind is not None:
                    self._bind(sock, family)
                left_s = deadline_s - time.monotonic()
                sock.settimeout(max(left_s, 0.001) / (len(found) - number))  # one that is dead leaves time for the next
                sock.connect(address)
                sock.settimeout(None)
                sock.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
                if self._context is not None:
                    sock = self._context.wrap_socket(sock, server_hostname=self._target.host)
            except ssl.SSLError:
                sock.close()
                raise  # a server was reached, and it is not the one
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return _Connection(sock)
        raise failure or OSError("the name has no address")

    def _request(self, call: Call) -> bytes:
        headers: dict[str, str] = {
            **self._target.headers,
            **call.headers,
            "Content-Length": str(len(call.body)),
        }
        if self._auth_header and _ACCESS_TOKEN in headers:
            headers[self._auth_header] = headers.pop(_ACCESS_TOKEN)
        lines = [f"{call.endpoint.method} {self._target.prefix}{call.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        for line in lines:
            if not line.isprintable() or not line.isascii():
                raise UsageError(
                    "a character that may not stand in a request line or header",
                    where=line.partition(":")[0] if ": " in line else call.endpoint.name,
                    remedy="Look for line breaks or letters beyond ASCII in the identity's tokens and ids",
                )
        return "\r\n".join([*lines, "\r\n"]).encode("ascii") + call.body


class _Connection:
    """A connection of the pool, in the shape that geventhttpclient's response reads from.

    Attributes:
        sock: gevent's plain or TLS socket.
        ended: whether the peer has ended the stream.
        idle_since_ns: monotonic time of its last answer.
    """

    __slots__ = ("ended", "idle_since_ns", "sock")

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.ended = False
        self.idle_since_ns = 0

    def recv(self, size: int) -> bytes:
        data: bytes = self.sock.recv(size)
        if not data:
            self.ended = True
        return data

    def close(self) -> None:
        self.sock.close()

    def readable(self) -> bool:
        """Whether there is anything to read now, an end of stream included."""
        poll = gevent.monkey.get_original("select", "poll")()
        poll.register(self.sock.fileno(), _POLLIN)
        return bool(poll.poll(0))


def _kind(error: OSError | HTTPParseError, *, ended: bool) -> tuple[str, str]:
    """The name to count a failure by, and its own words."""
    if isinstance(error, HTTPConnectionClosed) or (isinstance(error, HTTPParseError) and ended):
        return "reset", "the server closed the connection before its answer was complete"
    if isinstance(error, HTTPParseError):
        return "protocol", f"the answer is not HTTP: {error}"
    detail = error.strerror or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "reset", detail
    if isinstance(error, ssl.SSLError):
        return "tls", error.reason or detail
    if isinstance(error, gevent.socket.gaierror):
        return "dns", detail
    if isinstance(error, ConnectionRefusedError):
        return "refused", detail
    if isinstance(error, TimeoutError):
        return "timeout", detail
    if isinstance(error, ConnectionError):
        return "reset", detail
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "no_files", f"{detail}; raise the limit with ulimit -n, or use more workers"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no_ports", f"{detail}; no local port is left towards the target: add --source-address"
    return "unreachable", detail


@dataclass(frozen=True, slots=True)
class _Target:
    """A base URL taken apart; ``headers`` are those that every request carries."""

    secure: bool
    host: str
    port: int
    prefix: str
    headers: dict[str, str] = field(repr=False)


def _target(base_url: str) -> _Target:
    remedy = "Give a URL such as https://chat.example.com or http://127.0.0.1:3000"
    try:
        parts = urlsplit(base_url)
        port = parts.port
        host = parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except ValueError as error:
        raise UsageError(f"{base_url!r} is not a URL ({error})", where="--host", remedy=remedy) from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageError(f"{base_url!r} is no http:// or https:// URL of a host", where="--host", remedy=remedy)
    secure = parts.scheme == "https"
    usual = 443 if secure else 80
    headers = {
        "Host": shown if port in (None, usual) else f"{shown}:{port}",
        "User-Agent": USER_AGENT,
        "Connection": "keep-alive",
    }
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    return _Target(secure, host, port or usual, parts.path.rstrip("/"), headers)


def _verifying_context(ca_file: str | None) -> gevent.ssl.SSLContext:
    """The pool's TLS context: gevent's, so that a handshake lets other greenlets run, verifying all."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise UsageError(
            f"no usable certificate in it ({error.reason or error})",
            where=ca_file,
            remedy="Give a PEM file that holds the certificate of the authority that signed the server's",
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot read the CA file ({error.strerror})", where=ca_file, remedy="Give a readable PEM file"
        ) from error
    return context
