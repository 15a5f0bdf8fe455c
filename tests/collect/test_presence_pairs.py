"""Time of pairs: counting bits of a row and sorting pairs one by one come to the same, and windows are cut exactly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import VirtualClock
from loadtest.collect.presence_pairs import COLUMNS, Column, PairTime, column, pair, row
from loadtest.collect.presence_truth import Truth
from loadtest.collect.presence_views import Roster, View
from loadtest.metrics import Batch

SECOND = 10**9
ROSTER = Roster([(n, n) for n in range(4)], [(n, n) for n in range(4, 7)])
_BITS = st.integers(0, 2**7 - 1)


@st.composite
def worlds(draw):
    """A truth and two views of it, in any state at all."""
    truth = Truth(ROSTER, (SECOND, SECOND))
    states = [draw(st.integers(0, 3)) for _ in range(7)]
    for name, number in (("alive", 1), ("overdue", 2), ("gone", 3)):
        setattr(truth, name, sum(1 << place for place, state in enumerate(states) if state == number))
    truth.up = draw(_BITS)
    truth.busy = draw(_BITS) & ROSTER.of_role[0]
    truth.away = draw(_BITS) & ROSTER.of_role[0] & ~truth.busy
    nothing = np.zeros(7, dtype=np.int64)
    views = []
    for place in (1, 5):
        shown = draw(_BITS)
        views.append(
            View(
                role=int(place >= 4), place=place, shown=shown, busy=draw(_BITS) & shown, known=draw(_BITS),
                ideal=draw(_BITS), excused=draw(_BITS), made_ns=0, began_ns=nothing, noticed_ns=nothing,
                beats_ns=nothing,
            )
        )  # fmt: skip
    return truth, views


@given(worlds())
def test_rows_counted_by_bits_are_the_sum_of_single_pairs(world):
    """An observer's row, all at once, equals its pairs sorted one target after another."""
    truth, views = world
    by_rows = np.zeros((4, COLUMNS), dtype=np.int64)
    by_pairs = np.zeros((4, COLUMNS), dtype=np.int64)
    for view in views:
        row(by_rows, 1, view, truth, ROSTER)
    for place in range(ROSTER.size):
        column(by_pairs, 1, place, truth, ROSTER, views)

    assert by_rows.tolist() == by_pairs.tolist()


def test_time_is_cut_at_the_edges_of_windows():
    """Two and a half seconds from the middle of a window fall into three of them, to the microsecond."""
    clock = VirtualClock()
    clock.advance(0.5)
    time, batch = PairTime(clock, SECOND, (True, True)), Batch()
    time.begin(clock.now_ns())
    time.pairs[pair(0, 0), Column.ALIVE] = 2
    time.end(clock.advance(2.5), batch)
    alive = [value for (_, metric, *_), value in sorted(batch.counts.items()) if metric == "presence.alive_us"]

    assert alive == [1_000_000, 2_000_000, 2_000_000]


def test_parts_of_a_microsecond_are_not_lost():
    """Flushing often comes to the same as flushing once."""
    clock = VirtualClock()
    time, batch = PairTime(clock, SECOND, (True, True)), Batch()
    time.begin(clock.now_ns())
    time.pairs[pair(0, 0), Column.ALIVE] = 1
    for _ in range(1000):
        time.advance(clock.advance(0.0000015), batch)
        time.flush(batch)

    assert sum(value for (_, metric, *_), value in batch.counts.items() if metric == "presence.alive_us") == 1500


def test_an_ideal_that_nobody_knows_is_not_told():
    """Where the expiry is unknown the ideal columns are absent, not zero."""
    clock = VirtualClock()
    time, batch = PairTime(clock, SECOND, (False, True)), Batch()
    time.begin(clock.now_ns())
    time.pairs[:, Column.ALIVE] = 1
    time.end(clock.advance(1.0), batch)
    ideal = {name for _, metric, name, _ in batch.counts if metric == "presence.ideal_right_us"}

    assert ideal == {"contact"}
