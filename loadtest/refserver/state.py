"""The installation's data: accounts, inboxes, contacts, conversations and their last messages.

Only what events and answers show is kept. Of a conversation's messages that is the last public one and counts, so that
memory grows with conversations and not with the length of a soak.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent, Contact, Directory

UNREAD_CAP = 10
"""Upstream counts unread messages as ``.last(10)``."""


@dataclass(frozen=True, slots=True)
class ContactInbox:
    """A contact's place at an inbox.

    Attributes:
        id: unique in the installation.
        contact: whose place.
        created_ns: Unix time in nanoseconds.
    """

    id: int
    contact: Contact
    created_ns: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message, as it was created.

    Attributes:
        id: unique in the installation.
        conversation: where it stands.
        sender: the agent or contact who wrote it.
        content: its text.
        private: a note that only agents see.
        echo_id: the sender's own name for it, or None.
        created_ns: Unix time in nanoseconds.
    """

    id: int
    conversation: Conversation
    sender: Agent | Contact
    content: str
    private: bool
    echo_id: str | int | None
    created_ns: int

    @property
    def incoming(self) -> bool:
        """Whether the contact wrote it."""
        return isinstance(self.sender, Contact)

    @property
    def created_s(self) -> int:
        """Unix time in whole seconds."""
        return self.created_ns // NS_PER_S


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation with one contact.

    Attributes:
        display_id: its id on the wire and in paths, counted per account.
        contact_inbox: with whom, and where.
        created_ns: Unix time in nanoseconds.
        uuid: its id that nobody can guess.
        status: ``open``, ``resolved``, ``pending`` or ``snoozed``.
        assignee: the agent it is assigned to.
        agent_last_seen_s: when an agent last read it, Unix seconds, 0 for never.
        contact_last_seen_s: when the contact last read it, Unix seconds, 0 for never.
        last_activity_s: when the last message came, Unix seconds.
        last_message: the last message that is not private.
    """

    display_id: int
    contact_inbox: ContactInbox
    created_ns: int
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "open"
    assignee: Agent | None = None
    agent_last_seen_s: int = 0
    contact_last_seen_s: int = 0
    last_activity_s: int = 0
    last_message: Message | None = None
    _unread: int = 0

    def __post_init__(self) -> None:
        self.last_activity_s = self.created_ns // NS_PER_S

    @property
    def contact(self) -> Contact:
        """The contact it is held with."""
        return self.contact_inbox.contact

    @property
    def account_id(self) -> int:
        """Its account."""
        return self.contact_inbox.contact.account_id

    @property
    def inbox_id(self) -> int:
        """Its inbox."""
        return self.contact_inbox.contact.inbox_id

    @property
    def unread_count(self) -> int:
        """Messages of the contact that no agent has read, at most :data:`UNREAD_CAP`."""
        return min(self._unread, UNREAD_CAP)

    def append(self, message: Message) -> None:
        """Take a message in: what is shown of the conversation follows it."""
        self.last_activity_s = message.created_s
        if not message.private:
            self.last_message = message
        if message.incoming:
            self._unread += 1

    def read_by_agent(self, at_s: int) -> None:
        """An agent read it up to ``at_s`` (Unix seconds)."""
        self.agent_last_seen_s = at_s
        self._unread = 0


class State:
    """All data, made from a directory.

    Args:
        directory: the identities; conversations they name exist from the start.
        wall_ns: Unix time in nanoseconds.
    """

    def __init__(self, directory: Directory, wall_ns: Callable[[], int]) -> None:
        self.directory = directory
        self._wall_ns = wall_ns
        now_ns = wall_ns()
        self._places = {
            contact.pubsub_token: ContactInbox(number, contact, now_ns)
            for number, contact in enumerate(directory.contacts, start=1)
        }
        self._conversations: dict[tuple[int, int], Conversation] = {}
        self._last_display_id: dict[int, int] = dict.fromkeys(directory.account_ids(), 0)
        self._last_message_id = 0
        for contact in directory.contacts:
            for display_id in contact.conversation_ids:
                self._add(contact, display_id)

    @cached_property
    def agents_by_access_token(self) -> dict[str, Agent]:
        """Who may call the REST API."""
        return {agent.access_token: agent for agent in self.directory.agents}

    @cached_property
    def agents_by_pubsub_token(self) -> dict[str, Agent]:
        """Which agents may subscribe."""
        return {agent.pubsub_token: agent for agent in self.directory.agents}

    @cached_property
    def contacts_by_pubsub_token(self) -> dict[str, Contact]:
        """Which contacts may subscribe."""
        return {contact.pubsub_token: contact for contact in self.directory.contacts}

    @cached_property
    def contacts_by_source(self) -> dict[tuple[str, str], Contact]:
        """Contacts of API inboxes by (inbox identifier, source id)."""
        return {
            (contact.inbox_identifier, contact.source_id): contact
            for contact in self.directory.contacts
            if contact.inbox_identifier is not None
        }

    def has_account(self, account_id: int) -> bool:
        """Whether there is such an account."""
        return account_id in self._last_display_id

    def conversation(self, account_id: int, display_id: int) -> Conversation | None:
        """The conversation of that display id in that account."""
        return self._conversations.get((account_id, display_id))

    def create_conversation(self, contact: Contact) -> Conversation:
        """Open a conversation, with the account's next display id."""
        return self._add(contact, self._last_display_id[contact.account_id] + 1)

    def create_message(
        self,
        conversation: Conversation,
        sender: Agent | Contact,
        content: str,
        *,
        private: bool = False,
        echo_id: str | int | None = None,
    ) -> Message:
        """Write a message into a conversation."""
        self._last_message_id += 1
        message = Message(
            id=self._last_message_id,
            conversation=conversation,
            sender=sender,
            content=content,
            private=private,
            echo_id=echo_id,
            created_ns=self._wall_ns(),
        )
        conversation.append(message)
        return message

    def _add(self, contact: Contact, display_id: int) -> Conversation:
        conversation = Conversation(display_id, self._places[contact.pubsub_token], self._wall_ns())
        self._conversations[contact.account_id, display_id] = conversation
        self._last_display_id[contact.account_id] = max(display_id, self._last_display_id[contact.account_id])
        return conversation
