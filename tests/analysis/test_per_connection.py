"""What a connection costs, and what stays."""

import numpy as np
import pytest

from loadtest.analysis.per_connection import drained, per_connection
from loadtest.analysis.soak_levels import Levels
from loadtest.analysis.windows import timeline
from tests.analysis.soaks import Story, data


def of(**story):
    """Level, connections and windows of a made-up run."""
    run = data(Story(**story))
    line = timeline(run)
    levels = Levels(run, line)
    return levels.matching(("target", "rss_bytes"))[0], levels.connections, line


def test_the_ramp_tells_what_a_connection_adds():
    """40 kB each are found with an interval that holds them, whatever leaks later."""
    found = per_connection(*of(leak=5e6))

    assert found.interval[0] <= 40_000 <= found.interval[1]
    assert found.each == pytest.approx(40_000, rel=0.05)


def test_a_sudden_ramp_tells_nothing():
    """With all there at once there are too few numbers of connections to compare."""
    level, _, line = of()
    connections = np.array([0.0, 1.0, 40_000.0]), np.array([500.0, 500.0, 500.0])

    found = per_connection(level, connections, line)

    assert found.each is None
    assert "ramp slower" in found.note


def test_what_stays_is_told_from_before():
    """With nobody there any more, 25 MB more than before anybody came."""
    found = drained(*of(drain=True, kept=25e6), 2 * 3600.0)

    assert found.kept == pytest.approx(25e6, rel=0.05)
    assert found.again is None
    assert found.not_back is None


def test_what_does_not_come_back_is_told_from_when_all_were_first_there():
    """8 h at 3 MB/h, of which the first quarter was warm-up: 16 MB more for the same connections."""
    found = drained(*of(drain=True, reopened=True, leak=3e6), 2 * 3600.0)

    assert found.not_back == pytest.approx(17e6, rel=0.2)
    assert found.kept == pytest.approx(24e6, rel=0.05)


def test_a_run_in_which_nobody_left_has_no_drain():
    """Without a time in which all had gone there is nothing to compare."""
    assert drained(*of(), 3600.0) is None
