"""What keeps a file small: a fair sample of closing records, and two levels a window."""

from __future__ import annotations

import sqlite3
from contextlib import closing as closed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.metrics import Batch, Gauge
from loadtest.store import RunWriter, open_run
from loadtest.store.thinning import lot
from tests.store.runs import META, START_S, closing

MOST = 100


def emission(n, **values):
    """An emission's records, by two workers."""
    due_us = (START_S + n) * 1_000_000
    return [closing(f"m{n}", worker=worker, due_us=due_us, **values) for worker in ("w1", "w2")]


def test_records_of_a_share_are_kept(tmp_path):
    """Whenever there are too many, half of the emissions go, each with all its records; what is kept is told."""
    folder = tmp_path / "run"
    with RunWriter.create(folder, META, most_closings=MOST) as writer:
        for n in range(0, 2_000, 10):
            writer.write(Batch(closings=[row for one in range(n, n + 10) for row in emission(one)]))
    run = open_run(folder)
    kept = run.closing_frame()
    expected = {f"m{n}" for n in range(2_000) if lot(f"m{n}", (START_S + n) * 1_000_000) < run.closing_share}

    assert run.closing_share in (1 / 32, 1 / 64)
    assert set(kept["mark"]) == expected
    assert len(kept) == 2 * len(expected) <= MOST


def test_thinning_goes_on_in_slices(tmp_path, monkeypatch):
    """Rows that are yet to be thinned out are not shown, and go with later writes."""
    monkeypatch.setattr("loadtest.store.thinning._SLICE", 40)
    folder = tmp_path / "run"
    with RunWriter.create(folder, META, most_closings=MOST) as writer:
        writer.write(Batch(closings=[row for n in range(MOST) for row in emission(n)]))
        shown = open_run(folder).closing_frame()
        with closed(sqlite3.connect(folder / "run.sqlite")) as raw:
            before = raw.execute("SELECT count(*) FROM closing").fetchone()[0]
        for n in range(10):
            writer.write(Batch(closings=emission(MOST + n)))
        with closed(sqlite3.connect(folder / "run.sqlite")) as raw:
            after = raw.execute("SELECT count(*) FROM closing").fetchone()[0]

    assert len(shown) < before <= 2 * MOST
    assert after <= MOST + 20


def test_a_correction_goes_the_way_of_its_emission(tmp_path):
    """A late delivery of an emission that is not kept leaves nothing half."""
    folder = tmp_path / "run"
    with RunWriter.create(folder, META, most_closings=MOST) as writer:
        writer.write(Batch(closings=[row for n in range(400) for row in emission(n, lost=1)]))
        writer.write(Batch(closings=[row for n in range(400) for row in emission(n, lost=-1, late=1, emitted=0)]))
    kept = open_run(folder).closing_frame()

    assert len(kept)
    assert kept["lost"].sum() == 0
    assert kept["late"].sum() == len(kept)


def test_a_write_that_fails_thins_nothing(tmp_path):
    """What was rolled back is tried again as it was."""
    folder = tmp_path / "run"
    with RunWriter.create(folder, META, most_closings=MOST) as writer:
        writer._connection.execute("PRAGMA busy_timeout = 0")
        with closed(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Exception, match="locked"):
                writer.write(Batch(closings=[row for n in range(400) for row in emission(n)]))
            share_meanwhile = writer._closings.share
            other.execute("ROLLBACK")
        writer.write(Batch())

    assert share_meanwhile == 1.0
    assert open_run(folder).closing_share < 1.0
    assert 0 < len(open_run(folder).closing_frame()) <= 800


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 299), st.integers(-3, 9)), min_size=1, max_size=60))
def test_of_each_window_the_newest_and_the_greatest_level_stay(tmp_path_factory, levels):
    """Whatever comes, in whatever batches, in windows of a minute."""
    levels.sort(key=lambda level: level[0])
    folder = tmp_path_factory.mktemp("levels") / "run"
    with RunWriter.create(folder, {**META, "window_s": 60.0}) as writer:
        for place in range(0, len(levels), 7):
            gauges = [
                Gauge((START_S + at) * 1_000_000 + n, "rss", "w", float(value))
                for n, (at, value) in enumerate(levels[place : place + 7], place)
            ]
            writer.write(Batch(gauges=gauges))
    frame = open_run(folder).gauge_frame()
    found = {}
    for at_s, value in zip(frame["at_s"], frame["value"], strict=True):
        found.setdefault(at_s // 60, []).append(value)
    expected = {}
    for at, value in levels:
        expected.setdefault(at // 60, []).append(value)

    assert {window: (values[-1], max(values)) for window, values in found.items()} == {
        window: (values[-1], max(values)) for window, values in expected.items()
    }
    assert max(map(len, found.values())) <= 2
