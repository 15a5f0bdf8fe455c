"""A soak's verdict: what grows, how fast, against a budget; what a connection costs; what did not come back.

PASS, FAIL, INCONCLUSIVE with the hours that would decide, INVALID where a budget of latency rests on windows in which
the generator was the limit. The method is :mod:`loadtest.analysis.growth`'s.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from loadtest.analysis.budget import Allowance, Budget
from loadtest.analysis.generator import MAX_MARKED_SHARE
from loadtest.analysis.growth import Growth, Ruling, measure, measure_phases, reaches, rule
from loadtest.analysis.interruption import told
from loadtest.analysis.model import EXIT_CODES, Interval, Result, RunData
from loadtest.analysis.per_connection import Drained, PerConnection, drained, per_connection
from loadtest.analysis.quantity import Amount
from loadtest.analysis.soak_levels import Level, Levels
from loadtest.analysis.windows import Timeline, notes_of, timeline
from loadtest.nouns import many

SCHEMA_VERSION = 1
_ORDER: tuple[Result, ...] = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS")
_S_PER_H = 3600.0
_MEMORY = "rss_bytes"


@dataclass(frozen=True, slots=True)
class Drift:
    """One level, its growth, and what that comes to.

    Attributes:
        path: the level's name.
        growth: what was measured.
        allowed_per_hour: what the budget allows an hour; None where it does not say, or cannot be told.
        budget: the budget in the user's words; empty where nothing is judged.
        result: how it stands to its budget; None where nothing is judged.
        needed_hours: a hold that would decide; None where it is decided or cannot be told.
        limit: the level that is to be kept; None for none.
        reaches_h: hours until the limit is reached, infinite for never; None without a limit or an estimate.
        reaches_interval: their 95 % interval.
        note: why, a sentence; may be empty.
        level: the readings.
    """

    path: tuple[str, ...]
    growth: Growth
    allowed_per_hour: float | None = None
    budget: str = ""
    result: Result | None = None
    needed_hours: float | None = None
    limit: float | None = None
    reaches_h: float | None = None
    reaches_interval: Interval | None = None
    note: str = ""
    level: Level | None = None

    @property
    def is_told(self) -> bool:
        """Whether there is anything to say of it: a growth, or a judgement."""
        return self.result is not None or self.growth.per_hour is not None


@dataclass(frozen=True, slots=True)
class Stay:
    """What stayed of a level after all had gone, and what that comes to.

    Attributes:
        found: the comparison; None where the run has no time in which all had gone.
        allowed: what may stay; None where nothing is judged.
        budget: the same in the user's words.
        result: how it stands to its budget; None where nothing is judged.
        note: why, a sentence; may be empty.
        name: the level.
    """

    name: str
    found: Drained | None
    allowed: float | None = None
    budget: str = ""
    result: Result | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Soak:
    """A judged soak.

    Attributes:
        result: the verdict; None where there is no budget.
        drifts: every level that was judged, or, without a budget, that there is.
        per_connection: what a connection costs of each memory that was read.
        stays: what stayed once all had gone.
        hold_h: length of the hold in hours.
        warm_up_h: what was dropped of it.
        period_h: the load's period, None for a constant load.
        reasons: why the verdict is not PASS, a sentence each.
        warnings: what must be known besides, a sentence each.
        line: the run's windows.
    """

    result: Result | None
    drifts: tuple[Drift, ...]
    per_connection: tuple[PerConnection, ...]
    stays: tuple[Stay, ...]
    hold_h: float
    warm_up_h: float
    period_h: float | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    line: Timeline = field(repr=False)

    @property
    def exit_code(self) -> int:
        """The exit code that states the verdict; 0 where nothing was judged."""
        return 0 if self.result is None else EXIT_CODES[self.result]


def judge(data: RunData, budget: Budget | None = None, joined: int = 1) -> Soak:
    """Judge a run as a soak.

    Args:
        data: the run; its rows may join windows, and it needs no closings.
        budget: how fast what may grow; None to measure everything and judge nothing.
        joined: how many windows each row joins.
    """
    line = timeline(data)
    levels = Levels(data, line, joined)
    budget = budget or Budget()
    begin, end = line.hold_start_s, line.hold_end_s
    warm_up_s = budget.warm_up_share * line.hold_s if budget.warm_up_s is None else budget.warm_up_s
    judging = _Judging(levels, line, budget, warm_up_s)
    drifts = judging.budgeted() if budget.allowances else judging.everything() if begin is not None else []
    memories = [
        level
        for path in levels.names()
        if path[-1].endswith("_bytes") and path[0] == "target"
        for level in levels.matching(path)
    ]
    stays = judging.stays(memories)
    costs = tuple(per_connection(level, levels.connections, line) for level in memories if level.path[-1] == _MEMORY)
    result = _worst([*(one.result for one in drifts), *(one.result for one in stays)])
    return Soak(
        result=result,
        drifts=tuple(drifts),
        per_connection=costs,
        stays=tuple(stays),
        hold_h=line.hold_s / _S_PER_H,
        warm_up_h=warm_up_s / _S_PER_H if begin is not None and end is not None else 0.0,
        period_h=None if budget.period_s is None else budget.period_s / _S_PER_H,
        reasons=tuple(_reasons(drifts, stays)),
        warnings=(*_warnings(data, line, levels), *_aperiodic(data, budget), *_untold(drifts, costs)),
        line=line,
    )


@dataclass(frozen=True, slots=True)
class _Judging:
    """Levels of one run under one budget."""

    levels: Levels
    line: Timeline
    budget: Budget
    warm_up_s: float

    def budgeted(self) -> list[Drift]:
        found = []
        for allowance in self.budget.allowances:
            levels = self.levels.matching(allowance.path)
            if not levels:
                found.append(
                    Drift(
                        allowance.path,
                        Growth(),
                        budget=allowance.text,
                        result="INCONCLUSIVE",
                        note=self._absent(allowance),
                    )
                )
            found += [self._judged(level, allowance) for level in levels]
        return found

    def everything(self) -> list[Drift]:
        """Everything that was watched, and what else can be told."""
        found = [
            Drift(level.path, self._growth(level), level=level)
            for path in self.levels.names()
            for level in self.levels.matching(path)
        ]
        return [one for one in found if one.path[0] == "target" or one.growth.per_hour is not None]

    def stays(self, memories: Sequence[Level]) -> list[Stay]:
        wanted = dict(self.budget.drain)
        found = []
        for level in memories:
            compared = drained(level, self.levels.connections, self.line, self.warm_up_s)
            amount = wanted.get(level.path[-1])
            if amount is not None or compared is not None:
                found.append(_stay(".".join(level.path), compared, amount))
        missing = wanted.keys() - {level.path[-1] for level in memories}
        found += [_stay(f"target.{name}", None, wanted[name]) for name in sorted(missing)]
        return found

    def _growth(self, level: Level) -> Growth:
        begin, end = self.line.hold_start_s, self.line.hold_end_s
        if begin is None or end is None:
            return Growth(note="The run has not begun its hold.")
        if self.budget.period_s is not None:
            return measure_phases(level.at_s, level.values, begin, end, self.budget.period_s, self.warm_up_s)
        like = self.levels.like(level.at_s, begin + self.warm_up_s, end)
        return measure(level.at_s[like], level.values[like], begin, end, self.warm_up_s)

    def _judged(self, level: Level, allowance: Allowance) -> Drift:
        growth = self._growth(level)
        limit = None if allowance.limit is None else allowance.limit.value
        allowed = _allowed(allowance, growth)
        hours = None if limit is None else reaches(growth, limit)
        ruling = self._ruling(level, growth, allowance, allowed, limit)
        return Drift(
            level.path,
            growth,
            allowed,
            allowance.text,
            ruling.result,
            ruling.needed_hours,
            limit,
            None if hours is None else hours[0],
            None if hours is None else hours[1],
            ruling.note,
            level,
        )

    def _ruling(
        self, level: Level, growth: Growth, allowance: Allowance, allowed: float | None, limit: float | None
    ) -> Ruling:
        if limit is not None and growth.level is not None and growth.level >= limit:
            return Ruling("FAIL", note="It is at its limit already.")
        if level.is_latency and self.line.marked_share > MAX_MARKED_SHARE:
            share = f"{self.line.marked_share:.0%}"
            return Ruling(
                "INVALID", note=f"The generator was the limit in {share} of the hold's windows: use more workers."
            )
        if allowed is None:
            return Ruling("INCONCLUSIVE", growth.needs_hours, growth.note)
        ruling = rule(growth, allowed)
        if ruling.result == "PASS" and self._restarted(level):
            note = "It was restarted meanwhile, which gives back what had grown: judge a run without a restart."
            return Ruling("INCONCLUSIVE", note=note)
        return ruling

    def _restarted(self, level: Level) -> bool:
        """Whether what a level belongs to began anew while its growth was measured."""
        begin, end = self.line.hold_start_s, self.line.hold_end_s
        if level.path[0] != "target" or begin is None or end is None:
            return False
        source = level.path[1] if len(level.path) == 3 else None
        return any(
            begin + self.warm_up_s < at_s <= end and told.get("source", source) == source
            for at_s, _, told in notes_of(self.levels.data, "restart")
        )

    def _absent(self, allowance: Allowance) -> str:
        known = sorted({".".join(path) for path in self.levels.names()})
        nearest = difflib.get_close_matches(".".join(allowance.path), known, n=1, cutoff=0.6)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        watch = " Watch it: --watch." if allowance.path[0] == "target" and not nearest else ""
        return f"The run has no {'.'.join(allowance.path)}.{hint}{watch}"


def _allowed(allowance: Allowance, growth: Growth) -> float | None:
    """What is allowed an hour: the stricter of a growth and of a limit that must not be reached in a time."""
    found = []
    if allowance.growth is not None:
        found.append(allowance.growth.per_hour(growth.start, growth.hours))
    if allowance.limit is not None and allowance.within_s is not None:
        room = None if growth.level is None else allowance.limit.value - growth.level
        found.append(None if room is None else room / (allowance.within_s / _S_PER_H))
    told = [value for value in found if value is not None]
    return min(told) if told and len(told) == len(found) else None


def _stay(name: str, compared: Drained | None, amount: Amount | None) -> Stay:
    if amount is None:
        return Stay(name, compared)
    text = f"at most {amount.text}"
    if compared is None:
        return Stay(
            name, None, None, text, "INCONCLUSIVE", "It was not read after all had gone: give the run --watch-after."
        )
    of = compared.before if compared.full is None else compared.full
    allowed = amount.value if not amount.relative else None if of is None else amount.value * of
    stayed = compared.not_back if compared.not_back is not None else compared.kept
    if stayed is None or allowed is None:
        return Stay(name, compared, allowed, text, "INCONCLUSIVE", "It was not read before anybody came.")
    return Stay(name, compared, allowed, text, "PASS" if stayed <= allowed else "FAIL")


def _worst(results: Sequence[Result | None]) -> Result | None:
    return next((result for result in _ORDER if result in results), None)


def _reasons(drifts: Sequence[Drift], stays: Sequence[Stay]) -> list[str]:
    found = []
    for drift in drifts:
        if drift.result not in (None, "PASS"):
            needed = "" if drift.needed_hours is None else f" A hold of about {hours(drift.needed_hours)} would tell."
            found.append(f"{'.'.join(drift.path)}: {drift.note or 'over its budget.'}{needed}")
    return found + [
        f"{stay.name} after all had gone: {stay.note or 'more stayed than may.'}"
        for stay in stays
        if stay.result not in (None, "PASS")
    ]


def _warnings(data: RunData, line: Timeline, levels: Levels) -> list[str]:
    found = []
    if not line.ended:
        found.append("The run still goes on or was killed: this is what there is up to its last tick.")
    if data.meta.get("interrupted"):
        found.append(f"{told(data.meta, line)} It is judged as far as it went.")
    if line.marked.size:
        found.append(
            f"{line.marked.size:,} of {line.hold.size:,} windows are marked: the generator was the limit there. "
            f"Latency is judged without them."
        )
    if not any(path[0] == "target" for path in levels.names()):
        found.append("Nothing was watched on the target, so nothing can be said of its memory: give the run --watch.")
    restarts = [text for _, text, _ in notes_of(data, "restart")]
    if restarts:
        found.append(
            f"There were {len(restarts)} restarts ({restarts[0]} and so on): what a process has in memory begins anew "
            f"with each, so growth across one says little. Judge a run without."
            if len(restarts) > 1
            else f"{restarts[0][:1].upper()}{restarts[0][1:]}: what it has in memory began anew, so growth across that "
            f"moment says little. Judge a run without a restart."
        )
    failed = [text for _, text, _ in notes_of(data, "watch_failed")]
    if failed:
        found.append(f"A source that was watched failed {many(len(failed), 'time')}, first: {failed[0]}.")
    return found


def _aperiodic(data: RunData, budget: Budget) -> Iterator[str]:
    """Whether the load has a day's shape, and nobody said so."""
    profile = str((data.meta.get("plan") or {}).get("load_profile") or "flat")
    if profile != "flat" and budget.period_s is None:
        length = profile.partition("=")[2].partition("@")[0] or "24h"
        yield (
            f"The load goes up and down (--load-profile {profile}), and the budget names no period: only readings with "
            f'about as many connections as usual are compared. Write period = "{length}" under [soak] to compare '
            f"each phase of the day with itself."
        )


