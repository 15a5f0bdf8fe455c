"""The lines of a journal."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from loadtest.journal import Begin, Done, Doubt, Ended, Entry, Gone, Intend, Made, now
from loadtest.journal.entries import decode, encode


@pytest.mark.parametrize(
    "entry",
    [
        Begin("run", "abc123", "https://chat.example.com", (1,)),
        Intend("user", "1"),
        Made("conversation", "1", 3, 7, 2, 9),
        Gone("user", 17),
        Doubt("account", "name"),
        Done(),
        Ended(),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_a_line_is_read_as_it_was_written(entry: Begin | Entry) -> None:
    """Each is told by its ``op``, and has no line break in it."""
    line = encode(entry)

    assert entry == decode(line)
    assert b"\n" not in line


@pytest.mark.parametrize("line", [b'{"op":"made","kind":"planet","key":"1","id":1}', b'{"op":"hum"}', b"{}", b"1"])
def test_what_is_no_line_is_refused(line: bytes) -> None:
    """Kinds and operations are known ones."""
    with pytest.raises(msgspec.MsgspecError):
        decode(line)


def test_the_time_of_day_has_its_zone() -> None:
    """So that two machines can compare."""
    assert datetime.fromisoformat(now()).tzinfo is not None
