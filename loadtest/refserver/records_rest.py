"""The application calls that look at contacts and conversations, label them and remove them.

Source: ``app/controllers/api/v1/accounts/{contacts,conversations}_controller.rb`` and ``app/policies`` of upstream.
A contact that is online is not removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from loadtest import api
from loadtest.api import records
from loadtest.refserver.access import Access, not_allowed
from loadtest.refserver.desk import Desk
from loadtest.refserver.exchange import Handler, Refused, json_answer, not_found, path_id, read_body
from loadtest.refserver.presence import Presence
from loadtest.refserver.records import ContactRecord
from loadtest.refserver.state import State
from loadtest.refserver.views import Views

_T = TypeVar("_T")


class _Labels(msgspec.Struct):
    labels: list[str]


_decode_labels = msgspec.json.Decoder(_Labels).decode


class RecordsRest:
    """The handlers of calls about contacts and conversations as records.

    Args:
        state: what is read.
        access: judges who may.
        desk: does what is asked.
        views: how things are shown.
        presence: who is online.
    """

    def __init__(self, state: State, access: Access, desk: Desk, views: Views, presence: Presence) -> None:
        self._state = state
        self._access = access
        self._desk = desk
        self._views = views
        self._presence = presence

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each call."""
        return {
            records.LIST_CONTACTS: self._list_contacts,
            records.SEARCH_CONTACTS: self._search_contacts,
            records.LIST_ACTIVE_CONTACTS: self._list_active_contacts,
            records.SHOW_CONTACT: self._show_contact,
            records.DELETE_CONTACT: self._delete_contact,
            records.LIST_CONVERSATIONS: self._list_conversations,
            records.SHOW_CONVERSATION: self._show_conversation,
            records.DELETE_CONVERSATION: self._delete_conversation,
            records.LIST_LABELS: self._list_labels,
            records.SET_LABELS: self._set_labels,
        }

    async def _list_contacts(self, request: web.Request) -> web.Response:
        """Only contacts that somebody could know again are listed (``resolved_contacts``)."""
        _, account_id = self._access.in_account(request)
        known = [one for one in self._state.contacts(account_id) if one.email or one.phone_number or one.identifier]
        return self._page_of_contacts(request, known)

    async def _search_contacts(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        text = request.query.get("q", "").strip().lower()
        if not text:
            raise Refused(422, {"error": "Specify search string with parameter q"})
        found = [
            one
            for one in self._state.contacts(account_id)
            if any(text in (value or "").lower() for value in (one.name, one.email, one.phone_number, one.identifier))
        ]
        return self._page_of_contacts(request, found)

    async def _list_active_contacts(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        online = [
            one
            for one in self._state.contacts(account_id)
            if self._presence.is_online(account_id, "contact", one.contact_id)
        ]
        return self._page_of_contacts(request, online)

    def _page_of_contacts(self, request: web.Request, contacts: Sequence[ContactRecord]) -> web.Response:
        shown = [self._views.contact(one) for one in _page(request, contacts, records.CONTACTS_PER_PAGE)]
        return json_answer({"meta": {"count": len(contacts), "current_page": _number(request)}, "payload": shown})

    async def _show_contact(self, request: web.Request) -> web.Response:
        _, account_id = self._access.in_account(request)
        return json_answer({"payload": self._views.contact(self._contact(request, account_id))})

    async def _delete_contact(self, request: web.Request) -> web.Response:
        agent, account = self._access.administrator(request)
        contact = self._contact(request, account.account_id)
        if self._presence.is_online(account.account_id, "contact", contact.contact_id):
            raise Refused(422, {"message": f"Contact {contact.name} is online, please try again later"})
        self._desk.remove_contact(agent, contact)
        return web.Response()

    def _contact(self, request: web.Request, account_id: int) -> ContactRecord:
        contact = self._state.contact(account_id, path_id(request, "contact_id"))
        if contact is None:
            raise not_found()
        return contact

    async def _list_conversations(self, request: web.Request) -> web.Response:
        agent, account_id = self._access.in_account(request)
        status, inbox = request.query.get("status", "open"), request.query.get("inbox_id", "")
        seen = [
            one
            for one in self._state.conversations(account_id)
            if status in ("all", one.status)
            and inbox in ("", str(one.inbox_id))
            and (agent.role == "administrator" or one.inbox_id in agent.inbox_ids)
        ]
        shown = [self._views.conversation(one) for one in _page(request, seen, records.CONVERSATIONS_PER_PAGE)]
        meta = {"all_count": len(seen)}
        return json_answer({"data": {"meta": meta, "payload": shown}})

    async def _show_conversation(self, request: web.Request) -> web.Response:
        _, conversation = self._access.in_conversation(request)
        return json_answer(self._views.conversation(conversation))

    async def _delete_conversation(self, request: web.Request) -> web.Response:
        agent, conversation = self._access.in_conversation(request)
        if agent.role != "administrator":
            raise not_allowed()
        self._state.remove_conversation(conversation)
        return web.Response()

    async def _list_labels(self, request: web.Request) -> web.Response:
        _, conversation = self._access.in_conversation(request)
        return json_answer({"payload": conversation.labels})

    async def _set_labels(self, request: web.Request) -> web.Response:
        labels = (await read_body(request, _decode_labels)).labels
        agent, conversation = self._access.in_conversation(request)
        self._desk.set_labels(agent, conversation, labels)
        return json_answer({"payload": conversation.labels})


def _number(request: web.Request) -> int:
    text: Any = request.query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _page(request: web.Request, rows: Sequence[_T], size: int) -> Sequence[_T]:
    first = (_number(request) - 1) * size
    return rows[first : first + size]
