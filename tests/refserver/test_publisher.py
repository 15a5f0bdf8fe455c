"""Audiences over real sockets: for each cause, who receives which events, and who must not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from loadtest import api
from loadtest.api import Call
from loadtest.contract import EVENTS
from loadtest.directory import Directory
from loadtest.refserver.rooms import Broadcast, Subscription, deliver_now
from tests.refserver.site import (
    ACCOUNT,
    ADMIN,
    AGENTS,
    BOTH,
    CONTACT,
    EVERYBODY,
    FOREIGN,
    MEMBER,
    OTHER,
    OUTSIDER,
    QUIET,
    sample,
    serving,
)

CONCERNED = {*AGENTS, "contact"}
"""The agents who see conversation 3, and its contact."""

QUESTION = api.agent_send_message(MEMBER, 1, 3, "Your address?", "q", content_type="input_email")
"""Becomes message 1, for the contact to answer."""

Heard = dict[str, list[str]]
"""Names of events by the names of those who heard them."""


def of(names: set[str], *events: str) -> Heard:
    """Each of these heard these events, in this order."""
    return {name: list(events) for name in names}


def both(*parts: Heard) -> Heard:
    """All of these, each hearer's events in order."""
    found: Heard = {}
    for part in parts:
        for name, events in part.items():
            found[name] = found.get(name, []) + events
    return found


#: cause, what must be so before, and what is heard of it in the seed's version.
SEED: dict[str, tuple[Call, tuple[Call, ...], Heard]] = {
    "contact creates a conversation": (
        api.contact_create_conversation(CONTACT),
        (),
        of(AGENTS, "conversation.created"),
    ),
    "contact writes": (api.contact_send_message(CONTACT, 3, "hi", "e"), (), of(CONCERNED, "message.created")),
    "contact writes into what is resolved": (
        api.contact_send_message(CONTACT, 3, "hi", "e"),
        (api.agent_toggle_status(MEMBER, 1, 3, "resolved"),),
        of(CONCERNED, "conversation.status_changed", "message.created"),
    ),
    "contact types": (
        api.contact_toggle_typing(CONTACT, 3, typing=True),
        (),
        of(AGENTS, "conversation.typing_on"),
    ),
    "contact stops typing": (
        api.contact_toggle_typing(CONTACT, 3, typing=False),
        (),
        of(AGENTS, "conversation.typing_off"),
    ),
    "contact reads": (api.contact_update_last_seen(CONTACT, 3), (), of(AGENTS, "conversation.read")),
    "contact answers": (
        api.contact_update_message(CONTACT, 3, 1, "jane@acme.inc"),
        (QUESTION,),
        of(CONCERNED, "message.updated"),
    ),
    "agent writes": (api.agent_send_message(MEMBER, 1, 3, "hi", "e"), (), of(CONCERNED, "message.created")),
    "agent notes": (
        api.agent_send_message(MEMBER, 1, 3, "hi", "e", private=True),
        (),
        of(AGENTS, "message.created"),
    ),
    "agent types": (
        api.agent_toggle_typing(MEMBER, 1, 3, typing=True),
        (),
        of(CONCERNED - {"member"}, "conversation.typing_on"),
    ),
    "agent stops typing": (
        api.agent_toggle_typing(MEMBER, 1, 3, typing=False),
        (),
        of(CONCERNED - {"member"}, "conversation.typing_off"),
    ),
    "agent reads": (api.agent_update_last_seen(MEMBER, 1, 3), (), {}),
    "agent resolves": (
        api.agent_toggle_status(MEMBER, 1, 3, "resolved"),
        (),
        of(CONCERNED, "conversation.status_changed"),
    ),
    "agent opens what is open": (api.agent_toggle_status(ADMIN, 1, 3, "open"), (), {}),
    "agent assigns an agent": (api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id), (), of(AGENTS, "assignee.changed")),
    "agent assigns the same agent": (
        api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id),
        (api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id),),
        {},
    ),
    "agent assigns nobody": (
        api.agent_assign_agent(MEMBER, 1, 3, None),
        (api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id),),
        of(AGENTS, "assignee.changed"),
    ),
    "agent assigns a team": (api.agent_assign_team(MEMBER, 1, 3, 2), (), of(AGENTS, "team.changed")),
    "agent lists teams": (api.agent_list_teams(MEMBER, 1), (), {}),
    "agent creates a contact": (
        api.agent_create_contact(MEMBER, 1, 5, "Nora"),
        (),
        of(ACCOUNT, "contact.created"),
    ),
    "agent updates a contact": (
        api.agent_update_contact(MEMBER, 1, OTHER.contact_id, {"name": "Odo"}),
        (),
        of(ACCOUNT, "contact.updated"),
    ),
    "agent merges contacts": (
        api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, CONTACT.contact_id),
        (),
        both(of(AGENTS, "conversation.contact_changed"), of(ACCOUNT, "contact.updated")),
    ),
    "agent merges a contact with itself": (
        api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, OTHER.contact_id),
        (),
        {},
    ),
    "agent is busy": (api.agent_set_availability(MEMBER, 1, "busy"), (), {}),
}

