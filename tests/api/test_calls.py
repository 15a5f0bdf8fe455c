"""The REST calls as values: method, path, headers and body of the real product."""

from __future__ import annotations

import string
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.api import (
    ENDPOINTS,
    Call,
    Created,
    agent_send_message,
    agent_toggle_typing,
    contact_create_conversation,
    contact_send_message,
    contact_toggle_typing,
    parse_created,
)
from loadtest.directory import Agent, Contact
from loadtest.errors import UsageError

AGENT = Agent(
    account_ids=(3,), user_id=5, role="agent", inbox_ids=(7,), pubsub_token="pub-a", access_token="secret-access"
)
CONTACT = Contact(
    account_id=3, contact_id=11, inbox_id=7, source_id="src-1", pubsub_token="pub-c", inbox_identifier="inbox-ident"
)

PUBLIC = "/public/api/v1/inboxes/inbox-ident/contacts/src-1"
CONVERSATION = "/api/v1/accounts/3/conversations/42"

CALLS: dict[str, tuple[Call, str, str, dict[str, Any]]] = {
    "contact creates": (
        contact_create_conversation(CONTACT),
        "POST",
        f"{PUBLIC}/conversations",
        {"custom_attributes": {}},
    ),
    "contact sends": (
        contact_send_message(CONTACT, 42, "hi", "e1"),
        "POST",
        f"{PUBLIC}/conversations/42/messages",
        {"content": "hi", "echo_id": "e1"},
    ),
    "contact types": (
        contact_toggle_typing(CONTACT, 42, typing=True),
        "POST",
        f"{PUBLIC}/conversations/42/toggle_typing",
        {"typing_status": "on"},
    ),
    "contact stops typing": (
        contact_toggle_typing(CONTACT, 42, typing=False),
        "POST",
        f"{PUBLIC}/conversations/42/toggle_typing",
        {"typing_status": "off"},
    ),
    "agent sends": (
        agent_send_message(AGENT, 3, 42, "hi", "e1"),
        "POST",
        f"{CONVERSATION}/messages",
        {"content": "hi", "message_type": "outgoing", "private": False, "echo_id": "e1"},
    ),
    "agent notes": (
        agent_send_message(AGENT, 3, 42, "hi", "e1", private=True),
        "POST",
        f"{CONVERSATION}/messages",
        {"content": "hi", "message_type": "outgoing", "private": True, "echo_id": "e1"},
    ),
    "agent types": (
        agent_toggle_typing(AGENT, 3, 42, typing=True),
        "POST",
        f"{CONVERSATION}/toggle_typing_status",
        {"typing_status": "on", "is_private": False},
    ),
    "agent stops typing": (
        agent_toggle_typing(AGENT, 3, 42, typing=False),
        "POST",
        f"{CONVERSATION}/toggle_typing_status",
        {"typing_status": "off", "is_private": False},
    ),
}

each_call = pytest.mark.parametrize("name", CALLS)


@each_call
def test_method_and_path_are_upstreams(name: str) -> None:
    """Ids stand where upstream's routes have them (``config/routes.rb``)."""
    call, method, path, _ = CALLS[name]

    assert (method, path) == (call.endpoint.method, call.path)


@each_call
def test_body_is_upstreams(name: str) -> None:
    """The body holds what upstream's controllers read."""
    call, _, _, body = CALLS[name]

    assert body == msgspec.json.decode(call.body)


@each_call
def test_token_is_sent_for_agents_alone(name: str) -> None:
    """Agents authenticate by ``api_access_token``; the public API knows a contact by its path."""
    call, _, _, _ = CALLS[name]

    expected = AGENT.access_token if call.endpoint.auth == "agent" else None

    assert expected == call.headers.get("api_access_token")


@each_call
def test_body_is_said_to_be_json(name: str) -> None:
    """Without the header Rails reads no JSON body."""
    call, _, _, _ = CALLS[name]

    assert call.headers["Content-Type"] == "application/json"


@each_call
def test_no_secret_shows_in_a_repr(name: str) -> None:
    """A call that is logged tells no token."""
    call, _, _, _ = CALLS[name]

    assert AGENT.access_token not in repr(call)


def test_endpoints_have_names_of_their_own() -> None:
    """Reports tell calls apart by name, the server routes them by method and path."""
    names = {endpoint.name for endpoint in ENDPOINTS}
    routes = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}

    assert len(ENDPOINTS) == len(names) == len(routes)


def test_endpoint_names_hold_no_ids() -> None:
    """A name is of low cardinality: no part of it is filled in."""
    filled = [e.name for e in ENDPOINTS if any(key for _, key, _, _ in string.Formatter().parse(e.name))]

    assert not filled


def test_a_contact_of_a_widget_cannot_act() -> None:
    """The public API needs an API inbox; a contact without one is told so, by number and not by token."""
    widget = Contact(
        account_id=3, contact_id=11, inbox_id=7, source_id="src-1", pubsub_token="pub-c", website_token="web"
    )

    with pytest.raises(UsageError, match="contact 11 has no inbox_identifier"):
        contact_create_conversation(widget)


def test_ids_are_read_from_an_answer() -> None:
    """Of an answer only the ids are read, whatever else it holds."""
    actual = parse_created(b'{"id":9,"conversation_id":42,"content":"hi","sender":{"id":1}}')

    assert Created(id=9, conversation_id=42) == actual


def test_a_conversations_answer_has_no_conversation_id() -> None:
    """An answer to a new conversation names it by ``id`` alone."""
    actual = parse_created(b'{"id":42,"uuid":"x"}')

    assert Created(id=42) == actual


@given(st.one_of(st.binary(), st.sampled_from([b"{}", b"[]", b"null", b'{"id":"9"}', b'{"id":null}', b"<html>"])))
def test_any_other_answer_is_a_value_error(body: bytes) -> None:
    """Whatever a server answers becomes ids or a ValueError."""
    with suppress(ValueError):
        assert isinstance(parse_created(body), Created)
