"""What upstream's clients fetch by themselves, as values: after a reconnect, and for the counts beside their lists.

Source: ``ReconnectService.js`` and ``conversationStats.js`` of upstream's dashboard, ``widget/helpers/actionCable.js``
(Chatwoot 4.12). A contact of an API inbox has no client of upstream's; it fetches what the widget does, by the public
API.
"""

from __future__ import annotations

import msgspec

from loadtest.api.endpoint import Call, Endpoint
from loadtest.directory import Agent, Contact

_CONVERSATIONS = "/api/v1/accounts/{account_id}/conversations"

AGENT_REFETCH_CONVERSATIONS = Endpoint("agent.refetch_conversations", "GET", _CONVERSATIONS, "agent")
"""Shares its route with :data:`loadtest.api.records.LIST_CONVERSATIONS`."""

AGENT_CONVERSATION_META = Endpoint("agent.conversation_meta", "GET", _CONVERSATIONS + "/meta", "agent")
CONTACT_LIST_MESSAGES = Endpoint(
    "contact.list_messages",
    "GET",
    "/public/api/v1/inboxes/{inbox_identifier}/contacts/{source_id}/conversations/{conversation_id}/messages",
    "public",
)

ENDPOINTS: tuple[Endpoint, ...] = (AGENT_CONVERSATION_META, CONTACT_LIST_MESSAGES)
"""Those with routes of their own."""

SLACK_S = 15
"""Seconds that the dashboard adds to the time it was away."""


class _Counts(msgspec.Struct):
    all_count: int


class _Meta(msgspec.Struct):
    meta: _Counts


_decode_meta = msgspec.json.Decoder(_Meta).decode


def agent_refetch_conversations(agent: Agent, account_id: int, away_s: float) -> Call:
    """The conversations that changed while the agent's connection was lost (causes no event)."""
    query: dict[str, int | str] = {
        "assignee_type": "all",
        "status": "open",
        "page": 1,
        "updated_within": round(away_s) + SLACK_S,
    }
    return AGENT_REFETCH_CONVERSATIONS.call({"account_id": account_id}, agent=agent, query=query)


def agent_conversation_meta(agent: Agent, account_id: int) -> Call:
    """How many conversations there are, by whom they are assigned to (causes no event)."""
    return AGENT_CONVERSATION_META.call({"account_id": account_id}, agent=agent, query={"status": "open"})


def contact_list_messages(contact: Contact, conversation_id: int) -> Call:
    """The messages of the contact's conversation (causes no event)."""
    ids: dict[str, int | str] = {
        "inbox_identifier": contact.inbox_identifier or "",
        "source_id": contact.source_id,
        "conversation_id": conversation_id,
    }
    return CONTACT_LIST_MESSAGES.call(ids)


def parse_all_count(body: bytes) -> int:
    """Read how many conversations there are from the answer to ``agent.conversation_meta``.

    Raises:
        ValueError: the answer has no ``meta.all_count``.
    """
    try:
        return _decode_meta(body).meta.all_count
    except msgspec.MsgspecError as error:
        raise ValueError(f"answer without a usable meta.all_count: {error}") from None
