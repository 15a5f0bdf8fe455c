"""The public API, by which contacts act: who they are stands in the path.

Source: ``app/controllers/public/api/v1/inboxes`` of upstream and its views, for the fields of answers.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from aiohttp import web

from loadtest import api
from loadtest.api import provisioning
from loadtest.refserver.desk import Desk
from loadtest.refserver.exchange import Handler, json_answer, not_found, path_id, read_body, taken
from loadtest.refserver.payloads import Payload, Payloads
from loadtest.refserver.records import ContactInbox, Conversation, Message
from loadtest.refserver.state import State, TakenError


class _NewMessage(msgspec.Struct):
    content: str
    echo_id: str | int | None = None


class _NewConversation(msgspec.Struct):
    custom_attributes: dict[str, Any] = {}


class _Registration(msgspec.Struct):
    source_id: str | None = None
    identifier: str | None = None
    email: str | None = None
    name: str | None = None
    phone_number: str | None = None
    custom_attributes: dict[str, Any] = {}


class _Answered(msgspec.Struct):
    submitted_values: list[dict[str, Any]]


class _Typing(msgspec.Struct):
    typing_status: str = ""


_decode_any = msgspec.json.Decoder().decode
_decode_message = msgspec.json.Decoder(_NewMessage).decode
_decode_conversation = msgspec.json.Decoder(_NewConversation).decode
_decode_registration = msgspec.json.Decoder(_Registration).decode
_decode_answered = msgspec.json.Decoder(_Answered).decode
_decode_typing = msgspec.json.Decoder(_Typing).decode

_SHOWN = ("id", "content", "message_type", "content_type", "content_attributes", "created_at", "conversation_id")


class ContactRest:
    """The handlers of contacts' calls.

    Args:
        state: what is read.
        desk: does what is asked.
        payloads: how things are shown.
    """

    def __init__(self, state: State, desk: Desk, payloads: Payloads) -> None:
        self._state = state
        self._desk = desk
        self._payloads = payloads

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each call."""
        return {
            provisioning.REGISTER_CONTACT: self._register,
            provisioning.SHOW_OWN_CONTACT: self._show,
            provisioning.LIST_OWN_CONVERSATIONS: self._list_conversations,
            api.CONTACT_CREATE_CONVERSATION: self._create_conversation,
            api.CONTACT_SEND_MESSAGE: self._send_message,
            api.CONTACT_UPDATE_MESSAGE: self._update_message,
            api.CONTACT_TOGGLE_TYPING: self._toggle_typing,
            api.CONTACT_UPDATE_LAST_SEEN: self._update_last_seen,
        }

    async def _register(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_registration)
        inbox = self._state.accounts.inbox_of_identifier(request.match_info["inbox_identifier"])
        if inbox is None:
            raise not_found()
        attributes: dict[str, Any] = {
            "name": new.name or "nameless visitor",
            "email": new.email,
            "identifier": new.identifier,
            "phone_number": new.phone_number,
            "custom_attributes": new.custom_attributes,
        }
        try:
            place = self._desk.register(inbox, new.source_id or str(uuid.uuid4()), attributes)
        except TakenError as error:
            raise taken(error) from None
        return json_answer(_own(place))

    async def _show(self, request: web.Request) -> web.Response:
        return json_answer(_own(self._place(request)))

    async def _list_conversations(self, request: web.Request) -> web.Response:
        place = self._place(request)
        mine = [one for one in self._state.conversations_of(place.contact) if one.contact_inbox is place]
        return json_answer([self._conversation(one) for one in mine])

    async def _create_conversation(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_conversation)
        return json_answer(
            self._conversation(self._desk.open_conversation(self._place(request), new.custom_attributes))
        )

    async def _send_message(self, request: web.Request) -> web.Response:
        new = await read_body(request, _decode_message)
        place, conversation = self._place_and_conversation(request)
        message = self._desk.contact_writes(place, conversation, new.content, new.echo_id)
        return json_answer(self._shown(message))

    async def _update_message(self, request: web.Request) -> web.Response:
        answered = await read_body(request, _decode_answered)
        place, conversation = self._place_and_conversation(request)
        question = conversation.questions.get(path_id(request, "message_id"))
        if question is None:
            raise not_found()
        self._desk.answer(place, question, answered.submitted_values)
        return json_answer(self._shown(question))

    async def _toggle_typing(self, request: web.Request) -> web.Response:
        typing = await read_body(request, _decode_typing)
        place, conversation = self._place_and_conversation(request)
        if typing.typing_status in ("on", "off"):  # anything else: 200 and no event
            self._desk.types(place, conversation, typing=typing.typing_status == "on")
        return web.Response()

    async def _update_last_seen(self, request: web.Request) -> web.Response:
        await read_body(request, _decode_any)
        self._desk.contact_reads(*self._place_and_conversation(request))
        return web.Response()

    def _conversation(self, conversation: Conversation) -> Payload:
        return {
            "id": conversation.display_id,
            "uuid": conversation.uuid,
            "inbox_id": conversation.inbox_id,
            "contact_last_seen_at": conversation.contact_last_seen_s,
            "status": conversation.status,
            "agent_last_seen_at": conversation.agent_last_seen_s,
            "messages": [],
            "contact": self._payloads.contact(conversation.contact),
        }

    def _shown(self, message: Message) -> Payload:
        # Without the echo_id, which the event does carry.
        shown = self._payloads.message(message)
        sender = {"sender": shown["sender"]} if "sender" in shown else {}
        return {**{name: shown[name] for name in _SHOWN}, **sender}

    def _place(self, request: web.Request) -> ContactInbox:
        ids = request.match_info
        place = self._state.place(ids["inbox_identifier"], ids["source_id"])
        if place is None:
            raise not_found()
        return place

    def _place_and_conversation(self, request: web.Request) -> tuple[ContactInbox, Conversation]:
        place = self._place(request)
        contact = place.contact
        conversation = self._state.conversation(contact.account_id, path_id(request, "conversation_id"))
        if conversation is None or conversation.contact is not contact:
            raise not_found()
        return place, conversation


def _own(place: ContactInbox) -> Payload:
    """A contact, as the public API shows it to itself."""
    contact = place.contact
    return {
        "source_id": place.identity.source_id,
        "pubsub_token": place.pubsub_token,
        "id": contact.contact_id,
        "name": contact.name,
        "email": contact.email,
        "phone_number": contact.phone_number,
    }
