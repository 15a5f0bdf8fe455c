"""A run as files for other tools: tables as CSV or Parquet, histograms as a HdrHistogram log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from loadtest.errors import UsageError
from loadtest.metrics import hlog
from loadtest.store import Run, frames, open_run

Format = Literal["csv", "parquet", "hlog"]
FORMATS: Final[tuple[Format, ...]] = ("csv", "parquet", "hlog")

_BY_WINDOW: Final = {
    "fanout": frames.fanout_frame,
    "rest": frames.rest_frame,
    "delivery": frames.delivery_frame,
    "cable": frames.cable_frame,
    "presence": frames.presence_frame,
    "generator": frames.generator_frame,
}
_BY_MOMENT: Final[dict[str, Callable[[Run], pd.DataFrame]]] = {
    "gauges": lambda run: run.gauge_frame(),
    "notes": lambda run: run.note_frame(),
    "emissions": lambda run: run.closing_frame(),
}


def export(run_folder: Path | str, kind: Format, folder: Path | None = None, coarsen: int = 1) -> list[Path]:
    """Write a run's files.

    Args:
        run_folder: the run's folder.
        kind: ``csv`` or ``parquet`` for a file a subject, ``hlog`` for one log of all histograms.
        folder: where to; None for ``export/`` in the run's folder.
        coarsen: windows to a row, or to an interval.

    Returns:
        The files.

    Raises:
        UsageError: the run cannot be read, the folder not be written, or Parquet is not installed.
    """
    with open_run(run_folder) as run:
        where = run.folder / "export" if folder is None else folder
        try:
            where.mkdir(parents=True, exist_ok=True)
            if kind == "hlog":
                path = where / "run.hlog"
                with path.open("w", encoding="ascii", newline="\n") as file:
                    file.writelines(f"{line}\n" for line in hlog.lines(run.started_s, _intervals(run, coarsen)))
                return [path]
            return [_write(frame, where / f"{name}.{kind}", kind) for name, frame in _tables(run, coarsen)]
        except OSError as error:
            raise UsageError(
                f"it cannot be written to ({error.strerror or error})", where=str(where), remedy="Give another --out"
            ) from error


def _tables(run: Run, coarsen: int) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, make in _BY_WINDOW.items():
        yield name, make(run, coarsen=coarsen)
    for name, of in _BY_MOMENT.items():
        yield name, of(run)


def _write(frame: pd.DataFrame, path: Path, kind: Format) -> Path:
    if "data" in frame.columns:
        frame = frame.assign(data=[str(value) for value in frame["data"]])
    if kind == "csv":
        frame.to_csv(path, index=False)
        return path
    try:
        frame.to_parquet(path, index=False)
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed",
            where="--format parquet",
            remedy="pip install 'onechat-loadtest[parquet]', or give --format csv",
        ) from error
    return path


def _intervals(run: Run, coarsen: int) -> Iterator[hlog.Interval]:
    """Every histogram in the order of time, as readers of logs expect it."""
    rows = run.hist_frame(coarsen=coarsen).sort_values(["window", "metric", "name", "role"])
    length_s = run.window_s * coarsen
    columns = (rows[name].tolist() for name in ("metric", "name", "role", "start_s", "hist"))
    for metric, name, role, start_s, hist in zip(*columns, strict=True):
        tag = ":".join(part for part in (metric, name, role) if part)
        yield "".join("_" if c.isspace() or c == "," or not c.isascii() else c for c in tag), start_s, length_s, hist
