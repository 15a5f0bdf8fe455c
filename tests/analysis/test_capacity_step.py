"""A step of a search, judged from the frames of the run that it is a part of."""

from __future__ import annotations

import json

import pytest

from loadtest.analysis.capacity_step import Step, area, cut, is_unexercised, judge
from loadtest.analysis.model import plain
from loadtest.analysis.slo import parse_slo
from tests.analysis.search_runs import SLO, SearchRun, span


def test_a_step_that_keeps_its_limits_passes():
    """Limits kept in all windows, throughput and latency at rest."""
    data = SearchRun().talk(range(5, 95)).build()

    found = judge(data, span(20, 30, 60), SLO)

    assert (found.outcome, found.unanimous, found.failed) == ("pass", True, ())
    assert found.figures["messages_per_s"] == pytest.approx(10.0)
    assert found.figures["deliveries_per_s"] == pytest.approx(100.0)
    assert found.figures["agents"] is None  # nobody read the gauge of who is connected


def test_a_step_is_judged_by_its_own_windows():
    """What happened before and after it is another step's."""
    run = SearchRun().talk(range(5, 30), ms=900.0).talk(range(30, 60)).talk(range(60, 95), ms=900.0)

    assert judge(run.build(), span(28, 30, 60), SLO).outcome == "pass"
    assert judge(run.build(), span(60, 62, 92), SLO).outcome == "fail"


@pytest.mark.parametrize(("slow", "outcome"), [(range(30, 40), "pass"), (range(30, 50), "fail")])
def test_two_windows_of_three_decide(slow, outcome):
    """One bad third of a hold is forgiven, and makes the step doubtful; two are not."""
    fine = [window for window in range(5, 95) if window not in slow]
    run = SearchRun().talk(slow, ms=900.0)
    for window in fine:
        run.talk(range(window, window + 1))

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert found.outcome in (outcome, "unsettled")
    assert not found.unanimous or found.outcome == "unsettled"


def test_it_says_what_failed_first():
    """Loss and latency are named by their areas, with the numbers."""
    found = judge(SearchRun().talk(range(5, 95), ms=900.0, lost=1).build(), span(20, 30, 60), SLO)

    assert set(found.failed) == {"loss", "latency"}
    assert "3 of 3 windows" in found.why[0]


def test_a_queue_that_grows_does_not_pass():
    """A hold within its limits whose latency still doubles has not come to rest."""
    run = SearchRun().talk(range(5, 30), ms=15.0).talk(range(30, 95), ms=15.0, growth=0.1)

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert found.outcome == "unsettled"
    assert "latency had not come to rest" in found.why[0]


def test_the_generators_breaches_make_a_step_invalid():
    """More than 5 % of its windows marked, and the step says nothing of the target, but how many workers it takes."""
    run = SearchRun().talk(range(5, 95))
    for window in (33, 40, 41):
        run.run.breach(window)
    for window in range(5, 95):
        run.run.count(window, "generator.cpu_us", 900_000)

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert found.outcome == "invalid"
    assert found.workers_needed == 2
    assert judge(run.build(), span(60, 62, 92), SLO).outcome == "pass"


def test_the_abort_guard_ends_a_step_and_is_no_limit():
    """An aborted step has failed, whatever was measured of it."""
    found = judge(SearchRun().talk(range(5, 95)).build(), span(20, 30, 34, aborted="the target fails"), SLO)

    assert (found.outcome, found.failed, found.why) == ("fail", ("abort guard",), ("the target fails",))


def test_users_that_do_not_come_are_a_failure_of_connects():
    """A step whose users were not subscribed in time has failed."""
    found = judge(SearchRun().talk(range(5, 95)).build(), span(20, 30, 60, missing=7), SLO)

    assert (found.outcome, found.failed[0]) == ("fail", "connects")


def test_a_rate_limit_is_told_as_one():
    """A step that failed because the target answered 429 met its rule, and not its capacity."""
    run = SearchRun().talk(range(5, 95), ms=900.0)
    for window in range(30, 60):
        run.run.count(window, "rest.error", 4, "contact.send_message", "429")

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert (found.outcome, found.failed[0]) == ("fail", "rate limit")
    assert "not its capacity" in found.why[0]


