"""Load over a long run: how much of the full load is offered when, as a pure function of time.

``flat`` is full load all the time. ``day`` is an office's day: a quiet night, a morning that fills up, two busy halves
with a lunch between them, an evening that empties. A day may be shortened (``day=1h`` is a whole day in an hour), and
begins at nine unless told otherwise, so that everybody who was connected in the ramp has something to do.

Between its knots the level is a straight line, so its integral is known exactly. That integral is the plan's own time:
the n-th arrival of a plan of full load comes when the integral reaches what n arrivals take (time rescaling of a
Poisson process; Daley and Vere-Jones, An Introduction to the Theory of Point Processes, 7.4). So a profile thins no
arrival out and draws nothing: offered load stays exact over any stretch.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from loadtest.errors import UsageError

HOURS = 24.0

OFFICE: tuple[tuple[float, float], ...] = (
    (0.0, 0.1),
    (6.0, 0.1),
    (9.0, 1.0),
    (12.0, 1.0),
    (12.5, 0.6),
    (13.5, 0.6),
    (14.0, 1.0),
    (17.0, 1.0),
    (20.0, 0.3),
    (23.0, 0.1),
    (24.0, 0.1),
)
"""Hours of a day and the share of the full load there."""

GRAMMAR = "flat, or day=LENGTH@HOUR (day=24h@9): an office's day in that time, begun at that hour"
"""What may be said, with the defaults in brackets."""

SHORTEST_DAY_S = 10.0
LONGEST_WINDOWS = 5040
"""Windows a run is divided into at most: every one of a week of two minutes each."""

_STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
_TEXT = re.compile(r"day(?:=(?P<length>[0-9]+(?:\.[0-9]+)?)(?P<unit>s|min|h)?)?(?:@(?P<hour>[0-9]+(?:\.[0-9]+)?))?")
_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
_SAME = 1e-9


@dataclass(frozen=True)
class LoadProfile:
    """The level of the load, a share of the full one, repeating day after day.

    Attributes:
        day_s: length of a day in seconds; 0 for full load all the time.
        start_s: time of day at which the plan begins, in seconds of such a day.
        knots: hours (0 to 24) and levels (above 0, at most 1) of a day; straight lines between them.
    """

    day_s: float = 0.0
    start_s: float = 0.0
    knots: tuple[tuple[float, float], ...] = OFFICE

    @classmethod
    def parse(cls, text: str) -> LoadProfile:
        """Read a profile; an empty text is ``flat``.

        Raises:
            UsageError: it cannot be read, or its day cannot be.
        """
        if text in ("", "flat"):
            return cls()
        found = _TEXT.fullmatch(text)
        if found is None:
            raise UsageError(f"{text!r} is no profile of load", where=_WHERE, remedy=f"Give {GRAMMAR}")
        length_s = float(found["length"] or HOURS) * _UNITS_S[found["unit"] or ("s" if found["length"] else "h")]
        hour = float(found["hour"] or 9.0)
        if not SHORTEST_DAY_S <= length_s < math.inf or not 0 <= hour < HOURS:
            raise UsageError(
                f"{text!r} has no such day",
                where=_WHERE,
                remedy=f"Give a day of at least {SHORTEST_DAY_S:g} s, begun at an hour from 0 to below 24",
            )
        return cls(length_s, hour / HOURS * length_s)

    def later(self, passed_s: float) -> LoadProfile:
        """The profile of a plan that goes on ``passed_s`` seconds after this one began."""
        return replace(self, start_s=(self.start_s + passed_s) % self.day_s) if self.day_s else self

    @property
    def is_flat(self) -> bool:
        """Whether the load never changes."""
        return self.day_s <= 0

    @property
    def least(self) -> float:
        """The lowest level there is."""
        return 1.0 if self.is_flat else min(level for _, level in self.knots)

    def level(self, at_s: float) -> float:
        """The share of the full load ``at_s`` seconds after the plan began."""
        if self.is_flat:
            return 1.0
        at, levels = self._places
        place = (self.start_s + at_s) % self.day_s
        left = min(bisect_right(at, place) - 1, len(at) - 2)
        return _between(at[left], levels[left], at[left + 1], levels[left + 1], place)

    def hour(self, at_s: float) -> float | None:
        """The hour of the profile's day, 0 to 24; None without days."""
        return None if self.is_flat else (self.start_s + at_s) % self.day_s / self.day_s * HOURS

    def offered_s(self, at_s: float) -> float:
        """Seconds of full load that were offered in the first ``at_s`` seconds: the integral of the level."""
        return at_s if self.is_flat else self._since_midnight(self.start_s + at_s) - self._since_midnight(self.start_s)

    def at_s(self, offered_s: float) -> float:
        """When so many seconds of full load have been offered: the inverse of :meth:`offered_s`."""
        if self.is_flat or not math.isfinite(offered_s):
            return offered_s
        at, levels = self._places
        sums = self._sums
        days, rest = divmod(offered_s + self._since_midnight(self.start_s), sums[-1])
        left = min(bisect_right(sums, rest) - 1, len(at) - 2)
        slope = (levels[left + 1] - levels[left]) / (at[left + 1] - at[left])
        missing = rest - sums[left]
        # level * x + slope * x^2 / 2 = missing, in the form that is exact for a slope near 0
        root = math.sqrt(max(levels[left] ** 2 + 2.0 * slope * missing, 0.0))
        return days * self.day_s + at[left] + 2.0 * missing / (levels[left] + root) - self.start_s

    def next_change(self, at_s: float) -> tuple[float, float] | None:
        """When the load next begins or ends to change, and its level there; None where it never does.

        Returns:
            Seconds after the plan began, later than ``at_s``, and the level.
        """
        if self.is_flat:
            return None
        at, levels = self._places
        days, place = divmod(self.start_s + at_s, self.day_s)
        for round_ in (days, days + 1):
            for n in range(1, len(at) - 1):
                if self._is_corner(n) and (round_ > days or at[n] > place + _SAME * self.day_s):
                    return round_ * self.day_s + at[n] - self.start_s, levels[n]
        return None

    def returns_s(self, rank: float, at_s: float) -> float:
        """Seconds after ``at_s`` until somebody of ``rank`` is due.

        Args:
            rank: who this is, in [0, 1): of a whole fleet so many are due as the level says, those of the lowest ranks.
            at_s: seconds after the plan began.

        Returns:
            0 where it is due already, infinite where it never is.
        """
        if self.is_flat or rank < self.level(at_s):
            return 0.0
        at, levels = self._places
        days, place = divmod(self.start_s + at_s, self.day_s)
        for round_ in (days, days + 1):
            for n in range(len(at) - 1):
                begin, end = at[n], at[n + 1]
                if (round_ == days and end <= place) or levels[n + 1] <= rank:
                    continue
                share = max(0.0, (rank - levels[n]) / (levels[n + 1] - levels[n])) if levels[n + 1] > levels[n] else 0.0
                crossing_s = round_ * self.day_s + begin + share * (end - begin) - self.start_s
                return max(crossing_s - at_s, 0.0)
        return math.inf

    @cached_property
    def _places(self) -> tuple[Sequence[float], Sequence[float]]:
        """Seconds of a day and levels."""
        return [hour / HOURS * self.day_s for hour, _ in self.knots], [level for _, level in self.knots]

    @cached_property
    def _sums(self) -> Sequence[float]:
        """Full load offered from midnight to each knot."""
        at, levels = self._places
        sums = [0.0]
        for n in range(1, len(at)):
            sums.append(sums[-1] + (levels[n] + levels[n - 1]) / 2 * (at[n] - at[n - 1]))
        return sums

    def _since_midnight(self, time_s: float) -> float:
        at, levels = self._places
        days, place = divmod(time_s, self.day_s)
        left = min(bisect_right(at, place) - 1, len(at) - 2)
        here = _between(at[left], levels[left], at[left + 1], levels[left + 1], place)
        return days * self._sums[-1] + self._sums[left] + (levels[left] + here) / 2 * (place - at[left])

    def _is_corner(self, n: int) -> bool:
        at, levels = self._places
        before = (levels[n] - levels[n - 1]) / (at[n] - at[n - 1])
        after = (levels[n + 1] - levels[n]) / (at[n + 1] - at[n])
        return abs(after - before) > _SAME / self.day_s


def window_s(duration_s: float | None) -> float:
    """The length of a window that suits a run: a second up to 84 minutes, longer so that no run has many more windows.

    Args:
        duration_s: how long the run is planned to last; None where that is open.
    """
    if duration_s is None:
        return 1.0
    wanted_s = duration_s / LONGEST_WINDOWS
    return float(next((step for step in _STEPS_S if step >= wanted_s), _STEPS_S[-1]))


def _between(x0: float, y0: float, x1: float, y1: float, x: float) -> float:
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


_WHERE = "--load-profile"
