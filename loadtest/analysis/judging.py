"""How a limit is judged against a summary's sections.

The interval decides where there is one: PASS when all of it keeps the limit, FAIL when all of it breaks the limit,
else INCONCLUSIVE. What could not be measured is INCONCLUSIVE and says how much more it takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.analysis.bootstrap import MIN_WINDOWS, required_n
from loadtest.analysis.keys import required_emissions
from loadtest.analysis.model import Bound, Check, Interval, Result
from loadtest.analysis.slo import WILDCARD, Limit, Slo, dotted
from loadtest.nouns import many

_OPEN_TABLES = frozenset(
    {"errors", "connect_failed", "disconnects", "protocol_errors", "violations", "unknown_events", "tolerated"}
)


def against(value: float, interval: Interval | None, limit: float, bound: Bound) -> Result:
    """Judge a value, by its interval where there is one.

    Args:
        value: the estimate.
        interval: its interval, or None to judge the value itself.
        limit: the limit.
        bound: whether it is a maximum or a minimum.

    Returns:
        PASS, FAIL, or INCONCLUSIVE where the limit lies inside the interval.
    """
    low, high = interval if interval is not None else (value, value)
    if bound == "max":
        return "PASS" if high <= limit else "FAIL" if low > limit else "INCONCLUSIVE"
    return "PASS" if low >= limit else "FAIL" if high < limit else "INCONCLUSIVE"


def slo_checks(slo: Slo, sections: Mapping[str, Any]) -> list[Check]:
    """Judge every limit of an SLO; a limit with a wildcard gives one check for each name it meets."""
    return [check for limit in slo.limits for check in _checks(limit, sections)]


def slo_warnings(slo: Slo, sections: Mapping[str, Any]) -> list[str]:
    """What an SLO overlooks: a latency limit that does not see what was lost."""
    found = []
    for event, roles in sections["fanout"].items():
        lost = sections["delivery"].get(event, {}).get("lost") or 0
        for role in roles:
            limited = {limit.path[-1] for limit in slo.limits if _names(limit, ("fanout", event, role))}
            if lost and "p99_ms" in limited and "p99_incl_lost_ms" not in limited:
                left_out = many(lost, "lost delivery", "lost deliveries")
                found.append(
                    f"The limit on p99_ms of {event} to {role}s leaves out {left_out}. "
                    f"Limit p99_incl_lost_ms instead, or lost as well."
                )
    return found


def _names(limit: Limit, table: tuple[str, ...]) -> bool:
    parent = limit.path[:-1]
    return len(parent) == len(table) and all(mine in (WILDCARD, its) for mine, its in zip(parent, table, strict=True))


def _checks(limit: Limit, sections: Mapping[str, Any]) -> Iterator[Check]:
    paths = list(_expand(limit.path, sections, ()))
    if paths:
        yield from (_check(limit, path, sections) for path in paths)
    elif limit.path[-1] == WILDCARD:
        yield _verdict(limit, limit.path, 0.0, None)
    else:
        yield _unmeasured(limit, limit.path, "The run brought nothing that this key names.")


def _expand(path: tuple[str, ...], node: Any, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths a limit stands for: wildcards replaced by what is there."""
    if not path:
        yield before
        return
    name, *rest = path
    if name != WILDCARD:
        inner = node.get(name) if isinstance(node, Mapping) else None
        yield from _expand(tuple(rest), inner, (*before, name))
        return
    for found, inner in (node or {}).items():
        yield from _expand(tuple(rest), inner, (*before, found))


def _check(limit: Limit, path: tuple[str, ...], sections: Mapping[str, Any]) -> Check:
    row: Any = sections
    for depth, name in enumerate(path[:-1]):
        if not isinstance(row, Mapping) or name not in row:
            seen = ", ".join(sorted(row)) if isinstance(row, Mapping) and row else "none"
            return _unmeasured(limit, path, f"The run has no {dotted(path[: depth + 1])}; it has: {seen}.")
        row = row[name]
    key = path[-1]
    value = row.get(key)
    if value is None and path[-2:-1] and path[-2] in _OPEN_TABLES:
        value = 0.0
    if value is None:
        return _unmeasured(limit, path, _what_it_takes(limit, row, key))
    interval = row.get(f"{key}_interval")
    few = _too_few_emissions(limit, path, row)
    if few:
        return Check(
            limit.name_of(path), value, limit.value, limit.bound, limit.key.unit, "INCONCLUSIVE", interval, few
        )
    if interval is None and limit.key.quantile is not None and f"{key}_interval" in row:
        note = f"A percentile is judged on its interval, which takes {MIN_WINDOWS} windows: hold longer."
        return Check(limit.name_of(path), value, limit.value, limit.bound, limit.key.unit, "INCONCLUSIVE", None, note)
    return _verdict(limit, path, float(value), interval)


def _verdict(limit: Limit, path: tuple[str, ...], value: float, interval: Interval | None) -> Check:
    result = against(value, interval, limit.value, limit.bound)
    note = ""
    if result == "INCONCLUSIVE" and interval is not None:
        note = _longer(value, interval, limit.value)
    return Check(limit.name_of(path), value, limit.value, limit.bound, limit.key.unit, result, interval, note)


def _unmeasured(limit: Limit, path: tuple[str, ...], note: str) -> Check:
    return Check(limit.name_of(path), None, limit.value, limit.bound, limit.key.unit, "INCONCLUSIVE", None, note)


def _what_it_takes(limit: Limit, row: Mapping[str, Any], key: str) -> str:
    quantile = limit.key.quantile
    if quantile is None:
        return f"{key} was not measured in this run."
    need = required_n(quantile)
    have = row.get("last_n" if key.startswith("last_") else "n")
    seen = f"{have:,}" if isinstance(have, int) else "too few"
    return f"{key} takes at least {need:,} samples and has {seen}: hold longer or raise the rate."


def _too_few_emissions(limit: Limit, path: tuple[str, ...], row: Mapping[str, Any]) -> str:
    """Why a fan-out percentile has no verdict: its unit is the emission, however many receivers each has."""
    if path[0] != "fanout" or limit.key.quantile is None:
        return ""
    need = required_emissions(limit.key.quantile)
    served = path[-1].startswith("last_") and "incl_lost" not in path[-1]
    have = row["last_n"] if served else row["emissions"]
    if have >= need:
        return ""
    times = f"{max(need / have, 1.1):.1f} times as long" if have else "longer"
    return (
        f"{many(have, 'emission stands', 'emissions stand')} behind it and a verdict takes {need:,}: hold {times}, or "
        f"raise --emit-rate (receivers of one emission are not independent samples)."
    )


def _longer(value: float, interval: Interval, limit: float) -> str:
    """How much longer a run would decide: an interval narrows with the root of the time."""
    half = max(interval[1] - value, value - interval[0])
    distance = abs(limit - value)
    if not math.isfinite(half) or distance <= 0 or not math.isfinite(distance):
        return "The limit lies inside the interval: hold longer, or repeat the run."
    times = max((half / distance) ** 2, 1.1)
    if times > 100:
        return "The limit lies inside the interval and all but equals the estimate: more time will hardly decide it."
    return f"The limit lies inside the interval: about {times:.1f} times as long a hold would decide it."
