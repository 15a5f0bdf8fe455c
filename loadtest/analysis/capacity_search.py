"""The search for a capacity, as a pure state machine: from the steps so far follows the next one, or the answer.

One axis is raised in geometric steps until a level fails, the level below is looked at once more at once (did the
target come back?), the interval between the last pass and the first failure is bisected, and 90 % of the last pass is
held for long. Nothing is remembered but the trials, so that a search that was broken off goes on from its records.

A trial is judged by three windows of its hold (:mod:`loadtest.analysis.capacity_step`); where the three do not agree
the level is tried again, and the majority of up to three trials decides. One that had not come to rest, or had too few
samples for its limits, is tried again for longer (and what follows is held as long); what never comes to rest has
failed, and what never has the samples ends the search. Where the rate itself is raised, a level with too few samples is
passed over while nothing has failed: the next one has more of them, and there is a way back. A trial whose generator
was not fit is tried again once; then the generator is the limit, and what it could carry is a lower bound, never a
capacity.

Source of the course: step load with a search by service level, as operators do it; geometric mean as the middle,
since a capacity is a factor and not a difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Axis = Literal["agents", "contacts", "emit-rate"]
Kind = Literal["up", "down", "bisect", "hysteresis", "confirm"]
Outcome = Literal["pass", "fail", "invalid", "unsettled", "short"]
Ending = Literal["found", "bound", "least", "generator", "short", "unconfirmed"]

AXES: tuple[Axis, ...] = ("agents", "contacts", "emit-rate")
CONFIRM_SHARE = 0.9
MOST_TRIALS = 3
MOST_CONFIRMS = 3
MOST_LONGER = 4
"""A trial is held at most so many times as long as a step is meant to be."""

_LEVEL_DIGITS = 4


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What is searched, and how finely.

    Attributes:
        axis: what is raised.
        start: the first level.
        bound: the highest level that may be tried.
        least: the lowest one worth trying.
        factor: between two levels of the ramp, above 1.
        tolerance: width of the interval at which bisecting ends, as a share of its lower end.
        confirm: whether 90 % of the answer is held for long in the end.
    """

    axis: Axis
    start: float
    bound: float
    least: float = 1.0
    factor: float = 2.0
    tolerance: float = 0.05
    confirm: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.start <= self.bound:
            raise ValueError(f"levels must rise: least {self.least}, start {self.start}, bound {self.bound}")
        if not self.factor > 1 or not self.tolerance > 0:
            raise ValueError(f"factor {self.factor} must be above 1, tolerance {self.tolerance} above 0")

    @property
    def whole(self) -> bool:
        """Whether levels are whole numbers, as those of people are."""
        return self.axis != "emit-rate"

    def level(self, value: float) -> float:
        """A level near a value: a whole number of people, or four digits of a rate, inside the bounds."""
        near = float(round(value)) if self.whole else float(f"{value:.{_LEVEL_DIGITS}g}")
        return min(max(near, self.least), self.bound)


@dataclass(frozen=True, slots=True)
class Trial:
    """A step that was made.

    Attributes:
        kind: why it was made.
        level: at what level.
        outcome: what came out.
        unanimous: whether its windows agreed, so that it need not be made again.
    """

    kind: Kind
    level: float
    outcome: Outcome
    unanimous: bool = True


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step to make.

    Attributes:
        kind: why.
        level: at what level.
        again: which trial of this level it is, from 1.
        longer: how many times as long as usual it is to be held.
    """

    kind: Kind
    level: float
    again: int = 1
    longer: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search came to.

    Attributes:
        ending: ``found`` (an interval, held), ``unconfirmed`` (an interval whose 90 % did not hold), ``bound`` (all
            that was allowed passed), ``least`` (nothing passed), ``generator`` (the generator was the limit), ``short``
            (the holds are too short for the limits).
        last_pass: the highest level that passed below all that failed; None where none did.
        first_fail: the lowest level that failed; None where none did.
        generator_at: the level at which the generator was the limit; None where it was not.
        confirmed_at: the level that held in the end; None where none was held.
        recovered: whether the target passed right after the overload at the level that had passed before; None where
            it was not looked at, or the look could not tell (an unfit generator, too few samples).
    """

    ending: Ending
    last_pass: float | None
    first_fail: float | None
    generator_at: float | None = None
    confirmed_at: float | None = None
    recovered: bool | None = None


