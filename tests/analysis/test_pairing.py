"""Which runs belong together, by the time at which they began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.pairing import arms
from tests.analysis.runs import summary

START = datetime(2026, 1, 1, tzinfo=UTC)


def made(order: str, seeds: str = "") -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Runs of two arms in this order, such as ``ABBA``."""
    found: dict[str, list[dict[str, Any]]] = {"A": [], "B": []}
    for n, arm in enumerate(order):
        run = summary(f"{arm}{n}")
        run["run"]["started_at"] = (START + timedelta(minutes=n)).isoformat()
        run["run"]["seed"] = seeds[n] if seeds else 0
        found[arm].append(run)
    return found["A"], found["B"]


def names(runs: list[Any]) -> list[str]:
    """Their names."""
    return [run["run"]["id"] for run in runs]


@given(st.lists(st.sampled_from(["AB", "BA"]), min_size=1, max_size=6), st.randoms())
def test_interleaved_runs_are_paired_in_whatever_order_they_are_named(pairs: list[str], random: Any) -> None:
    """Two and two in time, one of each arm; folders may be listed as a shell lists them."""
    baseline, candidate = made("".join(pairs))
    shuffled = random.sample(baseline, len(baseline)), random.sample(candidate, len(candidate))
    found = arms(*shuffled)

    assert (True, names(baseline), names(candidate)) == (found.paired, names(found.baseline), names(found.candidate))


def test_groups_are_not_paired() -> None:
    """One group after the other, uneven groups, or two of one arm in a row."""
    assert [False] * 3 == [arms(*made(order)).paired for order in ("AABB", "ABB", "ABBBAA")]


def test_whoever_says_so_is_not_paired() -> None:
    """Even interleaved."""
    assert not arms(*made("ABBA"), unpaired=True).paired


def test_runs_that_do_not_say_when_they_began_are_not_paired() -> None:
    """No time, no order."""
    baseline, candidate = made("ABBA")
    baseline[0]["run"]["started_at"] = None

    assert not arms(baseline, candidate).paired


def test_taking_turns_needs_no_warning() -> None:
    """As `ab` makes them."""
    assert () == arms(*made("ABBAAB")).warnings


def test_always_the_same_arm_first_is_told() -> None:
    """A steady drift would count."""
    assert "began with the same arm" in arms(*made("ABAB")).warnings[0]


def test_pairs_of_different_plans_are_told() -> None:
    """A seed apart."""
    assert arms(*made("ABBA", "0012")).warnings[0].startswith("1 of 2 pairs had different seeds")
