"""The layout of a run's file."""

from __future__ import annotations

import sqlite3
from contextlib import closing as closed
from dataclasses import fields
from pathlib import Path

from loadtest.metrics import Batch, Closing
from loadtest.store import schema
from tests.store.runs import write


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    """Application id and layout version are in the file's header."""
    file = write(tmp_path / "r1", Batch()) / schema.FILE_NAME
    with closed(sqlite3.connect(file)) as connection:
        header = [connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("application_id", "user_version")]

    assert [schema.APPLICATION_ID, schema.SCHEMA_VERSION] == header


def test_closings_have_a_column_a_field(tmp_path: Path) -> None:
    """The table of closings follows the record, field by field."""
    file = write(tmp_path / "r1", Batch()) / schema.FILE_NAME
    with closed(sqlite3.connect(file)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(closing)")]

    assert ["id", *(field.name for field in fields(Closing))] == columns


def test_a_series_is_read_from_its_index(tmp_path: Path) -> None:
    """Reading one series sorts nothing and scans no other, so that a long run is read in linear time."""
    file = write(tmp_path / "r1", Batch()) / schema.FILE_NAME
    plans = []
    with closed(sqlite3.connect(file)) as connection:
        for query in (
            "SELECT data FROM hist WHERE series = 1 AND window BETWEEN 2 AND 3 ORDER BY window",
            "SELECT window, value FROM count WHERE series = 1 ORDER BY window",
        ):
            plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]

    assert ["SEARCH hist", "SEARCH count"] == [plan.partition(" USING")[0] for plan in plans]
