"""Accounts, inboxes and teams: those of a directory, and new ones."""

from __future__ import annotations

import pytest

from loadtest.directory import Contact, Directory
from loadtest.refserver.accounts import TEAMS_PER_ACCOUNT, Accounts
from tests.refserver.site import DIRECTORY


def test_a_directorys_are_there() -> None:
    """Accounts and inboxes that identities name, with their identifiers, and teams."""
    accounts = Accounts(DIRECTORY)

    assert [1, 2] == [account.account_id for account in accounts.accounts()]
    assert [(5, "inbox-5"), (6, "inbox-6")] == [(one.inbox_id, one.identifier) for one in accounts.inboxes(1)]
    assert [TEAMS_PER_ACCOUNT] * 2 == [len(accounts.teams(number)) for number in (1, 2)]


def test_a_widgets_inbox_has_no_identifier() -> None:
    """It has the widget's token."""
    accounts = Accounts(Directory((), (Contact(1, 10, 5, "s", "c", website_token="w"),)))
    inbox = accounts.inbox(1, 5)

    assert inbox is not None
    assert (None, "w") == (inbox.identifier, inbox.website_token)


def test_new_ones_get_new_ids() -> None:
    """Beyond those of the directory, and are found by them."""
    accounts = Accounts(DIRECTORY)
    account = accounts.create_account("Acme", {"a": 1})
    inbox = accounts.create_inbox(account.account_id, "Support", {})
    team = accounts.create_team(account.account_id, "Night Shift")

    assert (3, 8, 5) == (account.account_id, inbox.inbox_id, team.team_id)
    assert inbox is accounts.inbox_of_identifier(inbox.identifier or "")
    assert team is accounts.team(3, 5)
    assert "night shift" == team.name


def test_what_is_of_another_account_is_not_found() -> None:
    """By id within an account."""
    accounts = Accounts(DIRECTORY)

    assert (None, None) == (accounts.inbox(2, 5), accounts.team(2, 1))


def test_no_two_teams_of_an_account_share_a_name() -> None:
    """In any case of letters; another account may."""
    accounts = Accounts(DIRECTORY)
    accounts.create_team(1, "night shift")
    accounts.create_team(2, "night shift")

    with pytest.raises(ValueError, match="night shift"):
        accounts.create_team(1, "NIGHT SHIFT")


def test_teams_know_their_members() -> None:
    """Each once."""
    accounts = Accounts(DIRECTORY)
    team = accounts.create_team(1, "night shift")
    accounts.add_team_members(team, [1, 2])
    accounts.add_team_members(team, [2])

    assert {1, 2} == accounts.team_members(team)


def test_an_account_goes_with_its_inboxes_and_teams() -> None:
    """Others stay."""
    accounts = Accounts(DIRECTORY)
    account = accounts.account(1)
    assert account is not None
    accounts.remove_account(account)

    assert (None, [], []) == (accounts.account(1), accounts.inboxes(1), accounts.teams(1))
    assert accounts.inbox_of_identifier("inbox-5") is None
    assert accounts.inbox_of_identifier("inbox-7") is not None
