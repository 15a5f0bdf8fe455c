"""The installation's data: what there is, looked up by what calls and subscriptions name, and made anew."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from loadtest.directory import Agent, Audiences, Contact, Directory
from loadtest.refserver.records import ContactInbox, ContactRecord, Conversation, Message, Team

TEAMS_PER_ACCOUNT = 2
"""Two, so that a conversation can change from one to the other."""

UNIQUE_KEYS = ("email", "identifier", "phone_number")
"""What no two contacts of an account share."""


class TakenError(ValueError):
    """A contact that another contact's data was to be given to.

    Attributes:
        key: which of :data:`UNIQUE_KEYS`.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class State:
    """All data, made from a directory.

    Args:
        directory: the identities; conversations they name exist from the start.
        wall_ns: Unix time in nanoseconds.

    Attributes:
        directory: as given.
        audiences: which agents see what.
    """

    def __init__(self, directory: Directory, wall_ns: Callable[[], int]) -> None:
        self.directory = directory
        self.audiences = Audiences(directory.agents)
        self.wall_ns = wall_ns
        self._contacts: dict[tuple[int, int], ContactRecord] = {}
        self._places: dict[str, ContactInbox] = {}
        self._places_by_source: dict[tuple[str, str], ContactInbox] = {}
        self._taken: dict[tuple[int, str, str], ContactRecord] = {}
        self._conversations: dict[tuple[int, int], Conversation] = {}
        self._conversations_of: dict[ContactRecord, list[Conversation]] = {}
        self._last_display_id: dict[int, int] = dict.fromkeys(directory.account_ids(), 0)
        self._last_message_id = 0
        self._last_contact_id = max((contact.contact_id for contact in directory.contacts), default=0)
        self._teams = {
            number: Team(number, account_id, f"Team {number}")
            for number, account_id in enumerate(
                (account_id for account_id in directory.account_ids() for _ in range(TEAMS_PER_ACCOUNT)), start=1
            )
        }
        for contact in directory.contacts:
            place = self._add_place(contact)
            for display_id in contact.conversation_ids:
                self._add(place, display_id)

    @cached_property
    def agents_by_access_token(self) -> dict[str, Agent]:
        """Who may call the REST API."""
        return {agent.access_token: agent for agent in self.directory.agents}

    @cached_property
    def agents_by_pubsub_token(self) -> dict[str, Agent]:
        """Which agents may subscribe."""
        return {agent.pubsub_token: agent for agent in self.directory.agents}

    @cached_property
    def _agents(self) -> dict[int, Agent]:
        return {agent.user_id: agent for agent in self.directory.agents}

    @cached_property
    def _inboxes(self) -> dict[int, Contact]:
        """Of each inbox, an identity at it that has no name and no token yet."""
        inboxes = {
            inbox_id: Contact(agent.account_id, 0, inbox_id, "", "", f"inbox-{inbox_id}")
            for agent in self.directory.agents
            if len(agent.account_ids) == 1
            for inbox_id in agent.inbox_ids
        }
        for contact in self.directory.contacts:
            inboxes[contact.inbox_id] = replace(
                contact, contact_id=0, source_id="", pubsub_token="", hmac_verified=False, conversation_ids=(), name=""
            )
        return inboxes

    def has_account(self, account_id: int) -> bool:
        """Whether there is such an account."""
        return account_id in self._last_display_id

    def agent(self, account_id: int, user_id: int) -> Agent | None:
        """The user of that id, if it belongs to that account."""
        agent = self._agents.get(user_id)
        return agent if agent is not None and account_id in agent.account_ids else None

    def teams(self, account_id: int) -> list[Team]:
        """The account's teams."""
        return [team for team in self._teams.values() if team.account_id == account_id]

    def team(self, account_id: int, team_id: int) -> Team | None:
        """The team of that id, if it is of that account."""
        team = self._teams.get(team_id)
        return team if team is not None and team.account_id == account_id else None

    def contact_by_pubsub_token(self, token: str) -> Contact | None:
        """Which contact may subscribe by this token."""
        place = self._places.get(token)
        return None if place is None else place.identity

    def place(self, inbox_identifier: str, source_id: str) -> ContactInbox | None:
        """The place of that source id at that API inbox."""
        return self._places_by_source.get((inbox_identifier, source_id))

    def contact(self, account_id: int, contact_id: int) -> ContactRecord | None:
        """The contact of that id in that account."""
        return self._contacts.get((account_id, contact_id))

    def conversation(self, account_id: int, display_id: int) -> Conversation | None:
        """The conversation of that display id in that account."""
        return self._conversations.get((account_id, display_id))

    def create_conversation(self, place: ContactInbox) -> Conversation:
        """Open a conversation, with the account's next display id."""
        return self._add(place, self._last_display_id[place.contact.account_id] + 1)

    def create_message(
        self,
        conversation: Conversation,
        message_type: int,
        sender: Agent | ContactRecord | None,
        content: str,
        *,
        content_type: str | None = "text",
        private: bool = False,
        echo_id: str | int | None = None,
    ) -> Message:
        """Write a message into a conversation; the arguments are those of :class:`Message`."""
        self._last_message_id += 1
        now_ns = self.wall_ns()
        message = Message(
            id=self._last_message_id,
            conversation=conversation,
            message_type=message_type,
            sender=sender,
            content=content,
            content_type=content_type,
            private=private,
            echo_id=echo_id,
            created_ns=now_ns,
            updated_ns=now_ns,
        )
        conversation.append(message)
        return message

    def create_contact(self, account_id: int, inbox_id: int | None, attributes: Mapping[str, Any]) -> ContactRecord:
        """Make a contact, with a place at an inbox where one is given.

        Args:
            account_id: its account.
            inbox_id: an inbox of that account, or None.
            attributes: fields of :class:`ContactRecord`.

        Raises:
            LookupError: there is no such inbox in that account.
            TakenError: another contact has such an address, number or identifier.
        """
        inbox = None if inbox_id is None else self._inboxes.get(inbox_id)
        if inbox_id is not None and (inbox is None or inbox.account_id != account_id):
            raise LookupError(inbox_id)
        self._check_taken(account_id, attributes, None)
        self._last_contact_id += 1
        token = uuid.uuid4().hex[:24]
        record = ContactRecord(account_id, self._last_contact_id, token)
        self._contacts[account_id, record.contact_id] = record
        self.update_contact(record, attributes)
        if inbox is not None:
            source_id = str(uuid.uuid4())
            self._add_place(
                replace(inbox, contact_id=record.contact_id, source_id=source_id, pubsub_token=token, name=record.name)
            )
        return record

    def update_contact(self, record: ContactRecord, attributes: Mapping[str, Any]) -> None:
        """Change a contact's data; free attributes are merged into what is there, as upstream does.

        Raises:
            TakenError: another contact has such an address, number or identifier.
        """
        self._check_taken(record.account_id, attributes, record)
        for key in UNIQUE_KEYS:
            if key in attributes:
                self._taken.pop((record.account_id, key, getattr(record, key) or ""), None)
                if attributes[key]:
                    self._taken[record.account_id, key, attributes[key]] = record
        for key, value in attributes.items():
            setattr(record, key, {**getattr(record, key), **value} if isinstance(value, dict) else value)

    def merge_contacts(self, base: ContactRecord, mergee: ContactRecord) -> list[Conversation]:
        """Give one contact's places and conversations to another, with what that one lacks, and remove it.

        Returns:
            The conversations that changed hands.
        """
        now_ns = self.wall_ns()
        moved = self._conversations_of.pop(mergee, [])
        for conversation in moved:
            conversation.contact = base
            conversation.updated_ns = now_ns
            for message in (*conversation.questions.values(), conversation.last_message):
                if message is not None and message.sender is mergee:
                    message.sender = base
        self._conversations_of.setdefault(base, []).extend(moved)
        for place in mergee.places:
            place.contact, place.updated_ns = base, now_ns
            place.identity = replace(place.identity, contact_id=base.contact_id)
        base.places += mergee.places
        mergee.places = []
        del self._contacts[mergee.account_id, mergee.contact_id]
        for key in UNIQUE_KEYS:
            self._taken.pop((mergee.account_id, key, getattr(mergee, key) or ""), None)
        lacking = {
            key: getattr(mergee, key)
            for key in ("name", *UNIQUE_KEYS)
            if getattr(mergee, key) and not getattr(base, key)
        }
        free = {
            key: {**getattr(mergee, key), **getattr(base, key)}
            for key in ("additional_attributes", "custom_attributes")
        }
        self.update_contact(base, {**lacking, **free})
        return moved

    def _check_taken(self, account_id: int, attributes: Mapping[str, Any], but: ContactRecord | None) -> None:
        for key in UNIQUE_KEYS:
            if attributes.get(key) and self._taken.get((account_id, key, attributes[key]), but) is not but:
                raise TakenError(key)

    def _add_place(self, identity: Contact) -> ContactInbox:
        key = (identity.account_id, identity.contact_id)
        record = self._contacts.get(key)
        if record is None:
            record = self._contacts[key] = ContactRecord(*key, identity.pubsub_token, identity.name)
        now_ns = self.wall_ns()
        place = ContactInbox(len(self._places) + 1, record, identity, now_ns, now_ns)
        record.places.append(place)
        self._places[identity.pubsub_token] = place
        if identity.inbox_identifier is not None:
            self._places_by_source[identity.inbox_identifier, identity.source_id] = place
        return place

    def _add(self, place: ContactInbox, display_id: int) -> Conversation:
        record = place.contact
        conversation = Conversation(display_id, place, record, self.wall_ns())
        self._conversations[record.account_id, display_id] = conversation
        self._conversations_of.setdefault(record, []).append(conversation)
        self._last_display_id[record.account_id] = max(display_id, self._last_display_id[record.account_id])
        return conversation
