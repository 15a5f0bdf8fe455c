"""What keeps a run's file small over days: levels once a window, and closing records of a share of the emissions.

A closing record is evidence about one emission, and a run of days has millions of them; histograms and counts hold
every delivery whether its emission's records are kept or not. Once there are too many, the share of emissions whose
records are kept is halved. Which ones stay depends on a hash of the emission's name alone, so that all its records of
all workers stay or go together, and what stays is a fair sample: nothing about how an emission went decides.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final

from loadtest.metrics.batch import CLOSING_FIELDS, Closing, Gauge, plain
from loadtest.store import schema

MOST_CLOSINGS: Final = 200_000
"""Closing records in a file, at most for long: a report of a week reads them in seconds."""

SHARE: Final = "closing_share"
"""Name in ``meta`` of the share of emissions whose closing records are kept; missing where all are."""

_SLICE: Final = 5_000
_US_PER_S: Final = 1_000_000


def lot(mark: str, due_us: int) -> float:
    """The number in [0, 1) that an emission draws: its closing records are kept while it is below the share."""
    return int.from_bytes(blake2b(f"{mark}:{due_us}".encode(), digest_size=8).digest()) / 2**64


@dataclass(frozen=True, slots=True)
class _Level:
    """The rows of a gauge's present window: the newest, and the greatest where that is another one."""

    window: int
    newest: int
    value: float
    greatest: int | None = None
    greatest_value: float = 0.0


class Gauges:
    """Writes levels; where windows are longer than a second, of each window the newest and the greatest one.

    Args:
        window_s: length of a window.
    """

    def __init__(self, window_s: float) -> None:
        self._window_us = round(window_s * _US_PER_S)
        self._levels: dict[tuple[str, str], _Level] = {}
        self._before: dict[tuple[str, str], _Level] | None = None

    def write(self, connection: sqlite3.Connection, gauges: Sequence[Gauge]) -> None:
        """Write gauges; their transaction must end in :meth:`committed` or :meth:`rolled_back`."""
        if self._window_us <= _US_PER_S:
            connection.executemany(schema.INSERT_GAUGE, [_row(gauge) for gauge in gauges])
            return
        if self._before is None:
            self._before = dict(self._levels)
        for gauge in gauges:
            self._levels[gauge.name, gauge.worker] = self._put(connection, gauge)

    def committed(self) -> None:
        """What was written stays."""
        self._before = None

    def rolled_back(self) -> None:
        """What was written does not."""
        if self._before is not None:
            self._levels, self._before = self._before, None

    def _put(self, connection: sqlite3.Connection, gauge: Gauge) -> _Level:
        row, window = _row(gauge), gauge.at_us // self._window_us
        value = float(gauge.value)
        level = self._levels.get((gauge.name, gauge.worker))
        if level is None or level.window != window:
            return _Level(window, _insert(connection, row), value)
        greatest = level.value if level.greatest is None else level.greatest_value
        if level.greatest is None and value < greatest:
            return replace(
                level, newest=_insert(connection, row), value=value, greatest=level.newest, greatest_value=greatest
            )
        connection.execute(schema.UPDATE_GAUGE, (row[0], row[3], level.newest))
        if value >= greatest and level.greatest is not None:
            connection.execute(schema.DELETE_GAUGE, (level.greatest,))
            return _Level(window, level.newest, value)
        return replace(level, value=value)


class Closings:
    """Writes closing records, and thins them out.

    Args:
        most: how many records are too many.
        there: how many the file holds already.
        share: of the emissions whose records it holds.
    """

    def __init__(self, most: int = MOST_CLOSINGS, there: int = 0, share: float = 1.0) -> None:
        self.share = share
        self._most = most
        self._count = there
        self._next: int | None = None  # the record at which thinning goes on
        self._before: tuple[float, int, int | None] | None = None

    def write(self, connection: sqlite3.Connection, closings: Iterable[tuple[Any, ...]]) -> None:
        """Write records, and a slice of the thinning; ends in :meth:`committed` or :meth:`rolled_back`.

        Args:
            connection: in a transaction; it knows :func:`lot`.
            closings: rows in the order of the fields of ``Closing``.
        """
        if self._before is None:
            self._before = (self.share, self._count, self._next)
        rows = list(closings)
        if self.share < 1.0:
            rows = [row for row in rows if lot(row[_MARK], row[_DUE]) < self.share]
        if rows:
            connection.executemany(schema.INSERT_CLOSING, rows)
            self._count += len(rows)
        if self._next is None and self._count > self._most:
            self.share /= 2
            self._next = 0
            connection.execute(schema.UPSERT_META, (SHARE, str(self.share)))
        if self._next is not None:
            self._thin(connection)

    def committed(self) -> None:
        """What was written stays."""
        self._before = None

    def rolled_back(self) -> None:
        """What was written does not."""
        if self._before is not None:
            (self.share, self._count, self._next), self._before = self._before, None

    def _thin(self, connection: sqlite3.Connection) -> None:
        assert self._next is not None
        (last,) = connection.execute("SELECT max(id) FROM closing").fetchone()
        until = self._next + _SLICE
        self._count -= connection.execute(schema.THIN_CLOSINGS, (self._next, until, self.share)).rowcount
        self._next = None if last is None or until > last else until


_MARK: Final = CLOSING_FIELDS.index("mark")
_DUE: Final = CLOSING_FIELDS.index("due_us")
_fields = attrgetter(*CLOSING_FIELDS)


def teach(connection: sqlite3.Connection) -> None:
    """Let a connection use :func:`lot`."""
    connection.create_function("lot", 2, lot, deterministic=True)


def closing_rows(closings: Iterable[Closing]) -> list[tuple[Any, ...]]:
    """Records as rows in plain types.

    Raises:
        TypeError: a value is not plain.
    """
    return [tuple(map(plain, _fields(closing))) for closing in closings]


def _row(gauge: Gauge) -> tuple[int, str, str, float]:
    return gauge.at_us, gauge.name, gauge.worker, plain(gauge.value)


def _insert(connection: sqlite3.Connection, row: tuple[int, str, str, float]) -> int:
    made = connection.execute(schema.INSERT_GAUGE, row).lastrowid
    assert made is not None
    return made
