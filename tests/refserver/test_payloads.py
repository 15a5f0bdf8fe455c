"""Payloads against the document's samples: the same keys, in the same places, with values of the same types."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.refserver import DIALECTS
from loadtest.refserver.payloads import Payloads, timestamp_ms, timestamp_s
from loadtest.refserver.records import INCOMING, OUTGOING, TEMPLATE, ContactInbox, Conversation, Message
from loadtest.refserver.state import State
from tests.refserver.site import CONTACT, DIRECTORY, MEMBER, sample

AT_NS = 1_627_060_394_771_000_000


def shape(value: Any) -> Any:
    """Keys in order, and types, of a JSON value; texts and numbers by their type alone."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)


def online(account_id: int, user_id: int) -> str:
    return "online"


SEED = Payloads(DIALECTS["seed"], online)
CURRENT = Payloads(DIALECTS["current"], online)


@pytest.fixture
def state() -> State:
    return State(DIRECTORY, lambda: AT_NS)


@pytest.fixture
def place(state: State) -> ContactInbox:
    place = state.place("inbox-5", "s-10")
    assert place is not None
    return place


@pytest.fixture
def conversation(state: State, place: ContactInbox) -> Conversation:
    conversation = state.create_conversation(place)
    conversation.assignee = MEMBER
    return conversation


def written(state: State, conversation: Conversation, **options: Any) -> Message:
    """A message of the conversation's contact."""
    return state.create_message(conversation, INCOMING, conversation.contact, "hi", **options)


def test_a_new_conversation_has_the_samples_shape(conversation: Conversation) -> None:
    """conversation.created has every field of the sample, in its order."""
    data = {**SEED.conversation(conversation), "account_id": 1}
    expected = shape(sample("conversation.created")["message"]["data"])

    assert expected == shape(data)
    assert list(expected) == list(data)


def test_a_contacts_message_has_the_samples_shape(state: State, conversation: Conversation) -> None:
    """message.created of a contact has every field of the sample, in its order."""
    data = SEED.new_message(written(state, conversation))
    expected = shape(sample("message.created")["message"]["data"])

    assert expected == shape(data)
    assert list(expected) == list(data)


@pytest.mark.parametrize("event", ["conversation.typing_on", "conversation.typing_off"])
def test_typing_has_the_samples_shape(state: State, conversation: Conversation, event: str) -> None:
    """A typing event has the sample's fields, its conversation the last message and no account_id."""
    written(state, conversation)
    data = SEED.typing(conversation, conversation.contact, is_private=False)
    expected = shape(sample(event)["message"]["data"])

    assert expected == shape(data)
    assert [*expected, *expected["conversation"]] == [*data, *data["conversation"]]


def test_a_template_has_no_sender(state: State, conversation: Conversation) -> None:
    """What the server writes of itself has a null sender_type and sender_id, and no sender, as the sample has it."""
    question = state.create_message(conversation, TEMPLATE, None, "Get notified by email", content_type="input_email")
    question.content_attributes = {"submitted_email": "jane@acme.inc"}

    assert shape(sample("message.updated")["message"]["data"]) == shape(SEED.message(question))


def test_people_have_the_samples_shape(place: ContactInbox) -> None:
    """A contact and an agent have every field of the samples, in their order."""
    meta = sample("conversation.created")["message"]["data"]["meta"]
    contact, agent = SEED.contact(place.contact), SEED.agent(MEMBER, 1)

    assert (list(meta["sender"]), list(meta["assignee"])) == (list(contact), list(agent))


def test_a_contact_with_an_address_has_a_picture(place: ContactInbox) -> None:
    """A contact's thumbnail is empty until its address is known, then the sample's for the sample's address."""
    known = sample("contact.updated")["message"]["data"]
    before = SEED.contact(place.contact)["thumbnail"]
    place.contact.email = known["email"]

    assert ("", known["thumbnail"]) == (before, SEED.contact(place.contact)["thumbnail"])


def test_an_agents_message_is_outgoing(state: State, conversation: Conversation) -> None:
    """An agent's message is of type 1 and by a User."""
    data = SEED.message(state.create_message(conversation, OUTGOING, MEMBER, "hi"))

    assert (data["message_type"], data["sender_type"], data["sender_id"], data["sender"]["type"]) == (
        1,
        "User",
        2,
        "user",
    )


def test_an_echo_id_is_given_back_once(state: State, conversation: Conversation) -> None:
    """An echo_id stands in message.created where the sender gave one, and nowhere else, since it is not stored."""
    message = written(state, conversation, echo_id="e-1")
    payloads = [
        SEED.new_message(message),
        SEED.message(message),
        SEED.conversation(conversation)["messages"][0],
        SEED.new_message(written(state, conversation)),
    ]

    assert [payload.get("echo_id", "absent") for payload in payloads] == ["e-1", "absent", "absent", "absent"]


def test_the_current_contact_has_no_token(place: ContactInbox, conversation: Conversation) -> None:
    """In the current version the token stands in the contact's place at the inbox, not in the contact."""
    contact, shown = CURRENT.contact(place.contact), CURRENT.conversation(conversation)

    assert ("pubsub_token" in contact, contact["blocked"], shown["contact_inbox"]["pubsub_token"]) == (
        False,
        False,
        CONTACT.pubsub_token,
    )


def test_the_current_payloads_only_add_to_the_documents(state: State, conversation: Conversation) -> None:
    """Beside the contact's token, the current version drops nothing that the document has."""
    message = written(state, conversation)
    pairs = (
        (SEED.conversation(conversation), CURRENT.conversation(conversation)),
        (SEED.message(message), CURRENT.message(message)),
        (SEED.agent(MEMBER, 1), CURRENT.agent(MEMBER, 1)),
        (
            SEED.typing(conversation, MEMBER, is_private=True),
            CURRENT.typing(conversation, MEMBER, is_private=True),
        ),
    )

    assert [] == [key for old, new in pairs for key in old if key not in new]


def test_times_are_written_as_rails_writes_them() -> None:
    """Times are ISO 8601 in UTC with milliseconds, zero where the column holds whole seconds."""
    assert (timestamp_ms(AT_NS), timestamp_s(AT_NS)) == ("2021-07-23T17:13:14.771Z", "2021-07-23T17:13:14.000Z")
