"""Was the generator fit to measure? Its own lateness and load, and the reasons that make a run INVALID.

A slow generator must never be reported as a slow server: lateness, loop lag and CPU beyond their bounds are recorded as
breaches while the run goes on, each marking its window. More than 5 % marked windows make a run INVALID.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from loadtest.analysis.model import RunData
from loadtest.analysis.quantiles import MS_PER_US
from loadtest.analysis.sections import Section, percentile_keys
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Breach, Scope, Timeline, held_gauges, notes_of
from loadtest.collect.read_lag import READ_LAG_LIMIT_MS
from loadtest.nouns import many

MAX_MARKED_SHARE = 0.05
"""More marked windows than this share of the hold make a run INVALID."""

_SHARES = frozenset({"cpu", "dropped", "overflow"})
"""What is measured as a share; all else is in milliseconds."""

WORKER_CPU_SHARE = 0.6
"""Share of a core up to which a worker reads without a queue of its own (measured: tests/bench)."""

SERVER_CPU_SHARE = 0.9
"""Share of a core above which the embedded server, one process, is the limit of a run."""

CURED_BY_WORKERS = frozenset({"lateness", "loop_lag", "cpu", "read_lag", "backlog"})
"""Causes of breaches that more workers cure."""

US_PER_S = 1_000_000

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
    section |= _read_lag(series, scope)
    section["workers_needed"] = _workers_needed(data, series, scope)
    section["cpu_share_max"] = highest(data, line, "generator.cpu_share")
    section["steal_share_max"] = highest(data, line, "generator.steal_share")
    section["machine_cpu_share_max"] = highest(data, line, "generator.machine_cpu_share")
    section["rss_max_bytes"] = highest(data, line, "generator.rss_bytes")
    section["open_entries_max"] = highest(data, line, "generator.open_entries")
    section["dropped"] = round(series.total("generator.dropped", scope.hold) or 0)
    uncounted = round(series.total("generator.overflow", scope.hold) or 0)
    section["overflow"] = uncounted + series.out_of_range(scope.hold)[0]
    section["clock_bound_ms"] = _clock_bound_ms(data, line)
    section["windows"] = int(line.hold.size)
    section["windows_marked"] = int(line.marked.size)
    section["marked_by"] = line.causes()
    return section


def _read_lag(series: Series, scope: Scope) -> Section:
    """From the kernel's receive stamp to the read: what it is at least and, of reads of several messages, at most."""
    pool = series.pool("read_lag", scope.hold)
    bounds, backlog = (series.total(f"generator.read_{of}", scope.hold) or 0 for of in ("bounds", "backlog"))
    section: Section = {"read_lag_n": pool.n, "read_lag_exact_share": 1 - bounds / pool.n if pool.n else None}
    section |= percentile_keys("read_lag_", (("p50", 0.5), ("p99", 0.99)), pool)
    section |= percentile_keys("read_lag_most_", (("p99", 0.99),), series.pool("read_lag_most", scope.hold))
    section["read_backlog_share"] = backlog / pool.n if pool.n else None
    section["windows_rough"] = int((np.nan_to_num(series.per_window("generator.read_rough", scope.hold)) > 0).sum())
    return section


def _workers_needed(data: RunData, series: Series, scope: Scope) -> int | None:
    """How many workers would have read this load with room to spare.

    What a worker does not read in time it reads later, so the CPU that was used is scaled by what arrived for the
    emissions of the hold over what was read during it.
    """
    tracked = {name for _, name, _ in series.count_keys("delivery.expected")}
    read = sum(series.total("delivery.received", scope.hold, name=name) or 0 for name in tracked)
    arrived = sum(
        series.total(f"delivery.{column}", scope.hold, name=name) or 0
        for name in tracked
        for column in ("delivered", "late", "duplicated", "undetermined")
    )
    used_us = series.total("generator.cpu_us", scope.hold)
    hold_us = scope.hold.size * data.window_s * US_PER_S
    if not read or not used_us or not hold_us:
        return None
    return max(1, math.ceil(used_us / hold_us * max(1.0, arrived / read) / WORKER_CPU_SHARE))


def highest(data: RunData, line: Timeline, name: str) -> float | None:
    """The largest reading of a gauge during the hold; None where there is none."""
    gauges = held_gauges(data, line)
    values = gauges.loc[gauges["name"] == name, "value"].dropna()
    return float(values.max()) if len(values) else None


def _clock_bound_ms(data: RunData, line: Timeline) -> float | None:
    """How far two workers' clocks may differ; 0 inside one process.

    Each worker knows how far it may be from the master at most; two of them may err in opposite directions.
    """
    gauges = held_gauges(data, line)
    bounds = gauges[gauges["name"] == "generator.clock_bound_us"].groupby("worker")["value"].max()
    if len(bounds):
        return round(float(bounds.nlargest(2).sum()) * MS_PER_US, 3)
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
        reasons.append(_marked_reason(line) + _backlog(series, line) + _more_workers(data, line, section))
    for kind, remedy in FATAL_NOTES.items():
        reasons += [f"{kind.replace('_', ' ').capitalize()}: {text}. {remedy}." for _, text, _ in notes_of(data, kind)]
    if line.hold.size and not series.pool("loop_lag", line.hold).n:
        reasons.append(
            "The generator recorded nothing about itself in the hold, so that nobody knows whether it was fit: look at "
            "its log, and run again."
        )
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


