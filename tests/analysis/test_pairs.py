"""Paired comparison: the rule, its error rates by simulation, and what it says when it cannot tell."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loadtest.analysis.pairs import (
    benjamini_hochberg,
    detectable,
    holm,
    judge_events,
    judge_pairs,
    judge_unpaired,
    log_ratios,
    pairs_needed,
    rate_upper_bound,
    sign_flip_p,
)

MARGIN = math.log(1.05)
SEED = 20261123


def shared_machine(rng, pairs, effect, repeats):
    """Log-ratios of runs on a shared machine: 4 % from run to run, a drift of 2 % from run to run, in ABBA order."""
    runs = 2 * pairs
    noise = rng.normal(0, 0.04, (repeats, runs)) + rng.normal(0, 0.02, (repeats, runs)).cumsum(axis=1)
    order = np.array([0, 1, 1, 0] * pairs)[:runs]
    values = noise + np.where(order == 1, math.log(1 + effect), 0.0)
    first, second = values[:, 0::2], values[:, 1::2]
    swapped = order[0::2] == 1
    return np.where(swapped, first - second, second - first)


def results(rng, pairs, effect, repeats=1000):
    """How often each result came, as shares."""
    found = [judge_pairs(d, MARGIN).result for d in shared_machine(rng, pairs, effect, repeats)]
    return {result: found.count(result) / repeats for result in ("PASS", "FAIL", "INCONCLUSIVE")}


def test_equal_builds_hardly_ever_fail():
    """On a shared machine, at most 1 % of comparisons of a build with itself end FAIL, with 5 and with 8 pairs."""
    rng = np.random.default_rng(SEED)
    shares = [results(rng, pairs, 0.0)["FAIL"] for pairs in (5, 8)]

    assert max(shares) <= 0.01, (SEED, shares)


def test_a_large_regression_is_found():
    """A build that is 20 % slower fails 8 pairs with a 5 % margin in at least 90 % of comparisons, and never passes."""
    shares = results(np.random.default_rng(SEED), 8, 0.20)

    assert shares["FAIL"] >= 0.90, (SEED, shares)
    assert shares["PASS"] <= 0.001, (SEED, shares)


def test_a_regression_of_the_margin_fails_at_the_stated_rate():
    """Right at the margin, where the error is largest, no more than the stated 5 % fail or pass (with their noise)."""
    rng = np.random.default_rng(SEED)
    found = [judge_pairs(rng.normal(MARGIN, 0.05, 8), MARGIN).result for _ in range(1000)]
    slack = 3 * math.sqrt(0.05 * 0.95 / 1000)

    assert found.count("FAIL") / 1000 <= 0.05 + slack, SEED
    assert found.count("PASS") / 1000 <= 0.05 + slack, SEED


def test_the_interval_is_students():
    """Mean, interval and p-value are those of scipy's one-sample t-test."""
    d = np.array([0.02, 0.05, -0.01, 0.03, 0.04])
    found = judge_pairs(d, MARGIN)
    oracle = stats.ttest_1samp(d, MARGIN, alternative="greater")
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.90)

    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.p_worse == pytest.approx(oracle.pvalue)


def test_runs_that_were_not_interleaved_are_compared_by_welch():
    """Two groups: mean difference, interval and p-value are those of scipy's Welch test; no sign can be flipped."""
    rng = np.random.default_rng(SEED)
    a, b = rng.normal(0, 0.02, 6), rng.normal(0.2, 0.06, 9)
    found = judge_unpaired(a, b, MARGIN)
    oracle = stats.ttest_ind(b, a, equal_var=False, alternative="greater")
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.90)
    against_margin = stats.ttest_ind(b - MARGIN, a, equal_var=False, alternative="greater")

    assert oracle.pvalue < against_margin.pvalue == pytest.approx(found.p_worse)
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert ("FAIL", None) == (found.result, found.p_sign_flip)


@pytest.mark.parametrize("arms", [([0.1], [0.2, 0.3]), ([], []), ([0.1, 0.1], [0.2, 0.2])])
def test_too_few_or_equal_runs_decide_nothing(arms):
    """One run of an arm, none, or no variance: inconclusive with the reason."""
    found = judge_unpaired(*arms, MARGIN)

    assert ("INCONCLUSIVE", True) == (found.result, bool(found.why))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_sign_flips_are_all_counted(differences):
    """The exact p-value is the share of all swaps whose sum is at least the observed one."""
    sums = [sum(swap) for swap in product(*((d, -d) for d in differences))]
    expected = sum(value >= sum(differences) for value in sums) / len(sums)

    assert sign_flip_p(differences) == pytest.approx(expected)


def test_many_pairs_are_flipped_at_random_and_never_give_zero():
    """Above 16 pairs swaps are drawn; the observed one counts, so p is never 0."""
    p = sign_flip_p([0.1] * 40)

    assert 0 < p < 1e-3


@pytest.mark.parametrize(
    ("differences", "why"),
    [
        ([], "0 pairs"),
        ([0.5], "1 pair "),
        ([0.0, 0.0, 0.0], "very same difference"),
        ([0.2, 0.2], "very same difference"),
    ],
    ids=["none", "one", "zeros", "equal"],
)
def test_what_cannot_show_its_noise_decides_nothing(differences, why):
    """No pair, one pair, no variance: inconclusive with the reason, never PASS."""
    found = judge_pairs(differences, MARGIN)

    assert ("INCONCLUSIVE", True) == (found.result, why in found.why)


