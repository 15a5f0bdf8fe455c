"""Runs of two builds in real stores, as `ab` leaves them: a folder a run, interleaved in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.report.synthetic import Story, write_run

START = datetime(2026, 11, 23, tzinfo=UTC)


def arms(folder: Path, pairs: int = 3, **candidate: Any) -> tuple[list[Path], list[Path]]:
    """Run folders of both arms, in ABBA order; ``candidate`` are fields of its runs' story."""
    found: dict[str, list[Path]] = {"baseline": [], "candidate": []}
    for pair in range(pairs):
        order = ["baseline", "candidate"] if pair % 2 == 0 else ["candidate", "baseline"]
        for place, arm in enumerate(order):
            name = f"pair-{pair + 1:02d}-{arm}"
            story = Story(seed=2 * pair + (arm == "candidate"), hold=40, **(candidate if arm == "candidate" else {}))
            began = (START + timedelta(minutes=2 * pair + place)).isoformat()
            found[arm].append(run(folder / name, story, started_at=began))
    return found["baseline"], found["candidate"]


def run(path: Path, story: Story, **meta: Any) -> Path:
    """One run."""
    return write_run(path, story, run_id=path.name, seed=0, **meta)
