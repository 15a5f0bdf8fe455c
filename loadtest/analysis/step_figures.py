"""What a step of a search did: the figures that capacity is told in, and whether the step had come to rest.

Read from the frames of a step as those of a run of its own (:func:`loadtest.analysis.capacity_step.cut`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from loadtest.analysis.model import RunData, Summary
from loadtest.analysis.series import Series
from loadtest.analysis.stationarity import Drift, drift

RATE_DRIFT = 0.05
"""A drift of throughput by more than this share over a hold would matter."""

LATENCY_DRIFT = 0.5
"""The same of the median latency, which is noisier, and doubles again and again where a queue grows."""

HELD_UP = "too_many_in_flight"
"""Why an action is dropped while the target holds all REST connections: its doing, not the generator's."""

MESSAGE = "message.created"
PRESENCE = "presence.update"


def rest(series: Series, data: RunData, held: range) -> dict[str, Drift]:
    """How far throughput and latency moved over a hold.

    Args:
        series: the step's.
        data: its frames.
        held: windows of the hold.
    """
    windows = np.arange(held.start, held.stop, dtype=np.int64)
    arrived = sum(
        (series.per_window("delivery.received", windows, name=name) for name in _chat(series)), np.zeros(windows.size)
    )
    medians = np.full(windows.size, np.nan)
    pools = data.hists[(data.hists["metric"] == "fanout") & (data.hists["name"] == MESSAGE)]
    for place, window in enumerate(held):
        there = [hist for hist in pools["hist"][pools["window"] == window] if hist.n]
        if there:
            medians[place] = float(np.average([h.percentile(50.0) for h in there], weights=[h.n for h in there]))
    return {"throughput": drift(arrived, RATE_DRIFT), "latency": drift(medians, LATENCY_DRIFT)}


def _chat(series: Series) -> set[str]:
    """Events that the plan causes: all but presence."""
    return {name for _, name, _ in series.count_keys("delivery.received") if name != PRESENCE}


def figures(data: RunData, summary: Summary, series: Series, held: range) -> dict[str, float | None]:
    """What a step did, a second: messages, deliveries (by their arrival), presence; and what that took.

    Args:
        data: the step's frames.
        summary: of them.
        series: of them.
        held: windows of the hold.
    """
    windows = np.arange(held.start, held.stop, dtype=np.int64)
    seconds = windows.size * data.window_s
    if not seconds:
        return {}

    def rate(metric: str, *, name: str | None = None) -> float:
        return (series.total(metric, windows, name=name) or 0.0) / seconds

    sections = summary.sections
    agents, contacts = (_connected(data, role) for role in ("agent", "contact"))
    held_up = series.total("generator.dropped", windows, name=HELD_UP) or 0.0
    dropped = (series.total("generator.dropped", windows) or 0.0) - held_up
    emitted = sum(
        rate("delivery.emitted", name=n) for _, n, _ in series.count_keys("delivery.emitted") if n != PRESENCE
    )
    fanout = sections["fanout"].get(MESSAGE, {})
    main = fanout.get("agent") or fanout.get("contact") or {}
    cable = sections["cable"]
    return {
        "seconds": seconds,
        "agents": agents,
        "contacts": contacts,
        "users": None if agents is None and contacts is None else (agents or 0.0) + (contacts or 0.0),
        "messages_per_s": rate("delivery.emitted", name=MESSAGE),
        "emissions_per_s": emitted,
        "deliveries_per_s": sum(rate("delivery.received", name=name) for name in _chat(series)),
        "expected_per_s": sum(rate("delivery.expected", name=name) for name in _chat(series)),
        "presence_per_s": rate("delivery.received", name=PRESENCE),
        "bytes_per_s": rate("delivery.bytes"),
        "connects_per_s": rate("cable.connects"),
        "p50_ms": _finite(main.get("p50_ms")),
        "p99_ms": _finite(main.get("p99_incl_lost_ms")),
        "max_ms": _finite(main.get("max_ms")),
        "ping_gap_p99_s": cable["ping_gap_p99_s"],
        "ping_gap_max_s": cable["ping_gap_max_s"],
        "dropped_share": dropped / (dropped + emitted * seconds) if dropped or emitted else 0.0,
        "held_up_share": held_up / (held_up + emitted * seconds) if held_up or emitted else 0.0,
        "target_cpu": _mean(data, "target.cpu_share"),
        "target_rss_bytes": _highest(data, "target.rss_bytes"),
        "generator_cpu": _highest(data, "generator.cpu_share"),
    }


def _finite(value: Any) -> float | None:
    return None if value is None else float(value)


def _connected(data: RunData, role: str) -> float | None:
    rows = _held(data, f"users.connected.{role}")
    return float(rows.groupby("worker")["value"].mean().sum()) if len(rows) else None


def _mean(data: RunData, name: str) -> float | None:
    """The mean of a gauge over the hold, added up over whoever reads it (one process of the target each)."""
    rows = _held(data, name)
    return float(rows.groupby("worker")["value"].mean().sum()) if len(rows) else None


def _highest(data: RunData, name: str) -> float | None:
    rows = _held(data, name)
    return float(rows.groupby("worker")["value"].max().sum()) if len(rows) else None


def _held(data: RunData, name: str) -> pd.DataFrame:
    begin_s = next(
        at for at, extra in zip(data.notes["at_s"], data.notes["data"], strict=True) if extra == {"phase": "hold"}
    )
    told = (data.gauges["name"] == name) & (data.gauges["at_s"] >= begin_s) & data.gauges["value"].notna()
    rows: pd.DataFrame = data.gauges[told]
    return rows
