"""Marks: what an emission's text carries so that any receiver can match and time it without asking anyone.

A mark is short, ASCII, and stands at the very start of the text, so that JSON escaping cannot touch it and a customer's
text cannot forge it (a quote inside a text arrives escaped)::

    lt:RRRRRR:EESSSSSS:DDDDDDDDDDDDDDDD:
       │      │ │      └ due time, Unix microseconds, 16 digits
       │      │ └ sequence of the emitter, base 36
       │      └ emitter (worker), base 36
       └ run, 6 base-36 characters

Private notes carry the prefix ``lp:`` instead, so that one can be searched for in every event on a contact's socket.
All fields have fixed widths: a receiver slices, it does not parse.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

PUBLIC = "lt"
PRIVATE = "lp"
RUN_WIDTH = 6
EMITTER_WIDTH = 2
SEQUENCE_WIDTH = 6
KEY_WIDTH = EMITTER_WIDTH + SEQUENCE_WIDTH
DUE_WIDTH = 16
MARK_WIDTH = len(PUBLIC) + 1 + RUN_WIDTH + 1 + KEY_WIDTH + 1 + DUE_WIDTH + 1

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PATTERN = re.compile(r"(lt|lp):([0-9a-z]{6}):([0-9a-z]{8}):([0-9]{16}):")


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark, taken apart.

    Attributes:
        private: whether it marks a private note.
        run: the run's tag.
        key: emitter and sequence, the emission's name within the run.
        due_us: when the plan made the emission due, Unix microseconds.
    """

    private: bool
    run: str
    key: str
    due_us: int


def _base36(value: int, width: int) -> str:
    if not 0 <= value < 36**width:
        raise ValueError(f"{value} does not fit {width} base-36 digits")
    digits = []
    for _ in range(width):
        value, digit = divmod(value, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def run_tag(*parts: object) -> str:
    """A run's tag: 6 base-36 characters hashed from what tells this run from others."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return _base36(int.from_bytes(digest[:8], "big") % 36**RUN_WIDTH, RUN_WIDTH)


def emission_key(emitter: int, sequence: int) -> str:
    """The key of an emission.

    Args:
        emitter: number of the emitting worker, 0 to 1,295.
        sequence: its emission's number, 0 to about 2.1 thousand million.

    Raises:
        ValueError: a number does not fit its width.
    """
    return _base36(emitter, EMITTER_WIDTH) + _base36(sequence, SEQUENCE_WIDTH)


def write_mark(run: str, key: str, due_us: int, *, private: bool = False) -> str:
    """The text to put in front of a message's content."""
    return f"{PRIVATE if private else PUBLIC}:{run}:{key}:{due_us:016d}:"


def read_mark(text: str) -> Mark | None:
    """The mark a text begins with, or None when it begins with none."""
    found = _PATTERN.match(text)
    if found is None:
        return None
    return Mark(found[1] == PRIVATE, found[2], found[3], int(found[4]))
