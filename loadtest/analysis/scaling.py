"""How capacity grows with the size of an installation: searches of one with 1, 2, 4 server processes, side by side.

What is compared is work, deliveries a second, since a level of an axis costs as much as a message fans out. A search
knows its capacity as an interval (what was carried, what was not), and everything told here has one: the efficiency of
an installation is its capacity a process over that of the smallest, at the ends of both intervals.

Growth is fitted by the Universal Scalability Law with processes for load (:mod:`loadtest.analysis.usl`; Gunther,
"Guerrilla Capacity Planning", 2007). Three sizes are three points for three parameters, so that there are no residuals
to judge by; what the intervals leave open is drawn instead: each replicate takes every capacity from anywhere in its
interval (uniform in its logarithm, seeded) and is fitted, and a parameter's interval holds 95 % of the replicates. Two
sizes tell contention only. Nothing is told of sizes that were not searched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from loadtest.analysis.model import Interval
from loadtest.analysis.usl import spread_of_fits

Growth = Literal["linear", "less than linear", "more than linear", "falling", "unknown"]

BLUR = 0.05
"""A knee that is searched again is found elsewhere by about so much: what is off by less is not off for certain."""


_NO_END = "the search has no interval yet"
_WHY = {
    "generator": "the load generator was the limit",
    "bound": "all that was allowed was carried",
    "least": "it failed already at the least load",
    "short": "the holds were too short for the limits",
}


@dataclass(frozen=True, slots=True)
class Scaled:
    """The capacity of one installation among several of different size.

    Attributes:
        processes: server processes.
        axis: what was searched.
        levels: last pass and first failure, of the axis; None where there is no interval.
        deliveries: the same in deliveries a second; None where there is no interval.
        carried: deliveries a second at the last pass, a lower bound of the capacity; None where nothing passed.
        efficiency: capacity a process over that of the smallest installation that has an interval, 1 is linear growth:
            the geometric middle of its interval; None without an interval of its own.
        efficiency_interval: at the ends of both intervals; that installation's own is (1, 1).
    """

    processes: int
    axis: str
    levels: Interval | None
    deliveries: Interval | None
    carried: float | None
    efficiency: float | None = None
    efficiency_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Contention:
    """The law fitted over sizes.

    Attributes:
        unit: processes of the smallest size, which n = 1 stands for.
        scale: deliveries a second of it.
        sigma: the share of the work that is serialised.
        sigma_interval: 95 % of what the searches' intervals leave open.
        kappa: the cost of keeping processes in step; None where two sizes cannot tell.
        kappa_interval: as that of sigma.
    """

    unit: int
    scale: float
    sigma: float
    sigma_interval: Interval
    kappa: float | None
    kappa_interval: Interval | None

    def at(self, processes: float) -> float:
        """The law's capacity at a size, deliveries a second."""
        n = processes / self.unit
        return self.scale * n / (1 + self.sigma * (n - 1) + (self.kappa or 0.0) * n * (n - 1))


@dataclass(frozen=True, slots=True)
class Scaling:
    """How capacity grows.

    Attributes:
        rows: the installations, the smallest first.
        growth: what the intervals allow to say: ``linear`` where none of them is off it by more than :data:`BLUR`,
            ``falling`` where a larger installation carries less than a smaller one for certain.
        law: the fit; None with fewer than two sizes that have an interval.
        notes: what stands in the way of comparing, a sentence each.
    """

    rows: tuple[Scaled, ...]
    growth: Growth
    law: Contention | None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def scaling(processes: Sequence[int], answers: Sequence[Mapping[str, Any]]) -> Scaling:
    """Compare installations of different size.

    Args:
        processes: of the installation of each search.
        answers: what the searches found, as :func:`loadtest.analysis.capacity.answer` makes them.
    """
    ordered = sorted(zip(processes, answers, strict=True), key=lambda pair: pair[0])
    found = [_row(many, answer) for many, answer in ordered]
    base = next((row for row in found if row.deliveries is not None), None)
    rows = tuple(_against(row, base) for row in found)
    known = [(row.processes, row.deliveries) for row in rows if row.deliveries is not None]
    return Scaling(rows, _growth(rows), _law(known), tuple(_notes([answer for _, answer in ordered], found)))


