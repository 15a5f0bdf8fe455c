"""What follows from what was done: the one table from changes to events, in the order in which they are told.

Source: the callbacks of upstream's models (``app/models/{conversation,message,contact}.rb``,
``app/actions/contact_merge_action.rb``): a record is saved, and each event asks which of its columns that changed.
Whether a dialect knows an event at all, and who hears it, is the contract's table.

Not made here, although upstream's current version sends them: activity messages ("Ada resolved the conversation"),
notifications of one user, ``account.cache_invalidated``, and message.updated for read receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from loadtest.directory import Agent
from loadtest.refserver.payloads import Payload, Payloads
from loadtest.refserver.records import ContactInbox, ContactRecord, Conversation, Message

Kind = Literal[
    "conversation_created",
    "conversation_changed",
    "message_created",
    "message_changed",
    "typing_on",
    "typing_off",
    "contact_created",
    "contact_changed",
    "contact_deleted",
    "contact_merged",
]
Actor: TypeAlias = Agent | ContactInbox
"""Who did it, with the token that is theirs."""

UPDATE_KEYS = frozenset({"team_id", "assignee_id", "status", "label_list", "waiting_since", "first_reply_created_at"})
"""The columns whose change upstream tells as conversation.updated, as far as they change here."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was done to a record.

    Attributes:
        kind: what.
        actor: by whom; None for what the server does of itself.
        conversation: the conversation concerned, None for an account's own contacts.
        message: the message concerned.
        contact: the contact concerned.
        keys: the columns that changed.
        previous: their values before and after, where events tell them.
        is_private: whether somebody types a private note.
    """

    kind: Kind
    actor: Actor | None
    conversation: Conversation | None = None
    message: Message | None = None
    contact: ContactRecord | None = None
    keys: frozenset[str] = frozenset()
    previous: Mapping[str, Any] = field(default_factory=dict)
    is_private: bool = False

    @property
    def account_id(self) -> int:
        """The account it happened in."""
        return self.told_conversation.account_id if self.contact is None else self.contact.account_id

    @property
    def told_conversation(self) -> Conversation:
        """The conversation, for events that have one."""
        if self.conversation is None:
            raise ValueError(f"{self.kind} without a conversation")
        return self.conversation

    @property
    def told_message(self) -> Message:
        """The message, for events that have one."""
        if self.message is None:
            raise ValueError(f"{self.kind} without a message")
        return self.message

    @property
    def told_contact(self) -> ContactRecord:
        """The contact, for events that have one."""
        if self.contact is None:
            raise ValueError(f"{self.kind} without a contact")
        return self.contact


def _always(change: Change) -> bool:
    return True


def _changed(*keys: str) -> Callable[[Change], bool]:
    wanted = frozenset(keys)
    return lambda change: not wanted.isdisjoint(change.keys)


def _conversation(payloads: Payloads, change: Change) -> Payload:
    conversation = change.told_conversation
    return {**payloads.conversation(conversation), "account_id": conversation.account_id}


def _new_message(payloads: Payloads, change: Change) -> Payload:
    return payloads.new_message(change.told_message)


def _message(payloads: Payloads, change: Change) -> Payload:
    return payloads.message(change.told_message)


def _typing(payloads: Payloads, change: Change) -> Payload:
    conversation, actor = change.told_conversation, change.actor
    if actor is None:
        raise ValueError(f"{change.kind} by nobody")
    person = actor.contact if isinstance(actor, ContactInbox) else actor
    return payloads.typing(conversation, person, is_private=change.is_private)


def _contact(payloads: Payloads, change: Change) -> Payload:
    return {**payloads.contact(change.told_contact), "account_id": change.account_id}


@dataclass(frozen=True, slots=True)
class Consequence:
    """An event that follows from a change.

    Attributes:
        event: its name.
        payload: makes its data.
        when: whether this change causes it.
        rebuilt: whether upstream makes the payload anew in a job, which loses the ``performer``.
    """

    event: str
    payload: Callable[[Payloads, Change], Payload]
    when: Callable[[Change], bool] = _always
    rebuilt: bool = False


CONSEQUENCES: Mapping[Kind, tuple[Consequence, ...]] = {
    "conversation_created": (Consequence("conversation.created", _conversation),),
    "conversation_changed": (
        Consequence("conversation.status_changed", _conversation, _changed("status"), rebuilt=True),
        Consequence("conversation.read", _conversation, _changed("contact_last_seen_at"), rebuilt=True),
        Consequence("conversation.contact_changed", _conversation, _changed("contact_id")),
        Consequence("assignee.changed", _conversation, _changed("assignee_id"), rebuilt=True),
        Consequence("team.changed", _conversation, _changed("team_id"), rebuilt=True),
        Consequence("conversation.updated", _conversation, _changed(*UPDATE_KEYS), rebuilt=True),
    ),
    "message_created": (
        Consequence("message.created", _new_message),
        Consequence("first.reply.created", _new_message, _changed("first_reply_created_at")),
        Consequence("conversation.updated", _conversation, _changed(*UPDATE_KEYS), rebuilt=True),
    ),
    "message_changed": (Consequence("message.updated", _message),),
    "typing_on": (Consequence("conversation.typing_on", _typing),),
    "typing_off": (Consequence("conversation.typing_off", _typing),),
    "contact_created": (Consequence("contact.created", _contact),),
    "contact_changed": (Consequence("contact.updated", _contact),),
    "contact_deleted": (Consequence("contact.deleted", _contact),),
    "contact_merged": (Consequence("contact.merged", _contact),),
}
