"""``loadtest calibrate --aa``: pairs of a build with itself, and what a gate on this machine can see through them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.analysis.noise import noise
from loadtest.drive.ab import Experiment, Folder, Slot, arm_folders, run_pairs
from loadtest.drive.runner import RunOutcome
from loadtest.errors import GeneratorError, UsageError
from loadtest.nouns import many
from loadtest.report.compared import load

JSON_NAME = "noise.json"
LEAST_PAIRS = 3


def measure(
    experiment: Experiment,
    folder: Folder,
    *,
    most_pairs: int,
    on_start: Callable[[Slot], None] | None = None,
    on_tick: Callable[[Slot, float], None] | None = None,
    on_run: Callable[[Slot, RunOutcome], None] | None = None,
) -> dict[str, Any]:
    """Run the pairs and say what their differences hide.

    Args:
        experiment: the build against itself.
        folder: where; ``noise.json`` is written into it.
        most_pairs: how many pairs a gate may take.
        on_start, on_tick, on_run: as of :func:`loadtest.drive.ab.run_pairs`.

    Returns:
        The content of noise.json.

    Raises:
        UsageError: fewer than three pairs, or as of ``run_pairs``.
        GeneratorError: too few of the runs were fit to measure.
        KeyboardInterrupt: this process was interrupted.
    """
    if experiment.pairs < LEAST_PAIRS:
        raise UsageError(
            f"{many(experiment.pairs, 'pair says', 'pairs say')} nothing of noise",
            where="--pairs",
            remedy=f"Give {LEAST_PAIRS} or more",
        )
    run_pairs(experiment, folder, experiment.pairs, on_start=on_start, on_tick=on_tick, on_run=on_run)
    first, second = (load(arm, experiment.warm_up_s) for arm in arm_folders(folder, experiment, experiment.pairs))
    found = noise(first, second, most_pairs=most_pairs)
    if found.measured < LEAST_PAIRS or not found.metrics:
        reasons = [run["verdict"]["reasons"][0] for run in (*first, *second) if run["verdict"]["result"] == "INVALID"]
        why = reasons[:1] or [f"{name}: {reason}" for name, reason in list(found.unknown.items())[:1]]
        raise GeneratorError(
            f"{found.measured} of {experiment.pairs} pairs are fit to say something of noise", remedy=" ".join(why)
        )
    content = json.loads(json.dumps(found.as_dict()))
    write(content, folder.path / JSON_NAME)
    return dict(content)


def write(content: dict[str, Any], path: Path) -> None:
    """Write noise.json.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"it cannot be written ({error.strerror})", where=str(path), remedy="Free space on its disk"
        ) from error