#: What is heard in the current version, where it is something else.
CURRENT: dict[str, Heard] = {
    "contact creates a conversation": of(CONCERNED, "conversation.created"),
    "contact writes": both(of(CONCERNED, "message.created"), of(ACCOUNT, "contact.updated")),
    "contact writes into what is resolved": both(
        of(CONCERNED, "conversation.status_changed", "conversation.updated"),
        of(CONCERNED, "message.created", "conversation.updated"),
        of(ACCOUNT, "contact.updated"),
    ),
    "agent writes": both(
        of(CONCERNED, "message.created"),
        of(AGENTS, "first.reply.created"),
        of(CONCERNED, "conversation.updated"),
    ),
    "agent resolves": of(CONCERNED, "conversation.status_changed", "conversation.updated"),
    "agent assigns an agent": both(of(AGENTS, "assignee.changed"), of(CONCERNED, "conversation.updated")),
    "agent assigns nobody": both(of(AGENTS, "assignee.changed"), of(CONCERNED, "conversation.updated")),
    "agent assigns a team": both(of(AGENTS, "team.changed"), of(CONCERNED, "conversation.updated")),
    "agent merges contacts": both(
        of(ACCOUNT, "contact.merged"),
        of(AGENTS, "conversation.contact_changed"),
        of(ACCOUNT, "contact.deleted", "contact.updated"),
    ),
}


def heard_of(call: Call, before: tuple[Call, ...] = (), *, dialect: str = "seed", email_collect: bool = False) -> Heard:
    """What everybody heard of a call, after what happened before it."""

    async def scenario() -> Heard:
        async with serving(replace(QUIET, dialect=dialect, email_collect=email_collect)) as site:
            for earlier in before:
                await site.done(earlier)
            # Whoever is of two accounts subscribes with this one: an account's stream is heard by that.
            listeners = {
                name: await site.listen(person, 1 if person is BOTH else None) for name, person in EVERYBODY.items()
            }
            await site.done(call)
            heard = {name: await listener.events() for name, listener in listeners.items()}
            return {name: events for name, events in heard.items() if events}

    return asyncio.run(scenario())


@pytest.mark.parametrize("cause", SEED)
def test_a_cause_reaches_its_audience_alone_in_the_seed(cause: str) -> None:
    """In the document's version each cause is heard by whom the document says, in order, and by nobody else."""
    call, before, expected = SEED[cause]

    assert expected == heard_of(call, before)


@pytest.mark.parametrize("cause", SEED)
def test_a_cause_reaches_its_audience_alone_in_current(cause: str) -> None:
    """In the current version each cause has upstream's further events, heard by whom upstream tells."""
    call, before, expected = SEED[cause]

    assert CURRENT.get(cause, expected) == heard_of(call, before, dialect="current")


def test_every_event_of_the_document_has_a_cause_here() -> None:
    """The causes above cause every event of the document but presence.update, which is a beat's."""
    caused = {event for _, _, heard in SEED.values() for events in heard.values() for event in events}

    assert {*EVENTS} - {"presence.update"} == caused


@pytest.mark.parametrize("earlier", [(), (api.agent_send_message(MEMBER, 1, 3, "hi", "e"),)], ids=["first", "later"])
def test_a_contact_is_asked_for_its_address_once(earlier: tuple[Call, ...]) -> None:
    """With email collection a first message is followed by the template that asks; without a first message not."""
    heard = heard_of(api.contact_send_message(CONTACT, 3, "hi", "e"), earlier, email_collect=True)

    assert of(CONCERNED, *["message.created"] * (1 if earlier else 2)) == heard


