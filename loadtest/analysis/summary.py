"""A run summarised: the content of summary.json, made from the run's frames alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loadtest.analysis import conformity
from loadtest.analysis import generator as generating
from loadtest.analysis import sections as measured
from loadtest.analysis import verdict as judged
from loadtest.analysis.emissions import Emissions
from loadtest.analysis.interruption import told, whole_plan
from loadtest.analysis.judging import slo_checks, slo_warnings
from loadtest.analysis.keys import MIN_EMISSIONS_P99
from loadtest.analysis.limits import limit_warnings
from loadtest.analysis.model import Check, RunData, Summary
from loadtest.analysis.population import connected_share, users
from loadtest.analysis.presence import presence
from loadtest.analysis.series import Series
from loadtest.analysis.service import service
from loadtest.analysis.slo import Slo
from loadtest.analysis.storms import not_begun, storms
from loadtest.analysis.windows import Scope, Timeline, timeline
from loadtest.nouns import many, noun

_RUN_EXTRAS = ("run_tag", "ended_at", "target_lost", "faults", "locustfile", "deadline_s", "run_time_s", "ran_s")


def summarise(data: RunData, slo: Slo | None = None) -> Summary:
    """Summarise and judge a run, finished or still running.

    The sections cover the whole hold; the verdict is judged on its unmarked windows (:mod:`loadtest.analysis.verdict`).

    Args:
        data: the run's frames.
        slo: limits to judge by; None for the default checks.

    Returns:
        The summary; :meth:`Summary.as_dict` is the content of summary.json.
    """
    series = Series(data)
    line = timeline(data)
    emissions = Emissions.of(data)
    full = _measure(data, series, line, emissions, line.full())
    fitness = full["generator"]
    reasons = generating.invalid_reasons(data, series, line, fitness, full["fanout"])
    fitness["valid"], fitness["reasons"] = not reasons, reasons
    complete = _checks(data, series, line, line.full(), full, slo)
    scope = line.trusted()
    trusted, trusted_checks = full, complete
    if not scope.complete and scope.hold.size:
        trusted = {**_measure(data, series, line, emissions, scope), "generator": fitness}
        trusted_checks = _checks(data, series, line, scope, trusted, slo)
    found = storms(data, series)
    warnings = [*not_begun(data, found, line.hold_s), *_warnings(data, line, full, slo)]
    verdict = judged.decide(trusted_checks, complete, warnings)
    if data.meta.get("interrupted") and verdict.result != "INCONCLUSIVE":  # else it is the reason
        verdict = replace(verdict, warnings=(told(data.meta, line), *verdict.warnings))
    before = [*trusted_checks, *complete]
    deciding = [f"{check.name}: {check.note}" for check in verdict.checks if _decided_in_marked(check, before)]
    if deciding:
        fitness["valid"], fitness["reasons"] = False, [*reasons, *deciding]
    drills = {"storms": found} if found else {}
    return Summary({"run": _run(data, line), **full, **drills}, verdict)


def _measure(data: RunData, series: Series, line: Timeline, emissions: Emissions, scope: Scope) -> dict[str, Any]:
    return {
        "fanout": measured.fanout(series, emissions, scope),
        "service": service(emissions, scope),
        "delivery": measured.delivery(series, scope),
        "rest": measured.rest(series, scope),
        "presence": presence(data, series, scope),
        "cable": measured.cable(series, scope),
        "contract": conformity.contract(data, series),
        "users": users(data, series, line, scope),
        "generator": generating.generator(data, series, line, scope),
    }


def _checks(
    data: RunData, series: Series, line: Timeline, scope: Scope, sections: dict[str, Any], slo: Slo | None
) -> list[Check]:
    essential = judged.essential_checks(sections, data.meta)
    if (cut_short := whole_plan(data.meta, line)) is not None:
        essential.append(cut_short)
    if slo is not None:
        return [*essential, *slo_checks(slo, sections)]
    return [*essential, *judged.default_checks(sections, connected_share(series, scope))]


def _decided_in_marked(check: Check, before: list[Check]) -> bool:
    return check.result == "INVALID" and not any(one.name == check.name and one.result == "INVALID" for one in before)


def _run(data: RunData, line: Timeline) -> dict[str, Any]:
    meta = data.meta
    target = meta.get("target") or {}
    population = meta.get("population") or {}
    return {
        "id": meta.get("run_id"),
        "started_at": meta.get("started_at"),
        "duration_s": round(line.duration_s, 3),
        "hold_s": round(line.hold_s, 3),
        "interrupted": meta.get("interrupted"),
        "target": {
            **{key: target.get(key) for key in ("url", "embedded", "dialect", "server")},
            "cpu_share_max": generating.highest(data, line, "target.cpu_share"),
            "rss_max_bytes": generating.highest(data, line, "target.rss_bytes"),
            "backlog_max_bytes": generating.highest(data, line, "target.backlog_bytes"),
        },
        "population": {key: population.get(key) for key in ("agents", "contacts", "accounts", "members")},
        "plan": dict(meta.get("plan") or {}),
        "versions": dict(meta.get("versions") or {}),
        "workers": meta.get("workers"),
        "seed": meta.get("seed"),
        "window_s": data.window_s,
        **{key: meta.get(key) for key in _RUN_EXTRAS},
    }


def _warnings(data: RunData, line: Timeline, sections: dict[str, Any], slo: Slo | None) -> list[str]:
    balance = sections["delivery"]
    emitted = sum(row["emitted"] or 0 for event, row in balance.items() if event != measured.PRESENCE_EVENT)
    found = generating.warnings(line, sections["generator"], sections["fanout"], emitted)
    if not line.ended and not data.meta.get("interrupted"):
        found.append(
            "The run has no end: it still goes on or was killed. Numbers reach up to its last tick; make the report "
            "again once it has ended."
        )
        under_way = _under_way(data)
        if under_way:
            found.append(
                f"{many(under_way, 'emission was', 'emissions were')} under way at the last tick: what became of "
                f"{noun(under_way, 'it', 'them')} is undetermined, and in no balance."
            )
    gaps = [gap for gap in data.meta.get("gaps") or () if gap[1] is not None]
    if gaps:
        away_s = sum(last - first + 1 for first, last in gaps) * data.window_s
        found.append(
            f"The run was gone on with {many(len(gaps), 'time')} after its generator was gone: "
            f"{away_s:,.0f} s of its time line hold no data, which is no loss."
        )
    share = float(data.meta.get("closing_share") or 1.0)
    if share < 1.0:
        found.append(
            f"The run is long: records of single emissions were kept of {share:.3g} of them, a fair sample. Last "
            f"receivers and times at the server are told of those; all else is of every delivery."
        )
    late = sum(row["late"] or 0 for row in balance.values())
    if late:
        found.append(
            f"{many(late, 'delivery', 'deliveries')} came after the deadline: in the latencies, and not lost. Look "
            f"at the latency over time for when the target fell behind."
        )
    cut = sum(row["cut_by_peer"] or 0 for row in balance.values())
    if cut:
        found.append(
            f"{many(cut, 'delivery has', 'deliveries have')} no outcome because the target cut "
            f"{noun(cut, 'its socket', 'their sockets')} first, and {noun(cut, 'is', 'are')} in no loss. Look at the "
            f"disconnect reasons."
        )
    found += generating.server_warnings(data, line)
    found += limit_warnings(sections)
    found += _deaf(sections["cable"])
    found += conformity.not_driven(sections["contract"], sections["rest"])
    found += conformity.tolerated(sections["contract"])
    found += _few_emissions(sections["fanout"])
    if slo is None:
        found += judged.presence_warnings(sections)
        found += _roles_below(sections["users"])
    else:
        found += slo_warnings(slo, sections)
    return found


def _under_way(data: RunData) -> int:
    """Emissions whose books were open at the last tick, over all workers."""
    gauges = data.gauges[data.gauges["name"] == "generator.open_entries"]
    return int(gauges.groupby("worker")["value"].last().sum()) if len(gauges) else 0


def _deaf(cable: dict[str, Any]) -> list[str]:
    if not cable["deaf"]:
        return []
    again = cable["deaf_recovered"]
    return [
        f"{many(cable['deaf'], 'socket was', 'sockets were')} connected but deaf: open, subscribed, and nothing of "
        f"what was due came; {again:,} heard again. Look at the target's pub/sub side; the time line says when."
    ]


def _few_emissions(fanout: dict[str, Any]) -> list[str]:
    few = {
        f"{event} to {role}s": row["emissions"]
        for event, roles in fanout.items()
        for role, row in roles.items()
        if event != measured.PRESENCE_EVENT and row["n"] and row["emissions"] < MIN_EMISSIONS_P99
    }
    if not few:
        return []
    name, fewest = min(few.items(), key=lambda item: item[1])
    which = f"{name} ({fewest:,})" if len(few) == 1 else f"{len(few)} fan-outs, fewest {name} ({fewest:,})"
    return [
        f"Fewer than {MIN_EMISSIONS_P99} emissions stand behind {which}: their p99 supports no verdict. "
        f"Hold longer or raise --emit-rate."
    ]


def _roles_below(rows: dict[str, Any]) -> list[str]:
    return [
        f"Only {row['confirmed']:,} of {row['planned']:,} {role}s were confirmed during the hold. "
        f"Look at the connection outcomes for why."
        for role, row in rows.items()
        if 100 * row["confirmed"] < judged.MIN_CONFIRMED_PERCENT * row["planned"]
    ]
