"""Paired comparison of a candidate with a baseline: the statistics of the regression gate.

The unit of replication is the run: no test inside one run can see what differs from run to run, however many
deliveries it has. Runs are paired in time (in the order A B, B A, A B ...), so that a drifting machine meets both arms
alike, and a pair gives one number: the logarithm of the ratio of the candidate's value to the baseline's, or the
difference of two shares.

The estimate is the mean over pairs, its interval Student's t at 90 %, two-sided. It is held against a margin: *FAIL*
when the whole interval is worse than the margin, *PASS* when the whole interval is better, else *INCONCLUSIVE*. This is
a test of non-inferiority (see Piaggio et al., JAMA 2012, for the terms): too little data can never pass, and a
difference that is significant but tiny can never fail. The exact sign-flip p-value (all 2^k ways to swap the arms
within pairs) stands beside it as a check that needs no normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from loadtest.analysis.model import Interval, Result
from loadtest.nouns import many

ALPHA = 0.05
"""One-sided error of each decision; the interval shown holds 1 - 2 ALPHA."""

POWER = 0.8
"""With this probability the pairs that are recommended decide."""

_EXACT_PAIRS = 16  # above it, 2^k swaps are drawn at random
_DRAWS = 65_536
_MOST_PAIRS = 10_000


@dataclass(frozen=True, slots=True)
class Paired:
    """What k pairs say of one metric.

    Attributes:
        k: pairs with a value in both arms.
        estimate: mean difference, in the unit of the differences (log-ratio, or share); None without a pair.
        interval: its 90 % interval; None with fewer than two pairs or without variance.
        sd: standard deviation of the differences over pairs; None with fewer than two pairs.
        p_worse: one-sided p-value of "not worse than the margin" (small: worse).
        p_sign_flip: one-sided exact p-value of "no difference"; None without a pair.
        margin: what the interval is held against.
        result: PASS, FAIL or INCONCLUSIVE.
        more_pairs: how many more pairs decide with 80 % power, where inconclusive and tellable.
        why: why it is inconclusive, in a sentence; empty otherwise.
    """

    k: int
    estimate: float | None
    interval: Interval | None
    sd: float | None
    p_worse: float | None
    p_sign_flip: float | None
    margin: float
    result: Result
    more_pairs: int | None = None
    why: str = ""


def judge_pairs(differences: ArrayLike, margin: float, *, alpha: float = ALPHA) -> Paired:
    """Judge one metric's differences, positive where the candidate is worse.

    Args:
        differences: one number a pair, shape (k,).
        margin: how much worse is still good enough, in the same unit; positive.
        alpha: one-sided error; the interval holds 1 - 2 alpha.

    Raises:
        ValueError: a difference is not finite, or the margin is not positive.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError("differences must be finite numbers, one a pair")
    if not margin > 0:
        raise ValueError(f"a margin must be positive: {margin}")
    k = len(d)
    mean = float(d.mean()) if k else None
    flips = sign_flip_p(d) if k else None
    if mean is None or k < 2:
        why = f"{many(k, 'pair')} cannot show how much runs differ by themselves"
        return Paired(k, mean, None, None, None, flips, margin, "INCONCLUSIVE", why=why)
    sd = float(d.std(ddof=1))
    if sd <= 1e-12 * max(1.0, abs(mean)):
        why = "all pairs gave the very same difference: that is no measurement of noise"
        return Paired(k, mean, None, sd, None, flips, margin, "INCONCLUSIVE", why=why)
    return _decide(k, mean, sd / math.sqrt(k), k - 1, sd, flips, margin, alpha)


