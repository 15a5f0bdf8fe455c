"""Storms out of a run's rows: quantiles of all who were dropped, herds by 100 ms, what was missed."""

import math

import jsonschema
import pytest

from loadtest.analysis import storms as module
from loadtest.analysis.series import Series
from loadtest.analysis.storms import not_begun, storms
from loadtest.metrics import Batch, Note
from loadtest.report.writing import run_data
from loadtest.store import open_run
from tests.store.runs import START_S, phase, write


def stored(tmp_path, dropped, back_s=(), attempts_s=(), missed=0):
    """The analysed rows of a run with one storm five seconds into it."""
    batch = Batch(notes=[phase("ramp", 0), phase("hold", 1)])
    data = {"storm": "1 abrupt", "manner": "abrupt", "share": 0.5}
    batch.notes += [Note((START_S + 5) * 1_000_000 + n, "storm", "", data) for n in (0, 3)]  # two workers tell
    batch.add(START_S + 5, "storm.dropped", "1 abrupt", "", dropped)
    batch.add(START_S + 5, "storm.missed", "1 abrupt", "message.created", missed)
    for metric, values in (("back", back_s), ("attempt", attempts_s)):
        for value in values:
            batch.hist(START_S + 5, f"storm.{metric}", "1 abrupt").record(round(value * 1_000_000))
    batch.hist(START_S + 5, "storm.connect", "1 abrupt", "agent").record(20_000)
    batch.hist(START_S + 5, "storm.connect", "1 abrupt", "contact").record(40_000)
    data = run_data(open_run(write(tmp_path / "run", batch)))
    return storms(data, Series(data))


def test_a_quantile_is_of_all_who_were_dropped(tmp_path):
    """With one of twenty still away, 95 % were back when the nineteenth was, and all never."""
    (row,) = stored(tmp_path, 20, [n + 1.0 for n in range(19)])

    assert (row["dropped"], row["back"]) == (20, 19)
    assert row["back_p50_s"] == pytest.approx(10.0, rel=1e-3)
    assert row["back_p95_s"] == pytest.approx(19.0, rel=1e-3)
    assert row["back_all_s"] == math.inf


def test_the_herd_is_counted_by_tenths_of_a_second(tmp_path):
    """Attempts by step of time, with the steepest step and when it was."""
    (row,) = stored(tmp_path, 5, [], [0.05, 0.31, 0.32, 0.39, 0.55])

    assert (row["bin_s"], row["herd"]) == (0.1, [1, 0, 0, 3, 0, 1])
    assert (row["herd_peak"], row["herd_peak_s"]) == (3, 0.3)


def test_a_long_return_is_counted_in_coarser_steps(tmp_path):
    """No more than six hundred of them, and nobody is left out."""
    (row,) = stored(tmp_path, 500, [], [n * 0.6 for n in range(500)])

    assert len(row["herd"]) <= module.MOST_BINS
    assert (row["bin_s"], sum(row["herd"])) == (0.8, 500)


def test_latencies_are_of_both_roles_and_missed_of_all_events(tmp_path):
    """Handshakes of agents and contacts are one herd's."""
    (row,) = stored(tmp_path, 2, missed=7)

    assert (row["connect_p50_ms"], row["connect_p99_ms"]) == (pytest.approx(20, rel=1e-2), pytest.approx(40, rel=1e-2))
    assert (row["confirm_p50_ms"], row["missed"], row["missed_events"]) == (None, 7, {"message.created": 7})


def test_a_run_without_drills_has_no_storms(tmp_path):
    """Nothing is made up."""
    data = run_data(open_run(write(tmp_path / "run", Batch(notes=[phase("ramp", 0)]))))

    assert storms(data, Series(data)) == []


def test_a_row_is_of_the_schema(tmp_path):
    """As summary.json holds it, infinite as a word."""
    from loadtest.analysis.model import plain

    schema = _schema()
    (row,) = stored(tmp_path, 3, [1.0], [0.9])
    jsonschema.validate(plain(row), {"$defs": schema["$defs"], "$ref": "#/$defs/storm_row"})


def _schema():
    import json
    from pathlib import Path

    return json.loads((Path(module.__file__).parent / "summary.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("planned", "says"),
    [
        ("50%@5s", []),
        ("50%@5s,100%@20s:clean", ["2 clean at 20 s of a hold that ended after 13.7 s"]),
        ("wait", ["No storm was noticed"]),
        ("", []),
    ],
)
def test_a_storm_that_did_not_begin_is_told(tmp_path, planned, says):
    """A run that ended before its storm measured none, and says so."""
    data = run_data(open_run(write(tmp_path / "run", Batch(notes=[phase("ramp", 0), phase("hold", 1)]))))
    data.meta["plan"] = {"storm": planned}
    told = not_begun(data, [{"name": "1 abrupt"}], 13.7)

    assert [said in line for said, line in zip(says, told, strict=True)] == [True] * len(says)
