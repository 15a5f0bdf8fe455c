"""What a run makes: out of batches, into a journal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadtest.distributed.creations import FILE, NOTE, Creations, created
from loadtest.errors import GeneratorError
from loadtest.journal import Begin, Journal, Made
from loadtest.metrics import Batch, Note

BEGIN = Begin("run", "abc123", "https://chat.example.com", (1,))


def batch(*ids: int) -> Batch:
    """A batch in which conversations of these ids were made, between two other notes."""
    made = Batch()
    made.notes.append(Note(1, "phase", "", {"phase": "hold"}))
    made.notes += [Note(2, NOTE, "", created("conversation", number, 1, 5, 9)) for number in ids]
    made.notes.append(Note(3, "error", "x", {}))
    return made


def test_a_run_that_is_gone_on_with_has_a_journal_for_each_time(tmp_path: Path) -> None:
    """The first journal is left as it is."""
    for number in (3, 4):
        creations = Creations(tmp_path, BEGIN)
        creations.take_out(batch(number))
        creations.close()

    assert {FILE, "journal-2.jsonl"} == {path.name for path in tmp_path.iterdir()}


def test_they_are_taken_out_and_written_down(tmp_path: Path) -> None:
    """Other notes stay; after the way through a worker's message they are the same."""
    creations = Creations(tmp_path, BEGIN)
    travelled = Batch.from_plain(batch(3, 4).to_plain())
    creations.take_out(travelled)
    pending = creations.is_pending
    creations.write()
    creations.close()
    journal = Journal.open(tmp_path / FILE)
    journal.close()

    assert (["phase", "error"], True, False) == (
        [note.kind for note in travelled.notes],
        pending,
        creations.is_pending,
    )
    assert [Made("conversation", f"1/{number}", number, 1, 5, 9) for number in (3, 4)] == journal.all_made(
        "conversation"
    )


def test_without_a_journal_they_are_dropped(tmp_path: Path) -> None:
    """What goes with its target need not be taken back."""
    creations = Creations(tmp_path, None)
    taken = batch(3)
    creations.take_out(taken)
    creations.write()
    creations.close()

    assert (["phase", "error"], []) == ([note.kind for note in taken.notes], list(tmp_path.iterdir()))


def test_its_first_line_is_there_before_anything_is_made(tmp_path: Path) -> None:
    """Contacts under the tag are found by it, whatever else is lost."""
    Creations(tmp_path, BEGIN).close()
    journal = Journal.open(tmp_path / FILE)
    journal.close()

    assert BEGIN == journal.begin


def test_what_could_not_be_written_is_kept(tmp_path: Path) -> None:
    """For the next time."""
    creations = Creations(tmp_path, BEGIN)
    creations.take_out(batch(3))
    journal = creations._journal
    assert journal is not None
    good = os.dup(journal._descriptor)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._descriptor)
    with pytest.raises(GeneratorError):
        creations.write()
    os.dup2(good, journal._descriptor)
    os.close(full)
    os.close(good)
    creations.close()

    assert b'"id":3' in (tmp_path / FILE).read_bytes()
