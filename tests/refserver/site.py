"""A small installation to serve in tests, and plain clients to talk to it with: none of the toolkit's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from loadtest.api import Call
from loadtest.clock import Clock
from loadtest.directory import Agent, Contact, Directory
from loadtest.refserver import ServerSettings
from loadtest.refserver.rooms import Deliver, deliver_now
from loadtest.refserver.server import ReferenceServer

_T = TypeVar("_T")

SEED = Path(__file__).parent.parent / "data" / "seed"

ADMIN = Agent((1,), 1, "administrator", (), "p-admin", "a-admin", "Ada")
MEMBER = Agent((1,), 2, "agent", (5,), "p-member", "a-member", "Max")
OUTSIDER = Agent((1,), 3, "agent", (6,), "p-outsider", "a-outsider", "Oda")
STRANGER = Agent((2,), 4, "administrator", (7,), "p-stranger", "a-stranger", "Sam")
BOTH = Agent((2, 1), 5, "agent", (5, 7), "p-both", "a-both", "Bo")
CONTACT = Contact(1, 10, 5, "s-10", "c-10", "inbox-5", conversation_ids=(3,), name="Cleo")
OTHER = Contact(1, 11, 6, "s-11", "c-11", "inbox-6", conversation_ids=(4,), name="Otto")
FOREIGN = Contact(2, 12, 7, "s-12", "c-12", "inbox-7", conversation_ids=(3,), name="Finn")
DIRECTORY = Directory((ADMIN, MEMBER, OUTSIDER, STRANGER, BOTH), (CONTACT, OTHER, FOREIGN))

EVERYBODY: dict[str, Agent | Contact] = {
    "admin": ADMIN,
    "member": MEMBER,
    "outsider": OUTSIDER,
    "stranger": STRANGER,
    "both": BOTH,
    "contact": CONTACT,
    "other": OTHER,
    "foreign": FOREIGN,
}
AGENTS = {"admin", "member", "both"}
"""Who sees conversation 3 of account 1: the inbox's members and the account's administrator."""
ACCOUNT = {*AGENTS, "outsider"}
"""The agents of account 1."""

QUIET = ServerSettings(ping_interval_s=3600)
"""Settings under which no ping falls into a test."""

MESSAGES = "/public/api/v1/inboxes/inbox-5/contacts/s-10/conversations/3/messages"
TYPING = "/public/api/v1/inboxes/inbox-5/contacts/s-10/conversations/3/toggle_typing"
AGENT_MESSAGES = "/api/v1/accounts/1/conversations/3/messages"
AGENT_TYPING = "/api/v1/accounts/1/conversations/3/toggle_typing_status"
CONVERSATIONS = "/public/api/v1/inboxes/inbox-5/contacts/s-10/conversations"


def sample(event: str) -> Any:
    """The document's frame of an event."""
    return json.loads((SEED / f"{event}.json").read_text())


def identifier(who: Agent | Contact, account_id: int | None = None) -> str:
    """A subscription's identifier in the document's form."""
    if isinstance(who, Contact):
        return json.dumps({"channel": "RoomChannel", "pubsub_token": who.pubsub_token}, separators=(",", ":"))
    params = {
        "channel": "RoomChannel",
        "pubsub_token": who.pubsub_token,
        "account_id": who.account_id if account_id is None else account_id,
        "user_id": who.user_id,
    }
    return json.dumps(params, separators=(",", ":"))


def on_site(scenario: Callable[[Site], Awaitable[_T]], settings: ServerSettings = QUIET) -> _T:
    """Play a scenario against a server of its own."""

    async def run() -> _T:
        async with serving(settings) as site:
            return await scenario(site)

    return asyncio.run(run())


class Listener:
    """One socket with one confirmed subscription."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.socket = socket
        self.name = name

    async def command(self, command: str, **fields: str) -> None:
        """Send a command."""
        await self.socket.send(json.dumps({"command": command, **fields}))

    async def beat(self) -> None:
        """Send ``update_presence``."""
        await self.command("message", identifier=self.name, data='{"action":"update_presence"}')

    async def receive(self) -> Any:
        """The next frame, decoded."""
        return json.loads(await self.socket.recv())

    async def frames(self) -> list[Any]:
        """All frames up to the answer to a beat that is sent now, the answer excluded.

        The server hands an event's frames over before it answers the call that caused it, and keeps each socket's
        order: what has not come before the answer does not come.
        """
        await self.beat()
        frames = []
        while True:
            frame = await self.receive()
            if frame.get("message", {}).get("event") == "presence.update":
                return frames
            frames.append(frame)

    async def events(self) -> list[str]:
        """Names of the events among :meth:`frames`."""
        return [frame["message"]["event"] for frame in await self.frames()]

    async def data(self, event: str) -> Any:
        """The data of the one frame of this event among :meth:`frames`."""
        (frame,) = [frame for frame in await self.frames() if frame["message"]["event"] == event]
        return frame["message"]["data"]

    async def presence(self) -> Any:
        """The data of the presence.update that answers a beat sent now."""
        await self.beat()
        return (await self.receive())["message"]["data"]


class Site:
    """A running server and whoever talks to it."""

    def __init__(self, server: ReferenceServer, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http
        self._sockets: list[ClientConnection] = []

    async def open(self, **options: Any) -> ClientConnection:
        """Open a socket and take its welcome."""
        socket = await connect(self.server.cable_url, compression=None, ping_interval=None, proxy=None, **options)
        self._sockets.append(socket)
        assert await socket.recv() == '{"type":"welcome"}'
        return socket

    async def listen(self, who: Agent | Contact, account_id: int | None = None) -> Listener:
        """Open a socket and subscribe, up to the first presence.update."""
        listener = Listener(await self.open(), identifier(who, account_id))
        await listener.command("subscribe", identifier=listener.name)
        assert (await listener.receive())["type"] == "confirm_subscription"
        assert (await listener.receive())["message"]["event"] == "presence.update"
        return listener

    async def post(self, path: str, body: Any, who: Agent | None = None) -> tuple[int, Any]:
        """POST JSON; the status and the decoded body, None where it is empty."""
        headers = {} if who is None else {"api_access_token": who.access_token}
        async with self.http.post(self.server.url + path, json=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def send(self, call: Call) -> tuple[int, bytes]:
        """Send one of the toolkit's own calls as it stands; the status and the body."""
        method, url = call.endpoint.method, self.server.url + call.path
        async with self.http.request(method, url, data=call.body or None, headers=call.headers) as response:
            return response.status, await response.read()

    async def done(self, call: Call) -> bytes:
        """Send a call that must succeed; its answer."""
        status, body = await self.send(call)
        assert status == 200, body
        return body

    async def get(self, path: str) -> tuple[int, str]:
        """GET; the status and the text."""
        async with self.http.get(self.server.url + path) as response:
            return response.status, await response.text()

    async def close(self) -> None:
        """Close all sockets."""
        for socket in self._sockets:
            await socket.close()


@asynccontextmanager
async def serving(
    settings: ServerSettings = QUIET,
    directory: Directory = DIRECTORY,
    *,
    clock: Clock | None = None,
    deliver: Deliver = deliver_now,
) -> AsyncIterator[Site]:
    """Serve on a free port of this machine."""
    server = ReferenceServer(replace(settings, port=0), directory, clock=clock, deliver=deliver)
    async with server, aiohttp.ClientSession() as http:
        site = Site(server, http)
        try:
            yield site
        finally:
            await site.close()
