"""Audiences over real sockets: who receives each event, and who must not."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from loadtest.directory import Agent, Contact, Directory
from tests.refserver.site import (
    ADMIN,
    AGENT_MESSAGES,
    AGENT_TYPING,
    BOTH,
    CONTACT,
    CONVERSATIONS,
    FOREIGN,
    MEMBER,
    MESSAGES,
    OTHER,
    OUTSIDER,
    QUIET,
    STRANGER,
    TYPING,
    Site,
    sample,
    serving,
)

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


def all_of(names: set[str], event: str) -> dict[str, list[str]]:
    """What was heard when each of these heard the event once, and nobody else anything."""
    return {name: [event] for name in names}


async def hearing(site: Site, path: str, body: Any, who: Agent | None = None) -> dict[str, list[str]]:
    """Names of the events each identity heard of one call."""
    listeners = {name: await site.listen(person) for name, person in EVERYBODY.items()}
    status, _ = await site.post(path, body, who)
    assert status == 200
    heard = {name: await listener.events() for name, listener in listeners.items()}
    return {name: events for name, events in heard.items() if events}


def heard_of(path: str, body: Any, who: Agent | None = None, dialect: str = "seed") -> dict[str, list[str]]:
    async def scenario() -> dict[str, list[str]]:
        async with serving(replace(QUIET, dialect=dialect)) as site:
            return await hearing(site, path, body, who)

    return asyncio.run(scenario())


def test_a_contacts_message_reaches_its_audience_alone() -> None:
    """message.created goes to members, administrators and the contact that wrote; not to other inboxes or accounts."""
    heard = heard_of(MESSAGES, {"content": "hi"})

    assert all_of({*AGENTS, "contact"}, "message.created") == heard


def test_an_agents_message_comes_back_to_its_agent() -> None:
    """The agent who writes receives its own message.created like everybody else."""
    heard = heard_of(AGENT_MESSAGES, {"content": "hi"}, MEMBER)

    assert all_of({*AGENTS, "contact"}, "message.created") == heard


def test_a_private_note_never_reaches_contacts() -> None:
    """A private note goes to members and administrators, never to the contact."""
    heard = heard_of(AGENT_MESSAGES, {"content": "note", "private": True}, MEMBER)

    assert all_of(AGENTS, "message.created") == heard


def test_a_new_conversation_is_told_to_agents_in_the_seed() -> None:
    """In the document conversation.created is available for agents alone."""
    heard = heard_of(CONVERSATIONS, {})

    assert all_of(AGENTS, "conversation.created") == heard


def test_a_new_conversation_is_told_to_its_contact_in_current() -> None:
    """The current version tells the contact too."""
    heard = heard_of(CONVERSATIONS, {}, dialect="current")

    assert all_of({*AGENTS, "contact"}, "conversation.created") == heard


def test_an_agents_typing_is_not_told_to_itself() -> None:
    """conversation.typing_on goes to everybody who sees the conversation but the agent who types."""
    heard = heard_of(AGENT_TYPING, {"typing_status": "on"}, MEMBER)

    assert all_of({"admin", "both", "contact"}, "conversation.typing_on") == heard


def test_a_contacts_typing_is_not_told_to_itself() -> None:
    """conversation.typing_off goes to the agents who see the conversation, not to the contact who typed."""
    heard = heard_of(TYPING, {"typing_status": "off"})

    assert all_of(AGENTS, "conversation.typing_off") == heard


def test_verified_sessions_of_a_contact_hear_alike() -> None:
    """All verified sessions of a contact receive its events, an unverified one does not."""
    first = replace(CONTACT, hmac_verified=True)
    second = replace(first, pubsub_token="c-10b", source_id="s-10b", conversation_ids=())
    unverified = replace(second, pubsub_token="c-10c", source_id="s-10c", hmac_verified=False)

    async def scenario() -> list[list[str]]:
        async with serving(directory=Directory((MEMBER,), (first, second, unverified))) as site:
            listeners = [await site.listen(contact) for contact in (first, second, unverified)]
            await site.post(MESSAGES, {"content": "hi"})
            return [await listener.events() for listener in listeners]

    assert asyncio.run(scenario()) == [["message.created"], ["message.created"], []]


def test_all_sockets_of_an_identity_hear() -> None:
    """An agent with two sockets receives an event on both."""

    async def scenario() -> list[str]:
        async with serving() as site:
            first = await site.listen(MEMBER)
            second = await site.listen(MEMBER)
            await first.receive()  # the second socket's subscription is told to the first
            await site.post(MESSAGES, {"content": "hi"})
            return [(await listener.receive())["message"]["event"] for listener in (first, second)]

    assert asyncio.run(scenario()) == ["message.created"] * 2


def test_an_agent_of_two_accounts_hears_both() -> None:
    """Events of all accounts of an agent arrive, whichever it subscribed with."""

    async def scenario() -> list[int]:
        async with serving() as site:
            listener = await site.listen(BOTH, account_id=2)
            await site.post(MESSAGES, {"content": "hi"})
            await site.post("/public/api/v1/inboxes/inbox-7/contacts/s-12/conversations/3/messages", {"content": "hi"})
            return [frame["message"]["data"]["account_id"] for frame in await listener.frames()]

    assert asyncio.run(scenario()) == [1, 2]


@pytest.mark.parametrize(
    ("event", "path", "body"),
    [
        ("conversation.created", CONVERSATIONS, {}),
        ("message.created", MESSAGES, {"content": "hi"}),
        ("conversation.typing_on", TYPING, {"typing_status": "on"}),
        ("conversation.typing_off", TYPING, {"typing_status": "off"}),
    ],
)
def test_frames_have_the_samples_keys(event: str, path: str, body: Any) -> None:
    """A frame read from a socket has the keys of the document's sample, at every level, in the sample's order."""

    async def scenario() -> Any:
        async with serving() as site:
            for key in ((1, 3), (1, 4)):
                conversation = site.server.state.conversation(*key)
                assert conversation is not None
                conversation.assignee = MEMBER
            listener = await site.listen(MEMBER)
            if event.startswith("conversation.typing"):
                await site.post(MESSAGES, {"content": "hi"})
            await site.post(path, body)
            return (await listener.frames())[-1]

    frame = asyncio.run(scenario())
    if event == "conversation.created":  # nobody is assigned yet
        frame["message"]["data"]["meta"]["assignee"] = sample(event)["message"]["data"]["meta"]["assignee"]

    assert keys(sample(event)) == keys(frame)


def keys(value: Any) -> Any:
    """Keys of a JSON value in order, at every level."""
    if isinstance(value, dict):
        return [(key, keys(inner)) for key, inner in value.items()]
    return [keys(inner) for inner in value] if isinstance(value, list) else None


def test_a_frame_is_byte_for_byte_rails_layout() -> None:
    """On the wire: the identifier as it was sent, then the message; in it the event, then the data; no spaces."""

    async def scenario() -> tuple[str, bytes]:
        async with serving() as site:
            listener = await site.listen(MEMBER)
            await site.post(MESSAGES, {"content": "<b>&é", "echo_id": "e"})
            return listener.name, await listener.socket.recv(decode=False)

    name, frame = asyncio.run(scenario())
    start = (
        b'{"identifier":%b,"message":{"event":"message.created","data":{"id":1,"content":' % json.dumps(name).encode()
    )
    start += '"\\u003cb\\u003e\\u0026é","account_id":1,"inbox_id":5,"conversation_id":3,'.encode()

    assert start == frame[: len(start)]
