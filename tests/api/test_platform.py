"""The platform calls: method, path, token and body, as upstream's controllers take them."""

from __future__ import annotations

import json

import pytest

from loadtest.api import Call, platform

TOKEN = "canary-token"
CASES: list[tuple[Call, str, str, object]] = [
    (platform.list_accounts(TOKEN), "GET", "/platform/api/v1/accounts", None),
    (
        platform.create_account(TOKEN, "name", "tag"),
        "POST",
        "/platform/api/v1/accounts",
        {"name": "name", "custom_attributes": {"loadtest": "tag"}},
    ),
    (platform.show_account(TOKEN, 7), "GET", "/platform/api/v1/accounts/7", None),
    (platform.delete_account(TOKEN, 7), "DELETE", "/platform/api/v1/accounts/7", None),
    (
        platform.create_user(TOKEN, "name", "a@b", "secret", "tag"),
        "POST",
        "/platform/api/v1/users",
        {"name": "name", "email": "a@b", "password": "secret", "custom_attributes": {"loadtest": "tag"}},
    ),
    (platform.show_user(TOKEN, 3), "GET", "/platform/api/v1/users/3", None),
    (platform.delete_user(TOKEN, 3), "DELETE", "/platform/api/v1/users/3", None),
    (platform.list_account_users(TOKEN, 7), "GET", "/platform/api/v1/accounts/7/account_users", None),
    (
        platform.join_account(TOKEN, 7, 3, "administrator"),
        "POST",
        "/platform/api/v1/accounts/7/account_users",
        {"user_id": 3, "role": "administrator"},
    ),
    (platform.leave_account(TOKEN, 7, 3), "DELETE", "/platform/api/v1/accounts/7/account_users", {"user_id": 3}),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), CASES, ids=lambda value: getattr(value, "path", None))
def test_a_call_is_what_upstream_takes(call: Call, method: str, path: str, body: object) -> None:
    """Method, path and body are the controllers'; the token is in its header."""
    assert (method, path) == (call.endpoint.method, call.path)
    assert body == (json.loads(call.body) if call.body else None)
    assert call.headers["api_access_token"] == TOKEN


def test_no_secret_is_shown() -> None:
    """A call can be logged by its repr, but for a password that it carries."""
    assert TOKEN not in repr(platform.show_user(TOKEN, 3))


def test_every_endpoint_is_listed() -> None:
    """The reference server routes by the list."""
    assert {call.endpoint for call, *_ in CASES} == set(platform.ENDPOINTS)
