"""Presence by heartbeat: what a faster beat buys, and what it costs.

Each point is one run that differs from the others in its heartbeat alone. Accuracy and times are its summary's, of
agents over all observers; cost is what the run received, and the server's CPU where somebody watched it.

People who have just come have all beaten at one moment, and are shown for longer than people who have been there for a
while. That wears off with everybody's second beat (each is at its own place in the heartbeat by then, and no view is
older), so the first two heartbeats of a hold are left out: :func:`settled`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.analysis.model import RunData
from loadtest.analysis.presence import presence
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Scope, timeline

UNSETTLED_BEATS = 2
"""Heartbeats until it no longer matters that everybody came at once."""


@dataclass(frozen=True, slots=True)
class Point:
    """One heartbeat.

    Attributes:
        heartbeat_s: seconds between two beats.
        verdict: of its run; accuracy of an INVALID run is not the server's.
        p_a: share of the time in which agents who were there were shown so; None where it was not measured.
        p_a_ceiling: the same of an ideal server with the same beats.
        p_a_naive: min(1, E/H).
        expiry_s: the server's, as given, else as estimated.
        mistakes_per_hour: of a pair.
        detection_p50_s: half of those who left were noticed within this.
        detection_max_s: the slowest that was noticed.
        cut_short: absences that were not followed until an observer was told: it went itself, or the run ended.
        false_online_share: of the time people were away.
        bytes_per_s: of presence.update, over all sockets.
        frames_per_s: the same in frames.
        server_cpu_share: mean of the server's cores in use; None where nobody watched it.
        why: what heartbeat and expiry alone make of it.
        run: name of its run's folder.
    """

    heartbeat_s: float
    verdict: str
    p_a: float | None
    p_a_ceiling: float | None
    p_a_naive: float | None
    expiry_s: float | None
    mistakes_per_hour: float | None
    detection_p50_s: float | None
    detection_max_s: float | None
    cut_short: int
    false_online_share: float | None
    bytes_per_s: float | None
    frames_per_s: float | None
    server_cpu_share: float | None
    why: str | None
    run: str

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def settled(data: RunData, heartbeat_s: float) -> dict[str, Any]:
    """A run's presence section over its hold less the first :data:`UNSETTLED_BEATS` heartbeats."""
    scope = timeline(data).full()
    skipped = math.ceil(UNSETTLED_BEATS * heartbeat_s / data.window_s)
    return presence(data, Series(data), Scope(scope.hold[skipped:], scope.connecting, complete=False))


def point(
    heartbeat_s: float,
    summary: Mapping[str, Any],
    server_cpu_share: float | None,
    section: Mapping[str, Any] | None = None,
) -> Point:
    """Read a point off a run.

    Args:
        heartbeat_s: the run's heartbeat.
        summary: its summary.json.
        server_cpu_share: mean of the server's cores in use over the hold, where it was watched.
        section: its presence over the part of the hold that counts; None for the summary's own, over all of it.
    """
    section = summary["presence"] if section is None else section
    row = section.get("agent") or section.get("contact") or {}
    times, expiry = row.get("detection_time_s") or {}, row.get("expiry") or {}
    frames = summary["delivery"].get("presence.update") or {}
    hold_s = summary["run"]["hold_s"]

    def number(value: Any) -> float | None:
        return float("inf") if value == "inf" else value

    def a_second(key: str) -> float | None:
        return round(frames[key] / hold_s, 3) if hold_s and frames.get(key) is not None else None

    return Point(
        heartbeat_s=heartbeat_s,
        verdict=summary["verdict"]["result"],
        p_a=row.get("p_a"),
        p_a_ceiling=row.get("p_a_ceiling"),
        p_a_naive=row.get("p_a_naive"),
        expiry_s=expiry.get("given_s") if expiry.get("given_s") is not None else expiry.get("estimate_s"),
        mistakes_per_hour=number(row.get("mistake_rate_per_hour")),
        detection_p50_s=number(times.get("p50")),
        detection_max_s=number(times.get("max")),
        cut_short=times.get("censored") or 0,
        false_online_share=row.get("false_online_share"),
        bytes_per_s=a_second("bytes"),
        frames_per_s=a_second("received"),
        server_cpu_share=server_cpu_share,
        why=row.get("why"),
        run=str(summary["run"]["id"]),
    )
