"""A search in words."""

from __future__ import annotations

import pytest

from loadtest.report.capacity_text import (
    costs_table,
    finding,
    fit_said,
    littles_said,
    margins_table,
    markdown,
    sizing_table,
    steps_table,
    terminal,
)
from tests.report.searches import content


def test_the_interval_comes_first_and_in_what_costs():
    """The axis, then deliveries a second at both ends, then what failed first."""
    told = finding(content())

    assert told[0] == "It carries 35.1 messages/s and not 36.7 messages/s."
    assert "351 deliveries/s" in told[1]
    assert any(sentence.startswith("What failed first: latency") for sentence in told)


def test_the_generators_limit_is_told_with_the_workers_it_takes():
    """Never as a capacity; what was carried is a lower bound."""
    told = " ".join(finding(content("generator")))

    assert "this is no capacity of the target" in told
    assert "about 5 workers of a core each (--processes 5); there were 2" in told
    assert "at least that" in told
    assert "not 20" not in told


def test_an_unwatched_target_is_said_to_be_one():
    """Without readings nothing is told of CPU and memory."""
    assert finding(content())[-1] == "The target's CPU and memory were not watched."
    assert "not watched" not in " ".join(finding(content("watched")))


def test_a_limit_that_no_step_could_be_held_against_is_named():
    """One that some step that passed was held against is not."""
    made = content()
    blank = {"name": "cable.confirm_p99_ms max", "value": None, "limit": 9.0, "bound": "max", "unit": "ms"}
    blank |= {"interval": None, "parts": ["INCONCLUSIVE"] * 3, "result": "INCONCLUSIVE"}
    passed = [step for step in made["steps"] if step["outcome"] == "pass"]
    for step in passed:
        step["margins"].append(dict(blank))
    assert "too few people connect in a step: cable.confirm_p99_ms max." in " ".join(finding(made))

    passed[0]["margins"][-1]["parts"] = ["PASS"] * 3
    assert "Not judged" not in " ".join(finding(made))


def test_hysteresis_is_told():
    """A target that failed right after the overload and was back later is told as such."""
    made = content()
    made["recovered"] = False

    assert "after a rest it was back" in " ".join(finding(made))


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        ("fail", "the target wears out"),
        ("invalid", "the load generator was not fit in that step"),
        ("unsettled", "that step could not tell"),
    ],
)
def test_why_the_answer_was_not_held_is_told(outcome, text):
    """Only a step that failed says anything of the target."""
    told = content()
    for one in told["steps"]:
        if one["span"]["kind"] == "confirm":
            one["outcome"] = outcome
    told |= {"ending": "unconfirmed", "confirmed_at": None}

    assert any(text in sentence for sentence in finding(told))
    assert any("wears out" in sentence for sentence in finding(told)) == (outcome == "fail")


@pytest.mark.parametrize("ending", ["found", "generator", "unfinished", "empty", "watched"])
def test_every_ending_can_be_told(ending):
    """Terminal and Markdown are made of whatever is known, in lines that fit."""
    made = content(ending)

    assert all(len(line) <= 100 for line in terminal(made, "reports/x").splitlines())
    assert markdown(made).startswith("# Capacity of")


def test_every_step_has_its_row():
    """The table of steps shows why each was made and what came out."""
    rows = steps_table(content()).rows

    assert len(rows) == 9
    assert rows[3][0].text == "4 back at once"
    assert rows[2][2].tone == "bad"


def test_margins_show_both_ends():
    """A limit beside what was measured at the last pass and at the first failure."""
    (row,) = margins_table(content()).rows

    assert row[3].detail == "broken in 3 of 3 windows"
    assert (row[2].tone, row[3].tone) == ("", "bad")


def test_sizing_shows_what_was_carried():
    """Each level that passed as a share of the interval; axes that stood still are named."""
    table = sizing_table(content())

    assert table.rows[0][0].text == "10 messages/s"
    assert "agents and contacts" in table.note
    assert not sizing_table(content("watched")).rows  # no failure, so no capacity


def test_costs_name_what_did_not_vary():
    """A cost that could not be told stands in what is idle, and that is said."""
    table = costs_table(content("watched"))

    assert any("ms of CPU for a delivery" in row[0].text for row in table.rows)
    assert "an idle connection" in table.note
    assert not costs_table(content()).rows


def test_a_peak_is_told_only_where_there_is_one():
    """The fit says why it claims none."""
    assert "peak" in fit_said(content())[1]
    assert "takes six steps" in fit_said(content("unfinished"))[0]


def test_littles_law_is_told_both_ways():
    """That it holds, or in which step it does not and that this is to be reported."""
    made = content()
    made["littles_law"] = {"1": {"counted": 9.0, "expected": 9.1, "hidden": 0.0, "allowed": 1.0, "holds": True}}
    assert "holds in all of 1 step" in littles_said(made)
    made["littles_law"]["2"] = {"counted": 90.0, "expected": 9.1, "hidden": 0.0, "allowed": 1.0, "holds": False}

    assert "does not hold in step 2" in littles_said(made)
