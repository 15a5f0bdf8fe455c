"""A capacity search read from its store, and written: capacity.json, .md, .html and figures.

The steps stand in the run's store as notes of kind ``step``, each with its whole judgement, so that a page can be made
of a search that goes on, was killed, or was gone on with later. pandas and matplotlib are imported when a page is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.analysis.capacity_search import SearchPlan
from loadtest.analysis.capacity_step import Span, Step
from loadtest.analysis.slo import load_slo
from loadtest.errors import UsageError
from loadtest.report.capacity_text import markdown, terminal
from loadtest.store import Run, open_run

if TYPE_CHECKING:
    from loadtest.analysis.littles_law import LittlesLaw
    from loadtest.analysis.model import RunData

__all__ = [
    "JSON_NAME",
    "NOTE",
    "build",
    "is_search",
    "judge_step",
    "plan_as_dict",
    "read_answer",
    "read_steps",
    "terminal",
]

NOTE = "step"
"""Kind of the notes that hold judged steps."""

JSON_NAME = "capacity.json"


def plan_as_dict(plan: SearchPlan) -> dict[str, Any]:
    """A search as the store keeps it."""
    return {name: getattr(plan, name) for name in SearchPlan.__slots__}


def read_steps(folder: Path) -> tuple[SearchPlan, list[Step]]:
    """A search and its steps so far.

    Raises:
        UsageError: there is no such run, or it is no search.
    """
    with open_run(folder) as run:
        return _steps_of(run)


def _steps_of(run: Run) -> tuple[SearchPlan, list[Step]]:
    found = run.meta.get("search")
    if not isinstance(found, dict):
        raise UsageError(
            "this run is no capacity search", where=str(run.path), remedy="Name a folder of `loadtest capacity`"
        )
    notes = run.note_frame()
    steps = [Step.from_dict(data) for kind, data in zip(notes["kind"], notes["data"], strict=True) if kind == NOTE]
    return SearchPlan(**found), steps


def is_search(folder: Path) -> bool:
    """Whether a run's folder holds a capacity search.

    Raises:
        UsageError: it holds no run.
    """
    with open_run(folder) as run:
        return isinstance(run.meta.get("search"), dict)


def judge_step(folder: Path, span: Span, slo: Path | None) -> Step:
    """Judge a step from the store of the run that is under way.

    Args:
        folder: the run's.
        span: the step.
        slo: a file of limits, or None for the default checks of runs.

    Raises:
        UsageError: the run or the file cannot be read.
    """
    from loadtest.analysis.capacity_step import judge
    from loadtest.analysis.model import RunData

    limits = None if slo is None else load_slo(slo)
    with open_run(folder) as run:
        first, _, end = span.windows(run.window_s)
        data = RunData(
            meta=run.meta,
            hists=run.hist_frame(first=first, last=end),
            counts=run.count_frame(first=first, last=end),
            gauges=run.gauge_frame(),
            closings=run.closing_frame(first=first, last=end),
            notes=run.note_frame(),
        )
    return judge(data, span, limits)


def build(folder: Path | str) -> dict[str, Any]:
    """Make every file of a search's report from its store alone.

    Args:
        folder: the run's folder, or its run.sqlite.

    Returns:
        The content of capacity.json.

    Raises:
        UsageError: the run cannot be read, is no search, or its folder cannot be written.
    """
    from loadtest.analysis.capacity import answer
    from loadtest.report.capacity_page import page
    from loadtest.report.figures_capacity import draw
    from loadtest.report.writing import run_data, write_files

    path = Path(folder)
    with open_run(path) as run:
        plan, steps = _steps_of(run)
        data = run_data(run)
    content = answer(plan, steps, meta=data.meta, littles=_littles(data, steps))
    pictures = draw(content)
    target = path.parent if path.is_file() else path
    files = {
        JSON_NAME: json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "capacity.md": markdown(content),
        "capacity.html": page(content, pictures),
    }
    for picture in pictures.values():
        files[f"figures/{picture.name}.svg"] = picture.light
        files[f"figures/{picture.name}.dark.svg"] = picture.dark
    write_files(target, files)
    return content


def _littles(data: RunData, steps: list[Step]) -> dict[int, LittlesLaw]:
    """Little's law over the holds of the steps that kept their limits; counted anew each time the search went on."""
    from loadtest.analysis.littles_law import littles_law

    found = {}
    zero_s = float(data.counts["window"].iloc[0] * data.window_s - data.counts["start_s"].iloc[0]) if steps else 0.0
    starts = [
        int((zero_s + at_s) // data.window_s)
        for at_s, extra in zip(data.notes["at_s"], data.notes["data"], strict=True)
        if extra.get("phase") == "ramp"
    ]
    for step in steps:
        if step.outcome != "pass":
            continue
        begin, first, end = step.span.windows(data.window_s)
        since = max((start for start in starts if start <= begin), default=None)
        law = littles_law(data, first, end, since)
        if law is not None:
            found[step.span.number] = law
    return found


def read_answer(path: Path) -> Mapping[str, Any]:
    """A search's capacity.json, from its folder or its own path; made from the store where it is missing.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    file = path / JSON_NAME if path.is_dir() else path
    if not file.exists() and path.is_dir():
        return build(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"it cannot be read ({error})", where=str(file), remedy="Name a folder of `loadtest capacity`"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != "capacity":
        raise UsageError("it holds no capacity search", where=str(file), remedy="Name a folder of `loadtest capacity`")
    return content
