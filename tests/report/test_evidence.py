"""The evidence of violations, as the report shows it."""

from typing import Any

import pandas as pd
import pytest

from loadtest.report import evidence


def _notes(*data: Any, text: str = "team.changed: data.id: expected integer") -> pd.DataFrame:
    rows = [(1.0, "violation", text, one) for one in data]
    return pd.DataFrame([(0.0, "phase", "ramp", {}), *rows], columns=["at_s", "kind", "text", "data"])


def _violation(kind: str = "wrong_type", **frame: Any) -> dict[str, Any]:
    return {"kind": kind, "event": "team.changed", "role": "agent", "frame": frame}


def _counted(**violations: int) -> dict[str, Any]:
    return {"violations": violations}


def test_a_run_without_violations_has_no_evidence() -> None:
    """Other notes are no evidence."""
    actual = evidence.folds(_notes(), {})

    assert [] == actual


def test_evidence_is_folded_by_kind() -> None:
    """Each kind has a fold that says how many frames of how many it holds."""
    found = evidence.folds(
        _notes(_violation(), _violation("no_event"), _violation()), _counted(wrong_type=30, no_event=1)
    )

    actual = [fold.title for fold in found]

    assert ["Evidence of no_event: 1 frame", "Evidence of wrong_type: 2 of 30 frames"] == actual


def test_a_frame_is_shown_as_json_below_what_is_wrong() -> None:
    """The role, the fault, and what may be kept of the frame."""
    frame = evidence.folds(_notes(_violation(message={"data": {"id": 7}})), {})[0].frames[0]

    actual = (frame.text, frame.json.split())

    assert (
        "socket of role agent: team.changed: data.id: expected integer",
        ["{", '"message":', "{", '"data":', "{", '"id":', "7", "}", "}", "}"],
    ) == actual


def test_at_most_twenty_frames_of_a_kind_are_shown() -> None:
    """Workers keep their own twenty each."""
    fold = evidence.folds(_notes(*(_violation() for _ in range(50))), _counted(wrong_type=400))[0]

    actual = (len(fold.frames), fold.title)

    assert (20, "Evidence of wrong_type: 20 of 400 frames") == actual


def test_a_note_of_another_version_is_shown_as_far_as_it_goes() -> None:
    """A note without data still says its text."""
    frame = evidence.folds(_notes(None, text="x"), {})[0].frames[0]

    actual = (frame.text, frame.json)

    assert ("x", "") == actual


@pytest.mark.parametrize(
    ("kind", "totals", "title"),
    [
        ("unknown", "unknown_events", "Frames of the unknown event made.up: 20 of 70 frames"),
        ("tolerated", "tolerated", "Tolerated made.up: 20 of 70 frames"),
    ],
)
def test_what_is_no_fault_is_folded_by_event(kind: str, totals: str, title: str) -> None:
    """Unknown and tolerated events show their frames, each name by itself."""
    rows = [(1.0, kind, "made.up: x", {"event": "made.up", "role": "agent", "frame": {}}) for _ in range(30)]
    rows.append((1.0, kind, "other.one: x", {"event": "other.one", "role": "agent", "frame": {}}))
    notes = pd.DataFrame(rows, columns=["at_s", "kind", "text", "data"])

    actual = evidence.folds(notes, {totals: {"made.up": 70, "other.one": 1}})

    assert (2, title) == (len(actual), actual[0].title)


def test_a_flood_of_names_is_cut() -> None:
    """Names come from the server."""
    rows = [(1.0, "unknown", "x", {"event": f"made.{i}", "frame": {}}) for i in range(90)]
    notes = pd.DataFrame(rows, columns=["at_s", "kind", "text", "data"])

    assert evidence.MOST_FOLDS == len(evidence.folds(notes, {}))
