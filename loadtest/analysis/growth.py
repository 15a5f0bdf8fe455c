"""Does a level grow, and faster than it may? One series of readings against a budget of growth.

A test of "is there a trend" is the wrong question for a soak: memory and latency remember their past, so plain trend
tests (Mann-Kendall and its kin) flag half of all flat runs, and every run that warms up (Machida et al. 2013, "On the
effectiveness of Mann-Kendall test for detection of software aging"). The question here is whether growth exceeds a
budget, and whether it goes on:

1. drop the warm-up (a quarter of the hold unless told otherwise);
2. cut the rest into 20 blocks and take each one's median, which garbage collection and outliers hardly move;
3. FAIL when the interval of the Theil-Sen slope lies above the budget **and** the last half alone grew by at least
   half of it; PASS when the interval lies below the budget, or when growth above it has certainly ended; else
   INCONCLUSIVE, with the hours that would decide.

A load with a day's shape is compared phase by phase with the days before instead (:func:`measure_phases`).
False-alarm rate and power on white, autocorrelated, sawtooth and warm-up-then-flat series are measured in
``tests/analysis/test_growth.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.model import Interval, Result
from loadtest.analysis.theil_sen import Floats, Slopes, seasonal_slopes, slopes

BLOCKS = 20
LEAST_BLOCKS = 12
"""Fewer blocks with a reading in them give no estimate."""

PHASES = 24
"""Phases of a period, each compared with itself one period later."""

WARM_UP_SHARE = 0.25
CONFIDENCE = 0.95
_POWER = 1.5
_LEAST_GAP = 0.25
_LEAST_HALF = 5
_S_PER_H = 3600.0


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast a level grows.

    Attributes:
        per_hour: growth an hour; None where there is no estimate.
        interval: its 95 % interval.
        recent_per_hour: growth an hour in the last half (of a load with a period: from the last period but one on).
        recent_interval: its 95 % interval.
        start: the level at the beginning of what was fitted.
        level: the level at its end.
        hours: length of what was fitted.
        warm_up_hours: what was dropped before.
        readings: readings behind it.
        at_h: middle of each block in hours since the run's start, shape (blocks,).
        medians: each block's median, shape (blocks,).
        note: why there is no estimate, a sentence; empty where there is one.
        needs_hours: a whole hold long enough for an estimate; None where there is one, or length is not the trouble.
    """

    per_hour: float | None = None
    interval: Interval | None = None
    recent_per_hour: float | None = None
    recent_interval: Interval | None = None
    start: float | None = None
    level: float | None = None
    hours: float = 0.0
    warm_up_hours: float = 0.0
    readings: int = 0
    at_h: Floats = field(default_factory=lambda: np.zeros(0))
    medians: Floats = field(default_factory=lambda: np.zeros(0))
    note: str = ""
    needs_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a growth comes to under its budget.

    Attributes:
        result: PASS, FAIL or INCONCLUSIVE.
        needed_hours: length of a hold that would decide; None where it is decided, or no length is known to.
        note: why, a sentence; empty for a plain PASS.
    """

    result: Result
    needed_hours: float | None = None
    note: str = ""


def block_medians(at: Floats, values: Floats, begin: float, end: float, blocks: int = BLOCKS) -> tuple[Floats, Floats]:
    """Medians of equal stretches of time; a stretch without a reading is left out.

    Args:
        at: when each reading was taken, shape (readings,).
        values: the readings, shape (readings,).
        begin: start of the first stretch.
        end: end of the last one.
        blocks: how many stretches.

    Returns:
        Middle and median of each stretch that has a reading.
    """
    width = (end - begin) / blocks
    inside = (at >= begin) & (at <= end)
    place = np.minimum(((at[inside] - begin) / width).astype(np.int64), blocks - 1)
    told = values[inside]
    there = np.unique(place)
    medians = np.array([np.median(told[place == block]) for block in there], dtype=np.float64)
    return begin + (there + 0.5) * width, medians


def measure(at_s: Floats, values: Floats, begin_s: float, end_s: float, warm_up_s: float | None = None) -> Growth:
    """The growth of a level at constant load.

    Args:
        at_s: when each reading was taken, seconds since the run's start, shape (readings,).
        values: the readings, shape (readings,); NaN is no reading.
        begin_s: start of the hold.
        end_s: its end.
        warm_up_s: what to drop of it; None for a quarter.
    """
    at_s, values, from_s = _kept(at_s, values, begin_s, end_s, warm_up_s)
    base = Growth(
        hours=max(end_s - from_s, 0.0) / _S_PER_H,
        warm_up_hours=(from_s - begin_s) / _S_PER_H,
        readings=at_s.size,
    )
    if from_s >= end_s:
        return replace(
            base, note="The hold is not longer than its warm-up.", needs_hours=4 * (from_s - begin_s) / _S_PER_H
        )
    at_h, medians = block_medians(at_s / _S_PER_H, values, from_s / _S_PER_H, end_s / _S_PER_H)
    base = replace(base, at_h=at_h, medians=medians)
    late = at_h > (from_s + end_s) / 2 / _S_PER_H
    if at_h.size < LEAST_BLOCKS or late.sum() < _LEAST_HALF:
        return replace(
            base,
            note=f"Only {at_h.size} of {BLOCKS} stretches after the warm-up have a reading at like load, "
            f"{LEAST_BLOCKS} are needed.",
        )
    whole = slopes(at_h, medians[None, :], CONFIDENCE)
    recent = slopes(at_h[late], medians[None, late], CONFIDENCE)
    return _growth(base, whole, recent)


def measure_phases(
    at_s: Floats, values: Floats, begin_s: float, end_s: float, period_s: float, warm_up_s: float | None = None
) -> Growth:
    """The growth of a level under a load that repeats: each phase of the period against itself, periods later.

    Args:
        at_s: when each reading was taken, seconds since the run's start, shape (readings,).
        values: the readings, shape (readings,); NaN is no reading.
        begin_s: start of the hold.
        end_s: its end.
        period_s: how long until the load repeats.
        warm_up_s: what to drop of the hold; None for a quarter.
    """
    at_s, values, from_s = _kept(at_s, values, begin_s, end_s, warm_up_s)
    width_s = period_s / PHASES
    base = Growth(
        hours=max(end_s - from_s, 0.0) / _S_PER_H,
        warm_up_hours=(from_s - begin_s) / _S_PER_H,
        readings=at_s.size,
    )
    count = int((end_s - from_s + 1e-6 * width_s) // width_s)
    share = (from_s - begin_s) / max(end_s - begin_s, 1e-9)
    if count < 2 * PHASES:
        needed = 2 * period_s / (1 - share) if warm_up_s is None else 2 * period_s + warm_up_s
        return replace(
            base,
            note="After the warm-up less than two periods of the load are there, so no phase can be compared.",
            needs_hours=needed / _S_PER_H,
        )
    at_h, medians = block_medians(
        at_s / _S_PER_H, values, from_s / _S_PER_H, (from_s + count * width_s) / _S_PER_H, count
    )
    base = replace(base, at_h=at_h, medians=medians)
    place = np.round((at_h * _S_PER_H - from_s) / width_s - 0.5).astype(np.int64)
    phase = place % PHASES
    late = place >= count - 2 * PHASES
    try:
        whole = seasonal_slopes(at_h, medians[None, :], phase, CONFIDENCE)
        recent = seasonal_slopes(at_h[late], medians[None, late], phase[late], CONFIDENCE)
    except ValueError:
        return replace(base, note="No phase of the period has readings on two of them.")
    if not all(map(np.isfinite, (whole.low[0], whole.high[0]))):
        return replace(base, note="Too few phases have readings on two periods for an interval.")
    return _growth(base, whole, recent)


def decide(
    whole: Slopes, recent: Slopes, allowed: NDArray[np.float64] | float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The rule, for many series at once.

    That the last half grew by half of the budget or more is that its slope is the budget's or more.

    Args:
        whole: slopes over everything after the warm-up.
        recent: slopes over the last half.
        allowed: growth that is allowed, in the slopes' unit.

    Returns:
        Which series FAIL and which PASS; the others are INCONCLUSIVE.
    """
    above = whole.low > allowed
    fails = above & (recent.slope >= allowed)
    passes = ~fails & np.where(above, recent.high <= allowed, whole.high <= allowed)
    return fails, passes


