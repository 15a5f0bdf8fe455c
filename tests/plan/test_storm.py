"""Drills as they are written: who is struck when and how, and who is slow to read."""

import pytest

from loadtest.errors import UsageError
from loadtest.plan.storm import SlowReaders, parse_storms


def test_storms_are_read_and_sorted():
    """Share, time and manner; abrupt where nothing is said."""
    storms = parse_storms("100%@60s:clean, 30%@20,2.5%@90s:half-open", seed=7)

    assert [(s.name, s.share, s.at_s, s.manner, s.seed) for s in storms] == [
        ("1 abrupt", 0.3, 20.0, "abrupt", 7),
        ("2 clean", 1.0, 60.0, "clean", 7),
        ("3 half-open", 0.025, 90.0, "half-open", 7),
    ]


def test_one_can_be_waited_for():
    """The operator's own; nothing is no storm."""
    (storm,) = parse_storms("wait")

    assert storm.manner == "wait"
    assert parse_storms("") == ()


def test_a_share_is_struck_by_the_seed():
    """About so many of all, the same ones each time, others in another storm."""
    first, second = parse_storms("30%@1s,30%@2s")
    struck = [{n for n in range(5_000) if storm.strikes(n)} for storm in (first, second)]

    assert all(1_400 < len(who) < 1_600 for who in struck)
    assert struck[0] != struck[1]
    assert all(parse_storms("100%@1s")[0].strikes(n) for n in range(100))


@pytest.mark.parametrize("text", ["30%", "30@20s", "0%@1s", "101%@1s", "30%@20s:gently", "wait,30%@1s", "x"])
def test_what_is_no_storm_is_refused(text):
    """A mistake names what may be said."""
    with pytest.raises(UsageError, match="half-open"):
        parse_storms(text)


def test_slow_readers():
    """A share of all has a further socket, read so fast."""
    plan = SlowReaders.parse("10%@1000", seed=3)

    assert (plan.bytes_per_s, SlowReaders.parse("5%@0").bytes_per_s) == (1000, 0)
    assert 400 < sum(plan.has_one(n) for n in range(5_000)) < 600
    assert not any(SlowReaders.parse("").has_one(n) for n in range(100))


@pytest.mark.parametrize("text", ["10%", "0%@5", "10@5", "10%@-1", "10%@1.5"])
def test_what_are_no_slow_readers_is_refused(text):
    """A mistake names what may be said."""
    with pytest.raises(UsageError, match="bytes a second"):
        SlowReaders.parse(text)
