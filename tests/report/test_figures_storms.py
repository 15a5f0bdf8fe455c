"""The figure of storms: drawn from a run's rows, and only where there was one."""

from loadtest.metrics import Batch
from loadtest.report import ink
from loadtest.report.figures_storms import storm_herds
from loadtest.report.series import Frames
from loadtest.report.writing import run_data
from loadtest.store import open_run
from tests.report.test_tables_storms import ROW
from tests.store.runs import START_S, phase, write


def frames(tmp_path):
    """A run in which nineteen of twenty came back."""
    batch = Batch(notes=[phase("ramp", 0), phase("hold", 1)])
    for n in range(19):
        batch.hist(START_S + 5, "storm.back", "1 abrupt").record(1_000_000 * n)
    data = run_data(open_run(write(tmp_path / "run", batch)))
    return Frames(data.hists, data.counts, data.gauges, data.window_s)


def test_a_herd_is_drawn(tmp_path):
    """Attempts and those who are back, told in words as well."""
    with ink.style():
        picture = storm_herds(frames(tmp_path), [ROW])

    assert picture.name == "storm_herds"
    assert "at most 3 attempts in 0.1 s; 19 back" in picture.alt
    assert "Confirmed again" in picture.light
    assert picture.light != picture.dark


def test_without_a_herd_nothing_is_drawn(tmp_path):
    """A storm that dropped nobody has no curve."""
    drawn = frames(tmp_path)

    assert storm_herds(drawn, [{**ROW, "dropped": 0}]) is None
    assert storm_herds(drawn, []) is None
