"""Identifiers in the seed document's exact form, and their value where a server encoded one again."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from loadtest.cable.identifier import agent_identifier, canonical, contact_identifier

# The document's presence commands, as it prints them.
SEED_AGENT = r"""{
"command": "message",
"identifier": "{\"channel\":\"RoomChannel\",\"pubsub_token\":\"token\",\"account_id\":1,\"user_id\":1}",
"data": "{\"action\":\"update_presence\"}"
}"""
SEED_CONTACT = r"""{
"command": "message",
"identifier": "{\"channel\":\"RoomChannel\",\"pubsub_token\":\"token\"}",
"data": "{\"action\":\"update_presence\"}"
}"""


def test_agent_identifier_is_the_documents() -> None:
    """An agent's identifier equals, byte for byte, the one in the document's agent presence command."""
    expected = json.loads(SEED_AGENT)["identifier"]

    assert expected == agent_identifier("token", 1, 1)


def test_contact_identifier_is_the_documents() -> None:
    """A contact's identifier equals, byte for byte, the one in the document's contact presence command."""
    expected = json.loads(SEED_CONTACT)["identifier"]

    assert expected == contact_identifier("token")


@given(st.text(), st.integers(0, 2**53), st.integers(0, 2**53))
def test_any_token_is_encoded_as_json(token: str, account_id: int, user_id: int) -> None:
    """Quotes, controls and other scripts in a token come out as they went in."""
    expected = {"channel": "RoomChannel", "pubsub_token": token, "account_id": account_id, "user_id": user_id}

    assert expected == json.loads(agent_identifier(token, account_id, user_id))


def test_canonical_ignores_key_order_and_white_space() -> None:
    """A server that sorts keys or writes spaces means the same subscription."""
    ours = agent_identifier("token", 1, 2)
    theirs = '{"account_id": 1, "channel": "RoomChannel", "pubsub_token": "token", "user_id": 2}'

    assert canonical(ours) == canonical(theirs)


def test_canonical_keeps_kinds_apart() -> None:
    """1, 1.0, true and "1" are four values, although Python's 1 equals three of them."""
    forms = {canonical(f'{{"account_id":{value}}}') for value in ("1", "1.0", "true", '"1"')}

    expected = 4
    assert expected == len(forms)


@given(st.one_of(st.text(), st.text().map(json.dumps), st.just("[" * 100_000), st.just("9" * 5_000), st.just("\ud800")))
def test_canonical_takes_any_string(text: str) -> None:
    """What is no JSON has no canonical form, and nothing is ever raised."""
    assert isinstance(canonical(text), bytes | None)
