"""The layout of a run's file.

One SQLite file a run: ``reports/<run-id>/run.sqlite``. Everything in it is readable with any SQLite tool, but the
histograms (:mod:`loadtest.metrics.encoding`).
A file is known by SQLite's ``application_id``; its layout by ``user_version``. Readers refuse a newer
layout, and one that is too old.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from loadtest.metrics.batch import CLOSING_FIELDS, Closing

FILE_NAME: Final = "run.sqlite"
SCHEMA_VERSION: Final = 1
OLDEST_VERSION: Final = 1
APPLICATION_ID: Final = 0x4F434C54  # "OCLT"

_SQL_TYPES: Final = {"str": "TEXT NOT NULL", "int": "INTEGER NOT NULL", "int | None": "INTEGER"}
_CLOSING_COLUMNS: Final = ",\n    ".join(f"{field.name} {_SQL_TYPES[str(field.type)]}" for field in fields(Closing))

TABLES: Final = (
    # meta: what the run was; value is JSON
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # series: what a histogram or a count is about
    """CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    metric TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    UNIQUE (metric, name, role)
)""",
    # hist: one row a key, the merge of all deltas so far; start of a window in Unix seconds = window * meta.window_s
    """CREATE TABLE hist (
    series INTEGER NOT NULL REFERENCES series,
    window INTEGER NOT NULL,
    n INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (series, window)
)""",
    # count: one row a key, the sum of all deltas so far
    """CREATE TABLE count (
    series INTEGER NOT NULL REFERENCES series,
    window INTEGER NOT NULL,
    value NUMERIC NOT NULL,
    PRIMARY KEY (series, window)
) WITHOUT ROWID""",
    # closing: deltas as they came; those of one (mark, event, role, worker) add up
    f"CREATE TABLE closing (\n    id INTEGER PRIMARY KEY,\n    {_CLOSING_COLUMNS}\n)",
    # note: a moment of the time line, its data as JSON
    """CREATE TABLE note (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    data TEXT NOT NULL
)""",
    # gauge: a level at a moment, NULL where it was not a number
    """CREATE TABLE gauge (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    name TEXT NOT NULL,
    worker TEXT NOT NULL,
    value REAL
)""",
)

INSERT_SERIES: Final = "INSERT INTO series (metric, name, role) VALUES (?, ?, ?)"
SELECT_HIST: Final = "SELECT data FROM hist WHERE series = ? AND window = ?"
UPSERT_HIST: Final = (
    "INSERT INTO hist (series, window, n, data) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (series, window) DO UPDATE SET n = excluded.n, data = excluded.data"
)
UPSERT_COUNT: Final = (
    "INSERT INTO count (series, window, value) VALUES (?, ?, ?) "
    "ON CONFLICT (series, window) DO UPDATE SET value = value + excluded.value"
)
INSERT_CLOSING: Final = (
    f"INSERT INTO closing ({', '.join(CLOSING_FIELDS)}) VALUES ({', '.join('?' * len(CLOSING_FIELDS))})"  # noqa: S608 - names
)
INSERT_NOTE: Final = "INSERT INTO note (at_us, kind, text, data) VALUES (?, ?, ?, ?)"
INSERT_GAUGE: Final = "INSERT INTO gauge (at_us, name, worker, value) VALUES (?, ?, ?, ?)"
UPDATE_GAUGE: Final = "UPDATE gauge SET at_us = ?, value = ? WHERE id = ?"
DELETE_GAUGE: Final = "DELETE FROM gauge WHERE id = ?"
THIN_CLOSINGS: Final = "DELETE FROM closing WHERE id BETWEEN ? AND ? AND lot(mark, due_us) >= ?"
UPSERT_META: Final = (
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
