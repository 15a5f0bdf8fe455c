"""Opening a run's file in whatever state it is, and saying what is wrong with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing as closed
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.metrics import Batch, Gauge, Note
from loadtest.store import RunWriter, open_run, schema
from tests.store.runs import META, START_S, closing, write

NOBODY = 65534


def _counted(n: int = 1) -> Batch:
    batch = Batch(closings=[closing(f"m{i}") for i in range(n)])
    batch.add(START_S, "rest.n", "send", value=n)
    return batch


def _all_of(folder: Path) -> None:
    """Read everything that a report takes."""
    run = open_run(folder)
    for read in (run.hist_frame, run.count_frame, run.gauge_frame, run.note_frame, run.closing_frame):
        read()


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished run."""
    return write(tmp_path / "r1", _counted(500))


@contextmanager
def _read_only(source: Path) -> Iterator[Path]:
    """A copy of a run's folder that this process may read but not write to."""
    with tempfile.TemporaryDirectory() as parent:
        copy = Path(shutil.copytree(source, Path(parent) / "copy"))
        Path(parent).chmod(0o755)
        for file in copy.iterdir():
            file.chmod(0o444)
        copy.chmod(0o555)
        root = os.geteuid() == 0
        if root:  # nothing is read-only for root
            os.seteuid(NOBODY)
        try:
            yield copy
        finally:
            if root:
                os.seteuid(0)
            copy.chmod(0o755)


@contextmanager
def _being_written(folder: Path) -> Iterator[Path]:
    """A run whose writer is still there, with all its data in the write-ahead log."""
    with RunWriter.create(folder, META) as writer:
        writer.write(_counted(3))
        yield folder


def test_a_folder_or_its_file_open_the_same_run(run_folder: Path) -> None:
    """A run is named by its folder or by its file, as text or path."""
    assert open_run(run_folder).path == open_run(str(run_folder / schema.FILE_NAME)).path


def test_reading_leaves_no_trace(run_folder: Path) -> None:
    """Reading a finished run changes nothing in its folder."""
    before = {file.name: file.read_bytes() for file in run_folder.iterdir()}
    open_run(run_folder).closing_frame()

    assert before == {file.name: file.read_bytes() for file in run_folder.iterdir()}


def test_a_missing_run_names_those_that_are_there(run_folder: Path) -> None:
    """The error for a run that is not there lists the runs beside it."""
    with pytest.raises(UsageError, match="there is no such run") as caught:
        open_run(run_folder.parent / "r2")

    assert caught.value.remedy == "Runs there: r1."


def test_a_folder_of_runs_is_not_a_run(run_folder: Path) -> None:
    """Naming the folder of all runs gives their names."""
    with pytest.raises(UsageError, match="it is not a run") as caught:
        open_run(run_folder.parent)

    assert caught.value.remedy == "Runs there: r1."


def test_nothing_around_is_still_a_remedy(tmp_path: Path) -> None:
    """Without any run in sight the error says what to name."""
    with pytest.raises(UsageError) as caught:
        open_run(tmp_path / "no" / "where")

    assert "reports/<run-id>" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"hello, world", "not a run's file"), (b"SQLite format 3\0", "cut off or damaged")],
)
def test_what_is_no_run_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    """A file that is no run is an error that says what it is."""
    file = tmp_path / "some.file"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=problem) as caught:
        open_run(file)

    assert str(file) == caught.value.where


