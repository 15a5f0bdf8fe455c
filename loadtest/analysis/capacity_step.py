"""One step of a capacity search, judged from the run's own frames by the same limits as a whole run.

A search is one run: every step is a stretch of it, with a ramp (users come, the rate changes), a settling time and a
hold. :func:`cut` makes of such a stretch the frames of a run of its own, so that summary, SLO and generator checks are
those of every other run; :func:`judge` adds what a search needs besides: the verdict of three windows of the hold (two
of which decide), whether the step came to rest, and the figures that capacity is told in.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from loadtest.analysis.capacity_search import Kind, Outcome, Trial
from loadtest.analysis.judging import against
from loadtest.analysis.limits import limit_warnings
from loadtest.analysis.model import Check, Result, RunData, Summary
from loadtest.analysis.series import Series
from loadtest.analysis.slo import Slo
from loadtest.analysis.step_figures import figures, rest
from loadtest.analysis.summary import summarise
from loadtest.nouns import many, noun

PARTS = 3
"""Windows into which a hold is divided; two of them decide."""

MAX_DROPPED_SHARE = 0.05
"""More of the plan dropped than this, and the step was not at its level; by the target's doing, it has failed."""

_NAMED = 2
_US_PER_S = 1_000_000
_OF_GENERATOR = frozenset({"hold", "generator valid"})
_OF_CONNECTS = ("cable.connect_", "cable.confirm_")
_AREAS = (
    ("fanout", "latency"),
    ("service", "latency"),
    ("delivery", "loss"),
    ("lost", "loss"),
    ("deaf", "loss"),
    ("undetermined", "loss"),
    ("deliveries", "loss"),
    ("cable.ping_gap", "ping gap"),
    ("cable.stale", "ping gap"),
    ("cable", "connects"),
    ("connect", "connects"),
    ("users", "connects"),
    ("presence", "presence"),
    ("rest", "REST"),
    ("leaks", "leaks"),
    ("contract", "contract"),
    ("abort guard", "abort guard"),
    ("target alive", "target lost"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a step lies in its run.

    Attributes:
        number: of the step in its search, from 1.
        kind: why it was made.
        level: of the axis.
        begin_us: when its load was asked for, microseconds of the wall clock.
        hold_us: when its hold began.
        end_us: when the hold ended.
        aborted: why the abort guard ended it at once; empty where it did not.
        missing: users that were not connected when the hold began although they should.
    """

    number: int
    kind: Kind
    level: float
    begin_us: int
    hold_us: int
    end_us: int
    aborted: str = ""
    missing: int = 0

    def windows(self, window_s: float) -> tuple[int, int, int]:
        """First window of the ramp, first one of the hold, and the one after its last; only whole ones are held."""
        window_us = round(window_s * _US_PER_S)
        return self.begin_us // window_us, -(-self.hold_us // window_us), self.end_us // window_us


@dataclass(frozen=True, slots=True)
class Margin:
    """How a step stood to one limit.

    Attributes:
        name: of the limit, as the SLO file writes it.
        value: over the whole hold; None where it was not measured.
        limit: the limit.
        bound: ``max`` or ``min``.
        unit: of both.
        interval: 95 % interval of the value.
        parts: how the limit stood in each of the hold's windows.
        result: what two of three say.
    """

    name: str
    value: float | None
    limit: float
    bound: str
    unit: str
    interval: tuple[float, float] | None
    parts: tuple[Result, ...]
    result: Result


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was judged.

    Attributes:
        span: where it lies.
        outcome: what came out.
        unanimous: whether its windows agreed.
        failed: what broke its limit, by area (latency, loss, ping gap, ...), the first the worst.
        why: sentences: what failed, why the generator was not fit, what had not come to rest.
        margins: how it stood to each limit.
        workers_needed: how many workers this load needs, where the generator was the limit.
        figures: what capacity is told in; see :func:`figures`.
    """

    span: Span
    outcome: Outcome
    unanimous: bool
    failed: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    margins: tuple[Margin, ...] = ()
    workers_needed: int | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def trial(self) -> Trial:
        """What the search has to know of it."""
        return Trial(self.span.kind, self.span.level, self.outcome, self.unanimous)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a store's note or a file."""
        return asdict(self)

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> Step:
        """The inverse of :meth:`as_dict`, lists for tuples included, as JSON makes them."""
        margins = tuple(
            Margin(
                **{
                    **margin,
                    "value": _number(margin["value"]),
                    "interval": _pair(margin["interval"]),
                    "parts": tuple(margin["parts"]),
                }
            )
            for margin in plain["margins"]
        )
        return Step(
            Span(**plain["span"]),
            plain["outcome"],
            plain["unanimous"],
            tuple(plain["failed"]),
            tuple(plain["why"]),
            margins,
            plain["workers_needed"],
            {name: _number(value) for name, value in plain["figures"].items()},
        )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)  # "inf" is what JSON has for infinity


def _pair(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]))


