"""What pairs of a build with itself say of a machine, and that a gate with those margins keeps its word."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from loadtest.analysis.comparable import Margins
from loadtest.analysis.compare import compare
from loadtest.analysis.noise import PAIRS, noise
from tests.analysis.runs import summary

SEED = 20261123
AGENT = 'fanout."message.created".agent.p99_incl_lost_ms'


def pairs(rng: np.random.Generator, count: int, sd: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Runs of one build, whose latencies vary by ``sd`` from run to run."""

    def run(name: str) -> dict[str, Any]:
        p99, connect = 40 * math.exp(rng.normal(0, sd)), 30 * math.exp(rng.normal(0, sd))
        return summary(name, p99=p99, connect=connect, p_a=float(0.98 + rng.normal(0, 0.0005)))

    return [run(f"a{n}") for n in range(count)], [run(f"b{n}") for n in range(count)]


def test_the_spread_is_that_of_the_pairs() -> None:
    """Standard deviation of the log-ratios, and an upper bound above it."""
    found = noise(*pairs(np.random.default_rng(SEED), 200, 0.03))
    metric = next(one for one in found.metrics if one.name == AGENT)

    assert metric.sd == pytest.approx(0.03 * math.sqrt(2), rel=0.15)
    assert metric.sd < metric.sd_upper < 1.1 * metric.sd


def test_a_quiet_machine_keeps_the_default_margins_with_few_pairs() -> None:
    """Nothing is widened, and fewer than the most pairs are named."""
    found = noise(*pairs(np.random.default_rng(SEED), 8, 0.004))

    assert (0.05, 0.1) == (found.margins[AGENT], found.margins["cable.connect_p99_ms"])
    assert found.pairs < 8


def test_a_loud_machine_gets_wider_margins() -> None:
    """At the most pairs; what nothing ever went wrong in keeps its own."""
    found = noise(*pairs(np.random.default_rng(SEED), 8, 0.06), most_pairs=8)

    assert (8, True) == (found.pairs, found.margins[AGENT] > 0.1)
    assert Margins().lost == found.margins["delivery.lost"]


def test_more_pairs_see_more() -> None:
    """Both the margin that an unchanged build passes and the regression that is seen shrink."""
    found = noise(*pairs(np.random.default_rng(SEED), 8, 0.04))
    sights = found.metrics[0].sights

    assert [one.pairs for one in sights] == list(PAIRS)
    assert [one.sees for one in sights] == sorted((one.sees for one in sights), reverse=True)
    assert [one.passes for one in sights] == sorted((one.passes for one in sights), reverse=True)


def test_few_trials_widen_the_margin_of_a_share() -> None:
    """No loss in 8 times 400 deliveries bounds it by no less than 3 in 3,200."""
    first = [summary(f"a{n}", expected=400, p99=40.0 + n) for n in range(8)]
    second = [summary(f"b{n}", expected=400, p99=41.0 - n / 2) for n in range(8)]
    found = noise(first, second)

    assert found.margins["delivery.lost"] == pytest.approx(3 / 3200, rel=0.1)


def test_what_has_no_variance_is_unknown() -> None:
    """Equal numbers in all pairs are no measurement of noise."""
    first, second = pairs(np.random.default_rng(SEED), 5, 0.02)
    for run in (*first, *second):
        run["cable"]["connect_p99_ms"] = None
    found = noise(first, second)

    assert {"cable.connect_p99_ms": "not measured in any run"} == dict(found.unknown)
    assert () == found.undecided


def test_runs_too_short_for_a_percentile_leave_the_gate_undecided() -> None:
    """A gate of such runs never passes, so what holds it open is named."""
    first, second = pairs(np.random.default_rng(SEED), 5, 0.02)
    for run in (*first, *second):
        run["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = None
    found = noise(first, second)

    assert (AGENT,) == found.undecided
    assert "too few emissions" in found.unknown[AGENT]
    assert "INCONCLUSIVE" == compare(first, second).result


@pytest.mark.parametrize("most", [0, 1, 7, 99])
def test_numbers_of_pairs_that_were_not_looked_at_are_refused(most: int) -> None:
    """Named with those that were."""
    with pytest.raises(ValueError, match="none of 3, 4"):
        noise(*pairs(np.random.default_rng(SEED), 5, 0.02), most_pairs=most)


def test_an_unchanged_build_passes_as_often_as_promised() -> None:
    """Eight A/A pairs name pairs and margins; with them at least 15 of 20 comparisons end PASS, and none FAIL.

    Over 30 machines of the same noise and 20 comparisons each; the promise is one of 80 %.
    """
    rng = np.random.default_rng(SEED)
    results = []
    for _ in range(30):
        found = noise(*pairs(rng, 8, 0.04))
        margins = Margins(named=found.margins)
        results += [compare(*pairs(rng, found.pairs, 0.04), margins).result for _ in range(20)]

    assert results.count("PASS") / len(results) >= 0.8, SEED
    assert results.count("FAIL") / len(results) <= 0.01, SEED


def test_the_regression_that_is_said_to_be_seen_is_seen() -> None:
    """As often as promised, at the margin to use: 4 times out of 5, by that metric alone."""
    rng = np.random.default_rng(SEED)
    found = noise(*pairs(rng, 200, 0.04))
    metric = next(one for one in found.metrics if one.name == AGENT)
    seen = metric.sight(8).sees
    failed = 0
    for _ in range(200):
        baseline, candidate = pairs(rng, 8, 0.04)
        for run in candidate:
            run["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] *= 1 + seen
        (row,) = [one for one in compare(baseline, candidate, Margins(named=found.margins)).rows if one.name == AGENT]
        assert row.p_worse is not None
        failed += row.p_worse < 0.05

    assert failed / 200 >= 0.75, SEED
