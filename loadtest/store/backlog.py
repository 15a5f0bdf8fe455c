"""What could not be written yet: kept in memory up to a bound, so that a full disk loses nothing for a while.

Histograms and counts merge, so they grow with windows only; rows (closing records, levels, moments) grow with the load.
Beyond the bound the oldest go first, windows as well as rows, and it is counted what went.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from loadtest.metrics.batch import Batch, Note

MOST_ROWS: Final = 200_000
MOST_KEYS: Final = 50_000
_SPARED: Final = 0.9


class Backlog:
    """Batches that wait.

    Args:
        most_rows: closing records, and gauges, and notes, of each at most so many.
        most_keys: histograms, and counts, of each at most so many.

    Attributes:
        batch: everything that waits.
        dropped: what went for want of room, by kind.
    """

    def __init__(self, most_rows: int = MOST_ROWS, most_keys: int = MOST_KEYS) -> None:
        self.batch = Batch()
        self.dropped: Counter[str] = Counter()
        self._most_rows = most_rows
        self._most_keys = most_keys

    def add(self, batch: Batch) -> None:
        """Let a batch wait."""
        self.batch.merge(batch)
        for name in ("closings", "notes", "gauges"):
            rows = getattr(self.batch, name)
            if len(rows) > self._most_rows:
                spared = round(_SPARED * self._most_rows)
                self.dropped[name] += len(rows) - spared
                del rows[: len(rows) - spared]
        for name in ("hists", "counts"):
            keyed = getattr(self.batch, name)
            if len(keyed) > self._most_keys:
                oldest_first = sorted(keyed)
                for key in oldest_first[: len(keyed) - round(_SPARED * self._most_keys)]:
                    del keyed[key]
                    self.dropped[name] += 1

    def written(self) -> None:
        """Everything was written: nothing waits."""
        self.batch = Batch()

    def loss(self, at_us: int) -> Note | None:
        """What went, as a moment of the time line, once; None where nothing did."""
        if not self.dropped:
            return None
        dropped, self.dropped = self.dropped, Counter()
        said = ", ".join(f"{n:,} {_NAMES[kind]}" for kind, n in sorted(dropped.items()))
        return Note(
            at_us, "generator_error", f"The run could not be written for too long: {said} are missing", dict(dropped)
        )


_NAMES: Final = {
    "closings": "records of emissions",
    "notes": "moments",
    "gauges": "levels",
    "hists": "histograms of windows",
    "counts": "counts of windows",
}
