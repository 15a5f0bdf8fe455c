"""A long run in few rows."""

import pytest

from loadtest.metrics import Batch, Gauge
from loadtest.store import RunWriter, open_run
from loadtest.store.steps import gauge_steps, windows_per_step


def stored(folder, gauges, windows=()):
    """A run with gauges, and a count in each window."""
    batch = Batch(gauges=gauges)
    for window in windows:
        batch.add(window, "cable.pings")
    with RunWriter.create(folder, {"window_s": 1.0, "started_at": "1970-01-01T00:01:40+00:00"}) as writer:
        writer.write(batch)
    return open_run(folder)


def test_gauges_are_averaged_by_source_and_step(tmp_path):
    """Steps of ten seconds, each source by itself, at the step's middle since the run's start."""
    at = [(101, "a", 1.0), (109, "a", 3.0), (111, "a", 10.0), (102, "b", 7.0), (103, "b", float("nan"))]
    run = stored(tmp_path / "run", [Gauge(s * 1_000_000, "target.x", worker, value) for s, worker, value in at])

    frame = gauge_steps(run, 10.0)

    rows = list(frame[["at_s", "name", "worker", "value"]].itertuples(index=False, name=None))
    assert rows == [(5.0, "target.x", "a", 2.0), (5.0, "target.x", "b", 7.0), (15.0, "target.x", "a", 10.0)]


def test_a_run_without_gauges_has_none(tmp_path):
    """The frame is empty, with its columns."""
    assert gauge_steps(stored(tmp_path / "run", []), 1.0).dtypes.astype(str).to_dict() == {
        "at_s": "float64",
        "name": "object",
        "worker": "object",
        "value": "float64",
    }


@pytest.mark.parametrize(
    ("windows", "most", "expected"), [(range(0), 10, 1), (range(10), 10, 1), (range(11), 10, 2), (range(95), 10, 10)]
)
def test_windows_are_joined_until_they_are_few(tmp_path, windows, most, expected):
    """As many windows to a step as leave no more rows than asked for."""
    assert expected == windows_per_step(stored(tmp_path / "run", [], windows), most)
