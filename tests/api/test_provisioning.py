"""The calls that set an account up: method, path, token and body."""

from __future__ import annotations

import json

import pytest

from loadtest.api import AGENT_LIST_TEAMS, Call, provisioning

T = "canary-token"
A = "/api/v1/accounts/7"
P = "/public/api/v1/inboxes/ident/contacts"
CASES: list[tuple[Call, str, str, object]] = [
    (provisioning.own_profile(T), "GET", "/api/v1/profile", None),
    (
        provisioning.quiet_notifications(T, 7),
        "PATCH",
        f"{A}/notification_settings",
        {"notification_settings": {"selected_email_flags": [], "selected_push_flags": []}},
    ),
    (provisioning.list_agents(T, 7), "GET", f"{A}/agents", None),
    (
        provisioning.add_agent(T, 7, "name", "a@b", "agent"),
        "POST",
        f"{A}/agents",
        {"name": "name", "email": "a@b", "role": "agent"},
    ),
    (provisioning.remove_agent(T, 7, 3), "DELETE", f"{A}/agents/3", None),
    (provisioning.list_inboxes(T, 7), "GET", f"{A}/inboxes", None),
    (
        provisioning.create_api_inbox(T, 7, "name"),
        "POST",
        f"{A}/inboxes",
        {
            "name": "name",
            "greeting_enabled": False,
            "enable_auto_assignment": False,
            "channel": {"type": "api", "webhook_url": ""},
        },
    ),
    (provisioning.show_inbox(T, 7, 5), "GET", f"{A}/inboxes/5", None),
    (provisioning.delete_inbox(T, 7, 5), "DELETE", f"{A}/inboxes/5", None),
    (
        provisioning.set_inbox_members(T, 7, 5, (3, 4)),
        "POST",
        f"{A}/inbox_members",
        {"inbox_id": 5, "user_ids": [3, 4]},
    ),
    (provisioning.list_inbox_members(T, 7, 5), "GET", f"{A}/inbox_members/5", None),
    (provisioning.list_teams(T, 7), "GET", f"{A}/teams", None),
    (provisioning.create_team(T, 7, "name"), "POST", f"{A}/teams", {"name": "name", "allow_auto_assign": False}),
    (provisioning.show_team(T, 7, 2), "GET", f"{A}/teams/2", None),
    (provisioning.delete_team(T, 7, 2), "DELETE", f"{A}/teams/2", None),
    (provisioning.add_team_members(T, 7, 2, [3]), "POST", f"{A}/teams/2/team_members", {"user_ids": [3]}),
    (provisioning.list_webhooks(T, 7), "GET", f"{A}/webhooks", None),
    (provisioning.list_agent_bots(T, 7), "GET", f"{A}/agent_bots", None),
    (provisioning.list_automation_rules(T, 7), "GET", f"{A}/automation_rules", None),
    (
        provisioning.register_contact("ident", "s-1", "name", "a@b", "i-1", "tag"),
        "POST",
        P,
        {
            "source_id": "s-1",
            "identifier": "i-1",
            "email": "a@b",
            "name": "name",
            "custom_attributes": {"loadtest": "tag"},
        },
    ),
    (provisioning.show_own_contact("ident", "s-1"), "GET", f"{P}/s-1", None),
    (provisioning.list_own_conversations("ident", "s-1"), "GET", f"{P}/s-1/conversations", None),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), CASES, ids=lambda value: getattr(value, "path", None))
def test_a_call_is_what_upstream_takes(call: Call, method: str, path: str, body: object) -> None:
    """Method, path and body are the controllers'; a token goes only where one is wanted."""
    token = None if call.endpoint.auth == "public" else T

    assert (method, path) == (call.endpoint.method, call.path)
    assert body == (json.loads(call.body) if call.body else None)
    assert token == call.headers.get("api_access_token")


def test_every_endpoint_is_listed() -> None:
    """The reference server routes by the list; that of teams is a run's too."""
    assert {call.endpoint for call, *_ in CASES} - {AGENT_LIST_TEAMS} == set(provisioning.ENDPOINTS)