def decide(plan: SearchPlan, trials: Sequence[Trial], *, fresh: bool = False) -> NextStep | Finding:
    """The next step of a search, or what it found.

    Args:
        plan: the search.
        trials: the steps so far, in their order.
        fresh: whether the target has had a rest since the last of them (a search that goes on after a break), so that
            there is no overload to come back from.
    """
    following = _decide(plan, trials, fresh=fresh)
    if isinstance(following, Finding):
        return following
    levels = _verdicts(trials)
    over = _passed_over(plan, levels)
    shorts = max((_count(found, "short") for level, found in levels.items() if level not in over), default=0)
    return replace(following, longer=max(following.longer, min(2**shorts, MOST_LONGER)))


def _decide(plan: SearchPlan, trials: Sequence[Trial], *, fresh: bool) -> NextStep | Finding:
    levels = _verdicts(trials)
    over = _passed_over(plan, levels)
    open_level = _undecided({level: found for level, found in levels.items() if level not in over})
    if open_level is not None:
        kind = next(t.kind for t in reversed(trials) if t.level == open_level and t.kind != "hysteresis")
        found = levels[open_level]
        longer = 2 ** (_count(found, "unsettled") + _count(found, "short"))
        return NextStep(kind, open_level, len(found) + 1, min(longer, MOST_LONGER))
    verdicts = {level: _majority(found) for level, found in levels.items()}
    bad = min((level for level, verdict in verdicts.items() if verdict == "fail"), default=None)
    below = [level for level, verdict in verdicts.items() if verdict == "pass" and (bad is None or level < bad)]
    good = max(below, default=None)
    if "short" in verdicts.values():
        return Finding("short", good, bad)
    unfit = min((level for level, verdict in verdicts.items() if verdict == "invalid"), default=None)
    if good is None and bad is None:
        if unfit is not None and unfit <= plan.least:
            return Finding("generator", None, None, unfit)
        if over:
            return NextStep("up", plan.level(max(over) * plan.factor))
        return NextStep("up" if unfit is None else "down", plan.level(plan.start if unfit is None else unfit / 2))
    if bad is None:
        assert good is not None
        return _upwards(plan, trials, good, unfit)
    if good is None:
        if bad <= plan.least:
            return Finding("least", None, bad)
        return NextStep("down", plan.level(bad / plan.factor))
    return _between(plan, trials, good, bad, unfit, fresh=fresh)


def _upwards(plan: SearchPlan, trials: Sequence[Trial], good: float, unfit: float | None) -> NextStep | Finding:
    if unfit is not None:
        return Finding("generator", good, None, unfit)
    if good >= plan.level(plan.bound):
        return Finding("bound", good, None)
    following = plan.level(good * plan.factor)
    if following <= good:  # whole levels are coarse at the lower end
        following = plan.level(good + 1)
    return NextStep("up", following)


def _between(
    plan: SearchPlan, trials: Sequence[Trial], good: float, bad: float, unfit: float | None, *, fresh: bool
) -> NextStep | Finding:
    recovered = _recovered(trials)
    if recovered is None and trials[-1].kind == "up" and trials[-1].outcome == "fail" and not fresh:
        return NextStep("hysteresis", good)
    middle = plan.level(math.sqrt(good * bad))
    inside = unfit if unfit is not None and good < unfit < bad else None
    if bad - good > plan.tolerance * good and good < middle < bad and inside is None:
        return NextStep("bisect", middle)
    confirms = [trial for trial in trials if trial.kind == "confirm"]
    held = max((trial.level for trial in confirms if trial.outcome == "pass" and trial.level < bad), default=None)
    if not plan.confirm or held is not None:
        return Finding("found", good, bad, inside, held, recovered)
    level = plan.level(CONFIRM_SHARE * good)
    if len(confirms) >= MOST_CONFIRMS or any(trial.level == level for trial in confirms):
        return Finding("unconfirmed", good, bad, inside, None, recovered)
    return NextStep("confirm", level)


