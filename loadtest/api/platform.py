"""The platform API: accounts and users of an installation, made and removed with the token of a platform app.

Source: ``app/controllers/platform/api/v1`` of Chatwoot 4.12. A platform app may touch only what it made itself.
``POST users`` with an address that exists answers with the user who has it, so that it can be repeated.
"""

from __future__ import annotations

from typing import Literal

from loadtest.api.calls import TAG_KEY
from loadtest.api.endpoint import Call, Endpoint

UserRole = Literal["agent", "administrator"]

_ROOT = "/platform/api/v1"
_ACCOUNT = _ROOT + "/accounts/{account_id}"
_USER = _ROOT + "/users/{user_id}"

LIST_ACCOUNTS = Endpoint("platform.list_accounts", "GET", _ROOT + "/accounts", "platform")
CREATE_ACCOUNT = Endpoint("platform.create_account", "POST", _ROOT + "/accounts", "platform")
SHOW_ACCOUNT = Endpoint("platform.show_account", "GET", _ACCOUNT, "platform")
DELETE_ACCOUNT = Endpoint("platform.delete_account", "DELETE", _ACCOUNT, "platform")
CREATE_USER = Endpoint("platform.create_user", "POST", _ROOT + "/users", "platform")
SHOW_USER = Endpoint("platform.show_user", "GET", _USER, "platform")
DELETE_USER = Endpoint("platform.delete_user", "DELETE", _USER, "platform")
LIST_ACCOUNT_USERS = Endpoint("platform.list_account_users", "GET", _ACCOUNT + "/account_users", "platform")
JOIN_ACCOUNT = Endpoint("platform.join_account", "POST", _ACCOUNT + "/account_users", "platform")
LEAVE_ACCOUNT = Endpoint("platform.leave_account", "DELETE", _ACCOUNT + "/account_users", "platform")

ENDPOINTS: tuple[Endpoint, ...] = (
    LIST_ACCOUNTS,
    CREATE_ACCOUNT,
    SHOW_ACCOUNT,
    DELETE_ACCOUNT,
    CREATE_USER,
    SHOW_USER,
    DELETE_USER,
    LIST_ACCOUNT_USERS,
    JOIN_ACCOUNT,
    LEAVE_ACCOUNT,
)


def list_accounts(token: str) -> Call:
    """The accounts the platform app made; older versions have no such list (404)."""
    return LIST_ACCOUNTS.call({}, token=token)


def create_account(token: str, name: str, tag: str) -> Call:
    """An account; ``tag`` is kept among its custom attributes, where the version keeps them."""
    return CREATE_ACCOUNT.call({}, {"name": name, "custom_attributes": {TAG_KEY: tag}}, token=token)


def show_account(token: str, account_id: int) -> Call:
    """What the account is called."""
    return SHOW_ACCOUNT.call({"account_id": account_id}, token=token)


def delete_account(token: str, account_id: int) -> Call:
    """Remove the account with all that is in it; upstream does so later, in a job."""
    return DELETE_ACCOUNT.call({"account_id": account_id}, token=token)


def create_user(token: str, name: str, email: str, password: str, tag: str) -> Call:
    """A user, confirmed and told nothing by mail; or the one who has that address already."""
    body = {"name": name, "email": email, "password": password, "custom_attributes": {TAG_KEY: tag}}
    return CREATE_USER.call({}, body, token=token)


def show_user(token: str, user_id: int) -> Call:
    """A user with its access token and pubsub token."""
    return SHOW_USER.call({"user_id": user_id}, token=token)


def delete_user(token: str, user_id: int) -> Call:
    """Remove the user; upstream does so later, in a job."""
    return DELETE_USER.call({"user_id": user_id}, token=token)


def list_account_users(token: str, account_id: int) -> Call:
    """Who belongs to an account."""
    return LIST_ACCOUNT_USERS.call({"account_id": account_id}, token=token)


def join_account(token: str, account_id: int, user_id: int, role: UserRole) -> Call:
    """Let a user belong to an account; one who does gets the role."""
    return JOIN_ACCOUNT.call({"account_id": account_id}, {"user_id": user_id, "role": role}, token=token)


def leave_account(token: str, account_id: int, user_id: int) -> Call:
    """Let a user belong to an account no more."""
    return LEAVE_ACCOUNT.call({"account_id": account_id}, {"user_id": user_id}, token=token)
