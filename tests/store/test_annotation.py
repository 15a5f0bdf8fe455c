"""Notes from outside: while the run's own process writes, afterwards, and at a moment of one's own."""

import pytest

from loadtest.errors import UsageError
from loadtest.metrics import Batch, Note
from loadtest.store import RunWriter, open_run
from loadtest.store.annotation import annotate, moment_us

START_US = 1_795_392_000_000_000


@pytest.fixture
def writer(tmp_path):
    """A run that goes on."""
    with RunWriter.create(tmp_path / "run", {"window_s": 1.0}) as open_writer:
        open_writer.write(Batch(notes=[Note(START_US, "phase", "ramp", {"phase": "ramp"})]))
        yield open_writer


def notes(folder):
    """Kind, text and time of the notes of a run."""
    frame = open_run(folder).note_frame()
    return list(zip(frame["kind"], frame["text"], frame["at_s"], strict=True))


def test_a_run_that_goes_on_takes_a_note(writer):
    """The note is there at once, and the run goes on writing."""
    at_s = annotate(writer.folder, "deploy 4.13", START_US + 90_000_000)
    writer.write(Batch(notes=[Note(START_US + 95_000_000, "error", "later")]))

    assert at_s == 90.0
    assert notes(writer.folder) == [
        ("phase", "ramp", 0.0),
        ("annotation", "deploy 4.13", 90.0),
        ("error", "later", 95.0),
    ]


def test_a_run_that_ended_takes_a_note(tmp_path):
    """A closed file is written to as well."""
    with RunWriter.create(tmp_path / "run", {"window_s": 1.0}) as writer:
        writer.write(Batch(notes=[Note(START_US, "phase", "ramp", {"phase": "ramp"})]))

    annotate(tmp_path / "run", "that was the deploy", START_US)

    assert ("annotation", "that was the deploy", 0.0) in notes(tmp_path / "run")


def test_moments(writer):
    """A time with its zone, or a time since the run's start."""
    texts = ("90 min", "1.5h", "2026-11-23T01:30:00+00:00", "2026-11-23T02:30:00+01:00")

    assert {moment_us(writer.folder, text) - START_US for text in texts} == {5_400_000_000}


@pytest.mark.parametrize(
    ("text", "says"),
    [("soon", "is no time"), ("2026-11-23T01:30:00", "has no zone"), ("5 weeks", "no time"), ("inf h", "no time")],
)
def test_what_is_no_moment_is_refused(writer, text, says):
    """Neither a time nor a duration, or a time without its zone."""
    with pytest.raises(UsageError, match=says):
        moment_us(writer.folder, text)


def test_a_folder_without_a_run_is_refused(tmp_path):
    """There is nothing to write to."""
    with pytest.raises(UsageError, match="not a run"):
        annotate(tmp_path, "x", 0)
