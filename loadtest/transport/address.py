"""Where a cable is: base URLs made into endpoints, and the one TLS context that verifies every connection.

No gevent here: the probe and the configuration checks use it too.
What the official client sends (Origin, the two subprotocols) is read from ``@rails/actioncable`` 8.1; the seed's own
snippet is a bare ``new WebSocket(url)``, which sends no subprotocol.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import ssl
from collections.abc import Sequence
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from loadtest.errors import UsageError
from loadtest.transport.interface import Endpoint

PROTOCOL = "actioncable-v1-json"
UNSUPPORTED = "actioncable-unsupported"
"""Offered last by the official client: a server that knows no offered version picks it, and the client then stops."""

CLIENTS = ("official", "seed")

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}
_DEFAULT_PORT = {False: 80, True: 443}


def cable_endpoint(
    base_url: str,
    *,
    cable_path: str = "/cable",
    client: Literal["official", "seed"] | str = "official",
    origin: str | None = None,
    subprotocols: Sequence[str] | None = None,
    ca_file: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    connect_timeout_s: float = 10.0,
    source_addresses: Sequence[str] = (),
    where: str = "--host",
) -> Endpoint:
    """Make the cable's endpoint out of an installation's base URL.

    Args:
        base_url: ``http(s)://`` or ``ws(s)://``, with a path where the installation lives under one; a URL that already
            ends in ``cable_path`` is taken as the cable itself. User and password in it become an Authorization header.
        cable_path: where the cable is mounted below the base.
        client: ``official`` sends the Origin of the base URL and the official client's subprotocols, ``seed`` neither.
        origin: sent as the Origin instead of the one derived, with either client; empty sends none.
        subprotocols: offered instead of those of ``client``; None leaves it to that.
        ca_file: PEM file of the authorities to trust in place of the system's.
        headers: further handshake headers.
        connect_timeout_s: bound on name resolution, TCP, TLS and upgrade together, in seconds.
        source_addresses: local addresses to connect from, in turn; empty leaves it to the kernel.
        where: the option or key the URL came from, for the error's text.

    Raises:
        UsageError: the URL, the client's name, the timeout or the CA file is unusable.
    """
    parts = _split(base_url, where)
    secure = _SECURE[parts.scheme]
    host = _ascii_host(parts, where)
    authority = host if parts.port is None or parts.port == _DEFAULT_PORT[secure] else f"{host}:{parts.port}"
    if client not in CLIENTS:
        raise UsageError(f"unknown client {client!r}", where="--client", remedy=f"Choose one of {', '.join(CLIENTS)}")
    if not connect_timeout_s > 0:
        raise UsageError(f"a connect timeout of {connect_timeout_s} s", where=where, remedy="Give more than 0 seconds")
    sent_origin = origin or None
    if origin is None and client == "official":
        sent_origin = f"{'https' if secure else 'http'}://{authority}"
    for name, value in [("Origin", sent_origin or ""), *headers]:
        if not (name + value).isprintable():
            raise UsageError("a control character in a header", where=name, remedy="Look for a line break in it")
    if parts.username is not None:
        headers = (*headers, ("Authorization", _basic(parts)))
    return Endpoint(
        url=f"{'wss' if secure else 'ws'}://{authority}{_cable_path(parts.path, cable_path)}",
        origin=sent_origin,
        subprotocols=_offered(client) if subprotocols is None else tuple(subprotocols),
        ssl_context=verifying_context(ca_file) if secure else None,
        headers=tuple(headers),
        connect_timeout_s=connect_timeout_s,
        source_addresses=tuple(source_addresses),
    )


def _offered(client: str) -> tuple[str, ...]:
    return (PROTOCOL, UNSUPPORTED) if client == "official" else ()


def verifying_context(ca_file: str | None = None) -> ssl.SSLContext:
    """The process's one TLS context for a set of authorities: certificate and host name are verified.

    A context costs about 850 KiB and 30 ms, so it is shared by all connections and made once per ``ca_file``.
    In a process that Locust has patched it is gevent's subclass, which blocking-style sockets need too.

    Args:
        ca_file: PEM file of the authorities to trust in place of the system's, or None.

    Raises:
        UsageError: the file cannot be read or holds no certificate.
    """
    return _context(ca_file)


@functools.cache
def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise UsageError(
            f"no usable certificate in it ({error.reason or error})",
            where=str(ca_file),
            remedy="Give a PEM file that holds the certificate of the authority that signed the server's",
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot read the CA file ({error.strerror})", where=str(ca_file), remedy="Give a readable PEM file"
        ) from error
    # Renegotiation would let a write wait for a read; no server of a cable asks for it.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _split(base_url: str, where: str) -> SplitResult:
    example = "Give a URL such as https://chat.example.com or http://127.0.0.1:3000"
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{base_url!r} is not a URL ({error})", where=where, remedy=example) from error
    if parts.scheme not in _SECURE:
        raise UsageError(f"{base_url!r} starts with none of {_listed_schemes()}", where=where, remedy=example)
    if not parts.hostname:
        raise UsageError(f"{base_url!r} names no host", where=where, remedy=example)
    if port == 0:
        raise UsageError(f"{base_url!r} names port 0", where=where, remedy="Give the port the server listens on")
    if parts.query or parts.fragment:
        raise UsageError("a query or a fragment in the base URL", where=where, remedy="Leave out all from ? or # on")
    if any(character.isspace() or not character.isprintable() for character in base_url):
        raise UsageError(f"{base_url!r} holds a blank or a control character", where=where, remedy=example)
    return parts


def _listed_schemes() -> str:
    return ", ".join(f"{scheme}://" for scheme in _SECURE)


def _ascii_host(parts: SplitResult, where: str) -> str:
    host = parts.hostname
    assert host is not None
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError as error:
            raise UsageError(
                f"{host!r} is no IPv6 address", where=where, remedy="Write it as http://[::1]:3000"
            ) from error
        return f"[{host}]"
    try:
        return host.encode("idna").decode()
    except UnicodeError as error:
        raise UsageError(f"{host!r} is no host name ({error})", where=where, remedy="Check its spelling") from error


def _basic(parts: SplitResult) -> str:
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def _cable_path(base_path: str, cable_path: str) -> str:
    base = base_path.rstrip("/")
    cable = "/" + cable_path.lstrip("/")
    return base if base.endswith(cable) else base + cable
