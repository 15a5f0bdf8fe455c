"""The measured sections of summary.json: fan-out, delivery, REST, presence, cable.

Each takes a run's series and the windows that count and returns plain nested dicts with the names of the design
("Outside faces"). Percentiles and shares have their 95 % interval beside them under the same name with ``_interval``.
What was not measured, or has too few samples, is None.

What leaked is safety, not speed, and is counted over the whole run whatever the windows, as the contract is
(:mod:`loadtest.analysis.conformity`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from loadtest.analysis.bootstrap import ratio_interval
from loadtest.analysis.emissions import Emissions
from loadtest.analysis.model import Estimate, Interval
from loadtest.analysis.quantiles import MS_PER_US, S_PER_US, Pool
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Scope

Section = dict[str, Any]

LEDGER = (
    "emitted",
    "expected",
    "delivered",
    "late",
    "lost",
    "duplicated",
    "reordered",
    "leaked",
    "cut_by_peer",
    "cut_by_us",
    "away",
    "undetermined",
    "unmatched",
    "foreign",
)
"""The columns of the delivery balance."""

PRESENCE_EVENT = "presence.update"
"""What answers a beat: it has no due time, and no fan-out."""

_WHOLE_RUN = frozenset({"leaked"})
_DIGITS = 3
_US_PER_S = 1_000_000


def percentile_keys(prefix: str, quantiles: Iterable[tuple[str, float]], pool: Pool) -> Section:
    """Percentiles in milliseconds as ``{prefix}{label}_ms`` with their intervals beside them."""
    section: Section = {}
    for label, q in quantiles:
        put(section, f"{prefix}{label}_ms", pool.percentile(q).scaled(MS_PER_US, _DIGITS))
    return section


def put(section: Section, key: str, estimate: Estimate) -> None:
    section[key] = estimate.value
    section[f"{key}_interval"] = estimate.interval


def put_share(section: Section, key: str, numerator: np.ndarray[Any, Any], denominator: np.ndarray[Any, Any]) -> None:
    """A share of two per-window sums, with its interval cut to 0..1; None where there is nothing to divide by."""
    total = float(denominator.sum())
    section[key] = float(numerator.sum()) / total if total > 0 else None
    section[f"{key}_interval"] = _clipped(ratio_interval(numerator, denominator))


def _clipped(interval: Interval | None) -> Interval | None:
    return None if interval is None else (min(max(interval[0], 0.0), 1.0), min(max(interval[1], 0.0), 1.0))


def fanout(series: Series, emissions: Emissions, scope: Scope) -> Section:
    """Latency from the due moment to the receiver's socket, late deliveries included, per event and role.

    ``last_*`` is the slowest required receiver of an emission, ``sent_*`` counts from the actual send,
    ``p99_incl_lost_ms`` takes what was lost as infinite (``last_p99_incl_lost_ms`` an emission that somebody lost): a
    role that lost all of an event has a row too. ``arrival_*`` ends when the kernel received the message instead of
    when this tool read it, over those deliveries whose arrival is known.
    """
    section: Section = {}
    windows = scope.hold
    for event, role in sorted({*series.hist_keys("fanout"), *_all_lost(series)}):
        lost = series.per_window("delivery.lost", windows, name=event, role=role)
        pool = series.pool("fanout", windows, name=event, role=role, lost=lost)
        last = emissions.last(event, role, windows) or series.pool("fanout_last", windows, name=event, role=role)
        sent = series.pool("fanout_sent", windows, name=event, role=role)
        row: Section = {"n": pool.n, "emissions": emissions.count(event, role, windows, series)}
        row |= percentile_keys("", (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)), pool)
        row["max_ms"] = None if pool.max_us is None else round(pool.max_us * MS_PER_US, _DIGITS)
        put(row, "p99_incl_lost_ms", pool.percentile_incl_lost(0.99).scaled(MS_PER_US, _DIGITS))
        row["last_n"] = last.n
        row |= percentile_keys("last_", (("p50", 0.5), ("p99", 0.99)), last)
        put(row, "last_p99_incl_lost_ms", last.percentile_incl_lost(0.99).scaled(MS_PER_US, _DIGITS))
        row |= percentile_keys("sent_", (("p50", 0.5), ("p99", 0.99)), sent)
        arrival = series.pool("fanout_arrival", windows, name=event, role=role)
        row["arrival_n"] = arrival.n
        row |= percentile_keys("arrival_", (("p50", 0.5), ("p99", 0.99)), arrival)
        section.setdefault(event, {})[role] = row
    return section


def _all_lost(series: Series) -> list[tuple[str, str]]:
    """The (event, role) pairs of which something was lost and nothing ever came: no latency tells of them."""
    lost = [(name, role) for metric, name, role in series.count_keys("delivery.lost") if metric == "delivery.lost"]
    return [
        (name, role)
        for name, role in lost
        if role
        and name != PRESENCE_EVENT
        and series.total("delivery.lost", None, name=name, role=role)
        and not any(series.total(f"delivery.{came}", None, name=name, role=role) for came in ("delivered", "late"))
    ]


def delivery(series: Series, scope: Scope) -> Section:
    """The ledger's balance per event, over roles and by role.

    An event that was received but never accounted for has None where a balance would need an expectation.
    Shares are of the settled cells: delivered + late + lost + cut by the peer.
    """
    keys = series.count_keys("delivery.")
    section: Section = {}
    for event in sorted({name for _, name, _ in keys}):
        accounted = any(name == event and metric in _EXPECTATIONS for metric, name, _ in keys)
        roles = sorted({role for _, name, role in keys if name == event and role})
        row = _balance(series, scope, event, None, accounted=accounted)
        row["by_role"] = {role: _balance(series, scope, event, role, accounted=accounted) for role in roles}
        section[event] = row
    return section


_EXPECTATIONS = frozenset({"delivery.emitted", "delivery.expected"})


def _balance(series: Series, scope: Scope, event: str, role: str | None, *, accounted: bool) -> Section:
    row: Section = {}
    for column in (*LEDGER, "received", "bytes"):
        if column == "emitted" and role is not None:
            continue  # an emission has no receiver role
        windows = None if column in _WHOLE_RUN else scope.hold
        value = series.total(f"delivery.{column}", windows, name=event, role=role)
        row[column] = (0 if accounted or column in {"received", "bytes"} else None) if value is None else round(value)
    parts = {
        column: series.per_window(f"delivery.{column}", scope.hold, name=event, role=role)
        for column in ("delivered", "late", "lost", "cut_by_peer")
    }
    settled = sum(parts.values(), np.zeros(scope.hold.size))
    put_share(row, "delivered_share", parts["delivered"], settled)
    put_share(row, "lost_share", parts["lost"], settled)
    return row


def rest(series: Series, scope: Scope) -> Section:
    """REST calls: answers and failures, response time from the written request, and waiting for a connection."""
    calls = {name for name, _ in series.hist_keys("rest")} | {name for _, name, _ in series.count_keys("rest.n")}
    section: Section = {}
    for call in sorted(calls):
        pool = series.pool("rest", scope.hold, name=call)
        answered = series.total("rest.n", scope.hold, name=call)
        row: Section = {
            "n": pool.n if answered is None else round(answered),
            "errors": series.by_role("rest.error", scope.hold, name=call),
            "uncertain": round(series.total("emission.uncertain", scope.hold, name=call) or 0),
            "void": round(series.total("emission.void", scope.hold, name=call) or 0),
        }
        row |= percentile_keys("", (("p50", 0.5), ("p99", 0.99)), pool)
        waits = series.pool("rest_wait", scope.hold, name=call)
        row |= percentile_keys("wait_", (("p99", 0.99),), waits)
        put_share(
            row,
            "error_share",
            series.per_window("rest.error", scope.hold, name=call),
            series.per_window("rest.n", scope.hold, name=call),
        )
        section[call] = row
    return section


def cable(series: Series, scope: Scope) -> Section:
    """Connections: what happens when users connect over ramp and hold, all else over the hold."""
    section: Section = {}
    for key in ("connects", "confirmed", "unconfirmed", "rejected"):
        section[key] = round(series.total(f"cable.{key}", scope.connecting) or 0)
    section["connect_failed"] = series.by_name("cable.connect_failed", scope.connecting)
    section |= percentile_keys("connect_", (("p99", 0.99),), series.pool("connect", scope.connecting))
    section |= percentile_keys("confirm_", (("p99", 0.99),), series.pool("confirm", scope.connecting))
    section["disconnects"] = series.by_name("cable.disconnects", scope.hold)
    for key in ("stale", "reconnects", "pings"):
        section[key] = round(series.total(f"cable.{key}", scope.hold) or 0)
    section["protocol_errors"] = series.by_name("cable.protocol_error", None)
    ages = series.pool("proof_age", scope.hold)
    put(section, "proof_age_p99_s", ages.percentile(0.99).scaled(S_PER_US, _DIGITS))
    section["proof_age_max_s"] = None if ages.max_us is None else round(ages.max_us * S_PER_US, _DIGITS)
    for key in ("deaf", "deaf_recovered"):
        section[key] = round(series.total(f"cable.{key}", scope.hold) or 0)
    section["canaries"] = round(series.total("emission.canary", scope.hold) or 0)
    gaps = series.pool("ping_gap", scope.hold)
    put(section, "ping_gap_p99_s", gaps.percentile(0.99).scaled(S_PER_US, 6))
    section["ping_gap_max_s"] = None if gaps.max_us is None else round(gaps.max_us * S_PER_US, 6)
    return section
