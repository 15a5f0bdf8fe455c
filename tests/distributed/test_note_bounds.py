"""Moments of a long run are bounded; what a run is judged by stays."""

from loadtest.distributed.note_bounds import LEFT_OUT, MOST, NoteBounds
from loadtest.metrics import Batch, Note


def kept(bounds, *notes):
    """What is left of a batch with these notes."""
    batch = Batch(notes=list(notes))
    bounds.apply(batch)
    return batch


def test_a_window_is_marked_once_for_a_cause():
    """By each worker and for each measure; another window is another mark."""
    bounds = NoteBounds(10**9)

    def breach(window, cause="lateness", worker="a"):
        return Note(1, "breach", "late", {"window": window, "cause": cause, "worker": worker})

    first = kept(bounds, breach(5), breach(5), breach(5, "gc"), breach(6))
    again = kept(bounds, breach(5), breach(5, worker="b"))

    assert [len(batch.notes) for batch in (first, again)] == [3, 1]


def test_of_other_kinds_a_thousand_stay():
    """How many more there were is counted where they belong."""
    bounds = NoteBounds(10**9)
    batch = kept(bounds, *(Note(3_500_000, "violation", str(n)) for n in range(MOST + 7)), Note(1, "error", "x"))

    assert len(batch.notes) == MOST + 1
    assert batch.counts == {(3, LEFT_OUT, "violation", ""): 7}


def test_phases_and_annotations_always_stay():
    """However many there are."""
    bounds = NoteBounds(10**9, most=2)
    batch = kept(
        bounds, *(Note(1, "annotation", "deploy") for _ in range(9)), *(Note(1, "phase", "x") for _ in range(9))
    )

    assert len(batch.notes) == 18


def test_marks_of_windows_long_past_are_forgotten():
    """A week of breaches is a week of rows in the file, and nothing in memory."""
    bounds = NoteBounds(10**9)
    for window in range(10_000):
        kept(bounds, Note(1, "breach", "late", {"window": window, "cause": "lateness"}))

    assert len(bounds._breached) <= 64
