"""Reads a run, also while it goes on, into tidy pandas frames.

Dtypes are the same for an empty run as for a full one: text is ``object``, whole numbers ``int64``, measured and
perhaps missing numbers ``float64`` with NaN (whole microseconds up to 2^53, so exactly).
Costs are linear in the rows asked for. A long run is read in coarser steps: ``coarsen=600`` makes one row of 600
windows, merged while reading, so that memory does not grow with the run's windows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadtest.metrics import bulk
from loadtest.metrics.batch import CLOSING_FIELDS, Closing
from loadtest.metrics.histogram import Histogram
from loadtest.store import opening, resuming, thinning
from loadtest.store.phases import Phases

_US_PER_S: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_NS_PER_US: Final = 1_000
_TABLES: Final = ("target", "population", "plan", "versions")
"""What of ``meta`` is a table, where it is there."""

_CLOSING_KEY: Final = ["mark", "due_us", "event", "role", "worker"]
_CLOSING_SUMS: Final = CLOSING_FIELDS[CLOSING_FIELDS.index("emitted") : CLOSING_FIELDS.index("undetermined") + 1]
_CLOSING_DTYPES: Final = {
    field.name: {"str": "object", "int": "int64", "int | None": "float64"}[str(field.type)] for field in fields(Closing)
}
_KEYED: Final = {
    "window": "int64",
    "start_s": "float64",
    "phase": "object",
    "metric": "object",
    "name": "object",
    "role": "object",
}


@dataclass(frozen=True, slots=True)
class _Series:
    id: int
    metric: str
    name: str
    role: str


class Run:
    """A run's contents. Each call reads afresh, so that a run still going on shows its newest state.

    As a context manager (``with open_run(path) as run:``) all calls inside see one and the same moment of it.

    Attributes:
        path: the run's file.
        window_s: length of a window in seconds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: ExitStack | None = None
        self._connection: sqlite3.Connection | None = None
        with self._reading():
            window_s = self.meta.get("window_s")
        if not isinstance(window_s, (int, float)) or window_s <= 0:
            raise opening.damaged_content(path, ValueError(f"its window_s is {window_s!r}"))
        self.window_s = float(window_s)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.path.parent

    @property
    def meta(self) -> dict[str, Any]:
        """What the run is: JSON values by name."""
        with self._reading() as connection, self._decoding():
            found = resuming.read_meta(connection)
            for key in _TABLES:
                if not isinstance(found.get(key) or {}, dict):
                    raise TypeError(f"its {key} is {found[key]!r}")
            return found

    @property
    def started_s(self) -> float:
        """When the run started, in Unix seconds: its first phase note, else ``started_at``, else its first window."""
        with self._reading() as connection:
            (first_us,) = connection.execute("SELECT min(at_us) FROM note WHERE kind = 'phase'").fetchone()
            if first_us is not None:
                return float(first_us / _US_PER_S)
            started_at = self.meta.get("started_at")
            if isinstance(started_at, str):
                with self._decoding():
                    return datetime.fromisoformat(started_at).timestamp()
            return (self.phases().first or 0) * self.window_s

    @property
    def closing_share(self) -> float:
        """The share of the emissions whose closing records were kept: a fair sample, 1 where all were."""
        return float(self.meta.get(thinning.SHARE) or 1.0)

    def phases(self) -> Phases:
        """Where the hold begins and ends."""
        with self._reading() as connection, self._decoding():
            starts: dict[str, int] = {}
            for at_us, data in connection.execute("SELECT at_us, data FROM note WHERE kind = 'phase' ORDER BY at_us"):
                phase = str(_data(data).get("phase"))
                if phase == "hold":  # what ended before it was a part of the run, not the run
                    starts = {name: at for name, at in starts.items() if name not in ("drain", "end")}
                starts.setdefault(phase, self._window_of(at_us))
            gaps = resuming.gaps_of(self.meta)
            extremes: list[int] = []
            for table in ("hist", "count"):
                for series in self._series(connection):
                    # one at a time, each from the index's two ends
                    for which in ("min", "max"):
                        (window,) = connection.execute(
                            f"SELECT {which}(window) FROM {table} WHERE series = ?",  # noqa: S608 - names from here
                            (series.id,),
                        ).fetchone()
                        extremes += [] if window is None else [window]
        first, last = (min(extremes), max(extremes)) if extremes else (None, None)
        hold_first = starts.get("hold")
        if hold_first is None:
            return Phases(None, None, first, last, gaps)
        ended = starts.get("drain", starts.get("end", last))
        return Phases(hold_first, hold_first if ended is None else max(hold_first, ended), first, last, gaps)

    def hist_frame(
        self,
        metrics: Collection[str] | None = None,
        *,
        coarsen: int = 1,
        first: int | None = None,
        last: int | None = None,
    ) -> pd.DataFrame:
        """Latency histograms, one row a key, by metric, name, role and window.

        Args:
            metrics: read only these; None reads all.
            coarsen: merge this many windows into one row, within a phase.
            first: oldest window; None takes all before.
            last: newest window, included; None takes all after.

        Returns:
            Columns window, start_s (since the run's start), phase, metric, name, role, hist (:class:`Histogram`).
        """
        columns: dict[str, list[Any]] = {name: [] for name in ("window", "metric", "name", "role", "hist")}
        with self._reading() as connection:
            phases, started_s = self.phases(), self.started_s
            for series in self._series(connection, metrics):
                windows, hists = self._hists(connection, series, phases, _positive(coarsen), _bounds(first, last))
                columns["window"] += windows
                columns["hist"] += hists
                for name, text in (("metric", series.metric), ("name", series.name), ("role", series.role)):
                    columns[name] += [text] * len(windows)
        self._place(columns, phases, started_s)
        return _frame(columns, {**_KEYED, "hist": "object"})

    def count_frame(
        self,
        metrics: Collection[str] | None = None,
        *,
        coarsen: int = 1,
        first: int | None = None,
        last: int | None = None,
    ) -> pd.DataFrame:
        """Counts, one row a key, by metric, name, role and window.

        Args:
            metrics: read only these; None reads all.
            coarsen: add this many windows up into one row, within a phase.
            first: oldest window; None takes all before.
            last: newest window, included; None takes all after.

        Returns:
            Columns window, start_s (since the run's start), phase, metric, name, role, value (float64).
        """
        columns: dict[str, list[Any]] = {name: [] for name in ("window", "metric", "name", "role", "value")}
        with self._reading() as connection:
            phases, started_s = self.phases(), self.started_s
            for series in self._series(connection, metrics):
                rows: Iterable[tuple[int, int | float]] = connection.execute(
                    "SELECT window, value FROM count WHERE series = ? AND window BETWEEN ? AND ? ORDER BY window",
                    (series.id, *_bounds(first, last)),
                )
                if _positive(coarsen) > 1:
                    steps = groupby(rows, key=lambda row: phases.label(row[0], coarsen))
                    rows = ((label, sum(value for _, value in step)) for label, step in steps)
                before = len(columns["window"])
                for window, value in rows:
                    columns["window"].append(window)
                    columns["value"].append(value)
                more = len(columns["window"]) - before
                for name, text in (("metric", series.metric), ("name", series.name), ("role", series.role)):
                    columns[name] += [text] * more
        self._place(columns, phases, started_s)
        with self._decoding():
            return _frame(columns, {**_KEYED, "value": "float64"})

    def gauge_frame(self) -> pd.DataFrame:
        """Levels by time: columns at_s (since the run's start), name, worker, value."""
        with self._reading() as connection:
            rows = connection.execute("SELECT at_us, name, worker, value FROM gauge ORDER BY at_us, id").fetchall()
            columns = _columns(rows, ("at_s", "name", "worker", "value"))
            columns["at_s"] = self._since_start(columns["at_s"])
        with self._decoding():
            return _frame(columns, {"at_s": "float64", "name": "object", "worker": "object", "value": "float64"})

    def note_frame(self) -> pd.DataFrame:
        """Moments by time: columns at_s (since the run's start), kind, text, data (dict)."""
        with self._reading() as connection:
            rows = connection.execute("SELECT at_us, kind, text, data FROM note ORDER BY at_us, id").fetchall()
            columns = _columns(rows, ("at_s", "kind", "text", "data"))
            columns["at_s"] = self._since_start(columns["at_s"])
        with self._decoding():
            columns["data"] = [_data(data) for data in columns["data"]]
            return _frame(columns, {"at_s": "float64", "kind": "object", "text": "object", "data": "object"})

    def closing_frame(self, *, first: int | None = None, last: int | None = None) -> pd.DataFrame:
        """Emissions by due time, one row for each mark, due time, event, role and worker, corrections added up.

        Args:
            first: oldest window that an emission was due in; None takes all before.
            last: newest one, included; None takes all after.

        A mark is one emission's, a subject in its place (events without text) recurs: the due time tells which.

        Returns:
            Columns as the fields of :class:`loadtest.metrics.Closing`, and due_s (since the run's start). Of corrected
            rows, what describes the emission is the first row's, ``status`` the last row's, ``first_us`` the smallest
            and ``last_us`` the largest; missing microseconds are NaN.
        """
        with self._reading() as connection:
            low, high = _bounds(first, last)
            window_us = round(self.window_s * _US_PER_S)
            query = (
                f"SELECT {', '.join(CLOSING_FIELDS)} FROM closing "  # noqa: S608 - names from here
                f"WHERE due_us / {window_us} BETWEEN ? AND ? ORDER BY due_us, id"
            )
            rows = connection.execute(query, (low, high)).fetchall()
            started_s = self.started_s
            share = self.closing_share
        if share < 1.0:  # a writer thins out in slices
            mark, due = (CLOSING_FIELDS.index(name) for name in ("mark", "due_us"))
            rows = [row for row in rows if thinning.lot(row[mark], row[due]) < share]
        with self._decoding():
            frame = _frame(_columns(rows, CLOSING_FIELDS), _CLOSING_DTYPES)
        if frame.duplicated(_CLOSING_KEY).any():
            how: dict[str, str] = dict.fromkeys(CLOSING_FIELDS, "first")
            how |= dict.fromkeys(_CLOSING_SUMS, "sum")
            how |= {"status": "last", "first_us": "min", "last_us": "max"}
            merged = frame.groupby(_CLOSING_KEY, sort=False).agg(
                {name: rule for name, rule in how.items() if name not in _CLOSING_KEY}
            )
            frame = merged.reset_index()[list(CLOSING_FIELDS)].astype(_CLOSING_DTYPES)
        frame["due_s"] = frame["due_us"] / _US_PER_S - started_s
        return frame

    def merged(
        self,
        metric: str,
        name: str | None = None,
        role: str | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> Histogram:
        """One histogram of many windows, without making one of each.

        Args:
            metric: the metric.
            name: only this name; None takes all.
            role: only this role; None takes all.
            first: oldest window; None takes all before.
            last: newest window, included; None takes all after.
        """
        with self._reading() as connection, self._decoding():
            return bulk.merge_encoded(
                blob
                for series in self._series(connection, (metric,), name, role)
                for (blob,) in connection.execute(
                    "SELECT data FROM hist WHERE series = ? AND window BETWEEN ? AND ? ORDER BY window",
                    (series.id, *_bounds(first, last)),
                )
            )

    def total(
        self,
        metric: str,
        name: str | None = None,
        role: str | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> int | float:
        """The sum of a count over many windows; arguments as for :meth:`merged`. Whole numbers add up exactly."""
        total: int | float = 0
        with self._reading() as connection:
            for series in self._series(connection, (metric,), name, role):
                (value,) = connection.execute(
                    "SELECT sum(value) FROM count WHERE series = ? AND window BETWEEN ? AND ?",
                    (series.id, *_bounds(first, last)),
                ).fetchone()
                total += value or 0
        return total

    def __enter__(self) -> Self:
        if self._held is not None:
            raise RuntimeError("this run is held already")
        with ExitStack() as stack:
            connection = stack.enter_context(opening.connect(self.path))
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM meta").fetchone()  # the moment is taken at the first read
            self._connection = connection
            self._held = stack.pop_all()
        return self

    def __exit__(self, *exc_info: Any) -> bool | None:
        assert self._held is not None
        held, self._held, self._connection = self._held, None, None
        return held.__exit__(*exc_info)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection of the moment that is held, or of this outermost call."""
        if self._connection is not None:
            yield self._connection
            return
        with opening.connect(self.path) as connection:
            connection.execute("BEGIN")
            self._connection = connection
            try:
                yield connection
            finally:
                self._connection = None

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError) as error:
            raise opening.damaged_content(self.path, error) from error

    def _series(
        self,
        connection: sqlite3.Connection,
        metrics: Collection[str] | None = None,
        name: str | None = None,
        role: str | None = None,
    ) -> list[_Series]:
        rows = connection.execute("SELECT id, metric, name, role FROM series ORDER BY metric, name, role")
        return [
            series
            for series in (_Series(*row) for row in rows)
            if (metrics is None or series.metric in metrics)
            and (name is None or series.name == name)
            and (role is None or series.role == role)
        ]

    def _hists(
        self, connection: sqlite3.Connection, series: _Series, phases: Phases, coarsen: int, bounds: tuple[int, int]
    ) -> tuple[list[int], list[Histogram]]:
        rows: Iterator[tuple[int, bytes]] = connection.execute(
            "SELECT window, data FROM hist WHERE series = ? AND window BETWEEN ? AND ? ORDER BY window",
            (series.id, *bounds),
        )
        windows: list[int] = []

        def blobs() -> Iterator[bytes]:
            for window, blob in rows:
                windows.append(window)
                yield blob

        with self._decoding():
            if coarsen == 1:
                return windows, bulk.decode_many(blobs())
            return bulk.merge_groups((phases.label(window, coarsen), blob) for window, blob in rows)

    def _place(self, columns: dict[str, Any], phases: Phases, started_s: float) -> None:
        """Add start_s and phase to columns that have a window."""
        windows: NDArray[np.int64] = np.array(columns["window"], dtype=np.int64)
        columns["start_s"] = windows * self.window_s - started_s
        names = {window: phases.of(window) for window in set(columns["window"])}
        columns["phase"] = [names[window] for window in columns["window"]]

    def _since_start(self, at_us: list[int]) -> NDArray[np.float64]:
        return np.array(at_us, dtype=np.float64) / _US_PER_S - self.started_s

    def _window_of(self, at_us: int) -> int:
        return at_us * _NS_PER_US // round(self.window_s * _NS_PER_S)


def open_run(path: Path | str) -> Run:
    """Open a stored run for reading; the run may still go on.

    Args:
        path: the run's folder, or its ``run.sqlite``.

    Raises:
        UsageError: there is no such run, it is not a run, it is cut off, or a newer release wrote it.
    """
    return Run(opening.locate(path))


def _data(text: str) -> dict[str, Any]:
    """A note's data.

    Raises:
        ValueError: it is no JSON.
        TypeError: it is no object.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError(f"a note's data is {found!r}")
    return found


def _positive(coarsen: int) -> int:
    if coarsen < 1:
        raise ValueError(f"coarsen must be 1 or more windows, got {coarsen}")
    return coarsen


def _bounds(first: int | None, last: int | None) -> tuple[int, int]:
    """Bounds that SQLite can look up in its index, where None is any 64-bit number."""
    return (-(1 << 63) if first is None else first, (1 << 63) - 1 if last is None else last)


def _columns(rows: list[tuple[Any, ...]], names: Collection[str]) -> dict[str, Any]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}


def _frame(columns: dict[str, Any], dtypes: dict[str, str]) -> pd.DataFrame:
    """A frame of the columns named in ``dtypes``, in that order."""
    return pd.DataFrame({name: pd.Series(columns[name], dtype=dtype) for name, dtype in dtypes.items()})
