"""The measured sections of summary.json: fan-out, delivery, REST, presence, cable.

Each takes a run's series and the windows that count and returns plain nested dicts with the names of the design
("Outside faces"). Percentiles and shares have their 95 % interval beside them under the same name with ``_interval``.
What was not measured, or has too few samples, is None.

What leaked is safety, not speed, and is counted over the whole run whatever the windows, as the contract is
(:mod:`loadtest.analysis.conformity`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loadtest.analysis.bootstrap import ratio_interval
from loadtest.analysis.model import Estimate, Interval, RunData
from loadtest.analysis.quantiles import MS_PER_US, S_PER_US, Pool
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Scope, Windows

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

_WHOLE_RUN = frozenset({"leaked"})
_DIGITS = 3
_US_PER_S = 1_000_000
_US_PER_HOUR = 3_600 * _US_PER_S


def percentile_keys(prefix: str, quantiles: Iterable[tuple[str, float]], pool: Pool) -> Section:
    """Percentiles in milliseconds as ``{prefix}{label}_ms`` with their intervals beside them."""
    section: Section = {}
    for label, q in quantiles:
        _put(section, f"{prefix}{label}_ms", pool.percentile(q).scaled(MS_PER_US, _DIGITS))
    return section


def _put(section: Section, key: str, estimate: Estimate) -> None:
    section[key] = estimate.value
    section[f"{key}_interval"] = estimate.interval


def _put_share(section: Section, key: str, numerator: np.ndarray[Any, Any], denominator: np.ndarray[Any, Any]) -> None:
    """A share of two per-window sums, with its interval cut to 0..1; None where there is nothing to divide by."""
    total = float(denominator.sum())
    section[key] = float(numerator.sum()) / total if total > 0 else None
    section[f"{key}_interval"] = _clipped(ratio_interval(numerator, denominator))


def _clipped(interval: Interval | None) -> Interval | None:
    return None if interval is None else (min(max(interval[0], 0.0), 1.0), min(max(interval[1], 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Emissions:
    """How many emissions stand behind an event's deliveries: they, not the deliveries, are the samples.

    Attributes:
        marks: per (event, role), the windows and codes of the emissions that somebody of that role was to receive.
    """

    marks: dict[tuple[str, str], tuple[Windows, Windows]]

    @classmethod
    def of(cls, data: RunData) -> Emissions:
        """Read them from the closing records, one per emission x receiver role x worker."""
        frame = data.closings
        if frame.empty:
            return cls({})
        settled = frame["delivered"] + frame["late"] + frame["lost"] > 0
        chosen = pd.DataFrame(
            {
                "event": frame["event"],
                "role": frame["role"],
                "window": frame["due_us"].to_numpy(np.int64) // round(data.window_s * _US_PER_S),
                "code": pd.factorize(frame["mark"])[0],
            }
        )[settled.to_numpy()]
        return cls(
            {
                (str(event), str(role)): (rows["window"].to_numpy(np.int64), rows["code"].to_numpy(np.int64))
                for (event, role), rows in chosen.groupby(["event", "role"])
            }
        )

    def count(self, event: str, role: str, windows: Windows, series: Series) -> int:
        """Emissions of an event that reached for a role; an event without closing records counts what was emitted."""
        if (event, role) not in self.marks:
            return round(series.total("delivery.emitted", windows, name=event) or 0.0)
        its_windows, codes = self.marks[event, role]
        return int(np.unique(codes[np.isin(its_windows, windows)]).size)


def fanout(series: Series, emissions: Emissions, scope: Scope) -> Section:
    """Latency from the due moment to the receiver's socket, late deliveries included, per event and role.

    ``last_*`` is the slowest required receiver of an emission, ``sent_*`` counts from the actual send,
    ``p99_incl_lost_ms`` takes what was lost as infinite.
    """
    section: Section = {}
    windows = scope.hold
    for event, role in series.hist_keys("fanout"):
        lost = series.per_window("delivery.lost", windows, name=event, role=role)
        pool = series.pool("fanout", windows, name=event, role=role, lost=lost)
        last = series.pool("fanout_last", windows, name=event, role=role)
        sent = series.pool("fanout_sent", windows, name=event, role=role)
        row: Section = {"n": pool.n, "emissions": emissions.count(event, role, windows, series)}
        row |= percentile_keys("", (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)), pool)
        row["max_ms"] = None if pool.max_us is None else round(pool.max_us * MS_PER_US, _DIGITS)
        _put(row, "p99_incl_lost_ms", pool.percentile_incl_lost(0.99).scaled(MS_PER_US, _DIGITS))
        row["last_n"] = last.n
        row |= percentile_keys("last_", (("p50", 0.5), ("p99", 0.99)), last)
        row |= percentile_keys("sent_", (("p50", 0.5), ("p99", 0.99)), sent)
        section.setdefault(event, {})[role] = row
    return section


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
    _put_share(row, "delivered_share", parts["delivered"], settled)
    _put_share(row, "lost_share", parts["lost"], settled)
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
        _put_share(
            row,
            "error_share",
            series.per_window("rest.error", scope.hold, name=call),
            series.per_window("rest.n", scope.hold, name=call),
        )
        section[call] = row
    return section


def presence(series: Series, scope: Scope) -> Section:
    """Presence accuracy by target role, in the terms of Chen, Toueg & Aguilera 2002.

    ``p_a`` is the share of alive pair-time in which the observer was told so, ``p_a_ceiling`` what the heartbeat and
    the expiry allow at best; beats and their replies are those of the role itself.
    """
    keys = series.count_keys("presence.")
    targets = {name for metric, name, _ in keys if metric in _PAIR_TIMES}
    beaters = {role or name for metric, name, role in keys if metric == "presence.beats"}
    beaters |= {role for _, role in series.hist_keys("beat_reply")}
    section: Section = {}
    for role in sorted(targets | beaters):
        observers = sorted({watcher for metric, name, watcher in keys if name == role and metric in _PAIR_TIMES})
        row = _accuracy(series, scope, role, None)
        detection = series.pool("detection_time", scope.hold, name=role)
        row["detection_time_s"] = {
            label: detection.percentile(q).scaled(S_PER_US, _DIGITS).value for label, q in (("p50", 0.5), ("p99", 0.99))
        }
        row |= percentile_keys("beat_reply_", (("p99", 0.99),), series.pool("beat_reply", scope.hold, role=role))
        row["beats"] = _beats(series, scope, "beats", role)
        row["beats_answered"] = _beats(series, scope, "answered", role)
        row["beats_unanswered"] = _beats(series, scope, "unanswered", role)
        row["by_observer"] = {observer: _accuracy(series, scope, role, observer) for observer in observers}
        section[role] = row
    return section


_PAIR_TIMES = frozenset({"presence.alive_us", "presence.absent_us"})


def _beats(series: Series, scope: Scope, what: str, role: str) -> int | None:
    """Beats by the role that beats: the row's role, or its name where the row has no role."""
    by_role = series.total(f"presence.{what}", scope.hold, role=role)
    unnamed = series.total(f"presence.{what}", scope.hold, name=role, role="")
    if by_role is None and unnamed is None:
        sent = series.total("presence.beats", scope.hold, role=role)
        return None if sent is None else 0
    return round((by_role or 0.0) + (unnamed or 0.0))


