"""Subjects: frames and actions of one emission name the same key."""

import json

import msgspec
import pytest

from loadtest.collect.subjects import (
    MARKED,
    actor_name,
    counted_events,
    event_of,
    read_subject,
    subject_key,
    tracked_events,
)


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("conversation.read", {"id": 9, "account_id": 1}, subject_key("conversation.read", 1, 9)),
        ("contact.updated", {"id": 12, "account_id": 2}, subject_key("contact.updated", 2, 12)),
        ("message.updated", {"id": 111, "account_id": 1}, subject_key("message.updated", 1, 111)),
        (
            "conversation.typing_on",
            {"account_id": 1, "conversation": {"id": 7}, "user": {"id": 10, "type": "contact"}},
            subject_key("conversation.typing_on", 1, 7, actor_name("contact", 10)),
        ),
        (
            "conversation.typing_off",
            {"account_id": 1, "conversation": {"id": 7}, "user": {"id": 3, "type": "user"}},
            subject_key("conversation.typing_off", 1, 7, actor_name("agent", 3)),
        ),
        ("assignee.changed", {"id": None, "account_id": 1}, None),
        ("conversation.read", {"id": 9}, None),
        ("conversation.typing_on", {"account_id": 1, "conversation": {"id": 7}}, None),
    ],
)
def test_a_frame_names_its_subject(event, data, expected):
    """The key is read from what the frame is about, or there is none."""
    assert expected == read_subject(event, json.dumps(data).encode())


def test_a_subject_of_the_wrong_type_is_an_error():
    """An id that is no number is the contract's business."""
    with pytest.raises(msgspec.MsgspecError):
        read_subject("conversation.read", b'{"id":"nine","account_id":1}')


@pytest.mark.parametrize(
    ("key", "expected"), [(b"00000001", MARKED), (subject_key("team.changed", 1, 2), "team.changed")]
)
def test_a_key_names_its_event(key, expected):
    """Marks belong to message.created, subjects to the event in them."""
    assert expected == event_of(key)


def test_events_that_messages_cause_today_are_not_tracked_there():
    """Where a message causes an event as well, a frame cannot be told to be one action's."""
    assert "contact.updated" in tracked_events("seed")
    assert "contact.updated" not in tracked_events("current")


def test_events_are_tracked_one_by_one_or_counted():
    """None is both, and what is no longer told apart is still counted."""
    for dialect in ("seed", "current", "auto"):
        assert not tracked_events(dialect) & counted_events(dialect)
    assert tracked_events("seed") - tracked_events("current") <= counted_events("current")
