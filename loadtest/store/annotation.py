"""Notes that people add to a run from outside, also while its own process writes it.

SQLite's write-ahead log lets a second writer in between two transactions of the run; it waits for its turn.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from loadtest.errors import UsageError
from loadtest.store import opening, schema
from loadtest.store.reader import open_run

_BUSY_S: Final = 10.0
_US_PER_S: Final = 1_000_000
_UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def moment_us(run_folder: Path | str, text: str) -> int:
    """Unix microseconds of a moment: an ISO 8601 time, or a time since the run's start such as ``90 min``.

    Raises:
        UsageError: it is neither, or a time without its zone.
    """
    number, unit = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz").strip(), ""
    unit = text.strip()[len(number) :].strip()
    try:
        if unit in _UNITS:
            return round((open_run(run_folder).started_s + float(number) * _UNITS[unit]) * _US_PER_S)
        stamp = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is no time", where="--at", remedy="Write 2026-11-28T15:04:05+01:00, or '90 min' into the run"
        ) from None
    if stamp.tzinfo is None:
        raise UsageError(f"{text!r} has no zone", where="--at", remedy="Add one, such as +01:00 or Z")
    return round(stamp.timestamp() * _US_PER_S)


def annotate(run_folder: Path | str, text: str, at_us: int) -> float:
    """Add a note of kind ``annotation``.

    Args:
        run_folder: the run's folder, or its file.
        text: what happened.
        at_us: when, Unix microseconds.

    Returns:
        Seconds from the run's start to the note.

    Raises:
        UsageError: there is no such run, or it cannot be written to.
    """
    file = opening.locate(run_folder)
    opening.check(file)
    started_s = open_run(run_folder).started_s
    try:
        address = f"{file.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_S)) as connection, connection:
            connection.execute(schema.INSERT_NOTE, (at_us, "annotation", text, "{}"))
    except sqlite3.Error as error:
        raise UsageError(
            f"the note could not be written ({error})",
            where=str(file),
            remedy="Make the run's file writable, and try again",
        ) from error
    return at_us / _US_PER_S - started_s
