"""The peer of the end-to-end tests itself: real Action Cable with our RoomChannel, spoken to by a plain client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from loadtest.api import calls
from loadtest.directory import Agent, Audiences, Contact, Directory
from tests.e2e.plain_client import (
    DEADLINE_S,
    OFFERED,
    Frame,
    Open,
    Socket,
    event_of,
    identifier_of,
    send,
    subject_of,
)
from tests.e2e.rails_server import RailsServer

pytestmark = pytest.mark.peer

MESSAGE_FIELDS = {
    *("id", "content", "account_id", "inbox_id", "conversation_id", "message_type", "created_at", "updated_at"),
    *("private", "status", "source_id", "content_type", "content_attributes", "sender_type", "sender_id"),
    *("external_source_ids", "sender"),
}
CONVERSATION_FIELDS = {
    *("additional_attributes", "can_reply", "channel", "id", "inbox_id", "contact_inbox", "messages", "meta", "status"),
    *("unread_count", "agent_last_seen_at", "contact_last_seen_at", "timestamp"),
}


def new_conversation(server: RailsServer, contact: Contact) -> int:
    """Open a conversation; its display id."""
    _, answer = send(server.base_url, calls.contact_create_conversation(contact))
    return int(answer["id"])


@pytest.fixture
def contact(help_desk: Directory) -> Contact:
    """The contact that acts."""
    return help_desk.contacts[0]


@pytest.fixture
def watchers(help_desk: Directory, contact: Contact) -> list[Agent]:
    """The agents that see the contact's conversations, the administrator among them."""
    user_ids = Audiences(help_desk.agents).user_ids(contact.account_id, contact.inbox_id)
    return [agent for agent in help_desk.agents if agent.user_id in user_ids]


@pytest.fixture
def stranger(help_desk: Directory, watchers: list[Agent]) -> Agent:
    """An agent of the same account who does not see them."""
    return next(agent for agent in help_desk.agents if agent not in watchers)


Audience = dict[str, Socket]


@pytest.fixture
def audience(
    open_socket: Open, help_desk: Directory, contact: Contact, watchers: list[Agent], stranger: Agent
) -> Audience:
    """Confirmed sockets of everybody a message of the contact concerns, and of two it does not."""
    who: dict[str, Agent | Contact] = {f"agent {agent.user_id}": agent for agent in watchers}
    who |= {"contact": contact, "stranger": stranger, "other contact": help_desk.contacts[1]}
    return {name: open_socket(one) for name, one in who.items()}


def counts(sockets: Audience, event: str, subject: int, awaited: Iterable[str]) -> dict[str, int]:
    """How often each socket got an event about a subject, without those that never got it.

    Each of the awaited gets it, or the test fails; then three beats of every socket give more copies, and copies for
    others, the time to arrive. (One beat may overtake an event, as the server promises no order.)
    """

    def seen(socket: Socket) -> int:
        return sum(subject_of(data) == subject for data in socket.events(event))

    for name in awaited:
        while not seen(sockets[name]):
            sockets[name].next()
    for socket in sockets.values():
        for _ in range(3):
            socket.beat()
    return {name: n for name, socket in sockets.items() if (n := seen(socket))}


def test_the_offered_subprotocol_is_chosen_and_the_first_frame_is_welcome(rails: RailsServer) -> None:
    """The handshake answers actioncable-v1-json, and welcome comes before anything else."""
    with connect(rails.cable_url, subprotocols=OFFERED, compression=None, proxy=None) as connection:
        first = json.loads(connection.recv(timeout=DEADLINE_S))

        expected = ("actioncable-v1-json", {"type": "welcome"})
        assert expected == (connection.subprotocol, first)


def test_a_client_that_offers_no_subprotocol_is_served(rails: RailsServer) -> None:
    """The document's own snippet, which offers none, is welcomed and gets none in the answer."""
    with connect(rails.cable_url, compression=None, proxy=None) as connection:
        first = json.loads(connection.recv(timeout=DEADLINE_S))

        expected = (None, {"type": "welcome"})
        assert expected == (connection.subprotocol, first)


