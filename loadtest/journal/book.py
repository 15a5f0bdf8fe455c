"""What was made on an installation, written down before it is used, so that it can be gone on with and taken back.

JSON lines, each on the disk before the next step is taken. The first says who made things, where and under which tag;
``intend`` goes before a creation and ``made`` after it, with the id; ``gone`` says that it was removed. What was
intended and is not said to be made may be there or not: whoever goes on looks it up. A line that a kill cut short is
left out. The file holds no token; it is readable by its owner alone, since source ids follow from its ``nonce``.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from loadtest.errors import GeneratorError, UsageError
from loadtest.journal.entries import SCHEMA, Begin, Done, Doubt, Ended, Entry, Gone, Intend, Kind, Made, decode, encode
from loadtest.journal.tag import Tag


class Journal:
    """An open journal; nobody else can have it open to write.

    Made by :meth:`create` or :meth:`open`.

    Attributes:
        path: the file.
        begin: its first line.
        is_done: whether all that was wanted was made.
        is_ended: whether all that was made was removed.
        doubts: what may have been made and cannot be looked up.
    """

    def __init__(self, path: Path, descriptor: int, begin: Begin) -> None:
        self.path = path
        self.begin = begin
        self.is_done = False
        self.is_ended = False
        self.doubts: list[Doubt] = []
        self._descriptor = descriptor
        self._intended: set[tuple[Kind, str]] = set()
        self._made: dict[tuple[Kind, str], Made] = {}
        self._gone: set[tuple[Kind, int, int]] = set()

    @staticmethod
    def create(path: str | os.PathLike[str], begin: Begin) -> Journal:
        """Begin a journal.

        Raises:
            UsageError: the file exists, or cannot be made.
        """
        file = Path(path)
        # Begun under another name, so that a journal is never there without its first line.
        draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        descriptor = -1
        try:
            descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            _lock(descriptor, file)
            journal = Journal(file, descriptor, begin)
            journal._write(begin)
            os.link(draft, file)
            _sync_folder(file.parent)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            if isinstance(error, FileExistsError):
                raise UsageError(
                    "the journal exists", where=str(path), remedy="Give another --journal, or take back what it lists"
                ) from None
            raise UsageError(
                f"the journal cannot be written: {error.strerror or error}",
                where=str(path),
                remedy="Give a file in an existing folder that you may write to",
            ) from error
        finally:
            with suppress(OSError):
                draft.unlink()
        return journal

    @staticmethod
    def open(path: str | os.PathLike[str]) -> Journal:
        """Open a journal to go on with it.

        Raises:
            UsageError: it cannot be opened, is no journal, or another process has it open.
        """
        file = Path(path)
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(
                f"the journal cannot be opened: {error.strerror or error}",
                where=str(path),
                remedy="Give the file that `loadtest provision` or a run wrote",
            ) from error
        try:
            _lock(descriptor, file)
            return _replay(file, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Let others have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def tag(self) -> Tag:
        """How what it lists bears its tag."""
        return Tag(self.begin.tag, self.begin.nonce)

    # -- reading -----------------------------------------------------------------------------------------------------

    def intended(self, kind: Kind, key: str) -> bool:
        """Whether it was going to be made."""
        return (kind, key) in self._intended

    def made(self, kind: Kind, key: str) -> Made | None:
        """What was made under that name."""
        return self._made.get((kind, key))

    @property
    def is_reduced(self) -> bool:
        """Whether some of what was made is gone."""
        return bool(self._gone)

    def all_made(self, kind: Kind) -> list[Made]:
        """All of a kind that was made and is not known to be gone, in the order it was made."""
        return [
            one
            for one in self._made.values()
            if one.kind == kind and (one.kind, one.id, one.account_id) not in self._gone
        ]

    def ever_made(self, kind: Kind) -> list[Made]:
        """All of a kind that was made, what is gone included."""
        return [one for one in self._made.values() if one.kind == kind]

    def pending(self, kind: Kind) -> list[str]:
        """Names of what was intended and is not said to be made."""
        return [key for (one, key) in sorted(self._intended) if one == kind and (one, key) not in self._made]

    # -- writing -----------------------------------------------------------------------------------------------------

    def intend(self, kind: Kind, key: str) -> None:
        """Say that something is going to be made."""
        self.append(Intend(kind, key))

    def gone(self, one: Made) -> None:
        """Say that something is not there any more."""
        self.all_gone([one])

    def all_gone(self, things: Iterable[Made]) -> None:
        """Say that things are not there any more."""
        self.append(*(Gone(one.kind, one.id, one.account_id) for one in things))

    def append(self, *entries: Entry) -> None:
        """Write entries, together and at once.

        Raises:
            GeneratorError: they could not be written; nothing may be done then.
        """
        self._write(*entries)
        for entry in entries:
            self._take(entry)

    def _write(self, *entries: Begin | Entry) -> None:
        data = b"".join(encode(entry) + b"\n" for entry in entries)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise GeneratorError(
                f"{self.path}: the journal cannot be written ({error.strerror or error})",
                remedy="Free the disk; then run the same command again",
            ) from error

    def _take(self, entry: Entry) -> None:
        match entry:
            case Intend():
                self._intended.add((entry.kind, entry.key))
            case Made():
                self._made[entry.kind, entry.key] = entry
            case Gone():
                self._gone.add((entry.kind, entry.id, entry.account_id))
            case Doubt():
                self.doubts.append(entry)
            case Done():
                self.is_done = True
            case Ended():
                self.is_ended = True


def _replay(file: Path, descriptor: int) -> Journal:
    journal: Journal | None = None
    whole = 0
    with os.fdopen(os.dup(descriptor), "rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.endswith(b"\n"):
                break  # cut short by a kill: it was not acted upon
            entry = _entry(line, file, number)
            if isinstance(entry, Begin) != (journal is None):
                raise _broken(file, number, "its first line, and only that, says who made things")
            if isinstance(entry, Begin):
                if entry.schema != SCHEMA:
                    raise _broken(file, number, f"it is of schema {entry.schema}, this version knows {SCHEMA}")
                journal = Journal(file, descriptor, entry)
            elif journal is not None:
                journal._take(entry)
            whole += len(line)
    if journal is None:
        raise _broken(file, 1, "it is empty")
    os.ftruncate(descriptor, whole)
    os.lseek(descriptor, whole, os.SEEK_SET)
    return journal


def _entry(line: bytes, file: Path, number: int) -> Begin | Entry:
    try:
        entry: Begin | Entry = decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _broken(file, number, str(error)) from None
    return entry


def _broken(file: Path, number: int, why: str) -> UsageError:
    return UsageError(
        f"not a line of a journal: {why}",
        where=f"{file}:{number}",
        remedy="Give the file that `loadtest provision` or a run wrote, unchanged",
    )


def _lock(descriptor: int, file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError("another process has the journal open", where=str(file), remedy="Wait for its end") from None
    except OSError as error:
        raise UsageError(
            f"the journal cannot be locked: {error.strerror or error}",
            where=str(file),
            remedy="Use a local file system that knows locks",
        ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
