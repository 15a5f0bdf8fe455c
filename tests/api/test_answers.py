"""Parsers of answers: what they read, and that whatever else a server answers is a ValueError."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.api import (
    Created,
    NewContact,
    parse_assigned,
    parse_contact,
    parse_created,
    parse_status,
    parse_teams,
)

PARSERS: tuple[Callable[[bytes], object], ...] = (
    parse_assigned,
    parse_contact,
    parse_created,
    parse_status,
    parse_teams,
)


def test_ids_are_read_from_an_answer() -> None:
    """Of an answer only the ids are read, whatever else it holds."""
    actual = parse_created(b'{"id":9,"conversation_id":42,"content":"hi","sender":{"id":1}}')

    assert Created(id=9, conversation_id=42) == actual


def test_a_conversations_answer_has_no_conversation_id() -> None:
    """An answer to a new conversation names it by ``id`` alone."""
    actual = parse_created(b'{"id":42,"uuid":"x"}')

    assert Created(id=42) == actual


@pytest.mark.parametrize("place", [b"", b',"contact_inbox":null'])
def test_a_contact_may_have_no_place(place: bytes) -> None:
    """A contact made without an inbox has no source id."""
    actual = parse_contact(b'{"payload":{"contact":{"id":7}%b}}' % place)

    assert NewContact(7) == actual


def test_a_contacts_place_is_read() -> None:
    """The source id is what the contact writes by."""
    actual = parse_contact(b'{"payload":{"contact":{"id":7,"name":"x"},"contact_inbox":{"source_id":"s","inbox":{}}}}')

    assert NewContact(7, "s") == actual


def test_a_status_is_read() -> None:
    """The status after a toggle stands in the payload."""
    actual = parse_status(b'{"meta":{},"payload":{"success":true,"current_status":"open","conversation_id":1}}')

    assert actual == "open"


@pytest.mark.parametrize(("body", "expected"), [(b'{"id":4,"name":"x"}', 4), (b"null", None), (b"", None)])
def test_nobody_may_be_assigned(body: bytes, expected: int | None) -> None:
    """Whoever is assigned has an id; nobody is null, or nothing at all."""
    assert expected == parse_assigned(body)


@pytest.mark.parametrize(("body", "expected"), [(b"[]", ()), (b'[{"id":1,"name":"a"},{"id":2}]', (1, 2))])
def test_teams_are_read(body: bytes, expected: tuple[int, ...]) -> None:
    """An account has any number of teams."""
    assert expected == parse_teams(body)


ODD = st.sampled_from(
    [b"{}", b"[]", b"null", b'{"id":"9"}', b'{"id":null}', b"<html>", b'{"payload":{}}', b"[" * 100_000]
)


@pytest.mark.parametrize("parse", PARSERS)
@given(body=st.one_of(st.binary(), ODD))
def test_any_other_answer_is_a_value_error(parse: Callable[[bytes], object], body: bytes) -> None:
    """Whatever a server answers is read or is a ValueError."""
    with suppress(ValueError):
        parse(body)
