"""The records of an installation: contacts and their places at inboxes, teams, conversations, messages.

Only what events and answers show is kept. Of a conversation's messages that is the last public one, counts, and the
last few questions a contact can still answer, so that memory grows with conversations and not with a soak's length.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent, Contact

UNREAD_CAP = 10
"""Upstream counts unread messages as ``.last(10)``."""

QUESTIONS_KEPT = 16
"""How many messages that ask for an answer a conversation keeps; older ones can no longer be answered."""

INCOMING, OUTGOING, TEMPLATE = 0, 1, 3
"""Upstream's ``message_type`` on the wire; 2, activity, is not made here."""


@dataclass(slots=True, eq=False)
class ContactRecord:
    """A contact, at however many inboxes.

    Attributes:
        account_id: its account.
        contact_id: its id on the wire.
        pubsub_token: the token shown where a dialect shows the contact's: that of its first place.
        name: how it is shown.
        email: address, or None.
        phone_number: number, or None.
        identifier: the customer's own id, or None.
        additional_attributes: free.
        custom_attributes: free.
        places: where it writes from.
    """

    account_id: int
    contact_id: int
    pubsub_token: str
    name: str = ""
    email: str | None = None
    phone_number: str | None = None
    identifier: str | None = None
    additional_attributes: dict[str, Any] = field(default_factory=dict)
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    places: list[ContactInbox] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ContactInbox:
    """A contact's place at an inbox.

    Attributes:
        id: unique in the installation.
        contact: whose place; another one after a merge.
        identity: what subscribes and writes from here: tokens, source id, inbox.
        created_ns: Unix time in nanoseconds.
        updated_ns: the same, of the last change.
    """

    id: int
    contact: ContactRecord
    identity: Contact
    created_ns: int
    updated_ns: int

    @property
    def pubsub_token(self) -> str:
        """What subscribes to its events."""
        return self.identity.pubsub_token


@dataclass(frozen=True, slots=True)
class Team:
    """A team of agents.

    Attributes:
        team_id: unique in the installation.
        account_id: its account.
        name: how it is shown.
    """

    team_id: int
    account_id: int
    name: str


@dataclass(slots=True, eq=False)
class Message:
    """A message.

    Attributes:
        id: unique in the installation.
        conversation: where it stands.
        message_type: :data:`INCOMING`, :data:`OUTGOING` or :data:`TEMPLATE`.
        sender: who wrote it; None for a template.
        content: its text.
        content_type: ``text``, ``input_email``, or None where the dialect has none.
        private: a note that only agents see.
        echo_id: the sender's own name for it, or None.
        created_ns: Unix time in nanoseconds.
        updated_ns: the same, of the last change.
        content_attributes: what was answered to it.
    """

    id: int
    conversation: Conversation
    message_type: int
    sender: Agent | ContactRecord | None
    content: str
    content_type: str | None
    private: bool
    echo_id: str | int | None
    created_ns: int
    updated_ns: int
    content_attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def incoming(self) -> bool:
        """Whether the contact wrote it."""
        return self.message_type == INCOMING

    @property
    def human_reply(self) -> bool:
        """Whether an agent wrote it for the contact to read."""
        return self.message_type == OUTGOING and not self.private

    @property
    def created_s(self) -> int:
        """Unix time in whole seconds."""
        return self.created_ns // NS_PER_S


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation with one contact.

    Attributes:
        display_id: its id on the wire and in paths, counted per account.
        contact_inbox: from where it is held.
        contact: with whom; another one after a merge.
        created_ns: Unix time in nanoseconds.
        uuid: its id that nobody can guess.
        status: ``open``, ``resolved``, ``pending`` or ``snoozed``.
        assignee: the agent it is assigned to.
        team: the team it is assigned to.
        agent_last_seen_s: when an agent last read it, Unix seconds, 0 for never.
        contact_last_seen_s: when the contact last read it, Unix seconds, 0 for never.
        last_activity_s: when the last message came, Unix seconds.
        waiting_since_s: since when the contact waits for an answer, Unix seconds, 0 when it does not.
        first_reply_ns: when an agent first answered, Unix nanoseconds, None for never.
        updated_ns: when it last changed, Unix nanoseconds.
        last_message: the last message that is not private.
        replied_or_asked: whether it holds any message that the contact did not write.
        questions: the last messages that can be answered, by id.
        custom_attributes: free.
        labels: in the order they were given.
    """

    display_id: int
    contact_inbox: ContactInbox
    contact: ContactRecord
    created_ns: int
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "open"
    assignee: Agent | None = None
    team: Team | None = None
    agent_last_seen_s: int = 0
    contact_last_seen_s: int = 0
    last_activity_s: int = 0
    waiting_since_s: int = 0
    first_reply_ns: int | None = None
    updated_ns: int = 0
    last_message: Message | None = None
    replied_or_asked: bool = False
    questions: dict[int, Message] = field(default_factory=dict)
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    _unread: int = 0

    def __post_init__(self) -> None:
        self.updated_ns = self.created_ns
        self.last_activity_s = self.waiting_since_s = self.created_ns // NS_PER_S

    @property
    def account_id(self) -> int:
        """Its account."""
        return self.contact.account_id

    @property
    def inbox_id(self) -> int:
        """Its inbox."""
        return self.contact_inbox.identity.inbox_id

    @property
    def unread_count(self) -> int:
        """Messages of the contact that no agent has read, at most :data:`UNREAD_CAP`."""
        return min(self._unread, UNREAD_CAP)

    def append(self, message: Message) -> None:
        """Take a message in: what is shown of the conversation follows it."""
        self.last_activity_s = message.created_s
        self.updated_ns = message.created_ns
        if not message.private:
            self.last_message = message
        if message.incoming:
            self._unread += 1
        else:
            self.replied_or_asked = True
        if (message.content_type or "").startswith("input_") and not message.private:
            self.questions[message.id] = message
            if len(self.questions) > QUESTIONS_KEPT:
                del self.questions[next(iter(self.questions))]

    def read_by_agent(self, at_s: int) -> None:
        """An agent read it up to ``at_s`` (Unix seconds)."""
        self.agent_last_seen_s = at_s
        self._unread = 0
