"""The journal: on the disk before anything is done, read again wherever it was cut, and one writer at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import GeneratorError, UsageError
from loadtest.journal import Begin, Done, Doubt, Ended, Entry, Gone, Intend, Journal, Made

BEGIN = Begin("provision", "ltabc123", "https://chat.example.com", wanted={"agents": 2}, nonce="n")
USER = Made("user", "1", 17)
TALK = Made("conversation", "1", 3, account_id=7, inbox_id=2, contact_id=9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal may be."""
    return tmp_path / "a.journal"


def written(path: Path, *entries: Entry) -> Path:
    """A journal of these entries, closed."""
    journal = Journal.create(path, BEGIN)
    if entries:
        journal.append(*entries)
    journal.close()
    return path


def reopened(path: Path) -> Journal:
    """The journal read again, closed at once."""
    journal = Journal.open(path)
    journal.close()
    return journal


def test_what_was_written_is_read_again(path: Path) -> None:
    """All that a journal knows survives its process."""
    entries = (Intend("user", "1"), USER, Intend("team", "1"), TALK, Gone("user", 17), Doubt("account", "name"))
    journal = reopened(written(path, *entries))

    assert BEGIN == journal.begin
    assert (USER, TALK) == (journal.made("user", "1"), journal.made("conversation", "1"))
    assert ([], [USER], [TALK]) == (
        journal.all_made("user"),
        journal.ever_made("user"),
        journal.all_made("conversation"),
    )
    assert (["1"], []) == (journal.pending("team"), journal.pending("user"))
    assert (True, False, False) == (journal.is_reduced, journal.is_done, journal.is_ended)
    assert [Doubt("account", "name")] == journal.doubts


def test_its_ends_are_known(path: Path) -> None:
    """When all was made, and when all was removed."""
    journal = reopened(written(path, Done(), Ended()))

    assert (True, True) == (journal.is_done, journal.is_ended)


def test_it_belongs_to_its_owner(path: Path) -> None:
    """Source ids follow from it."""
    assert stat.S_IMODE(written(path).stat().st_mode) == 0o600


def test_nothing_else_is_left_beside_it(path: Path) -> None:
    """It is begun under another name, which is gone."""
    written(path)

    assert [path] == list(path.parent.iterdir())


def test_it_is_on_the_disk_before_the_call_returns(path: Path) -> None:
    """A process that is killed right after a line has written it."""
    script = (
        "import os, sys; from loadtest.journal import *; "
        "j = Journal.create(sys.argv[1], Begin('provision', 't', 'u')); j.append(Made('user', '1', 17)); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)

    assert Made("user", "1", 17) == reopened(path).made("user", "1")


@given(st.data())
def test_a_line_that_was_cut_short_is_left_out(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Wherever a kill cuts the file, what was whole is read, and later lines follow it."""
    path = written(tmp_path_factory.mktemp("cut") / "a.journal", Intend("user", "1"), USER, TALK)
    lines = path.read_bytes().splitlines(keepends=True)
    cut = data.draw(st.integers(len(lines[0]), path.stat().st_size))
    whole = sum(1 for n in range(1, len(lines) + 1) if sum(map(len, lines[:n])) <= cut)
    os.truncate(path, cut)
    journal = Journal.open(path)
    journal.append(Made("team", "1", 5))
    journal.close()

    assert lines[:whole] == path.read_bytes().splitlines(keepends=True)[:-1]
    assert Made("team", "1", 5) == reopened(path).made("team", "1")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", ":1"),
        (b'{"op":"made","kind":"user","key":"1","id":17}\n', ":1"),
        (b'{"op":"begin","maker":"provision","tag":"t","url":"u","schema":2}\n', ":1"),
        (b'{"op":"begin","maker":"somebody","tag":"t","url":"u"}\n', ":1"),
        (b'{"op":"begin","maker":"run","tag":"t","url":"u"}\nnot json\n', ":2"),
        (b'{"op":"begin","maker":"run","tag":"t","url":"u"}\n{"op":"begin","maker":"run","tag":"t","url":"u"}\n', ":2"),
        (b"\xff\n", ":1"),
    ],
)
def test_what_is_no_journal_is_wrong_usage(path: Path, content: bytes, where: str) -> None:
    """The line is named, and nothing is changed."""
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        Journal.open(path)

    assert (f"{path}{where}", content) == (raised.value.where, path.read_bytes())


def test_an_existing_file_is_never_begun_anew(path: Path) -> None:
    """Not even an empty one."""
    path.write_text("something")
    with pytest.raises(UsageError, match="exists"):
        Journal.create(path, BEGIN)

    assert path.read_text() == "something"


@pytest.mark.parametrize("opener", [lambda path: Journal.create(path, BEGIN), Journal.open])
def test_a_folder_that_is_not_there_is_wrong_usage(path: Path, opener) -> None:
    """Said with what to do."""
    with pytest.raises(UsageError, match=r"cannot be (written|opened)"):
        opener(path.parent / "none" / "a.journal")


def test_one_writes_at_a_time(path: Path) -> None:
    """A second process that would go on is refused, and may later."""
    first = Journal.create(path, BEGIN)
    with pytest.raises(UsageError, match="another process"):
        Journal.open(path)
    first.close()

    assert BEGIN == reopened(path).begin


def test_what_cannot_be_written_is_not_taken_for_written(path: Path) -> None:
    """On a full disk the caller must not go on."""
    journal = Journal.create(path, BEGIN)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._descriptor)
    with pytest.raises(GeneratorError, match="No space left"):
        journal.intend("user", "1")
    intended = journal.intended("user", "1")
    os.close(full)
    journal.close()

    assert not intended


def test_a_whole_can_be_gone_at_once(path: Path) -> None:
    """An account takes with it what is in it."""
    journal = Journal.create(path, BEGIN)
    journal.append(USER, TALK)
    journal.all_gone([USER, TALK])
    journal.close()

    assert ([], []) == (journal.all_made("user"), reopened(path).all_made("conversation"))
