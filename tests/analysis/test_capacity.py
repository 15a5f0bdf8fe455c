"""What a search found, as capacity.json holds it."""

from __future__ import annotations

import json

import pytest

from loadtest.analysis.capacity import EXIT_CODES, answer
from tests.analysis.builders import meta
from tests.analysis.search_runs import PLAN, found, step


def test_an_interval_is_told_in_what_costs():
    """Users, messages/s and deliveries/s at the last pass and the first failure, with what failed first."""
    content = answer(PLAN, found(), meta=meta())

    assert (content["ending"], content["exit_code"]) == ("found", 0)
    assert (content["last_pass"], content["first_fail"]) == (35.12, 36.68)
    assert content["at_last_pass"]["deliveries_per_s"] == pytest.approx(351.2)
    assert content["at_first_fail"]["messages_per_s"] == pytest.approx(36.68)
    assert content["failed_first"] == ["latency"]
    assert (content["confirmed_at"], content["recovered"]) == (31.61, True)


def test_it_is_strict_json():
    """Infinite values are words."""
    steps = found()
    steps[2] = step(3, 40.0, "fail", cpu=None)
    object.__setattr__(steps[2], "figures", {**steps[2].figures, "p99_ms": float("inf")})

    text = json.dumps(answer(PLAN, steps, meta=meta()), allow_nan=False)

    assert '"inf"' in text


def test_a_search_under_way_has_its_interval_so_far():
    """A search that was broken off tells what it has, and that it is not at its end."""
    content = answer(PLAN, found()[:5], meta=meta())

    assert (content["ending"], content["exit_code"]) == ("unfinished", 3)
    assert (content["last_pass"], content["first_fail"]) == (28.28, 40.0)


def test_the_generators_limit_is_no_capacity():
    """The answer names the workers it takes, and no failure."""
    steps = [step(1, 10.0, "pass"), *[step(n, 20.0, "invalid", workers_needed=5) for n in (2, 3)]]

    content = answer(PLAN, steps, meta=meta(workers=2))

    assert (content["ending"], content["exit_code"]) == ("generator", 4)
    assert (content["last_pass"], content["first_fail"], content["generator_at"]) == (10.0, None, 20.0)
    assert (content["workers"], content["workers_needed"]) == (2, 5)


def test_costs_are_there_where_the_target_was_watched():
    """Gauges of the target make a cost model; without them there is none, and that is said."""
    steps = [step(n, 10.0 * n, "pass", cpu=0.1 + 0.01 * n, rss=5e7) for n in range(1, 7)]

    content = answer(PLAN, steps, meta=meta())

    assert content["watched"]
    assert [cost["driver"] for cost in content["cpu"]["costs"]] == ["deliveries_per_s"]
    assert not answer(PLAN, found(), meta=meta())["watched"]


def test_an_empty_search_has_an_answer():
    """Before its first step a search knows nothing, and says so."""
    content = answer(PLAN, [], meta=meta())

    assert (content["ending"], content["last_pass"], content["usl"]) == ("unfinished", None, None)


def test_every_ending_has_an_exit_code():
    """Where nothing is answered the code is no success."""
    assert EXIT_CODES["found"] == EXIT_CODES["bound"] == 0
    assert {EXIT_CODES[name] for name in ("least", "unconfirmed", "short", "unfinished", "generator")} == {1, 3, 4}
