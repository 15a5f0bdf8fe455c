"""Event payloads, with every field of the seed document's samples, in the samples' order.

Functions from records to plain dictionaries; nothing here sends or keeps anything.
The ``current`` dialect adds what upstream's 4.12 adds (``Conversations::EventDataPresenter``, ``push_event_data`` of
its models), after the document's fields. Values the server cannot know (the visitor's browser) are fixed and made up,
so that payloads have a real size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent
from loadtest.refserver.dialect import Dialect
from loadtest.refserver.records import ContactInbox, ContactRecord, Conversation, Message

Payload: TypeAlias = dict[str, Any]
Availability: TypeAlias = Callable[[int, int], str]
"""How an agent is shown: (account id, user id) to ``online``, ``busy`` or ``offline``."""


def timestamp_ms(unix_ns: int) -> str:
    """ISO 8601 in UTC with milliseconds, as Rails writes a time."""
    moment = datetime.fromtimestamp(unix_ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ns % NS_PER_S // 1_000_000:03d}Z"


def timestamp_s(unix_ns: int) -> str:
    """As :func:`timestamp_ms`, for columns that hold whole seconds."""
    return timestamp_ms(unix_ns - unix_ns % NS_PER_S)


class Payloads:
    """Payloads of one dialect.

    Args:
        dialect: which fields there are.
        availability: how agents are shown.
    """

    def __init__(self, dialect: Dialect, availability: Availability) -> None:
        self._later = dialect.later_fields
        self._availability = availability

    def contact(self, contact: ContactRecord) -> Payload:
        """A contact as ``sender`` or ``user``; with ``account_id`` the data of contact.created and contact.updated."""
        return {
            "additional_attributes": contact.additional_attributes,
            "custom_attributes": contact.custom_attributes,
            "email": contact.email,
            "id": contact.contact_id,
            "identifier": contact.identifier,
            "name": contact.name,
            "phone_number": contact.phone_number,
            # The token moved from the contact to its place at an inbox, and out of this object.
            **({"blocked": False} if self._later else {"pubsub_token": contact.pubsub_token}),
            "thumbnail": "" if contact.email is None else _avatar_url(contact.email),
            "type": "contact",
        }

    def agent(self, agent: Agent, account_id: int) -> Payload:
        """An agent as ``sender``, ``user``, ``assignee`` or ``performer``."""
        avatar_url = _avatar_url(f"agent-{agent.user_id}")
        payload = {
            "id": agent.user_id,
            "name": agent.name,
            "available_name": agent.name,
            "avatar_url": avatar_url,
            "type": "user",
            "availability_status": self._availability(account_id, agent.user_id),
        }
        if self._later:
            payload["thumbnail"] = avatar_url
        return payload

    def person(self, person: Agent | ContactRecord, account_id: int) -> Payload:
        """Whoever acted, agent or contact."""
        return self.agent(person, account_id) if isinstance(person, Agent) else self.contact(person)

    def message(self, message: Message) -> Payload:
        """The data of message.updated, and an element of a conversation's ``messages``."""
        conversation, sender = message.conversation, message.sender
        sender_type: str | None = None
        sender_id: int | None = None
        if isinstance(sender, Agent):
            sender_type, sender_id = "User", sender.user_id
        elif sender is not None:
            sender_type, sender_id = "Contact", sender.contact_id
        payload: Payload = {
            "id": message.id,
            "content": message.content,
            "account_id": conversation.account_id,
            "inbox_id": conversation.inbox_id,
            "conversation_id": conversation.display_id,
            "message_type": message.message_type,
            "created_at": message.created_s,
            "updated_at": timestamp_s(message.updated_ns),
            "private": message.private,
            "status": "sent",
            "source_id": None,
            "content_type": message.content_type,
            "content_attributes": message.content_attributes,
            "sender_type": sender_type,
            "sender_id": sender_id,
            "external_source_ids": {},
        }
        if self._later:
            payload |= {
                "additional_attributes": {},
                "processed_message_content": message.content,
                "sentiment": {},
                "conversation": {
                    "assignee_id": None if conversation.assignee is None else conversation.assignee.user_id,
                    "unread_count": conversation.unread_count,
                    "last_activity_at": conversation.last_activity_s,
                    "contact_inbox": {"source_id": conversation.contact_inbox.identity.source_id},
                },
            }
        if sender is not None:
            payload["sender"] = self.person(sender, conversation.account_id)
        return payload

    def new_message(self, message: Message) -> Payload:
        """The data of message.created: only there the sender finds its own ``echo_id``, which is not stored."""
        payload = self.message(message)
        if message.echo_id is not None:
            payload["echo_id"] = message.echo_id
        return payload

    def conversation(self, conversation: Conversation) -> Payload:
        """A conversation as it stands inside typing events; events about the conversation itself add ``account_id``."""
        last, assignee = conversation.last_message, conversation.assignee
        meta: Payload = {
            "sender": self.contact(conversation.contact),
            "assignee": None if assignee is None else self.agent(assignee, conversation.account_id),
        }
        payload: Payload = {
            "additional_attributes": _visit(conversation.created_ns // NS_PER_S),
            "can_reply": True,
            "channel": _channel(conversation.contact_inbox),
            "id": conversation.display_id,
            "inbox_id": conversation.inbox_id,
            "contact_inbox": self._place(conversation.contact_inbox),
            "messages": [] if last is None else [self.message(last)],
            "meta": meta,
            "status": conversation.status,
            "unread_count": conversation.unread_count,
            "agent_last_seen_at": conversation.agent_last_seen_s,
            "contact_last_seen_at": conversation.contact_last_seen_s,
            "timestamp": conversation.last_activity_s,
        }
        if self._later:
            team = conversation.team
            meta["assignee_type"] = None if assignee is None else "User"
            meta["team"] = None if team is None else {"id": team.team_id, "name": team.name}
            meta["hmac_verified"] = conversation.contact_inbox.identity.hmac_verified
            first_reply_ns = conversation.first_reply_ns
            payload |= {
                "labels": conversation.labels,
                "custom_attributes": conversation.custom_attributes,
                "snoozed_until": None,
                "first_reply_created_at": None if first_reply_ns is None else timestamp_ms(first_reply_ns),
                "priority": None,
                "waiting_since": conversation.waiting_since_s,
                "last_activity_at": conversation.last_activity_s,
                "created_at": conversation.created_ns // NS_PER_S,
                "updated_at": conversation.updated_ns / NS_PER_S,
            }
        return payload

    def typing(self, conversation: Conversation, person: Agent | ContactRecord, *, is_private: bool) -> Payload:
        """The data of conversation.typing_on and typing_off."""
        return {
            "conversation": self.conversation(conversation),
            "user": self.person(person, conversation.account_id),
            **({"is_private": is_private} if self._later else {}),
            "account_id": conversation.account_id,
        }

    def _place(self, place: ContactInbox) -> Payload:
        identity = place.identity
        payload = {
            "id": place.id,
            "contact_id": place.contact.contact_id,
            "inbox_id": identity.inbox_id,
            "source_id": identity.source_id,
            "created_at": timestamp_ms(place.created_ns),
            "updated_at": timestamp_ms(place.updated_ns),
            "hmac_verified": identity.hmac_verified,
        }
        if self._later:
            payload["pubsub_token"] = identity.pubsub_token
        return payload


def _channel(place: ContactInbox) -> str:
    return "Channel::WebWidget" if place.identity.inbox_identifier is None else "Channel::Api"


@lru_cache(maxsize=65536)
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
def _avatar_url(of: str) -> str:
    digest = hashlib.md5(of.encode(), usedforsecurity=False).hexdigest()
    return f"https://www.gravatar.com/avatar/{digest}?d=404"
