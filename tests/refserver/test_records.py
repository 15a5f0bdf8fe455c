"""Records: what is kept of a conversation's messages, and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent
from loadtest.refserver.records import (
    INCOMING,
    OUTGOING,
    QUESTIONS_KEPT,
    TEMPLATE,
    UNREAD_CAP,
    ContactInbox,
    ContactRecord,
    Conversation,
    Message,
)
from tests.refserver.site import CONTACT, MEMBER


@pytest.fixture
def conversation() -> Conversation:
    contact = ContactRecord(1, 10, "c-10")
    return Conversation(3, ContactInbox(1, contact, CONTACT, 0, 0), contact, 1000 * NS_PER_S)


def add(conversation: Conversation, number: int, message_type: int = INCOMING, **options: Any) -> Message:
    """Append a message that came ``number`` seconds after the conversation began."""
    sender: Agent | ContactRecord | None = {INCOMING: conversation.contact, OUTGOING: MEMBER, TEMPLATE: None}[
        message_type
    ]
    at_ns = (1000 + number) * NS_PER_S
    fields: dict[str, Any] = {"content_type": "text", "private": False, "echo_id": None, **options}
    message = Message(number, conversation, message_type, sender, "hi", created_ns=at_ns, updated_ns=at_ns, **fields)
    conversation.append(message)
    return message


def test_unread_counts_the_contacts_messages_up_to_the_cap(conversation: Conversation) -> None:
    """Messages of the contact are unread until an agent reads; the count stops at upstream's ten."""
    add(conversation, 1, OUTGOING)
    counts = [conversation.unread_count]
    for number in range(UNREAD_CAP + 2):
        add(conversation, number)
        counts.append(conversation.unread_count)

    assert [*range(11), 10, 10] == counts


def test_reading_clears_the_count(conversation: Conversation) -> None:
    """When an agent has read the conversation nothing is unread and the time is kept."""
    add(conversation, 1)
    conversation.read_by_agent(1234)

    assert (conversation.unread_count, conversation.agent_last_seen_s) == (0, 1234)


def test_a_private_note_is_activity_but_not_the_last_message(conversation: Conversation) -> None:
    """A private note moves the last activity, and the last public message stays the one shown."""
    public = add(conversation, 1)
    add(conversation, 10, OUTGOING, private=True)

    assert (public, 1010) == (conversation.last_message, conversation.last_activity_s)


def test_a_new_conversation_waits(conversation: Conversation) -> None:
    """A conversation waits for an answer from its beginning (``ensure_waiting_since``)."""
    assert (1000, 1000) == (conversation.waiting_since_s, conversation.last_activity_s)


def test_only_public_answers_of_agents_are_replies(conversation: Conversation) -> None:
    """A reply is written by an agent for the contact to read."""
    messages = [
        add(conversation, 1, OUTGOING),
        add(conversation, 2, OUTGOING, private=True),
        add(conversation, 3),
        add(conversation, 4, TEMPLATE),
    ]

    assert [True, False, False, False] == [message.human_reply for message in messages]


def test_the_last_questions_are_kept(conversation: Conversation) -> None:
    """Of the messages that ask for an answer the last few can be answered; other messages never."""
    for number in range(QUESTIONS_KEPT + 2):
        add(conversation, number, OUTGOING, content_type="input_email")
    add(conversation, 100)
    add(conversation, 101, OUTGOING, content_type="input_email", private=True)

    assert [*range(2, QUESTIONS_KEPT + 2)] == list(conversation.questions)
