"""A file of lines that a process keeps for itself while it runs, one JSON object each: made, written, read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from loadtest.errors import UsageError

_Line = TypeVar("_Line")


class LineLog:
    """Writes the file; what was there is gone.

    Args:
        path: the file; its folder is made where it does not exist.

    Raises:
        UsageError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._out: BinaryIO = path.open("wb")
        except OSError as error:
            raise UsageError(f"it cannot be written ({error.strerror})", where=str(path)) from error

    def write(self, lines: bytes) -> None:
        """Add encoded lines, each with its end."""
        self._out.write(lines)

    def close(self) -> None:
        """Write what waits, and no more."""
        self._out.close()


def read_lines(path: Path, decode: Callable[[bytes], _Line], what: str) -> list[_Line]:
    """The lines of a file, in their order.

    Args:
        path: the file.
        decode: reads a line; raises ``msgspec.MsgspecError`` for what is none.
        what: what the lines are of, in the refusal's words.

    Raises:
        UsageError: there is no such file, or it is no such log.
    """
    try:
        return [decode(line) for line in path.read_bytes().splitlines()]
    except OSError as error:
        raise UsageError(f"it cannot be read ({error.strerror})", where=str(path)) from error
    except msgspec.MsgspecError as error:
        raise UsageError(f"it is no log of {what} ({error})", where=str(path)) from error
