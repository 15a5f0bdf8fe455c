"""The report's view model."""

import pandas as pd
import pytest

from loadtest.report import model
from tests.report.synthetic import Story, frames, meta, summary


def _view(story: Story, **values: object) -> model.Report:
    return model.view(summary(story, **values), meta(story, **values), frames(story)[3], "reports/made up")


@pytest.mark.parametrize(
    ("story", "word", "tone"),
    [
        (Story(), "PASS", "good"),
        (Story(lost_share=0.01), "FAIL", "bad"),
        (Story(breached=tuple(range(30))), "INVALID", "void"),
        (Story(emissions=0), "INVALID", "void"),
    ],
)
def test_the_verdict_leads(story: Story, word: str, tone: str) -> None:
    """The word, and the colour that goes with it."""
    report = _view(story)

    actual = (report.word, report.tone)

    assert (word, tone) == actual


@pytest.mark.parametrize(
    "story", [Story(), Story(lost_share=0.01), Story(breached=tuple(range(30))), Story(emissions=0)]
)
def test_every_verdict_has_reasons_in_sentences(story: Story) -> None:
    """No verdict stands without a why."""
    reasons = _view(story).reasons

    actual = [reason[-1] in ".!?" for reason in reasons]

    assert actual
    assert all(actual)


def test_a_summary_without_a_verdict_is_invalid() -> None:
    """Silence is never success."""
    actual = model.verdict({})

    assert actual == "INVALID"


def test_broken_checks_are_the_reasons_where_none_are_given() -> None:
    """A summary of another version still says why."""
    check = {"name": "lost", "value": 3, "limit": 0, "bound": "max", "unit": "", "result": "FAIL", "note": "Look there"}

    actual = model.reasons({"verdict": {"result": "FAIL", "checks": [check]}})

    assert ["lost was 3; the limit is at most 0. Look there."] == actual


def test_the_embedded_server_is_a_notice() -> None:
    """It changes how every number is to be read, so it stands at the top."""
    actual = _view(Story()).notices[0]

    assert "reference server embedded in this tool" in actual


def test_a_real_target_has_no_such_notice() -> None:
    """Nothing is to be said where nothing is special."""
    actual = list(_view(Story(), embedded=False).notices)

    assert [] == actual


def test_faults_and_a_lost_target_are_notices() -> None:
    """Both explain numbers that look wrong."""
    actual = list(_view(Story(), embedded=False, faults="loss=2%", target_lost=True).notices)

    assert ["Faults were injected on purpose: loss=2%.", "The target was lost during the run."] == actual


def test_the_command_can_be_pasted() -> None:
    """A folder with a blank is quoted."""
    actual = _view(Story()).command

    assert actual == "loadtest report 'reports/made up'"


def test_the_time_line_says_when_and_what() -> None:
    """Run time, time of day, and the note's own words."""
    moment = _view(Story(ramp=8)).moments[1]

    actual = (moment.at, moment.clock, moment.kind, moment.text)

    assert ("0:08", "00:00:08", "phase", "hold began") == actual


def test_a_breach_names_its_remedy() -> None:
    """The time line says what to do."""
    texts = [moment.text for moment in _view(Story(breached=(3,))).moments if moment.kind == "breach"]

    actual = texts

    assert ["lateness p99 was 180 ms. use more workers (--processes) or a lower --emit-rate."] == actual


def test_the_same_breach_in_a_row_is_one_moment() -> None:
    """Thirty late windows do not fill the page."""
    actual = sum(moment.kind == "breach" for moment in _view(Story(breached=tuple(range(30)))).moments)

    assert actual == 1


@pytest.mark.parametrize("kind", ["unknown", "tolerated"])
def test_frames_kept_as_evidence_of_no_fault_are_one_moment(kind: str) -> None:
    """The time line names the first, the contract's section has all."""
    rows = [(float(i), kind, f"made.{i % 2}: x", {"event": f"made.{i % 2}", "frame": {}}) for i in range(40)]
    report = model.view({}, {}, pd.DataFrame(rows, columns=["at_s", "kind", "text", "data"]), "run")
    contract = next(section for section in report.sections if section.name == "contract")

    actual = ([moment.text for moment in report.moments], [len(fold.frames) for fold in contract.folds])

    assert (["made.0: x", "made.1: x"], [20, 20]) == actual


def test_a_flood_of_notes_keeps_the_phases() -> None:
    """Of many notes the first are shown, phases and annotations always; the rest is counted."""
    rows = [(float(i), "disconnect", f"socket {i}", {}) for i in range(500)]
    rows.append((600.0, "phase", "drain began", {"phase": "drain"}))
    notes = pd.DataFrame(rows, columns=["at_s", "kind", "text", "data"])
    report = model.view({}, {}, notes, "run")

    actual = (len(report.moments), report.moments[-1].text, report.moments_left_out)

    assert (model.MOST_MOMENTS, "drain began", 501 - model.MOST_MOMENTS) == actual


def test_a_summary_of_nothing_has_a_report() -> None:
    """Not even an empty summary raises."""
    report = model.view({}, {}, frames(Story())[3].iloc[:0], "run")

    actual = (report.word, report.run_id, len(report.sections))

    assert ("INVALID", "run", 6) == actual
