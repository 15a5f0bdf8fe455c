"""Goes on with a run whose writer is no more: what is in the file stays, and the time between is a gap.

A gap is no data: it is neither ramp nor hold, so nothing in it counts as lost, late or missing. It reaches from the
last window of the part before to the hold of the next one; ``meta`` holds the gaps as pairs of windows, both included,
the last of them open (null) until the new part holds.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

GAPS: Final = "gaps"
"""Name in ``meta`` of the gaps."""

PARTS: Final = "parts"
"""Name in ``meta`` of what is known of each part: run_tag and resumed_at."""

Gap = tuple[int, int | None]


def gaps_of(meta: dict[str, Any]) -> tuple[Gap, ...]:
    """The gaps of a run, ascending; none where it went on in one piece."""
    return tuple((int(first), None if last is None else int(last)) for first, last in meta.get(GAPS) or ())


def in_gap(window: int, gaps: tuple[Gap, ...]) -> bool:
    """Whether a window lies in one of the gaps."""
    return any(first <= window and (last is None or window <= last) for first, last in gaps)


def last_window(connection: sqlite3.Connection) -> int | None:
    """The newest window that the file has a row of; None where it has none."""
    newest = [connection.execute(f"SELECT max(window) FROM {table}").fetchone()[0] for table in ("hist", "count")]  # noqa: S608 - names from here
    return max((window for window in newest if window is not None), default=None)


def read_meta(connection: sqlite3.Connection) -> dict[str, Any]:
    """What the run is: JSON values by name."""
    return {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}


def opened(meta: dict[str, Any], newest: int | None, now_window: int) -> list[list[int | None]]:
    """The gaps once a run goes on: the one before that never held again is part of the new one.

    Args:
        meta: of the run so far.
        newest: the newest window with a row.
        now_window: the present window.
    """
    gaps: list[list[int | None]] = [[first, last] for first, last in gaps_of(meta)]
    if gaps and gaps[-1][1] is None:
        return gaps
    first = now_window if newest is None else min(newest + 1, now_window)
    return [*gaps, [first, None]]


def closed(meta: dict[str, Any], hold_window: int) -> list[list[int | None]]:
    """The gaps once the new part holds from ``hold_window`` on."""
    gaps: list[list[int | None]] = [[first, last] for first, last in gaps_of(meta)]
    if gaps and gaps[-1][1] is None:
        first = gaps[-1][0]
        assert first is not None
        gaps[-1][1] = max(first, hold_window - 1)
    return gaps
