"""Arrivals are pure functions of an index and a seed."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.plan import Pacer, stratified_phase, uniform


@given(st.floats(0.01, 1e4), st.integers(0, 2**32), st.integers(0, 10_000))
def test_every_slot_holds_exactly_one_arrival(rate, seed, n):
    """The n-th arrival falls into the n-th slot of 1/rate seconds, so the offered load is exact."""
    due_s = Pacer(rate, seed).due_s(n)

    assert n / rate <= due_s < (n + 1) / rate * (1 + 1e-12)


@given(st.integers(1, 7))
def test_shares_of_the_plan_are_disjoint_and_complete(shares):
    """The workers' shares together are the whole fleet's plan, whatever their number."""
    whole = [due for _, due in itertools.islice(Pacer(10.0, 3), 70)]
    dealt = [Pacer(10.0, 3, share, shares).due_s(n) for share in range(shares) for n in range(70)]

    assert sorted(dealt)[:70] == whole


def test_rate_zero_never_has_an_arrival():
    """Nothing is ever due at rate 0."""
    pacer = Pacer(0.0)

    assert (list(pacer), pacer.due_s(0)) == ([], math.inf)


@pytest.mark.parametrize("count", [2, 10, 100, 1000])
def test_first_phases_are_spread_evenly(count):
    """No gap between neighbouring phases is more than three times the even one (three-distance theorem)."""
    phases = sorted(stratified_phase(i) for i in range(count))
    gaps = [b - a for a, b in itertools.pairwise([*phases, phases[0] + 1.0])]

    assert max(gaps) <= 3 / count


def test_uniform_numbers_are_uniform():
    """A Kolmogorov-Smirnov distance of 20,000 draws stays below the 0.1 % critical value."""
    draws = sorted(uniform(1, "x", i) for i in range(20_000))
    distance = max(abs(draw - (i + 0.5) / len(draws)) for i, draw in enumerate(draws))

    assert distance < 1.95 / math.sqrt(len(draws))
