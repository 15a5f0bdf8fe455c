"""Storms: how long until those who were dropped are there again, and what their herd looks like to the server.

Times count from the storm's beginning. A quantile is one of all who were dropped, not of those who came back: while one
in ten is still away, the time until 95 % are back is infinite. Attempts to connect are counted by 100 ms (in coarser
steps where they take longer than a minute): that is what an accept queue sees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loadtest.analysis.model import RunData
from loadtest.analysis.series import Series
from loadtest.analysis.windows import notes_of
from loadtest.metrics.histogram import Histogram
from loadtest.plan.storm import parse_storms

BIN_S = 0.1
MOST_BINS = 600

_US_PER_S = 1_000_000
_US_PER_MS = 1_000
_BACK = (("back_p50_s", 0.5), ("back_p95_s", 0.95), ("back_all_s", 1.0))


def storms(data: RunData, series: Series) -> list[dict[str, Any]]:
    """Every storm of a run by its time.

    Returns:
        Rows with name, manner, share, at_s (since the run's start), dropped, back, back_p50_s, back_p95_s, back_all_s,
        attempts, bin_s, herd (attempts by step of bin_s), herd_peak, herd_peak_s, connect_p50_ms, connect_p99_ms,
        confirm_p50_ms, confirm_p99_ms, missed (deliveries that were sent while their receiver was away by the storm),
        missed_events.
    """
    found: dict[str, tuple[float, dict[str, Any]]] = {}
    for at_s, _, told in notes_of(data, "storm"):
        name = str(told.get("storm", ""))
        if name and name not in found:
            found[name] = (at_s, told)
    return [_row(data, series, name, at_s, told) for name, (at_s, told) in found.items()]


def not_begun(data: RunData, found: Sequence[Mapping[str, Any]], hold_s: float) -> list[str]:
    """What to say of planned storms that the run has no trace of.

    Args:
        data: the run.
        found: its storms, of :func:`storms`.
        hold_s: length of its hold.
    """
    begun = {row["name"] for row in found}
    planned = parse_storms(str((data.meta.get("plan") or {}).get("storm") or ""))
    missing = [storm for storm in planned if storm.name not in begun]
    if not missing:
        return []
    if missing[0].manner == "wait":
        return ["No storm was noticed, which --storm wait waits for: nobody lost a tenth of the sockets within 10 s."]
    which = ", ".join(f"{storm.name} at {storm.at_s:g} s" for storm in missing)
    return [f"Storms that did not begin: {which} of a hold that ended after {hold_s:.3g} s. Give a longer --run-time."]


def _row(data: RunData, series: Series, name: str, at_s: float, told: dict[str, Any]) -> dict[str, Any]:
    dropped = round(series.total("storm.dropped", None, name=name) or 0)
    back, attempts = _hist(data, "storm.back", name), _hist(data, "storm.attempt", name)
    bin_s, herd = _binned(attempts)
    row: dict[str, Any] = {
        "name": name,
        "manner": told.get("manner"),
        "share": told.get("share"),
        "at_s": round(at_s, 3),
        "dropped": dropped,
        "back": back.n,
    }
    row |= {key: _until(back, dropped, share) for key, share in _BACK}
    row |= {
        "attempts": attempts.n,
        "bin_s": bin_s,
        "herd": herd,
        "herd_peak": max(herd, default=0),
        "herd_peak_s": round(int(np.argmax(herd)) * bin_s, 3) if herd else None,
    }
    for metric in ("connect", "confirm"):
        hist = _hist(data, f"storm.{metric}", name)
        for q in (50, 99):
            row[f"{metric}_p{q}_ms"] = _ms(hist, q)
    row["missed_events"] = series.by_role("storm.missed", None, name=name)
    row["missed"] = sum(row["missed_events"].values())
    return row


def _hist(data: RunData, metric: str, name: str) -> Histogram:
    merged = Histogram()
    rows = data.hists[(data.hists["metric"] == metric) & (data.hists["name"] == name)]
    for hist in rows["hist"]:
        merged.merge(hist)
    return merged


def _until(back: Histogram, dropped: int, share: float) -> float | None:
    """Seconds until so much of all who were dropped was back; infinite where it never was."""
    if not dropped:
        return None
    rank = math.ceil(share * dropped)
    if back.n < rank:
        return math.inf
    value_us = back.percentile(100.0 * rank / back.n)
    return None if value_us is None else round(value_us / _US_PER_S, 3)


def _binned(attempts: Histogram) -> tuple[float, list[int]]:
    """Attempts by step of time; a bucket counts where its value lies, which is exact to a thousandth."""
    if not attempts.n:
        return BIN_S, []
    values_us, counts = attempts.buckets()
    at_s = np.asarray(values_us, float) / _US_PER_S
    bin_s = BIN_S
    while at_s.max() / bin_s >= MOST_BINS:
        bin_s *= 2
    binned = np.bincount((at_s / bin_s).astype(np.int64), weights=np.asarray(counts, float))
    return round(bin_s, 3), [round(n) for n in binned.tolist()]


def _ms(hist: Histogram, q: int) -> float | None:
    value_us = hist.percentile(float(q)) if hist.n else None
    return None if value_us is None else round(value_us / _US_PER_MS, 3)
