"""The cable as a client meets it: handshake, subscriptions, presence, pings, and what is met with silence."""

import asyncio
import json
from dataclasses import replace
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from loadtest.clock import VirtualClock
from loadtest.directory import Agent, Contact
from loadtest.refserver.cable import SEND_BUFFER_BYTES
from tests.refserver.site import (
    ADMIN,
    CONTACT,
    MEMBER,
    MESSAGES,
    OUTSIDER,
    QUIET,
    STRANGER,
    Listener,
    Site,
    identifier,
    sample,
    serving,
)


def test_the_seeds_bare_client_is_welcome() -> None:
    """A client that offers no subprotocol is welcomed, and the header is left out of the answer."""

    async def scenario() -> str | None:
        async with serving() as site:
            socket = await site.open()
            assert socket.response is not None
            return socket.response.headers.get("Sec-WebSocket-Protocol")

    assert asyncio.run(scenario()) is None


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["actioncable-v1-json", "actioncable-unsupported"], "actioncable-v1-json"),
        (["actioncable-v1-ext-json", "actioncable-v1-json"], "actioncable-v1-json"),
        (["actioncable-unsupported"], "actioncable-unsupported"),
    ],
)
def test_the_first_known_subprotocol_is_chosen(offered: list[Any], chosen: str) -> None:
    """The first subprotocol of the client's list that Rails knows is negotiated."""

    async def scenario() -> str | None:
        async with serving() as site:
            return (await site.open(subprotocols=offered)).subprotocol

    assert chosen == asyncio.run(scenario())


def test_compression_is_never_negotiated() -> None:
    """An offer of permessage-deflate is passed over, as Action Cable passes it over."""

    async def scenario() -> str | None:
        async with serving() as site, connect(site.server.cable_url, compression="deflate", proxy=None) as socket:
            assert socket.response is not None
            return socket.response.headers.get("Sec-WebSocket-Extensions")

    assert asyncio.run(scenario()) is None


def test_any_origin_is_welcome() -> None:
    """Upstream checks no origin."""

    async def scenario() -> bool:
        async with serving() as site:
            await site.open(origin="https://elsewhere.example")
            return True

    assert asyncio.run(scenario())


@pytest.mark.parametrize(("path", "text"), [("/cable", "Page not found"), ("/cable/x", None), ("/nowhere", None)])
def test_what_is_no_upgrade_is_not_found(path: str, text: str | None) -> None:
    """GET /cable without an upgrade is 404 with Action Cable's text, and so is every wrong path."""

    async def scenario() -> tuple[int, str]:
        async with serving() as site:
            return await site.get(path)

    status, answer = asyncio.run(scenario())

    assert (404, text or answer) == (status, answer)


def test_an_upgrade_of_a_wrong_path_is_not_found() -> None:
    """A WebSocket handshake at another path is refused with 404."""

    async def scenario() -> int:
        async with (
            serving() as site,
            site.http.get(
                site.server.url + "/kable", headers={"Upgrade": "websocket", "Connection": "Upgrade"}
            ) as response,
        ):
            return response.status

    assert asyncio.run(scenario()) == 404


@pytest.mark.parametrize("who", [MEMBER, CONTACT], ids=["agent", "contact"])
def test_a_subscription_is_confirmed_byte_for_byte(who: Agent | Contact) -> None:
    """The confirmation is Rails' frame with the identifier exactly as it was sent, odd spacing included."""
    name = identifier(who).replace(",", " ,  ")

    async def scenario() -> bytes:
        async with serving() as site:
            listener = Listener(await site.open(), name)
            await listener.command("subscribe", identifier=name)
            return await listener.socket.recv(decode=False)

    assert b'{"identifier":%b,"type":"confirm_subscription"}' % json.dumps(name).encode() == asyncio.run(scenario())


def test_ids_may_be_digits() -> None:
    """Ids in an identifier may be texts of digits, as Rails casts them."""
    name = json.dumps({"channel": "RoomChannel", "pubsub_token": "p-member", "account_id": "1", "user_id": "2"})

    async def scenario() -> str:
        async with serving() as site:
            listener = Listener(await site.open(), name)
            await listener.command("subscribe", identifier=name)
            return str((await listener.receive())["type"])

    assert asyncio.run(scenario()) == "confirm_subscription"