def cut(data: RunData, span: Span, first: int | None = None, last: int | None = None) -> RunData:
    """The frames of a step as those of a run of its own.

    Args:
        data: the run.
        span: the step.
        first: first window to hold, where not all of them.
        last: the one after the last.
    """
    ramp, held, end = span.windows(data.window_s)
    held, end = held if first is None else first, end if last is None else last
    zero_s = _zero_s(data)

    def placed(frame: pd.DataFrame) -> pd.DataFrame:
        rows = frame[(frame["window"] >= ramp) & (frame["window"] < end)]
        phase = np.where(rows["window"].to_numpy(np.int64) >= held, "hold", "ramp")
        return rows.assign(phase=phase.astype(object))

    begin_s, hold_s, end_s = (window * data.window_s - zero_s for window in (ramp, held, end))
    notes = data.notes[(data.notes["kind"] != "phase") & data.notes["at_s"].between(begin_s, end_s)]
    of_hold = [
        kind == "breach" and "window" in extra and held <= extra["window"] < end
        for kind, extra in zip(data.notes["kind"], data.notes["data"], strict=True)
    ]
    breaches = data.notes[np.array(of_hold, bool)]  # they are told of a while after their windows
    moments = [("ramp", begin_s), ("hold", hold_s), ("drain", end_s), ("end", end_s)]
    phases = pd.DataFrame(
        [(at_s, "phase", phase, {"phase": phase}) for phase, at_s in moments], columns=["at_s", "kind", "text", "data"]
    )
    kept = notes[~notes["kind"].isin(["breach", "step"])]
    meta = {**data.meta, "aborted": span.aborted or None, "interrupted": False, "ended_at": data.meta.get("started_at")}
    closings = data.closings
    if len(closings):
        closings = closings[closings["due_s"].between(begin_s, end_s, inclusive="left")]
    return RunData(
        meta=meta,
        hists=placed(data.hists),
        counts=placed(data.counts),
        gauges=data.gauges[data.gauges["at_s"].between(begin_s, end_s)],
        closings=closings,
        notes=pd.concat([phases, kept, breaches], ignore_index=True),
    )


def _zero_s(data: RunData) -> float:
    """The run's start on the windows' own time line, seconds."""
    for frame in (data.counts, data.hists):
        if len(frame):
            return float(frame["window"].iloc[0] * data.window_s - frame["start_s"].iloc[0])
    return 0.0


def judge(data: RunData, span: Span, slo: Slo | None = None) -> Step:
    """Judge a step.

    Args:
        data: the run that it is a part of, at least up to a deadline after the step's end.
        span: the step.
        slo: the limits; None for the default checks of runs.
    """
    _, held, end = span.windows(data.window_s)
    whole = cut(data, span)
    summary = summarise(whole, slo)
    series = Series(whole)
    found = figures(whole, summary, series, range(held, end))
    if span.aborted:
        return Step(span, "fail", True, ("abort guard",), (span.aborted,), figures=found)
    if held >= end:
        return Step(span, "invalid", True, (), ("Its hold is shorter than one window: hold longer.",), figures=found)
    margins = _margins(data, span, summary, slo)
    reasons, needed = _unfit(summary)
    if reasons:
        return Step(span, "invalid", True, (), tuple(reasons), margins, needed, found)
    judged = [margin for margin in margins if not is_unexercised(margin)]
    parts = [_part([margin.parts[n] for margin in judged]) for n in range(PARTS)]
    fails = parts.count("FAIL")
    broken = _broken(margins)
    leaked = any(margin.name.startswith("leaks") for margin in broken)  # one is one too many
    held_up = (found.get("held_up_share") or 0.0) > MAX_DROPPED_SHARE
    if fails * 2 > PARTS or span.missing or leaked or held_up:
        limited = _rate_limit(summary)
        why = [*limited, *_missing(span), *(f"{margin.name}: {_shown(margin)}" for margin in broken)]
        why += ["the target held all REST connections, so that messages could not be sent"] * held_up
        areas = ["rate limit"] * bool(limited) + ["connects"] * bool(span.missing) + ["leaks"] * leaked
        areas += [area(margin.name) for margin in broken] + ["REST"] * held_up
        return Step(span, "fail", fails in (0, PARTS), tuple(dict.fromkeys(areas)), tuple(why), margins, None, found)
    restless = _restless(whole, series, range(held, end))
    dropped = found.get("dropped_share") or 0.0
    if dropped > MAX_DROPPED_SHARE:
        why = [
            f"{dropped:.0%} of the planned actions were dropped, so the step was not at its level: give more --contacts"
        ]
        return Step(span, "invalid", True, (), tuple(why), margins, None, found)
    if parts.count("PASS") * 2 <= PARTS:
        few = [m.name for m in judged if m.parts.count("INCONCLUSIVE") * 2 >= PARTS]
        more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
        why = [f"too few samples for {', '.join(few[:_NAMED])}{more}: hold longer (--hold) or raise the rate"]
        return Step(span, "short", True, (), tuple(why), margins, None, found)
    if restless:
        return Step(span, "unsettled", True, (), tuple(restless), margins, None, found)
    return Step(span, "pass", fails == 0, (), (), margins, None, found)