def test_another_sqlite_file_is_refused(tmp_path: Path) -> None:
    """A SQLite file of something else is not a run."""
    file = tmp_path / "other.sqlite"
    with closed(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE meta (key, value)")
    with pytest.raises(UsageError, match="does not hold a run"):
        open_run(file)


def test_a_newer_layout_is_refused(run_folder: Path) -> None:
    """A run of a newer release asks for an upgrade."""
    with closed(sqlite3.connect(run_folder / schema.FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    with pytest.raises(UsageError, match="has layout 2") as caught:
        open_run(run_folder)

    assert "Upgrade" in caught.value.remedy


def test_an_older_layout_is_refused(run_folder: Path) -> None:
    """One that no release reads any more is never taken for a run of today."""
    with closed(sqlite3.connect(run_folder / schema.FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.OLDEST_VERSION - 1}")
    with pytest.raises(UsageError, match="reads none before") as caught:
        open_run(run_folder)

    assert "the release that wrote it" in caught.value.remedy


@pytest.mark.parametrize("kept", [99, 100, 4_096, 20_000, -4_096, -1])
def test_a_truncated_file_is_refused(run_folder: Path, kept: int) -> None:
    """A file that was cut off anywhere, even by a byte, is an error, never a shorter run."""
    file = run_folder / schema.FILE_NAME
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match="cut off or damaged") as caught:
        open_run(file)

    assert "Copy" in caught.value.remedy


def test_a_damaged_page_is_the_files_fault(run_folder: Path) -> None:
    """Overwritten pages are an error about the file when they are read, without a traceback of SQLite's."""
    file = run_folder / schema.FILE_NAME
    content = bytearray(file.read_bytes())
    content[8_192:] = b"\xff" * (len(content) - 8_192)
    file.write_bytes(content)
    with pytest.raises(UsageError, match="cut off or damaged"):
        open_run(file).closing_frame()


def test_damaged_histograms_are_the_files_fault(tmp_path: Path) -> None:
    """A histogram that does not decode is an error about the file."""
    batch = Batch()
    batch.hist(START_S, "fanout").record(1)
    folder = write(tmp_path / "r1", batch)
    with closed(sqlite3.connect(folder / schema.FILE_NAME)) as connection, connection:
        connection.execute("UPDATE hist SET data = x'00'")
    with pytest.raises(UsageError, match="not a histogram's bytes"):
        open_run(folder).hist_frame()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE note SET data = '{'",
        "UPDATE note SET data = '[]'",
        "UPDATE count SET value = 'abc'",
        "UPDATE gauge SET value = 'abc'",
        "UPDATE closing SET first_us = 'abc'",
        "UPDATE closing SET mark = CAST(x'ff00ff' AS TEXT)",
        "INSERT INTO meta VALUES ('population', '3')",
        "INSERT INTO meta VALUES ('gaps', '[[1]]')",
        "UPDATE meta SET value = '\"yesterday\"' WHERE key = 'started_at'",
    ],
)
def test_rows_that_do_not_hold_what_they_must_are_the_files_fault(tmp_path: Path, change: str) -> None:
    """Bits that fell over inside a row are no business of JSON's, numpy's or Python's errors."""
    batch = _counted()
    batch.gauges.append(Gauge(START_S * 1_000_000, "generator.rss_bytes", 1.0, "local"))
    kind = "moment" if "started_at" in change else "phase"
    batch.notes.append(Note(START_S * 1_000_000, kind, "hold", {"phase": "hold"}))
    folder = write(tmp_path / "r1", batch)
    with closed(sqlite3.connect(folder / schema.FILE_NAME)) as connection, connection:
        assert connection.execute(change).rowcount
    with pytest.raises(UsageError, match="cut off or damaged"):
        _all_of(folder)


def test_a_finished_run_in_a_read_only_folder_is_read(run_folder: Path) -> None:
    """A finished run needs no right to write."""
    with _read_only(run_folder) as copy:
        total = open_run(copy).total("rest.n")

    assert total == 500


def test_a_copy_of_a_running_run_is_read(tmp_path: Path) -> None:
    """A read-only copy of a run's folder, taken while it went on, holds what was written."""
    with _being_written(tmp_path / "r1") as folder, _read_only(folder) as copy:
        total = open_run(copy).total("rest.n")

    assert total == 3


def test_a_log_without_its_index_is_read(tmp_path: Path) -> None:
    """Where only the file and its log were copied, to a read-only folder, the log still counts."""
    with _being_written(tmp_path / "r1") as folder:
        copied = tmp_path / "copied"
        copied.mkdir()
        for name in (schema.FILE_NAME, f"{schema.FILE_NAME}-wal"):
            shutil.copyfile(folder / name, copied / name)
    with _read_only(copied) as copy:
        total = open_run(copy).total("rest.n")

    assert total == 3


def test_a_file_in_wal_mode_without_its_log_is_read(tmp_path: Path) -> None:
    """A run whose log was left behind opens in a read-only folder with what the file alone holds."""
    with _being_written(tmp_path / "r1") as folder:
        copied = tmp_path / "copied"
        copied.mkdir()
        shutil.copyfile(folder / schema.FILE_NAME, copied / schema.FILE_NAME)
    with _read_only(copied) as copy:
        run_id = open_run(copy).meta["run_id"]

    assert run_id == "r1"


def test_a_file_without_the_right_to_read_is_refused(run_folder: Path) -> None:
    """A file that may not be read is an error about its rights."""
    with _read_only(run_folder) as copy:
        if os.geteuid() == NOBODY:
            os.seteuid(0)
            (copy / schema.FILE_NAME).chmod(0)
            os.seteuid(NOBODY)
        else:
            (copy / schema.FILE_NAME).chmod(0)
        with pytest.raises(UsageError, match="cannot be read"):
            open_run(copy)


def test_a_locked_file_is_said_to_be_locked(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program holds is an error that says so."""
    monkeypatch.setattr("loadtest.store.opening._BUSY_S", 0.0)
    with closed(sqlite3.connect(run_folder / schema.FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UsageError, match="locked by another program"):
            open_run(run_folder)
