"""Whose is what in an account that was made for a load test."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.api import installed
from loadtest.journal import Journal
from loadtest.target.belongings import Belongings, is_of_a_load_test
from loadtest.target.progress import Silence
from loadtest.target.wanted import Wanted
from tests.target.installation import PLATFORM_TOKEN, Installation
from tests.target.test_teardown import post, visitor

SMALL = Wanted(agents=2, contacts=2, members=2, teams=1)


def foreign(installation: Installation, path: Path, admin: str, account_id: int) -> list[str]:
    """What is not ours."""
    caller, journal = installation.caller(), Journal.open(path)
    try:
        return Belongings(caller, journal, account_id, Silence()).foreign(PLATFORM_TOKEN, admin)
    finally:
        journal.close()
        caller.close()


def test_what_was_made_is_ours(installation: Installation, tmp_path: Path) -> None:
    """All of it, and the contacts of a run."""
    path = tmp_path / "a.journal"
    directory = installation.provision(path, SMALL)
    visitor(installation, directory, "abc123-0-1-2@loadtest.invalid")
    admin = directory.agents[0]

    assert [] == foreign(installation, path, admin.access_token, admin.account_id)


def test_what_others_put_there_is_named(installation: Installation, tmp_path: Path) -> None:
    """Users, inboxes, contacts and conversations, with examples."""
    path = tmp_path / "a.journal"
    directory = installation.provision(path, SMALL)
    admin = directory.agents[0]
    inbox = {"name": "Support", "channel": {"type": "api"}}
    post(installation, f"/api/v1/accounts/{admin.account_id}/inboxes", inbox, admin.access_token)
    for number in range(5):
        visitor(installation, directory, f"jane{number}@acme.inc")
    found = foreign(installation, path, admin.access_token, admin.account_id)

    assert ["inboxes", "contacts", "conversations"] == [one.partition(":")[0] for one in found]
    assert found[0] == "inboxes: Support"
    assert found[1].endswith("and 2 more")


def test_an_account_without_anybody_is_ours(installation: Installation, tmp_path: Path) -> None:
    """Nobody could have put anything there."""
    path = tmp_path / "a.journal"
    installation.provision(path, SMALL)
    account = post(installation, "/platform/api/v1/accounts", {"name": "empty"}, PLATFORM_TOKEN)

    assert [] == foreign(installation, path, "", account["id"])


def test_without_a_token_nothing_is_called_ours(installation: Installation, tmp_path: Path) -> None:
    """What cannot be looked at is somebody else's."""
    path = tmp_path / "a.journal"
    directory = installation.provision(path, SMALL)

    assert ["members: an administrator we know nothing of"] == foreign(
        installation, path, "", directory.agents[0].account_id
    )


@pytest.mark.parametrize(
    ("email", "expected"),
    [("a-1@loadtest.invalid", True), ("A-1@LOADTEST.INVALID", True), ("jane@acme.inc", False), (None, False)],
)
def test_a_load_tests_contact_is_known_by_its_domain(email: str | None, expected: bool) -> None:
    """Which no real person can have."""
    assert expected == is_of_a_load_test(installed.Person(1, email=email))
