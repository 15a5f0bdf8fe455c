"""The events and their audiences, against the seed document's own words."""

from __future__ import annotations

import pytest

from loadtest.contract import EVENTS

AVAILABLE_FOR = {
    "conversation.created": "Agents",
    "conversation.read": "Agents",
    "message.created": "Agents & Contacts",
    "message.updated": "Agents & Contacts",
    "conversation.status_changed": "Agents & Contacts",
    "conversation.typing_on": "Agents & Contacts",
    "conversation.typing_off": "Agents & Contacts",
    "assignee.changed": "Agents",
    "team.changed": "Agents",
    "conversation.contact_changed": "Agents",
    "contact.created": "Agents",
    "contact.updated": "Agents",
    "presence.update": "Agents & Contact",
}
"""Typed from the document: each section's event, as its sample writes it, and its line "Available for"."""


def test_the_events_are_the_documents() -> None:
    """All 13 events, in the document's order, and none besides."""
    assert list(AVAILABLE_FOR) == list(EVENTS)


@pytest.mark.parametrize(("event", "available_for"), AVAILABLE_FOR.items())
def test_audience_is_the_documents(event: str, available_for: str) -> None:
    """Agents and contacts receive an event exactly where the document says that it is available for them."""
    spec = EVENTS[event]

    actual = (spec.to_agents, spec.to_contacts)

    assert ("Agents" in available_for, "Contact" in available_for) == actual


@pytest.mark.parametrize("event", AVAILABLE_FOR)
def test_only_presence_goes_to_its_own_identity_alone(event: str) -> None:
    """An identity's presence is told to its own sockets, every other event to whoever may see it."""
    actual = EVENTS[event].own_only

    assert (event == "presence.update") == actual


@pytest.mark.parametrize("event", AVAILABLE_FOR)
def test_a_spec_knows_its_name(event: str) -> None:
    """The table's key and the name on the wire are one."""
    assert event == EVENTS[event].name
