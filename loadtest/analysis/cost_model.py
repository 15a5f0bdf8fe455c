"""What the target's CPU and memory are spent on: a regression over the steps of one or more searches.

    cores in use = idle + per delivery x deliveries/s + per presence frame x frames/s + per connection x connections

by least squares without negative costs (Lawson & Hanson 1974, scipy's ``nnls``), each step weighted by its own length;
intervals from a bootstrap over the steps (seeded). A cost can only be told from steps between which its driver varied:
one that did not vary, or that went up and down with another, is named and left in the constant or with that other,
never split by guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.model import Interval

Floats = NDArray[np.float64]

DRIVERS = {
    "deliveries_per_s": "per delivery",
    "presence_per_s": "per presence frame",
    "users": "per connection",
}
"""What costs may follow, by the figure of a step."""

MIN_VARIATION = 0.1
"""A driver whose values differ by less than this share of their mean has not varied."""

MAX_CORRELATION = 0.98
"""Drivers that move together more than this cannot be told apart."""

REPLICATES = 400
MIN_STEPS = 4
_SEED = 20_241_110


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one thing.

    Attributes:
        driver: the figure of a step that it follows.
        value: cores a unit of the driver (CPU seconds each), or bytes each.
        interval: 95 % interval.
    """

    driver: str
    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CostModel:
    """A fitted model.

    Attributes:
        of: what is explained: ``target_cpu`` (cores) or ``target_rss_bytes``.
        idle: what is used without any load.
        idle_interval: 95 % interval.
        costs: of the drivers that varied.
        unvaried: drivers that did not vary; their cost is in ``idle``.
        merged: drivers that went along with another one, by that one's name.
        explained: share of the variance that the model explains.
        steps: steps behind it.
        samples: the bootstrap's fits: idle and costs, shape (replicates, 1 + costs).
    """

    of: str
    idle: float
    idle_interval: Interval
    costs: tuple[Cost, ...]
    unvaried: tuple[str, ...]
    merged: Mapping[str, str]
    explained: float
    steps: int
    samples: tuple[tuple[float, ...], ...]

    def predict(self, figures: Mapping[str, float]) -> tuple[float, Interval]:
        """What a load would use, with its 95 % interval; drivers that did not vary are taken as they were.

        Args:
            figures: value of each driver of :attr:`costs`.
        """
        load = np.array([1.0, *(figures[cost.driver] for cost in self.costs)])
        value = float(load @ np.array([self.idle, *(cost.value for cost in self.costs)]))
        low, high = np.percentile(np.array(self.samples) @ load, (2.5, 97.5))
        return value, (float(low), float(high))


def fit_costs(of: str, steps: Sequence[Mapping[str, float | None]]) -> CostModel | None:
    """Fit a model to the figures of steps.

    Args:
        of: ``target_cpu`` or ``target_rss_bytes``.
        steps: the steps' figures; those without a reading of it are left out.

    Returns:
        The model, or None where the target was not watched, or in too few steps.
    """
    drivers = list(DRIVERS) if of == "target_cpu" else ["users"]
    rows = [step for step in steps if all(step.get(name) is not None for name in (of, *drivers))]
    if len(rows) < MIN_STEPS:
        return None
    table = {name: np.array([float(row[name] or 0.0) for row in rows]) for name in (of, *drivers)}
    varied, unvaried, merged = _told_apart({name: table[name] for name in drivers})
    if len(rows) < MIN_STEPS + len(varied) - 1:
        return None
    weights = np.sqrt([float(row.get("seconds") or 1.0) for row in rows])
    columns = np.column_stack([np.ones(len(rows)), *(table[name] for name in varied)])
    best = _solve(columns, table[of], weights)
    rng = np.random.default_rng(_SEED)
    draws = rng.integers(0, len(rows), (REPLICATES, len(rows)))
    samples = [_solve(columns[draw], table[of][draw], weights[draw]) for draw in draws]
    low, high = np.percentile(np.array(samples), (2.5, 97.5), axis=0)
    costs = [Cost(name, float(best[n]), (float(low[n]), float(high[n]))) for n, name in enumerate(varied, 1)]
    misfit = table[of] - columns @ best
    total = float(((table[of] - table[of].mean()) ** 2).sum())
    return CostModel(
        of=of,
        idle=float(best[0]),
        idle_interval=(float(low[0]), float(high[0])),
        costs=tuple(costs),
        unvaried=tuple(unvaried),
        merged=merged,
        explained=1.0 - float(misfit @ misfit) / total if total > 0 else 0.0,
        steps=len(rows),
        samples=tuple(tuple(float(value) for value in sample) for sample in samples),
    )


def _told_apart(table: Mapping[str, Floats]) -> tuple[list[str], list[str], dict[str, str]]:
    """Drivers that varied by themselves, those that did not vary, and those that went along with another."""
    varied: list[str] = []
    unvaried: list[str] = []
    merged: dict[str, str] = {}
    for name, values in table.items():
        mean = float(np.abs(values).mean())
        if mean == 0 or float(np.ptp(values)) < MIN_VARIATION * mean:
            unvaried.append(name)
            continue
        along = next((one for one in varied if abs(np.corrcoef(table[one], values)[0, 1]) > MAX_CORRELATION), None)
        if along is None:
            varied.append(name)
        else:
            merged[name] = along
    return varied, unvaried, merged


def _solve(columns: Floats, values: Floats, weights: Floats) -> Floats:
    from scipy.optimize import nnls  # late: importing it costs half a second

    scale = np.maximum(np.abs(columns).max(axis=0), 1e-12)  # columns of one size: deliveries are thousands, idle is one
    solution, _ = nnls(columns / scale * weights[:, None], values * weights)
    found: Floats = solution / scale
    return found
