"""The tag: what bears it and what does not."""

from __future__ import annotations

import re

import pytest

from loadtest.journal import Tag, new_tag

TAG = Tag("ltabc123", "nonce")


def test_tags_are_new() -> None:
    """No two are the same, and each can stand in an address and in a lower-case name."""
    tags = {new_tag() for _ in range(1000)}

    assert len(tags) == 1000
    assert all(re.fullmatch(r"lt[0-9a-z]{6}", tag) for tag in tags)


def test_what_is_made_bears_it() -> None:
    """Names, also those that a server writes in lower case, and addresses."""
    assert TAG.is_in_name(TAG.name("inbox 1"))
    assert TAG.is_in_name(TAG.name("Team 1").lower())
    assert TAG.is_in_address(TAG.email(3))
    assert TAG.email(3) == "ltabc123-3@loadtest.invalid"


@pytest.mark.parametrize("name", [None, "", "Support", "loadtest ltabc1234 inbox 1", "x loadtest ltabc123 inbox 1"])
def test_other_names_do_not_bear_it(name: str | None) -> None:
    """A longer tag that begins the same is another one."""
    assert not TAG.is_in_name(name)


@pytest.mark.parametrize(
    "email", [None, "", "jane@acme.inc", "ltabc123-1@acme.inc", "ltabc1234-1@loadtest.invalid", "x@loadtest.invalid"]
)
def test_other_addresses_do_not_bear_it(email: str | None) -> None:
    """Both its ends count."""
    assert not TAG.is_in_address(email)


def test_source_ids_follow_from_the_nonce() -> None:
    """The same again for the same journal, and not to be guessed without it."""
    again, other = Tag("ltabc123", "nonce").source_id(1), Tag("ltabc123", "other").source_id(1)

    assert TAG.source_id(1) == again
    assert len({again, other, TAG.source_id(2)}) == 3
