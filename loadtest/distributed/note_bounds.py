"""Keeps the moments of a long run to a number that somebody can read.

A breach marks a window; the second one of the same cause in it marks nothing more. Of any other kind the first
thousand are kept, which is evidence enough; how many more there were is counted by kind and window. Phases, and what
people wrote into the run, are always kept.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from loadtest.metrics import Batch, Note

MOST = 1_000
"""Moments of a kind."""

LEFT_OUT = "notes.left_out"
"""The count of those that were left out, by kind."""

_ALWAYS = frozenset({"phase", "annotation", "created", "storm", "resumed"})
_NEWEST_WINDOWS = 64


class NoteBounds:
    """What was kept so far.

    Args:
        window_ns: length of a window.
        most: moments of a kind that are kept.
    """

    def __init__(self, window_ns: int, most: int = MOST) -> None:
        self._window_us = max(window_ns // 1000, 1)
        self._most = most
        self._kept: Counter[str] = Counter()
        self._breached: dict[int, set[tuple[Any, ...]]] = {}

    def apply(self, batch: Batch) -> None:
        """Leave out of a batch what is too much."""
        if batch.notes:
            batch.notes[:] = [note for note in batch.notes if self._keeps(note, batch)]

    def _keeps(self, note: Note, batch: Batch) -> bool:
        if note.kind in _ALWAYS:
            return True
        if note.kind == "breach" and isinstance(note.data.get("window"), int):
            return self._is_first(note)
        self._kept[note.kind] += 1
        if self._kept[note.kind] <= self._most:
            return True
        batch.add(note.at_us // self._window_us, LEFT_OUT, note.kind)
        return False

    def _is_first(self, note: Note) -> bool:
        window = note.data["window"]
        seen = self._breached.setdefault(window, set())
        if len(self._breached) > _NEWEST_WINDOWS:
            del self._breached[min(self._breached)]
        what = (note.data.get("cause"), note.data.get("measure"), note.data.get("worker"))
        if what in seen:
            return False
        seen.add(what)
        return True
