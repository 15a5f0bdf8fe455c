"""State: ids, display ids per account, contacts made and merged."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.refserver.accounts import TEAMS_PER_ACCOUNT
from loadtest.refserver.records import INCOMING, ContactInbox, ContactRecord
from loadtest.refserver.state import State, TakenError
from tests.refserver.site import CONTACT, DIRECTORY, FOREIGN, MEMBER, OTHER, STRANGER


@pytest.fixture
def state() -> State:
    return State(DIRECTORY, lambda: 1_000_000_000_000)


def place_of(state: State, contact: Any) -> ContactInbox:
    place = state.place(contact.inbox_identifier, contact.source_id)
    assert place is not None
    return place


def contact_of(state: State, contact: Any) -> ContactRecord:
    return place_of(state, contact).contact


def test_conversations_of_the_directory_exist(state: State) -> None:
    """A conversation that the directory names exists from the start, with its contact."""
    conversation = state.conversation(1, 3)

    assert conversation is not None
    assert contact_of(state, CONTACT) is conversation.contact


def test_display_ids_count_per_account(state: State) -> None:
    """New conversations take the next display id of their account, whatever other accounts have."""
    ids = [state.create_conversation(place_of(state, who)).display_id for who in (CONTACT, FOREIGN, CONTACT)]

    assert ids == [5, 4, 6]


def test_message_ids_count_over_all_accounts(state: State) -> None:
    """Message ids are unique in the installation."""
    conversations = [state.create_conversation(place_of(state, who)) for who in (CONTACT, FOREIGN)]
    ids = [state.create_message(one, INCOMING, one.contact, "a").id for one in conversations]

    assert ids == [1, 2]


def test_an_account_without_conversations_exists(state: State) -> None:
    """Accounts are known by their identities alone."""
    assert [state.has_account(account_id) for account_id in (1, 2, 3)] == [True, True, False]


def test_users_and_teams_are_of_their_account(state: State) -> None:
    """A user or a team of another account is nobody."""
    teams = [[team.team_id for team in state.teams(account_id)] for account_id in (1, 2)]

    assert [[1, 2], [3, 4]] == teams
    assert TEAMS_PER_ACCOUNT == 2
    assert (state.team(1, 2) is None, state.team(1, 3) is None) == (False, True)
    assert (state.agent(1, MEMBER.user_id), state.agent(1, STRANGER.user_id)) == (MEMBER, None)


def test_a_made_contact_has_the_next_id_and_a_place(state: State) -> None:
    """A contact that is made can write from its place at the inbox, and subscribe by its token."""
    made = state.create_contact(1, 5, {"name": "Nora", "email": "nora@acme.inc"})
    (place,) = made.places

    assert (made.contact_id, made.name, made.email) == (13, "Nora", "nora@acme.inc")
    assert place is state.place("inbox-5", place.identity.source_id)
    assert place.identity == state.contact_by_pubsub_token(made.pubsub_token)


def test_a_contact_may_be_made_without_an_inbox(state: State) -> None:
    """Without an inbox a contact has no place."""
    assert [] == state.create_contact(1, None, {"name": "Nora"}).places


@pytest.mark.parametrize("inbox_id", [7, 99])
def test_an_inbox_of_elsewhere_is_refused(state: State, inbox_id: int) -> None:
    """A contact is made at an inbox of its account, or not at all."""
    with pytest.raises(LookupError):
        state.create_contact(1, inbox_id, {})

    assert state.contact(1, 13) is None


def test_an_inbox_without_contacts_is_known_by_its_agents(state: State) -> None:
    """An inbox that no identity writes to is an inbox of the account of its members."""
    directory = type(DIRECTORY)(DIRECTORY.agents, ())
    made = State(directory, lambda: 0).create_contact(1, 6, {"name": "Nora"})

    assert made.places[0].identity.inbox_identifier == "inbox-6"


@pytest.mark.parametrize("key", ["email", "identifier", "phone_number"])
def test_no_two_contacts_share_an_address(state: State, key: str) -> None:
    """What identifies a contact is taken within its account, until it is given up."""
    first = state.create_contact(1, 5, {key: "x"})
    with pytest.raises(TakenError) as error:
        state.create_contact(1, 5, {key: "x"})
    state.create_contact(2, 7, {key: "x"})
    state.update_contact(first, {key: "x"})
    state.update_contact(first, {key: None})
    second = state.create_contact(1, 5, {key: "x"})

    assert (key, "x") == (error.value.key, getattr(second, key))


def test_free_attributes_are_merged(state: State) -> None:
    """Custom attributes that are not given stay, as upstream merges them."""
    contact = contact_of(state, CONTACT)
    state.update_contact(contact, {"custom_attributes": {"a": 1, "b": 1}})
    state.update_contact(contact, {"custom_attributes": {"b": 2}})

    assert {"a": 1, "b": 2} == contact.custom_attributes


def test_a_merge_gives_places_and_conversations(state: State) -> None:
    """After a merge the one contact has the conversations, places and messages of both, and the other is no more."""
    base, mergee = contact_of(state, CONTACT), contact_of(state, OTHER)
    conversation = state.conversation(1, 4)
    assert conversation is not None
    message = state.create_message(conversation, INCOMING, mergee, "hi")
    moved = state.merge_contacts(base, mergee)

    assert ([conversation], base, base) == (moved, conversation.contact, message.sender)
    assert base is place_of(state, OTHER).contact
    assert (base.contact_id, 2, None) == (
        place_of(state, OTHER).identity.contact_id,
        len(base.places),
        state.contact(1, OTHER.contact_id),
    )


def test_a_merge_fills_what_is_lacking(state: State) -> None:
    """The contact that stays keeps its data and takes over what it lacks."""
    base = state.create_contact(1, 5, {"name": "Ann", "custom_attributes": {"a": 1}})
    mergee = state.create_contact(1, 5, {"name": "Ben", "email": "ben@acme.inc", "custom_attributes": {"a": 2, "b": 2}})
    state.merge_contacts(base, mergee)

    assert ("Ann", "ben@acme.inc", {"a": 1, "b": 2}) == (base.name, base.email, base.custom_attributes)


def test_a_second_merge_moves_what_the_first_brought(state: State) -> None:
    """Conversations that came by a merge go on with the next one."""
    base, mergee = contact_of(state, CONTACT), contact_of(state, OTHER)
    state.merge_contacts(base, mergee)
    last = state.create_contact(1, 5, {"name": "Zoe"})
    moved = state.merge_contacts(last, base)

    assert {3, 4} == {conversation.display_id for conversation in moved}


def test_a_removed_contact_leaves_nothing(state: State) -> None:
    """Its conversations, places and addresses are free again, and others stay."""
    record = contact_of(state, CONTACT)
    state.update_contact(record, {"email": "cleo@acme.inc"})
    state.remove_contact(record)

    assert (None, None, None) == (
        state.contact(1, CONTACT.contact_id),
        state.conversation(1, 3),
        state.contact_by_pubsub_token(CONTACT.pubsub_token),
    )
    assert state.place("inbox-5", "s-10") is None
    assert state.create_contact(1, 5, {"name": "Cleo", "email": "cleo@acme.inc"}).email == "cleo@acme.inc"
    assert state.conversation(2, 3) is not None


def test_a_removed_inbox_takes_its_conversations(state: State) -> None:
    """Contacts stay, without a place there, and nobody is a member of it."""
    inbox = state.accounts.inbox(1, 5)
    assert inbox is not None
    state.remove_inbox(inbox)

    assert (None, None) == (state.conversation(1, 3), state.place("inbox-5", "s-10"))
    assert [[], [4]] == [
        [place.identity.inbox_id for place in state.contacts(1)[0].places],
        [one.display_id for one in state.conversations(1)],
    ]
    assert [] == state.staff.members(5)


def test_a_removed_account_takes_all_that_is_in_it(state: State) -> None:
    """Users stay, in their other accounts; other accounts are as they were."""
    account = state.accounts.account(1)
    assert account is not None
    state.remove_account(account)

    assert ([], [], False) == (state.contacts(1), state.conversations(1), state.has_account(1))
    assert (None, [2]) == (state.agent(1, MEMBER.user_id), [one.account_id for one in state.accounts.accounts()])
    assert [4, 5] == sorted(user.agent.user_id for user in state.staff.of_account(2))
    assert state.conversation(2, 3) is not None


def test_a_removed_team_is_assigned_to_nothing(state: State) -> None:
    """Its conversations have none."""
    conversation, team = state.conversation(1, 3), state.team(1, 1)
    assert conversation is not None
    assert team is not None
    conversation.team = team
    state.remove_team(team)

    assert (None, None) == (conversation.team, state.team(1, 1))


def test_a_contact_can_get_a_place_at_another_inbox(state: State) -> None:
    """With tokens of its own there."""
    inbox = state.accounts.inbox(1, 6)
    assert inbox is not None
    place = state.create_place(contact_of(state, CONTACT), inbox, "s-new")

    assert place is state.place("inbox-6", "s-new")
    assert contact_of(state, CONTACT) is place.contact
    assert place.pubsub_token not in (CONTACT.pubsub_token, "")
