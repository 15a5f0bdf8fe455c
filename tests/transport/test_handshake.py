"""The opening handshake without I/O, against websockets' server side."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from loadtest.errors import TransportError
from loadtest.transport.address import cable_endpoint
from loadtest.transport.handshake import OpeningHandshake, shown_address
from loadtest.transport.interface import Endpoint

ENDPOINT = cable_endpoint("http://host:3000")


def answer_to(handshake: OpeningHandshake) -> bytes:
    """What websockets' server answers."""
    server = ServerProtocol(subprotocols=[Subprotocol("actioncable-v1-json")])
    server.receive_data(handshake.request)
    (request,) = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    return b"".join(server.data_to_send())


@given(st.lists(st.integers(0, 300), max_size=6))
def test_any_split_of_the_answer(cuts: list[int]) -> None:
    """Wherever the answer is split, it is accepted, and what follows it is handed back."""
    handshake = OpeningHandshake(ENDPOINT)
    head = answer_to(handshake)
    stream = head + b"\x81\x02hi"
    borders = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    rest: bytes | None = None
    for start, end in itertools.pairwise(borders):
        rest = (rest or b"") + stream[start:end] if rest is not None else handshake.feed(stream[start:end])

    assert (rest, handshake.subprotocol) == (b"\x81\x02hi", "actioncable-v1-json")


def test_request_headers() -> None:
    """Further headers and our User-Agent are sent, and no extension is offered."""
    request = OpeningHandshake(Endpoint("ws://host/cable?a=1", headers=(("Authorization", "Basic x"),))).request

    assert (
        request.startswith(b"GET /cable?a=1 HTTP/1.1\r\n"),
        b"\r\nAuthorization: Basic x\r\n" in request,
        b"\r\nUser-Agent: onechat-loadtest/" in request,
        b"Sec-WebSocket-Extensions" in request,
    ) == (True, True, True, False)


def test_endless_headers() -> None:
    """An answer whose head does not end is given up."""
    handshake = OpeningHandshake(ENDPOINT)

    with pytest.raises(TransportError) as caught:
        handshake.feed((b"X-Filler: " + b"x" * 1000 + b"\r\n") * 100)

    assert caught.value.kind == "handshake"


def test_shown_address_hides_the_query() -> None:
    """Errors show no query, which may hold a token, and write IPv6 in brackets."""
    assert shown_address("wss://[::1]:3000/cable?token=secret") == "wss://[::1]:3000/cable"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("401 Unauthorized", "turned the client away"),
        ("503 Service Unavailable", "proxy in front"),
        ("418 Teapot", "418"),
    ],
)
def test_refusals_are_explained(status: str, hint: str) -> None:
    """A refusal's text says what it usually means."""
    with pytest.raises(TransportError) as caught:
        OpeningHandshake(ENDPOINT).feed(f"HTTP/1.1 {status}\r\n\r\n".encode())

    assert (f"http_{status[:3]}", True) == (caught.value.kind, hint in caught.value.detail)
