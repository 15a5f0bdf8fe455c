"""Decisions: pure, reproducible, at the rates asked for, and independent of each other."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.refserver.faults.grammar import parse_faults
from loadtest.refserver.faults.plan import FaultPlan

#: BLAKE2b of "7\0loss\0message.created\001000000\0agent:1", 8 bytes: 0x0876c6ca1b64a011
PINNED = 0x0876C6CA1B64A011 / 2**64

NAMES = st.lists(st.text(max_size=8) | st.integers(0, 1000), min_size=1, max_size=4)


def plan(text: str = "loss=10%,dup=10%", seed: int = 0) -> FaultPlan:
    return FaultPlan(parse_faults(text), seed)


@given(NAMES, st.integers(0, 10))
def test_a_decision_is_a_function_of_its_names(names: list[object], seed: int) -> None:
    """Two plans with one seed agree whatever they were asked before."""
    first, second = plan(seed=seed), plan("dup=10%,loss=3%,delay=1s", seed=seed)
    second.uniform("loss", "something else")
    uniform = first.uniform("loss", *names)

    assert 0 <= uniform < 1
    assert uniform == second.uniform("loss", *names)


def test_the_order_of_arrival_changes_nothing() -> None:
    """The same deliveries in any order meet the same faults."""
    cells = [(f"0000{n:04x}", f"agent:{m}") for n in range(50) for m in range(20)]
    shuffled = random.Random(5).sample(cells, len(cells))
    (loss,) = parse_faults("loss=10%")
    asked, again = FaultPlan([loss], 3), FaultPlan([loss], 3)
    first = {cell for cell in cells if asked.happens(loss, "message.created", *cell)}

    assert first == {cell for cell in shuffled if again.happens(loss, "message.created", *cell)}


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5])
def test_rates_are_kept(share: float) -> None:
    """Of 50,000 decisions the share asked for happens, within 5 standard deviations of the binomial law."""
    (loss,) = parse_faults(f"loss={share}")
    asked, n = FaultPlan([loss], 1), 50_000
    happened = sum(asked.happens(loss, "message.created", f"{k:08d}", "agent:1") for k in range(n))

    assert abs(happened - n * share) <= 5 * math.sqrt(n * share * (1 - share))


def test_kinds_seeds_and_receivers_decide_independently() -> None:
    """What is lost says nothing of what is doubled, of another seed, or of another receiver."""
    n, share = 20_000, 0.1
    loss, dup = parse_faults("loss=10%,dup=10%")
    one, other = FaultPlan([loss, dup], 1), FaultPlan([loss, dup], 2)
    lost = {k for k in range(n) if one.happens(loss, "e", k, "agent:1")}
    rivals = (
        {k for k in range(n) if one.happens(dup, "e", k, "agent:1")},
        {k for k in range(n) if other.happens(loss, "e", k, "agent:1")},
        {k for k in range(n) if one.happens(loss, "e", k, "agent:2")},
        {k for k in range(n) if one.happens(loss, "f", k, "agent:1")},
    )
    bound = 5 * math.sqrt(n * share**2 * (1 - share**2))

    assert [abs(len(lost & rival) - n * share**2) <= bound for rival in rivals] == [True] * 4


def test_nothing_and_everything_are_exact() -> None:
    """A share of 0 never happens, one of 1 always does."""
    never, always = parse_faults("loss=0%,dup=100%")
    asked = FaultPlan([never, always], 0)

    assert not any(asked.happens(never, k) for k in range(1000))
    assert all(asked.happens(always, k) for k in range(1000))


def test_the_first_term_that_fits_decides() -> None:
    """Event, role and time choose among the terms of a kind."""
    asked = plan("loss[message.created,contact]=1%,loss[contact]=2%@10s..20s,loss[agent]=3%")
    texts = [
        term.text if (term := asked.deciding("loss", role, at_s, event)) else None
        for event, role, at_s in (
            ("message.created", "contact", 15.0),
            ("message.updated", "contact", 15.0),
            ("message.updated", "contact", 5.0),
            ("message.updated", "agent", 5.0),
            ("presence.update", "agent", 5.0),
        )
    ]

    assert [
        "loss[message.created,contact]=1%",
        "loss[contact]=2%@10s..20s",
        None,
        "loss[agent]=3%",
        None,
    ] == texts


def test_stalls_that_overlap_end_with_the_last() -> None:
    """Of several stalls at once the longest counts."""
    asked = plan("stall=5s@10s,stall=9s@12s,stall[contact]=60s@12s")

    assert (15.0, 21.0, 72.0, None) == (
        asked.stall_end_s("stall", "agent", 11.0, "message.created"),
        asked.stall_end_s("stall", "agent", 13.0, "message.created"),
        asked.stall_end_s("stall", "contact", 13.0, "message.created"),
        asked.stall_end_s("stall", "agent", 30.0, "message.created"),
    )


def test_a_seeds_decisions_stay_what_they_are() -> None:
    """The hash is part of what a recorded seed means: another version must not decide otherwise."""
    assert plan(seed=7).uniform("loss", "message.created", "01000000", "agent:1") == pytest.approx(PINNED, abs=1e-15)