def test_the_first_presence_update_has_the_samples_keys() -> None:
    """An agent's presence.update has the sample's keys and lists the agent itself."""

    async def scenario() -> tuple[Any, str]:
        async with serving() as site:
            await site.listen(CONTACT)
            listener = Listener(await site.open(), identifier(MEMBER))
            await listener.command("subscribe", identifier=listener.name)
            await listener.receive()
            return await listener.receive(), listener.name

    frame, name = asyncio.run(scenario())
    expected = sample("presence.update")
    expected["identifier"] = name
    expected["message"]["data"] |= {"users": {"2": "online"}, "contacts": {"10": "online"}}

    assert expected == frame


def test_presence_goes_to_the_own_token_alone() -> None:
    """A beat is answered on all sockets of the identity that beat, and on nobody else's."""

    async def scenario() -> tuple[Any, Any, list[Any]]:
        async with serving() as site:
            other = await site.listen(ADMIN)
            first = await site.listen(MEMBER)
            second = await site.listen(MEMBER)
            await first.receive()  # the second socket's subscription is told to the first
            await first.beat()
            return await first.receive(), await second.receive(), await other.frames()

    first, second, other = asyncio.run(scenario())

    assert (first, []) == (second, other)


def test_presence_expires_by_the_clock() -> None:
    """Whoever beats no more is told as online until the expiry, and not after it."""
    clock = VirtualClock()

    async def scenario() -> list[list[str]]:
        async with serving(replace(QUIET, agent_expiry_s=20), clock=clock) as site:
            await site.listen(ADMIN)
            listener = await site.listen(MEMBER)
            told = []
            for step_s in (20, 0.001):
                clock.advance(step_s)
                told.append(sorted((await listener.presence())["users"]))
            return told

    assert asyncio.run(scenario()) == [["1", "2"], ["2"]]


def test_leaving_changes_no_presence() -> None:
    """An agent whose socket closed stays online until its beat expires."""

    async def scenario() -> list[str]:
        async with serving() as site:
            gone = await site.listen(ADMIN)
            await gone.socket.close()
            return sorted((await (await site.listen(MEMBER)).presence())["users"])

    assert asyncio.run(scenario()) == ["1", "2"]


REFUSED = {
    "unknown token": {"channel": "RoomChannel", "pubsub_token": "nobody", "account_id": 1, "user_id": 2},
    "another's user id": {"channel": "RoomChannel", "pubsub_token": "p-member", "account_id": 1, "user_id": 1},
    "another account": {"channel": "RoomChannel", "pubsub_token": "p-member", "account_id": 2, "user_id": 2},
    "no account": {"channel": "RoomChannel", "pubsub_token": "p-member", "user_id": 2},
    "an agent's token without user id": {"channel": "RoomChannel", "pubsub_token": "p-member"},
    "a contact's token with user id": {
        "channel": "RoomChannel",
        "pubsub_token": "c-10",
        "account_id": 1,
        "user_id": 10,
    },
    "no token": {"channel": "RoomChannel"},
    "a token that is no text": {"channel": "RoomChannel", "pubsub_token": 7},
    "unknown channel": {"channel": "AdminChannel", "pubsub_token": "p-member", "account_id": 1, "user_id": 2},
    "no channel": {"pubsub_token": "p-member", "account_id": 1, "user_id": 2},
}


@pytest.mark.parametrize("params", REFUSED.values(), ids=REFUSED)
def test_a_wrong_subscription_is_met_with_silence(params: dict[str, Any]) -> None:
    """Neither confirmed nor rejected, nothing is received through it, and the socket goes on."""

    async def scenario() -> list[Any]:
        async with serving() as site:
            listener = await site.listen(OUTSIDER)
            wrong = Listener(listener.socket, json.dumps(params))
            await wrong.command("subscribe", identifier=wrong.name)
            await wrong.beat()
            await site.post(MESSAGES, {"content": "hi"})
            return await listener.frames()

    assert asyncio.run(scenario()) == []


