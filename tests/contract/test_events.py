"""The events and their audiences, against the seed document's own words."""

from __future__ import annotations

import pytest

from loadtest.contract import EVENTS, DialectName, events_of
from loadtest.contract.versions import DIALECTS
from tests.contract.document import document_samples, events, stored_samples

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


LATER = {
    "conversation.updated",
    "first.reply.created",
    "conversation.mentioned",
    "notification.created",
    "notification.updated",
    "notification.deleted",
    "contact.deleted",
    "contact.merged",
    "account.cache_invalidated",
    "copilot.message.created",
}
"""What version 4.12 sends besides."""


def test_the_events_are_the_documents() -> None:
    """All 13 events, in the document's order, and none besides."""
    assert list(AVAILABLE_FOR) == list(EVENTS)


def test_the_stored_samples_are_of_the_documents_events() -> None:
    """Each event has its sample with the tests, and nothing else has."""
    assert set(AVAILABLE_FOR) == set(stored_samples())


def test_the_stored_samples_are_the_documents() -> None:
    """Where the document is at hand, the stored samples hold its values, in both of its halves."""
    found = document_samples()
    if not found:
        pytest.skip("the document is not beside the repository")

    assert [] == [frame for frame in found if frame != stored_samples()[frame["message"]["event"]]]
    assert set(AVAILABLE_FOR) == set(events())


def test_a_current_server_has_more_events() -> None:
    """Today's version sends the document's events and ten more."""
    assert {*AVAILABLE_FOR, *LATER} == set(events_of("current"))


def test_any_version_has_the_newest_events_too() -> None:
    """``auto`` knows what came after the newest version that was read."""
    assert {"conversation.unread_count_changed"} == set(events_of("auto")) - set(events_of("current"))


@pytest.mark.parametrize(("dialect", "expected"), [("seed", False), ("current", True), ("auto", True)])
def test_a_contact_is_told_of_its_new_conversation_since_2_3(dialect: DialectName, expected: bool) -> None:
    """The document's version tells agents alone; newer ones, and hence any, the contact as well."""
    assert expected == events_of(dialect)["conversation.created"].to_contacts


def test_contacts_events_go_to_the_account() -> None:
    """What happens to a contact is told to every agent of the account, whatever its inboxes."""
    account = {spec.name for spec in EVENTS.values() if spec.scope == "account"}

    assert {"contact.created", "contact.updated"} == account


def test_notifications_are_for_one_user() -> None:
    """Notifications and mentions go to the sockets of one user."""
    own = {name for name, spec in events_of("current").items() if spec.own_only} - {"presence.update"}

    assert {name for name in LATER if name.startswith(("notification.", "copilot.", "conversation.m"))} == own


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_entry_says_what_it_is(dialect: DialectName) -> None:
    """Each event has its trigger in a sentence, and its audience in words."""
    silent = [s.name for s in events_of(dialect).values() if not s.trigger.endswith(".") or not s.for_whom()]

    assert not silent


def test_the_state_is_read_again_where_upstream_does() -> None:
    """Five events carry the state of when they are sent."""
    reread = {spec.name for spec in events_of("current").values() if spec.reread is not None}

    assert {
        "conversation.read",
        "conversation.updated",
        "team.changed",
        "assignee.changed",
        "conversation.status_changed",
    } == reread


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
