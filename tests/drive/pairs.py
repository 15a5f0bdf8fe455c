"""Experiments whose runs are made up: written straight into the folder, or left to a scripted Locust."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from loadtest.analysis.summary import summarise
from loadtest.drive.ab import Experiment, Folder
from loadtest.drive.target_server import TargetServer
from loadtest.report.writing import run_data
from loadtest.store import open_run
from tests.report.synthetic import Story, write_run

LOCUSTFILE = str(Path(__file__).with_name("made_up_run.py"))
START = datetime(2026, 11, 23, tzinfo=UTC)
SHORT = {"hold": 20, "ramp": 2, "drain": 2}


def experiment(*looks: int, baseline: Any = None, candidate: Any = None, **values: Any) -> Experiment:
    """Pairs of made-up runs."""
    story = json.dumps({"baseline": baseline or {}, "candidate": candidate or {}})
    return Experiment(
        baseline=TargetServer("http://127.0.0.1:1"),
        candidate=TargetServer("http://127.0.0.1:2"),
        duration_s=30.0,
        warm_up_s=2.0,
        looks=looks or (2,),
        locustfile=LOCUSTFILE,
        options={"story": story},
        **values,
    )


def leave_run(folder: Path, story: Story, **meta: Any) -> None:
    """A run's store and summary, without its report."""
    write_run(folder, story, run_id=folder.name, **meta)
    with open_run(folder) as run:
        summary = summarise(run_data(run)).as_dict()
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")


def made(path: Path, plan: Experiment, **candidate: Any) -> Folder:
    """A folder in which all runs of the plan are done; ``candidate`` are fields of its runs' story."""
    folder = Folder(path, plan)
    for n, slot in enumerate(plan.slots()):
        is_candidate = slot.arm == "candidate"
        fields = {**SHORT, "seed": 2 * slot.seed + is_candidate, **(candidate if is_candidate else {})}
        began = (START + timedelta(minutes=n)).isoformat()
        leave_run(folder.path_of(slot), Story(**fields), seed=slot.seed, started_at=began)
        folder.add(slot)
    return folder
