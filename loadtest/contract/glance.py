"""A quick look at a payload: what it is about, and whether it may have reached the wrong hands.

The checker decodes a payload in whole and says exactly what is wrong with it, which is too dear for every frame of a
run. A glance decodes ids alone and looks at each frame. It only raises suspicion: whatever the checker would call
astray by account, inbox, conversation, contact or emitter it suspects, and what it suspects the checker then judges.
The messages that a conversation shows are not looked into.
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadtest.contract.checker import Recipient
from loadtest.contract.events import EventSpec


class _Person(msgspec.Struct):
    id: int | None = None
    type: str | None = None


class _ContactInbox(msgspec.Struct):
    contact_id: int | None = None


class _Meta(msgspec.Struct):
    sender: _Person | None = None


class _Conversation(msgspec.Struct):
    id: int | None = None
    inbox_id: int | None = None
    contact_inbox: _ContactInbox | None = None
    meta: _Meta | None = None


class Place(_Conversation):
    """The ids of a payload of any event.

    Attributes:
        id: of the conversation, the message or the contact that it is about.
        inbox_id: the inbox that it is of.
        contact_inbox: the conversation's contact at its inbox.
        meta: the conversation's people.
        account_id: the account that it is of.
        conversation_id: a message's conversation.
        conversation: the conversation, for typing.
        user: who types.
        sender: who wrote a message.
        status: of the conversation, or whatever an event calls so.
    """

    account_id: int | None = None
    conversation_id: int | None = None
    conversation: _Conversation | None = None
    user: _Person | None = None
    sender: _Person | None = None
    status: Any = None


_decode = msgspec.json.Decoder(Place).decode


def read_place(data: Any) -> Place:
    """Read the ids out of a payload.

    Args:
        data: a frame's ``message.data``, as JSON bytes.

    Raises:
        msgspec.MsgspecError: one of them is of another type; then there is nothing to judge by.
    """
    return _decode(data)


def is_suspect(spec: EventSpec, place: Place, recipient: Recipient) -> bool:
    """Whether the receiver may not be among those who get this.

    Args:
        spec: the event.
        place: the ids of its payload.
        recipient: on whose socket it arrived.
    """
    if place.account_id is not None and place.account_id not in recipient.account_ids:
        return True
    if spec.scope == "own":  # few, and what they are about tells whose they are
        return True
    subject = spec.subject
    conversation: _Conversation | None = place
    if subject == "typing":
        if _is_emitter(place.user, recipient):
            return True
        conversation = place.conversation
    if conversation is None or subject not in ("message", "conversation", "typing"):
        return False
    if recipient.role == "agent":
        seen = recipient.inbox_ids
        inbox_id = conversation.inbox_id
        return seen is not None and spec.scope == "conversation" and inbox_id is not None and inbox_id not in seen
    number = place.conversation_id if subject == "message" else conversation.id
    known = recipient.conversation_ids
    if known is not None and number is not None and number not in known:
        return True
    whose = place.sender if subject == "message" else None
    if whose is not None:
        return whose.type == "contact" and _is_other(whose.id, recipient)
    return subject != "message" and _is_others(conversation, recipient)


def _is_others(conversation: _Conversation, recipient: Recipient) -> bool:
    sender = None if conversation.meta is None else conversation.meta.sender
    theirs = (
        None if sender is None else sender.id,
        None if conversation.contact_inbox is None else conversation.contact_inbox.contact_id,
    )
    return any(_is_other(contact_id, recipient) for contact_id in theirs)


def _is_other(contact_id: int | None, recipient: Recipient) -> bool:
    return contact_id is not None and bool(recipient.contact_ids) and contact_id not in recipient.contact_ids


def _is_emitter(user: _Person | None, recipient: Recipient) -> bool:
    if user is None:
        return False
    if recipient.role == "agent":
        return user.type == "user" and recipient.user_id is not None and user.id == recipient.user_id
    return user.type == "contact"
