"""A run as tables for people: one subject a frame, one row a window and what it is about, units in column names.

Percentiles are NaN where a window has too few samples for them: fewer than an upper 95 % bound of that quantile needs
(``n < ln 0.05 / ln q``, order statistics of the binomial: 5 for the median, 29, 299 and 2,995 for p90, p99 and p99.9).
A larger ``coarsen`` (windows to a row) gives more samples a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from loadtest.metrics.histogram import Histogram
from loadtest.store.reader import Run

_PERCENTILES: Final = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9}
_NEEDED: Final = {q: math.ceil(math.log(0.05) / math.log(q / 100)) for q in _PERCENTILES.values()}
_US_PER_MS: Final = 1_000
_US_PER_S: Final = 1_000_000
_PLACE: Final = {"window": "int64", "start_s": "float64", "phase": "object"}

DELIVERY_COLUMNS: Final = (
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
    "received",
    "bytes",
)
"""The ledger's balance, as in the counts ``delivery.*``."""

CABLE_COLUMNS: Final = (
    "connects",
    "confirmed",
    "unconfirmed",
    "rejected",
    "stale",
    "reconnects",
    "pings",
    "connect_failed",
    "disconnects",
    "protocol_error",
)
"""Outcomes of connections, as in the counts ``cable.*``, summed over kinds and reasons."""


def latency_frame(run: Run, metric: str, *, coarsen: int = 1) -> pd.DataFrame:
    """Percentiles of a latency by window.

    Args:
        run: the run.
        metric: a histogram's metric, such as ``fanout`` or ``lateness``.
        coarsen: windows to a row.

    Returns:
        Columns window, start_s, phase, name, role, n, overflow, p50_ms, p90_ms, p99_ms, p999_ms, max_ms.
    """
    frame = run.hist_frame((metric,), coarsen=coarsen)
    hists: list[Histogram] = frame.pop("hist").tolist()
    frame = frame.drop(columns="metric")
    frame["n"] = np.array([hist.n for hist in hists], dtype=np.int64)
    frame["overflow"] = np.array([hist.overflow for hist in hists], dtype=np.int64)
    for column, q in _PERCENTILES.items():
        frame[column] = _ms(hist.percentile(q) if hist.n >= _NEEDED[q] else None for hist in hists)
    frame["max_ms"] = _ms(hist.max_us for hist in hists)
    return frame


def fanout_frame(run: Run, *, from_sent: bool = False, coarsen: int = 1) -> pd.DataFrame:
    """Fan-out latency by window, event and receiver role.

    Args:
        run: the run.
        from_sent: count from when the request was written instead of when the action was due.
        coarsen: windows to a row.

    Returns:
        As :func:`latency_frame`, with ``event`` for ``name``.
    """
    frame = latency_frame(run, "fanout_sent" if from_sent else "fanout", coarsen=coarsen)
    return frame.rename(columns={"name": "event"})


def rest_frame(run: Run, *, coarsen: int = 1) -> pd.DataFrame:
    """REST calls by window: columns window, start_s, phase, call, n, errors, p50_ms ... max_ms, wait_p99_ms."""
    keys = {**_PLACE, "call": "object"}
    latency = latency_frame(run, "rest", coarsen=coarsen).rename(columns={"name": "call"})
    wait = latency_frame(run, "rest_wait", coarsen=coarsen).rename(columns={"name": "call", "p99_ms": "wait_p99_ms"})
    counts = run.count_frame(("rest.n", "rest.error"), coarsen=coarsen).rename(columns={"name": "call"})
    wide = _wide(counts, keys, {"n": "rest.n", "errors": "rest.error"})
    frame = wide.merge(latency.drop(columns=["role", "n", "overflow"]), how="outer", on=list(keys))
    frame = frame.merge(wait[[*keys, "wait_p99_ms"]], how="left", on=list(keys))
    return frame.astype({**keys, **_whole(frame, ("n", "errors"))}).sort_values(["call", "window"], ignore_index=True)


def delivery_frame(run: Run, *, coarsen: int = 1) -> pd.DataFrame:
    """The ledger's balance by window: columns window, start_s, phase, event, role, and :data:`DELIVERY_COLUMNS`."""
    counts = run.count_frame([f"delivery.{name}" for name in DELIVERY_COLUMNS], coarsen=coarsen)
    keys = {**_PLACE, "event": "object", "role": "object"}
    return _wide(
        counts.rename(columns={"name": "event"}), keys, {name: f"delivery.{name}" for name in DELIVERY_COLUMNS}
    )


def cable_frame(run: Run, *, coarsen: int = 1) -> pd.DataFrame:
    """Connections by window and role: columns window, start_s, phase, role, and :data:`CABLE_COLUMNS`."""
    counts = run.count_frame([f"cable.{name}" for name in CABLE_COLUMNS], coarsen=coarsen)
    keys = {**_PLACE, "role": "object"}
    return _wide(counts, keys, {name: f"cable.{name}" for name in CABLE_COLUMNS})