def rule(growth: Growth, allowed_per_hour: float) -> Ruling:
    """Judge a growth by its budget.

    Args:
        growth: what was measured.
        allowed_per_hour: growth that is allowed an hour, in the level's unit.
    """
    if growth.per_hour is None or growth.interval is None or growth.recent_per_hour is None:
        return Ruling("INCONCLUSIVE", growth.needs_hours, growth.note)
    recent_interval = growth.recent_interval or (-math.inf, math.inf)
    fails, passes = decide(
        _one(growth.per_hour, growth.interval), _one(growth.recent_per_hour, recent_interval), allowed_per_hour
    )
    ended = growth.interval[0] > allowed_per_hour
    if fails[0]:
        return Ruling("FAIL", note="It grew faster than allowed, and still did in the last half.")
    if passes[0]:
        return Ruling(
            "PASS", note="It grew faster than allowed at first, and no more in the last half." if ended else ""
        )
    estimate, interval = (growth.recent_per_hour, recent_interval) if ended else (growth.per_hour, growth.interval)
    return Ruling(
        "INCONCLUSIVE", _needed(growth, estimate, interval, allowed_per_hour), "The interval holds the budget."
    )


def _needed(growth: Growth, estimate: float, interval: Interval, allowed: float) -> float | None:
    """A hold long enough to decide, from how wide the interval is now.

    An interval narrows at least as fast as the hold grows; one and a half of its half width within the distance to the
    budget decides nine times in ten (``tests/analysis/test_growth.py``). A growth that is nearly the budget itself
    cannot be told from it in any time, so the distance counts as a quarter of the budget at least; and one that seems
    to shrink is taken for none.
    """
    half = (interval[1] - interval[0]) / 2
    if not math.isfinite(half):
        return None
    gap = max(abs(allowed - max(estimate, 0.0)), _LEAST_GAP * abs(allowed))
    if gap <= 0:
        return None
    return (growth.hours + growth.warm_up_hours) * max(_POWER * half / gap, 1.25)


