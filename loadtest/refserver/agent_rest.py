"""The application API, by which agents act: who they are stands in the header ``api_access_token``.

Source: ``app/controllers/api/v1`` of upstream and its views, for refusals and the fields of answers; who may is
:mod:`loadtest.refserver.access`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from loadtest import api
from loadtest.refserver.access import Access, check_account
from loadtest.refserver.desk import STATUSES, Desk
from loadtest.refserver.exchange import Handler, Refused, json_answer, not_found, path_id, read_body, taken
from loadtest.refserver.payloads import Payloads
from loadtest.refserver.presence import Presence
from loadtest.refserver.records import ContactRecord
from loadtest.refserver.state import State, TakenError
from loadtest.refserver.views import Views
from loadtest.refserver.views import team as team_view


class _NewMessage(msgspec.Struct):
    content: str
    echo_id: str | int | None = None
    private: bool = False
    message_type: str = "outgoing"
    content_type: Literal["text", "input_email"] | None = None


class _Typing(msgspec.Struct):
    typing_status: str = ""
    is_private: bool = False


class _Status(msgspec.Struct):
    status: str | None = None


class _Assignment(msgspec.Struct):
    assignee_id: int | UnsetType | None = UNSET
    team_id: int | UnsetType | None = UNSET


class _Contact(msgspec.Struct, omit_defaults=True):
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    identifier: str | UnsetType | None = UNSET
    additional_attributes: dict[str, Any] | UnsetType = UNSET
    custom_attributes: dict[str, Any] | UnsetType = UNSET

    def attributes(self) -> dict[str, Any]:
        """What was given."""
        given = ((name, getattr(self, name)) for name in _Contact.__struct_fields__)
        return {name: value for name, value in given if value is not UNSET}


class _NewContact(_Contact, omit_defaults=True):
    inbox_id: int | None = None


class _Merge(msgspec.Struct):
    base_contact_id: int
    mergee_contact_id: int


class _Profile(msgspec.Struct):
    account_id: int
    availability: Literal["online", "busy", "offline"]


class _Availability(msgspec.Struct):
    profile: _Profile


_decode_any = msgspec.json.Decoder().decode
_decode_message = msgspec.json.Decoder(_NewMessage).decode
_decode_typing = msgspec.json.Decoder(_Typing).decode
_decode_status = msgspec.json.Decoder(_Status).decode
_decode_assignment = msgspec.json.Decoder(_Assignment).decode
_decode_contact = msgspec.json.Decoder(_Contact).decode
_decode_new_contact = msgspec.json.Decoder(_NewContact).decode
_decode_merge = msgspec.json.Decoder(_Merge).decode
_decode_availability = msgspec.json.Decoder(_Availability).decode


class AgentRest:
    """The handlers of agents' calls.

    Args:
        state: what is read.
        access: judges who may.
        desk: does what is asked.
        payloads: how things are shown in events.
        views: how they are shown in answers.
        presence: where agents say how they want to be shown.
    """

    def __init__(
        self, state: State, access: Access, desk: Desk, payloads: Payloads, views: Views, presence: Presence
    ) -> None:
        self._state = state
        self._access = access
        self._desk = desk
        self._payloads = payloads
        self._views = views
        self._presence = presence

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each call; the two assignments have one."""
        return {
            api.AGENT_SEND_MESSAGE: self._send_message,
            api.AGENT_TOGGLE_TYPING: self._toggle_typing,
            api.AGENT_UPDATE_LAST_SEEN: self._update_last_seen,
            api.AGENT_TOGGLE_STATUS: self._toggle_status,
            api.AGENT_ASSIGN_AGENT: self._assign,
            api.AGENT_ASSIGN_TEAM: self._assign,
            api.AGENT_LIST_TEAMS: self._list_teams,
            api.AGENT_CREATE_CONTACT: self._create_contact,
            api.AGENT_UPDATE_CONTACT: self._update_contact,
            api.AGENT_MERGE_CONTACTS: self._merge_contacts,
            api.AGENT_SET_AVAILABILITY: self._set_availability,
        }

    async def _send_message(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_message)
        agent, conversation = self._access.in_conversation(request)
        if new.message_type != "outgoing":
            raise Refused(422, {"error": f"message_type {new.message_type!r} is not served here"})
        message = self._desk.agent_writes(
            agent, conversation, new.content, new.echo_id, private=new.private, content_type=new.content_type
        )
        shown = self._payloads.message(message)
        names = ("message_type", "content_type", "status", "content_attributes", "created_at", "private", "source_id")
        return json_answer(
            {
                "id": message.id,
                "content": message.content,
                "inbox_id": conversation.inbox_id,
                **({} if message.echo_id is None else {"echo_id": message.echo_id}),
                "conversation_id": conversation.display_id,
                **{name: shown[name] for name in names},
                "sender": shown["sender"],
            }
        )

    async def _toggle_typing(self, request: web.Request) -> web.Response:
        typing = await read_body(request, _decode_typing)
        agent, conversation = self._access.in_conversation(request)
        if typing.typing_status in ("on", "off"):  # anything else: 200 and no event
            is_on = typing.typing_status == "on"
            self._desk.types(agent, conversation, typing=is_on, is_private=typing.is_private)
        return web.Response()

    async def _update_last_seen(self, request: web.Request) -> web.Response:
        await read_body(request, _decode_any)
        _, conversation = self._access.in_conversation(request)
        self._desk.agent_reads(conversation)
        shown = self._payloads.conversation(conversation)
        return json_answer({**shown, "uuid": conversation.uuid, "account_id": conversation.account_id})

    async def _toggle_status(self, request: web.Request) -> web.Response:
        status = (await read_body(request, _decode_status)).status
        agent, conversation = self._access.in_conversation(request)
        if status is not None and status not in STATUSES:
            raise Refused(422, {"error": f"{status!r} is not a valid status"})
        self._desk.set_status(agent, conversation, status)
        current = {"current_status": conversation.status, "conversation_id": conversation.display_id}
        return json_answer({"meta": {}, "payload": {"success": True, **current, "snoozed_until": None}})

    async def _assign(self, request: web.Request) -> web.Response:
        """An id that is nobody's, such as 0, assigns to nobody."""
        assignment = await read_body(request, _decode_assignment)
        agent, conversation = self._access.in_conversation(request)
        account_id = conversation.account_id
        if not isinstance(assignment.assignee_id, UnsetType):
            assignee = self._state.agent(account_id, assignment.assignee_id or 0)
            self._desk.assign_agent(agent, conversation, assignee)
            return json_answer(None if assignee is None else self._views.agent(assignee, account_id))
        if not isinstance(assignment.team_id, UnsetType):
            team = self._state.team(account_id, assignment.team_id or 0)
            self._desk.assign_team(agent, conversation, team)
            return json_answer(None if team is None else team_view(team))
        return json_answer(None)

    async def _list_teams(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        return json_answer([team_view(team) for team in self._state.teams(account_id)])

    async def _create_contact(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_new_contact)
        agent, account_id = self._access.in_account(request)
        try:
            contact = self._desk.create_contact(agent, account_id, new.inbox_id, new.attributes())
        except LookupError:
            raise not_found() from None
        except TakenError as error:
            raise taken(error) from None
        places = self._views.contact(contact)["contact_inboxes"]
        return json_answer(
            {"payload": {"contact": self._views.contact(contact), "contact_inbox": places[0] if places else None}}
        )

    async def _update_contact(self, request: web.Request) -> web.Response:
        changed = await read_body(request, _decode_contact)
        agent, account_id = self._access.in_account(request)
        contact = self._contact_of(account_id, path_id(request, "contact_id"))
        try:
            self._desk.update_contact(agent, contact, changed.attributes())
        except TakenError as error:
            raise taken(error) from None
        return json_answer({"payload": self._views.contact(contact)})

    async def _merge_contacts(self, request: web.Request) -> web.Response:
        merge = await read_body(request, _decode_merge)
        agent, account_id = self._access.in_account(request)
        base = self._contact_of(account_id, merge.base_contact_id)
        self._desk.merge_contacts(agent, base, self._contact_of(account_id, merge.mergee_contact_id))
        return json_answer(self._views.contact(base))

    async def _set_availability(self, request: web.Request) -> web.Response:
        profile = (await read_body(request, _decode_availability)).profile
        agent = self._access.agent(request)
        check_account(agent, profile.account_id)
        self._presence.set_status(profile.account_id, agent.user_id, profile.availability)
        user = self._state.staff.user(agent.user_id)
        if user is None:
            raise not_found()
        return json_answer(self._views.profile(user))

    def _contact_of(self, account_id: int, contact_id: int) -> ContactRecord:
        contact = self._state.contact(account_id, contact_id)
        if contact is None:
            raise not_found()
        return contact
