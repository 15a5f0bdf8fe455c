"""Payloads against the document's samples: the same keys, in the same places, with values of the same types."""

from typing import Any

import pytest

from loadtest.refserver.payloads import (
    agent_payload,
    contact_payload,
    conversation_payload,
    message_payload,
    timestamp_ms,
    timestamp_s,
)
from loadtest.refserver.state import Conversation, State
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


@pytest.fixture
def state() -> State:
    return State(DIRECTORY, lambda: AT_NS)


@pytest.fixture
def conversation(state: State) -> Conversation:
    conversation = state.create_conversation(CONTACT)
    conversation.assignee = MEMBER
    return conversation


def test_a_new_conversation_has_the_samples_shape(conversation: Conversation) -> None:
    """conversation.created has every field of the sample, in its order."""
    data = {**conversation_payload(conversation, online, None), "account_id": 1}
    expected = shape(sample("conversation.created")["message"]["data"])

    assert expected == shape(data)
    assert list(expected) == list(data)


def test_a_contacts_message_has_the_samples_shape(state: State, conversation: Conversation) -> None:
    """message.created of a contact has every field of the sample, in its order."""
    data = message_payload(state.create_message(conversation, CONTACT, "hi"), online, None)
    expected = shape(sample("message.created")["message"]["data"])

    assert expected == shape(data)
    assert list(expected) == list(data)


@pytest.mark.parametrize("event", ["conversation.typing_on", "conversation.typing_off"])
def test_a_conversation_in_typing_has_the_samples_shape(state: State, conversation: Conversation, event: str) -> None:
    """The conversation inside a typing event has the sample's fields: its last message, and no account_id."""
    state.create_message(conversation, CONTACT, "hi")
    data = conversation_payload(conversation, online, None)
    expected = shape(sample(event)["message"]["data"]["conversation"])

    assert expected == shape(data)
    assert list(expected) == list(data)


def test_people_have_the_samples_shape() -> None:
    """A contact and an agent have every field of the samples, in their order."""
    meta = sample("conversation.created")["message"]["data"]["meta"]
    contact, agent = contact_payload(CONTACT), agent_payload(MEMBER, 1, online)

    assert (list(meta["sender"]), list(meta["assignee"])) == (list(contact), list(agent))


def test_an_agents_message_is_outgoing(state: State, conversation: Conversation) -> None:
    """An agent's message is of type 1, by a User, with the dialect's content type."""
    data = message_payload(state.create_message(conversation, MEMBER, "hi"), online, "text")

    assert (
        data["message_type"],
        data["sender_type"],
        data["sender_id"],
        data["content_type"],
        data["sender"]["type"],
    ) == (1, "User", 2, "text", "user")


def test_an_echo_id_is_given_back(state: State, conversation: Conversation) -> None:
    """An echo_id stands in the event where the sender gave one, and is else absent."""
    payloads = [
        message_payload(state.create_message(conversation, CONTACT, "hi", echo_id=echo_id), online, None)
        for echo_id in ("e-1", None)
    ]

    assert [payload.get("echo_id", "absent") for payload in payloads] == ["e-1", "absent"]


def test_times_are_written_as_rails_writes_them() -> None:
    """Times are ISO 8601 in UTC with milliseconds, zero where the column holds whole seconds."""
    assert (timestamp_ms(AT_NS), timestamp_s(AT_NS)) == ("2021-07-23T17:13:14.771Z", "2021-07-23T17:13:14.000Z")
