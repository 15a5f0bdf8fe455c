"""What waits to be written is bounded, and says what it lost."""

from loadtest.metrics import Batch, Gauge, Note
from loadtest.store.backlog import Backlog
from tests.store.runs import closing


def full():
    """A second of everything, in a window of its own."""
    for window in range(1_000):
        batch = Batch(
            closings=[closing(f"m{window}")], notes=[Note(window, "x", "")], gauges=[Gauge(window, "g", "w", 1.0)]
        )
        batch.hist(window, "rest").record(1)
        batch.add(window, "rest.n")
        yield batch


def test_the_oldest_goes_first():
    """Of each kind the newest stay."""
    backlog = Backlog(most_rows=50, most_keys=50)
    for batch in full():
        backlog.add(batch)
    kept = backlog.batch

    assert max(map(len, (kept.closings, kept.notes, kept.gauges, kept.hists, kept.counts))) <= 50
    assert min(map(len, (kept.closings, kept.notes, kept.gauges, kept.hists, kept.counts))) >= 45
    assert kept.closings[-1].mark == "m999"
    assert max(kept.hists)[0] == max(kept.counts)[0] == 999


def test_what_went_is_told_once():
    """With numbers, which add up with what stayed."""
    backlog = Backlog(most_rows=50, most_keys=50)
    for batch in full():
        backlog.add(batch)
    note = backlog.loss(7)

    assert note.data == {
        name: 1_000 - len(getattr(backlog.batch, name)) for name in ("closings", "notes", "gauges", "hists", "counts")
    }
    assert "records of emissions" in note.text
    assert backlog.loss(8) is None


def test_nothing_is_lost_below_the_bound():
    """What has room waits, and is forgotten once it is written."""
    backlog = Backlog()
    for batch in full():
        backlog.add(batch)

    assert (len(backlog.batch.closings), len(backlog.batch.hists), backlog.loss(1)) == (1_000, 1_000, None)
    backlog.written()
    assert backlog.batch.is_empty