def test_the_second_reply_is_no_first_one() -> None:
    """In the current version a further reply to a contact that does not wait is a message and nothing else."""
    reply = api.agent_send_message(MEMBER, 1, 3, "hi", "e")

    assert of(CONCERNED, "message.created") == heard_of(reply, (reply,), dialect="current")


def test_a_reply_to_a_waiting_contact_is_told() -> None:
    """In the current version question and answer each change since when the contact waits."""
    reply = api.agent_send_message(MEMBER, 1, 3, "hi", "e")
    question = api.contact_send_message(CONTACT, 3, "and?", "e")
    asked = heard_of(question, (reply,), dialect="current")
    answered = heard_of(reply, (reply, question), dialect="current")

    assert both(of(CONCERNED, "message.created", "conversation.updated"), of(ACCOUNT, "contact.updated")) == asked
    assert of(CONCERNED, "message.created", "conversation.updated") == answered


def test_an_agent_who_opens_is_assigned_in_current() -> None:
    """In the current version an agent who opens a conversation gets it; an administrator does not."""
    resolved = api.agent_toggle_status(ADMIN, 1, 3, "resolved")
    by_agent = heard_of(api.agent_toggle_status(MEMBER, 1, 3, "open"), (resolved,), dialect="current")
    by_admin = heard_of(api.agent_toggle_status(ADMIN, 1, 3, "open"), (resolved,), dialect="current")

    opened = of(CONCERNED, "conversation.status_changed", "conversation.updated")
    assert opened == by_admin
    assert both(opened, of(AGENTS, "assignee.changed"), of(CONCERNED, "conversation.updated")) == by_agent


@pytest.mark.parametrize(("dialect", "expected"), [("seed", ["contact.updated"]), ("current", [])])
def test_an_accounts_stream_is_heard_by_subscribing_with_it(dialect: str, expected: list[str]) -> None:
    """An agent of two accounts hears of the other's contacts token by token, but not where accounts have a stream."""

    async def scenario() -> list[str]:
        async with serving(replace(QUIET, dialect=dialect)) as site:
            listener = await site.listen(BOTH, account_id=2)
            await site.done(api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"name": "Cleo"}))
            return await listener.events()

    assert expected == asyncio.run(scenario())


def test_after_a_merge_the_conversation_has_its_old_contact() -> None:
    """Whoever wrote from a place goes on writing and hearing there when its contact was merged into another."""

    async def scenario() -> list[list[str]]:
        async with serving() as site:
            await site.done(api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, CONTACT.contact_id))
            listeners = [await site.listen(contact) for contact in (CONTACT, OTHER)]
            await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
            return [await listener.events() for listener in listeners]

    assert [["message.created"], []] == asyncio.run(scenario())


def test_verified_sessions_of_a_contact_hear_alike() -> None:
    """All verified sessions of a contact receive its events, an unverified one does not."""
    first = replace(CONTACT, hmac_verified=True)
    second = replace(first, pubsub_token="c-10b", source_id="s-10b", conversation_ids=())
    unverified = replace(second, pubsub_token="c-10c", source_id="s-10c", hmac_verified=False)

    async def scenario() -> list[list[str]]:
        async with serving(directory=Directory((MEMBER,), (first, second, unverified))) as site:
            listeners = [await site.listen(contact) for contact in (first, second, unverified)]
            await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
            return [await listener.events() for listener in listeners]

    assert asyncio.run(scenario()) == [["message.created"], ["message.created"], []]


def test_all_sockets_of_an_identity_hear() -> None:
    """An agent with two sockets receives an event on both."""

    async def scenario() -> list[str]:
        async with serving() as site:
            first = await site.listen(MEMBER)
            second = await site.listen(MEMBER)
            await first.receive()  # the second socket's subscription is told to the first
            await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
            return [(await listener.receive())["message"]["event"] for listener in (first, second)]

    assert asyncio.run(scenario()) == ["message.created"] * 2