def test_inconclusive_says_how_many_more_pairs_it_takes():
    """Four noisy pairs without a difference: the recommendation is what unchanged builds need to pass."""
    found = judge_pairs([0.05, -0.06, 0.03, -0.02], MARGIN)
    assert found.sd is not None
    assert found.estimate is not None
    needed = pairs_needed(found.sd, MARGIN - found.estimate)
    assert needed is not None

    assert ("INCONCLUSIVE", needed - 4) == (found.result, found.more_pairs)


@pytest.mark.parametrize("bad", [[math.nan, 0.1], [math.inf, 0.1]], ids=["nan", "inf"])
def test_what_is_no_number_is_refused(bad):
    """The caller must say what an infinite or missing value means; it is never averaged."""
    with pytest.raises(ValueError, match="finite"):
        judge_pairs(bad, MARGIN)


@pytest.mark.parametrize(
    ("sd", "distance", "pairs"),
    [
        (0.02, math.log(1.05), 3),
        (0.04, math.log(1.05), 6),
        (0.06, math.log(1.05), 11),
        (0.10, math.log(1.05), 28),
        (0.04, math.log(1.20 / 1.05), 3),
        (0.06, math.log(1.10 / 1.05), 12),
    ],
)
def test_needed_pairs_are_those_of_the_literature(sd, distance, pairs):
    """Exact sample sizes of the one-sided one-sample t-test at 5 % and 80 %."""
    assert pairs == pairs_needed(sd, distance)


def test_no_number_of_pairs_tells_what_is_at_the_margin():
    """A mean right at the margin is decided by no number of pairs."""
    assert (None, None) == (pairs_needed(0.05, 0.0), pairs_needed(0.05, 1e-9))


@given(st.floats(0.005, 0.3), st.integers(2, 40))
def test_what_is_detectable_needs_that_many_pairs(sd, pairs):
    """The two questions are inverses: the smallest difference that k pairs see takes k pairs."""
    smallest = detectable(sd, pairs)
    needed = pairs_needed(sd, smallest * (1 + 1e-6))

    assert needed is not None
    assert needed <= pairs


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_never_below_the_raw_value_and_keeps_the_order(p_values):
    """Adjusted values are at least the raw ones, at most Bonferroni's, and in the same order."""
    adjusted = holm(p_values)
    order = sorted(p_values, key=lambda name: p_values[name])

    assert all(p_values[n] <= adjusted[n] <= min(1.0, len(p_values) * p_values[n]) + 1e-12 for n in p_values)
    assert [adjusted[n] for n in order] == sorted(adjusted.values())


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_false_discoveries_are_between_raw_and_holm(p_values):
    """Benjamini and Hochberg's values are at least the raw ones and at most Holm's; nothing gives nothing."""
    found = benjamini_hochberg(p_values)
    strict = holm(p_values)

    assert all(p_values[n] - 1e-12 <= found[n] <= strict[n] + 1e-12 for n in p_values)
    assert {} == benjamini_hochberg({})


def test_half_the_error_makes_a_wider_interval():
    """Of a first look of two."""
    d = [0.02, 0.05, -0.01, 0.03, 0.04]
    one, two = judge_pairs(d, MARGIN).interval, judge_pairs(d, MARGIN, alpha=0.025).interval

    assert two == pytest.approx(tuple(stats.ttest_1samp(d, 0).confidence_interval(0.95)))
    assert two[0] < one[0] < one[1] < two[1]


def test_log_ratios_are_positive_where_the_candidate_is_slower():
    """130 ms against 100 ms is +26 % in logarithms."""
    assert [math.log(1.3)] == pytest.approx(log_ratios([100], [130]).tolist())


def test_nothing_lost_bounds_the_share_by_three_out_of_n():
    """Clopper and Pearson's bound for no event in 10,000 is about 3 / 10,000, and 1 when everything was lost."""
    assert (pytest.approx(3e-4, rel=0.01), 1.0) == (rate_upper_bound(0, 10_000), rate_upper_bound(5, 5))


@pytest.mark.parametrize(
    ("worse", "better", "pairs", "p", "result"),
    [
        (1, 0, 8, 0.5, "INCONCLUSIVE"),
        (5, 0, 5, 1 / 32, "FAIL"),
        (5, 1, 8, 7 / 64, "INCONCLUSIVE"),
        (8, 0, 8, 1 / 256, "FAIL"),
    ],
)
def test_events_of_pairs_are_judged_by_the_sign_test(worse, better, pairs, p, result):
    """Only pairs in which one run alone has it tell anything."""
    candidate = [True] * worse + [False] * (pairs - worse)
    baseline = [False] * (pairs - better) + [True] * better
    found = judge_events(baseline, candidate, MARGIN)

    assert (pytest.approx(p), result, None) == (found.p_worse, found.result, found.interval)


def test_events_of_two_groups_are_judged_by_fishers_test():
    """4 of 4 against 0 of 4: one of the 70 ways to deal them out."""
    found = judge_events([False] * 4, [True] * 4, MARGIN, paired=False)

    assert (pytest.approx(1 / 70), "FAIL") == (found.p_worse, found.result)
