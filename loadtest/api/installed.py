"""What is read of an installation: its accounts, users, inboxes, teams, contacts and conversations.

The shapes are those of upstream's views, with the fields that somebody here needs; whatever else an answer holds is
passed over. An answer that is a page or wrapped in ``payload`` has a shape of its own.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")


class Account(msgspec.Struct):
    """An account of the platform API."""

    id: int
    name: str


class Membership(msgspec.Struct):
    """An account, as a user's profile lists it."""

    id: int
    role: str = "agent"


class User(msgspec.Struct):
    """A user of the platform API, or of its own profile; both with its secrets."""

    id: int
    access_token: str
    pubsub_token: str
    name: str = ""
    email: str = ""
    accounts: list[Membership] = []


class AccountUser(msgspec.Struct):
    """Somebody's place in an account."""

    user_id: int
    role: str = "agent"


class Colleague(msgspec.Struct):
    """Somebody who works in an account."""

    id: int
    name: str = ""
    email: str = ""
    role: str = "agent"


class Inbox(msgspec.Struct):
    """An inbox; ``inbox_identifier`` has only an API inbox."""

    id: int
    name: str
    channel_type: str = ""
    inbox_identifier: str | None = None
    greeting_enabled: bool | None = None
    greeting_message: str | None = None


class Inboxes(msgspec.Struct):
    """All inboxes of an account."""

    payload: list[Inbox]


class Members(msgspec.Struct):
    """An inbox's members."""

    payload: list[Colleague]


class Team(msgspec.Struct):
    """A team."""

    id: int
    name: str


class Webhook(msgspec.Struct):
    """A webhook."""

    id: int
    url: str = ""


class WebhookList(msgspec.Struct):
    """Webhooks, one level down."""

    webhooks: list[Webhook]


class Webhooks(msgspec.Struct):
    """All webhooks of an account."""

    payload: WebhookList


class Bot(msgspec.Struct):
    """An agent bot."""

    id: int
    name: str = ""


class Rule(msgspec.Struct):
    """An automation rule."""

    id: int
    name: str = ""
    active: bool = True


class Rules(msgspec.Struct):
    """All automation rules of an account."""

    payload: list[Rule]


class Person(msgspec.Struct):
    """A contact, as an administrator sees it."""

    id: int
    name: str | None = None
    email: str | None = None
    identifier: str | None = None
    custom_attributes: dict[str, Any] | None = None


class PersonAnswer(msgspec.Struct):
    """One contact."""

    payload: Person


class PersonPage(msgspec.Struct):
    """A page of contacts."""

    payload: list[Person]


class OwnContact(msgspec.Struct):
    """A contact at its inbox, with its secret."""

    id: int
    source_id: str
    pubsub_token: str


class _Meta(msgspec.Struct, frozen=True):
    sender: Person | None = None


class Talk(msgspec.Struct):
    """A conversation; ``id`` is its display id."""

    id: int
    inbox_id: int = 0
    meta: _Meta = _Meta()
    custom_attributes: dict[str, Any] | None = None


class _TalkList(msgspec.Struct):
    payload: list[Talk]


class TalkPage(msgspec.Struct):
    """A page of conversations."""

    data: _TalkList


class Numbered(msgspec.Struct):
    """Anything of which only the id is needed."""

    id: int


def read(body: bytes, shape: type[_T]) -> _T:
    """Read an answer.

    Args:
        body: as it came.
        shape: one of the classes here, or a list of one.

    Raises:
        ValueError: the answer is not of that shape.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"an answer of another shape: {error}") from None