def work_carried(answer: Mapping[str, Any]) -> Interval | None:
    """The interval that a search found, in deliveries a second.

    The levels of a message rate are told in deliveries by how wide a message fanned out over all steps that passed;
    where people were varied, each of them changed that, and the work offered in the steps at both ends counts.

    Args:
        answer: what the search found.

    Returns:
        Deliveries a second that were carried, and those that were not; None where there is no interval.
    """
    passed, failed = answer["last_pass"], answer["first_fail"]
    if passed is None or failed is None:
        return None
    steps = [step for step in answer["steps"] if step["span"]["kind"] != "hysteresis"]
    good = [step["figures"] for step in steps if step["outcome"] == "pass"]
    if answer["axis"] == "emit-rate":
        fanout = _pooled(good)
        return None if not fanout else (passed * fanout, failed * fanout)
    carried = _offered(steps, passed, "pass")
    if carried is None:
        return None
    return carried, max(_offered(steps, failed, "fail") or 0.0, carried * (failed / passed))


def _pooled(figures: Sequence[Mapping[str, Any]]) -> float:
    """Deliveries that a message stood for, over several steps; with what comes along with it (conversations, ...)."""
    messages = sum(float(one["messages_per_s"]) * float(one["seconds"]) for one in figures)
    return sum(_due(one) * float(one["seconds"]) for one in figures) / messages if messages else 0.0


def _due(figures: Mapping[str, Any]) -> float:
    """Deliveries a second that a step's load stood for."""
    return float(figures.get("expected_per_s") or figures.get("deliveries_per_s") or 0.0)


def _offered(steps: Sequence[Mapping[str, Any]], level: float, outcome: str) -> float | None:
    found = [_due(s["figures"]) for s in steps if s["span"]["level"] == level and s["outcome"] == outcome]
    return float(np.mean(found)) or None if found else None


def _row(processes: int, answer: Mapping[str, Any]) -> Scaled:
    passed, failed, at = answer["last_pass"], answer["first_fail"], answer["at_last_pass"]
    carried = None if at is None else at["deliveries_per_s"]
    levels = None if passed is None or failed is None else (passed, failed)
    return Scaled(processes, answer["axis"], levels, work_carried(answer), carried)


def _against(row: Scaled, base: Scaled | None) -> Scaled:
    """The row with its efficiency."""
    if row.deliveries is None or base is None or base.deliveries is None:
        return row
    times = row.processes / base.processes
    (low, high), (base_low, base_high) = row.deliveries, base.deliveries
    interval = (1.0, 1.0) if row is base else (low / base_high / times, high / base_low / times)
    return Scaled(
        row.processes, row.axis, row.levels, row.deliveries, row.carried, math.sqrt(interval[0] * interval[1]), interval
    )


def _growth(rows: Sequence[Scaled]) -> Growth:
    known = [row for row in rows if row.efficiency_interval is not None]
    if len({row.processes for row in known}) < 2:
        return "unknown"
    capacities = [(row.processes, row.deliveries) for row in known if row.deliveries is not None]
    if any(big[1] < (1 - BLUR) * small[0] for few, small in capacities for many, big in capacities if few < many):
        return "falling"
    intervals = [row.efficiency_interval for row in known if row.efficiency_interval is not None]
    if any(high < 1 - BLUR for _, high in intervals):
        return "less than linear"
    if any(low > 1 + BLUR for low, _ in intervals):
        return "more than linear"
    return "linear"


def _law(known: Sequence[tuple[int, Interval]]) -> Contention | None:
    sizes = {many for many, _ in known}
    if len(sizes) < 2:
        return None
    unit = min(sizes)
    spread = spread_of_fits(
        [many / unit for many, _ in known], [interval for _, interval in known], coherency=len(sizes) > 2
    )
    return Contention(unit, spread.scale, spread.sigma, spread.sigma_interval, spread.kappa, spread.kappa_interval)


def _notes(answers: Sequence[Mapping[str, Any]], rows: Sequence[Scaled]) -> list[str]:
    """What stands in the way of comparing these searches."""
    notes = []
    axes = sorted({row.axis for row in rows})
    if len(axes) > 1:
        notes.append(f"The searches are on different axes ({', '.join(axes)}): they may have met different limits.")
    limits = {frozenset(_limits(answer)) for answer in answers}
    if len(limits) > 1:
        notes.append("The searches were judged by different limits, so that their capacities are not alike.")
    runs = [(answer.get("run") or {}).get("run_id") for answer in answers]
    if len(set(runs)) < len(runs):
        notes.append("Some of them are the same search.")
    for row, answer in zip(rows, answers, strict=True):
        if row.deliveries is None:
            many = f"{row.processes} process{'es' if row.processes > 1 else ''}"
            notes.append(f"With {many} no limit of the target was found: {_WHY.get(answer['ending'], _NO_END)}.")
    return notes


def _limits(answer: Mapping[str, Any]) -> set[tuple[str, float]]:
    return {
        (margin["name"], margin["limit"]) for step in answer["steps"] for margin in step["margins"] if margin["limit"]
    }
