"""OneChat's REST calls, served: routes from :data:`loadtest.api.ENDPOINTS`, answers with the fields real clients read.

Status codes and error bodies are upstream's (``app/controllers/concerns``): 401 for a missing or wrong access token, a
foreign account and an inbox the agent is no member of; 404 for what does not exist. An event is handed to its
audience's sockets before the call is answered, so a frame may be read before the response, as on a real installation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from loadtest import api
from loadtest.clock import Clock
from loadtest.directory import Agent, Audiences, Contact
from loadtest.refserver.dialect import Dialect
from loadtest.refserver.payloads import contact_payload, message_payload
from loadtest.refserver.presence import Presence
from loadtest.refserver.publisher import Publisher
from loadtest.refserver.state import Conversation, Message, State

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_T = TypeVar("_T")

_encode = msgspec.json.Encoder().encode


class _NewMessage(msgspec.Struct):
    content: str
    echo_id: str | int | None = None
    private: bool = False
    message_type: str = "outgoing"


class _Typing(msgspec.Struct):
    typing_status: str = ""


_decode_message = msgspec.json.Decoder(_NewMessage).decode
_decode_typing = msgspec.json.Decoder(_Typing).decode


class _Refused(Exception):  # noqa: N818 - an answer, not a failure of the server
    """A call that ends with an error status."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def _not_found() -> _Refused:
    return _Refused(404, {"error": "Resource could not be found"})


