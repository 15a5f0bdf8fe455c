"""The platform API, by which an installation's accounts and users are made and removed.

Source: ``app/controllers/platform/api/v1`` of upstream. What upstream removes in a job is gone here at once.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from aiohttp import web

from loadtest import api
from loadtest.api import platform
from loadtest.refserver import views
from loadtest.refserver.access import Access
from loadtest.refserver.exchange import Handler, Refused, json_answer, not_found, read_body
from loadtest.refserver.state import State

MIN_PASSWORD = 6


class _NewAccount(msgspec.Struct):
    name: str
    custom_attributes: dict[str, Any] = {}


class _NewUser(msgspec.Struct):
    name: str
    email: str
    password: str
    custom_attributes: dict[str, Any] = {}


class _Place(msgspec.Struct):
    user_id: int
    role: Literal["agent", "administrator"] = "agent"


_decode_account = msgspec.json.Decoder(_NewAccount).decode
_decode_user = msgspec.json.Decoder(_NewUser).decode
_decode_place = msgspec.json.Decoder(_Place).decode


class PlatformRest:
    """The handlers of the platform app's calls.

    Args:
        state: what is read and changed.
        access: judges who may.
    """

    def __init__(self, state: State, access: Access) -> None:
        self._state = state
        self._access = access

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each call."""
        return {
            platform.LIST_ACCOUNTS: self._list_accounts,
            platform.CREATE_ACCOUNT: self._create_account,
            platform.SHOW_ACCOUNT: self._show_account,
            platform.DELETE_ACCOUNT: self._delete_account,
            platform.CREATE_USER: self._create_user,
            platform.SHOW_USER: self._show_user,
            platform.DELETE_USER: self._delete_user,
            platform.LIST_ACCOUNT_USERS: self._list_account_users,
            platform.JOIN_ACCOUNT: self._join,
            platform.LEAVE_ACCOUNT: self._leave,
        }

    async def _list_accounts(self, request: web.Request) -> web.Response:
        self._access.platform(request)
        return json_answer([views.account(account) for account in self._access.platform_accounts()])

    async def _create_account(self, request: web.Request) -> web.Response:
        self._access.platform(request)
        new = await read_body(request, _decode_account)
        account = self._state.accounts.create_account(new.name, new.custom_attributes)
        self._access.note_account(account)
        return json_answer(views.account(account))

    async def _show_account(self, request: web.Request) -> web.Response:
        return json_answer(views.account(self._access.platform_account(request)))

    async def _delete_account(self, request: web.Request) -> web.Response:
        self._state.remove_account(self._access.platform_account(request))
        return web.Response()

    async def _create_user(self, request: web.Request) -> web.Response:
        """A user who has the address is answered with, and is the app's from then on, as upstream does it."""
        self._access.platform(request)
        new = await read_body(request, _decode_user)
        user = self._state.staff.user_by_email(new.email)
        if user is None:
            if "@" not in new.email or len(new.password) < MIN_PASSWORD:
                raise Refused(422, {"message": "Validation failed", "attributes": ["email", "password"]})
            user = self._state.staff.hire(new.name, new.email, new.custom_attributes)
        self._access.note_user(user)
        return json_answer(views.user(user))

    async def _show_user(self, request: web.Request) -> web.Response:
        return json_answer(views.user(self._access.platform_user(request)))

    async def _delete_user(self, request: web.Request) -> web.Response:
        self._state.staff.dismiss(self._access.platform_user(request))
        return web.Response()

    async def _list_account_users(self, request: web.Request) -> web.Response:
        account_id = self._access.platform_account(request).account_id
        return json_answer([views.account_user(user, account_id) for user in self._state.staff.of_account(account_id)])

    async def _join(self, request: web.Request) -> web.Response:
        account_id = self._access.platform_account(request).account_id
        place = await read_body(request, _decode_place)
        user = self._state.staff.user(place.user_id)
        if user is None:
            raise not_found()
        self._state.staff.join(user, account_id, place.role)
        return json_answer(views.account_user(user, account_id))

    async def _leave(self, request: web.Request) -> web.Response:
        account_id = self._access.platform_account(request).account_id
        user = self._state.staff.user((await read_body(request, _decode_place)).user_id)
        if user is not None and account_id in user.agent.account_ids:
            self._state.leave(user, account_id)
        return web.Response()