def test_an_agent_of_two_accounts_hears_both() -> None:
    """Events of conversations of all accounts of an agent arrive, whichever it subscribed with."""

    async def scenario() -> list[int]:
        async with serving() as site:
            listener = await site.listen(BOTH, account_id=2)
            await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
            await site.done(api.contact_send_message(FOREIGN, 3, "hi", "e"))
            return [frame["message"]["data"]["account_id"] for frame in await listener.frames()]

    assert asyncio.run(scenario()) == [1, 2]


JOHN = api.agent_assign_agent(MEMBER, 1, 3, MEMBER.user_id)
JANE = api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"email": "jane@acme.inc", "name": "jane"})
ASKED = api.contact_send_message(CONTACT, 3, "hi", "")
ANSWERED = api.contact_update_message(CONTACT, 3, 2, "jane@acme.inc")
MERGED = api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, CONTACT.contact_id)

#: What leads to each event as the document's sample shows it, where contacts are asked for their address after their
#: first message: the last call causes it.
SAMPLES: dict[str, tuple[Call, ...]] = {
    "conversation.created": (api.contact_create_conversation(CONTACT),),
    "conversation.read": (
        JANE,
        JOHN,
        api.agent_send_message(MEMBER, 1, 3, "helllo", ""),
        api.contact_update_last_seen(CONTACT, 3),
    ),
    "message.created": (ASKED, ASKED),
    "message.updated": (ASKED, ANSWERED),
    "conversation.status_changed": (JOHN, ASKED, ASKED, api.agent_toggle_status(MEMBER, 1, 3, "pending")),
    "conversation.typing_on": (JOHN, ASKED, ASKED, api.contact_toggle_typing(CONTACT, 3, typing=True)),
    "conversation.typing_off": (JOHN, ASKED, ASKED, api.contact_toggle_typing(CONTACT, 3, typing=False)),
    "assignee.changed": (JOHN,),
    "team.changed": (JOHN, ASKED, ANSWERED, JANE, api.agent_assign_team(MEMBER, 1, 3, 1)),
    "conversation.contact_changed": (JOHN, ASKED, ANSWERED, JANE, MERGED),
    "contact.created": (api.agent_create_contact(MEMBER, 1, 5, "white-shadow-394"),),
    "contact.updated": (JANE,),
}


def sampled(event: str) -> Any:
    """The frame that a member receives of an event, caused as the document's sample was."""

    async def scenario() -> Any:
        async with serving(replace(QUIET, email_collect=True)) as site:
            listener = await site.listen(MEMBER)
            for call in SAMPLES[event]:
                await site.done(call)
            frames = [frame for frame in await listener.frames() if frame["message"]["event"] == event]
            return frames[-1]

    return asyncio.run(scenario())


def kinds(value: Any) -> Any:
    """Keys and JSON types at every level, whatever their order: nothing but the shape."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    return [kinds(inner) for inner in value] if isinstance(value, list) else type(value)


def _unassigned(data: dict[str, Any]) -> None:
    data["meta"]["assignee"] = None  # whoever opens a conversation at an inbox without automatic assignment


def _echoed(data: dict[str, Any]) -> None:
    data["echo_id"] = ""  # the toolkit's calls name their messages


def _identified(data: dict[str, Any]) -> None:
    data["id"] = 3  # the sample's null is of a time when the event overtook the database's id


DEPARTURES: dict[str, Callable[[dict[str, Any]], None]] = {
    "conversation.created": _unassigned,
    "assignee.changed": _identified,
    "message.created": _echoed,
}
"""Where a cause by REST cannot look like the sample, and how it looks."""


@pytest.mark.parametrize("event", SAMPLES)
def test_a_frame_has_the_samples_shape(event: str) -> None:
    """A frame read from a socket has the keys and JSON types of the document's sample, at every level."""
    expected = sample(event)
    DEPARTURES.get(event, lambda data: None)(expected["message"]["data"])
    frame = sampled(event)

    assert event == frame["message"]["event"]
    assert kinds(expected) == kinds(frame)


@pytest.mark.parametrize(("who", "named"), [(MEMBER, {"users", "contacts"}), (CONTACT, {"users"})])
def test_presence_has_the_samples_shape(who: Any, named: set[str]) -> None:
    """presence.update has the sample's fields for agents, and for contacts no contacts."""

    async def scenario() -> Any:
        async with serving() as site:
            await site.listen(CONTACT)
            listener = await site.listen(who)
            return await listener.presence()

    data = asyncio.run(scenario())

    assert {"account_id", *named} == set(data)
    assert all(isinstance(key, str) and value == "online" for name in named for key, value in data[name].items())


