"""Opening the cable: handshake, TLS, subprotocol, compression, welcome, and why it fails where it does.

Action Cable answers a wrong Origin with 404 and nothing else (``respond_to_invalid_request`` in rails/actioncable's
``connection/base.rb``), which people take for a wrong path; so a refusal is tried again with other Origins.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, replace

from websockets.exceptions import InvalidHandshake, InvalidStatus, NegotiationError

from loadtest.cable import Welcomed
from loadtest.nouns import many
from loadtest.target.probe_findings import Finding
from loadtest.target.probe_rest import Overheard
from loadtest.target.probe_socket import ProbeSocket, open_socket
from loadtest.transport.address import PROTOCOL, UNSUPPORTED
from loadtest.transport.interface import Endpoint

CONNECT_S = 4.0
WELCOME_S = 2.5
_SOON_DAYS = 14
_S_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Opening:
    """How the cable was opened.

    Attributes:
        socket: open and welcomed, or None.
        findings: a line for each step.
    """

    socket: ProbeSocket | None
    findings: tuple[Finding, ...]


async def open_cable(endpoint: Endpoint, overheard: Overheard) -> Opening:
    """Open the cable and wait for its welcome.

    Args:
        endpoint: where, and how to present oneself.
        overheard: takes what the handshake's answer says by the way.
    """
    sent_s, began_ns = time.time(), time.monotonic_ns()
    try:
        opened = await open_socket(endpoint, CONNECT_S)
    except InvalidStatus as error:
        refusal = error.response
        overheard.hear(refusal.status_code, dict(refusal.headers.raw_items()), sent_s, time.time())
        return Opening(None, (await _refused(endpoint, refusal.status_code, refusal.headers.get("Location", "")),))
    except (InvalidHandshake, OSError, EOFError) as error:
        return Opening(None, (_failed(endpoint, error),))
    response = opened.connection.response
    if response is not None:
        overheard.hear(101, dict(response.headers.raw_items()), sent_s, time.time())
    took_ms = (opened.opened_ns - began_ns) / 1e6
    findings = [
        Finding("handshake", "ok", f"101 in {took_ms:.1f} ms, {_origin(endpoint)}", data={"took_ms": round(took_ms, 3)})
    ]
    findings += _tls(opened)
    findings.append(_subprotocol(endpoint, opened))
    findings.append(_compression(opened))
    welcome = await opened.until(lambda arrival: isinstance(arrival.event, Welcomed), WELCOME_S)
    findings.append(_welcome(opened, None if welcome is None else (welcome.at_ns - opened.opened_ns) / 1e6))
    if welcome is None:
        await opened.close()
        return Opening(None, tuple(findings))
    return Opening(opened, tuple(findings))


def _origin(endpoint: Endpoint) -> str:
    return "without an Origin" if endpoint.origin is None else f"Origin {endpoint.origin}"


async def _refused(endpoint: Endpoint, status: int, location: str) -> Finding:
    value = f"HTTP {status} to an upgrade {_origin(endpoint)}"
    data = {"status": status}
    if status == 404:
        if endpoint.origin is not None and await _opens(replace(endpoint, origin=None)):
            return Finding(
                "handshake",
                "fail",
                value,
                "The path is right: without an Origin it opens. Action Cable answers 404, not 403, to a page it does "
                "not know.",
                "Add the Origin to allowed_request_origins there (upstream: FRONTEND_URL), or give the one that its "
                "own pages have: --origin",
                data={**data, "cause": "origin"},
            )
        own = endpoint.url.replace("ws", "http", 1).split("/")
        if endpoint.origin is None and await _opens(replace(endpoint, origin="/".join(own[:3]))):
            return Finding(
                "handshake",
                "fail",
                value,
                "The path is right: with its own Origin it opens. Rails in production refuses a client without one.",
                "Leave --origin out, so that the Origin of the URL is sent",
                data={**data, "cause": "no_origin"},
            )
        return Finding(
            "handshake",
            "fail",
            value,
            "Action Cable answers so to an Origin that it does not know, and so does any server to an unknown path; "
            "neither no Origin nor its own helped, so it is the path, or a proxy that does not pass upgrades on.",
            "Check --cable-path, and that the proxy in front passes Upgrade and Connection on",
            data={**data, "cause": "path"},
        )
    if status == 429:
        return Finding(
            "handshake",
            "fail",
            value,
            "The server's rate limit counts upgrades too, and this address has used it up.",
            "Wait a minute, or have the address allowed there (RACK_ATTACK_ALLOWED_IPS)",
            data={**data, "cause": "rate_limit"},
        )
    if 300 <= status < 400:
        return Finding(
            "handshake",
            "fail",
            f"{value}, to {location.partition('?')[0] or 'nowhere'}",
            "Redirects are not followed, since a token would follow with them (FORCE_SSL redirects ws:// so).",
            "Give the address it leads to, most often https://",
            data={**data, "cause": "redirect"},
        )
    if status in (401, 403):
        return Finding(
            "handshake",
            "fail",
            value,
            "A gate in front of the server asks who you are: Action Cable itself does not.",
            "Give what it asks for in [headers] of the profile (--target)",
            data={**data, "cause": "gate"},
        )
    if status in (502, 503, 504):
        return Finding(
            "handshake",
            "fail",
            value,
            "A proxy in front cannot reach the server behind it.",
            "Look whether the web processes run, and where the proxy sends /cable",
            data={**data, "cause": "upstream"},
        )
    return Finding(
        "handshake",
        "fail",
        value,
        "What answers is a web server and no Action Cable.",
        "Check the URL and --cable-path, and that the proxy in front passes Upgrade and Connection on",
        data={**data, "cause": "no_cable"},
    )


async def _opens(endpoint: Endpoint) -> bool:
    try:
        opened = await open_socket(endpoint, CONNECT_S / 2)
    except (InvalidHandshake, OSError, EOFError):
        return False
    await opened.close()
    return True


def _failed(endpoint: Endpoint, error: Exception) -> Finding:
    """An attempt that got no answer of HTTP."""
    tls = endpoint.url.startswith("wss")
    if isinstance(error, ssl.SSLCertVerificationError):
        cause, detail = "certificate", error.verify_message
        meaning = f"The server's certificate is not trusted: {detail}."
        remedy = "Give the authority that signed it with --ca-file, and use the name it was issued for"
    elif isinstance(error, ssl.SSLError):
        cause, detail = "tls", str(error.reason or error)
        meaning, remedy = f"TLS was not agreed on: {detail}.", "Check that this is the port that speaks TLS"
    elif isinstance(error, socket.gaierror):
        cause, meaning, remedy = "dns", "The host's name is not known.", "Check its spelling, and this machine's DNS"
    elif isinstance(error, ConnectionRefusedError):
        cause, meaning, remedy = "refused", "Nothing listens there.", "Check host and port, and that the server runs"
    elif isinstance(error, TimeoutError):
        cause, meaning = "timeout", f"No answer within {CONNECT_S:g} s: unreachable, or a server that is stopped."
        remedy = "Check host, port and firewalls, and whether the web processes answer anybody"
    elif isinstance(error, NegotiationError):
        cause, meaning = "negotiation", f"The server chose what was not offered: {error}."
        remedy = "Offer other subprotocols ([target] subprotocols), or look at what the proxy in front changes"
    elif isinstance(error, InvalidHandshake | EOFError):
        cause, meaning = "no_websocket", f"What answers speaks no WebSocket: {error}."
        remedy = "Check host and port" + ("" if tls else ", and whether the port wants https://")
    else:
        cause, meaning = "network", f"The network failed: {error}."
        remedy = "Check host, port and the way there"
    return Finding("handshake", "fail", f"no answer, {_origin(endpoint)}", meaning, remedy, data={"cause": cause})


def _tls(opened: ProbeSocket) -> list[Finding]:
    secured = opened.connection.transport.get_extra_info("ssl_object")
    if secured is None:
        return []
    left_s = ssl.cert_time_to_seconds(secured.getpeercert()["notAfter"]) - time.time()
    days = left_s / _S_PER_DAY
    value = f"{secured.version()}, certificate good for {many(round(days), 'day')}"
    data = {"version": secured.version(), "days_left": round(days, 1)}
    if days < _SOON_DAYS:
        return [Finding("TLS", "warning", value, "It ends soon, and every client with it.", "Renew it", data)]
    return [Finding("TLS", "ok", value, data=data)]


def _subprotocol(endpoint: Endpoint, opened: ProbeSocket) -> Finding:
    chosen, offered = opened.connection.subprotocol, ", ".join(endpoint.subprotocols)
    data = {"chosen": chosen, "offered": list(endpoint.subprotocols)}
    if chosen == PROTOCOL:
        return Finding("subprotocol", "ok", chosen, data=data)
    if chosen is None and not offered:
        return Finding("subprotocol", "ok", "none, as none was offered", data=data)
    if chosen in (None, UNSUPPORTED):
        return Finding(
            "subprotocol",
            "fail",
            f"{chosen or 'none'} of {offered}",
            "The official JavaScript client closes such a connection, and so does a run.",
            "Look for a proxy that strips Sec-WebSocket-Protocol; to test anyway, offer none: --client seed",
            data,
        )
    return Finding("subprotocol", "note", f"{chosen} of {offered}", "Not the one that is spoken here.", "", data)


def _compression(opened: ProbeSocket) -> Finding:
    names = [extension.name for extension in opened.connection.protocol.extensions]
    data = {"extensions": names}
    if not names:
        meaning = "As Rails does it: frames are as long on the wire as they are."
        return Finding("compression", "ok", "offered, not taken", meaning, data=data)
    return Finding(
        "compression",
        "note",
        ", ".join(names),
        "Rails never compresses: something in front does, or this is another server. Runs offer no compression, so "
        "their bytes and latencies are those of uncompressed frames.",
        data=data,
    )


def _welcome(opened: ProbeSocket, took_ms: float | None) -> Finding:
    if took_ms is not None:
        return Finding("welcome", "ok", f"after {took_ms:.1f} ms", data={"took_ms": round(took_ms, 3)})
    ended = " and the socket was closed" if opened.is_closed else ""
    return Finding(
        "welcome",
        "fail",
        f"none within {WELCOME_S:g} s{ended}",
        "A WebSocket is open, but Action Cable's first frame is missing: another server, or one with no free thread.",
        "Check --cable-path, and the web processes' log",
    )
