"""Write every file of a run's report: summary.json, summary.md, junit.xml, report.html and figures/.

The same frames give the same bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from loadtest.analysis.model import RunData, Summary
from loadtest.collect.health import CPU_SHARE_LIMIT, LATENESS_LIMIT_MS, LOOP_LAG_MAX_LIMIT_MS
from loadtest.collect.read_lag import READ_LAG_LIMIT_MS
from loadtest.errors import UsageError
from loadtest.report import figures, html, junit, markdown, model
from loadtest.report.series import Frames
from loadtest.report.timeline import timeline
from loadtest.store import Run

LIMITS = {
    "lateness": LATENESS_LIMIT_MS,
    "loop_lag": LOOP_LAG_MAX_LIMIT_MS,
    "read_lag": READ_LAG_LIMIT_MS,
    "cpu": CPU_SHARE_LIMIT,
}
"""The generator's limits that figures show, unless the run's own breaches name others."""


def run_data(run: Run) -> RunData:
    """A stored run as the analysis and the figures take it."""
    return RunData(
        meta=run.meta,
        hists=run.hist_frame(),
        counts=run.count_frame(),
        gauges=run.gauge_frame(),
        closings=run.closing_frame(),
        notes=run.note_frame(),
    )


def write(folder: Path, data: RunData, summary: Summary) -> None:
    """Write every file of the report into ``folder``; each appears whole or not at all.

    Raises:
        UsageError: the folder cannot be written.
    """
    content = summary.as_dict()
    line = timeline(data.hists, data.counts, data.notes, data.window_s)
    frames = Frames(data.hists, data.counts, data.gauges, data.window_s)
    pictures = figures.draw(frames, line, LIMITS | line.limits, content.get("storms") or [])
    report = model.view(content, data.meta, data.notes, _named(folder))
    files = {
        "summary.json": json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "summary.md": markdown.markdown(content, data.meta),
        "junit.xml": junit.of_run(content),
        "report.html": html.page(report, pictures),
    }
    for picture in pictures.values():
        files[f"figures/{picture.name}.svg"] = picture.light
        files[f"figures/{picture.name}.dark.svg"] = picture.dark
    write_files(folder, files)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files of a report, by their names in its folder; each appears whole or not at all.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        (folder / "figures").mkdir(exist_ok=True)
        for name, text in files.items():
            _replace(folder / name, text)
    except OSError as error:
        raise UsageError(
            f"the report cannot be written ({error.strerror or error})",
            where=str(error.filename or folder),
            remedy="Make the run folder writable, or free space on its disk; then make the report again with "
            f"'loadtest report {_named(folder)}'",
        ) from error


def _named(folder: Path) -> str:
    """The folder as a user would type it: relative where it lies below the working directory."""
    absolute = folder.absolute()
    try:
        return absolute.relative_to(Path.cwd()).as_posix() or "."
    except ValueError:
        return str(absolute)


def _replace(path: Path, text: str) -> None:
    """Write a file beside ``path`` and put it in its place."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
