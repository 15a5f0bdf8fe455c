"""Finds and opens a run's file for reading, whatever state its writer left it in.

Reading never changes a run. A file in WAL mode needs its ``-wal`` neighbour, and SQLite wants to make a ``-shm`` file
beside it; where the folder is read-only, the file is opened as immutable, or, when a killed run left a ``-wal`` with
content, from a temporary copy (https://sqlite.org/wal.html, "Read-Only Databases").
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from loadtest.errors import UsageError
from loadtest.store import schema

_BUSY_S: Final = 5.0
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_CODE_MASK: Final = 0xFF
"""SQLite's extended error codes carry the primary one in their low byte."""


def locate(path: Path | str) -> Path:
    """The run's file, from its folder or its own path.

    Raises:
        UsageError: there is no such run.
    """
    given = Path(path)
    try:
        file = given / schema.FILE_NAME if given.is_dir() else given
        exists = file.is_file()
    except OSError as error:
        raise _unreadable(given, error) from error
    if exists:
        return file
    if given.is_dir():
        raise UsageError(
            f"the folder holds no {schema.FILE_NAME}, so it is not a run",
            where=str(given),
            remedy=_choices(given) or "Name a run's own folder, such as reports/<run-id>.",
        )
    raise UsageError(
        "there is no such run",
        where=str(given),
        remedy=_choices(given.parent) or "Name a run's folder, such as reports/<run-id>.",
    )


def check(file: Path) -> None:
    """Refuse what is not a run's file, by its first 100 bytes and its size.

    Raises:
        UsageError: it cannot be read, is not a run, is cut off, or was written by a newer release or too old a one.
    """
    where = str(file)
    try:
        # before the size: a writer that ends in between leaves the file whole
        in_progress = any(_neighbour(file, suffix).exists() for suffix in ("-wal", "-journal"))
        with file.open("rb") as stream:
            header = stream.read(_HEADER_BYTES)
        size = file.stat().st_size
    except OSError as error:
        raise _unreadable(file, error) from error
    if not header:
        raise UsageError("the run's file is empty", where=where, remedy="That run ended before it began; run it again.")
    if not header.startswith(_MAGIC[: len(header)]):
        raise UsageError("this is not a run's file", where=where, remedy="Name a run's folder or its run.sqlite.")
    if len(header) < _HEADER_BYTES:
        raise _damaged(file, f"{size} bytes are too few")
    if int.from_bytes(header[68:72], "big") != schema.APPLICATION_ID:
        raise UsageError(
            "this SQLite file does not hold a run", where=where, remedy="Name a run's folder or its run.sqlite."
        )
    version = int.from_bytes(header[60:64], "big")
    if version > schema.SCHEMA_VERSION:
        raise UsageError(
            f"the run has layout {version}, and this release reads up to {schema.SCHEMA_VERSION}",
            where=where,
            remedy="Upgrade onechat-loadtest to the release that wrote it.",
        )
    if version < schema.OLDEST_VERSION:
        raise UsageError(
            f"the run has layout {version}, and this release reads none before {schema.OLDEST_VERSION}",
            where=where,
            remedy="Read it with the release that wrote it, or make the run again with this one.",
        )
    page_bytes = int.from_bytes(header[16:18], "big")
    expected = int.from_bytes(header[28:32], "big") * (65536 if page_bytes == 1 else page_bytes)
    if not in_progress and header[24:28] == header[92:96] and size < expected:
        raise _damaged(file, f"{size} of {expected} bytes are there")


@contextmanager
def connect(file: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to a run's file, closed at the end; for the thread that opened it.

    Raises:
        UsageError: on opening or while reading inside the block: the file is damaged, or locked by another program.
    """
    check(file)
    try:
        try:
            connection = _open(file, "mode=ro")
        except sqlite3.OperationalError as error:
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            with _in_read_only_folder(file) as connection:
                yield connection
            return
        with closing(connection):
            yield connection
    except sqlite3.OperationalError as error:
        if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UsageError(
                "the run's file is locked by another program", where=str(file), remedy="Close it there, and try again."
            ) from error
        raise _damaged(file, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(file, str(error)) from error


def damaged_content(file: Path, error: Exception) -> UsageError:
    """The error for a file whose rows do not hold what they must."""
    return _damaged(file, str(error))


@contextmanager
def _in_read_only_folder(file: Path) -> Iterator[sqlite3.Connection]:
    wal = _neighbour(file, "-wal")
    if not (wal.exists() and wal.stat().st_size):
        with closing(_open(file, "mode=ro&immutable=1")) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory(prefix="loadtest-run-") as folder:
        try:
            copy = Path(shutil.copyfile(file, Path(folder) / file.name))
            shutil.copyfile(wal, _neighbour(copy, "-wal"))
        except OSError as error:
            raise _unreadable(file, error) from error
        with closing(_open(copy, "mode=ro")) as connection:
            yield connection


def _open(file: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?{how}", uri=True, timeout=_BUSY_S, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # sqlite opens the file at the first read
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _code(error: sqlite3.Error) -> int:
    """The primary error code; 0 of what Python itself says, such as of text that is no UTF-8."""
    return getattr(error, "sqlite_errorcode", 0) & _CODE_MASK


def _neighbour(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _choices(folder: Path) -> str:
    """A sentence that names the newest runs in a folder; empty when there are none."""
    if not folder.is_dir():
        return ""
    runs = sorted(folder.glob(f"*/{schema.FILE_NAME}"), key=lambda file: file.stat().st_mtime, reverse=True)
    return f"Runs there: {', '.join(file.parent.name for file in runs[:5])}." if runs else ""


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"the run cannot be read ({error.strerror or error})", where=str(path), remedy="Check the path and its rights."
    )


def _damaged(file: Path, why: str) -> UsageError:
    return UsageError(
        f"the run's file is cut off or damaged ({why})",
        where=str(file),
        remedy="Copy the run's whole folder again, with any -wal file in it.",
    )
