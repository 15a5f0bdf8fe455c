"""OneChat's ``RoomChannel`` on django-actioncable, with the REST calls that talk needs: a server that really loses.

``python -m tests.e2e.channels_app IDENTITIES`` serves on a free loopback port, says so in one line, and ends with its
standard input. The cable is the package's own consumer over Django Channels' in-memory layer, whose queues take 100
messages a socket and drop the rest without a word. Nothing of the toolkit's server or cable is used.

Like a job queue that was held up for a moment, the broadcasts of several seconds are sent all at once: all of a burst
is queued before any consumer gets its turn, so each socket is handed the first 100 of it and no more.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import os
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import django
import uvicorn
from django.conf import settings

settings.configure(
    SECRET_KEY="of a test",
    USE_TZ=True,
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()

from actioncable import ActionCableConsumer, CableChannel, cable_channel_register  # noqa: E402
from actioncable.utils import async_cable_broadcast  # noqa: E402

from loadtest.contract import EVENTS  # noqa: E402
from loadtest.contract.sample_frames import sample_frame  # noqa: E402
from loadtest.directory import Agent, Contact, Directory, read_identities  # noqa: E402

BURST_EVERY_S = 3.0
LOST_BEYOND = 100
"""Messages of one burst that a socket is handed: the in-memory layer's capacity."""

CONTACT = r"/public/api/v1/inboxes/[^/]+/contacts/(?P<source>[^/]+)/conversations"
CONVERSATION = r"/api/v1/accounts/(?P<account>\d+)/conversations/(?P<conversation>\d+)"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@cable_channel_register
class RoomChannel(CableChannel):
    """Streams a token's events, as upstream's channel of that name does."""

    def __init__(
        self, consumer: ActionCableConsumer, identifier_key: str, params: dict[str, Any] | None = None
    ) -> None:
        self.consumer = consumer
        self.identifier_key = identifier_key
        self.token = (params or {})["pubsub_token"]

    async def subscribe(self) -> None:
        await self.consumer.subscribe_group(self.token, self)

    async def unsubscribe(self) -> None:
        await self.consumer.unsubscribe_group(self.token, self)


class Talk:
    """Conversations, their messages, and the broadcasts that wait for the next burst.

    Args:
        directory: who there is.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._contacts = {contact.source_id: contact for contact in directory.contacts}
        self._conversations: dict[int, Contact] = {}
        self._ids = itertools.count(1)
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._samples = {
            event: (sample_frame(EVENTS[event]) or {})["message"]["data"]
            for event in ("message.created", "conversation.created")
        }

    def open(self, source: str) -> dict[str, Any]:
        """A contact opens a conversation; its agents are told at once with the next burst."""
        contact = self._contacts[source]
        number = next(self._ids)
        self._conversations[number] = contact
        data = self._data("conversation.created", number, contact)
        self._tell("conversation.created", data, [agent.pubsub_token for agent in self._agents(contact)])
        return {"id": number, "inbox_id": contact.inbox_id, "messages": []}

    def write(self, number: int, sender: Contact | Agent, body: dict[str, Any]) -> dict[str, Any]:
        """Somebody writes: the inbox's agents and the contact are told with the next burst."""
        contact = self._conversations[number]
        message_id = next(self._ids)
        data = self._data("message.created", message_id, contact) | {
            "content": body["content"],
            "echo_id": body["echo_id"],
            "conversation_id": number,
            **_sent_by(sender),
        }
        tokens = [agent.pubsub_token for agent in self._agents(contact)]
        self._tell("message.created", data, [*tokens, contact.pubsub_token])
        return {"id": message_id, "conversation_id": number, "content": body["content"]}

    def contact(self, source: str) -> Contact:
        """The contact of a source id."""
        return self._contacts[source]

    def agent(self, access_token: str) -> Agent:
        """The agent of an access token."""
        return next(agent for agent in self._directory.agents if agent.access_token == access_token)

    async def send_bursts(self) -> None:
        """Send what has gathered, all at once, every few seconds."""
        while True:
            await asyncio.sleep(BURST_EVERY_S)
            burst, self._waiting = self._waiting, []
            await asyncio.gather(*(async_cable_broadcast(token, message) for token, message in burst))

    def _agents(self, contact: Contact) -> list[Agent]:
        return [
            agent
            for agent in self._directory.agents
            if contact.account_id in agent.account_ids
            and (agent.role == "administrator" or contact.inbox_id in agent.inbox_ids)
        ]

    def _data(self, event: str, number: int, contact: Contact) -> dict[str, Any]:
        data: dict[str, Any] = copy.deepcopy(self._samples[event])
        data |= {"id": number, "account_id": contact.account_id, "inbox_id": contact.inbox_id}
        if "meta" in data:
            data["meta"]["sender"]["id"] = data["contact_inbox"]["contact_id"] = contact.contact_id
        return data | ({"created_at": int(time.time())} if "created_at" in data else {})

    def _tell(self, event: str, data: dict[str, Any], tokens: list[str]) -> None:
        self._waiting += [(token, {"event": event, "data": data}) for token in tokens]


def _sent_by(sender: Contact | Agent) -> dict[str, Any]:
    is_contact = isinstance(sender, Contact)
    number, kind = (sender.contact_id, "Contact") if isinstance(sender, Contact) else (sender.user_id, "User")
    shown = {"id": number, "name": sender.name, "type": kind.lower()}
    return {"message_type": 0 if is_contact else 1, "sender_type": kind, "sender_id": number, "sender": shown}


class App:
    """The ASGI application: the cable, and the calls of :mod:`loadtest.api` that a run without typing makes.

    Args:
        talk: what the calls change.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._cable = ActionCableConsumer.as_asgi()
        self._routes: list[tuple[str, Callable[[re.Match[str], dict[str, Any], dict[str, str]], dict[str, Any]]]] = [
            (r"/api", lambda match, body, headers: {"version": "django-actioncable"}),
            (CONTACT, lambda match, body, headers: talk.open(match["source"])),
            (CONTACT + r"/(?P<conversation>\d+)/messages", self._contact_writes),
            (CONVERSATION + r"/messages", self._agent_writes),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._cable(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = b""
        while True:
            part = await receive()
            text += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, answer = 404, {"error": "no such address"}
        for pattern, act in self._routes:
            if match := re.fullmatch(pattern, scope["path"]):
                status, answer = 200, act(match, json.loads(text or b"{}"), headers)
                break
        body = json.dumps(answer).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    def _contact_writes(self, match: re.Match[str], body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        return self._talk.write(int(match["conversation"]), self._talk.contact(match["source"]), body)

    def _agent_writes(self, match: re.Match[str], body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        return self._talk.write(int(match["conversation"]), self._talk.agent(headers["api_access_token"]), body)


class Announcing(uvicorn.Server):
    """Says where it listens as soon as it does."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()
        print(f"Listening on http://{host}:{port}", flush=True)


async def serve(identities: str) -> None:
    """Serve until told to end."""
    talk = Talk(read_identities(identities))
    config = uvicorn.Config(App(talk), host="127.0.0.1", port=0, log_level="warning", timeout_keep_alive=600)
    bursts = asyncio.create_task(talk.send_bursts())
    await Announcing(config).serve()
    bursts.cancel()


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    asyncio.run(serve(sys.argv[1]))
