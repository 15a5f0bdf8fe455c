"""Runs as comparisons take them: a folder's store summarised again without its warm-up, or a packed baseline.

summary.json is not read: it may have been made by another release or by hand, and it holds the warm-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError
from loadtest.store.baseline import is_baseline, unpack

WARM_UP_S = 5.0
"""Seconds of the hold that are dropped unless told otherwise."""


def load(paths: Sequence[Path], warm_up_s: float = WARM_UP_S) -> list[dict[str, Any]]:
    """The runs at some paths, in their order.

    Args:
        paths: run folders, their run.sqlite, or packed baselines, which may hold several runs.
        warm_up_s: seconds of each hold to drop; of a baseline they were dropped when it was packed.

    Raises:
        UsageError: a run is missing, damaged, still going on, or shorter than its warm-up; or is named twice.
    """
    found: list[dict[str, Any]] = []
    for path in paths:
        found += unpack(path) if path.is_file() and is_baseline(path) else [summarised(path, warm_up_s)]
    return found


def summarised(path: Path, warm_up_s: float) -> dict[str, Any]:
    """The content of summary.json for one run, over its hold without the warm-up.

    Leaks are those of the whole run: no warm-up excuses one. ``run.warm_up_s`` is added.

    Raises:
        UsageError: as of :func:`load`.
    """
    from loadtest.analysis.summary import summarise
    from loadtest.analysis.warmup import without_warm_up
    from loadtest.report.writing import run_data
    from loadtest.store import open_run

    with open_run(path) as run:
        data = run_data(run)
    if not data.meta.get("ended_at"):
        raise UsageError(
            "the run has no end: it still goes on, or was killed",
            where=str(path),
            remedy="Wait for its end, or leave it out",
        )
    try:
        held = without_warm_up(data, warm_up_s)
    except ValueError as error:
        raise UsageError(str(error), where=str(path), remedy="Hold longer, or give a smaller --warm-up") from error
    summary = summarise(held).as_dict()
    counts = data.counts
    leaked = counts[counts["metric"] == "delivery.leaked"].groupby("name")["value"].sum()
    for event, number in leaked.items():
        summary["delivery"].setdefault(str(event), {})["leaked"] = int(number)
    summary["run"]["warm_up_s"] = warm_up_s
    return summary
