"""What people do at OneChat: each method changes the records and tells what follows, before it returns.

The rules are those of upstream's models and builders; each is cited where it is not plain from the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent
from loadtest.refserver.accounts import Inbox
from loadtest.refserver.consequences import Actor, Change, Kind
from loadtest.refserver.dialect import Dialect
from loadtest.refserver.payloads import timestamp_s
from loadtest.refserver.publisher import Publisher
from loadtest.refserver.records import (
    INCOMING,
    OUTGOING,
    TEMPLATE,
    ContactInbox,
    ContactRecord,
    Conversation,
    Message,
    Team,
)
from loadtest.refserver.state import State

EMAIL_QUESTION = "Get notified by email"
"""Text of the template that asks a contact for its address, as in the document's samples."""

STATUSES = ("open", "resolved", "pending", "snoozed")


class Desk:
    """Everything that can be done, by REST or by the server itself.

    Args:
        state: what is changed.
        publisher: told of every change.
        dialect: which version's rules.
        email_collect: whether a contact without an address is asked for one after its first message. Upstream asks in
            website inboxes only, and the inboxes served here are API inboxes; asked or not, a message of the load must
            be the only message.created that follows from its call, so this is for tests and demonstrations.
    """

    def __init__(self, state: State, publisher: Publisher, dialect: Dialect, *, email_collect: bool) -> None:
        self._state = state
        self._publisher = publisher
        self._dialect = dialect
        self._email_collect = email_collect

    def open_conversation(
        self, place: ContactInbox, custom_attributes: Mapping[str, Any] | None = None
    ) -> Conversation:
        """A contact begins a conversation."""
        conversation = self._state.create_conversation(place, custom_attributes)
        self._publisher.publish(Change("conversation_created", place, conversation))
        return conversation

    def contact_writes(
        self, place: ContactInbox, conversation: Conversation, content: str, echo_id: str | int | None
    ) -> Message:
        """A contact writes; a conversation that was done with is opened again first (``reopen_conversation``)."""
        if conversation.status in ("resolved", "snoozed"):
            self._set_status(None, conversation, "open")
        asks = self._email_collect and not conversation.replied_or_asked and conversation.contact.email is None
        message = self._state.create_message(conversation, INCOMING, conversation.contact, content, echo_id=echo_id)
        keys = set()
        if not conversation.waiting_since_s:
            conversation.waiting_since_s = message.created_s
            keys.add("waiting_since")
        self._tell_message(place, message, keys)
        if asks:
            question = self._state.create_message(
                conversation, TEMPLATE, None, EMAIL_QUESTION, content_type="input_email"
            )
            self._tell_message(None, question, set())
        if self._dialect.contact_activity_is_told:
            self._publisher.publish(Change("contact_changed", None, contact=conversation.contact))
        return message

    def agent_writes(
        self,
        agent: Agent,
        conversation: Conversation,
        content: str,
        echo_id: str | int | None,
        *,
        private: bool,
        content_type: str | None,
    ) -> Message:
        """An agent writes; an answer to the contact ends its waiting (``dispatch_create_events``)."""
        message = self._state.create_message(
            conversation,
            OUTGOING,
            agent,
            content,
            content_type=content_type or self._dialect.outgoing_content_type,
            private=private,
            echo_id=echo_id,
        )
        keys = set()
        if message.human_reply:
            if conversation.first_reply_ns is None:
                conversation.first_reply_ns = message.created_ns
                keys.add("first_reply_created_at")
            if conversation.waiting_since_s:
                conversation.waiting_since_s = 0
                keys.add("waiting_since")
        self._tell_message(agent, message, keys)
        return message

    def answer(self, place: ContactInbox, message: Message, values: Sequence[Mapping[str, Any]]) -> None:
        """A contact answers a question; the first value of an ``input_email`` is its address."""
        old, old_ns = message.content_attributes, message.updated_ns
        answered: dict[str, Any] = {"submitted_values": values}
        if self._dialect.answer_key == "submitted_email" and message.content_type == "input_email":
            answered = {"submitted_email": next((value.get("value") for value in values), None)}
        message.content_attributes = {**old, **answered}
        message.updated_ns = message.conversation.updated_ns = self._state.wall_ns()
        previous = {
            "content_attributes": [old, message.content_attributes],
            "updated_at": [timestamp_s(old_ns), timestamp_s(message.updated_ns)],
        }
        self._publisher.publish(Change("message_changed", place, message.conversation, message, previous=previous))

    def types(self, actor: Actor, conversation: Conversation, *, typing: bool, is_private: bool = False) -> None:
        """Somebody starts or stops typing; a private note's typing goes to the contact too, as upstream's does."""
        kind: Kind = "typing_on" if typing else "typing_off"
        self._publisher.publish(Change(kind, actor, conversation, is_private=is_private))

    def contact_reads(self, place: ContactInbox, conversation: Conversation) -> None:
        """A contact has seen what is there; upstream tells it each time, since the time it keeps is new each time."""
        conversation.contact_last_seen_s = self._state.wall_ns() // NS_PER_S
        self._changed(place, conversation, "contact_last_seen_at")

    def agent_reads(self, conversation: Conversation) -> None:
        """An agent has seen what is there; nobody is told (upstream uses ``update_columns``)."""
        conversation.read_by_agent(self._state.wall_ns() // NS_PER_S)

    def set_status(self, agent: Agent, conversation: Conversation, status: str | None) -> None:
        """An agent gives the conversation a status; without one it is resolved if open, else opened."""
        if status is None:
            status = "resolved" if conversation.status == "open" else "open"
        self._set_status(agent, conversation, status)
        if self._dialect.opener_is_assigned and conversation.status == "open" and agent.role == "agent":
            self.assign_agent(agent, conversation, agent)

    def assign_agent(self, agent: Agent, conversation: Conversation, assignee: Agent | None) -> None:
        """An agent assigns the conversation to a user, or to nobody; it is told if that is another one."""
        if _user_id(conversation.assignee) != _user_id(assignee):
            conversation.assignee = assignee
            self._changed(agent, conversation, "assignee_id")

    def assign_team(self, agent: Agent, conversation: Conversation, team: Team | None) -> None:
        """An agent assigns the conversation to a team, or to none; it is told if that is another one."""
        if conversation.team is not team:
            conversation.team = team
            self._changed(agent, conversation, "team_id")

    def set_labels(self, agent: Agent, conversation: Conversation, labels: Sequence[str]) -> None:
        """An agent gives the conversation these labels and no others; it is told if they are other ones."""
        if conversation.labels != list(labels):
            conversation.labels = list(labels)
            self._changed(agent, conversation, "label_list")

    def register(self, inbox: Inbox, source_id: str, attributes: Mapping[str, Any]) -> ContactInbox:
        """Somebody comes to an API inbox (``ContactInboxWithContactBuilder``).

        The place of that source id is taken where there is one; else the contact of that identifier or address gets a
        place; else a contact is made.
        """
        found = self._state.place(inbox.identifier or "", source_id)
        if found is not None:
            return found
        for key in ("identifier", "email"):
            holder = self._state.holder(inbox.account_id, key, attributes.get(key) or "")
            if holder is not None:
                return self._state.create_place(holder, inbox, source_id)
        contact = self._state.create_contact(inbox.account_id, inbox.inbox_id, attributes, source_id)
        self._publisher.publish(Change("contact_created", None, contact=contact))
        return contact.places[0]

    def remove_contact(self, agent: Agent, contact: ContactRecord) -> None:
        """An agent removes a contact, with its conversations."""
        self._state.remove_contact(contact)
        self._publisher.publish(Change("contact_deleted", agent, contact=contact))

    def create_contact(
        self, agent: Agent, account_id: int, inbox_id: int | None, attributes: Mapping[str, Any]
    ) -> ContactRecord:
        """An agent makes a contact; errors are those of :meth:`State.create_contact`."""
        contact = self._state.create_contact(account_id, inbox_id, attributes)
        self._publisher.publish(Change("contact_created", agent, contact=contact))
        return contact

    def update_contact(self, agent: Agent, contact: ContactRecord, attributes: Mapping[str, Any]) -> None:
        """An agent changes a contact, which is told even where nothing is different (upstream has no such guard)."""
        self._state.update_contact(contact, attributes)
        self._publisher.publish(Change("contact_changed", agent, contact=contact))

    def merge_contacts(self, agent: Agent, base: ContactRecord, mergee: ContactRecord) -> None:
        """An agent merges two contacts; a contact with itself is left as it is (``ContactMergeAction``)."""
        if base is mergee:
            return
        moved = self._state.merge_contacts(base, mergee)
        self._publisher.publish(Change("contact_merged", agent, contact=base))
        for conversation in moved:
            self._changed(agent, conversation, "contact_id")
        self._publisher.publish(Change("contact_deleted", agent, contact=mergee))
        self._publisher.publish(Change("contact_changed", agent, contact=base))

    def _set_status(self, agent: Agent | None, conversation: Conversation, status: str) -> None:
        if conversation.status == status:
            return
        conversation.status = status
        if status == "resolved":
            conversation.waiting_since_s = 0  # quietly, as upstream does
        self._changed(agent, conversation, "status")

    def _changed(self, actor: Actor | None, conversation: Conversation, *keys: str) -> None:
        conversation.updated_ns = self._state.wall_ns()
        self._publisher.publish(Change("conversation_changed", actor, conversation, keys=frozenset(keys)))

    def _tell_message(self, actor: Actor | None, message: Message, keys: set[str]) -> None:
        self._publisher.publish(Change("message_created", actor, message.conversation, message, keys=frozenset(keys)))


def _user_id(agent: Agent | None) -> int | None:
    return None if agent is None else agent.user_id