def _untold(drifts: Sequence[Drift], costs: Sequence[PerConnection]) -> Iterator[str]:
    """Why levels that were read have no growth, and memory no cost of a connection: once, not level by level."""
    for note, silent in groupby((one for one in drifts if not one.is_told), key=lambda one: one.growth.note):
        names = [".".join(one.path) for one in silent]
        yield f"No growth can be told of {', '.join(names)}: {note[:1].lower()}{note[1:]}"
    for note in dict.fromkeys(one.note for one in costs if one.each is None):
        yield f"What a connection costs cannot be told: {note[:1].lower()}{note[1:]}"


def hours(value: float) -> str:
    """Hours as people say them: ``90 s``, ``40 min``, ``7.5 h``, ``12 days``."""
    if math.isinf(value):
        return "for ever"
    if value < 2 / 60:
        return f"{value * _S_PER_H:.0f} s"
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.3g} h" if value < 72 else f"{value / 24:,.3g} days"


def as_dict(soak: Soak) -> dict[str, Any]:
    """The content of soak.json; :func:`loadtest.analysis.plain` makes it JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "result": soak.result,
        "exit_code": soak.exit_code,
        "hold_h": soak.hold_h,
        "warm_up_h": soak.warm_up_h,
        "period_h": soak.period_h,
        "drifts": [_drift_dict(drift) for drift in soak.drifts],
        "per_connection": [
            {
                "name": ".".join(one.path),
                "each": one.each,
                "interval": one.interval,
                "connections": one.connections,
                "note": one.note,
            }
            for one in soak.per_connection
        ],
        "drain": [_stay_dict(stay) for stay in soak.stays],
        "reasons": list(soak.reasons),
        "warnings": list(soak.warnings),
    }


def _drift_dict(drift: Drift) -> dict[str, Any]:
    growth = drift.growth
    return {
        "name": ".".join(drift.path),
        "unit": drift.level.dimension if drift.level is not None else "",
        "per_hour": growth.per_hour,
        "interval": growth.interval,
        "recent_per_hour": growth.recent_per_hour,
        "recent_interval": growth.recent_interval,
        "start": growth.start,
        "level": growth.level,
        "hours": growth.hours,
        "readings": growth.readings,
        "allowed_per_hour": drift.allowed_per_hour,
        "budget": drift.budget,
        "result": drift.result,
        "needed_hours": drift.needed_hours,
        "limit": drift.limit,
        "reaches_h": drift.reaches_h,
        "reaches_interval": drift.reaches_interval,
        "note": drift.note or growth.note,
    }


def _stay_dict(stay: Stay) -> dict[str, Any]:
    found = stay.found
    parts = ("before", "full", "full_last", "after", "again", "kept", "not_back")
    return {
        "name": stay.name,
        **{part: None if found is None else getattr(found, part) for part in parts},
        "allowed": stay.allowed,
        "budget": stay.budget,
        "result": stay.result,
        "note": stay.note,
    }