def test_the_servers_own_origin_is_accepted(rails: RailsServer) -> None:
    """A browser on the installation's own pages may connect."""
    with connect(rails.cable_url, origin=Origin(rails.base_url), compression=None, proxy=None) as connection:
        first = json.loads(connection.recv(timeout=DEADLINE_S))

        expected = {"type": "welcome"}
        assert expected == first


def test_a_foreign_origin_is_refused_with_404(rails: RailsServer) -> None:
    """Action Cable refuses another Origin with 404, not with 403."""
    with (
        pytest.raises(InvalidStatus) as refusal,
        connect(rails.cable_url, origin=Origin("http://elsewhere.example"), proxy=None),
    ):
        pass

    expected = 404
    assert expected == refusal.value.response.status_code


def test_a_socket_is_pinged_with_unix_seconds(open_socket: Open) -> None:
    """Pings come unasked, and carry the server's whole seconds."""
    frames = iter(open_socket().connection)
    ping = next(frame for frame in map(json.loads, frames) if frame["type"] == "ping")

    assert (["type", "message"], int) == (list(ping), type(ping["message"]))


@pytest.mark.parametrize("role", ["agent", "contact"])
def test_a_confirm_repeats_the_identifier_byte_for_byte(help_desk: Directory, open_socket: Open, role: str) -> None:
    """The identifier is an opaque string: keys in another order and stray spaces come back as sent."""
    who = help_desk.agents[3] if role == "agent" else help_desk.contacts[3]
    fields = dict(reversed(json.loads(identifier_of(who)).items()))
    identifier = json.dumps(fields, separators=(" , ", " : "))

    confirm = open_socket(identifier=identifier).subscribe()

    assert {"identifier": identifier, "type": "confirm_subscription"} == confirm


@pytest.mark.parametrize(
    "wrong",
    [
        {"pubsub_token": "nobody"},
        {"pubsub_token": "nobody", "user_id": None},
        {"user_id": None},
        {"user_id": 999},
        {"account_id": 999},
    ],
    ids=["token of an agent", "token of a contact", "agent without user_id", "user_id", "account_id"],
)
def test_a_subscription_that_names_nobody_is_answered_with_silence(
    help_desk: Directory, open_socket: Open, wrong: dict[str, Any]
) -> None:
    """A lookup that fails is neither confirmed nor rejected, and the socket goes on."""
    fields = {**json.loads(identifier_of(help_desk.agents[4])), **wrong}
    socket = open_socket(identifier=json.dumps({name: value for name, value in fields.items() if value is not None}))
    socket.send("subscribe")
    socket.send("message", data='{"action":"update_presence"}')
    bad, socket.identifier = socket.identifier, identifier_of(help_desk.agents[4])

    socket.subscribe()
    socket.beat()

    expected: list[Frame] = []
    assert expected == [frame for frame in socket.frames if frame.get("identifier") == bad]


def test_a_contacts_message_reaches_those_who_see_it_once_and_nobody_else(
    rails: RailsServer, contact: Contact, audience: Audience, watchers: list[Agent]
) -> None:
    """Members, administrator and the contact itself each get one message.created."""
    conversation_id = new_conversation(rails, contact)
    send(rails.base_url, calls.contact_send_message(contact, conversation_id, "hello", "echo-1"))

    expected = {f"agent {agent.user_id}": 1 for agent in watchers} | {"contact": 1}
    assert expected == counts(audience, "message.created", conversation_id, expected)


def test_an_agents_message_reaches_those_who_see_it_once_and_nobody_else(
    rails: RailsServer, contact: Contact, audience: Audience, watchers: list[Agent]
) -> None:
    """The agent who writes is told as well."""
    conversation_id = new_conversation(rails, contact)
    send(rails.base_url, calls.agent_send_message(watchers[1], contact.account_id, conversation_id, "hello", "echo-2"))

    expected = {f"agent {agent.user_id}": 1 for agent in watchers} | {"contact": 1}
    assert expected == counts(audience, "message.created", conversation_id, expected)


