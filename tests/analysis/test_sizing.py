"""How full a target is at a load, inside what was measured."""

from __future__ import annotations

import pytest

from loadtest.analysis.capacity import answer
from loadtest.analysis.capacity_search import SearchPlan
from loadtest.analysis.sizing import Asked, scaling, size
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


def test_several_searches_cover_several_axes():
    """With a search on each axis a load off both lines is answered by the fuller one, and said to be in between."""
    people = SearchPlan("agents", start=50, bound=1000)
    steps = [
        step(1, 50, "pass", agents=50.0),
        step(2, 100, "pass", agents=100.0),
        step(3, 200, "fail", agents=200.0),
        step(4, 150, "pass", kind="confirm", agents=150.0),
    ]
    for one in steps:
        object.__setattr__(one, "figures", {**one.figures, "messages_per_s": 10.0})
    by_agents = answer(people, steps, meta=meta())

    told = size(Asked(140, 50, 12.0), [by_rate(), by_agents])

    assert told.by == "agents"
    assert any("interpolation" in note for note in told.notes)
    assert not any("agents" in note for note in told.notes)


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


def test_scaling_tells_how_capacity_grows():
    """Two processes that carry 1.6 times as much are at 80 % of linear growth."""
    one, two = by_rate(), by_rate(fanout=16.0)

    rows = scaling([2, 1], [two, one])

    assert [row.processes for row in rows] == [1, 2]
    assert [row.efficiency for row in rows] == pytest.approx([1.0, 0.8])
