"""How full a target is at a load that is asked about, inside what was measured.

The answer is a share of the capacity that the searches found, with its interval. It comes from one of two sources:

*CPU*, where the target was watched and CPU was what it ran out of (half a core in use and more at the highest level
that kept its limits): the cost model over all steps (:mod:`loadtest.analysis.cost_model`) tells the cores that the
asked load uses, as a share of those. A target that waits for something else is not sized by its CPU.

*The axes themselves* else: on each axis that was searched the asked value is a share of the interval [last pass, first
fail] found there with the others held still; the fullest axis tells.

Nothing is told outside the measured range: a value above the highest level that passed, or of an axis that was never
varied other than as it was run, is named as such. Axes meet in the product (a message costs as much as an inbox is
wide), so that an answer away from the lines on which the searches were made says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.analysis.capacity_search import AXES, Axis
from loadtest.analysis.cost_model import fit_costs
from loadtest.analysis.model import Interval

SLACK = 0.02
"""By how much an asked value may differ from what was run to count as the same."""

CPU_BOUND = 0.5
"""Cores in use at the limit from which on CPU may be what limits: one event loop or GVL fills one core."""

FIGURE: Mapping[Axis, str] = {"agents": "agents", "contacts": "contacts", "emit-rate": "messages_per_s"}
"""The figure of a step that says where it stood on an axis."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A load that is asked about.

    Attributes:
        agents: connected.
        contacts: connected.
        rate: messages a second of all of them.
    """

    agents: float
    contacts: float
    rate: float

    def on(self, axis: Axis) -> float:
        """Its place on an axis."""
        return {"agents": self.agents, "contacts": self.contacts, "emit-rate": self.rate}[axis]


@dataclass(frozen=True, slots=True)
class Sizing:
    """An answer.

    Attributes:
        asked: the load.
        share: of the capacity found, 1 for full; None where nothing can be told.
        interval: of the share.
        by: ``cpu``, or the axis that tells.
        outside: why nothing can be told, a sentence each; empty where something is.
        notes: what the answer rests on, a sentence each.
    """

    asked: Asked
    share: float | None
    interval: Interval | None
    by: str = ""
    outside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scaled:
    """The capacity of one installation among several of different size.

    Attributes:
        processes: server processes.
        axis: what was searched.
        interval: last pass and first failure, of the axis; None where there is none.
        deliveries: deliveries a second at the last pass; None where nothing passed.
        efficiency: deliveries over those of the smallest installation, a process; 1 is linear growth.
    """

    processes: int
    axis: str
    interval: tuple[float, float] | None
    deliveries: float | None
    efficiency: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def scaling(processes: Sequence[int], answers: Sequence[Mapping[str, Any]]) -> list[Scaled]:
    """How capacity grows with server processes, the smallest installation first.

    Args:
        processes: of the installation of each search.
        answers: what the searches found.
    """
    rows: list[Scaled] = []
    for many, answer in sorted(zip(processes, answers, strict=True), key=lambda pair: pair[0]):
        passed, failed = answer["last_pass"], answer["first_fail"]
        at = answer["at_last_pass"]
        deliveries = None if at is None else at["deliveries_per_s"]
        first = rows[0] if rows else None
        efficiency = None
        if deliveries is not None:
            base = deliveries / many if first is None else (first.deliveries or 0.0) / first.processes
            efficiency = deliveries / many / base if base else None
        interval = None if passed is None or failed is None else (passed, failed)
        rows.append(Scaled(many, answer["axis"], interval, deliveries, efficiency))
    return rows


def size(asked: Asked, answers: Sequence[Mapping[str, Any]]) -> Sizing:
    """Answer for a load.

    Args:
        asked: the load.
        answers: what searches of one installation found, as :func:`loadtest.analysis.capacity.answer` makes them.
    """
    steps = [step for answer in answers for step in answer["steps"] if step["outcome"] in ("pass", "fail")]
    passed = [step["figures"] for step in steps if step["outcome"] == "pass"]
    if not passed:
        return Sizing(asked, None, None, outside=("No step of these searches kept its limits.",))
    varied = {answer["axis"] for answer in answers}
    outside = [text for axis in AXES for text in _outside(axis, asked.on(axis), passed, axis in varied)]
    if outside:
        return Sizing(asked, None, None, outside=tuple(outside))
    notes = [_unvaried(axis, passed) for axis in AXES if axis not in varied]
    if len(varied) > 1:
        notes.append("The searches varied one axis at a time; between their lines the answer is an interpolation.")
    by_cpu = _by_cpu(asked, answers, passed)
    found = by_cpu or _by_axis(asked, answers, passed)
    if found is None:
        return Sizing(asked, None, None, outside=("No search found a limit: there is no capacity to be a share of.",))
    share, interval, by = found
    return Sizing(asked, share, interval, by, (), tuple(notes))


def _outside(axis: Axis, value: float, passed: Sequence[Mapping[str, float]], varied: bool) -> list[str]:
    run = [float(figures[FIGURE[axis]] or 0.0) for figures in passed]
    low, high = min(run), max(run)
    if varied:
        if low * (1 - SLACK) <= value <= high * (1 + SLACK):
            return []
        return [f"{_named(axis, value)} lie outside what was measured with success ({low:,.4g} to {high:,.4g})."]
    if low * (1 - SLACK) <= value <= high * (1 + SLACK):
        return []
    return [
        f"{_named(axis, value)}: this axis was not varied (all steps ran at {_range(low, high)}); "
        f"a search with --axis {axis} tells more."
    ]


def _named(axis: Axis, value: float) -> str:
    unit = "messages/s" if axis == "emit-rate" else axis
    return f"{value:,.4g} {unit}"


def _range(low: float, high: float) -> str:
    return f"{high:,.4g}" if high - low <= SLACK * high else f"{low:,.4g} to {high:,.4g}"


def _unvaried(axis: Axis, passed: Sequence[Mapping[str, float]]) -> str:
    run = [float(figures[FIGURE[axis]] or 0.0) for figures in passed]
    unit = "the message rate" if axis == "emit-rate" else axis
    return f"Not varied: {unit} (run at {_range(min(run), max(run))})."


def _by_cpu(
    asked: Asked, answers: Sequence[Mapping[str, Any]], passed: Sequence[Mapping[str, float]]
) -> tuple[float, Interval, str] | None:
    model = fit_costs("target_cpu", [step["figures"] for answer in answers for step in answer["steps"]])
    if model is None or any(answer["ending"] not in ("found", "unconfirmed") for answer in answers):
        return None
    load = {
        "deliveries_per_s": asked.rate * _ratio(passed, "deliveries_per_s", "messages_per_s"),
        "presence_per_s": (asked.agents + asked.contacts) * _ratio(passed, "presence_per_s", "users"),
        "users": asked.agents + asked.contacts,
    }
    full = max(float(figures.get("target_cpu") or 0.0) for figures in passed)
    if full < CPU_BOUND:
        return None
    value, (low, high) = model.predict(load)
    return value / full, (max(low, 0.0) / full, high / full), "cpu"


def _ratio(passed: Sequence[Mapping[str, float]], above: str, below: str) -> float:
    """How much of one figure came with another, over all steps that passed."""
    total = sum(float(figures[below] or 0.0) for figures in passed)
    return sum(float(figures[above] or 0.0) for figures in passed) / total if total else 0.0


def _by_axis(
    asked: Asked, answers: Sequence[Mapping[str, Any]], passed: Sequence[Mapping[str, float]]
) -> tuple[float, Interval, str] | None:
    found: list[tuple[float, Interval, str]] = []
    for answer in answers:
        axis, low, high = answer["axis"], answer["last_pass"], answer["first_fail"]
        if low is None or high is None:
            continue
        value = asked.on(axis)
        found.append((value / ((low * high) ** 0.5), (value / high, value / low), axis))
    return max(found, default=None)
