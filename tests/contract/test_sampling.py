"""Which frames are checked."""

from __future__ import annotations

import pytest

from loadtest.contract import Sampler


def test_the_first_are_all_wanted_then_one_in_so_many() -> None:
    """Of each event the first are checked, afterwards every fifth."""
    sampler = Sampler(first=3, rate=5)

    wanted = [n for n in range(1, 21) if sampler.wants("message.created", "agent")]

    assert [1, 2, 3, 8, 13, 18] == wanted


def test_events_and_roles_are_counted_apart() -> None:
    """Another event, or the same at another role, has a beginning of its own."""
    sampler = Sampler(first=1, rate=100)
    sampler.wants("message.created", "agent")

    assert [False, True, True] == [
        sampler.wants("message.created", "agent"),
        sampler.wants("message.created", "contact"),
        sampler.wants("message.updated", "agent"),
    ]


def test_the_same_frames_are_wanted_each_time() -> None:
    """Two samplers agree: no clock and no chance is in it."""
    frames = [("a", "agent"), ("b", "agent"), ("a", "contact")] * 100

    first, second = Sampler(), Sampler()

    assert [first.wants(*frame) for frame in frames] == [second.wants(*frame) for frame in frames]


def test_names_that_a_server_makes_up_are_bounded() -> None:
    """Thousands of different event names share one count once there are many."""
    sampler = Sampler(first=1, rate=10**6)

    wanted = sum(sampler.wants(f"made.up.{n}", "agent") for n in range(5000))

    assert 257 == wanted


@pytest.mark.parametrize(("first", "rate"), [(-1, 1), (0, 0)])
def test_senseless_numbers_are_refused(first: int, rate: int) -> None:
    """A negative beginning or a rate of none is an error."""
    with pytest.raises(ValueError, match="rate"):
        Sampler(first, rate)
