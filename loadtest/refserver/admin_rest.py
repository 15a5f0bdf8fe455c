"""The application calls that set an account up: who works in it, inboxes, teams, and what acts there by itself.

Source: ``app/controllers/api/v1/accounts`` and ``app/policies`` of upstream: agents may look at colleagues, bots, teams
and their own inboxes; the rest is for administrators. What upstream removes in a job is gone here at once.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from aiohttp import web

from loadtest import api
from loadtest.api import provisioning
from loadtest.refserver import views
from loadtest.refserver.access import Access, not_allowed
from loadtest.refserver.accounts import Inbox
from loadtest.refserver.exchange import Handler, Refused, json_answer, not_found, path_id, read_body
from loadtest.refserver.records import Team
from loadtest.refserver.staff import User
from loadtest.refserver.state import State
from loadtest.refserver.views import Views


class _NewAgent(msgspec.Struct):
    email: str
    name: str = ""
    role: Literal["agent", "administrator"] = "agent"


class _Channel(msgspec.Struct):
    type: str
    webhook_url: str | None = None


class _NewInbox(msgspec.Struct, omit_defaults=True):
    channel: _Channel
    name: str
    greeting_enabled: bool = False
    greeting_message: str | None = None
    enable_auto_assignment: bool = True


class _Members(msgspec.Struct):
    user_ids: list[int]
    inbox_id: int = 0


class _NewTeam(msgspec.Struct):
    name: str


class _Flags(msgspec.Struct):
    selected_email_flags: list[str] = []


class _Notifications(msgspec.Struct):
    notification_settings: _Flags


_decode_agent = msgspec.json.Decoder(_NewAgent).decode
_decode_inbox = msgspec.json.Decoder(_NewInbox).decode
_decode_members = msgspec.json.Decoder(_Members).decode
_decode_team = msgspec.json.Decoder(_NewTeam).decode
_decode_notifications = msgspec.json.Decoder(_Notifications).decode


class AdminRest:
    """The handlers of calls that set an account up.

    Args:
        state: what is read and changed.
        access: judges who may.
        shown: how things are shown.
    """

    def __init__(self, state: State, access: Access, shown: Views) -> None:
        self._state = state
        self._access = access
        self._views = shown

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each call."""
        return {
            provisioning.OWN_PROFILE: self._profile,
            provisioning.QUIET_NOTIFICATIONS: self._set_notifications,
            provisioning.LIST_AGENTS: self._list_agents,
            provisioning.ADD_AGENT: self._add_agent,
            provisioning.REMOVE_AGENT: self._remove_agent,
            provisioning.LIST_INBOXES: self._list_inboxes,
            provisioning.CREATE_INBOX: self._create_inbox,
            provisioning.SHOW_INBOX: self._show_inbox,
            provisioning.DELETE_INBOX: self._delete_inbox,
            provisioning.SET_INBOX_MEMBERS: self._set_inbox_members,
            provisioning.LIST_INBOX_MEMBERS: self._list_inbox_members,
            provisioning.CREATE_TEAM: self._create_team,
            provisioning.SHOW_TEAM: self._show_team,
            provisioning.DELETE_TEAM: self._delete_team,
            provisioning.ADD_TEAM_MEMBERS: self._add_team_members,
            provisioning.LIST_WEBHOOKS: self._list_webhooks,
            provisioning.LIST_AGENT_BOTS: self._list_agent_bots,
            provisioning.LIST_AUTOMATION_RULES: self._list_automation_rules,
        }

    # -- users -------------------------------------------------------------------------------------------------------

    async def _profile(self, request: web.Request) -> web.Response:
        return json_answer(self._views.profile(self._user(self._access.agent(request).user_id)))

    async def _set_notifications(self, request: web.Request) -> web.Response:
        flags = (await read_body(request, _decode_notifications)).notification_settings.selected_email_flags
        agent, account_id = self._access.in_account(request)
        user = self._user(agent.user_id)
        user.email_flags = flags
        return json_answer({"account_id": account_id, "user_id": agent.user_id, "selected_email_flags": flags})

    async def _list_agents(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        return json_answer(
            [self._views.colleague(user, account_id) for user in self._state.staff.of_account(account_id)]
        )

    async def _add_agent(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_agent)
        _, account = self._access.administrator(request)
        staff = self._state.staff
        user = staff.user_by_email(new.email)
        if user is not None and account.account_id in user.agent.account_ids:
            raise Refused(422, {"message": "User has already been taken", "attributes": ["user_id"]})
        if user is None:
            user = staff.hire(new.name or new.email.partition("@")[0], new.email, {})
        staff.join(user, account.account_id, new.role)
        return json_answer(self._views.colleague(user, account.account_id))

    async def _remove_agent(self, request: web.Request) -> web.Response:
        _, account = self._access.administrator(request)
        user = self._state.staff.user(path_id(request, "user_id"))
        if user is None or account.account_id not in user.agent.account_ids:
            raise not_found()
        self._state.leave(user, account.account_id)
        if not user.agent.account_ids:
            self._state.staff.dismiss(user)
        return web.Response()

    def _user(self, user_id: int) -> User:
        user = self._state.staff.user(user_id)
        if user is None:
            raise not_found()
        return user

    # -- inboxes -----------------------------------------------------------------------------------------------------

    async def _list_inboxes(self, request: web.Request) -> web.Response:
        agent, account_id = self._access.in_account(request)
        seen = [
            inbox
            for inbox in self._state.accounts.inboxes(account_id)
            if agent.role == "administrator" or inbox.inbox_id in agent.inbox_ids
        ]
        return json_answer({"payload": [views.inbox(inbox) for inbox in seen]})

    async def _create_inbox(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_inbox)
        _, account = self._access.administrator(request)
        if new.channel.type != "api":
            raise Refused(422, {"error": f"channel type {new.channel.type!r} is not served here"})
        settings: dict[str, Any] = {
            "greeting_enabled": new.greeting_enabled,
            "greeting_message": new.greeting_message,
            "enable_auto_assignment": new.enable_auto_assignment,
            "webhook_url": new.channel.webhook_url,
        }
        return json_answer(views.inbox(self._state.accounts.create_inbox(account.account_id, new.name, settings)))

    async def _show_inbox(self, request: web.Request) -> web.Response:
        agent, account_id = self._access.in_account(request)
        inbox = self._inbox(account_id, path_id(request, "inbox_id"))
        if agent.role != "administrator" and inbox.inbox_id not in agent.inbox_ids:
            raise not_allowed()
        return json_answer(views.inbox(inbox))

    async def _delete_inbox(self, request: web.Request) -> web.Response:
        _, account = self._access.administrator(request)
        self._state.remove_inbox(self._inbox(account.account_id, path_id(request, "inbox_id")))
        return json_answer({"message": "Your inbox deletion request will be processed in some time."})

    async def _set_inbox_members(self, request: web.Request) -> web.Response:
        members = await read_body(request, _decode_members)
        _, account = self._access.administrator(request)
        inbox = self._inbox(account.account_id, members.inbox_id)
        users = [self._state.staff.user(user_id) for user_id in members.user_ids]
        colleagues = [one for one in users if one is not None and account.account_id in one.agent.account_ids]
        if len(colleagues) < len(users):
            raise not_found()
        self._state.staff.add_members(inbox.inbox_id, colleagues)
        return json_answer(self._members(inbox))

    async def _list_inbox_members(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        return json_answer(self._members(self._inbox(account_id, path_id(request, "inbox_id"))))

    def _members(self, inbox: Inbox) -> dict[str, Any]:
        users = self._state.staff.members(inbox.inbox_id)
        return {"payload": [self._views.colleague(user, inbox.account_id) for user in users]}

    def _inbox(self, account_id: int, inbox_id: int) -> Inbox:
        inbox = self._state.accounts.inbox(account_id, inbox_id)
        if inbox is None:
            raise not_found()
        return inbox

    # -- teams, and what acts by itself ------------------------------------------------------------------------------

    async def _create_team(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_team)
        _, account = self._access.administrator(request)
        try:
            team = self._state.accounts.create_team(account.account_id, new.name)
        except ValueError:
            raise Refused(422, {"message": "Name has already been taken", "attributes": ["name"]}) from None
        return json_answer(views.team(team))

    async def _show_team(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        return json_answer(views.team(self._team(request, account_id)))

    async def _delete_team(self, request: web.Request) -> web.Response:
        _, account = self._access.administrator(request)
        self._state.remove_team(self._team(request, account.account_id))
        return web.Response()

    async def _add_team_members(self, request: web.Request) -> web.Response:
        members = await read_body(request, _decode_members)
        _, account = self._access.administrator(request)
        team = self._team(request, account.account_id)
        users = [self._state.staff.user(user_id) for user_id in members.user_ids]
        found = [one for one in users if one is not None and account.account_id in one.agent.account_ids]
        if len(found) < len(users):
            raise not_found()
        self._state.accounts.add_team_members(team, members.user_ids)
        return json_answer([self._views.colleague(user, account.account_id) for user in found])

    def _team(self, request: web.Request, account_id: int) -> Team:
        team = self._state.team(account_id, path_id(request, "team_id"))
        if team is None:
            raise not_found()
        return team

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        _, account = self._access.administrator(request)
        return json_answer({"payload": {"webhooks": account.webhooks}})

    async def _list_agent_bots(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        account = self._state.accounts.account(account_id)
        return json_answer([] if account is None else account.agent_bots)

    async def _list_automation_rules(self, request: web.Request) -> web.Response:
        _, account = self._access.administrator(request)
        return json_answer({"payload": account.automation_rules})
