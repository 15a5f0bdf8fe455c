"""What people do that makes presence hard: come and go, die silently, leave together, beat slowly, open many tabs.

A scenario is a list of traits, which may be combined: ``churn=120/60,silent=20%``. Who does what and when depends
on the seed and the person alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from loadtest.errors import UsageError
from loadtest.plan.pacer import uniform

Departure = Literal["left", "cut", "frozen", "silent"]

THROTTLED_S = 60.0
"""Between two beats of a tab in the background: browsers wake its timers once a minute."""

DYING_S = 60.0
"""Mean stay, and mean absence, of those who die silently where nobody else comes and goes."""

SILENT: tuple[Departure, ...] = ("cut", "frozen", "silent")
_STATUSES = ("busy", "online", "offline", "online")


@dataclass(frozen=True, slots=True)
class Scenario:
    """How people behave; without any trait they come, stay and beat.

    Attributes:
        stay_s: mean time somebody stays before it goes; 0 to stay.
        away_s: mean time it is away.
        throttled: share of people whose beats come once a minute.
        silent: share of people who go without a word, each time in another way (see :data:`SILENT`).
        leaving: share of people who leave together.
        leave_at_s: when, in seconds since the hold began.
        leave_for_s: for how long.
        tabs: sockets an agent opens with its one token.
        status_s: mean time between two changes of an agent's status; 0 for none.
        seed: of what is drawn.
    """

    stay_s: float = 0.0
    away_s: float = 0.0
    throttled: float = 0.0
    silent: float = 0.0
    leaving: float = 0.0
    leave_at_s: float = 0.0
    leave_for_s: float = 0.0
    tabs: int = 1
    status_s: float = 0.0
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Scenario:
        """Read a scenario; an empty text and ``steady`` are one without traits.

        Raises:
            UsageError: an unknown trait, or a value that it cannot have.
        """
        found = cls(seed=seed)
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            reader = _TRAITS.get(name)
            if reader is None:
                raise UsageError(f"{name!r} is no trait of a scenario", where=_WHERE, remedy=f"Give {GRAMMAR}")
            try:
                found = reader(found, value)
            except ValueError:
                raise UsageError(
                    f"{name} cannot be {value!r}", where=_WHERE, remedy=f"Write it as in {GRAMMAR}"
                ) from None
        return found

    def period_s(self, user: int, heartbeat_s: float) -> float:
        """Seconds between two beats of somebody."""
        slow = uniform(self.seed, "throttled", user) < self.throttled
        return max(heartbeat_s, THROTTLED_S) if slow else heartbeat_s

    def stays_s(self, user: int, visit: int) -> float:
        """Seconds somebody stays on its ``visit``-th visit; infinite where it does not go."""
        mean_s = self.stay_s or (DYING_S if self._dies(user) else 0.0)
        if mean_s <= 0:
            return math.inf
        return -mean_s * math.log(1.0 - uniform(self.seed, f"present:{user}", visit))

    def pause_s(self, user: int, visit: int) -> float:
        """Seconds somebody is away after a visit: between a half and one and a half of the mean."""
        return (self.away_s or DYING_S) * (0.5 + uniform(self.seed, f"absent:{user}", visit))

    def departure(self, user: int, visit: int) -> Departure:
        """How somebody goes at the end of its ``visit``-th visit."""
        if not self._dies(user):
            return "left"
        return SILENT[(int(uniform(self.seed, "silent:kind", user) * len(SILENT)) + visit) % len(SILENT)]

    def leaves(self, user: int) -> bool:
        """Whether somebody is among those who leave together."""
        return uniform(self.seed, "leaving", user) < self.leaving

    def status(self, user: int, change: int) -> tuple[float, str]:
        """How long after the one before an agent's next change of status comes, and to what."""
        wait_s = self.status_s * (0.5 + uniform(self.seed, f"status:{user}", change))
        return wait_s, _STATUSES[change % len(_STATUSES)]

    def _dies(self, user: int) -> bool:
        return uniform(self.seed, "silent", user) < self.silent


def _share(text: str, default: float) -> float:
    if not text:
        return default
    value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def _seconds(text: str) -> float:
    value = float(text.removesuffix("s"))
    if not 0 < value < math.inf:
        raise ValueError(text)
    return value


def _pair(text: str, default: tuple[float, float]) -> tuple[float, float]:
    if not text:
        return default
    first, sign, second = text.partition("/")
    stay = _seconds(first)
    return stay, _seconds(second) if sign else stay / 2


def _steady(found: Scenario, value: str) -> Scenario:
    if value:
        raise ValueError(value)
    return found


def _churn(found: Scenario, value: str) -> Scenario:
    stay_s, away_s = _pair(value, (120.0, 60.0))
    return replace(found, stay_s=stay_s, away_s=away_s)


def _leave(found: Scenario, value: str) -> Scenario:
    share, _, when = value.partition("@")
    at_s, for_s = _pair(when, (30.0, 60.0))
    return replace(found, leaving=_share(share, 0.5), leave_at_s=at_s, leave_for_s=for_s)


def _silent(found: Scenario, value: str) -> Scenario:
    return replace(found, silent=_share(value, 0.2))


def _throttled(found: Scenario, value: str) -> Scenario:
    return replace(found, throttled=_share(value, 0.3))


def _tabs(found: Scenario, value: str) -> Scenario:
    tabs = int(value or 3)
    if not 1 <= tabs <= 100:
        raise ValueError(value)
    return replace(found, tabs=tabs)


def _status(found: Scenario, value: str) -> Scenario:
    return replace(found, status_s=_seconds(value or "60"))


_TRAITS: dict[str, Callable[[Scenario, str], Scenario]] = {
    "steady": _steady,
    "churn": _churn,
    "throttled": _throttled,
    "silent": _silent,
    "mass-leave": _leave,
    "tabs": _tabs,
    "status": _status,
}
_WHERE = "--presence-scenario"
GRAMMAR = (
    "steady, churn=STAY/AWAY (120/60), throttled=SHARE (30%), silent=SHARE (20%), mass-leave=SHARE@AT/FOR (50%@30/60), "
    "tabs=N (3), status=SECONDS (60); times in seconds, several with commas"
)
"""What may be said, with the defaults in brackets."""
