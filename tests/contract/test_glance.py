"""The quick look: whatever the checker calls astray is suspected, and what is in the right hands is not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.contract import Checker, EventSpec, Recipient, events_of
from loadtest.contract.glance import is_suspect, read_place
from tests.contract.document import at, data_of, events, modern, places

ASTRAY = {"wrong_account", "wrong_audience"}
IDS = st.integers(1, 3)
AGENT = Recipient("agent", (1,), user_id=1, inbox_ids=frozenset({1, 2}))
CONTACT = Recipient("contact", (1,), contact_ids=frozenset({1}), conversation_ids=frozenset({1, 2}))
CONVERSATION = {"id": 1, "inbox_id": 1, "contact_inbox": {"contact_id": 1}, "meta": {"sender": {"id": 1}}}


def glance(spec: EventSpec, data: Any, recipient: Recipient) -> bool:
    """Look at a payload that is not encoded yet."""
    return is_suspect(spec, read_place(json.dumps(data).encode()), recipient)


@st.composite
def payloads(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Any event of the document, in its version or today's, with ids out of a few."""
    event = draw(st.sampled_from([name for name in events() if name != "presence.update"]))
    data = draw(st.sampled_from([data_of, modern]))(event)
    for place in places(data):
        if place[-1] == "id" or str(place[-1]).endswith("_id"):
            owner = at(data, place[:-1])
            owner[place[-1]] = draw(IDS)
        elif place[-1] == "message_type":
            at(data, place[:-1])["message_type"] = draw(st.integers(0, 1))
        elif place[-1] == "hmac_verified":
            at(data, place[:-1])["hmac_verified"] = draw(st.booleans())
    if event.startswith("conversation.typing"):
        data["user"]["type"] = draw(st.sampled_from(["user", "contact"]))
    return event, data


recipients = st.one_of(
    st.builds(
        Recipient,
        st.just("agent"),
        st.frozensets(IDS),
        user_id=st.none() | IDS,
        inbox_ids=st.none() | st.frozensets(IDS),
    ),
    st.builds(
        Recipient,
        st.just("contact"),
        st.frozensets(IDS),
        contact_ids=st.frozensets(IDS),
        conversation_ids=st.none() | st.frozensets(IDS),
    ),
)


@given(payloads(), recipients)
def test_whatever_the_checker_calls_astray_is_suspected(payload: tuple[str, dict[str, Any]], recipient: Recipient):
    """A frame that the quick look lets pass has nothing wrong with whom it reached.

    The messages that a conversation shows are not looked into: they are held against the contract in samples.
    """
    event, data = payload
    checker = Checker("auto")
    spec = checker.events[event]
    violations = checker.check(event, data, recipient)
    found = {v.kind for v in violations if not v.detail.startswith("data.messages[")} & ASTRAY
    passed = checker.may_receive(event, recipient.role) and not glance(spec, data, recipient)

    assert not (found and passed)


@pytest.mark.parametrize(
    ("event", "data", "recipient", "expected"),
    [
        ("conversation.read", {"account_id": 1, **CONVERSATION}, AGENT, False),
        ("conversation.read", {"account_id": 2, **CONVERSATION}, AGENT, True),
        ("conversation.read", {"account_id": 1, **CONVERSATION, "inbox_id": 3}, AGENT, True),
        ("conversation.status_changed", {"account_id": 1, **CONVERSATION}, CONTACT, False),
        ("conversation.status_changed", {"account_id": 1, **CONVERSATION, "id": 3}, CONTACT, True),
        (
            "conversation.status_changed",
            {"account_id": 1, **CONVERSATION, "meta": {"sender": {"id": 2}}},
            CONTACT,
            True,
        ),
        ("message.created", {"account_id": 1, "inbox_id": 1, "conversation_id": 1}, CONTACT, False),
        ("message.created", {"account_id": 1, "conversation_id": 3}, CONTACT, True),
        ("message.created", {"account_id": 1, "sender": {"id": 2, "type": "contact"}}, CONTACT, True),
        ("message.created", {"account_id": 1, "sender": {"id": 2, "type": "user"}}, CONTACT, False),
        ("contact.updated", {"account_id": 1, "id": 9}, AGENT, False),
        ("conversation.typing_on", {"conversation": CONVERSATION, "user": {"id": 2, "type": "user"}}, AGENT, False),
        ("conversation.typing_on", {"conversation": CONVERSATION, "user": {"id": 1, "type": "user"}}, AGENT, True),
        ("conversation.typing_on", {"user": {"id": 2, "type": "user"}}, AGENT, False),
        ("notification.created", {"account_id": 1}, AGENT, True),
    ],
)
def test_a_frame_is_suspected_by_its_ids(event: str, data: Any, recipient: Recipient, expected: bool) -> None:
    """Account, inbox, conversation, contact and emitter; what is missing raises no suspicion."""
    assert expected == glance(events_of("auto")[event], data, recipient)


def test_ids_of_another_type_are_an_error() -> None:
    """There is nothing to judge by, so the caller asks the checker."""
    with pytest.raises(msgspec.MsgspecError):
        read_place(b'{"meta": 7}')
