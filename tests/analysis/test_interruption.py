"""What becomes of a run that was stopped before its plan was over."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.analysis.interruption import told, whole_plan
from loadtest.analysis.summary import summarise
from loadtest.analysis.windows import timeline
from tests.analysis.builders import RunBuilder, typical

CUT = {"interrupted": True, "run_time_s": 300.0, "ran_s": 65.0}


def said(run: RunBuilder) -> str:
    """How far it came."""
    data = run.build()
    return told(data.meta, timeline(data))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (CUT, "The run was interrupted after 60 s of 4.92 min of hold (--run-time 5 min)."),
        ({**CUT, "gaps": [(3, 4)]}, "The run was interrupted after 60 s of hold (--run-time 5 min)."),
        ({"interrupted": True}, "The run was interrupted after 60 s of hold."),  # a store of an earlier version
        (
            {"interrupted": True, "run_time_s": None, "ran_s": 65.0, "plan": {"emissions": 1200}},
            "The run was interrupted after 60 s of hold, before all 1,200 messages of its plan were sent.",
        ),
        ({**CUT, "run_time_s": 8 * 3600.0}, "The run was interrupted after 60 s of 8 h of hold (--run-time 8 h)."),
    ],
)
def test_how_far_it_came(changes: dict[str, Any], text: str) -> None:
    """Against the hold that its run time would have left, which is what the ramp did not take."""
    assert said(typical(**changes)) == text


def test_no_interruption_no_check() -> None:
    """A run that came to its end, or that has none, is not asked."""
    data = typical(run_time_s=65.0, ran_s=65.0).build()

    assert whole_plan(data.meta, timeline(data)) is None


ALIVE = {"drain": None, "interrupted": None, "ended_at": None, "ran_s": None}


def test_a_run_without_an_end_is_not_whole() -> None:
    """It was killed, or goes on: its plan has an end that the store does not know."""
    data = typical(**ALIVE, run_time_s=300.0).build()
    check = whole_plan(data.meta, timeline(data))

    assert check is not None
    assert (check.name, check.value, check.result) == ("whole plan", False, "INCONCLUSIVE")
    assert check.note.startswith("The run still goes on or was killed after 60 s of hold (--run-time 5 min).")


def test_a_plan_without_an_end_is_as_whole_as_it_ever_is() -> None:
    """Whoever watches such a run stops it as he likes; that its last moments are missing is a warning."""
    verdict = summarise(typical(**ALIVE, run_time_s=None).build()).verdict

    assert verdict.result == "PASS"
    assert any("The run has no end" in text for text in verdict.warnings)


def test_nothing_broken_is_inconclusive() -> None:
    """What there is passed, and nobody knows the rest: exit code 3, with what was planned."""
    verdict = summarise(typical(**CUT).build()).verdict
    (check,) = (check for check in verdict.checks if check.name == "run time")

    assert (verdict.result, verdict.exit_code) == ("INCONCLUSIVE", 3)
    assert (check.value, check.limit, check.result) == (65.0, 300.0, "INCONCLUSIVE")
    assert "run time: 65 s, at least 300 s. The run was interrupted after 60 s" in verdict.reasons[0]
    assert not [text for text in verdict.warnings if "interrupted" in text]


def test_something_broken_fails() -> None:
    """A limit that was broken is so however long the run would have gone on; the interruption is told beside it."""
    verdict = summarise(typical(**CUT).message(20, "x", [30_000] * 9, lost=1).build()).verdict

    assert (verdict.result, verdict.warnings[0]) == ("FAIL", said(typical(**CUT)))


def test_a_plan_of_messages_has_no_seconds_to_compare() -> None:
    """The check says no more than that the plan is not whole."""
    data = typical(interrupted=True, run_time_s=None, ran_s=65.0).build()
    check = whole_plan(data.meta, timeline(data))

    assert check is not None
    assert (check.name, check.value, check.result) == ("whole plan", False, "INCONCLUSIVE")