def test_a_refused_identifier_stays_refused() -> None:
    """The dead subscription stays registered, so that a second try of its identifier is passed over."""

    async def scenario() -> dict[str, None]:
        async with serving() as site:
            socket = await site.open()
            wrong = Listener(socket, json.dumps(REFUSED["unknown token"]))
            for _ in range(2):
                await wrong.command("subscribe", identifier=wrong.name)
            await probe(socket)
            (connection,) = site.server.cable.connections
            return {name: None for name, subscription in connection.subscriptions.items() if subscription is None}

    assert {json.dumps(REFUSED["unknown token"]): None} == asyncio.run(scenario())


async def probe(socket: Any) -> None:
    """Come back when everything sent before has been executed: a subscription of our own is confirmed."""
    listener = Listener(socket, identifier(STRANGER))
    await listener.command("subscribe", identifier=listener.name)
    while (await listener.receive()).get("type") != "confirm_subscription":
        pass


BAD_INPUT: dict[str, str | bytes] = {
    "malformed JSON": "{",
    "an empty frame": "",
    "an array": "[]",
    "a number": "1",
    "null": "null",
    "an unknown command": '{"command":"dance","identifier":"{}"}',
    "no command": "{}",
    "a command that is no text": '{"command":1}',
    "an identifier that is no JSON": '{"command":"subscribe","identifier":"room"}',
    "an identifier that is an object": '{"command":"subscribe","identifier":{"channel":"RoomChannel"}}',
    "an identifier that is an array": '{"command":"subscribe","identifier":"[]"}',
    "a message before its subscription": json.dumps(
        {"command": "message", "identifier": identifier(MEMBER), "data": '{"action":"update_presence"}'}
    ),
    "an unknown unsubscribe": '{"command":"unsubscribe","identifier":"x"}',
    "an unknown action": json.dumps(
        {"command": "message", "identifier": identifier(OUTSIDER), "data": '{"action":"dance"}'}
    ),
    "a private action": json.dumps(
        {"command": "message", "identifier": identifier(OUTSIDER), "data": '{"action":"subscribed"}'}
    ),
    "data that is no JSON": json.dumps({"command": "message", "identifier": identifier(OUTSIDER), "data": "x"}),
    "data that is an object": json.dumps(
        {"command": "message", "identifier": identifier(OUTSIDER), "data": {"action": "x"}}
    ),
    "a duplicate subscribe": json.dumps({"command": "subscribe", "identifier": identifier(OUTSIDER)}),
    "a binary frame": b"\x00\x01",
    "deep nesting": "[" * 100_000,
    "deep nesting in an identifier": json.dumps({"command": "subscribe", "identifier": "[" * 100_000}),
    "deep nesting in data": json.dumps(
        {"command": "message", "identifier": identifier(OUTSIDER), "data": '{"x":' + "[" * 100_000}
    ),
    "a lone surrogate": '{"command":"subscribe","identifier":"\\ud800"}',
}