def warnings(line: Timeline, section: Section, fanout: Section, emitted: int) -> list[str]:
    """What a reader should know about the generator although it does not invalidate the run."""
    found = []
    if section["windows_marked"] and line.marked_share <= MAX_MARKED_SHARE:  # beyond that it is the reason
        causes = ", ".join(f"{cause} {count}" for cause, count in section["marked_by"].items())
        found.append(
            f"{section['windows_marked']} of {section['windows']} windows of the hold are marked as untrusted "
            f"({causes}); the verdict uses the others. {_remedy_of(line)}."
        )
    if section["windows_rough"]:
        found.append(
            f"In {section['windows_rough']} of {section['windows']} windows of the hold our own reading made the "
            f"latencies more than 10 % longer (by up to {READ_LAG_LIMIT_MS:g} ms, which marks no window). "
            f"Latencies up to the arrival are without it: --kernel-stamps 1 takes them of every delivery."
        )
    if section["overflow"]:
        found.append(
            f"{many(section['overflow'], 'sample is', 'samples are')} in no percentile: outside the histograms "
            f"(negative or above an hour), or without room. Look for a stepped clock and for breaches of memory."
        )
    dropped = section["dropped"]
    if dropped:
        found.append(
            f"{many(dropped, 'planned action was', 'planned actions were')} dropped "
            f"({dropped / (dropped + emitted):.1%} of the plan): the load was lower than asked for. "
            f"Give the run more conversations (--contacts) or a lower --emit-rate."
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


def server_warnings(data: RunData, line: Timeline) -> list[str]:
    """What a reader should know about the embedded server, lest its limit be taken for an installation's."""
    share, backlog = highest(data, line, "target.cpu_share"), highest(data, line, "target.backlog_bytes")
    embedded = (data.meta.get("target") or {}).get("embedded")
    if not embedded or share is None or share <= SERVER_CPU_SHARE:  # what is watched may have many cores
        return []
    waiting = f", {backlog / 1e6:,.1f} MB waited in it" if backlog else ""
    return [
        f"The embedded server's core was full ({share:.0%} at most{waiting}): latencies are its own, and say nothing "
        f"of your installation or of this tool. Lower --emit-rate or --members."
    ]


def _medians(fanout: Section) -> list[tuple[str, str, float]]:
    rows = [(event, role, row["p50_ms"]) for event, roles in fanout.items() for role, row in roles.items()]
    return [(event, role, float(p50_ms)) for event, role, p50_ms in rows if p50_ms is not None]


def _marked_reason(line: Timeline) -> str:
    held = set(line.hold.tolist())
    breaches = [breach for breach in line.breaches if breach.window in held]
    worst = max(breaches, key=_excess)
    causes = ", ".join(f"{cause} {count}" for cause, count in line.causes().items())
    size = "" if math.isnan(worst.value) else f" (worst: {_size(worst)})"
    return (
        f"The generator was the limit in {line.marked.size} of {line.hold.size} windows of the hold, more than "
        f"{MAX_MARKED_SHARE:.0%}: {causes}{size}. {_remedy_of(line)}."
    )


def _backlog(series: Series, line: Timeline) -> str:
    """How a backlog grew over the hold, where it marks windows."""
    held = set(line.hold.tolist())
    windows = [breach.window for breach in line.breaches if breach.cause == "backlog" and breach.window in held]
    if len(windows) < 2:
        return ""
    first, last = (
        (series.pool("read_lag_most", np.array([window], np.int64)).merged.percentile(99.0) or 0.0) / US_PER_S
        for window in (min(windows), max(windows))
    )
    return (
        f" Messages were read up to {first:.2g} s late in the first of these windows, up to {last:.2g} s in the last."
    )


def _size(breach: Breach) -> str:
    """What was measured, and the limit it crossed, with their unit."""
    measure = breach.measure or breach.cause
    if measure in _SHARES:
        value, limit = f"{breach.value:.2%}", f"{breach.limit:.1%}"
    else:
        value, limit = f"{breach.value:.3g} ms", f"{breach.limit:.3g} ms"
    return f"{measure.replace('_', ' ')} {value}, limit {limit}"


def _more_workers(data: RunData, line: Timeline, section: Section) -> str:
    """How many workers the load needs, where more of them help."""
    needed, workers = section["workers_needed"], int(data.meta.get("workers") or 0)
    if needed is None or not workers or not CURED_BY_WORKERS & line.causes().keys():
        return ""
    needed = max(needed, workers + 1)
    return f" This load needs about {needed} workers of a core each (--processes {needed}); it had {workers}."


def _remedy_of(line: Timeline) -> str:
    """What to do about the worst breach of the hold."""
    held = set(line.hold.tolist())
    breaches = [breach for breach in line.breaches if breach.window in held]
    remedy = max(breaches, key=_excess).remedy.rstrip(". ") if breaches else ""
    return remedy or "Use fewer users a process, more workers, or a faster machine"


def _excess(breach: Breach) -> float:
    ratio: Any = breach.value / breach.limit if breach.limit else breach.value
    return -1.0 if math.isnan(ratio) else float(ratio)