class RestApi:
    """The handlers of all calls.

    Args:
        state: what is read and written.
        presence: how people are shown.
        publisher: told of every change.
        dialect: which version's fields.
        clock: time of ``GET /api``.
    """

    def __init__(self, state: State, presence: Presence, publisher: Publisher, dialect: Dialect, clock: Clock) -> None:
        self._state = state
        self._presence = presence
        self._publisher = publisher
        self._dialect = dialect
        self._clock = clock
        self._audiences = Audiences(state.directory.agents)

    def routes(self) -> list[web.RouteDef]:
        """One route for each call of :data:`loadtest.api.ENDPOINTS`, and the two health checks."""
        handlers: dict[api.Endpoint, _Handler] = {
            api.CONTACT_CREATE_CONVERSATION: self._contact_creates_conversation,
            api.CONTACT_SEND_MESSAGE: self._contact_sends,
            api.CONTACT_TOGGLE_TYPING: self._contact_types,
            api.AGENT_SEND_MESSAGE: self._agent_sends,
            api.AGENT_TOGGLE_TYPING: self._agent_types,
        }
        return [
            *(web.route(e.method, e.path, _answering(handlers[e])) for e in api.ENDPOINTS),
            web.get("/api", self._version),
            web.get("/health", self._health),
        ]

    async def _contact_creates_conversation(self, request: web.Request) -> web.Response:
        await _body(request, msgspec.json.decode)
        contact = self._contact(request)
        conversation = self._state.create_conversation(contact)
        self._publisher.conversation_created(conversation)
        return _json(
            {
                "id": conversation.display_id,
                "uuid": conversation.uuid,
                "inbox_id": conversation.inbox_id,
                "contact_last_seen_at": conversation.contact_last_seen_s,
                "status": conversation.status,
                "agent_last_seen_at": conversation.agent_last_seen_s,
                "messages": [],
                "contact": contact_payload(contact),
            }
        )

    async def _contact_sends(self, request: web.Request) -> web.Response:
        new = await _body(request, _decode_message)
        contact = self._contact(request)
        conversation = self._conversation_of(contact, request)
        message = self._state.create_message(conversation, contact, new.content, echo_id=new.echo_id)
        self._publisher.message_created(message)
        shown = self._shown(message)
        # The public API answers without the echo_id, which the event does carry.
        names = ("id", "content", "message_type", "content_type", "content_attributes", "created_at", "conversation_id")
        return _json({**{name: shown[name] for name in names}, "sender": shown["sender"]})

    async def _contact_types(self, request: web.Request) -> web.Response:
        typing = await _body(request, _decode_typing)
        contact = self._contact(request)
        return self._types(self._conversation_of(contact, request), contact, typing)

    async def _agent_sends(self, request: web.Request) -> web.Response:
        new = await _body(request, _decode_message)
        agent, conversation = self._agent_in_conversation(request)
        if new.message_type != "outgoing":
            raise _Refused(422, {"error": f"message_type {new.message_type!r} is not served here"})
        message = self._state.create_message(conversation, agent, new.content, private=new.private, echo_id=new.echo_id)
        self._publisher.message_created(message)
        shown = self._shown(message)
        names = ("content_type", "status", "content_attributes", "created_at", "private", "source_id", "sender")
        return _json(
            {
                "id": message.id,
                "content": message.content,
                "inbox_id": conversation.inbox_id,
                **({} if message.echo_id is None else {"echo_id": message.echo_id}),
                "conversation_id": conversation.display_id,
                "message_type": shown["message_type"],
                **{name: shown[name] for name in names},
            }
        )

    async def _agent_types(self, request: web.Request) -> web.Response:
        typing = await _body(request, _decode_typing)
        agent, conversation = self._agent_in_conversation(request)
        return self._types(conversation, agent, typing)

    async def _version(self, request: web.Request) -> web.Response:
        unix_s = self._clock.wall_ns(self._clock.now_ns()) // 1_000_000_000
        return _json({"version": "embedded", "timestamp": unix_s, "queue_services": "ok", "data_services": "ok"})

    async def _health(self, request: web.Request) -> web.Response:
        return _json({"status": "woot"})

    def _types(self, conversation: Conversation, emitter: Agent | Contact, typing: _Typing) -> web.Response:
        if typing.typing_status in ("on", "off"):  # anything else: 200 and no event
            self._publisher.typing(conversation, emitter, typing=typing.typing_status == "on")
        return web.Response()

    def _shown(self, message: Message) -> dict[str, Any]:
        return message_payload(message, self._presence.availability, self._dialect.outgoing_content_type)

    def _contact(self, request: web.Request) -> Contact:
        ids = request.match_info
        contact = self._state.contacts_by_source.get((ids["inbox_identifier"], ids["source_id"]))
        if contact is None:
            raise _not_found()
        return contact

    def _conversation_of(self, contact: Contact, request: web.Request) -> Conversation:
        conversation = self._state.conversation(contact.account_id, _id(request, "conversation_id"))
        if conversation is None or conversation.contact.contact_id != contact.contact_id:
            raise _not_found()
        return conversation

    def _agent_in_conversation(self, request: web.Request) -> tuple[Agent, Conversation]:
        # Rack folds underscores and dashes of header names into one key.
        token = request.headers.get("api_access_token") or request.headers.get("api-access-token")
        if not token:
            raise _Refused(401, {"errors": ["You need to sign in or sign up before continuing."]})
        agent = self._state.agents_by_access_token.get(token)
        if agent is None:
            raise _Refused(401, {"error": "Invalid Access Token"})
        account_id = _id(request, "account_id")
        if not self._state.has_account(account_id):
            raise _not_found()
        if account_id not in agent.account_ids:
            raise _Refused(401, {"error": "You are not authorized to access this account"})
        conversation = self._state.conversation(account_id, _id(request, "conversation_id"))
        if conversation is None:
            raise _not_found()
        if agent.user_id not in self._audiences.user_ids(account_id, conversation.inbox_id):
            raise _Refused(401, {"error": "You are not authorized to do this action"})
        return agent, conversation


def _answering(handler: _Handler) -> _Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except _Refused as refused:
            return _json(refused.body, refused.status)

    return answer


async def _body(request: web.Request, decode: Callable[[bytes], _T]) -> _T:
    try:
        return decode(await request.read() or b"{}")
    except msgspec.ValidationError as error:
        raise _Refused(422, {"error": str(error)}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(400, {"status": 400, "error": f"Bad Request: {error}"}) from None


def _id(request: web.Request, name: str) -> int:
    text = request.match_info[name]
    # 18 digits hold every id there can be, and keep a path of digits from becoming a huge number.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _not_found()
    return int(text)


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, body=_encode(body), content_type="application/json", charset="utf-8")
