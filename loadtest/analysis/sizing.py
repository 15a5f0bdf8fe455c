"""How full a target is at a load that is asked about, inside what was measured.

The answer is a share of the capacity that the searches found, with its interval. What it is told by is, in this order:

*CPU*, where the target was watched and CPU was what it ran out of (half a core in use and more at the highest level
that kept its limits): the cost model over all steps (:mod:`loadtest.analysis.cost_model`) tells the cores that the
asked load uses, as a share of those. A target that waits for something else is not sized by its CPU.

*An axis*, where the asked load lies on the line that a search went along, the other two axes as they were held there:
the asked value is a share of the interval [last pass, first fail] found.

*The work*, off these lines. Axes meet in the product, since a message costs as much as an inbox is wide: half of the
agents carried and half of the rate carried may be far more than half of the work, or far less. By the utilisation law
(Denning and Buzen, "The Operational Analysis of Queueing Network Models", 1978) what one bottleneck is used is the sum
of what each kind of work demands of it, and at each limit found that sum is 1. The demands of a delivery, and of a
person if deliveries alone do not explain the limits, follow from the limits by least squares without negative ones;
how many deliveries a message stands for follows from the steps, linear in agents and contacts. The sum is used only if
it tells every step that was made (each pass at most :data:`SURE` above 1, each failure at most so much below).

*The fullest axis*, where no sum explains the limits (another resource gives way on each axis, say), with a warning.

Nothing is told outside the measured range: a value above the highest level that passed, or of an axis that was never
varied other than as it was run, or more deliveries than were ever carried, is named as such.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.capacity_search import AXES, Axis
from loadtest.analysis.cost_model import fit_costs
from loadtest.analysis.model import Interval
from loadtest.analysis.scaling import work_carried

SLACK = 0.02
"""By how much an asked value may differ from what was run to count as the same."""

SURE = 0.1
"""By how much a sum of work may misjudge a step that was made; a knee is no sharper than that."""

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
class Place:
    """Where the asked load lies on one axis.

    Attributes:
        axis: which.
        asked: the value asked about.
        low: the lowest that was run and kept the limits.
        high: the highest.
        limit: last pass and first failure of its search; None where none was made, or found none.
    """

    axis: Axis
    asked: float
    low: float
    high: float
    limit: Interval | None


@dataclass(frozen=True, slots=True)
class Sizing:
    """An answer.

    Attributes:
        asked: the load.
        share: of the capacity found, 1 for full; None where nothing can be told.
        interval: of the share.
        by: ``cpu``, ``deliveries``, ``work`` (deliveries and people), or the axis that tells.
        outside: why nothing can be told, a sentence each; empty where something is.
        notes: what the answer rests on, a sentence each.
        places: the load on each axis; empty where no step passed.
        deliveries: a second that it stands for; None where that is not known.
        carried: the most deliveries a second that were carried within the limits.
    """

    asked: Asked
    share: float | None
    interval: Interval | None
    by: str = ""
    outside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    deliveries: float | None = None
    carried: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


Values = Mapping[str, Any]
Floats = NDArray[np.float64]
_Found = tuple[float, Interval, str]


def size(asked: Asked, answers: Sequence[Values]) -> Sizing:
    """Answer for a load.

    Args:
        asked: the load.
        answers: what searches of one installation found, as :func:`loadtest.analysis.capacity.answer` makes them.
    """
    steps = [step for answer in answers for step in answer["steps"] if step["outcome"] in ("pass", "fail")]
    passed = [step["figures"] for step in steps if step["outcome"] == "pass"]
    if not passed:
        return Sizing(asked, None, None, outside=("No step of these searches kept its limits.",))
    places = tuple(_place(axis, asked, answers, passed) for axis in AXES)
    deliveries = asked.rate * _fanout(steps, asked)
    carried = max(_due(figures) for figures in passed)
    varied = {answer["axis"] for answer in answers}
    outside = [text for axis in AXES for text in _outside(axis, asked.on(axis), passed, axis in varied)]
    if not outside and deliveries > carried * (1 + SURE):
        outside.append(
            f"Together they are about {_short(deliveries)} deliveries/s; at most {_short(carried)} were carried within "
            "the limits."
        )
    if outside:
        return Sizing(asked, None, None, "", tuple(outside), (), places, deliveries, carried)
    found = (
        _by_cpu(asked, deliveries, answers, passed)
        or _on_a_line(asked, answers)
        or _by_work(asked, deliveries, answers, steps)
        or _by_axis(asked, answers)
    )
    if found is None:
        none = ("No search found a limit: there is no capacity to be a share of.",)
        return Sizing(asked, None, None, "", none, (), places, deliveries, carried)
    share, interval, by = found
    notes = _notes(asked, answers, passed, by)
    return Sizing(asked, share, interval, by, (), tuple(notes), places, deliveries, carried)


def _place(axis: Axis, asked: Asked, answers: Sequence[Values], passed: Sequence[Values]) -> Place:
    run = [float(figures[FIGURE[axis]] or 0.0) for figures in passed]
    limits = [
        (float(answer["last_pass"]), float(answer["first_fail"]))
        for answer in answers
        if answer["axis"] == axis and answer["last_pass"] is not None and answer["first_fail"] is not None
    ]
    return Place(axis, asked.on(axis), min(run), max(run), min(limits, default=None))


def _notes(asked: Asked, answers: Sequence[Values], passed: Sequence[Values], by: str) -> list[str]:
    varied = {answer["axis"] for answer in answers}
    notes = [_unvaried(axis, passed) for axis in AXES if axis not in varied]
    if by == "deliveries":
        notes.append("The limits of these searches are one and the same in deliveries; so is the load asked about.")
    if by == "work":
        notes.append("The limits of these searches follow from one sum: so much a delivery, and so much a person.")
    if by in AXES and len(varied) > 1 and _on_a_line(asked, answers) is None:
        notes.append(
            "The limits of these searches do not follow from one sum of work, so that the fullest axis is told: where "
            "several are loaded at once the target may be fuller. A search with the other axes held at this load "
            "tells more."
        )
    return notes


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


def _short(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.10g}"


def _range(low: float, high: float) -> str:
    return f"{high:,.4g}" if high - low <= SLACK * high else f"{low:,.4g} to {high:,.4g}"


def _unvaried(axis: Axis, passed: Sequence[Mapping[str, float]]) -> str:
    run = [float(figures[FIGURE[axis]] or 0.0) for figures in passed]
    unit = "the message rate" if axis == "emit-rate" else axis
    return f"Not varied: {unit} (run at {_range(min(run), max(run))})."


def _due(figures: Values) -> float:
    return float(figures.get("expected_per_s") or figures.get("deliveries_per_s") or 0.0)


def _people(figures: Values) -> tuple[float, float]:
    return float(figures["agents"] or 0.0), float(figures["contacts"] or 0.0)


def _fanout(steps: Sequence[Values], asked: Asked) -> float:
    """Deliveries for each message at so many agents and contacts: linear in both, of those that were varied."""
    from scipy.optimize import nnls  # late: importing it costs half a second

    found = [step["figures"] for step in steps if step["figures"].get("messages_per_s")]
    widths = np.array([_due(figures) / float(figures["messages_per_s"]) for figures in found])
    weights = np.sqrt([float(figures["messages_per_s"]) * float(figures["seconds"]) for figures in found])
    columns, at = [np.ones(len(found))], [1.0]
    for place, value in enumerate((asked.agents, asked.contacts)):
        column = np.array([_people(figures)[place] for figures in found])
        if np.ptp(column) > SLACK * column.max():
            columns.append(column)
            at.append(value)
    design = np.stack(columns, axis=1)
    costs, _ = nnls(design * weights[:, None], widths * weights)
    return float(np.array(at) @ costs)


def _by_cpu(asked: Asked, deliveries: float, answers: Sequence[Values], passed: Sequence[Values]) -> _Found | None:
    model = fit_costs("target_cpu", [step["figures"] for answer in answers for step in answer["steps"]])
    if model is None or any(answer["ending"] not in ("found", "unconfirmed") for answer in answers):
        return None
    load = {
        "deliveries_per_s": deliveries,
        "presence_per_s": (asked.agents + asked.contacts) * _ratio(passed, "presence_per_s", "users"),
        "users": asked.agents + asked.contacts,
    }
    full = max(float(figures.get("target_cpu") or 0.0) for figures in passed)
    if full < CPU_BOUND:
        return None
    value, (low, high) = model.predict(load)
    return value / full, (max(low, 0.0) / full, high / full), "cpu"


def _ratio(passed: Sequence[Values], above: str, below: str) -> float:
    """How much of one figure came with another, over all steps that passed."""
    total = sum(float(figures[below] or 0.0) for figures in passed)
    return sum(float(figures[above] or 0.0) for figures in passed) / total if total else 0.0


def _on_a_line(asked: Asked, answers: Sequence[Values]) -> _Found | None:
    """The axis whose search held the other two where they are asked about; the fullest, if several did."""
    return _by_axis(asked, [answer for answer in answers if _held_so(asked, answer)])


def _held_so(asked: Asked, answer: Values) -> bool:
    passed = [step["figures"] for step in answer["steps"] if step["outcome"] == "pass"]
    for axis in AXES:
        held = [float(figures[FIGURE[axis]] or 0.0) for figures in passed]
        if axis == answer["axis"] or not held:
            continue
        if not min(held) * (1 - SLACK) <= asked.on(axis) <= max(held) * (1 + SLACK):
            return False
    return bool(passed)


def _by_work(asked: Asked, deliveries: float, answers: Sequence[Values], steps: Sequence[Values]) -> _Found | None:
    """The sum of what deliveries, and people where it takes them, demand of the bottleneck."""
    limits = [limit for answer in answers if (limit := _limit(answer)) is not None]
    if not limits:
        return None
    made = np.array([[_due(step["figures"]), sum(_people(step["figures"]))] for step in steps])
    failed = np.array([step["outcome"] == "fail" for step in steps])
    load = np.array([deliveries, asked.agents + asked.contacts])
    for kinds, by in ((1, "deliveries"), (2, "work")):
        ends = [np.array([limit[end][:kinds] for limit in limits]) for end in (0, 1)]
        demands = _demands(np.sqrt(ends[0] * ends[1]))
        told = made[:, :kinds] @ demands
        if np.any(told[failed] < 1 - SURE) or np.any(told[~failed] > 1 + SURE):
            continue
        share, low, high = (float(load[:kinds] @ found) for found in (demands, *map(_demands, reversed(ends))))
        return share, (min(low, share), max(high, share)), by
    return None


def _demands(limits: Floats) -> Floats:
    """What each kind of work demands, so that the sum is 1 at each limit: least squares, none below 0."""
    from scipy.optimize import nnls  # late: importing it costs half a second

    found: Floats = nnls(limits, np.ones(len(limits)))[0]
    return found


def _limit(answer: Values) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Deliveries a second and people, at the last pass and at the first failure."""
    work, at, failed = work_carried(answer), answer["at_last_pass"], answer["at_first_fail"]
    if work is None or at is None or failed is None:
        return None
    low, high = sum(_people(at)), sum(_people(failed))
    if not low or not high:
        return None
    return (work[0], low), (work[1], max(low, high))


def _by_axis(asked: Asked, answers: Sequence[Values]) -> _Found | None:
    found: list[_Found] = []
    for answer in answers:
        axis, low, high = answer["axis"], answer["last_pass"], answer["first_fail"]
        if low is None or high is None:
            continue
        value = asked.on(axis)
        found.append((value / math.sqrt(low * high), (value / high, value / low), axis))
    return max(found, default=None)
