"""What an event without a mark is about: the key by which its emission is found.

A frame of an event that carries no text of ours names its subject: the conversation, the message, the contact, and for
typing who types. Event, account and subject together are the key of the emission that caused it.

Where an event's emissions are told one by one, a change of status is keyed by the status it shows as well: what a
contact's message reopens follows closely upon what an agent resolved, and a copy of one must not pass for the other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from loadtest.contract import DialectName, events_of
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
        "contact.merged",
        "contact.deleted",
        "first.reply.created",
    }
)
#: the events that are keyed by the state they show, where they are tracked
_BY_STATE = frozenset({"conversation.status_changed"})
#: in newer versions messages, or reopening, cause these as well: a frame cannot be told to be one action's
_AMBIGUOUS = {"seed": frozenset[str]()}
_AMBIGUOUS_TODAY = frozenset({"assignee.changed", "contact.updated", "message.updated", "conversation.status_changed"})


@cache
def tracked_events(dialect: DialectName) -> frozenset[str]:
    """Events of which each frame belongs to one action of ours, or to somebody else's."""
    return (_TRACKED - _AMBIGUOUS.get(dialect, _AMBIGUOUS_TODAY)) & events_of(dialect).keys()


@cache
def events_by_state(dialect: DialectName) -> frozenset[str]:
    """Tracked events whose emissions of one subject are told apart by the state they show."""
    return tracked_events(dialect) & _BY_STATE


def counted_events(dialect: DialectName) -> frozenset[str]:
    """Events that our actions cause beside others, judged by subject and count (:mod:`loadtest.collect.tallies`)."""
    return _AMBIGUOUS.get(dialect, _AMBIGUOUS_TODAY | {"conversation.updated"})


class _Id(msgspec.Struct):
    id: int | None = None
    type: str | None = None


class _Subject(msgspec.Struct):
    status: Any = None
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
        actor: for typing, who types (:func:`actor_name`); for what is keyed by state, the state it shows.
    """
    return f"{event}|{account_id}|{subject_id}|{actor}".encode()


def actor_name(role: str, actor_id: int) -> str:
    """Who acts, as typing events name them."""
    return f"{'user' if role == 'agent' else 'contact'}:{actor_id}"


def event_of(key: bytes) -> str:
    """The event that a key of the ledger belongs to."""
    name, bar, _ = key.decode().partition("|")
    return name if bar else MARKED


def read_subject(event: str, data: Any, *, by_state: bool = False) -> bytes | None:
    """The key of the emission that a frame belongs to.

    Args:
        event: the frame's event.
        data: its ``data``, as JSON bytes.
        by_state: the state it shows is part of the key.

    Returns:
        The key, or None when the frame names no subject.

    Raises:
        msgspec.MsgspecError: the fields that name the subject are of the wrong type.
    """
    return subject_of(event, _decode(data), by_state=by_state)


def subject_of(event: str, frame: Place | _Subject, *, by_state: bool = False) -> bytes | None:
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
    return subject_key(event, frame.account_id, frame.id, str(frame.status) if by_state else "")
