"""The opening handshake without I/O: websockets' ``ClientProtocol`` asks and judges, errors become countable kinds.

Only the bytes up to the end of the answer's head are judged; what follows is the connection's first frames, which Rails
sends in the same segment. A refusal is told from its status line alone, whatever its body does.
"""

from __future__ import annotations

import functools
import re

from websockets.client import ClientProtocol
from websockets.exceptions import NegotiationError
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI, parse_uri

import loadtest
from loadtest.errors import TransportError
from loadtest.transport.address import UNSUPPORTED
from loadtest.transport.interface import Endpoint
from loadtest.transport.scanner import LOGGER

USER_AGENT = f"onechat-loadtest/{loadtest.__version__}"

_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 64 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([\x20-\x7e]*))?\r\n")
_SWITCHING = 101


@functools.lru_cache(maxsize=64)
def split_url(url: str) -> WebSocketURI:
    """The parts of an endpoint's URL, parsed once.

    Raises:
        websockets.exceptions.InvalidURI: the URL is not ``ws://`` or ``wss://``.
    """
    return parse_uri(url)


@functools.lru_cache(maxsize=64)
def shown_address(url: str) -> str:
    """The URL as errors show it: without query, user or password."""
    uri = split_url(url)
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    return f"{'wss' if uri.secure else 'ws'}://{host}:{uri.port}{uri.path}"


class OpeningHandshake:
    """One client's opening handshake.

    Args:
        endpoint: whom to ask, and with which Origin, subprotocols and headers.

    Attributes:
        request: the bytes to send.
        subprotocol: what the server chose, once :meth:`feed` has returned the rest.
    """

    __slots__ = ("_endpoint", "_head", "_protocol", "request", "subprotocol")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._head = bytearray()
        self._protocol = ClientProtocol(
            split_url(endpoint.url),
            origin=None if endpoint.origin is None else Origin(endpoint.origin),
            subprotocols=[Subprotocol(name) for name in endpoint.subprotocols] or None,
            logger=LOGGER,
        )
        request = self._protocol.connect()
        for name, value in endpoint.headers:
            request.headers[name] = value
        if "User-Agent" not in request.headers:
            request.headers["User-Agent"] = USER_AGENT
        self._protocol.send_request(request)
        self.request = b"".join(self._protocol.data_to_send())
        self.subprotocol: str | None = None

    def feed(self, data: bytes | bytearray) -> bytes | None:
        """Take bytes of the answer.

        Returns:
            What follows the accepted answer's head, or None while the head is incomplete.

        Raises:
            TransportError: ``http_<status>``, ``subprotocol`` or ``handshake``.
        """
        searched = max(len(self._head) - len(_HEAD_END) + 1, 0)
        self._head += data
        end = self._head.find(_HEAD_END, searched)
        if end < 0:
            if len(self._head) > _MAX_HEAD_BYTES:
                raise self._error("handshake", f"no end of the answer's headers within {_MAX_HEAD_BYTES} bytes")
            return None
        end += len(_HEAD_END)
        rest = bytes(self._head[end:])
        head = bytes(self._head[:end])
        status_line = _STATUS_LINE.match(head)
        if status_line is not None and int(status_line[1]) != _SWITCHING:
            raise self._refused(int(status_line[1]), (status_line[2] or b"").decode("ascii"), head)
        self._judge(head)
        return rest

    def cut(self) -> TransportError:
        """The error to raise when the peer closes before its answer is complete."""
        seen = f"after {len(self._head)} bytes of its answer" if self._head else "without an answer"
        return self._error("reset", f"the server closed the connection {seen}")

    def _judge(self, head: bytes) -> None:
        self._protocol.receive_data(head)
        fault = self._protocol.handshake_exc
        if isinstance(fault, NegotiationError) and b"sec-websocket-extensions:" not in head.lower():
            raise self._error("subprotocol", str(fault)) from fault
        if fault is not None:
            raise self._error("handshake", f"{fault}: {fault.__cause__}" if fault.__cause__ else str(fault)) from fault
        chosen = self._protocol.subprotocol
        offered = ", ".join(self._endpoint.subprotocols)
        if chosen is None and offered:
            raise self._error(
                "subprotocol", f"the server chose none of {offered}; if it knows none, use the seed's handshake"
            )
        if chosen == UNSUPPORTED:
            raise self._error("subprotocol", f"the server speaks no protocol version of {offered}")
        self.subprotocol = chosen

    def _refused(self, status: int, reason: str, head: bytes) -> TransportError:
        return self._error(f"http_{status}", f"{status} {reason}".rstrip() + self._remedy(status, head))

    def _remedy(self, status: int, head: bytes) -> str:
        origin = "no Origin" if self._endpoint.origin is None else f"Origin {self._endpoint.origin}"
        if status == 404:
            return (
                f"; Action Cable answers so to an Origin or a path it does not know: {origin} was sent,"
                " check the path and the server's allowed_request_origins"
            )
        if status in (401, 403):
            return f"; a proxy or the server turned the client away, {origin} was sent"
        if 300 <= status < 400:
            location = re.search(rb"\r\nlocation:[ \t]*([^\s?#]*)", head, re.IGNORECASE)
            target = f" to {location[1].decode('ascii', 'replace')}" if location and b"@" not in location[1] else ""
            return f"; redirects{target} are not followed, give the address it leads to"
        if status in (502, 503, 504):
            return "; a proxy in front could not reach the cable"
        return ""

    def _error(self, kind: str, detail: str) -> TransportError:
        return TransportError(kind, shown_address(self._endpoint.url), detail)
