"""OneChat's REST calls as values: the one place that knows their methods, paths, headers and bodies.

Users send them, the reference server routes by the same :class:`Endpoint` templates, provisioning uses them too.
Paths, headers and bodies are those of upstream's public and application APIs (``config/routes.rb`` of Chatwoot 4.12).
Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from loadtest.directory import Agent, Contact
from loadtest.errors import UsageError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call's address.

    Attributes:
        name: what the call is called in reports (low cardinality, no ids).
        method: HTTP method.
        path: template with ``{names}`` in braces, as both ``str.format`` and aiohttp's router read them.
        auth: ``agent`` sends the access token, ``public`` none (the path holds the contact's source id).
    """

    name: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    auth: Literal["agent", "public"]


_CONTACT = "/public/api/v1/inboxes/{inbox_identifier}/contacts/{source_id}"
_ACCOUNT = "/api/v1/accounts/{account_id}"

CONTACT_CREATE_CONVERSATION = Endpoint("contact.create_conversation", "POST", _CONTACT + "/conversations", "public")
CONTACT_SEND_MESSAGE = Endpoint(
    "contact.send_message", "POST", _CONTACT + "/conversations/{conversation_id}/messages", "public"
)
CONTACT_TOGGLE_TYPING = Endpoint(
    "contact.toggle_typing", "POST", _CONTACT + "/conversations/{conversation_id}/toggle_typing", "public"
)
AGENT_SEND_MESSAGE = Endpoint(
    "agent.send_message", "POST", _ACCOUNT + "/conversations/{conversation_id}/messages", "agent"
)
AGENT_TOGGLE_TYPING = Endpoint(
    "agent.toggle_typing", "POST", _ACCOUNT + "/conversations/{conversation_id}/toggle_typing_status", "agent"
)

ENDPOINTS: tuple[Endpoint, ...] = (
    CONTACT_CREATE_CONVERSATION,
    CONTACT_SEND_MESSAGE,
    CONTACT_TOGGLE_TYPING,
    AGENT_SEND_MESSAGE,
    AGENT_TOGGLE_TYPING,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, ready to send.

    Attributes:
        endpoint: what it is.
        path: the path with its ids filled in.
        body: JSON, or empty.
        headers: names and values; may hold a secret, so it is left out of ``repr``.
    """

    endpoint: Endpoint
    path: str
    body: bytes
    headers: Mapping[str, str] = field(repr=False)


class Created(msgspec.Struct):
    """What is read from the answer to a call that creates a conversation or a message.

    Attributes:
        id: the conversation's display id, or the message's id.
        conversation_id: for a message, the display id of its conversation.
    """

    id: int
    conversation_id: int | None = None


_decode_created = msgspec.json.Decoder(Created).decode


def parse_created(body: bytes) -> Created:
    """Read the id of what a call created.

    Raises:
        ValueError: the answer is no JSON object with an integer ``id``.
    """
    try:
        return _decode_created(body)
    except (msgspec.MsgspecError, RecursionError) as error:  # the latter from absurd nesting
        raise ValueError(f"answer without a usable id: {error}") from None


def _call(
    endpoint: Endpoint, body: Mapping[str, Any], ids: Mapping[str, int | str], agent: Agent | None = None
) -> Call:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if agent is not None:
        headers["api_access_token"] = agent.access_token
    return Call(endpoint, endpoint.path.format(**ids), msgspec.json.encode(body), headers)


def _contact_ids(contact: Contact) -> dict[str, int | str]:
    if contact.inbox_identifier is None:
        raise UsageError(
            f"contact {contact.contact_id} has no inbox_identifier",
            where="identities",
            remedy="Contacts act through the public API, which needs an API inbox: give inbox_identifier",
        )
    return {"inbox_identifier": contact.inbox_identifier, "source_id": contact.source_id}


def contact_create_conversation(contact: Contact) -> Call:
    """The contact opens a conversation (causes conversation.created)."""
    return _call(CONTACT_CREATE_CONVERSATION, {"custom_attributes": {}}, _contact_ids(contact))


def contact_send_message(contact: Contact, conversation_id: int, content: str, echo_id: str) -> Call:
    """The contact writes a message (causes message.created)."""
    return _call(
        CONTACT_SEND_MESSAGE,
        {"content": content, "echo_id": echo_id},
        {**_contact_ids(contact), "conversation_id": conversation_id},
    )


def contact_toggle_typing(contact: Contact, conversation_id: int, *, typing: bool) -> Call:
    """The contact starts or stops typing (causes conversation.typing_on or typing_off)."""
    return _call(
        CONTACT_TOGGLE_TYPING,
        {"typing_status": "on" if typing else "off"},
        {**_contact_ids(contact), "conversation_id": conversation_id},
    )


def agent_send_message(
    agent: Agent, account_id: int, conversation_id: int, content: str, echo_id: str, *, private: bool = False
) -> Call:
    """The agent writes a message, or a private note that contacts must not see (causes message.created)."""
    return _call(
        AGENT_SEND_MESSAGE,
        {"content": content, "message_type": "outgoing", "private": private, "echo_id": echo_id},
        {"account_id": account_id, "conversation_id": conversation_id},
        agent,
    )


def agent_toggle_typing(agent: Agent, account_id: int, conversation_id: int, *, typing: bool) -> Call:
    """The agent starts or stops typing (causes conversation.typing_on or typing_off)."""
    return _call(
        AGENT_TOGGLE_TYPING,
        {"typing_status": "on" if typing else "off", "is_private": False},
        {"account_id": account_id, "conversation_id": conversation_id},
        agent,
    )