def _verdicts(trials: Sequence[Trial]) -> dict[float, list[Trial]]:
    """The trials by level; a look back after an overload decides nothing of its level."""
    levels: dict[float, list[Trial]] = {}
    for trial in trials:
        if trial.kind != "hysteresis":
            levels.setdefault(trial.level, []).append(trial)
    return levels


def _passed_over(plan: SearchPlan, levels: dict[float, list[Trial]]) -> set[float]:
    """Rates with too few samples for the limits, as long as a higher one may tell: all below the lowest that passed."""
    if plan.axis != "emit-rate":
        return set()
    few = {level for level, found in levels.items() if [t.outcome for t in found] == ["short"] and level < plan.bound}
    verdicts = {level: _majority(found) for level, found in levels.items()}
    passes = [level for level, verdict in verdicts.items() if verdict == "pass"]
    if passes:
        return {level for level in few if level < min(passes)}
    return set() if {"fail", "invalid"} & set(verdicts.values()) else few


def _undecided(levels: dict[float, list[Trial]]) -> float | None:
    """The level that has to be tried again, the latest first."""
    return next((level for level in reversed(levels) if _majority(levels[level]) is None), None)


def _majority(trials: Sequence[Trial]) -> Outcome | None:
    """What the trials of one level come to; None where one more is needed."""
    for trial in trials:
        if trial.kind == "confirm" and trial.outcome in ("pass", "fail"):
            return trial.outcome  # the longest hold there is
    sound = [trial for trial in trials if trial.outcome in ("pass", "fail")]
    if any(trial.unanimous for trial in sound[:1]):
        return sound[0].outcome
    if _count(sound, "fail") * 2 > MOST_TRIALS:
        return "fail"
    if _count(sound, "pass") * 2 > MOST_TRIALS:
        return "pass"
    if _count(trials, "invalid") >= 2:
        return "invalid"
    if _count(trials, "short") >= MOST_TRIALS:
        return "short"
    if _count(trials, "unsettled") >= 2 or len(trials) >= MOST_TRIALS + 1:
        return "fail"  # it never settled: nobody can say that it carries this
    return None


def _count(trials: Sequence[Trial], outcome: Outcome) -> int:
    return sum(1 for trial in trials if trial.outcome == outcome)


def _recovered(trials: Sequence[Trial]) -> bool | None:
    for trial in trials:
        if trial.kind == "hysteresis" and trial.outcome not in ("invalid", "short"):
            return trial.outcome == "pass"
    return None


def steps_left(plan: SearchPlan, trials: Sequence[Trial]) -> int:
    """About how many steps are still to come, if each passes up to the bound or fails at the next one.

    Args:
        plan: the search.
        trials: the steps so far.
    """
    following = decide(plan, trials)
    if isinstance(following, Finding):
        return 0
    verdicts = {level: _majority(found) for level, found in _verdicts(trials).items()}
    bad = min((level for level, verdict in verdicts.items() if verdict == "fail"), default=None)
    good = max(
        (lv for lv, verdict in verdicts.items() if verdict == "pass" and (bad is None or lv < bad)), default=None
    )
    width = math.log(bad / good) if bad is not None and good is not None else math.log(plan.factor)
    bisections = max(0, math.ceil(math.log2(max(width / math.log1p(plan.tolerance), 1.0))))
    looks = 1 if bad is None or following.kind == "hysteresis" else 0
    climbs = 0 if bad is not None else 1
    return max(1, climbs + looks + bisections + (1 if plan.confirm else 0))