def test_a_private_note_stays_with_the_agents(
    rails: RailsServer, contact: Contact, audience: Audience, watchers: list[Agent]
) -> None:
    """The contact is not told of a private note."""
    conversation_id = new_conversation(rails, contact)
    note = calls.agent_send_message(
        watchers[1], contact.account_id, conversation_id, "between us", "echo-3", private=True
    )
    send(rails.base_url, note)

    expected = {f"agent {agent.user_id}": 1 for agent in watchers}
    assert expected == counts(audience, "message.created", conversation_id, expected)


def test_a_new_conversation_is_told_to_agents_only(
    rails: RailsServer, contact: Contact, audience: Audience, watchers: list[Agent]
) -> None:
    """conversation.created is available for agents."""
    conversation_id = new_conversation(rails, contact)

    expected = {f"agent {agent.user_id}": 1 for agent in watchers}
    assert expected == counts(audience, "conversation.created", conversation_id, expected)


@pytest.mark.parametrize(("typing", "event"), [(True, "conversation.typing_on"), (False, "conversation.typing_off")])
def test_an_agents_typing_is_told_to_all_but_the_agent(
    rails: RailsServer, contact: Contact, audience: Audience, watchers: list[Agent], typing: bool, event: str
) -> None:
    """Whoever types is left out; the others and the contact are told."""
    conversation_id = new_conversation(rails, contact)
    actor = watchers[2]
    send(rails.base_url, calls.agent_toggle_typing(actor, contact.account_id, conversation_id, typing=typing))

    expected = {f"agent {agent.user_id}": 1 for agent in watchers if agent is not actor} | {"contact": 1}
    assert expected == counts(audience, event, conversation_id, expected)


def test_a_contacts_typing_is_told_to_agents_only(
    rails: RailsServer, contact: Contact, audience: Audience, watchers: list[Agent]
) -> None:
    """The contact who types is left out."""
    conversation_id = new_conversation(rails, contact)
    send(rails.base_url, calls.contact_toggle_typing(contact, conversation_id, typing=True))

    expected = {f"agent {agent.user_id}": 1 for agent in watchers}
    assert expected == counts(audience, "conversation.typing_on", conversation_id, expected)


def test_a_message_has_the_documents_fields_and_the_echo_id(
    rails: RailsServer, contact: Contact, open_socket: Open
) -> None:
    """message.created carries each field of the sample, and the echo_id that was sent."""
    conversation_id = new_conversation(rails, contact)
    socket = open_socket(contact)
    send(rails.base_url, calls.contact_send_message(contact, conversation_id, "<b> & \u00e9", "echo-4"))

    frame = socket.until(lambda frame: event_of(frame) == "message.created")
    data = frame["message"]["data"]
    assert (MESSAGE_FIELDS | {"echo_id"}, "<b> & \u00e9", "echo-4") == (set(data), data["content"], data["echo_id"])


def test_typing_has_the_documents_fields(
    rails: RailsServer, contact: Contact, watchers: list[Agent], open_socket: Open
) -> None:
    """A typing event carries the conversation without its account, who types, and the account."""
    conversation_id = new_conversation(rails, contact)
    socket = open_socket(watchers[0])
    send(rails.base_url, calls.contact_toggle_typing(contact, conversation_id, typing=True))

    data = socket.until(lambda frame: event_of(frame) == "conversation.typing_on")["message"]["data"]
    expected = ({"conversation", "user", "account_id"}, CONVERSATION_FIELDS, "contact")
    assert expected == (set(data), set(data["conversation"]), data["user"]["type"])


def test_an_answer_names_what_was_created(rails: RailsServer, contact: Contact, watchers: list[Agent]) -> None:
    """The answer to an agent's message has the ids that its event has, and the echo_id."""
    conversation_id = new_conversation(rails, contact)
    call = calls.agent_send_message(watchers[0], contact.account_id, conversation_id, "hello", "echo-5")
    status, answer = send(rails.base_url, call)

    expected = (200, conversation_id, "echo-5", int)
    assert expected == (status, answer["conversation_id"], answer["echo_id"], type(answer["id"]))


