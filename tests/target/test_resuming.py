"""Which journal is gone on with, and which is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.journal import Begin, Ended, Entry, Gone, Journal, Made
from loadtest.target.resuming import open_journal
from loadtest.target.wanted import Wanted

URL = "https://chat.example.com"
WANTED = Wanted(2, 3, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "a.journal"


def begun(path: Path, *entries: Entry) -> None:
    """A journal with these entries, closed."""
    journal = open_journal(path, WANTED, URL)
    if entries:
        journal.append(*entries)
    journal.close()


def test_a_journal_is_begun_and_gone_on_with(path: Path) -> None:
    """The same wish finds the same tag and what was made."""
    begun(path, Made("user", "1", 17))
    journal = open_journal(path, WANTED, URL)
    journal.close()

    assert Made("user", "1", 17) == journal.made("user", "1")
    assert (URL, ()) == (journal.begin.url, journal.begin.account_ids)


def test_an_account_that_is_there_is_kept(path: Path) -> None:
    """Teardown has to know where to look."""
    journal = open_journal(path, replace(WANTED, account_id=7), URL)
    journal.close()

    assert (7,) == journal.begin.account_ids


@pytest.mark.parametrize(
    ("entries", "wanted", "url", "what"),
    [
        ((), replace(WANTED, agents=3), URL, "agents was 2 and is 3 now"),
        ((), replace(WANTED, account_id=7), URL, "account_id was 0 and is 7 now"),
        ((), WANTED, "https://other.example.com", "is one of https://chat.example.com"),
        ((Made("user", "1", 17), Gone("user", 17)), WANTED, URL, "taken back already"),
        ((Ended(),), WANTED, URL, "was taken back"),
    ],
)
def test_another_wish_is_refused(path: Path, entries: tuple[Entry, ...], wanted: Wanted, url: str, what: str) -> None:
    """The error says what differs, and the journal can be opened afterwards."""
    begun(path, *entries)
    with pytest.raises(UsageError, match=what):
        open_journal(path, wanted, url)
    Journal.open(path).close()


def test_a_runs_journal_is_refused(path: Path) -> None:
    """It is there to be taken back only."""
    Journal.create(path, Begin("run", "abc123", URL)).close()

    with pytest.raises(UsageError, match="of a run"):
        open_journal(path, WANTED, URL)
