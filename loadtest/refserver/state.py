"""The installation's data: what there is, looked up by what calls and subscriptions name, and made anew."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from loadtest.directory import Agent, Contact, Directory
from loadtest.refserver.accounts import Account, Accounts, Inbox
from loadtest.refserver.records import ContactInbox, ContactRecord, Conversation, Message, Team
from loadtest.refserver.staff import Staff, User

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
        staff: users, and what they belong to.
        accounts: accounts with their inboxes and teams.
        wall_ns: as given.
    """

    def __init__(self, directory: Directory, wall_ns: Callable[[], int]) -> None:
        self.directory = directory
        self.staff = Staff(directory.agents)
        self.accounts = Accounts(directory)
        self.wall_ns = wall_ns
        self._contacts: dict[tuple[int, int], ContactRecord] = {}
        self._places: dict[str, ContactInbox] = {}
        self._places_by_source: dict[tuple[str, str], ContactInbox] = {}
        self._taken: dict[tuple[int, str, str], ContactRecord] = {}
        self._conversations: dict[tuple[int, int], Conversation] = {}
        self._conversations_of: dict[ContactRecord, list[Conversation]] = {}
        self._last_message_id = 0
        self._last_place_id = 0
        self._last_contact_id = max((contact.contact_id for contact in directory.contacts), default=0)
        for contact in directory.contacts:
            place = self._add_place(contact)
            for display_id in contact.conversation_ids:
                self._add(place, display_id)

    # -- looking up --------------------------------------------------------------------------------------------------

    def has_account(self, account_id: int) -> bool:
        """Whether there is such an account."""
        return self.accounts.account(account_id) is not None

    def agent(self, account_id: int, user_id: int) -> Agent | None:
        """The user of that id, if it belongs to that account."""
        return self.staff.agent(account_id, user_id)

    def teams(self, account_id: int) -> list[Team]:
        """The account's teams."""
        return self.accounts.teams(account_id)

    def team(self, account_id: int, team_id: int) -> Team | None:
        """The team of that id, if it is of that account."""
        return self.accounts.team(account_id, team_id)

    def contacts(self, account_id: int) -> list[ContactRecord]:
        """The account's contacts."""
        return [record for record in self._contacts.values() if record.account_id == account_id]

    def conversations(self, account_id: int) -> list[Conversation]:
        """The account's conversations."""
        return [one for (account, _), one in self._conversations.items() if account == account_id]

    def conversations_of(self, record: ContactRecord) -> list[Conversation]:
        """A contact's conversations."""
        return list(self._conversations_of.get(record, ()))

    def holder(self, account_id: int, key: str, value: str) -> ContactRecord | None:
        """Which contact of the account has this address, number or identifier (``key`` of :data:`UNIQUE_KEYS`)."""
        return self._taken.get((account_id, key, value))

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

    # -- making ------------------------------------------------------------------------------------------------------

    def create_conversation(
        self, place: ContactInbox, custom_attributes: Mapping[str, Any] | None = None
    ) -> Conversation:
        """Open a conversation, with the account's next display id."""
        conversation = self._add(place, self._account(place.contact.account_id).last_display_id + 1)
        conversation.custom_attributes.update(custom_attributes or {})
        return conversation

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

    def create_contact(
        self, account_id: int, inbox_id: int | None, attributes: Mapping[str, Any], source_id: str | None = None
    ) -> ContactRecord:
        """Make a contact, with a place at an inbox where one is given.

        Args:
            account_id: its account.
            inbox_id: an inbox of that account, or None.
            attributes: fields of :class:`ContactRecord`.
            source_id: its public name at that inbox; one is made up where none is given.

        Raises:
            LookupError: there is no such inbox in that account.
            TakenError: another contact has such an address, number or identifier.
        """
        inbox = None if inbox_id is None else self.accounts.inbox(account_id, inbox_id)
        if inbox_id is not None and inbox is None:
            raise LookupError(inbox_id)
        self._check_taken(account_id, attributes, None)
        self._last_contact_id += 1
        record = ContactRecord(account_id, self._last_contact_id, _token())
        self._contacts[account_id, record.contact_id] = record
        self.update_contact(record, attributes)
        if inbox is not None:
            self.create_place(record, inbox, source_id, record.pubsub_token)
        return record

    def create_place(
        self, record: ContactRecord, inbox: Inbox, source_id: str | None = None, pubsub_token: str | None = None
    ) -> ContactInbox:
        """Give a contact a place at an inbox, with tokens made up where none are given."""
        return self._add_place(
            Contact(
                account_id=record.account_id,
                contact_id=record.contact_id,
                inbox_id=inbox.inbox_id,
                source_id=source_id or str(uuid.uuid4()),
                pubsub_token=pubsub_token or _token(),
                inbox_identifier=inbox.identifier,
                website_token=inbox.website_token,
                name=record.name,
            )
        )

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

    # -- removing ----------------------------------------------------------------------------------------------------

    def remove_conversation(self, conversation: Conversation) -> None:
        """Remove a conversation."""
        del self._conversations[conversation.account_id, conversation.display_id]
        self._conversations_of[conversation.contact].remove(conversation)

    def remove_contact(self, record: ContactRecord) -> None:
        """Remove a contact with its conversations and its places; its tokens are worth nothing from then on."""
        for conversation in self.conversations_of(record):
            self.remove_conversation(conversation)
        self._conversations_of.pop(record, None)
        for place in record.places:
            self._remove_place(place)
        for key in UNIQUE_KEYS:
            self._taken.pop((record.account_id, key, getattr(record, key) or ""), None)
        del self._contacts[record.account_id, record.contact_id]

    def remove_inbox(self, inbox: Inbox) -> None:
        """Remove an inbox with its conversations; contacts stay, without their places at it."""
        for conversation in self.conversations(inbox.account_id):
            if conversation.inbox_id == inbox.inbox_id:
                self.remove_conversation(conversation)
        for record in self.contacts(inbox.account_id):
            for place in record.places:
                if place.identity.inbox_id == inbox.inbox_id:
                    self._remove_place(place)
            record.places = [place for place in record.places if place.identity.inbox_id != inbox.inbox_id]
        self.staff.close_inbox(inbox.inbox_id)
        self.accounts.remove_inbox(inbox)

    def remove_account(self, account: Account) -> None:
        """Remove an account with all that is in it; its users stay, without it."""
        account_id = account.account_id
        for record in self.contacts(account_id):
            self.remove_contact(record)
        for user in self.staff.of_account(account_id):
            self.leave(user, account_id)
        self.accounts.remove_account(account)

    def remove_team(self, team: Team) -> None:
        """Remove a team; its conversations are assigned to none."""
        for conversation in self.conversations(team.account_id):
            if conversation.team is team:
                conversation.team = None
        self.accounts.remove_team(team)

    def leave(self, user: User, account_id: int) -> None:
        """Let a user belong to an account and to its inboxes no more."""
        self.staff.leave(user, account_id, [inbox.inbox_id for inbox in self.accounts.inboxes(account_id)])

    def _remove_place(self, place: ContactInbox) -> None:
        del self._places[place.pubsub_token]
        if place.identity.inbox_identifier is not None:
            del self._places_by_source[place.identity.inbox_identifier, place.identity.source_id]

    def _account(self, account_id: int) -> Account:
        account = self.accounts.account(account_id)
        if account is None:
            raise LookupError(account_id)
        return account

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
        self._last_place_id += 1
        place = ContactInbox(self._last_place_id, record, identity, now_ns, now_ns)
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
        account = self._account(record.account_id)
        account.last_display_id = max(display_id, account.last_display_id)
        return conversation


def _token() -> str:
    return uuid.uuid4().hex[:24]
