"""The search for a capacity: what follows from the steps so far, and how near it comes to a known knee."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.capacity_search import Finding, NextStep, SearchPlan, Trial, decide, steps_left
from tests.analysis.worker_pool import WorkerPool, searched

RATE = SearchPlan("emit-rate", start=10.0, bound=500.0, least=0.1, tolerance=0.05)
PEOPLE = SearchPlan("agents", start=10.0, bound=1000.0)


def against(knee: float, plan: SearchPlan, *, long: float | None = None) -> tuple[Finding, list[Trial]]:
    """Search a target that carries exactly so much, or less for long."""
    trials: list[Trial] = []
    while isinstance(following := decide(plan, trials), NextStep):
        carried = long if following.kind == "confirm" and long is not None else knee
        trials.append(Trial(following.kind, following.level, "pass" if following.level <= carried else "fail"))
        assert len(trials) < 80
    return following, trials


def test_nine_of_ten_seeded_searches_come_within_a_tenth_of_the_knee():
    """On a pool of workers with noise the whole interval lies within 10 % of the rate that fills it (seeds 0 to 9)."""
    hits = 0
    for seed in range(10):
        pool = WorkerPool(seed=seed)
        found, _ = searched(RATE, pool)
        assert found.last_pass is not None
        assert found.first_fail is not None
        hits += 0.9 * pool.knee <= found.last_pass < found.first_fail <= 1.1 * pool.knee

    assert hits >= 9


@given(st.floats(0.2, 480.0))
def test_the_interval_holds_the_limit(knee):
    """Of a target without noise the limit lies between the last pass and the first failure, as near as was asked."""
    found, trials = against(knee, RATE)

    assert found.ending == "found"
    assert found.last_pass <= knee < found.first_fail
    assert found.first_fail - found.last_pass <= RATE.tolerance * found.last_pass * 1.01
    assert len(trials) <= 25


@given(st.integers(1, 999))
def test_people_are_whole(knee):
    """Levels of a population are whole numbers, and the interval ends at neighbours where it must."""
    found, trials = against(float(knee), PEOPLE)

    assert all(trial.level == int(trial.level) for trial in trials)
    assert found.last_pass <= knee < found.first_fail


def test_the_ramp_is_geometric():
    """Each level of the ramp is twice the one before, and the last one is the bound."""
    found, trials = against(10_000.0, RATE)

    assert [trial.level for trial in trials] == [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 500.0]
    assert found == Finding("bound", 500.0, None)


def test_the_bound_is_never_crossed():
    """No step lies above the bound, wherever it lies."""
    _, trials = against(1e9, SearchPlan("contacts", start=7, bound=23))

    assert max(trial.level for trial in trials) == 23


def test_a_start_that_fails_is_gone_down_from():
    """Where the first level fails, lower ones are tried."""
    found, trials = against(3.0, RATE)

    assert [trial.level for trial in trials[:3]] == [10.0, 5.0, 2.5]
    assert found.ending == "found"


def test_a_target_that_carries_nothing_is_told_of():
    """The least level that fails ends the search, without an interval."""
    found, _ = against(0.0, PEOPLE)

    assert found == Finding("least", None, 1.0)


def test_the_target_is_looked_at_right_after_the_overload():
    """After the first failure of the ramp the level before is tried once more, and decides nothing of the interval."""
    trials = [Trial("up", 10.0, "pass"), Trial("up", 20.0, "fail")]
    assert decide(RATE, trials) == NextStep("hysteresis", 10.0)

    back = decide(RATE, [*trials, Trial("hysteresis", 10.0, "fail")])

    assert back == NextStep("bisect", 14.14)
    assert against(15.0, RATE)[0].recovered is True


@pytest.mark.parametrize(
    ("outcome", "recovered"), [("pass", True), ("unsettled", False), ("short", None), ("invalid", None)]
)
def test_a_look_that_could_not_tell_says_nothing_of_the_target(outcome, recovered):
    """Too few samples, or an unfit generator, are no hysteresis."""
    trials = [Trial("up", 10.0, "pass"), Trial("up", 10.3, "fail"), Trial("hysteresis", 10.0, outcome)]
    found = decide(SearchPlan("emit-rate", start=10.0, bound=500.0, confirm=False), trials)

    assert isinstance(found, Finding)
    assert found.recovered is recovered


def test_after_a_break_there_is_no_overload_to_come_back_from():
    """A search that is gone on with later bisects at once."""
    trials = [Trial("up", 10.0, "pass"), Trial("up", 20.0, "fail")]

    assert decide(RATE, trials, fresh=True) == NextStep("bisect", 14.14)


def test_the_answer_is_held_for_long():
    """90 % of the last pass are held in the end."""
    found, trials = against(100.0, RATE)

    assert trials[-1].kind == "confirm"
    assert trials[-1].level == pytest.approx(0.9 * found.last_pass, rel=1e-3)
    assert found.confirmed_at == trials[-1].level


def test_what_does_not_hold_for_long_lowers_the_answer():
    """A target that wears out below its short capacity gets an interval in which it does not."""
    found, _ = against(100.0, RATE, long=60.0)

    assert found.first_fail <= 91
    assert found.ending in ("found", "unconfirmed")


def test_windows_that_disagree_are_tried_again():
    """A level whose windows do not agree is decided by the majority of three trials."""
    doubtful = Trial("up", 10.0, "fail", unanimous=False)
    assert decide(RATE, [doubtful]) == NextStep("up", 10.0, 2)
    split = [doubtful, Trial("up", 10.0, "pass", unanimous=False)]
    assert decide(RATE, split) == NextStep("up", 10.0, 3)

    assert decide(RATE, [*split, Trial("up", 10.0, "pass", unanimous=False)]) == NextStep("up", 20.0)


def test_a_generator_that_was_not_fit_is_no_capacity():
    """After a second try the search ends with a lower bound, and says at which level the generator was the limit."""
    trials = [Trial("up", 10.0, "pass"), Trial("up", 20.0, "invalid")]
    assert decide(RATE, trials) == NextStep("up", 20.0, 2)

    found = decide(RATE, [*trials, Trial("up", 20.0, "invalid")])

    assert found == Finding("generator", 10.0, None, 20.0)


def test_a_generator_that_was_not_fit_once_is_forgiven():
    """One bad moment of the machine does not end a search."""
    trials = [Trial("up", 10.0, "invalid"), Trial("up", 10.0, "pass")]

    assert decide(RATE, trials) == NextStep("up", 20.0)


def test_a_generator_that_was_not_fit_inside_the_interval_leaves_it_wide():
    """The interval is told as it is, with the level that could not be measured."""
    trials = [Trial("up", 10.0, "pass"), Trial("up", 20.0, "fail"), Trial("hysteresis", 10.0, "pass")]
    trials += [Trial("bisect", 14.14, "invalid"), Trial("bisect", 14.14, "invalid"), Trial("confirm", 9.0, "pass")]

    assert decide(RATE, trials) == Finding("found", 10.0, 20.0, 14.14, 9.0, True)


def test_few_samples_take_longer_holds():
    """A step with too few samples is held twice, then four times as long; then the search ends and says so."""
    short = Trial("up", 10.0, "short")
    assert decide(PEOPLE, [short]) == NextStep("up", 10.0, 2, 2)
    assert decide(PEOPLE, [short, short]) == NextStep("up", 10.0, 3, 4)

    assert decide(PEOPLE, [short] * 3) == Finding("short", None, None)


def test_what_needed_longer_holds_once_gets_them_from_then_on():
    """The next level is held as long as the one before had to be."""
    trials = [Trial("up", 10.0, "short"), Trial("up", 10.0, "pass")]

    assert decide(PEOPLE, trials) == NextStep("up", 20.0, 1, 2)


def test_a_rate_with_few_samples_is_passed_over_for_a_higher_one():
    """Twice the rate has twice the samples, in a usual hold; what passes above settles what lies below."""
    trials = [Trial("up", 10.0, "short"), Trial("up", 20.0, "short")]
    assert decide(RATE, trials[:1]) == NextStep("up", 20.0)
    assert decide(RATE, trials) == NextStep("up", 40.0)

    assert decide(RATE, [*trials, Trial("up", 40.0, "pass")]) == NextStep("up", 80.0)


def test_a_rate_that_was_passed_over_is_come_back_to():
    """Where the next one failed, the one below is held for longer, and ends the search if it still has too few."""
    trials = [Trial("up", 10.0, "short"), Trial("up", 20.0, "fail")]
    assert decide(RATE, trials) == NextStep("up", 10.0, 2, 2)
    assert decide(RATE, [*trials, Trial("up", 10.0, "pass")]) == NextStep("bisect", 14.14, 1, 2)

    assert decide(RATE, [*trials, *[Trial("up", 10.0, "short")] * 2]) == Finding("short", None, 20.0)


def test_the_highest_rate_there_is_cannot_be_passed_over():
    """With nothing above it, it is held for longer."""
    assert decide(RATE, [Trial("up", RATE.bound, "short")]) == NextStep("up", RATE.bound, 2, 2)


def test_what_never_comes_to_rest_has_failed():
    """A level that is still moving after a longer hold is not carried."""
    trials = [Trial("up", 10.0, "pass"), *[Trial("up", 20.0, "unsettled")] * 2]

    assert decide(RATE, trials, fresh=True) == NextStep("bisect", 14.14)


@given(st.floats(0.2, 480.0), st.integers(0, 24))
def test_a_search_goes_on_from_its_records(knee, broken_at):
    """What follows depends on the trials alone, so that a search broken off anywhere comes to the same interval."""
    whole, trials = against(knee, RATE)
    kept = trials[: min(broken_at, len(trials))]
    while isinstance(following := decide(RATE, kept), NextStep):
        kept.append(Trial(following.kind, following.level, "pass" if following.level <= knee else "fail"))

    assert following == whole


@given(st.floats(0.2, 480.0))
def test_the_steps_left_are_not_told_too_low_in_the_end(knee):
    """Once there is an interval, at most one step more than was told is made."""
    _, trials = against(knee, RATE)
    for done in range(len(trials)):
        outcomes = {trial.outcome for trial in trials[:done]}
        if outcomes == {"pass", "fail"}:
            assert len(trials) - done <= steps_left(RATE, trials[:done]) + 1


@pytest.mark.parametrize("wrong", [{"start": 0.0}, {"start": 600.0}, {"factor": 1.0}, {"tolerance": 0.0}])
def test_a_plan_that_cannot_be_searched_is_refused(wrong):
    """Levels must rise, and steps must be steps."""
    with pytest.raises(ValueError, match=r"must"):
        SearchPlan(**{"axis": "emit-rate", "start": 10.0, "bound": 500.0, **wrong})
