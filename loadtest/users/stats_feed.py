"""Feeds Locust's own statistics from batches, so that its UI, CSV, JSON and HTML show our numbers.

Pre-aggregated, once a second: a Locust event per delivery would cost as much as receiving the frame. Fan-out entries
stay out of Locust's "Aggregated" row, which would otherwise mix deliveries with requests.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
from locust.stats import StatsEntry, bucket_response_time

from loadtest.metrics import Batch, Histogram
from loadtest.users.stats_bounds import thin_copies

#: what is shown: metric -> (Locust's type, name template, whether it belongs in "Aggregated")
_SHOWN = {
    "fanout": ("FANOUT", "{name} → {role}", False),
    "rest": ("REST", "{name}", True),
    "connect": ("CABLE", "connect {role}", True),
    "confirm": ("CABLE", "subscribe {role}", True),
    "beat_reply": ("CABLE", "update_presence {role}", True),
    "ping_gap": ("PING", "gap {role}", False),
}


def feed(stats: Any, batch: Batch) -> None:
    """Merge a batch into Locust's statistics.

    Args:
        stats: ``environment.stats``, read anew for each call (Locust replaces its inside when a test starts).
        batch: what was collected since the last call.
    """
    merged: dict[tuple[str, str, bool], Histogram] = {}
    for (_, metric, name, role), hist in batch.hists.items():
        shown = _SHOWN.get(metric)
        if shown is not None and hist.n:
            key = (shown[0], shown[1].format(name=name, role=role), shown[2])
            if key in merged:
                merged[key].merge(hist)
            else:
                merged[key] = hist.copy()
    failures: Counter[tuple[str, str, bool]] = Counter()
    unanswered: Counter[tuple[str, str, bool]] = Counter()  # requests that are in no histogram
    for (_, metric, name, role), value in batch.counts.items():
        if metric == "delivery.lost" and value > 0:
            failures["FANOUT", f"{name} → {role}", False] += int(value)
            unanswered["FANOUT", f"{name} → {role}", False] += int(value)
        elif metric == "rest.error":
            failures["REST", name, True] += int(value)
            if not role.isdigit():
                unanswered["REST", name, True] += int(value)
        elif metric in ("cable.connect_failed", "cable.unconfirmed", "cable.rejected"):
            step = "connect" if metric == "cable.connect_failed" else "subscribe"
            failures["CABLE", f"{step} {role}", True] += int(value)
            unanswered["CABLE", f"{step} {role}", True] += int(value)
    now = time.time()
    for key in merged.keys() | failures.keys():
        kind, name, aggregated = key
        entry = _entry(stats, name, kind, now, merged.get(key), failures[key], unanswered[key])
        stats.entries[(name, kind)].extend(entry)
        if aggregated:
            stats.total.extend(entry)
    thin_copies(stats.total)


def _entry(stats: Any, name: str, kind: str, now: float, hist: Histogram | None, failures: int, unanswered: int) -> Any:
    entry: Any = StatsEntry(stats, name, kind)  # Locust's fields hold floats, its annotations say int
    entry.start_time = entry.last_request_timestamp = now
    second = int(now)
    n = hist.n if hist is not None else 0
    if hist is not None and n:
        values_us, counts = hist.buckets()
        times: dict[float, int] = {}
        for value_ms, count in zip((np.asarray(values_us) / 1000).tolist(), np.asarray(counts).tolist(), strict=True):
            bucket = bucket_response_time(value_ms)
            times[bucket] = times.get(bucket, 0) + count
        entry.response_times = times
        entry.total_response_time = hist.sum_us / 1000
        entry.min_response_time = (hist.min_us or 0) / 1000
        entry.max_response_time = (hist.max_us or 0) / 1000
    entry.num_requests = n + unanswered
    entry.num_failures = failures
    entry.num_none_requests = unanswered
    entry.num_reqs_per_sec = {second: entry.num_requests}
    entry.num_fail_per_sec = {second: failures}
    return entry