def test_a_plan_that_was_dropped_is_not_that_level():
    """Where the generator had nobody to speak, the step was not at its level."""
    run = SearchRun().talk(range(5, 95))
    for window in range(30, 60):
        run.run.count(window, "generator.dropped", 3, "nobody_there")

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert found.outcome == "invalid"
    assert "--contacts" in found.why[0]


def test_a_plan_that_the_target_held_up_is_its_failure():
    """Where it held all REST connections, messages that could not be sent are no fault of the generator."""
    run = SearchRun().talk(range(5, 95))
    for window in range(30, 60):
        run.run.count(window, "generator.dropped", 3, "too_many_in_flight")

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert (found.outcome, found.failed) == ("fail", ("REST",))


def test_one_leak_is_one_too_many():
    """A leak in a single window of the hold fails the step, though two others had none."""
    run = SearchRun().talk(range(5, 95))
    run.run.count(35, "delivery.leaked", 1, "message.created", "contact")

    found = judge(run.build(), span(20, 30, 60), SLO)

    assert (found.outcome, found.failed[0]) == ("fail", "leaks")


def test_too_few_samples_are_told_as_such():
    """A percentile that a window cannot have is no pass."""
    found = judge(SearchRun().talk(range(5, 95), messages=1).build(), span(20, 30, 60), SLO)

    assert found.outcome == "short"
    assert "--hold" in found.why[0]


def test_many_limits_without_samples_are_told_in_a_line():
    """Two are named, and how many more there are."""
    limits = parse_slo('[fanout."message.created".agent]\np99_ms = 200\np99_incl_lost_ms = 200\nlast_p99_ms = 200\n')
    found = judge(SearchRun().talk(range(5, 95), messages=1).build(), span(20, 30, 60), limits)

    assert found.why[0].count("fanout") == 2
    assert " and 1 more: hold longer" in found.why[0]


def test_a_limit_of_connects_waits_for_no_samples():
    """Where hardly anybody connects no hold is long enough, so such a limit decides nothing, and is kept as that."""
    limits = parse_slo('[cable]\nconfirm_p99_ms = 9\n[delivery."message.created"]\nlost = 0\n')
    found = judge(SearchRun().talk(range(5, 95)).build(), span(20, 30, 60), limits)

    assert "pass" == found.outcome
    assert [m.name for m in found.margins if is_unexercised(m)] == ["cable.confirm_p99_ms max"]


def test_a_hold_without_a_window_is_no_step():
    """Less than a window cannot be judged."""
    assert judge(SearchRun().talk(range(5, 95)).build(), span(20, 30, 30), SLO).outcome == "invalid"


def test_without_limits_a_step_is_judged_as_runs_are():
    """The default checks hold: nothing lost, everybody there."""
    run = SearchRun().talk(range(5, 95)).build()

    names = {margin.name for margin in judge(run, span(20, 30, 60)).margins}

    assert {"lost", "users confirmed", "connected time"} <= names


def test_a_cut_is_a_run_of_its_own():
    """Its hold is the step's, its ramp what came before, and marks outside are left out."""
    run = SearchRun().talk(range(5, 95))
    run.run.breach(33).breach(70)

    part = cut(run.build(), span(20, 30, 60))

    assert set(part.counts.loc[part.counts["phase"] == "hold", "window"] - 1_700_000_000) == set(range(30, 60))
    assert part.counts["window"].min() == 1_700_000_020
    assert [extra["window"] - 1_700_000_000 for extra in part.notes["data"] if "window" in extra] == [33]


def test_a_step_survives_json():
    """What stands in the store's note is the step, infinite values included."""
    found = judge(SearchRun().talk(range(5, 95), lost=1).build(), span(20, 30, 60), SLO)

    again = Step.from_dict(json.loads(json.dumps(plain(found.as_dict()))))

    assert again == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('fanout."message.created".agent.p99_ms max', "latency"),
        ("cable.ping_gap_p99_s max", "ping gap"),
        ("cable.connect_p99_ms max", "connects"),
        ("users confirmed", "connects"),
        ("presence.agent.p_a min", "presence"),
        ("something else", "something else"),
    ],
)
def test_limits_are_named_by_what_they_are_about(name, expected):
    """Latency, loss, ping gap, presence, connects: the words of the answer."""
    assert area(name) == expected
