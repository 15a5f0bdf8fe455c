"""What an event without a mark is about: the key by which its emission is found.

A frame of an event that carries no text of ours names its subject: the conversation, the message, the contact, and for
typing who types. Event, account and subject together are the key of the emission that caused it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadtest.contract.glance import Place

#: the event whose own text carries the mark
MARKED = "message.created"


_TRACKED = frozenset(
    {
        "conversation.created",
        "conversation.read",
        "conversation.status_changed",
        "conversation.typing_on",
        "conversation.typing_off",
        "conversation.contact_changed",
        "message.updated",
        "assignee.changed",
        "team.changed",
        "contact.created",
        "contact.updated",
    }
)
#: in newer versions messages, or reopening, cause these as well: a frame cannot be told to be one action's
_AMBIGUOUS = {"seed": frozenset[str]()}
_AMBIGUOUS_TODAY = frozenset({"assignee.changed", "contact.updated", "message.updated", "conversation.status_changed"})


def tracked_events(dialect: str) -> frozenset[str]:
    """Events of which each frame belongs to one action of ours, or to somebody else's."""
    return _TRACKED - _AMBIGUOUS.get(dialect, _AMBIGUOUS_TODAY)


def counted_events(dialect: str) -> frozenset[str]:
    """Events that our actions cause beside others, judged by subject and count (:mod:`loadtest.collect.tallies`)."""
    return _AMBIGUOUS.get(dialect, _AMBIGUOUS_TODAY | {"conversation.updated"})


class _Id(msgspec.Struct):
    id: int | None = None
    type: str | None = None


class _Subject(msgspec.Struct):
    account_id: int | None = None
    id: int | None = None
    conversation: _Id | None = None
    user: _Id | None = None


_decode = msgspec.json.Decoder(_Subject).decode


def subject_key(event: str, account_id: int, subject_id: int, actor: str = "") -> bytes:
    """The key of an emission without a mark.

    Args:
        event: its event.
        account_id: account it happens in.
        subject_id: display id of the conversation, id of the message, or id of the contact: what ``data.id`` is.
        actor: for typing, who types (:func:`actor_name`).
    """
    return f"{event}|{account_id}|{subject_id}|{actor}".encode()


def actor_name(role: str, actor_id: int) -> str:
    """Who acts, as typing events name them."""
    return f"{'user' if role == 'agent' else 'contact'}:{actor_id}"


def event_of(key: bytes) -> str:
    """The event that a key of the ledger belongs to."""
    name, bar, _ = key.decode().partition("|")
    return name if bar else MARKED


def read_subject(event: str, data: Any) -> bytes | None:
    """The key of the emission that a frame belongs to.

    Args:
        event: the frame's event.
        data: its ``data``, as JSON bytes.

    Returns:
        The key, or None when the frame names no subject.

    Raises:
        msgspec.MsgspecError: the fields that name the subject are of the wrong type.
    """
    return subject_of(event, _decode(data))


def subject_of(event: str, frame: Place | _Subject) -> bytes | None:
    """The key of the emission that a frame belongs to, told by its ids; None when it names no subject."""
    if frame.account_id is None:
        return None
    if event.startswith("conversation.typing_"):
        if frame.conversation is None or frame.conversation.id is None or frame.user is None or frame.user.id is None:
            return None
        role = "contact" if frame.user.type == "contact" else "agent"
        return subject_key(event, frame.account_id, frame.conversation.id, actor_name(role, frame.user.id))
    if frame.id is None:
        return None
    return subject_key(event, frame.account_id, frame.id)
