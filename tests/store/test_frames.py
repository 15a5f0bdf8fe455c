"""Tables for people."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loadtest.metrics import Batch, Note
from loadtest.metrics.buckets import MAX_US
from loadtest.store import Run, frames, open_run
from tests.store.runs import START_S, phase, write

TABLES: list[Callable[[Run], pd.DataFrame]] = [
    frames.fanout_frame,
    frames.rest_frame,
    frames.delivery_frame,
    frames.cable_frame,
    frames.presence_frame,
    frames.generator_frame,
]


def _full() -> Batch:
    batch = Batch(notes=[phase("hold", 0)])
    batch.notes.append(Note((START_S + 1) * 1_000_000, "breach", "late", {"window": START_S + 1, "cause": "lateness"}))
    for second in range(2):
        window = START_S + second
        batch.hist(window, "fanout", "message.created", "agent").record_many(np.full(300, 1_000))
        batch.hist(window, "fanout_sent", "message.created", "agent").record(500)
        batch.hist(window, "rest", "send_message").record_many(np.full(300, 2_000))
        batch.hist(window, "rest_wait", "send_message").record_many(np.full(300, 100))
        batch.hist(window, "lateness").record_many(np.full(300, 200))
        batch.hist(window, "loop_lag").record(1_500)
        batch.add(window, "rest.n", "send_message", value=302)
        batch.add(window, "rest.error", "send_message", "404", value=1)
        batch.add(window, "rest.error", "send_message", "reset", value=1)
        batch.add(window, "delivery.emitted", "message.created", value=3)
        batch.add(window, "delivery.expected", "message.created", "agent", value=30)
        batch.add(window, "delivery.delivered", "message.created", "agent", value=29)
        batch.add(window, "delivery.lost", "message.created", "agent", value=1)
        batch.add(window, "cable.connects", "", "agent", value=4)
        batch.add(window, "cable.disconnects", "1006", "agent", value=1)
        batch.add(window, "cable.disconnects", "by_us", "agent", value=2)
        batch.add(window, "presence.alive_us", "agent", "contact", value=4_000_000)
        batch.add(window, "presence.right_us", "agent", "contact", value=3_000_000)
        batch.add(window, "generator.cpu_us", value=250_000)
        batch.add(window, "generator.wall_us", value=1_000_000)
    batch.add(START_S, "presence.ideal_right_us", "agent", "contact", value=3_600_000)
    return batch


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two seconds of hold, the second with a breach."""
    return open_run(write(tmp_path_factory.mktemp("frames") / "r1", _full()))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_dtypes_are_the_same_for_an_empty_run(tmp_path: Path, run: Run, table: Callable[[Run], pd.DataFrame]) -> None:
    """An empty run gives tables of no rows with the columns and dtypes of a full one."""
    empty = table(open_run(write(tmp_path / "r1")))

    assert len(empty) == 0
    pd.testing.assert_series_equal(table(run).dtypes, empty.dtypes)


def test_fanout_is_in_milliseconds(run: Run) -> None:
    """Fan-out comes by event and role, percentiles in milliseconds."""
    row = frames.fanout_frame(run).iloc[0]

    assert ("message.created", "agent", 300, 1.0, 1.0) == (row.event, row.role, row.n, row.p50_ms, row.p99_ms)


def test_fanout_from_the_send_is_beside_it(run: Run) -> None:
    """Latency from the actual send is told apart from latency from the due time."""
    frame = frames.fanout_frame(run, from_sent=True)

    assert [0.5, 0.5] == frame["max_ms"].tolist()


@pytest.mark.parametrize(
    ("n", "known"), [(4, []), (5, ["p50_ms"]), (29, ["p50_ms", "p90_ms"]), (299, ["p50_ms", "p90_ms", "p99_ms"])]
)
def test_too_few_samples_give_no_percentile(tmp_path: Path, n: int, known: list[str]) -> None:
    """A percentile that the samples cannot bound is NaN; the maximum is always there."""
    batch = Batch()
    batch.hist(START_S, "lateness").record_many(np.full(n, 1_000))
    row = frames.latency_frame(open_run(write(tmp_path / "r1", batch)), "lateness").iloc[0]
    columns = ["p50_ms", "p90_ms", "p99_ms", "p999_ms"]

    assert known == [column for column in columns if not math.isnan(row[column])]
    assert row.max_ms == 1.0


def test_coarser_rows_have_more_samples(run: Run) -> None:
    """Two windows in a row give one histogram of both."""
    assert [600] == frames.fanout_frame(run, coarsen=10)["n"].tolist()


def test_values_out_of_range_are_shown(tmp_path: Path) -> None:
    """A latency above an hour is counted beside the percentiles."""
    batch = Batch()
    batch.hist(START_S, "fanout").record(MAX_US + 1)
    row = frames.latency_frame(open_run(write(tmp_path / "r1", batch)), "fanout").iloc[0]

    assert (0, 1) == (row.n, row.overflow)
    assert math.isnan(row.max_ms)


def test_rest_errors_are_summed_over_statuses(run: Run) -> None:
    """A call's row has its answers, failures, latency and waiting time."""
    row = frames.rest_frame(run).iloc[0]
    expected = ("send_message", 302, 2, pytest.approx(2.0, rel=1e-3), pytest.approx(0.1))

    assert expected == (row.call, row.n, row.errors, row.p99_ms, row.wait_p99_ms)


def test_delivery_has_a_column_a_count(run: Run) -> None:
    """The balance is one row for an event and role, emissions on the row without role."""
    frame = frames.delivery_frame(run)
    agents = frame[frame["role"] == "agent"].iloc[0]

    assert [3, 0] == frame["emitted"].tolist()[:2]
    assert (30, 29, 1, 0) == (agents.expected, agents.delivered, agents.lost, agents.leaked)


def test_disconnects_are_summed_over_reasons(run: Run) -> None:
    """Connections come by role, reasons added up."""
    row = frames.cable_frame(run).iloc[0]

    assert ("agent", 4, 3) == (row.role, row.connects, row.disconnects)


def test_presence_is_a_share_of_pair_time(run: Run) -> None:
    """Accuracy and ceiling are shares of the alive pair-time; an unknown ceiling is NaN."""
    frame = frames.presence_frame(run)

    assert [0.75, 0.75] == frame["p_a"].tolist()
    np.testing.assert_array_equal([0.9, np.nan], frame["p_a_ceiling"])
    assert frame["false_online_share"].isna().all()


def test_a_breach_marks_its_window(run: Run) -> None:
    """The generator's table tells trusted windows from breached ones."""
    frame = frames.generator_frame(run)

    assert [True, False] == frame["trusted"].tolist()
    assert [0.25, 0.25] == frame["cpu_share"].tolist()
    assert [1.5, 1.5] == frame["loop_lag_max_ms"].tolist()


def test_a_breach_marks_its_coarse_row(run: Run) -> None:
    """A row of several windows is trusted only when all of them are."""
    assert [False] == frames.generator_frame(run, coarsen=2)["trusted"].tolist()
