"""How full a target is at a load, inside what was measured."""

from __future__ import annotations

import pytest

from loadtest.analysis.capacity import answer
from loadtest.analysis.capacity_search import SearchPlan
from loadtest.analysis.sizing import Asked, size
from tests.analysis.builders import meta
from tests.analysis.search_runs import PLAN, found, step


def by_rate(**changes):
    """A search by the message rate, at 100 agents and 50 contacts."""
    return answer(PLAN, found(**changes), meta=meta())


def test_inside_the_range_a_share_is_told_with_its_interval():
    """Half of the rate that was carried is about half of the capacity."""
    told = size(Asked(100, 50, 17.5), [by_rate()])
    low, high = told.interval

    assert told.by == "emit-rate"
    assert low < 0.49 < high
    assert low == pytest.approx(17.5 / 36.68)


def test_axes_that_were_not_varied_are_named():
    """One search varies one axis; the others are said to have stood still."""
    notes = " ".join(size(Asked(100, 50, 17.5), [by_rate()]).notes)

    assert "agents (run at 100)" in notes
    assert "contacts (run at 50)" in notes


@pytest.mark.parametrize(
    ("asked", "word"), [(Asked(100, 50, 90.0), "messages/s"), (Asked(300, 50, 20.0), "--axis agents")]
)
def test_outside_the_range_nothing_is_told(asked, word):
    """Neither a rate that was not carried, nor people on an axis that nobody varied."""
    told = size(asked, [by_rate()])

    assert (told.share, told.interval) == (None, None)
    assert word in told.outside[0]


def pool(axis, levels, *, agents=10.0, contacts=20.0, rate=10.0, capacity=400.0, per_person=0.0):
    """A search of a target whose bottleneck has this much work to give: so much a person, and 1 a delivery.

    A message goes to all agents and its contact. Levels are those that were tried, in order.
    """
    steps = []
    for n, level in enumerate(levels, 1):
        at = {"agents": agents, "contacts": contacts, "emit-rate": rate, axis: float(level)}
        work = at["emit-rate"] * (at["agents"] + 1)
        used = (work + per_person * (at["agents"] + at["contacts"])) / capacity
        made = step(n, float(level), "fail" if used > 1 else "pass", agents=at["agents"], contacts=at["contacts"])
        figures = {"messages_per_s": at["emit-rate"], "expected_per_s": work, "deliveries_per_s": min(work, capacity)}
        object.__setattr__(made, "figures", {**made.figures, **figures})
        steps.append(made)
    plan = SearchPlan(axis, start=float(levels[0]), bound=2000.0, least=0.1, tolerance=0.1, confirm=False)
    return answer(plan, steps, meta=meta())


RATES = (10, 20, 40, 20, 28, 34, 37)
AGENTS = (10, 20, 40, 20, 28, 34, 37, 39)
CONTACTS = (20, 200, 1800, 200, 600, 1000, 1300, 1150)


def test_off_the_lines_the_work_counts():
    """Half of the rate carried with most of the agents carried is far more than half of the work.

    18 messages a second to 20 agents are half of either axis's limit, and 378 of 400 deliveries a second.
    """
    told = size(Asked(20, 20, 18.0), [pool("emit-rate", RATES), pool("agents", AGENTS)])
    low, high = told.interval

    assert told.by == "deliveries"
    assert told.deliveries == pytest.approx(378)
    assert low <= 378 / 400 <= high
    assert told.share == pytest.approx(378 / 400, rel=0.05)


def test_more_work_than_was_carried_is_outside():
    """Inside on each axis, and twice what the target carries: nothing is told, and the work is named."""
    told = size(Asked(34, 20, 30.0), [pool("emit-rate", RATES), pool("agents", AGENTS)])

    assert told.share is None
    assert "1,050 deliveries/s" in told.outside[0]


def test_on_a_line_its_search_tells():
    """With the other axes as they were held, the axis itself is asked."""
    told = size(Asked(20, 20, 10.0), [pool("emit-rate", RATES), pool("agents", AGENTS)])

    assert told.by == "agents"
    assert told.interval == (20 / 40, 20 / 39)


def test_people_are_counted_where_deliveries_do_not_explain_the_limits():
    """A contact that talks to nobody costs as well, and the limit on its axis is one of people."""
    cost = {"per_person": 0.25}
    searches = [
        pool("emit-rate", RATES, **cost),
        pool("agents", AGENTS, **cost),
        pool("contacts", CONTACTS, **cost),
    ]

    told = size(Asked(15, 500, 12.0), searches)

    assert told.by == "work"
    assert told.share == pytest.approx((12 * 16 + 0.25 * 515) / 400, rel=0.1)


def test_limits_that_no_sum_explains_leave_the_fullest_axis():
    """A limit of its own on one axis: the answer warns that the target may be fuller."""
    people = pool("agents", (10, 12, 14), capacity=145.0)

    told = size(Asked(11, 100, 20.0), [pool("emit-rate", RATES, contacts=200.0), people])

    assert told.by in ("agents", "emit-rate")
    assert any("do not follow from one sum" in note for note in told.notes)


def test_the_answer_says_where_the_load_lies_on_each_axis():
    """What was asked, what was carried, and the limit where it is known."""
    told = size(Asked(10, 20, 18.0), [pool("emit-rate", RATES)])
    by_axis = {place.axis: place for place in told.places}

    assert by_axis["emit-rate"].limit == (34, 37)
    assert (by_axis["agents"].low, by_axis["agents"].high, by_axis["agents"].limit) == (10, 10, None)


def test_a_watched_target_is_sized_by_its_cpu():
    """With readings of CPU the model tells, as a share of what was used at the highest level that passed."""
    steps = [
        step(n, level, out, kind=kind, cpu=0.1 + 0.02 * level)
        for n, (level, out, kind) in enumerate(
            [
                (10.0, "pass", "up"),
                (20.0, "pass", "up"),
                (40.0, "fail", "up"),
                (28.0, "pass", "bisect"),
                (34.0, "pass", "bisect"),
                (35.0, "fail", "bisect"),
                (30.6, "pass", "confirm"),
            ],
            1,
        )
    ]

    told = size(Asked(100, 50, 17.0), [answer(PLAN, steps, meta=meta())])

    assert told.by == "cpu"
    assert told.share == pytest.approx((0.1 + 0.02 * 17) / (0.1 + 0.02 * 34), rel=0.02)


def test_a_target_that_waits_is_not_sized_by_its_cpu():
    """With a tenth of a core in use at its limit, something else is what it ran out of."""
    assert size(Asked(100, 50, 17.5), [by_rate(cpu=0.1)]).by == "emit-rate"


def test_without_a_limit_there_is_no_share():
    """A search that was never refused anything knows no capacity."""
    steps = [step(n, level, "pass") for n, level in enumerate((10.0, 20.0, 40.0), 1)]
    content = answer(SearchPlan("emit-rate", start=10.0, bound=40.0, least=0.1), steps, meta=meta())

    assert "No search found a limit" in size(Asked(100, 50, 20.0), [content]).outside[0]
