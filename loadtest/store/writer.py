"""Writes a run: every call one transaction, every transaction readable at once.

The file is in WAL mode while the run goes on, so that readers never wait for the writer nor the writer for them, and a
killed process loses nothing that :meth:`RunWriter.write` had returned from.
(``synchronous=NORMAL``: a power cut may lose the last seconds, never more, and never harms the file.)
A window stays open for as long as anybody reports to it: its rows hold the merge of all deltas so far.
What cannot be written waits (:mod:`loadtest.store.backlog`); what would grow for days is thinned out
(:mod:`loadtest.store.thinning`).
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from loadtest.errors import GeneratorError, UsageError
from loadtest.metrics.batch import Batch, Key, plain
from loadtest.metrics.histogram import Histogram
from loadtest.store import opening, resuming, schema, thinning
from loadtest.store.backlog import Backlog
from loadtest.store.lock import FolderLock

_BUSY_S: Final = 5.0
_OPEN_S: Final = 30.0
_OPEN_LEAST: Final = 2
_CACHE_KIB: Final = 256
"""Pages that SQLite keeps in memory: its own 2,000 KiB fill for minutes with what is written, as a leak would."""


class RunWriter:
    """The one writer of a run's file. It belongs to the thread that created it.

    Make one with :meth:`create`; use it as a context manager, or call :meth:`close`.

    Attributes:
        folder: the run's folder.
        path: the run's file.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        open_windows: int | None,
        window_s: float,
        most_closings: int,
        lock: FolderLock,
    ) -> None:
        self.folder = folder
        self._lock = lock
        self.path = folder / schema.FILE_NAME
        self._connection = connection
        self._open_windows = open_windows or max(_OPEN_LEAST, math.ceil(_OPEN_S / window_s))
        self._open: dict[Key, Histogram] = {}
        self._newest: int | None = None
        self._before: int | None = None  # the newest window of the writer before this one
        self._series: dict[tuple[str, str, str], int] = {}
        self._backlog = Backlog()
        self._gauges = thinning.Gauges(window_s)
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        thinning.teach(connection)
        self._closings = thinning.Closings(most_closings, *_closings_there(connection))

    @classmethod
    def create(
        cls,
        folder: Path,
        meta: Mapping[str, Any],
        *,
        open_windows: int | None = None,
        most_closings: int = thinning.MOST_CLOSINGS,
    ) -> RunWriter:
        """Make the run's folder and its file.

        Args:
            folder: ``reports/<run-id>``; it must not exist yet, its parents are made.
            meta: what the run is, as JSON values by name; ``schema_version`` is added.
            open_windows: how many of the newest windows are kept in memory, by default those of half a minute; older
                ones are read back when a late delta comes.
            most_closings: closing records above which only those of a share of the emissions are kept.

        Raises:
            UsageError: the folder exists, or it cannot be made or written to.
            TypeError: a value of ``meta`` is not a JSON value.
        """
        where = str(folder)
        rows = _meta_rows({**meta, "schema_version": schema.SCHEMA_VERSION})
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            raise UsageError(
                "the run folder exists already, and a run is never overwritten",
                where=where,
                remedy="Give another --run-id, or remove the folder.",
            ) from error
        except OSError as error:
            raise _unwritable(where, error.strerror or str(error)) from error
        path = folder / schema.FILE_NAME
        connection: sqlite3.Connection | None = None
        lock = FolderLock(folder)
        try:
            connection = sqlite3.connect(path, timeout=_BUSY_S)
            with connection:
                connection.execute("BEGIN")
                connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
                for statement in schema.TABLES:
                    connection.execute(statement)
                connection.executemany(schema.UPSERT_META, rows)
            # only now, so that the first thing ever to be seen in the file is the whole layout
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            path.unlink(missing_ok=True)
            folder.rmdir()
            lock.release()
            raise _unwritable(where, str(error)) from error
        return cls(connection, folder, open_windows, float(meta.get("window_s") or 1.0), most_closings, lock)

    @classmethod
    def open(
        cls, folder: Path, *, open_windows: int | None = None, most_closings: int = thinning.MOST_CLOSINGS
    ) -> RunWriter:
        """Go on with a run whose writer is no more, whether it ended or was killed.

        Args:
            folder: the run's folder.
            open_windows: as for :meth:`create`.
            most_closings: as for :meth:`create`.

        Raises:
            UsageError: it is no run, it is damaged, it cannot be written to, or another process writes to it.
        """
        path = opening.locate(folder)
        opening.check(path)
        connection: sqlite3.Connection | None = None
        lock = FolderLock(path.parent)
        try:
            connection = sqlite3.connect(path, timeout=_BUSY_S)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            meta = resuming.read_meta(connection)
            window_s = float(meta.get("window_s") or 1.0)
            writer = cls(connection, path.parent, open_windows, window_s, most_closings, lock)
            rows = connection.execute("SELECT metric, name, role, id FROM series ORDER BY id")
            writer._series = {(metric, name, role): number for metric, name, role, number in rows}
            writer._before = resuming.last_window(connection)
        except (sqlite3.Error, ValueError) as error:
            if connection is not None:
                connection.close()
            lock.release()
            raise _unwritable(str(folder), str(error)) from error
        return writer

    def read_meta(self) -> dict[str, Any]:
        """What the run is, as it is written: JSON values by name."""
        return resuming.read_meta(self._connection)

    @property
    def last_window(self) -> int | None:
        """The newest window with a row in the file; None where there is none."""
        return resuming.last_window(self._connection)

    def write(self, batch: Batch) -> None:
        """Add a batch of deltas, in one transaction.

        A batch that could not be written is kept and written with the next one; a batch that nobody could write,
        such as one with values that are not plain, is refused as a whole.

        Args:
            batch: it may be used again afterwards.

        Raises:
            GeneratorError: the file could not be written, such as on a full disk.
            TypeError: a value in the batch is not plain.
        """
        if batch.is_empty and self._backlog.batch.is_empty:
            return
        known = len(self._series)
        changed: dict[Key, Histogram] = {}
        try:
            with self._connection:
                for part in (self._backlog.batch, batch):
                    self._write_hists(part.hists, changed)
                    self._write_counts(part.counts)
                    self._write_rows(part)
        except BaseException as error:
            # series made in the transaction that was rolled back are not there
            self._series = dict(list(self._series.items())[:known])
            self._gauges.rolled_back()
            self._closings.rolled_back()
            if not isinstance(error, sqlite3.OperationalError):
                raise
            self._backlog.add(batch)
            raise self._failure(error) from error
        self._gauges.committed()
        self._closings.committed()
        self._keep_open(changed)
        self._backlog.written()
        loss = self._backlog.loss(time.time_ns() // 1_000)
        if loss is not None:
            self.write(Batch(notes=[loss]))

    def set_meta(self, **values: Any) -> None:
        """Set facts of the run, as JSON values by name.

        Raises:
            GeneratorError: the file could not be written.
            TypeError: a value is not a JSON value.
        """
        rows = _meta_rows(values)
        try:
            with self._connection:
                self._connection.executemany(schema.UPSERT_META, rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def close(self) -> bool:
        """Write what is left and make the file alone the whole run.

        Returns:
            Whether it is; False when a reader kept the file open for longer than five seconds, and the run is the
            file and its ``-wal`` neighbour together.

        Raises:
            GeneratorError: the file could not be written; it is closed all the same.
        """
        try:
            self.write(Batch())
            busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy and self._leave_wal()
        except sqlite3.Error as error:
            raise self._failure(error) from error
        finally:
            self._connection.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _leave_wal(self) -> bool:
        try:
            (mode,) = self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                return False
            raise
        return bool(mode == "delete")

    def _write_hists(self, deltas: dict[Key, Histogram], changed: dict[Key, Histogram]) -> None:
        """Write the merge of each key's delta and what the file holds; the merges are put into ``changed``."""
        rows = []
        for key, delta in deltas.items():
            window, *of = key
            series = self._series_id(*of)
            before = changed.get(key)
            if before is None:
                before = self._stored(series, window) if self._is_closed(window) else self._open.get(key)
            merged = delta.copy()
            if before is not None:
                merged.merge(before)
            changed[key] = merged
            rows.append((series, window, merged.n, merged.to_bytes()))
        self._connection.executemany(schema.UPSERT_HIST, rows)

    def _is_closed(self, window: int) -> bool:
        """Whether the window fell behind the newest ones; all that was written of the others is in memory.

        What an earlier writer wrote is not.
        """
        if self._before is not None and window <= self._before:
            return True
        return self._newest is not None and window <= self._newest - self._open_windows

    def _stored(self, series: int, window: int) -> Histogram | None:
        """What the file holds for a key that is not open; None where that is nothing."""
        row = self._connection.execute(schema.SELECT_HIST, (series, window)).fetchone()
        return Histogram.from_bytes(row[0]) if row else None

    def _write_counts(self, deltas: dict[Key, int | float]) -> None:
        rows = [(self._series_id(*of), window, plain(value)) for (window, *of), value in deltas.items()]
        self._connection.executemany(schema.UPSERT_COUNT, rows)

    def _write_rows(self, batch: Batch) -> None:
        self._closings.write(self._connection, thinning.closing_rows(batch.closings))
        self._connection.executemany(
            schema.INSERT_NOTE, [(note.at_us, note.kind, note.text, _json(note.data)) for note in batch.notes]
        )
        self._gauges.write(self._connection, batch.gauges)

    def _series_id(self, metric: str, name: str, role: str) -> int:
        of = (metric, name, role)
        found = self._series.get(of)
        if found is None:
            made = self._connection.execute(schema.INSERT_SERIES, of).lastrowid
            assert made is not None
            found = self._series[of] = made
        return found

    def _keep_open(self, changed: dict[Key, Histogram]) -> None:
        """Remember the newest windows' histograms and forget those that fell behind."""
        if not changed:
            return
        self._open.update(changed)
        newest = max(key[0] for key in changed)
        self._newest = newest if self._newest is None else max(newest, self._newest)
        self._open = {key: hist for key, hist in self._open.items() if not self._is_closed(key[0])}

    def _failure(self, error: sqlite3.Error) -> GeneratorError:
        return GeneratorError(
            f"{self.path}: the run could not be written ({error}); it is kept in memory, and written once it can be",
            remedy="Free space on that disk or let this user write there; another run may have another --report-dir.",
        )


def _closings_there(connection: sqlite3.Connection) -> tuple[int, float]:
    """How many closing records the file holds, and of which share of the emissions."""
    (count,) = connection.execute("SELECT count(*) FROM closing").fetchone()
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (thinning.SHARE,)).fetchone()
    return count, float(row[0]) if row else 1.0


def _unwritable(where: str, why: str) -> UsageError:
    return UsageError(
        f"the run folder cannot be written ({why})", where=where, remedy="Name another folder with --report-dir."
    )


def _meta_rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, _json(value)) for key, value in values.items()]


def _json(value: Any) -> str:
    """Strict JSON: infinite is the string "inf" (or "-inf"), not a number is null."""
    return json.dumps(_finite(plain(value)), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
