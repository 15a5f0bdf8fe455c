"""The regression gate's verdict over all metrics."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from loadtest.analysis.compare import compare
from tests.analysis.runs import summary

SEED = 20261123


def arms(pairs=8, effect=0.0, noise=0.02, seed=SEED, **candidate):
    """Runs of two builds whose latencies vary by ``noise``; the candidate's are longer by ``effect``."""
    rng = np.random.default_rng(seed)

    def run(arm, n, factor, **more):
        p99, connect = factor * 40 * math.exp(rng.normal(0, noise)), 30 * math.exp(rng.normal(0, noise))
        p_a = 0.98 + rng.normal(0, 0.001)
        return summary(f"{arm}-{n}", p99=p99, connect=connect, p_a=p_a, **more)

    return (
        [run("base", n, 1.0) for n in range(pairs)],
        [run("cand", n, 1.0 + effect, **candidate) for n in range(pairs)],
    )


def test_equal_builds_pass():
    """Eight quiet pairs of the same build."""
    found = compare(*arms())

    assert ("PASS", 0, [], 8) == (found.result, found.exit_code, found.reasons, found.pairs)


def test_a_slower_build_fails_by_the_metric_that_is_slower():
    """30 % more latency to both roles; nothing else is blamed."""
    found = compare(*arms(effect=0.3))

    assert ("FAIL", 1) == (found.result, found.exit_code)
    assert ["agent", "contact"] == [reason.split(".")[3] for reason in found.reasons]
    assert all("against a margin of 5%" in reason for reason in found.reasons)


def test_a_faster_build_passes():
    """Better is good enough."""
    assert "PASS" == compare(*arms(effect=-0.3)).result


def test_noise_is_inconclusive_and_says_how_many_pairs_it_takes():
    """Five pairs on a loud machine decide nothing, and ask for more."""
    found = compare(*arms(pairs=5, noise=0.15))

    assert ("INCONCLUSIVE", 3) == (found.result, found.exit_code)
    assert found.more_pairs is not None
    assert found.more_pairs > 5


def test_a_lost_promille_fails_by_delivery():
    """About one delivery in a thousand is lost in every run of the candidate, none before."""
    base, _ = arms()
    rng = np.random.default_rng(SEED)
    lossy = [
        summary(f"c{n}", p99=run["fanout"]["message.created"]["agent"]["p99_ms"], lost=int(rng.poisson(20)))
        for n, run in enumerate(base)
    ]
    found = compare(base, lossy)
    (row,) = [row for row in found.rows if row.name == "delivery.lost"]

    assert ("FAIL", "FAIL") == (found.result, row.result)
    assert any(reason.startswith("delivery.lost") for reason in found.reasons)


def test_a_target_that_loses_as_much_as_before_passes():
    """Losses in both arms at the same rate are no regression."""
    rng = np.random.default_rng(SEED)
    base, cand = arms(pairs=10)
    for run in (*base, *cand):
        run["delivery"]["message.created"]["lost"] = int(rng.poisson(20))

    assert "PASS" == compare(base, cand).result


def test_one_leak_fails_at_once():
    """Whatever else holds; it is named with its run and event."""
    base, cand = arms(pairs=2)
    cand[1]["delivery"]["message.created"]["leaked"] = 1
    found = compare(base, cand)

    assert ("FAIL", "Leaked in cand-1: 1 of message.created.") == (found.result, found.reasons[0])


@pytest.mark.parametrize(("before", "result"), [({}, "FAIL"), ({"wrong_type": 4}, "PASS")])
def test_only_new_violations_of_the_contract_fail(before, result):
    """A kind that the baseline has, too, is no regression."""
    base, cand = arms()
    base[0]["contract"]["violations"] = before
    cand[0]["contract"]["violations"] = {"wrong_type": 2}

    assert result == compare(base, cand).result


def test_more_than_a_percent_lost_fails_the_percentile():
    """An infinite p99 of the candidate alone is no number to average, but a failure."""
    base, cand = arms()
    cand[0]["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = "inf"
    found = compare(base, cand)
    (row,) = [row for row in found.rows if row.name == 'fanout."message.created".agent.p99_incl_lost_ms']

    assert ("FAIL", "FAIL") == (found.result, row.result)


def test_invalid_runs_are_left_out_with_their_pair():
    """Their numbers are the generator's; the reader is told."""
    base, cand = arms()
    base[0]["verdict"]["result"] = "INVALID"
    found = compare(base, cand)

    assert (7, "1 of 16 runs are INVALID and left out: base-0.") == (found.pairs, found.warnings[0])


def test_nothing_valid_is_inconclusive():
    """When all pairs fell out, nothing passes."""
    base, cand = arms(pairs=2)
    for run in cand:
        run["verdict"]["result"] = "INVALID"

    assert ("INCONCLUSIVE", 0) == (compare(base, cand).result, compare(base, cand).pairs)


@pytest.mark.parametrize("pairs", [1, 2])
def test_few_pairs_never_pass_on_equal_numbers(pairs):
    """One pair, or pairs without any variance, show no noise."""
    runs = [summary(f"r{n}") for n in range(pairs)]

    assert "INCONCLUSIVE" == compare(runs, runs).result


def test_too_few_deliveries_do_not_bound_a_loss():
    """No loss in 400 deliveries says little: the metric asks for the number that would do."""
    base, cand = arms(expected=50)
    found = compare(base, cand)
    (row,) = [row for row in found.rows if row.name == "delivery.lost"]

    assert ("INCONCLUSIVE", True) == (row.result, "5,990 would do" in row.why)


def test_percentiles_without_enough_samples_decide_nothing():
    """None in place of a percentile is no pair."""
    base, cand = arms()
    for run in cand:
        run["fanout"]["message.created"]["contact"]["p99_incl_lost_ms"] = None

    assert "INCONCLUSIVE" == compare(base, cand).result


def test_holm_guards_against_many_primaries():
    """Equal builds on a loud machine hardly ever fail although seven metrics are looked at."""
    failed = sum(compare(*arms(noise=0.06, seed=seed)).result == "FAIL" for seed in range(100))

    assert failed <= 1


def test_runs_apart_are_compared_with_a_warning():
    """Different numbers of runs, not interleaved."""
    base, cand = arms(pairs=9, effect=0.5)
    found = compare(base[:5], cand, paired=False)

    assert ("FAIL", True) == (found.result, "not interleaved" in found.warnings[0])


@pytest.mark.parametrize("runs", [([], []), ([summary()], []), ([summary()], [summary(), summary()])])
def test_what_is_no_pair_is_refused(runs):
    """Empty or uneven arms are the caller's mistake."""
    with pytest.raises(ValueError, match="run"):
        compare(*runs)


def test_the_result_is_plain_json():
    """Infinite values are strings; nothing needs a special parser."""
    base, cand = arms()
    cand[0]["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = "inf"
    text = json.dumps(compare(base, cand).as_dict(), allow_nan=False)

    assert '"inf"' in text