def presence_frame(run: Run, *, coarsen: int = 1) -> pd.DataFrame:
    """Presence accuracy by window, the role that was watched and the role that watched.

    Returns:
        Columns window, start_s, phase, target, observer, alive_s, absent_s (pair-time), mistakes, p_a (share of the
        alive pair-time in which observers were told right), p_a_ceiling (what the heartbeat and expiry allow) and
        false_online_share (of the absent pair-time); NaN where there is no such time or no ceiling is known.
    """
    parts = ("alive_us", "right_us", "ideal_right_us", "absent_us", "false_online_us", "mistakes")
    counts = run.count_frame([f"presence.{part}" for part in parts], coarsen=coarsen)
    counts = counts.rename(columns={"name": "target", "role": "observer"})
    keys = {**_PLACE, "target": "object", "observer": "object"}
    wide = _wide(counts, keys, {part: f"presence.{part}" for part in parts})
    ideal = wide["ideal_right_us"].where(wide["ideal_right_us"] > 0)
    frame = wide[list(keys)].copy()
    frame["alive_s"] = wide["alive_us"] / _US_PER_S
    frame["absent_s"] = wide["absent_us"] / _US_PER_S
    frame["mistakes"] = wide["mistakes"]
    frame["p_a"] = _share(wide["right_us"], wide["alive_us"])
    frame["p_a_ceiling"] = _share(ideal, wide["alive_us"])
    frame["false_online_share"] = _share(wide["false_online_us"], wide["absent_us"])
    return frame


def generator_frame(run: Run, *, coarsen: int = 1) -> pd.DataFrame:
    """How the generator itself did by window.

    Returns:
        Columns window, start_s, phase, lateness_p99_ms, lateness_max_ms, loop_lag_p99_ms, loop_lag_max_ms, dropped,
        cpu_share, gc_share (of the wall-clock time of all workers; NaN where none was measured) and trusted (False
        where a breach marks any of the row's windows).
    """
    parts = ("dropped", "cpu_us", "gc_us", "wall_us")
    counts = run.count_frame([f"generator.{part}" for part in parts], coarsen=coarsen)
    frame = _wide(counts, _PLACE, {part: f"generator.{part}" for part in parts})
    for metric in ("lateness", "loop_lag"):
        latency = latency_frame(run, metric, coarsen=coarsen)[[*_PLACE, "p99_ms", "max_ms"]]
        renamed = latency.rename(columns={"p99_ms": f"{metric}_p99_ms", "max_ms": f"{metric}_max_ms"})
        frame = frame.merge(renamed, how="outer", on=list(_PLACE))
    frame = frame.astype({**_PLACE, **_whole(frame, parts)}).sort_values("window", ignore_index=True)
    frame["cpu_share"] = _share(frame["cpu_us"], frame["wall_us"])
    frame["gc_share"] = _share(frame["gc_us"], frame["wall_us"])
    phases = run.phases()
    notes = run.note_frame()
    breached = {
        phases.label(data["window"], coarsen)
        for data in notes.loc[notes["kind"] == "breach", "data"]
        if "window" in data
    }
    frame["trusted"] = ~frame["window"].isin(breached)
    columns = ["lateness_p99_ms", "lateness_max_ms", "loop_lag_p99_ms", "loop_lag_max_ms", "dropped"]
    return frame[[*_PLACE, *columns, "cpu_share", "gc_share", "trusted"]]


def _wide(counts: pd.DataFrame, keys: dict[str, str], metrics: dict[str, str]) -> pd.DataFrame:
    """One row a key with a column a metric, 0 where a key has no such count.

    Args:
        counts: a count frame.
        keys: names and dtypes of the columns that tell rows apart; counts are summed over all others.
        metrics: metric by column name.
    """
    table = counts.groupby([*keys, "metric"], sort=True)["value"].sum().unstack("metric", fill_value=0)
    table = table.reindex(columns=list(metrics.values()), fill_value=0.0)
    table.columns = pd.Index(list(metrics), dtype="object")
    return table.reset_index().astype({**keys, **dict.fromkeys(metrics, "int64")})


def _whole(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, str]:
    """Make counts that an outer merge left empty 0, and say their dtype."""
    names = list(columns)
    frame[names] = frame[names].fillna(0.0)
    return dict.fromkeys(names, "int64")


def _share(part: pd.Series[int] | pd.Series[float], whole: pd.Series[int]) -> pd.Series[float]:
    return part / whole.where(whole > 0).astype("float64")


def _ms(values: Iterable[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Milliseconds from microseconds, NaN for None."""
    return np.array([math.nan if us is None else us / _US_PER_MS for us in values], dtype=np.float64)
