"""How capacity grows with server processes."""

from __future__ import annotations

from functools import cache

import pytest

from loadtest.analysis.capacity import answer
from loadtest.analysis.capacity_search import SearchPlan
from loadtest.analysis.scaling import scaling, work_carried
from tests.analysis.builders import meta
from tests.analysis.search_runs import PLAN, found, step
from tests.analysis.worker_pool import WorkerPool, searched

PROCESSES = (1, 2, 4)


def between(low, high, *, run_id="r", fanout=10.0):
    """A search by the message rate that found this interval."""
    steps = [step(1, low, "pass", fanout=fanout), step(2, high, "fail", fanout=fanout)]
    plan = SearchPlan("emit-rate", start=low, bound=1e4, least=0.1, tolerance=10.0, confirm=False)
    return answer(plan, steps, meta=meta(run_id=run_id))


@cache
def of_pools(*workers):
    """Real searches on simulated pools of so many workers of 10 ms, which carry 100 deliveries a second each."""
    made = []
    for many in workers:
        plan = SearchPlan("emit-rate", start=14.0 * many, bound=500.0, least=0.1, confirm=False)
        _, trials = searched(plan, WorkerPool(workers=many, fanout=5, seed=many))
        steps = [step(n, t.level, t.outcome, kind=t.kind, fanout=5.0) for n, t in enumerate(trials, 1)]
        made.append(answer(plan, steps, meta=meta(run_id=f"pool-{many}")))
    return made


def test_pools_of_one_two_and_four_times_as_many_workers_grow_linearly():
    """Searched one by one (seeds 1, 2, 4), their growth is linear, and each interval of the law has the truth in it.

    The rows' own intervals lie within a tenth of what the pool carries by construction.
    """
    told = scaling(PROCESSES, of_pools(1, 2, 4))

    assert told.growth == "linear"
    assert told.notes == ()
    for row in told.rows:
        assert 0.9 * 100 * row.processes <= row.deliveries[0] < row.deliveries[1] <= 1.1 * 100 * row.processes
        assert row.efficiency_interval[0] <= 1 <= row.efficiency_interval[1]
    assert told.law.sigma_interval[0] < 0.01
    assert told.law.kappa_interval[0] < 0.001
    assert told.law.at(4) == pytest.approx(400, rel=0.06)


def test_pools_that_grow_less_are_not_called_linear():
    """Twice the processes with 1.5 times the workers are at three quarters, and the law finds what is serialised."""
    told = scaling((1, 2), of_pools(2, 3))
    second = told.rows[1]

    assert told.growth == "less than linear"
    assert second.efficiency_interval[0] <= 0.75 <= second.efficiency_interval[1]
    assert told.law.sigma_interval[0] <= 1 / 3 <= told.law.sigma_interval[1]
    assert told.law.kappa is None


def test_an_efficiency_has_the_intervals_of_both_searches():
    """At worst the low end over the smallest one's high end, at best the other way round."""
    told = scaling((1, 2), [between(10, 11), between(16, 18)])
    first, second = told.rows

    assert first.efficiency_interval == (1, 1)
    assert second.efficiency_interval == (pytest.approx(16 / 11 / 2), pytest.approx(18 / 10 / 2))
    assert second.deliveries == (160, 180)


def test_the_order_in_which_searches_are_named_does_not_matter():
    """The smallest comes first."""
    told = scaling((4, 1), [between(40, 42), between(10, 11)])

    assert [row.processes for row in told.rows] == [1, 4]


def test_a_larger_installation_that_carries_less_is_told_of():
    """It is worse than growth that flattens."""
    assert scaling(PROCESSES, [between(10, 11), between(18, 19), between(14, 15)]).growth == "falling"


def test_growth_above_linear_is_named():
    """Something else than processes held the smallest one up."""
    assert scaling((1, 2), [between(10, 11), between(30, 31)]).growth == "more than linear"


def test_the_law_counts_from_the_smallest_installation():
    """Two and four processes are one and two units."""
    law = scaling((2, 4), [between(10, 10.2), between(20, 20.4)]).law

    assert law.unit == 2
    assert law.at(4) == pytest.approx(202, rel=0.02)


def test_a_search_without_a_limit_is_no_capacity():
    """What was carried is a lower bound; it has no efficiency and is named."""
    steps = [step(n, level, "pass") for n, level in enumerate((10.0, 20.0, 40.0), 1)]
    unbound = answer(SearchPlan("emit-rate", start=10.0, bound=40.0, least=0.1), steps, meta=meta(run_id="b"))
    told = scaling((1, 2), [between(10, 11), unbound])

    assert told.growth == "unknown"
    assert told.law is None
    assert (told.rows[1].carried, told.rows[1].efficiency) == (400, None)
    assert "no limit" in told.notes[0]


def test_growth_counts_from_the_smallest_that_has_an_interval():
    """One that met no limit is passed over."""
    steps = [step(1, 10.0, "pass")]
    unbound = answer(SearchPlan("emit-rate", start=10.0, bound=10.0, least=0.1), steps, meta=meta(run_id="b"))
    told = scaling(PROCESSES, [unbound, between(20, 21), between(40, 42, run_id="s")])

    assert told.growth == "linear"
    assert [row.efficiency_interval is not None for row in told.rows] == [False, True, True]
    assert told.law.unit == 2


def test_searches_that_are_not_alike_are_named():
    """Other axes, other limits, or the same search twice."""
    one, other = between(10, 11), between(20, 21, run_id="s")
    for made in other["steps"]:
        made["margins"][0]["limit"] = 300.0
    assert "different limits" in " ".join(scaling((1, 2), [one, other]).notes)
    assert "the same search" in " ".join(scaling((1, 2), [one, one]).notes)
    assert "different axes" in " ".join(scaling((1, 2), [one, {**between(20, 21, run_id="t"), "axis": "agents"}]).notes)


def test_work_is_the_level_times_what_a_message_stood_for():
    """Over all steps that passed, not the two at the ends, which count for less."""
    assert work_carried(answer(PLAN, found(fanout=11.0), meta=meta())) == pytest.approx((35.12 * 11, 36.68 * 11))


def test_people_change_what_a_message_stands_for():
    """On an axis of people the work offered in the steps at both ends counts."""
    steps = [
        step(1, 20, "pass", fanout=21.0, agents=20.0),
        step(2, 24, "fail", fanout=25.0, agents=24.0),
    ]
    for one in steps:
        messages = 10.0
        figures = {"messages_per_s": messages, "expected_per_s": messages * (one.span.level + 1)}
        object.__setattr__(one, "figures", {**one.figures, **figures})
    plan = SearchPlan("agents", start=20, bound=100, tolerance=1.0, confirm=False)

    assert work_carried(answer(plan, steps, meta=meta())) == (210, 252)