def judge_unpaired(baseline: ArrayLike, candidate: ArrayLike, margin: float, *, alpha: float = ALPHA) -> Paired:
    """Judge two groups of runs that were not interleaved (Welch's t; what drifted in between counts as difference).

    Args:
        baseline: a number a run, greater is worse (logarithms for ratios), shape (n,).
        candidate: the same of the candidate, shape (m,).
        margin: how much worse is still good enough, in the same unit; positive.
        alpha: one-sided error.

    Returns:
        As :func:`judge_pairs`; ``k`` is the smaller group, ``sd`` that of a difference of two runs.
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (baseline, candidate))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("values must be finite numbers, one a run")
    k = min(len(a), len(b))
    mean = float(b.mean() - a.mean()) if k else None
    if mean is None or k < 2:
        why = f"{many(k, 'run')} of an arm cannot show how much runs differ by themselves"
        return Paired(k, mean, None, None, None, None, margin, "INCONCLUSIVE", why=why)
    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    error = float(np.sqrt(parts.sum()))
    if error <= 1e-12 * max(1.0, abs(mean)):
        why = "all runs of an arm gave the very same value: that is no measurement of noise"
        return Paired(k, mean, None, 0.0, None, None, margin, "INCONCLUSIVE", why=why)
    df = float(parts.sum() ** 2 / (parts**2 / np.array([len(a) - 1, len(b) - 1])).sum())
    return _decide(k, mean, error, df, error * math.sqrt(k), None, margin, alpha)


def _decide(
    k: int, mean: float, error: float, df: float, sd: float, flips: float | None, margin: float, alpha: float
) -> Paired:
    """Hold the interval of a mean against the margin."""
    half = float(stats.t.ppf(1 - alpha, df)) * error
    low, high = mean - half, mean + half
    p_worse = float(stats.t.sf((mean - margin) / error, df))
    result: Result = "FAIL" if low > margin else "PASS" if high < margin else "INCONCLUSIVE"
    more, why = None, ""
    if result == "INCONCLUSIVE":
        needed = pairs_needed(sd, abs(mean - margin), alpha=alpha)
        more = None if needed is None else max(1, needed - k)
        why = "the interval holds the margin" + (
            "" if more is not None else ", and so close to it no number of pairs decides"
        )
    return Paired(k, mean, (low, high), sd, p_worse, flips, margin, result, more, why)


def judge_events(
    baseline: Sequence[bool], candidate: Sequence[bool], margin: float, *, paired: bool = True, alpha: float = ALPHA
) -> Paired:
    """Judge something that a run has or has not, such as an infinite percentile: no number to take the mean of.

    Paired, by the sign test over the pairs in which one run alone has it (McNemar, 1947, in its exact form); of two
    groups, by Fisher's exact test (1922). There is no PASS here: what is worse and not for certain is INCONCLUSIVE.

    Args:
        baseline: of each run of the baseline, whether it has it.
        candidate: the same of the candidate.
        margin: of the metric, to be told.
        paired: whether the n-th runs are a pair.
        alpha: one-sided error.

    Returns:
        As :func:`judge_pairs`, without an estimate; ``p_worse`` is that of "no more often than before".
    """
    if paired:
        worse = sum(y and not x for x, y in zip(baseline, candidate, strict=True))
        better = sum(x and not y for x, y in zip(baseline, candidate, strict=True))
        p = float(stats.binom.sf(worse - 1, worse + better, 0.5))
    else:
        table = [[sum(arm), len(arm) - sum(arm)] for arm in (candidate, baseline)]
        p = float(stats.fisher_exact(table, alternative="greater")[1])
    result: Result = "FAIL" if p <= alpha else "INCONCLUSIVE"
    why = "" if result == "FAIL" else f"that may be chance (p {p:.2g})"
    return Paired(min(len(baseline), len(candidate)), None, None, None, p, None, margin, result, why=why)


def sign_flip_p(differences: ArrayLike, *, seed: int = 0) -> float:
    """The one-sided sign-flip p-value of "the arms do not differ": how many swaps give a mean at least as large.

    Exact up to 16 pairs; above, of random swaps, with the observed one among them (Phipson and Smyth, 2010: a p-value
    by permutation is never 0).

    Args:
        differences: one number a pair, shape (k,), k >= 1.
        seed: of the random swaps.
    """
    d = np.asarray(differences, dtype=np.float64)
    observed = d.sum()
    slack = 1e-12 * max(1.0, float(np.abs(d).sum()))
    if len(d) <= _EXACT_PAIRS:
        return float(((_all_signs(len(d)) @ d) >= observed - slack).mean())
    draws = np.random.default_rng(seed).choice((1.0, -1.0), size=(_DRAWS, len(d)))
    return float((((draws @ d) >= observed - slack).sum() + 1) / (_DRAWS + 1))


@lru_cache(maxsize=4)
def _all_signs(k: int) -> NDArray[np.float64]:
    """All ways to swap the arms within k pairs; shape (2^k, k)."""
    return np.array(list(product((1.0, -1.0), repeat=k)))


def pairs_needed(sd: float, distance: float, *, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """The pairs that tell a mean this far from the margin, by the noncentral t distribution.

    Args:
        sd: standard deviation of the differences over pairs.
        distance: how far the true mean is from the margin, in the same unit.
        alpha: one-sided error.
        power: probability to decide.

    Returns:
        The number of pairs, or None when ten thousand are not enough.
    """
    if distance <= 0:
        return None

    def decides(k: int) -> bool:
        critical = stats.t.ppf(1 - alpha, k - 1)
        return bool(stats.nct.sf(critical, k - 1, distance / sd * math.sqrt(k)) >= power)

    if sd <= 0 or decides(2):
        return 2
    low, high = 2, 4
    while not decides(high):
        low, high = high, 2 * high
        if low >= _MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def detectable(sd: float, pairs: int, margin: float = 0.0, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest difference that ``pairs`` pairs fail with the given power: what a machine of this noise can see.

    Args:
        sd: standard deviation of the differences over pairs, as A/A pairs show it.
        pairs: how many pairs, at least 2.
        margin: of the gate.
        alpha: one-sided error.
        power: probability to fail it.
    """
    if pairs < 2:
        raise ValueError(f"at least 2 pairs: {pairs}")
    critical = stats.t.ppf(1 - alpha, pairs - 1)
    low, high = 0.0, 1.0
    while stats.nct.sf(critical, pairs - 1, high * math.sqrt(pairs)) < power:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if stats.nct.sf(critical, pairs - 1, middle * math.sqrt(pairs)) < power:
            low = middle
        else:
            high = middle
    return margin + sd * high


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment: each name's p-value against all that are tested together.

    Args:
        p_values: by name.

    Returns:
        The adjusted p-values, by name; at most 1, and in the order of the raw ones.
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        adjusted[name] = largest
    return adjusted


def benjamini_hochberg(p_values: Mapping[str, float]) -> dict[str, float]:
    """Benjamini and Hochberg's adjustment (1995): the share of false findings among all up to each name's p-value.

    Args:
        p_values: by name.

    Returns:
        The q-values, by name.
    """
    if not p_values:
        return {}
    found = stats.false_discovery_control(list(p_values.values()))
    return dict(zip(p_values, map(float, found), strict=True))


def log_ratios(baseline: Sequence[float], candidate: Sequence[float]) -> NDArray[np.float64]:
    """Log-ratios of pairs of positive numbers; shape (k,)."""
    return np.log(np.asarray(candidate, dtype=np.float64) / np.asarray(baseline, dtype=np.float64))


def rate_upper_bound(events: int, trials: int, *, alpha: float = ALPHA) -> float:
    """The one-sided upper bound of a share (Clopper and Pearson, 1934); about 3 / trials where nothing happened.

    Args:
        events: how often it happened.
        trials: out of how many; at least 1.
        alpha: one-sided error.
    """
    if events >= trials:
        return 1.0
    return float(stats.beta.ppf(1 - alpha, events + 1, trials - events))
