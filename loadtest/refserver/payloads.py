"""Event payloads, with every field of the seed document's samples, in the samples' order.

Functions from state to plain dictionaries; nothing here sends or keeps anything.
Values the server cannot know (the visitor's browser) are fixed and made up, so that payloads have a real size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent, Contact
from loadtest.refserver.state import ContactInbox, Conversation, Message

Payload: TypeAlias = dict[str, Any]
Availability: TypeAlias = Callable[[int, int], str]
"""How an agent is shown: (account id, user id) to ``online``, ``busy`` or ``offline``."""

INCOMING, OUTGOING = 0, 1


def timestamp_ms(unix_ns: int) -> str:
    """ISO 8601 in UTC with milliseconds, as Rails writes a time."""
    moment = datetime.fromtimestamp(unix_ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ns % NS_PER_S // 1_000_000:03d}Z"


def timestamp_s(unix_ns: int) -> str:
    """As :func:`timestamp_ms`, for columns that hold whole seconds."""
    return timestamp_ms(unix_ns - unix_ns % NS_PER_S)


def contact_payload(contact: Contact) -> Payload:
    """A contact as ``sender`` or ``user``."""
    return {
        "additional_attributes": {},
        "custom_attributes": {},
        "email": None,
        "id": contact.contact_id,
        "identifier": None,
        "name": contact.name,
        "phone_number": None,
        "pubsub_token": contact.pubsub_token,
        "thumbnail": "",
        "type": "contact",
    }


def agent_payload(agent: Agent, account_id: int, availability: Availability) -> Payload:
    """An agent as ``sender``, ``user`` or ``assignee``."""
    return {
        "id": agent.user_id,
        "name": agent.name,
        "available_name": agent.name,
        "avatar_url": _avatar_url(agent.user_id),
        "type": "user",
        "availability_status": availability(account_id, agent.user_id),
    }


def person_payload(person: Agent | Contact, account_id: int, availability: Availability) -> Payload:
    """Whoever acted, agent or contact."""
    if isinstance(person, Agent):
        return agent_payload(person, account_id, availability)
    return contact_payload(person)


def message_payload(message: Message, availability: Availability, outgoing_content_type: str | None) -> Payload:
    """The data of message.created, and an element of a conversation's ``messages``.

    Args:
        message: what was written.
        availability: how its sender is shown.
        outgoing_content_type: the dialect's ``content_type`` of agents' messages.
    """
    conversation = message.conversation
    payload: Payload = {
        "id": message.id,
        "content": message.content,
        "account_id": conversation.account_id,
        "inbox_id": conversation.inbox_id,
        "conversation_id": conversation.display_id,
        "message_type": INCOMING if message.incoming else OUTGOING,
        "created_at": message.created_s,
        "updated_at": timestamp_s(message.created_ns),
        "private": message.private,
        "status": "sent",
        "source_id": None,
        "content_type": "text" if message.incoming else outgoing_content_type,
        "content_attributes": {},
        "sender_type": "Contact" if message.incoming else "User",
        "sender_id": message.sender.user_id if isinstance(message.sender, Agent) else message.sender.contact_id,
        "external_source_ids": {},
    }
    if message.echo_id is not None:
        payload["echo_id"] = message.echo_id
    payload["sender"] = person_payload(message.sender, conversation.account_id, availability)
    return payload


def conversation_payload(
    conversation: Conversation, availability: Availability, outgoing_content_type: str | None
) -> Payload:
    """A conversation as it stands inside typing events; events about the conversation itself add ``account_id``.

    Args:
        conversation: which.
        availability: how its people are shown.
        outgoing_content_type: the dialect's ``content_type`` of agents' messages.
    """
    last, assignee = conversation.last_message, conversation.assignee
    return {
        "additional_attributes": _visit(conversation.created_ns // NS_PER_S),
        "can_reply": True,
        "channel": "Channel::WebWidget" if conversation.contact.inbox_identifier is None else "Channel::Api",
        "id": conversation.display_id,
        "inbox_id": conversation.inbox_id,
        "contact_inbox": _contact_inbox_payload(conversation.contact_inbox),
        "messages": [] if last is None else [message_payload(last, availability, outgoing_content_type)],
        "meta": {
            "sender": contact_payload(conversation.contact),
            "assignee": None if assignee is None else agent_payload(assignee, conversation.account_id, availability),
        },
        "status": conversation.status,
        "unread_count": conversation.unread_count,
        "agent_last_seen_at": conversation.agent_last_seen_s,
        "contact_last_seen_at": conversation.contact_last_seen_s,
        "timestamp": conversation.last_activity_s,
    }


def _contact_inbox_payload(place: ContactInbox) -> Payload:
    created = timestamp_ms(place.created_ns)
    return {
        "id": place.id,
        "contact_id": place.contact.contact_id,
        "inbox_id": place.contact.inbox_id,
        "source_id": place.contact.source_id,
        "created_at": created,
        "updated_at": created,
        "hmac_verified": place.contact.hmac_verified,
    }


def _visit(unix_s: int) -> Payload:
    moment = datetime.fromtimestamp(unix_s, UTC)
    return {
        "browser": {
            "device_name": "Unknown",
            "browser_name": "Chrome",
            "platform_name": "macOS",
            "browser_version": "92.0.4515.107",
            "platform_version": "10.15.7",
        },
        "referer": "http://localhost:3000/widget_tests",
        "initiated_at": {"timestamp": f"{moment:%a %b %d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"},
    }


@lru_cache(maxsize=65536)
def _avatar_url(user_id: int) -> str:
    digest = hashlib.md5(f"agent-{user_id}".encode(), usedforsecurity=False).hexdigest()
    return f"https://www.gravatar.com/avatar/{digest}?d=404"
