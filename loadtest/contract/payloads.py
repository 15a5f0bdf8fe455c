"""Payload shapes of all events: every field of the document's samples, and what newer versions add.

Sources: the samples of the seed document; ``app/presenters/conversations/event_data_presenter.rb``,
``push_event_data`` of the models, ``action_cable_listener.rb`` and ``action_cable_broadcast_job.rb`` of Chatwoot 1.18
and 4.12. A field is nullable where its column or its Ruby expression is, not where a sample happens to hold null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.contract.shapes import (
    BOOLEAN,
    FOR_AGENTS,
    INTEGER,
    NEVER,
    NUMBER,
    OBJECT,
    STRING,
    STRING_OR_INTEGER,
    STRING_OR_NUMBER,
    Condition,
    Field,
    ListOf,
    MapOf,
    Shape,
    Variants,
)
from loadtest.contract.versions import NEWEST_READ, Span

WEB_WIDGET = "Channel::WebWidget"
API = "Channel::Api"

_NEW = Span(since=NEWEST_READ)
_CONTACT_TOKEN = Span(until=(2, 0))  # moved to the contact inbox in 2.0.0
_UNLOADED_ID = Span(until=(4, 0, 2))  # since then the payload is read anew by the display id, which cannot be null

_VISIT_FIELDS = ("browser", "referer", "initiated_at")


def _by_a_visitor(attributes: Mapping[str, Any], conversation: Mapping[str, Any]) -> bool:
    return conversation.get("channel") == WEB_WIDGET and any(name in attributes for name in _VISIT_FIELDS)


def _has_sender(message: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return message.get("sender_type") in ("User", "Contact") and message.get("sender_id") is not None


def _has_assignee(meta: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return isinstance(meta.get("assignee_type"), str)


#: An API inbox has no visit, nor has a conversation that an agent opened on a website's inbox.
BY_A_VISITOR = Condition(
    f"on {WEB_WIDGET}, when the visitor began the conversation (with the visit's other fields)", _by_a_visitor
)
#: A template message has no sender, and a bot or assistant may be gone.
HAS_SENDER = Condition("when sender_type is User or Contact and sender_id is not null", _has_sender)
#: Nothing in the document's payload tells whether an open conversation should have an assignee.
HAS_ASSIGNEE = Condition("when assignee_type says what it is (4.12)", _has_assignee)


# -- people ----------------------------------------------------------------------------------------------------------

CONTACT = Shape(
    "Contact",
    (
        Field("additional_attributes", OBJECT, nullable=True),
        Field("custom_attributes", OBJECT, nullable=True),
        Field("email", STRING, nullable=True),
        Field("id", INTEGER),
        Field("identifier", STRING, nullable=True),
        Field("name", STRING, nullable=True),
        Field("phone_number", STRING, nullable=True),
        Field("pubsub_token", STRING, span=_CONTACT_TOKEN),
        Field("thumbnail", STRING),
        Field("type", STRING),
        Field("blocked", BOOLEAN, nullable=True, span=_NEW),
    ),
)

USER = Shape(
    "User",
    (
        Field("id", INTEGER),
        Field("name", STRING),
        Field("available_name", STRING),
        Field("avatar_url", STRING),
        Field("type", STRING),
        # Null where a background job built the payload: it knows no current account.
        Field("availability_status", STRING, nullable=True),
        Field("thumbnail", STRING, span=_NEW),
    ),
)

PERSON = Shape("OtherPerson", (Field("id", INTEGER), Field("name", STRING, nullable=True), Field("type", STRING)))

ANYONE = Variants("Person", (("contact", CONTACT), ("user", USER)), otherwise=PERSON)

_PERFORMER = Field("performer", ANYONE, required=NEVER, span=_NEW)
_ACCOUNT_ID = Field("account_id", INTEGER)


# -- messages --------------------------------------------------------------------------------------------------------

MESSAGE = Shape(
    "Message",
    (
        Field("id", INTEGER),
        Field("content", STRING, nullable=True),
        _ACCOUNT_ID,
        Field("inbox_id", INTEGER),
        Field("conversation_id", INTEGER),
        Field("message_type", INTEGER),
        Field("created_at", INTEGER),
        Field("updated_at", STRING_OR_NUMBER),
        Field("private", BOOLEAN),
        Field("status", STRING),
        Field("source_id", STRING, nullable=True),
        Field("content_type", STRING, nullable=True),
        Field("content_attributes", OBJECT, nullable=True),
        Field("sender_type", STRING, nullable=True),
        Field("sender_id", INTEGER, nullable=True),
        Field("external_source_ids", OBJECT, nullable=True),
        Field("sender", ANYONE, required=HAS_SENDER),
        Field("echo_id", STRING_OR_INTEGER, required=NEVER),
        Field("attachments", ListOf(OBJECT), required=NEVER),
        Field("additional_attributes", OBJECT, nullable=True, span=_NEW),
        Field("processed_message_content", STRING, nullable=True, span=_NEW),
        Field("sentiment", OBJECT, nullable=True, span=_NEW),
        Field(
            "conversation",
            Shape(
                "MessageConversation",
                (
                    Field("assignee_id", INTEGER, nullable=True),
                    Field("unread_count", INTEGER),
                    Field("last_activity_at", INTEGER),
                    Field("contact_inbox", OBJECT),
                ),
            ),
            span=_NEW,
        ),
    ),
)

MESSAGE_EVENT = MESSAGE.extended("MessageEvent", _PERFORMER)
MESSAGE_UPDATED = MESSAGE_EVENT.extended("MessageUpdated", Field("previous_changes", OBJECT, nullable=True, span=_NEW))


# -- conversations ---------------------------------------------------------------------------------------------------

BROWSER = Shape(
    "Browser",
    tuple(
        Field(name, STRING)
        for name in ("device_name", "browser_name", "platform_name", "browser_version", "platform_version")
    ),
)

VISIT = Shape(
    "ConversationAttributes",
    (
        Field("browser", BROWSER, required=BY_A_VISITOR),
        Field("referer", STRING, nullable=True, required=BY_A_VISITOR),
        Field(
            "initiated_at",
            Shape("InitiatedAt", (Field("timestamp", STRING, nullable=True),)),
            required=BY_A_VISITOR,
        ),
    ),
)

CONTACT_INBOX = Shape(
    "ContactInbox",
    (
        Field("id", INTEGER),
        Field("contact_id", INTEGER),
        Field("inbox_id", INTEGER),
        Field("source_id", STRING),
        Field("created_at", STRING),
        Field("updated_at", STRING),
        Field("hmac_verified", BOOLEAN, nullable=True),
        Field("pubsub_token", STRING, nullable=True, span=_NEW),
    ),
)

META = Shape(
    "ConversationMeta",
    (
        Field("sender", CONTACT),
        Field("assignee", ANYONE, required=HAS_ASSIGNEE),
        Field("assignee_type", STRING, nullable=True, span=_NEW),
        Field("team", OBJECT, nullable=True, span=_NEW),
        Field("hmac_verified", BOOLEAN, nullable=True, span=_NEW),
    ),
)

CONVERSATION = Shape(
    "Conversation",
    (
        Field("additional_attributes", VISIT),
        Field("can_reply", BOOLEAN),
        Field("channel", STRING),
        Field("id", INTEGER),
        Field("inbox_id", INTEGER),
        Field("contact_inbox", CONTACT_INBOX, nullable=True),
        Field("messages", ListOf(MESSAGE)),
        Field("meta", META),
        Field("status", STRING),
        Field("unread_count", INTEGER),
        Field("agent_last_seen_at", INTEGER),
        Field("contact_last_seen_at", INTEGER),
        Field("timestamp", INTEGER),
        Field("labels", ListOf(STRING), span=_NEW),
        Field("custom_attributes", OBJECT, nullable=True, span=_NEW),
        Field("snoozed_until", STRING_OR_NUMBER, nullable=True, span=_NEW),
        Field("first_reply_created_at", STRING_OR_NUMBER, nullable=True, span=_NEW),
        Field("priority", STRING, nullable=True, span=_NEW),
        Field("waiting_since", NUMBER, nullable=True, span=_NEW),
        Field("last_activity_at", NUMBER, span=_NEW),
        Field("created_at", NUMBER, span=_NEW),
        Field("updated_at", STRING_OR_NUMBER, span=_NEW),
    ),
)

CONVERSATION_EVENT = CONVERSATION.extended("ConversationEvent", _ACCOUNT_ID, _PERFORMER)
#: Fired while the conversation is created, before the id that the database gives was read (the document's sample).
ASSIGNMENT = CONVERSATION_EVENT.extended("Assignment", Field("id", INTEGER, nullable=_UNLOADED_ID))

TYPING = Shape(
    "Typing",
    (
        Field("conversation", CONVERSATION),
        Field("user", ANYONE),
        _ACCOUNT_ID,
        Field("is_private", BOOLEAN, nullable=True, span=_NEW),
        _PERFORMER,
    ),
)


# -- the rest --------------------------------------------------------------------------------------------------------

CONTACT_EVENT = CONTACT.extended("ContactEvent", _ACCOUNT_ID, _PERFORMER)

PRESENCE = Shape(
    "Presence",
    (
        _ACCOUNT_ID,
        Field("users", MapOf(STRING)),
        Field("contacts", MapOf(STRING), required=FOR_AGENTS),
    ),
)

_COUNTS = (Field("unread_count", INTEGER), Field("count", INTEGER), _ACCOUNT_ID)
NOTIFICATION = Shape(
    "NotificationEvent",
    (
        Field(
            "notification",
            Shape(
                "Notification",
                (
                    Field("id", INTEGER),
                    Field("notification_type", STRING),
                    Field("primary_actor_type", STRING),
                    Field("primary_actor_id", INTEGER),
                    Field("read_at", STRING_OR_NUMBER, nullable=True),
                    Field("user", ANYONE, nullable=True),
                    Field("created_at", NUMBER),
                    _ACCOUNT_ID,
                ),
            ),
        ),
        *_COUNTS,
    ),
)
NOTIFICATION_DELETED = Shape(
    "NotificationDeleted",
    (Field("notification", Shape("NotificationId", (Field("id", INTEGER),))), *_COUNTS),
)
CACHE_INVALIDATED = Shape("CacheInvalidated", (Field("cache_keys", OBJECT), _ACCOUNT_ID))
ACCOUNT_ONLY = Shape("AccountOnly", (_ACCOUNT_ID,))
