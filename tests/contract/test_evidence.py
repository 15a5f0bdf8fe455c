"""What is kept of a frame that broke the contract: never a word of anybody's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.contract import evidence
from tests.contract.document import events, sample

MARK = "lt:abc123:00000001:1627060394771000:"


def strings(value: Any) -> list[str]:
    """All strings of a JSON value, keys included."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in [key, *strings(item)]]
    if isinstance(value, list):
        return [found for item in value for found in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("event", events())
def test_no_token_address_or_text_of_a_sample_is_kept(event: str) -> None:
    """No string value of a sample is in its evidence but the event's name."""
    frame = sample(event)
    frame["message"]["data"]["content"] = "jane@acme.inc wrote: my token is xyzzy"
    told = json.dumps(evidence(frame))
    values = {text for text in strings(frame) if len(text) > 3 and ("@" in text or " " in text or "-" in text)}

    assert event in told
    assert not [text for text in (*values, "jane", "acme", "xyzzy", "http", "RoomChannel", '"token"') if text in told]


secret = st.text(alphabet="QXZ", min_size=6, max_size=12).map(lambda text: f"{text}@")
payload = st.recursive(
    secret | st.integers() | st.none() | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(secret | st.just("content") | st.just("id"), inner),
    max_leaves=20,
)


@given(payload)
def test_whatever_a_server_sends_no_string_is_kept(value: Any) -> None:
    """Secrets as values and as keys, anywhere in any JSON value, become lengths."""
    told = json.dumps(evidence({"identifier": value, "message": {"event": value, "data": value}}))

    assert not {"Q", "X", "Z", "@"} & set(told)


def test_ids_flags_and_types_are_kept() -> None:
    """Integers under id and ..._id and flags are told as they are, other numbers by type, strings by length."""
    told = evidence({"id": 7, "inbox_id": 3, "private": True, "created_at": 1627060394, "name": "Jane", "email": None})

    assert {
        "id": 7,
        "inbox_id": 3,
        "private": True,
        "created_at": "integer",
        "name": "string(4)",
        "email": None,
    } == told


def test_of_a_marked_text_the_mark_is_kept() -> None:
    """A text that begins with our mark is cut after it."""
    assert {"content": MARK} == evidence({"content": MARK + "jane@acme.inc"})


def test_a_text_that_only_looks_like_a_mark_is_not_kept() -> None:
    """The prefix alone makes no mark."""
    assert {"content": "string(20)"} == evidence({"content": "lt:jane@acme.inc:hi!!"[:20]})


def test_an_event_name_is_kept_only_where_it_stands() -> None:
    """A name is kept under ``event``, not elsewhere, and not what is no name."""
    assert {"event": "message.created", "content": "string(15)"} == evidence(
        {"event": "message.created", "content": "message.created"}
    )
    assert {"event": "string(13)"} == evidence({"event": "jane@acme.inc"})


def test_ids_that_are_keys_are_kept() -> None:
    """A presence map shows whose ids are in it."""
    told = evidence({"contacts": {"12": "online", "jane": "online"}})

    assert {"contacts": {"12": "string(6)", "<4 chars>": "string(6)"}} == told


def test_large_frames_are_cut() -> None:
    """Of many keys and items the first are told, and how many there are besides."""
    told = evidence({"contacts": {str(n): "online" for n in range(100)}, "messages": [{"id": n} for n in range(5)]})

    assert (41, 60, [{"id": 0}, {"id": 1}, {"id": 2}, "2 more"]) == (
        len(told["contacts"]),
        told["contacts"]["<more>"],
        told["messages"],
    )


def test_what_is_no_object_is_told_by_its_type() -> None:
    """A frame that is not even an object has evidence too."""
    assert {"frame": "string(5)"} == evidence("hello")
