"""What a connection costs, told apart from what time costs; and what stays once all connections have gone.

Memory that comes with connections is no leak: its slope on connections is read off the ramp, where they come. A leak is
its slope on time at like load. The proof of a leak is what does not come back: close all, wait, and compare with before
anybody came; open all again, and compare with when they were first all there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.analysis.model import Interval
from loadtest.analysis.soak_levels import Level
from loadtest.analysis.theil_sen import Floats, slopes
from loadtest.analysis.windows import Timeline
from loadtest.nouns import many

_STEPS = 20
_LEAST_STEPS = 6
_FEW = 0.05
_ALL = 0.95
_EDGE = 0.1


@dataclass(frozen=True, slots=True)
class PerConnection:
    """What one connection adds to a level.

    Attributes:
        path: the level.
        each: added by each connection; None where the ramp does not tell.
        interval: its 95 % interval.
        connections: how many there were at the end of the ramp.
        note: why there is no number; empty where there is one.
    """

    path: tuple[str, ...]
    each: float | None
    interval: Interval | None
    connections: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drained:
    """What stayed of a level once all had gone.

    Attributes:
        path: the level.
        before: before anybody came; None where that was not read.
        full: when all were first there, after the warm-up.
        full_last: at the end of the hold.
        after: once all had gone, in the second half of that wait.
        again: once all were there again.
        kept: after - before.
        not_back: again - full: what the same connections cost more than at first.
    """

    path: tuple[str, ...]
    before: float | None
    full: float | None
    full_last: float | None
    after: float | None
    again: float | None

    @property
    def kept(self) -> float | None:
        """What stayed with nobody there."""
        return None if self.after is None or self.before is None else self.after - self.before

    @property
    def not_back(self) -> float | None:
        """What did not come back with everybody there."""
        return None if self.again is None or self.full is None else self.again - self.full


def per_connection(level: Level, connections: tuple[Floats, Floats], line: Timeline) -> PerConnection:
    """What a connection adds to a level, from the ramp.

    Args:
        level: the level.
        connections: when how many were connected.
        line: the run's windows.
    """
    at, connected = connections
    until_s = line.hold_start_s
    inside = level.at_s <= (until_s if until_s is not None else -1.0)
    if not at.size or not inside.any():
        return PerConnection(level.path, None, None, 0, "It was not read during the ramp.")
    there = np.interp(level.at_s[inside], at, connected, left=0.0)
    values = level.values[inside]
    most = float(there.max())
    step = np.minimum((there / max(most, 1.0) * _STEPS).astype(np.int64), _STEPS - 1)
    steps = np.unique(step)
    if steps.size < _LEAST_STEPS:
        return PerConnection(
            level.path,
            None,
            None,
            round(most),
            f"The ramp shows {many(steps.size, 'number')} of connections, too few to tell: ramp slower.",
        )
    x = np.array([np.mean(there[step == one]) for one in steps])
    y = np.array([np.median(values[step == one]) for one in steps])
    found = slopes(x, y[None, :])
    return PerConnection(level.path, float(found.slope[0]), (float(found.low[0]), float(found.high[0])), round(most))


def drained(level: Level, connections: tuple[Floats, Floats], line: Timeline, warm_up_s: float) -> Drained | None:
    """Compare a level before anybody came, with all there, once all had gone, and with all back.

    Args:
        level: the level.
        connections: when how many were connected.
        line: the run's windows.
        warm_up_s: length of the hold's warm-up.

    Returns:
        None where nothing was read after all had gone.
    """
    at, connected = connections
    begin, end = line.hold_start_s, line.hold_end_s
    if begin is None or end is None or not at.size or not level.at_s.size:
        return None
    most = float(connected.max())
    there = np.interp(level.at_s, at, connected, left=0.0)
    gone = there <= _FEW * most
    if line.ended:
        gone |= level.at_s > max(line.duration_s, float(at[-1]))
    full = there >= _ALL * most
    closed = gone & (level.at_s > begin)
    if not closed.any():
        return None
    first_closed = float(level.at_s[closed][0])
    reopened = level.at_s[full & (level.at_s > first_closed) & ~gone]
    wait_end = float(reopened[0]) if reopened.size else float(level.at_s[-1]) + 1.0
    waiting = closed & (level.at_s < wait_end)
    middle = (first_closed + float(level.at_s[waiting][-1])) / 2
    from_s = begin + warm_up_s
    edge = _EDGE * max(min(end, first_closed) - from_s, 0.0)
    return Drained(
        level.path,
        before=_median(level, gone & (level.at_s < begin)),
        full=_median(level, full & (level.at_s >= from_s) & (level.at_s <= from_s + edge)),
        full_last=_median(level, full & (level.at_s >= min(end, first_closed) - edge) & (level.at_s < first_closed)),
        after=_median(level, waiting & (level.at_s >= middle)),
        again=_median(level, full & ~gone & (level.at_s >= wait_end)),
    )


def _median(level: Level, where: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float | None:
    values = level.values[where]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None