@pytest.mark.parametrize("text", BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_passed_over(text: str | bytes) -> None:
    """What is no command gets no answer and ends nothing: the subscription before it still works."""

    async def scenario() -> list[Any]:
        async with serving() as site:
            listener = await site.listen(OUTSIDER)
            await listener.socket.send(text)
            return await listener.frames()

    assert asyncio.run(scenario()) == []


def test_the_same_parameters_in_another_order_are_a_second_subscription() -> None:
    """An identifier is a key of its own: each of the two hears every event."""

    async def scenario() -> list[str]:
        async with serving() as site:
            listener = await site.listen(MEMBER)
            other = json.dumps(dict(reversed(json.loads(listener.name).items())))
            await listener.command("subscribe", identifier=other)
            for _ in range(3):  # the confirmation, and presence on both
                await listener.receive()
            await site.post(MESSAGES, {"content": "hi"})
            heard = {(await listener.receive())["identifier"] for _ in range(2)}
            return sorted(heard ^ {listener.name, other})

    assert asyncio.run(scenario()) == []


def test_unsubscribing_is_silent_and_ends_the_events() -> None:
    """After unsubscribe no frame comes, and the identifier can be subscribed to again."""

    async def scenario() -> list[str]:
        async with serving() as site:
            listener = await site.listen(MEMBER)
            await listener.command("unsubscribe", identifier=listener.name)
            await probe(listener.socket)
            await listener.receive()  # the probe's presence
            await site.post(MESSAGES, {"content": "hi"})
            await listener.command("subscribe", identifier=listener.name)
            return [next(iter((await listener.receive()).keys() - {"identifier"})) for _ in range(2)]

    assert asyncio.run(scenario()) == ["type", "message"]


def test_pings_carry_unix_seconds() -> None:
    """A ping is Rails' frame with the wall clock's whole seconds, on every socket, subscribed or not."""
    clock = VirtualClock(wall_start_ns=1_795_352_667_900_000_000)

    async def scenario() -> list[str | bytes]:
        async with serving(clock=clock) as site:
            sockets = [await site.open() for _ in range(2)]
            site.server.cable.ping_all()
            return [await socket.recv() for socket in sockets]

    assert asyncio.run(scenario()) == ['{"type":"ping","message":1795352667}'] * 2


def test_the_beat_goes_on() -> None:
    """Pings come by themselves, one interval after the other."""

    async def scenario() -> list[str]:
        async with serving(replace(QUIET, ping_interval_s=0.02)) as site:
            socket = await site.open()
            return [json.loads(await socket.recv())["type"] for _ in range(3)]

    assert asyncio.run(scenario()) == ["ping"] * 3


@pytest.mark.parametrize("code", [1000, 4001])
def test_a_close_code_is_echoed(code: int) -> None:
    """The server answers a close with the code it was given."""

    async def scenario() -> int | None:
        async with serving() as site:
            socket = await site.open()
            await socket.close(code)
            return socket.close_code

    assert code == asyncio.run(scenario())


def test_a_reserved_bit_is_a_protocol_error() -> None:
    """A frame that breaks RFC 6455 is answered with close code 1002, and other sockets go on."""

    async def scenario() -> tuple[int | None, list[Any]]:
        async with serving() as site:
            listener = await site.listen(OUTSIDER)
            socket = await site.open()
            socket.transport.write(b"\xf1\x80\x00\x00\x00\x00")
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            return socket.close_code, await listener.frames()

    assert asyncio.run(scenario()) == (1002, [])


def test_sockets_that_closed_leave_nothing_behind() -> None:
    """When sockets have gone, by close or by cut, no connection and no subscription remains."""

    async def scenario() -> tuple[int, int]:
        async with serving() as site:
            closed, cut = await site.listen(MEMBER), await site.listen(CONTACT)
            await closed.socket.close()
            cut.socket.transport.abort()
            await gone(site)
            return len(site.server.cable.connections), site.server.rooms.subscriptions

    assert asyncio.run(scenario()) == (0, 0)


async def gone(site: Site) -> None:
    """Come back when the server has noticed that all sockets are gone."""
    async with asyncio.timeout(10):
        while site.server.cable.connections:
            await site.get("/health")


def test_the_kernel_keeps_little_of_what_a_peer_does_not_read() -> None:
    """Each socket's send buffer is small, so that a slow reader shows in the server's own backlog."""

    async def scenario() -> int:
        async with serving() as site:
            listener = await site.listen(ADMIN)
            (connection,) = site.server.cable.connections
            size = connection.transport.get_extra_info("socket").getsockopt(SOL_SOCKET, SO_SNDBUF)
            listener.socket.transport.abort()
            return int(size)

    assert asyncio.run(scenario()) in (SEND_BUFFER_BYTES, 2 * SEND_BUFFER_BYTES)


def test_a_slow_reader_holds_nobody_up() -> None:
    """While one socket reads nothing, its backlog is counted and others receive everything."""
    text = "x" * 60_000

    async def scenario() -> tuple[bool, int]:
        async with serving() as site:
            slow = await site.listen(ADMIN)
            slow.socket.transport.pause_reading()
            listener = await site.listen(MEMBER)
            heard = 0
            for _ in range(400):  # more than loopback's socket buffers hold
                await site.post(MESSAGES, {"content": text})
                heard += len(await listener.frames())
            backlog = site.server.cable.backlog_bytes
            slow.socket.transport.abort()
            return backlog > len(text), heard

    assert asyncio.run(scenario()) == (True, 400)
