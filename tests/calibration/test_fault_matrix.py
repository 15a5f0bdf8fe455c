"""The fault matrix at small scale: every fault that is injected is found, and none is invented.

Counts are asserted and no wall-clock figure is: on a busy machine a row's generator may be unfit, which makes the row
inconclusive, and still each delivery must be accounted for.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import loadtest.report
from loadtest.analysis.calibration import Comparison
from loadtest.drive.calibration import Calibration, RowResult, calibrate
from loadtest.drive.matrix import MATRIX, Scale, chosen

SMALL = Scale(deliveries_per_s=300.0, hold_s=6.0)
MIXED = replace(
    chosen(["note-leak"])[0],
    name="mixed",
    faults=lambda scale: "loss=2%@2s,dup=2%@2s,leak=10%@2s,note-leak=20%@2s",
    agents=39,
)
"""Four rows in one: each fault is told from the others."""

COUNTED = {
    "mixed": ("lost", "duplicated", "leaked"),
    "reorder": ("reordered",),
    "unmarked": ("lost", "duplicated"),
    "disconnects": ("cut without a frame", "told to disconnect"),
}
"""Row -> the figures that must not be zero in it."""

OTHERS = ("rest-stall", "deaf", "delay")
SCHEMA = json.loads((Path(loadtest.report.__file__).parent / "calibration.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calibration, Path, set[str]]:
    """The rows, as many at a time as may be; the folder they left, and of which of them progress was told."""
    rows = [MIXED, *chosen(["reorder", "unmarked", "disconnects", *OTHERS])]
    heard: set[str] = set()
    folder = tmp_path_factory.mktemp("calibration")
    found = calibrate(
        [replace(row, beside=True) for row in rows],
        SMALL,
        folder,
        on_progress=lambda row, passed_s: heard.add(row.name),
    )
    return found, folder, heard


def row_of(calibrated: tuple[Calibration, Path, set[str]], name: str) -> RowResult:
    """A row by its name; one that was not run at all fails here, with what Locust said."""
    (row,) = (row for row in calibrated[0].rows if row.row.name == name)
    assert row.outcome != "BROKEN", row.reasons
    return row


def figures(row: RowResult) -> dict[str, Comparison]:
    """A row's comparisons by name."""
    return {one.what: one for one in row.comparisons}


@pytest.mark.parametrize(("name", "injected"), COUNTED.items())
def test_what_was_done_was_found_exactly(calibrated: Any, name: str, injected: tuple[str, ...]) -> None:
    """Every fault at its mark, event and role; every other column of the ledger stays at what was injected there."""
    row = row_of(calibrated, name)

    assert all(figures(row)[what].injected for what in injected)
    assert [] == [one for one in row.comparisons if one.ok is False]


@pytest.mark.parametrize("name", OTHERS)
def test_rows_about_time_count_right_too(calibrated: Any, name: str) -> None:
    """Nothing is called lost, doubled or leaked because it was late."""
    counts = [one for one in row_of(calibrated, name).comparisons if one.ok is not None and not one.tolerance]

    assert counts
    assert [] == [one for one in counts if not one.ok]


def test_a_dead_pub_sub_side_is_noticed(calibrated: Any) -> None:
    """The canary tells of it although pings flow; how fast is for the whole matrix to say."""
    found = figures(row_of(calibrated, "deaf"))

    assert found["found after"].recovered is not None
    assert found["pings"].recovered


def test_delays_are_paired_delivery_by_delivery(calibrated: Any) -> None:
    """Copies were held, and what was logged is what was reported; the latencies are for the whole matrix to judge."""
    found = figures(row_of(calibrated, "delay"))

    assert found["reported other than logged"].ok
    assert found["held"].recovered


def test_the_json_keeps_its_schema(calibrated: Any) -> None:
    """calibration.json is what its published schema says."""
    written = json.dumps(calibrated[0].as_dict(), allow_nan=False)

    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(written))


def test_a_row_about_latency_has_a_curve(calibrated: Any) -> None:
    """Measured beside expected, at the same percentiles."""
    curve = row_of(calibrated, "rest-stall").curve

    assert curve is not None
    assert len(curve.percentiles) == len(curve.measured_ms) == len(curve.expected_ms) > 10


def test_runs_and_truths_stay_in_the_folder(calibrated: Any) -> None:
    """Each row's run can be looked into afterwards."""
    names = {path.name for path in calibrated[1].iterdir()}

    assert {"mixed", "mixed.truth.jsonl", "mixed.err", "deaf", "deaf.truth.jsonl"} <= names


def test_progress_is_told_of_every_row(calibrated: Any) -> None:
    """Of rows that run at the same time as well."""
    assert {*COUNTED, *OTHERS} == calibrated[2]


@pytest.mark.slow
def test_the_whole_matrix_agrees_within_eight_minutes(tmp_path: Path) -> None:
    """At full scale no row is wrong; a row whose generator was unfit is inconclusive."""
    found = calibrate(MATRIX, Scale(), tmp_path)

    assert {} == {row.row.name: row.reasons for row in found.rows if row.outcome in ("WRONG", "BROKEN")}
    assert found.duration_s < 480
