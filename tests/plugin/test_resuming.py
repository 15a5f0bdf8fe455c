"""``--resume``: which run, from when on, and that it is the same one."""

import time

import pytest

from loadtest.errors import UsageError
from loadtest.metrics import Batch, Note
from loadtest.plugin.resuming import check, read
from tests.store.runs import write

PLAN = {"emit_rate": 4.0, "load_profile": "day"}
META = {
    "deadline_s": 10.0,
    "seed": 0,
    "plan": PLAN,
    "population": {"agents": 4},
    "target": {"url": "http://127.0.0.1:1", "embedded": True},
}


def run(tmp_path, **meta):
    """A run that has held for an hour, as seen now."""
    hold = Note((time.time_ns() // 1000) - 3600 * 1_000_000, "phase", "hold", {"phase": "hold"})
    return write(tmp_path / "one", Batch(notes=[hold]), **{**META, **meta})


def test_the_plan_goes_on_at_its_time_of_day(tmp_path):
    """An hour after it began, whatever of that was a gap; its name and windows are the run's."""
    found = read(str(run(tmp_path, window_s=20.0)), None)

    assert (found.run_id, found.window_s) == ("r1", 20.0)
    assert found.plan_began_s == pytest.approx(3600.0, abs=60.0)


def test_it_is_not_asked_for():
    """Without the option there is nothing to go on with."""
    assert read(None, "x") is None


def test_a_run_keeps_its_name(tmp_path):
    """Another --run-id is a mistake."""
    with pytest.raises(UsageError, match="--run-id"):
        read(str(run(tmp_path)), "another")


def test_the_same_options_are_the_same_run(tmp_path):
    """The embedded server has another port each time."""
    found = read(str(run(tmp_path)), "one")

    check(found, {**META, "target": {"url": "http://127.0.0.1:2", "embedded": True}})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plan": {**PLAN, "emit_rate": 5.0}}, "emit_rate was 4.0, is 5.0"),
        ({"population": {"agents": 5}}, "agents was 4, is 5"),
        ({"deadline_s": 5.0}, "deadline_s"),
        ({"target": {"url": "http://127.0.0.1:1", "embedded": False}}, "embedded"),
    ],
)
def test_other_options_are_another_run(tmp_path, changed, said):
    """What differs is named, and nothing is written."""
    found = read(str(run(tmp_path)), None)

    with pytest.raises(UsageError, match=said):
        check(found, {**META, **changed})
