"""What is read from the answers to OneChat's REST calls; fields nobody here needs are passed over.

Each parser takes a body as it came and raises ValueError for anything it cannot use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

_T = TypeVar("_T")


class Created(msgspec.Struct):
    """What is read from the answer to a call that creates a conversation or a message.

    Attributes:
        id: the conversation's display id, or the message's id.
        conversation_id: for a message, the display id of its conversation.
    """

    id: int
    conversation_id: int | None = None


class NewContact(msgspec.Struct):
    """What is read from the answer to ``agent.create_contact``.

    Attributes:
        contact_id: the contact's id.
        source_id: its public name at the inbox it was created at; None where no inbox was given.
    """

    contact_id: int
    source_id: str | None = None


class _Place(msgspec.Struct):
    source_id: str


class _Identified(msgspec.Struct):
    id: int


class _ContactPayload(msgspec.Struct):
    contact: _Identified
    contact_inbox: _Place | None = None


class _ContactAnswer(msgspec.Struct):
    payload: _ContactPayload


class _StatusPayload(msgspec.Struct):
    current_status: str


class _StatusAnswer(msgspec.Struct):
    payload: _StatusPayload


_decode_created = msgspec.json.Decoder(Created).decode
_decode_contact = msgspec.json.Decoder(_ContactAnswer).decode
_decode_status = msgspec.json.Decoder(_StatusAnswer).decode
_decode_assigned = msgspec.json.Decoder(_Identified | None).decode
_decode_teams = msgspec.json.Decoder(list[_Identified]).decode


def parse_created(body: bytes) -> Created:
    """Read the id of a conversation or message that a call created.

    Raises:
        ValueError: the answer is no JSON object with an integer ``id``.
    """
    return _read(_decode_created, body, "id")


def parse_contact(body: bytes) -> NewContact:
    """Read the contact that ``agent.create_contact`` made.

    Raises:
        ValueError: the answer has no ``payload.contact.id``.
    """
    payload = _read(_decode_contact, body, "payload.contact.id").payload
    place = payload.contact_inbox
    return NewContact(payload.contact.id, None if place is None else place.source_id)


def parse_status(body: bytes) -> str:
    """Read the status a conversation has after ``agent.toggle_status``.

    Raises:
        ValueError: the answer has no ``payload.current_status``.
    """
    return _read(_decode_status, body, "payload.current_status").payload.current_status


def parse_assigned(body: bytes) -> int | None:
    """Read whom, or which team, a conversation is assigned to after ``agent.assign_agent`` or ``agent.assign_team``.

    Returns:
        The agent's or the team's id; None when it is assigned to nobody now.

    Raises:
        ValueError: the answer is neither null nor an object with an integer ``id``.
    """
    assigned = _read(_decode_assigned, body or b"null", "id")
    return None if assigned is None else assigned.id


def parse_teams(body: bytes) -> tuple[int, ...]:
    """Read the ids of an account's teams from the answer to ``agent.list_teams``.

    Raises:
        ValueError: the answer is no list of objects with an integer ``id``.
    """
    return tuple(team.id for team in _read(_decode_teams, body, "id"))


def _read(decode: Callable[[bytes], _T], body: bytes, wanted: str) -> _T:
    try:
        return decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:  # the latter from absurd nesting
        raise ValueError(f"answer without a usable {wanted}: {error}") from None
