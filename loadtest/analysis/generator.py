"""Was the generator fit to measure? Its own lateness and load, and the reasons that make a run INVALID.

A slow generator must never be reported as a slow server: lateness, loop lag and CPU beyond their bounds are recorded as
breaches while the run goes on, each marking its window. More than 5 % marked windows make a run INVALID.
"""

from __future__ import annotations

import math
from typing import Any

from loadtest.analysis.model import RunData
from loadtest.analysis.quantiles import MS_PER_US
from loadtest.analysis.sections import Section, percentile_keys
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Breach, Scope, Timeline, held_gauges, notes_of

MAX_MARKED_SHARE = 0.05
"""More marked windows than this share of the hold make a run INVALID."""

MAX_OUT_OF_RANGE_SHARE = 0.001
"""More samples outside the histograms' range than this would move a p99.9."""

FATAL_NOTES = {
    "worker_lost": "Look at that worker's log and memory, and run again: its sockets and windows are missing",
    "generator_error": "This is a defect of the load generator or of the locustfile: read its log and run again",
}
"""Kinds of notes that alone make a run INVALID, with what to do."""


def generator(data: RunData, series: Series, line: Timeline, scope: Scope) -> Section:
    """The generator's own numbers over the hold; ``valid`` and ``reasons`` are added by the verdict."""
    section: Section = {}
    lag = series.pool("loop_lag", scope.hold)
    section |= percentile_keys("lateness_", (("p99", 0.99),), series.pool("lateness", scope.hold))
    section |= percentile_keys("loop_lag_", (("p99", 0.99),), lag)
    section["loop_lag_max_ms"] = None if lag.max_us is None else round(lag.max_us * MS_PER_US, 3)
    section |= percentile_keys("rest_wait_", (("p99", 0.99),), series.pool("rest_wait", scope.hold))
    section["cpu_share_max"] = _highest(data, line, "generator.cpu_share")
    section["rss_max_bytes"] = _highest(data, line, "generator.rss_bytes")
    section["open_entries_max"] = _highest(data, line, "generator.open_entries")
    section["dropped"] = round(series.total("generator.dropped", scope.hold) or 0)
    uncounted = round(series.total("generator.overflow", scope.hold) or 0)
    section["overflow"] = uncounted + series.out_of_range(scope.hold)[0]
    section["clock_bound_ms"] = _clock_bound_ms(data, line)
    section["windows"] = int(line.hold.size)
    section["windows_marked"] = int(line.marked.size)
    section["marked_by"] = line.causes()
    return section


def _highest(data: RunData, line: Timeline, name: str) -> float | None:
    gauges = held_gauges(data, line)
    values = gauges.loc[gauges["name"] == name, "value"].dropna()
    return float(values.max()) if len(values) else None


def _clock_bound_ms(data: RunData, line: Timeline) -> float | None:
    """How far two workers' clocks may differ: the gauge of the distributed run, 0 inside one process."""
    bound_us = _highest(data, line, "generator.clock_bound_us")
    if bound_us is not None:
        return round(bound_us * MS_PER_US, 3)
    return 0.0 if int(data.meta.get("workers") or 0) <= 1 else None


def invalid_reasons(data: RunData, series: Series, line: Timeline, section: Section, fanout: Section) -> list[str]:
    """Why the generator's numbers cannot be trusted, a sentence each; empty for a sound generator.

    Args:
        data: the run.
        series: its series.
        line: its windows.
        section: the generator's section over the whole hold.
        fanout: the fan-out section over the whole hold.
    """
    reasons = []
    if line.marked_share > MAX_MARKED_SHARE:
        reasons.append(_marked_reason(line))
    for kind, remedy in FATAL_NOTES.items():
        reasons += [f"{kind.replace('_', ' ').capitalize()}: {text}. {remedy}." for _, text, _ in notes_of(data, kind)]
    outside, samples = series.out_of_range(line.hold)
    if samples and outside / samples > MAX_OUT_OF_RANGE_SHARE:
        reasons.append(
            f"{outside:,} of {samples:,} samples fell outside the histograms (negative or above an hour), so the high "
            f"percentiles are not true. Look for a clock that was stepped during the run and run again."
        )
    bound_ms = section["clock_bound_ms"]
    for event, role, p50_ms in _medians(fanout):
        if bound_ms is not None and bound_ms > p50_ms:
            reasons.append(
                f"The workers' clocks agree only to {bound_ms:g} ms, more than the median of {event} to {role}s "
                f"({p50_ms:g} ms). Run the workers on one host, or synchronise their clocks better."
            )
    return reasons


def warnings(section: Section, fanout: Section, emitted: int) -> list[str]:
    """What a reader should know about the generator although it does not invalidate the run."""
    found = []
    if section["windows_marked"]:
        causes = ", ".join(f"{cause} {count}" for cause, count in section["marked_by"].items())
        found.append(
            f"{section['windows_marked']} of {section['windows']} windows of the hold are marked as untrusted "
            f"({causes}); the verdict uses the others. Fewer users a process, or more workers, give the generator room."
        )
    if section["overflow"]:
        found.append(
            f"{section['overflow']:,} samples are in no percentile: they fell outside the histograms (negative or "
            f"above an hour) or there was no room for them. Look for a stepped clock and for breaches of memory."
        )
    dropped = section["dropped"]
    if dropped:
        found.append(
            f"{dropped:,} planned actions were dropped ({dropped / (dropped + emitted):.1%} of the plan): the load was "
            f"lower than asked for. Give the run more conversations (--contacts) or a lower --emit-rate."
        )
    bound_ms = section["clock_bound_ms"]
    doubtful = [
        (event, role) for event, role, p50_ms in _medians(fanout) if bound_ms and p50_ms / 10 < bound_ms <= p50_ms
    ]
    if doubtful:
        event, role = doubtful[0]
        found.append(
            f"The clocks' bound of {bound_ms:g} ms is more than a tenth of the median of {event} to {role}s"
            f"{' and others' if len(doubtful) > 1 else ''}. Run the workers on one host for latencies this small."
        )
    return found


def _medians(fanout: Section) -> list[tuple[str, str, float]]:
    rows = [(event, role, row["p50_ms"]) for event, roles in fanout.items() for role, row in roles.items()]
    return [(event, role, float(p50_ms)) for event, role, p50_ms in rows if p50_ms is not None]


def _marked_reason(line: Timeline) -> str:
    held = set(line.hold.tolist())
    breaches = [breach for breach in line.breaches if breach.window in held]
    worst = max(breaches, key=_excess)
    causes = ", ".join(f"{cause} {count}" for cause, count in line.causes().items())
    size = f" (worst: {worst.cause} {worst.value:g} against {worst.limit:g})" if not math.isnan(worst.value) else ""
    remedy = worst.remedy.rstrip(". ") or "Use fewer users a process, more workers, or a faster machine"
    return (
        f"The generator was the limit in {line.marked.size} of {line.hold.size} windows of the hold, more than "
        f"{MAX_MARKED_SHARE:.0%}: {causes}{size}. {remedy}."
    )


def _excess(breach: Breach) -> float:
    ratio: Any = breach.value / breach.limit if breach.limit else breach.value
    return -1.0 if math.isnan(ratio) else float(ratio)
