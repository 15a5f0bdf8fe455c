"""The lines of a journal: who made things, what was intended, made, removed, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, Union

import msgspec

SCHEMA = 1
Kind = Literal["account", "user", "seat", "inbox", "members", "team", "team_members", "contact", "conversation"]


class Begin(msgspec.Struct, tag="begin", tag_field="op"):
    """Who made things.

    Attributes:
        maker: ``provision`` or ``run``.
        tag: what everything made bears in a name, an address or an attribute.
        url: base URL of the installation, without secrets.
        account_ids: accounts that were there before; empty where an account of its own is made.
        wanted: what was asked for.
        nonce: source ids follow from it.
        at: when, ISO 8601 in UTC.
    """

    maker: Literal["provision", "run"]
    tag: str
    url: str
    account_ids: tuple[int, ...] = ()
    wanted: dict[str, Any] = {}
    nonce: str = ""
    at: str = ""
    schema: int = SCHEMA


class Intend(msgspec.Struct, tag="intend", tag_field="op"):
    """Something is going to be made."""

    kind: Kind
    key: str


class Made(msgspec.Struct, tag="made", tag_field="op", frozen=True):
    """Something was made.

    Attributes:
        kind: what.
        key: its name in the plan; a run's is the id.
        id: its id; a conversation's display id.
        account_id: where, 0 outside of accounts.
        inbox_id: a contact's or conversation's inbox, where it is known.
        contact_id: whose conversation it is, where that is known.
    """

    kind: Kind
    key: str
    id: int
    account_id: int = 0
    inbox_id: int = 0
    contact_id: int = 0


class Gone(msgspec.Struct, tag="gone", tag_field="op"):
    """Something was removed, or was not there any more."""

    kind: Kind
    id: int
    account_id: int = 0


class Doubt(msgspec.Struct, tag="doubt", tag_field="op"):
    """Something may have been made that cannot be looked up.

    Attributes:
        kind: what.
        name: what it would be called.
    """

    kind: Kind
    name: str


class Done(msgspec.Struct, tag="done", tag_field="op"):
    """All that was wanted is there."""


class Ended(msgspec.Struct, tag="ended", tag_field="op"):
    """All that was made is gone."""


Entry = Union[Intend, Made, Gone, Doubt, Done, Ended]  # noqa: UP007 - msgspec reads tags from a Union
decode = msgspec.json.Decoder(Union[Begin, Intend, Made, Gone, Doubt, Done, Ended]).decode  # noqa: UP007
encode = msgspec.json.Encoder().encode


def now() -> str:
    """The time of day for a ``begin``."""
    return datetime.now(UTC).isoformat(timespec="seconds")