def test_every_sample_is_reproduced() -> None:
    """Each event of the document is held against its sample here."""
    assert {*EVENTS} == {*SAMPLES, "presence.update"}


@pytest.mark.parametrize(
    ("call", "event", "performer"),
    [
        (api.agent_send_message(MEMBER, 1, 3, "hi", "e"), "message.created", MEMBER),
        (api.agent_send_message(MEMBER, 1, 3, "hi", "e"), "conversation.updated", None),
        (api.contact_send_message(CONTACT, 3, "hi", "e"), "message.created", None),
        (api.agent_toggle_status(MEMBER, 1, 3, "resolved"), "conversation.status_changed", None),
        (api.agent_create_contact(ADMIN, 1, 5, "Nora"), "contact.created", ADMIN),
        (api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, 10), "conversation.contact_changed", ADMIN),
    ],
)
def test_the_performer_is_told_where_upstream_tells_it(call: Call, event: str, performer: Any) -> None:
    """In the current version an agent's call is told with its performer, unless a job makes the payload anew."""

    async def scenario() -> Any:
        async with serving(replace(QUIET, dialect="current")) as site:
            listener = await site.listen(MEMBER)
            await site.done(call)
            return await listener.data(event)

    data = asyncio.run(scenario())

    assert (None if performer is None else performer.user_id) == data.get("performer", {}).get("id")


def test_what_changed_in_a_message_is_told_in_current() -> None:
    """In the current version message.updated holds the values before and after, as the public API keeps them."""

    async def scenario() -> Any:
        async with serving(replace(QUIET, dialect="current")) as site:
            await site.done(QUESTION)
            listener = await site.listen(CONTACT)
            await site.done(api.contact_update_message(CONTACT, 3, 1, "jane@acme.inc"))
            return await listener.data("message.updated")

    data = asyncio.run(scenario())
    answer = {"submitted_values": [{"name": "email", "title": "Email", "value": "jane@acme.inc"}]}

    assert answer == data["content_attributes"]
    assert [{}, answer] == data["previous_changes"]["content_attributes"]


def test_a_frame_is_byte_for_byte_rails_layout() -> None:
    """On the wire: the identifier as it was sent, then the message; in it the event, then the data; no spaces."""

    async def scenario() -> tuple[str, bytes]:
        async with serving() as site:
            listener = await site.listen(MEMBER)
            await site.done(api.contact_send_message(CONTACT, 3, "<b>&é", "e"))
            return listener.name, await listener.socket.recv(decode=False)

    name, frame = asyncio.run(scenario())
    start = (
        b'{"identifier":%b,"message":{"event":"message.created","data":{"id":1,"content":' % json.dumps(name).encode()
    )
    start += '"\\u003cb\\u003e\\u0026é","account_id":1,"inbox_id":5,"conversation_id":3,'.encode()

    assert start == frame[: len(start)]


def test_an_agent_outside_the_inbox_hears_of_contacts_alone() -> None:
    """Of all causes an agent of the account that is no member of the inbox hears those about contacts."""
    heard = {event for _, _, hearers in SEED.values() for event in hearers.get("outsider", [])}

    assert OUTSIDER.inbox_ids == (6,)
    assert {"contact.created", "contact.updated"} == heard


def test_a_broadcast_says_who_caused_it_and_whom_it_is_about() -> None:
    """What delivers is told the actor, the contact the conversation is held with, and whether it is private."""
    told: list[tuple[str, str, int, bool]] = []

    def deliver(broadcast: Broadcast, audience: Sequence[Subscription]) -> int:
        told.append((broadcast.event, broadcast.actor, broadcast.contact_id, broadcast.private))
        return deliver_now(broadcast, audience)

    async def scenario() -> None:
        async with serving(deliver=deliver) as site:
            await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
            await site.done(api.agent_send_message(MEMBER, 1, 3, "note", "f", private=True))
            await site.done(api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"name": "Clea"}))

    asyncio.run(scenario())

    assert [
        ("message.created", "contact:10", 10, False),
        ("message.created", "agent:2", 10, True),
        ("contact.updated", "agent:2", 0, False),
    ] == told
