"""The levels of a run: found by a budget's path, read source by source, percentiles where samples allow them."""

import numpy as np
import pytest

from loadtest.analysis.soak_levels import Levels
from loadtest.analysis.windows import timeline
from tests.analysis.soaks import HOUR, Story, data


def levels(**story):
    """The levels of a made-up run."""
    run = data(Story(**story))
    return Levels(run, timeline(run))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("target", "rss_bytes"), [("target", "web", "rss_bytes")]),
        (("target", "web", "rss_bytes"), [("target", "web", "rss_bytes")]),
        (("target", "jobs", "rss_bytes"), []),
        (("generator", "rss_bytes"), [("generator", "w0", "rss_bytes")]),
        (("fanout", "*", "*", "p99_ms"), [("fanout", "message.created", "agent", "p99_ms")]),
        (("fanout", "message.created", "contact", "p99_ms"), []),
        (("rest", "*", "p99_ms"), []),
        (("cable", "connect_p99_ms"), []),
        (("presence", "*", "beat_reply_p99_ms"), []),
    ],
)
def test_a_path_means_levels(path, expected):
    """A gauge without its source means all of them; a star means each name there is."""
    assert expected == [level.path for level in levels(source="web").matching(path)]


def test_percentiles_join_windows_until_they_tell():
    """At 100 deliveries a window a p99, which needs 299, is told of three windows together."""
    (many,), (few,) = (levels(per_window=n).matching(("fanout", "*", "*", "p99_ms")) for n in (400, 100))

    assert (many.at_s.size, few.at_s.size) == (480, 160)
    assert few.at_s[0] == pytest.approx(0.5 * HOUR + 90)
    assert 25 < np.median(few.values) < 40


def test_marked_windows_are_left_out_of_latency():
    """A tenth of the windows were the generator's own: a tenth fewer readings of latency, all of memory."""
    found = levels(marked=0.1)

    (latency,) = found.matching(("fanout", "*", "*", "p99_ms"))
    (memory,) = found.matching(("target", "rss_bytes"))
    assert (latency.at_s.size, latency.is_latency, memory.is_latency) == (432, True, False)
    assert memory.at_s.size == 510


def test_like_load_is_near_the_usual_number_of_connections():
    """Moments with half of the connections are not alike; without any count all moments are."""
    found = levels(day_h=24.0, hours=24.0)
    at_s = np.arange(0.5 * HOUR, 24 * HOUR, 60.0)

    like = found.like(at_s, 0.5 * HOUR, 24.5 * HOUR)

    assert 0.02 < like.mean() < 0.4
    assert levels().like(at_s, 100 * HOUR, 101 * HOUR).all()


def test_connections_are_summed_over_workers():
    """Each worker's newest number counts until its next."""
    at, connected = levels().connections

    assert at.size == connected.size
    assert connected.max() == 500


def test_names_are_what_a_soak_cares_for():
    """Everything watched, the generator's memory, and the p99 of each latency."""
    assert levels().names() == [
        ("target", "rss_bytes"),
        ("generator", "rss_bytes"),
        ("fanout", "message.created", "agent", "p99_ms"),
    ]
