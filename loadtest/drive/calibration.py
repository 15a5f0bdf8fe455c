"""``loadtest calibrate``: runs the fault matrix on the embedded server, one row after another, and judges each."""

from __future__ import annotations

import datetime
import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import loadtest
from loadtest.analysis.calibration import Comparison, Curve, Outcome, combined, overall
from loadtest.drive import judges_delay, judges_presence
from loadtest.drive.evidence import Evidence
from loadtest.drive.locustfile import write_locustfile
from loadtest.drive.matrix import Row, Scale, batches
from loadtest.drive.runner import RunOutcome, run, told_to_end
from loadtest.errors import GeneratorError

SCHEMA_VERSION = 1
EXIT_CODES = {"ok": 0, "WRONG": 1, "INCONCLUSIVE": 3, "BROKEN": 4}

RowOutcome = Literal["ok", "WRONG", "INCONCLUSIVE", "BROKEN"]

_PATIENCE = 3.0
"""A row that takes so many times what it should is ended."""

Progress = Callable[[Row, float], None]


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row, judged.

    Attributes:
        row: what was run.
        faults: what was injected, as the server was told.
        outcome: ok, WRONG, INCONCLUSIVE when it could not tell, BROKEN when there was no run.
        comparisons: injected beside recovered.
        reasons: why it is inconclusive or broken.
        duration_s: how long the row took.
        folder: its run's folder.
        curve: the latency's distribution, where the row is about latency.
    """

    row: Row
    faults: str
    outcome: RowOutcome
    comparisons: tuple[Comparison, ...]
    reasons: tuple[str, ...]
    duration_s: float
    folder: Path
    curve: Curve | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON values, an element of ``rows`` in calibration.schema.json."""
        return {
            "name": self.row.name,
            "title": self.row.title,
            "faults": self.faults,
            "result": self.outcome,
            "reasons": list(self.reasons),
            "duration_s": round(self.duration_s, 1),
            "run": self.folder.name,
            "comparisons": [_rounded(asdict(comparison)) for comparison in self.comparisons],
            "curve": None if self.curve is None else _rounded(asdict(self.curve)),
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """The matrix, judged.

    Attributes:
        rows: its rows, in their order.
        scale: how large it was.
        started_at: ISO 8601, UTC.
        duration_s: how long it took.
        interrupted: whether it was ended before its last row.
    """

    rows: tuple[RowResult, ...]
    scale: Scale
    started_at: str
    duration_s: float
    interrupted: bool = False

    @property
    def outcome(self) -> RowOutcome:
        """What the rows come to; a row that could not be run leaves the matrix broken unless another one is wrong."""
        outcomes = [row.outcome for row in self.rows]
        judged: list[Outcome] = [outcome for outcome in outcomes if outcome != "BROKEN"]
        found: RowOutcome = overall(judged)
        if found != "WRONG" and ("BROKEN" in outcomes or self.interrupted):
            found = "BROKEN"
        return found

    @property
    def exit_code(self) -> int:
        """0 ok, 1 wrong, 3 inconclusive, 4 broken or interrupted."""
        return EXIT_CODES[self.outcome]

    def as_dict(self) -> dict[str, Any]:
        """JSON values, as calibration.schema.json has them."""
        return {
            "schema_version": SCHEMA_VERSION,
            "result": self.outcome,
            "exit_code": self.exit_code,
            "started_at": self.started_at,
            "duration_s": round(self.duration_s, 1),
            "interrupted": self.interrupted,
            "deliveries_per_s": self.scale.deliveries_per_s,
            "hold_s": self.scale.hold_s,
            "seed": self.scale.seed,
            "versions": {
                "loadtest": loadtest.__version__,
                "python": platform.python_version(),
                "kernel": platform.release(),
                "cores": os.cpu_count(),
            },
            "rows": [row.as_dict() for row in self.rows],
        }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Values without digits that were never measured."""
    return {name: _shortened(value) for name, value in values.items()}


def _shortened(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_shortened(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def calibrate(
    rows: Sequence[Row],
    scale: Scale,
    folder: Path,
    *,
    on_progress: Progress | None = None,
    on_row: Callable[[RowResult], None] | None = None,
) -> Calibration:
    """Run rows of the matrix.

    Args:
        rows: which.
        scale: how large.
        folder: where run folders, truth files and outputs go, a run's named after its row; made if it does not exist.
        on_progress: called while a row runs, with the seconds since its start; from a thread of the row.
        on_row: called with each row as soon as it is judged.

    Returns:
        What came of it. When this process is interrupted, the rows judged until then.

    Raises:
        UsageError: the folder cannot be written, or holds a run of one of the rows.
    """
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    started_s = time.monotonic()
    folder = folder.absolute()  # the runs' own working folder is another one
    locustfile = write_locustfile(folder)
    results: list[RowResult] = []
    interrupted = False
    try:
        with told_to_end():
            for batch in batches(rows):
                for row, outcome in zip(batch, _run(batch, scale, folder, locustfile, on_progress), strict=True):
                    result = _judged(row, scale, outcome)
                    results.append(result)
                    if on_row is not None:
                        on_row(result)
    except KeyboardInterrupt:
        interrupted = True
    return Calibration(tuple(results), scale, started_at, time.monotonic() - started_s, interrupted)


def _run(
    batch: Sequence[Row], scale: Scale, folder: Path, locustfile: Path, on_progress: Progress | None
) -> list[RunOutcome]:
    """Run rows at the same time."""
    stop = threading.Event()

    def start(row: Row) -> RunOutcome:
        options = row.run_options(scale) | {"truth": _truth_path(folder / row.name)}
        if row.presence:
            options["presence-log"] = judges_presence.log_path(folder / row.name)
        if row.deliveries:
            options["delivery-log"] = judges_delay.log_path(folder / row.name)
        return run(
            locustfile,
            folder / row.name,
            options,
            timeout_s=_PATIENCE * row.expected_s(scale) + 30.0,
            isolated=True,
            on_tick=None if on_progress is None else (lambda passed_s: on_progress(row, passed_s)),
            stop=stop,
        )

    with ThreadPoolExecutor(len(batch)) as pool:
        started = [pool.submit(start, row) for row in batch]
        try:
            return [one.result() for one in started]
        finally:
            stop.set()


def _judged(row: Row, scale: Scale, outcome: RunOutcome) -> RowResult:
    found = RowResult(row, row.faults(scale), "BROKEN", (), (), outcome.duration_s, outcome.folder)
    if outcome.timed_out:
        return replace(found, reasons=(outcome.complaint(),))
    try:
        evidence = Evidence.of(outcome, str(_truth_path(outcome.folder)))
    except GeneratorError as error:
        return replace(found, reasons=(str(error),))
    comparisons = tuple(row.judge(evidence))
    return replace(
        found,
        outcome=combined(comparisons, is_valid=evidence.is_valid),
        comparisons=comparisons,
        reasons=tuple(evidence.reasons),
        curve=None if row.curve is None else row.curve(evidence),
    )


def _truth_path(run_folder: Path) -> Path:
    """Where the server of a row's run writes what it did."""
    return run_folder.with_name(f"{run_folder.name}.truth.jsonl")
