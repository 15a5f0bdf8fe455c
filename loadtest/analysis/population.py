"""Were the planned users there? Who was confirmed during the hold, and for how much of it."""

from __future__ import annotations

from loadtest.analysis.bootstrap import ratio_interval
from loadtest.analysis.model import RunData
from loadtest.analysis.sections import Section
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Scope, Timeline, held_gauges

ROLES = ("agent", "contact")


def users(data: RunData, series: Series, line: Timeline, scope: Scope) -> Section:
    """Planned and confirmed users by role, and the share of the planned time in which they were connected.

    ``planned`` is the most users each worker wanted at once during the hold, summed over workers, or the population of
    the run's description where no gauge was read. ``confirmed`` counts each user once, however often it came back;
    so does who was confirmed in the ramp and then left by its own plan.
    """
    section: Section = {}
    for role in ROLES:
        planned = _planned(data, line, role)
        if not planned:
            continue
        planned_us = series.per_window("users.planned_us", scope.hold, role=role)
        connected_us = series.per_window("users.connected_us", scope.hold, role=role)
        total_us = float(planned_us.sum())
        section[role] = {
            "planned": planned,
            "confirmed": _confirmed(data, line, role),
            "connected_time_share": float(connected_us.sum()) / total_us if total_us > 0 else None,
            "connected_time_share_interval": ratio_interval(connected_us, planned_us),
        }
    return section


def connected_share(series: Series, scope: Scope) -> float | None:
    """Connected time as a share of planned time over all roles; None where none was planned."""
    planned_us = float(series.per_window("users.planned_us", scope.hold).sum())
    if planned_us <= 0:
        return None
    return float(series.per_window("users.connected_us", scope.hold).sum()) / planned_us


def _planned(data: RunData, line: Timeline, role: str) -> int:
    gauges = held_gauges(data, line)
    wanted = gauges[gauges["name"] == f"users.planned.{role}"]
    if len(wanted):
        return round(float(wanted.groupby("worker")["value"].max().sum()))
    population = data.meta.get("population") or {}
    return int(population.get(f"{role}s") or 0)


def _confirmed(data: RunData, line: Timeline, role: str) -> int:
    """Distinct users confirmed: a running count, read once more after the hold's last tick where there is one."""
    if line.hold_start_s is None:
        return 0
    gauges = data.gauges[data.gauges["at_s"] >= line.hold_start_s]
    seen = gauges[gauges["name"] == f"users.ever_confirmed.{role}"]
    return round(float(seen.groupby("worker")["value"].max().sum())) if len(seen) else 0
