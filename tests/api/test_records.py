"""The calls about contacts and conversations as records: method, path with its query, token and body."""

from __future__ import annotations

import json

import pytest

from loadtest.api import Call, records

T = "canary-token"
A = "/api/v1/accounts/7"
CASES: list[tuple[Call, str, str, object]] = [
    (records.list_contacts(T, 7, 2), "GET", f"{A}/contacts?page=2&sort=name", None),
    (records.search_contacts(T, 7, "a b&c", 1), "GET", f"{A}/contacts/search?q=a+b%26c&page=1&sort=name", None),
    (records.list_active_contacts(T, 7, 2), "GET", f"{A}/contacts/active?page=2", None),
    (records.show_contact(T, 7, 9), "GET", f"{A}/contacts/9", None),
    (records.delete_contact(T, 7, 9), "DELETE", f"{A}/contacts/9", None),
    (records.list_conversations(T, 7, 3), "GET", f"{A}/conversations?status=all&assignee_type=all&page=3", None),
    (
        records.list_conversations(T, 7, 3, 5),
        "GET",
        f"{A}/conversations?status=all&assignee_type=all&page=3&inbox_id=5",
        None,
    ),
    (records.show_conversation(T, 7, 4), "GET", f"{A}/conversations/4", None),
    (records.delete_conversation(T, 7, 4), "DELETE", f"{A}/conversations/4", None),
    (records.list_labels(T, 7, 4), "GET", f"{A}/conversations/4/labels", None),
    (records.set_labels(T, 7, 4, ("vip",)), "POST", f"{A}/conversations/4/labels", {"labels": ["vip"]}),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), CASES, ids=lambda value: getattr(value, "path", None))
def test_a_call_is_what_upstream_takes(call: Call, method: str, path: str, body: object) -> None:
    """Method, path and body are the controllers'; the token is in its header."""
    assert (method, path) == (call.endpoint.method, call.path)
    assert body == (json.loads(call.body) if call.body else None)
    assert call.headers["api_access_token"] == T


def test_every_endpoint_is_listed() -> None:
    """The reference server routes by the list, in which the search stands before a contact's id."""
    paths = [endpoint.path for endpoint in records.ENDPOINTS]

    assert {call.endpoint for call, *_ in CASES} == set(records.ENDPOINTS)
    assert paths.index(records.SEARCH_CONTACTS.path) < paths.index(records.SHOW_CONTACT.path)
