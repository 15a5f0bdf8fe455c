"""What was intended and not written down as made, found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.journal import Intend, Journal
from loadtest.target.unsettled import settle, settle_account
from loadtest.target.wanted import Wanted
from tests.target.installation import ADMIN, PLATFORM_TOKEN, Installation

TINY = Wanted(agents=1, contacts=1, members=1, teams=1, account_id=ADMIN.account_id)


def without(path: Path, *kinds: str) -> None:
    """Let a journal forget that things of these kinds were made."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not any(f'"made","kind":"{kind}"' in line for kind in kinds)))


@pytest.mark.parametrize("kind", ["user", "seat", "inbox", "team", "contact"])
def test_it_is_found_under_the_id_it_has(installation: Installation, tmp_path: Path, kind) -> None:
    """Looked up by address, membership, name or tag; what is found is written down."""
    path = tmp_path / "a.journal"
    installation.provision(path, TINY, admin=ADMIN.access_token)
    journal = Journal.open(path)
    ids = [one.id for one in journal.ever_made(kind)]
    journal.close()
    without(path, kind)
    journal, caller = Journal.open(path), installation.caller()
    settle(caller, journal, PLATFORM_TOKEN)
    settle_account(caller, journal, ADMIN.account_id, ADMIN.access_token, seats=True)
    journal.close()
    caller.close()
    found = [one.id for one in journal.ever_made(kind)]
    outcome = installation.take_back(path, admin=ADMIN.access_token)

    assert ids == found
    assert [] == outcome.left


def test_what_is_not_there_is_not_found(installation: Installation, tmp_path: Path) -> None:
    """An intention that a kill kept from being carried out leaves nothing, and nothing is taken for it."""
    path = tmp_path / "a.journal"
    installation.provision(path, TINY, admin=ADMIN.access_token)
    journal, caller = Journal.open(path), installation.caller()
    journal.append(Intend("inbox", "99"), Intend("team", "99"), Intend("contact", "99"), Intend("account", "99"))
    doubts = settle(caller, journal, PLATFORM_TOKEN)
    settle_account(caller, journal, ADMIN.account_id, ADMIN.access_token, seats=True)
    journal.close()
    caller.close()
    counts = [len(journal.ever_made(kind)) for kind in ("inbox", "team", "contact", "account")]
    installation.take_back(path, admin=ADMIN.access_token)

    assert ([], [1, 1, 1, 0]) == (doubts, counts)
