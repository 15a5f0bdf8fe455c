"""One look at the target before a run: is there a cable, and does it welcome us."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from gevent.event import Event as Signal

from loadtest.errors import TransportError
from loadtest.transport.gevent_ws import Poller
from loadtest.transport.interface import Closed
from loadtest.users.settings import FleetSettings

_WELCOME_TIMEOUT_S = 5.0

_REMEDIES = {
    "dns": "Check the host's name in --host",
    "refused": "Check host and port in --host, and that the server runs",
    "timeout": "The server did not answer in time: check host, port and firewalls",
    "tls": "The certificate is not trusted: give its CA with --ca-file, and use the name it was issued for",
    "http_404": "Check --cable-path, and allow the Origin of --host (or send another with --origin)",
    "http_429": "The target's rate limit refuses this address: wait a minute, or have the address allowed there",
    "source_address": "Give addresses of this machine to --source-address",
    "subprotocol": "What answers is not Action Cable, or a proxy strips Sec-WebSocket-Protocol: try --client seed",
}
_REMEDY_HTTP = "What answers is a web server and no Action Cable: check --host and --cable-path"


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Listener:
    """Waits for the welcome."""

    def __init__(self) -> None:
        self.done = Signal()
        self.welcomed = False
        self.closed: Closed | None = None

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        if b'"welcome"' in bytes(data[start:end]):
            self.welcomed = True
            self.done.set()

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        self.done.set()

    def on_closed(self, closed: Closed) -> None:
        self.closed = closed
        self.done.set()


def preflight(host: str, settings: FleetSettings) -> None:
    """Open the cable once and wait for its welcome; no token is sent.

    Args:
        host: base URL of the target.
        settings: how its cable is opened.

    Raises:
        UsageError: the URL is unusable.
        TransportError: the cable cannot be opened or does not welcome us; says what to do.
    """
    endpoint = settings.endpoint(host)
    poller = Poller()
    listener = _Listener()
    try:
        poller.connect(endpoint, listener)
        listener.done.wait(timeout=_WELCOME_TIMEOUT_S)
        closed = listener.closed  # by the peer: what follows is our own close
    except TransportError as error:
        remedy = _REMEDIES.get(error.kind) or (_REMEDY_HTTP if error.kind.startswith("http_") else None)
        if remedy is None:
            raise
        detail = f"{error.detail}. {remedy}" if error.detail else remedy
        raise TransportError(error.kind, endpoint.url, detail) from None
    finally:
        poller.close()
    if not listener.welcomed:
        what = f"closed with {closed.code}" if closed else f"silence for {_WELCOME_TIMEOUT_S:g} s"
        raise TransportError(
            "no_welcome", endpoint.url, f"{what} instead of Action Cable's welcome: check --cable-path and the server"
        )
