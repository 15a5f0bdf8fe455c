"""Reconnect policies against the official clients' arithmetic and simulated delays."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.cable.liveness import (
    IMMEDIATE_PAUSE_S,
    RECONNECT_POLICIES,
    chatwoot_poll_s,
    official_poll_s,
    reconnect_policy,
)
from loadtest.errors import UsageError

DRAWS = 40_000


def delays_s(name: str, *, attempt: int = 0, socket_closed: bool = True) -> NDArray[np.float64]:
    """Many delays of a policy, seeded."""
    policy = reconnect_policy(name)
    rng = random.Random(20_240_607)
    return np.array([policy.delay_s(attempt, rng, socket_closed=socket_closed) for _ in range(DRAWS)])


@pytest.mark.parametrize(("percent", "expected_s"), [(10, 6.9), (50, 10.6), (90, 13.5), (99, 15.9)])
def test_official_clients_are_blind_for_as_long_as_simulated(percent: float, expected_s: float) -> None:
    """After a restart the delays have the percentiles of a simulation of the client's own code, within 0.15 s.

    With 40,000 draws a percentile's standard error is below 0.03 s; the published figures are rounded to 0.1 s.
    """
    actual_s = float(np.percentile(delays_s("official"), percent))

    assert pytest.approx(expected_s, abs=0.15) == actual_s


def test_official_clients_come_back_within_their_bounds() -> None:
    """Nobody is back before 6 s or after 18 s."""
    delays = delays_s("official")

    assert 6.0 <= delays.min() <= delays.max() <= 18.0


@pytest.mark.parametrize(
    ("attempts", "low_s", "high_s"),
    [(0, 6.0, 12.0), (1, 6.9, 7.94), (2, 7.93, 9.13), (3, 9.12, 10.5), (4, 10.49, 12.08), (10, 24.2, 27.92)],
)
def test_official_poll_intervals_grow(attempts: int, low_s: float, high_s: float) -> None:
    """6 s, 15 % more an attempt, with the jitter of the client: the whole of the range, and nothing outside."""
    rng = random.Random(1)
    polls = [official_poll_s(attempts, rng) for _ in range(2_000)]

    assert low_s <= min(polls) <= low_s * 1.01
    assert high_s * 0.99 <= max(polls) <= high_s


def test_official_poll_intervals_are_capped() -> None:
    """From the tenth attempt on they grow no further."""
    polls = [official_poll_s(attempts, random.Random(1)) for attempts in (10, 11, 1_000)]

    expected = [polls[0]] * 3
    assert expected == polls


@pytest.mark.parametrize(
    ("attempts", "expected_s"), [(0, 3.0), (1, 3.466), (2, 5.493), (4, 8.047), (402, 29.995), (403, 30.0), (9999, 30.0)]
)
def test_chatwoot_poll_intervals(attempts: int, expected_s: float) -> None:
    """clamp(5 ln(n + 1), 3, 30) to the millisecond."""
    assert expected_s == chatwoot_poll_s(attempts)


def test_chatwoot_clients_come_back_as_a_herd() -> None:
    """After a mass drop everybody is back within 6 to 9.5 s."""
    delays = delays_s("chatwoot")

    assert delays.min() >= 6.0
    assert delays.max() <= 6.0 + 5 * math.log(2) + 0.001


@pytest.mark.parametrize(("name", "longest_poll_s"), [("official", 12.0), ("chatwoot", 3.0)])
def test_a_stale_socket_is_closed_at_the_next_poll(name: str, longest_poll_s: float) -> None:
    """An open socket is reopened at the poll after it became stale, half a second after closing it."""
    delays = delays_s(name, socket_closed=False)

    assert delays.min() >= 0.5
    assert delays.max() <= longest_poll_s + 0.5


@pytest.mark.parametrize("name", ["official", "chatwoot"])
def test_later_attempts_wait_a_poll_interval(name: str) -> None:
    """From the second attempt on the delay is the client's poll interval."""
    rng, again = random.Random(3), random.Random(3)
    expected = [official_poll_s(n, again) if name == "official" else chatwoot_poll_s(n) for n in range(1, 15)]

    assert expected == [reconnect_policy(name).delay_s(n, rng, socket_closed=True) for n in range(1, 15)]


@pytest.mark.parametrize(("name", "expected"), [("immediate", 0.0), ("none", None)])
def test_the_plain_policies_are_plain(name: str, expected: float | None) -> None:
    """At once, or never."""
    assert expected == reconnect_policy(name).delay_s(0, random.Random(0), socket_closed=True)


def test_no_policy_spins() -> None:
    """Attempts after the first are apart, even where nobody waits."""
    assert reconnect_policy("immediate").delay_s(1, random.Random(0), socket_closed=True) == IMMEDIATE_PAUSE_S > 0


@pytest.mark.parametrize(
    ("name", "again_s", "only_pings"),
    [("official", 0.5, False), ("chatwoot", None, True), ("immediate", None, False), ("none", None, False)],
)
def test_a_policy_is_a_client(name: str, again_s: float | None, only_pings: bool) -> None:
    """Today's client repeats its subscribe every 500 ms and hears any frame; 6.1.3 asks once and hears pings."""
    policy = reconnect_policy(name)

    assert (again_s, only_pings) == (policy.subscribe_again_s, policy.only_pings_count)


def test_the_same_seed_gives_the_same_delays() -> None:
    """A policy draws from nothing but the source it is given."""
    policy = reconnect_policy("official")
    first, second = ([policy.delay_s(0, random.Random(9), socket_closed=True) for _ in range(3)] for _ in range(2))

    assert first == second


def test_an_unknown_policy_is_refused_with_the_known_names() -> None:
    """The error names what could have been given."""
    with pytest.raises(UsageError, match="official, chatwoot, immediate, no-jitter, none"):
        reconnect_policy("eager")


def test_policies_are_found_under_their_names() -> None:
    """The command line's names are the policies' own."""
    assert list(RECONNECT_POLICIES) == [policy.name for policy in RECONNECT_POLICIES.values()]


def test_without_jitter_everybody_comes_back_at_once():
    """Whoever draws, the first attempt is 6 s after the loss, and later ones back off as the official client's."""
    policy = reconnect_policy("no-jitter")
    delays = {policy.delay_s(0, random.Random(seed), socket_closed=True) for seed in range(20)}

    assert delays == {6.0}
    assert policy.delay_s(1, random.Random(0), socket_closed=True) == pytest.approx(6.0 * 1.15)
    assert policy.delay_s(50, random.Random(0), socket_closed=True) == pytest.approx(6.0 * 1.15**10)