def is_unexercised(margin: Margin) -> bool:
    """Whether a limit of connects could not be judged in a step, because too few people connected in it.

    Most steps connect few people or nobody, and no hold is long enough to change that.
    """
    return margin.name.startswith(_OF_CONNECTS) and margin.value is None and set(margin.parts) == {"INCONCLUSIVE"}


def _part(results: list[Result]) -> Result:
    if "FAIL" in results:
        return "FAIL"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in results else "PASS"


def _margins(data: RunData, span: Span, summary: Summary, slo: Slo | None) -> tuple[Margin, ...]:
    """Each limit over the whole hold and in its windows."""
    _, held, end = span.windows(data.window_s)
    edges = [held + (end - held) * n // PARTS for n in range(PARTS + 1)]
    by_part = []
    for first, last in itertools.pairwise(edges):
        part = cut(data, span, first, last)
        by_part.append({c.name: _point(c) for c in summarise(part, slo).verdict.checks} if last > first else {})
    margins = []
    for check in summary.verdict.checks:
        if check.name in _OF_GENERATOR or check.name.startswith("this machine"):
            continue
        own = _point(check)
        parts = tuple(part.get(check.name, own) for part in by_part)
        result: Result = "FAIL" if parts.count("FAIL") * 2 > PARTS else own if parts.count("FAIL") == 0 else "PASS"
        value = None if check.value is None or isinstance(check.value, str | bool) else float(check.value)
        margins.append(
            Margin(check.name, value, float(check.limit), check.bound, check.unit, check.interval, parts, result)
        )
    return tuple(margins)


def _point(check: Check) -> Result:
    """A limit judged on the value itself: a window is too short for an interval, and two of three decide instead.

    Values in windows that the generator marked are no verdict on the target; whether the step as a whole is fit is
    asked elsewhere.
    """
    if isinstance(check.value, int | float) and not isinstance(check.value, bool):
        return against(float(check.value), None, float(check.limit), check.bound)
    return "INCONCLUSIVE" if check.result == "INVALID" else check.result


def _unfit(summary: Summary) -> tuple[list[str], int | None]:
    """Why the generator was not fit in a step, and how many workers it would take."""
    generator = summary.sections["generator"]
    reasons = list(generator["reasons"])
    for check in summary.verdict.checks:
        if check.result == "INVALID" and (check.name in _OF_GENERATOR or check.name.startswith("this machine")):
            reasons += [check.note] if check.note and check.note not in " ".join(reasons) else []
    if not reasons and not generator["valid"]:
        reasons = ["The generator was not fit to measure."]
    return reasons, generator["workers_needed"] if reasons else None


def _broken(margins: tuple[Margin, ...]) -> list[Margin]:
    """The limits that were broken, those of the most windows and by the largest factor first."""
    broken = [margin for margin in margins if "FAIL" in margin.parts]
    return sorted(broken, key=lambda margin: (-margin.parts.count("FAIL"), -_excess(margin)))


def _excess(margin: Margin) -> float:
    if margin.value is None:
        return 0.0
    over = margin.value, margin.limit
    if margin.bound == "min":
        over = over[1], over[0]
    return over[0] / over[1] if over[1] else float("inf")


def _shown(margin: Margin) -> str:
    value = "not measured" if margin.value is None else f"{margin.value:.4g} {margin.unit}".strip()
    sign = "at most" if margin.bound == "max" else "at least"
    return f"{value}, {sign} {margin.limit:g} allowed ({margin.parts.count('FAIL')} of {PARTS} windows)"


def _missing(span: Span) -> list[str]:
    were = noun(span.missing, "was", "were")
    return [f"{many(span.missing, 'user')} {were} not subscribed in time"] if span.missing else []


def _rate_limit(summary: Summary) -> list[str]:
    """What a rate limit of the target refused: then its rule was met, and not its capacity."""
    return [text for text in limit_warnings(summary.sections) if "HTTP 429" in text]


def area(name: str) -> str:
    """What a limit is about: latency, loss, ping gap, presence, connects, ..."""
    return next((said for start, said in _AREAS if name.startswith(start)), name)


def _restless(data: RunData, series: Series, held: range) -> list[str]:
    """What had not come to rest by the end of a hold, a sentence each."""
    found = []
    for what, moved in rest(series, data, held).items():
        if moved.at_rest is False and (moved.rises or moved.falls):
            found.append(f"{what} had not come to rest: it moved by {moved.share:+.0%} over the hold")
    return found
