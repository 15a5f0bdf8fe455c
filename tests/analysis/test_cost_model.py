"""What the target's CPU and memory are spent on."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analysis.cost_model import fit_costs

IDLE, DELIVERY, FRAME, CONNECTION = 0.02, 3e-4, 2e-3, 2e-5


def steps(
    n: int = 24, *, noise: float = 0.02, seed: int = 1, users: tuple[float, float] = (100, 2000), presence: bool = True
) -> list[dict[str, float | None]]:
    """Steps of a target with known costs, whose drivers vary by themselves."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, float | None]] = []
    for _ in range(n):
        row = {
            "seconds": 30.0,
            "deliveries_per_s": random.uniform(100, 2000),
            "presence_per_s": random.uniform(5, 80) if presence else 7.0,
            "users": random.uniform(*users),
        }
        cpu = IDLE + DELIVERY * row["deliveries_per_s"] + FRAME * row["presence_per_s"] + CONNECTION * row["users"]
        row["target_cpu"] = cpu * random.lognormal(0.0, noise)
        row["target_rss_bytes"] = 48e6 + 21_000 * row["users"] * random.lognormal(0.0, noise)
        rows.append(row)
    return rows


def test_known_costs_are_recovered():
    """The interval of each cost holds what is true, and the largest one is within a tenth."""
    model = fit_costs("target_cpu", steps())
    costs = {cost.driver: cost for cost in model.costs}

    assert costs["deliveries_per_s"].value == pytest.approx(DELIVERY, rel=0.1)
    for driver, true in (("deliveries_per_s", DELIVERY), ("presence_per_s", FRAME), ("users", CONNECTION)):
        low, high = costs[driver].interval
        assert low <= true <= high
    assert model.explained > 0.95


def test_memory_goes_by_connections():
    """Memory is a base and a cost of each connection."""
    model = fit_costs("target_rss_bytes", steps())

    assert [cost.driver for cost in model.costs] == ["users"]
    assert model.costs[0].value == pytest.approx(21_000, rel=0.1)
    assert model.idle == pytest.approx(48e6, rel=0.1)


def test_a_driver_that_did_not_vary_is_named():
    """Its cost stands in what is idle, and nobody guesses it."""
    model = fit_costs("target_cpu", steps(users=(500, 505), presence=False))

    assert set(model.unvaried) == {"users", "presence_per_s"}
    assert [cost.driver for cost in model.costs] == ["deliveries_per_s"]


def test_drivers_that_move_together_are_not_told_apart():
    """Presence frames that follow the connections are left with the first of the two."""
    rows = steps(noise=0.01)
    for row in rows:
        row["users"] = 20.0 * row["presence_per_s"]

    assert fit_costs("target_cpu", rows).merged == {"users": "presence_per_s"}


def test_a_prediction_has_an_interval():
    """What a load would use lies within the interval told for it."""
    load = {"deliveries_per_s": 800.0, "presence_per_s": 40.0, "users": 900.0}
    value, (low, high) = fit_costs("target_cpu", steps()).predict(load)

    assert low <= IDLE + DELIVERY * 800 + FRAME * 40 + CONNECTION * 900 <= high
    assert low <= value <= high


@pytest.mark.parametrize("watched", [False, True])
def test_without_readings_there_is_no_model(watched):
    """A target that nobody watched, or in three steps only, has no costs."""
    rows = steps(3 if watched else 20)
    for row in rows:
        row["target_cpu"] = row["target_cpu"] if watched else None

    assert fit_costs("target_cpu", rows) is None


def test_costs_are_never_negative():
    """A cost below zero is noise, and is told as none."""
    rows = steps()
    for row in rows:
        row["target_cpu"] = 0.5 - 1e-4 * (row["users"] or 0.0) / 1000

    assert all(cost.value >= 0 for cost in fit_costs("target_cpu", rows).costs)
