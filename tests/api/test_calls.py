"""The REST calls as values: method, path, headers and body of the real product."""

from __future__ import annotations

import string
from typing import Any

import msgspec
import pytest

from loadtest import api
from loadtest.api import ENDPOINTS, Call
from loadtest.directory import Agent, Contact
from loadtest.errors import UsageError

AGENT = Agent(
    account_ids=(3,), user_id=5, role="agent", inbox_ids=(7,), pubsub_token="pub-a", access_token="secret-access"
)
CONTACT = Contact(
    account_id=3, contact_id=11, inbox_id=7, source_id="src-1", pubsub_token="pub-c", inbox_identifier="inbox-ident"
)

PUBLIC = "/public/api/v1/inboxes/inbox-ident/contacts/src-1"
ACCOUNT = "/api/v1/accounts/3"
CONVERSATION = f"{ACCOUNT}/conversations/42"

CALLS: dict[str, tuple[Call, str, str, dict[str, Any] | None]] = {
    "contact creates": (
        api.contact_create_conversation(CONTACT),
        "POST",
        f"{PUBLIC}/conversations",
        {"custom_attributes": {}},
    ),
    "contact sends": (
        api.contact_send_message(CONTACT, 42, "hi", "e1"),
        "POST",
        f"{PUBLIC}/conversations/42/messages",
        {"content": "hi", "echo_id": "e1"},
    ),
    "contact types": (
        api.contact_toggle_typing(CONTACT, 42, typing=True),
        "POST",
        f"{PUBLIC}/conversations/42/toggle_typing",
        {"typing_status": "on"},
    ),
    "contact stops typing": (
        api.contact_toggle_typing(CONTACT, 42, typing=False),
        "POST",
        f"{PUBLIC}/conversations/42/toggle_typing",
        {"typing_status": "off"},
    ),
    "agent sends": (
        api.agent_send_message(AGENT, 3, 42, "hi", "e1"),
        "POST",
        f"{CONVERSATION}/messages",
        {"content": "hi", "message_type": "outgoing", "private": False, "echo_id": "e1"},
    ),
    "agent notes": (
        api.agent_send_message(AGENT, 3, 42, "hi", "e1", private=True),
        "POST",
        f"{CONVERSATION}/messages",
        {"content": "hi", "message_type": "outgoing", "private": True, "echo_id": "e1"},
    ),
    "agent types": (
        api.agent_toggle_typing(AGENT, 3, 42, typing=True),
        "POST",
        f"{CONVERSATION}/toggle_typing_status",
        {"typing_status": "on", "is_private": False},
    ),
    "agent stops typing": (
        api.agent_toggle_typing(AGENT, 3, 42, typing=False),
        "POST",
        f"{CONVERSATION}/toggle_typing_status",
        {"typing_status": "off", "is_private": False},
    ),
    "contact reads": (
        api.contact_update_last_seen(CONTACT, 42),
        "POST",
        f"{PUBLIC}/conversations/42/update_last_seen",
        {},
    ),
    "contact answers": (
        api.contact_update_message(CONTACT, 42, 7, "jane@acme.inc"),
        "PATCH",
        f"{PUBLIC}/conversations/42/messages/7",
        {"submitted_values": [{"name": "email", "title": "Email", "value": "jane@acme.inc"}]},
    ),
    "agent asks": (
        api.agent_send_message(AGENT, 3, 42, "Where?", "e1", content_type="input_email"),
        "POST",
        f"{CONVERSATION}/messages",
        {
            "content": "Where?",
            "message_type": "outgoing",
            "private": False,
            "echo_id": "e1",
            "content_type": "input_email",
        },
    ),
    "agent reads": (api.agent_update_last_seen(AGENT, 3, 42), "POST", f"{CONVERSATION}/update_last_seen", {}),
    "agent resolves": (
        api.agent_toggle_status(AGENT, 3, 42, "resolved"),
        "POST",
        f"{CONVERSATION}/toggle_status",
        {"status": "resolved"},
    ),
    "agent assigns": (
        api.agent_assign_agent(AGENT, 3, 42, 9),
        "POST",
        f"{CONVERSATION}/assignments",
        {"assignee_id": 9},
    ),
    "agent assigns nobody": (
        api.agent_assign_agent(AGENT, 3, 42, None),
        "POST",
        f"{CONVERSATION}/assignments",
        {"assignee_id": 0},
    ),
    "agent assigns a team": (
        api.agent_assign_team(AGENT, 3, 42, 2),
        "POST",
        f"{CONVERSATION}/assignments",
        {"team_id": 2},
    ),
    "agent assigns no team": (
        api.agent_assign_team(AGENT, 3, 42, None),
        "POST",
        f"{CONVERSATION}/assignments",
        {"team_id": 0},
    ),
    "agent lists teams": (api.agent_list_teams(AGENT, 3), "GET", f"{ACCOUNT}/teams", None),
    "agent creates a contact": (
        api.agent_create_contact(AGENT, 3, 7, "Nora", email="nora@acme.inc", identifier="n-1"),
        "POST",
        f"{ACCOUNT}/contacts",
        {"inbox_id": 7, "name": "Nora", "email": "nora@acme.inc", "identifier": "n-1"},
    ),
    "agent creates a contact without an address": (
        api.agent_create_contact(AGENT, 3, 7, "Nora"),
        "POST",
        f"{ACCOUNT}/contacts",
        {"inbox_id": 7, "name": "Nora"},
    ),
    "agent changes a contact": (
        api.agent_update_contact(AGENT, 3, 11, {"name": "Ned", "custom_attributes": {"a": 1}}),
        "PUT",
        f"{ACCOUNT}/contacts/11",
        {"name": "Ned", "custom_attributes": {"a": 1}},
    ),
    "agent merges": (
        api.agent_merge_contacts(AGENT, 3, 11, 12),
        "POST",
        f"{ACCOUNT}/actions/contact_merge",
        {"base_contact_id": 11, "mergee_contact_id": 12},
    ),
    "agent is busy": (
        api.agent_set_availability(AGENT, 3, "busy"),
        "POST",
        "/api/v1/profile/availability",
        {"profile": {"account_id": 3, "availability": "busy"}},
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

    assert body == (msgspec.json.decode(call.body) if call.body else None)


@each_call
def test_token_is_sent_for_agents_alone(name: str) -> None:
    """Agents authenticate by ``api_access_token``; the public API knows a contact by its path."""
    call, _, _, _ = CALLS[name]

    expected = AGENT.access_token if call.endpoint.auth == "agent" else None

    assert expected == call.headers.get("api_access_token")


@each_call
def test_no_secret_shows_in_a_repr(name: str) -> None:
    """A call that is logged tells no token."""
    call, _, _, _ = CALLS[name]

    assert AGENT.access_token not in repr(call)


def test_every_endpoint_has_a_call_here() -> None:
    """No address is without a function that makes a call of it."""
    assert set(ENDPOINTS) == {call.endpoint for call, _, _, _ in CALLS.values()}


def test_endpoints_have_names_of_their_own() -> None:
    """Reports tell calls apart by name; the server routes them by method and path, which the assignments share."""
    names = {endpoint.name for endpoint in ENDPOINTS}
    routes = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}

    assert (len(ENDPOINTS), len(ENDPOINTS) - 1) == (len(names), len(routes))
    assert api.AGENT_ASSIGN_AGENT.path == api.AGENT_ASSIGN_TEAM.path


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
        api.contact_create_conversation(widget)