def test_ids_are_given_once_under_concurrent_calls(rails: RailsServer, contact: Contact) -> None:
    """Forty messages over the server's five threads get forty ids."""
    call = calls.contact_send_message(contact, new_conversation(rails, contact), "at once", "")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(rails.base_url, call), range(40)))

    expected = 40
    assert expected == len({answer["id"] for status, answer in answers if status == 200})


def test_a_call_without_a_valid_token_is_unauthorized(
    rails: RailsServer, contact: Contact, watchers: list[Agent]
) -> None:
    """A wrong api_access_token is answered with 401."""
    call = calls.agent_toggle_typing(watchers[0], contact.account_id, new_conversation(rails, contact), typing=True)
    status, _ = send(rails.base_url, call, api_access_token="wrong")

    expected = 401
    assert expected == status


def test_an_agent_outside_the_inbox_is_unauthorized(rails: RailsServer, contact: Contact, stranger: Agent) -> None:
    """An agent cannot write into a conversation of an inbox it is no member of."""
    conversation_id = new_conversation(rails, contact)
    call = calls.agent_send_message(stranger, contact.account_id, conversation_id, "hello", "")
    status, _ = send(rails.base_url, call)

    expected = 401
    assert expected == status


def test_unknown_names_are_not_found(rails: RailsServer, help_desk: Directory, contact: Contact) -> None:
    """An unknown contact, conversation and somebody else's conversation are answered with 404."""
    nobody = replace(contact, source_id="nobody")
    other = new_conversation(rails, help_desk.contacts[1])
    statuses = [
        send(rails.base_url, calls.contact_create_conversation(nobody))[0],
        send(rails.base_url, calls.contact_send_message(contact, 10**9, "hello", ""))[0],
        send(rails.base_url, calls.contact_toggle_typing(contact, other, typing=True))[0],
        send(rails.base_url, calls.agent_toggle_typing(help_desk.agents[0], contact.account_id, 10**9, typing=True))[0],
    ]

    expected = [404] * 4
    assert expected == statuses


def test_the_accounts_stream_reaches_every_agent_of_the_account(
    puma: None, identities: Path, contact: Contact, stranger: Agent, open_socket: Open
) -> None:
    """contact.updated goes to agents outside the inbox as well, never to the contact."""
    with RailsServer(identities, contact_updated=True) as server:
        sockets = {"stranger": open_socket(stranger, server=server), "contact": open_socket(contact, server=server)}
        conversation_id = new_conversation(server, contact)
        send(server.base_url, calls.contact_send_message(contact, conversation_id, "hello", ""))

        expected = {"stranger": 1}
        assert expected == counts(sockets, "contact.updated", contact.contact_id, expected)


def test_the_redis_adapter_carries_messages(
    puma: None, redis_url: str, identities: Path, contact: Contact, watchers: list[Agent], open_socket: Open
) -> None:
    """With a Redis behind it the same message arrives at the same sockets."""
    with RailsServer(identities, redis_url=redis_url) as server:
        sockets = {"agent": open_socket(watchers[0], server=server), "contact": open_socket(contact, server=server)}
        conversation_id = new_conversation(server, contact)
        send(server.base_url, calls.contact_send_message(contact, conversation_id, "hello", ""))

        expected = {"agent": 1, "contact": 1}
        assert expected == counts(sockets, "message.created", conversation_id, expected)


def test_the_server_ends_when_its_standard_input_closes(puma: None, identities: Path) -> None:
    """A server whose parent died does not stay behind."""
    with RailsServer(identities) as server:
        server.close_stdin()

        assert 0 == server.wait(), server.log


def test_a_server_that_cannot_start_says_why(puma: None, tmp_path: Path) -> None:
    """The error holds what the server wrote."""
    with pytest.raises(RuntimeError, match="No such file or directory"), RailsServer(tmp_path / "missing.jsonl"):
        pass
