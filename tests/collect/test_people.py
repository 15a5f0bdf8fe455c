"""Audiences: members of the inbox, administrators of the account, and the contact."""

import pytest

from loadtest.collect import People
from loadtest.contract import EVENTS
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, CONTACT_3, DAN, DIRECTORY, EVE


@pytest.mark.parametrize(
    ("event", "account_id", "inbox_id", "contact_id", "private", "expected"),
    [
        ("message.created", 1, 10, 1, False, {ADMIN, BOB, CLEO, CONTACT_1}),
        ("message.created", 1, 10, 1, True, {ADMIN, BOB, CLEO}),
        ("message.created", 1, 11, 9, False, {ADMIN, CLEO, DAN}),
        ("conversation.created", 1, 10, 1, False, {ADMIN, BOB, CLEO}),
        ("message.created", 2, 20, 3, False, {EVE, CONTACT_3}),
    ],
)
def test_the_audience_is_who_the_contract_names(event, account_id, inbox_id, contact_id, private, expected):
    """Members and administrators see a conversation; its contact sees what goes to contacts and is not private."""
    found = People(DIRECTORY).audience(EVENTS[event], account_id, inbox_id, contact_id, private=private)

    assert expected == set(found.tolist())


def test_numbers_of_identities():
    """Agents come first, contacts after them, and a stranger has no number."""
    people = People(DIRECTORY)

    assert (people.agent_number(3), people.contact_number(1, 1)) == (CLEO, CONTACT_1)
    assert (people.agent_number(99), people.contact_number(2, 1)) == (None, None)
    assert people.role.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_a_conversation_of_another_contact_is_not_ones_own():
    """What the identities tell of is claimed, what nobody told of is not."""
    people = People(DIRECTORY)
    own = people.conversations_of(DIRECTORY.contacts[0])

    assert [True, False, True] == [100 in own, 101 in own, 102 in own]


def test_a_conversation_made_in_the_run_becomes_known():
    """Display ids count by account: the same number elsewhere is another conversation."""
    people = People(DIRECTORY)
    own = people.conversations_of(DIRECTORY.contacts[0])
    people.converses(2, 102, 3)
    before = 102 in own
    people.converses(1, 102, 2)

    assert (True, False) == (before, 102 in own)


def test_a_conversation_said_to_be_of_two_contacts_is_nobodys():
    """Where the identities contradict each other no leak is claimed, whatever is said later."""
    people = People(DIRECTORY)
    own = people.conversations_of(DIRECTORY.contacts[0])
    for contact_id in (2, 3, 2):
        people.converses(1, 102, contact_id)

    assert 102 in own


def test_no_conversation_is_nobodys():
    """An action without a conversation says nothing."""
    people = People(DIRECTORY)
    people.converses(1, 0, 2)

    assert 0 in people.conversations_of(DIRECTORY.contacts[0])


def test_conversations_that_people_open_are_bounded(monkeypatch):
    """The oldest are forgotten; of what is not known, nothing is claimed to be somebody else's."""
    monkeypatch.setattr("loadtest.collect.people._HELD_AT_LEAST", 10)
    people = People(DIRECTORY)
    contact = DIRECTORY.contacts[0]
    for number in range(1000, 2000):
        people.converses(contact.account_id, number, 999_999)
    own = people.conversations_of(contact)

    assert len(people._held) <= 10 + 2 * sum(len(one.conversation_ids) for one in DIRECTORY.contacts)
    assert (1000 in own, 1999 in own) == (True, False)
