"""How a long run stands: lines from batches, forgotten once they are told."""

import pytest

from loadtest.clock import NS_PER_S
from loadtest.distributed.progress import Progress, span
from loadtest.metrics import Batch, Gauge, Note
from loadtest.plan import LoadProfile


def batch(fanout_us=(), lost=0, cut=0, due=0, here=0, cause=""):
    """What a worker collected in a second."""
    made = Batch()
    made.hist(1, "fanout", "message.created", "agent").record_many(list(fanout_us))
    made.hist(1, "fanout", "conversation.typing_on", "agent").record(9_000_000)
    made.add(1, "delivery.lost", "message.created", "agent", lost)
    made.add(1, "cable.disconnects", "1006", "agent", cut)
    made.add(1, "cable.disconnects", "by_us", "agent", 7)
    made.gauges += [Gauge(1, "users.due", "w", due), Gauge(1, "users.connected.agent", "w", here)]
    if cause:
        made.notes.append(Note(1, "breach", "late", {"cause": cause, "window": 1}))
    return made


def test_a_line_says_everything():
    """Elapsed, phase, load, what comes next, users, percentiles, losses, cuts and health."""
    progress = Progress(LoadProfile.parse("day=24h@9"), 8 * 3600.0, began_ns=0)
    progress.hold(60 * NS_PER_S)
    progress.take(batch([10_000] * 99 + [50_000], lost=2, cut=3, due=500, here=498, cause="lateness"))

    line = progress.look(3660 * NS_PER_S, "hold").text()

    assert line == (
        "1:01:00 of 8:00:00, hold | load 100% at 10:00 of the plan's day | next 100% in 2:00:00 | users 498 of 500 | "
        "messages p50 10 ms, p99 10 ms of 100 | lost 2 (2 in all) | cut 3 | generator out of bounds (lateness 1)"
    )


def test_what_was_told_is_forgotten():
    """The next line counts anew, but for the run's losses and who is there."""
    progress = Progress(LoadProfile(), None, began_ns=0)
    progress.take(batch([10_000], lost=2, cut=3, due=5, here=5, cause="gc"))
    progress.look(NS_PER_S, "hold")

    line = progress.look(2 * NS_PER_S, "hold").text()

    assert line == "0:00:02, hold | load 100% | users 5 of 5 | messages none | lost 0 (2 in all) | generator ok"


def test_the_profile_begins_with_the_hold():
    """In the ramp nothing is said to change; the first look in the hold begins the day."""
    progress = Progress(LoadProfile.parse("day=24h@9"), None, began_ns=0)

    assert progress.look(100 * NS_PER_S, "ramp").change is None
    assert progress.look(200 * NS_PER_S, "hold").change == pytest.approx((3 * 3600.0, 1.0))


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.6, "0:01:00"), (3661, "1:01:01"), (90_000, "1 d 1:00:00"), (None, "?")]
)
def test_lengths_of_time(seconds, text):
    """They read as on a stop watch, with days."""
    assert span(seconds) == text