def reaches(growth: Growth, limit: float) -> tuple[float, Interval] | None:
    """Hours until a limit is reached at this growth, and their interval; infinite where it is not reached.

    Returns:
        None where there is no estimate; 0 where the limit is reached already.
    """
    if growth.per_hour is None or growth.interval is None or growth.level is None:
        return None
    room = limit - growth.level
    if room <= 0:
        return 0.0, (0.0, 0.0)

    def hours(per_hour: float) -> float:
        return room / per_hour if per_hour > 0 else math.inf

    return hours(growth.per_hour), (hours(growth.interval[1]), hours(growth.interval[0]))


def _one(slope: float, interval: Interval) -> Slopes:
    return Slopes(np.array([slope]), np.array([interval[0]]), np.array([interval[1]]))


def _kept(
    at_s: Floats, values: Floats, begin_s: float, end_s: float, warm_up_s: float | None
) -> tuple[Floats, Floats, float]:
    """The readings after the warm-up, and when that ended."""
    from_s = begin_s + (WARM_UP_SHARE * (end_s - begin_s) if warm_up_s is None else warm_up_s)
    kept = (at_s >= from_s) & (at_s <= end_s) & np.isfinite(values)
    return at_s[kept], values[kept], from_s


def _growth(base: Growth, whole: Slopes, recent: Slopes) -> Growth:
    slope = float(whole.slope[0])
    rest = float(np.median(base.medians - slope * base.at_h))
    return replace(
        base,
        per_hour=slope,
        interval=(float(whole.low[0]), float(whole.high[0])),
        recent_per_hour=float(recent.slope[0]),
        recent_interval=(float(recent.low[0]), float(recent.high[0])),
        start=rest + slope * float(base.at_h[0]),
        level=rest + slope * float(base.at_h[-1]),
    )