def _accuracy(series: Series, scope: Scope, target: str, observer: str | None) -> Section:
    def summed(what: str) -> float | None:
        return series.total(f"presence.{what}", scope.hold, name=target, role=observer)

    def each(what: str) -> np.ndarray[Any, Any]:
        return series.per_window(f"presence.{what}", scope.hold, name=target, role=observer)

    row: Section = {}
    alive_us, mistakes = summed("alive_us"), summed("mistakes")
    mistake_us = summed("mistake_us")
    _put_share(row, "p_a", each("right_us"), each("alive_us"))
    ideal_us = summed("ideal_right_us")
    row["p_a_ceiling"] = ideal_us / alive_us if ideal_us is not None and alive_us else None
    has_both = row["p_a"] is not None and row["p_a_ceiling"] is not None
    row["p_a_loss"] = row["p_a_ceiling"] - row["p_a"] if has_both else None
    row["mistake_rate_per_hour"] = (mistakes or 0.0) / alive_us * _US_PER_HOUR if alive_us else None
    row["mistake_duration_s"] = mistake_us * S_PER_US / mistakes if mistake_us is not None and mistakes else None
    _put_share(row, "false_online_share", each("false_online_us"), each("absent_us"))
    row["alive_s"] = None if alive_us is None else round(alive_us * S_PER_US, _DIGITS)
    return row


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
    gaps = series.pool("ping_gap", scope.hold)
    _put(section, "ping_gap_p99_s", gaps.percentile(0.99).scaled(S_PER_US, 6))
    section["ping_gap_max_s"] = None if gaps.max_us is None else round(gaps.max_us * S_PER_US, 6)
    return section
