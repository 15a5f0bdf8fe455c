"""A page of the ledger: first copies, and when it is complete."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtest.collect import Entry

_TICKS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1000)), max_size=30)


@given(_TICKS)
def test_firsts_are_the_first_ticks_of_each_epoch(ticks):
    """Each epoch's first copy is the one appended first, and all its copies are counted."""
    entry = Entry(b"k")
    expected: dict[int, list[int]] = {}
    for epoch, arrival in ticks:
        entry.who.append(epoch)
        entry.when.append(arrival)
        expected.setdefault(epoch, []).append(arrival)
    seen = entry.seen()

    assert {e: (a[0], len(a)) for e, a in expected.items()} == {
        e: (a, c) for e, a, c in zip(seen.epochs.tolist(), seen.first_ns.tolist(), seen.copies.tolist(), strict=True)
    }


@given(_TICKS, st.integers(0, 30), st.lists(st.one_of(st.none(), st.integers(0, 99)), min_size=30, max_size=30))
def test_lags_stay_with_their_ticks(ticks, split_ms, lags):
    """What the kernel held a first copy for is taken off its arrival, also after the entry was split in two."""
    entry = Entry(b"k")
    firsts: dict[int, tuple[int, int | None]] = {}
    for place, (epoch, _) in enumerate(ticks):
        if lags[place] is not None:
            entry.lag(lags[place])
        entry.who.append(epoch)
        entry.when.append(place)
        if place >= split_ms:
            firsts.setdefault(epoch, (place, lags[place]))
    later = entry.split(split_ms)
    epochs, arrivals = later.kernel_arrivals()

    assert {e: at - lag for e, (at, lag) in firsts.items() if lag is not None} == dict(
        zip(epochs.tolist(), arrivals.tolist(), strict=True)
    )


@given(_TICKS, st.sets(st.integers(0, 5)))
def test_an_entry_is_complete_when_all_required_ticked(ticks, required):
    """Copies do not make up for a receiver that is missing."""
    entry = Entry(b"k")
    for epoch, arrival in ticks:
        entry.who.append(epoch)
        entry.when.append(arrival)
    entry.required = np.array(sorted(required), dtype=np.int64)

    assert entry.is_complete == (required <= {epoch for epoch, _ in ticks})
