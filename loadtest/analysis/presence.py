"""Presence accuracy by target role, in the terms of Chen, Toueg & Aguilera (IEEE TC 51(5), 2002).

``p_a`` is the share of living pair-time in which the observer was told so, ``p_a_ceiling`` what an ideal server could
have told with this run's own beats, ``false_online_floor`` the same for those who had gone. Which ideal: one that tells
an observer only when it asks (pull), or at once (push), is decided by whether frames came that nobody had asked for.
Where the expiry is not known it is estimated, and the ceiling is read off the ages of the beats behind the views.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from loadtest.analysis.model import RunData
from loadtest.analysis.presence_expiry import Expiry, estimate
from loadtest.analysis.quantiles import S_PER_US, Pool
from loadtest.analysis.sections import Section, percentile_keys, put_share
from loadtest.analysis.series import Series
from loadtest.analysis.survival import quantile
from loadtest.analysis.windows import Scope, Windows
from loadtest.metrics.histogram import Histogram

DEPARTURES = ("left", "cut", "frozen", "silent")
_DIGITS = 3
_US_PER_HOUR = 3_600_000_000
_PUSHED_SHARE = 0.1
"""Frames nobody asked for, per answered beat, above which the server pushes."""
_PAIR_TIMES = frozenset({"presence.alive_us", "presence.absent_us"})


def presence(data: RunData, series: Series, scope: Scope) -> Section:
    """Presence of each role, over all observers and by their role."""
    keys = series.count_keys("presence.")
    targets = {name for metric, name, _ in keys if metric in _PAIR_TIMES}
    beaters = {role or name for metric, name, role in keys if metric == "presence.beats"}
    beaters |= {role for _, role in series.hist_keys("beat_reply")}
    section: Section = {}
    for role in sorted(targets | beaters):
        observers = sorted({watcher for metric, name, watcher in keys if name == role and metric in _PAIR_TIMES})
        reader = _Reader(data, series, scope.hold, role)
        row = reader.accuracy(None)
        row["detection_by_departure"] = {
            departure: times
            for departure in DEPARTURES
            if (times := reader.times(f"detection_time.{departure}", None, None))["n"]
        }
        row["absences"] = reader.absences()
        row["expiry"] = reader.expiry_row()
        row["delivery"] = reader.delivery
        row["oracle"] = reader.oracle()
        row |= percentile_keys("beat_reply_", (("p99", 0.99),), series.pool("beat_reply", scope.hold, role=role))
        row["beats"] = _beats(series, scope.hold, "beats", role)
        row["beats_answered"] = _beats(series, scope.hold, "answered", role)
        row["beats_unanswered"] = _beats(series, scope.hold, "unanswered", role)
        row["forbidden"] = round(series.total("presence.forbidden", scope.hold, name=role) or 0)
        row["pairs_share"] = _pairs_share(data)
        row["by_observer"] = {observer: reader.accuracy(observer) for observer in observers}
        row["why"] = _why(data, role, row)
        section[role] = row
    return section


class _Reader:
    """One target role's numbers.

    Args:
        data: the run.
        series: its frames, indexed.
        windows: what counts.
        target: the role.
    """

    def __init__(self, data: RunData, series: Series, windows: Windows, target: str) -> None:
        self._series = series
        self._windows = windows
        self._target = target
        plan = data.meta.get("plan") or {}
        self.given_s: float | None = plan.get(f"{target}_expiry_s")
        shown = series.pool("presence_age_shown", windows, name=target)
        missing = series.pool("presence_age_missing", windows, name=target)
        self.expiry: Expiry = estimate(shown.merged, missing.merged)

    # -- what is known of the server ---------------------------------------------------------------------------------

    @property
    def delivery(self) -> str | None:
        """``pull`` or ``push``; None where no beat was answered."""
        asked = self._series.total("presence.answered", self._windows)
        if not asked:
            return None
        unasked = self._series.total("presence.unasked", self._windows) or 0.0
        return "push" if unasked > _PUSHED_SHARE * asked else "pull"

    def expiry_row(self) -> Section:
        """The expiry as given, and as estimated."""
        found = self.expiry
        return {
            "given_s": self.given_s,
            "estimate_s": found.seconds,
            "low_s": found.low,
            "high_s": found.high,
            "n": found.n,
            "contradictions": found.contradictions,
        }

    # -- accuracy ----------------------------------------------------------------------------------------------------

    def accuracy(self, observer: str | None) -> Section:
        """The accuracy of what one role of observers, or all, was told."""
        row: Section = {}
        alive_us = self._sum("alive_us", observer)
        put_share(row, "p_a", self._each("right_us", observer), self._each("alive_us", observer))
        ceiling, bounds = self._ceiling(observer, alive_us)
        row["p_a_ceiling"], row["p_a_ceiling_bounds"] = ceiling, bounds
        has_both = row["p_a"] is not None and ceiling is not None
        row["p_a_loss"] = ceiling - row["p_a"] if has_both and ceiling is not None else None
        row["offline_min_per_hour"] = None if row["p_a"] is None else round(60.0 * (1.0 - row["p_a"]), _DIGITS)
        mistakes = self._sum("mistakes", observer)
        row["mistakes"] = None if alive_us is None else round(mistakes or 0.0)
        row["mistake_rate_per_hour"] = (mistakes or 0.0) / alive_us * _US_PER_HOUR if alive_us else None
        row["mistake_duration_s"] = self._mistake_s(observer, mistakes)
        row["mistake_recurrence_s"] = round(alive_us / mistakes * S_PER_US, _DIGITS) if mistakes and alive_us else None
        row["unseen_share"] = self._share("unseen_us", "alive_us", observer)
        put_share(row, "false_online_share", self._each("false_online_us", observer), self._each("absent_us", observer))
        floor = self._share(f"{self._ideal}_false_online_us", "absent_us", observer)
        row["false_online_floor"] = floor if self._sum(f"{self._ideal}_right_us", observer) is not None else None
        row["detection_time_s"] = self.times("detection_time", "detection_censored", observer)
        row["recovery_time_s"] = self.times("recovery_time", None, observer)
        staleness = self._pool("staleness", observer)
        row["staleness_s"] = {
            label: staleness.percentile(q).scaled(S_PER_US, _DIGITS).value for label, q in (("p50", 0.5), ("p99", 0.99))
        }
        row["disagreement_share"] = self._share("disagreed", "compared", observer)
        row["excused_share"] = self._excused(observer)
        row["status_s"] = self._statuses(observer) if self._target == "agent" else {}
        row["alive_s"] = None if alive_us is None else round(alive_us * S_PER_US, _DIGITS)
        absent_us = self._sum("absent_us", observer)
        row["absent_s"] = None if absent_us is None else round(absent_us * S_PER_US, _DIGITS)
        return row

    @property
    def _ideal(self) -> str:
        return "ideal_push" if self.delivery == "push" else "ideal"

    def _ceiling(self, observer: str | None, alive_us: float | None) -> tuple[float | None, tuple[float, float] | None]:
        """The ceiling, with its bounds where it rests on an estimated expiry."""
        ideal_us = self._sum(f"{self._ideal}_right_us", observer)
        if not alive_us:
            return None, None
        if ideal_us is not None:
            return ideal_us / alive_us, None
        if self.expiry.seconds is None or self.delivery == "push":
            return None, None
        ages = self._pool("presence_age_time", observer).merged
        if not ages.n:
            return None, None
        bounds = [_share_below(ages, s) for s in (self.expiry.low, self.expiry.high) if s is not None]
        return _share_below(ages, self.expiry.seconds), (min(bounds), max(bounds))

    def times(self, metric: str, censored: str | None, observer: str | None) -> Section:
        """Percentiles of a time in seconds, by Kaplan and Meier where some were censored."""
        pool = self._pool(metric, observer)
        row: Section = {"n": pool.n}
        if censored is None:
            for label, q in (("p50", 0.5), ("p99", 0.99)):
                row[label] = pool.percentile(q).scaled(S_PER_US, _DIGITS).value
        else:
            cut = self._pool(censored, observer)
            row["censored"] = cut.n
            for label, q in (("p50", 0.5), ("p99", 0.99)):
                enough = pool.percentile(q).value is not None
                found = quantile(q, pool.merged, cut.merged) if enough else None
                row[label] = None if found is None else round(found * S_PER_US, _DIGITS)
        row["mean"] = None if not pool.n else self._mean_s(metric, observer)
        row["max"] = None if pool.max_us is None else round(pool.max_us * S_PER_US, _DIGITS)
        return row

    def absences(self) -> list[Section]:
        """Absences that ended, by length: how many there were (per observer), and how many were noticed."""
        prefix = "presence.absences."
        lengths = {metric.removeprefix(prefix) for metric, name, _ in self._series.count_keys(prefix)}
        rows = []
        for length in sorted(lengths, key=lambda text: int(text.split("-")[0])):
            n = self._sum(f"absences.{length}", None) or 0.0
            if n:
                noticed = self._sum(f"absences_noticed.{length}", None) or 0.0
                rows.append({"length_s": length, "n": round(n), "noticed": round(noticed), "share": noticed / n})
        return rows

    def oracle(self) -> Section | None:
        """What REST answered at the moments it was asked; None where it was not."""
        alive = self._series.total("presence.oracle_alive", self._windows, name=self._target)
        absent = self._series.total("presence.oracle_absent", self._windows, name=self._target)
        if alive is None and absent is None:
            return None
        right = self._series.total("presence.oracle_right", self._windows, name=self._target) or 0.0
        false = self._series.total("presence.oracle_false_online", self._windows, name=self._target) or 0.0
        return {
            "n": round((alive or 0.0) + (absent or 0.0)),
            "p_a": right / alive if alive else None,
            "false_online_share": false / absent if absent else None,
        }

    # -- reading -----------------------------------------------------------------------------------------------------

    def _sum(self, what: str, observer: str | None) -> float | None:
        return self._series.total(f"presence.{what}", self._windows, name=self._target, role=observer)

    def _each(self, what: str, observer: str | None) -> np.ndarray[Any, Any]:
        return self._series.per_window(f"presence.{what}", self._windows, name=self._target, role=observer)

    def _share(self, part: str, whole: str, observer: str | None) -> float | None:
        total = self._sum(whole, observer)
        return (self._sum(part, observer) or 0.0) / total if total else None

    def _excused(self, observer: str | None) -> float | None:
        alive_us, excused_us = self._sum("alive_us", observer), self._sum("excused_us", observer) or 0.0
        return None if not alive_us else excused_us / (alive_us + excused_us)

    def _pool(self, metric: str, observer: str | None) -> Pool:
        return self._series.pool(metric, self._windows, name=self._target, role=observer)

    def _mean_s(self, metric: str, observer: str | None) -> float | None:
        times = self._pool(metric, observer).merged
        if times.max_us is None:
            return None
        values, counts = times.buckets()
        return round(float((np.minimum(values, times.max_us) * counts).sum()) / times.n * S_PER_US, _DIGITS)

    def _mistake_s(self, observer: str | None, mistakes: float | None) -> float | None:
        """Mean T_M of the mistakes that were seen to their end; where none was, of all time spent in them."""
        ended = self._mean_s("mistake_duration", observer)
        wrong_us = self._sum("mistake_us", observer)
        return ended if ended is not None or not mistakes or wrong_us is None else wrong_us * S_PER_US / mistakes

    def _statuses(self, observer: str | None) -> dict[str, float]:
        totals: dict[str, float] = {}
        for metric, name, role in self._series.count_keys("presence.status_us"):
            if observer in (None, role):
                value = self._series.total(metric, self._windows, name=name, role=role) or 0.0
                totals[name] = totals.get(name, 0.0) + value
        return {name: round(value * S_PER_US, _DIGITS) for name, value in sorted(totals.items()) if value}


def _share_below(ages: Histogram, seconds: float) -> float:
    values, weights = ages.buckets()
    return float(weights[values <= seconds / S_PER_US].sum()) / float(weights.sum())


def _beats(series: Series, windows: Windows, what: str, role: str) -> int | None:
    """Beats by the role that beats: the row's role, or its name where the row has no role."""
    by_role = series.total(f"presence.{what}", windows, role=role)
    unnamed = series.total(f"presence.{what}", windows, name=role, role="")
    if by_role is None and unnamed is None:
        sent = series.total("presence.beats", windows, role=role)
        return None if sent is None else 0
    return round((by_role or 0.0) + (unnamed or 0.0))


def _pairs_share(data: RunData) -> float | None:
    """Share of all pairs that were followed; None where nobody said.

    Each process tells of its own observers; a worker that never told is missing there, and not in the population of
    the run, which the whole is reckoned from where that is more.
    """
    followed, there = (sum(_last(data, name)) for name in ("presence.pairs", "presence.pairs_all"))
    people = data.meta.get("population") or {}
    agents, contacts, accounts = (people.get(key) or 0 for key in ("agents", "contacts", "accounts"))
    whole = (agents * (agents + contacts) + contacts * agents) / accounts if accounts else 0.0
    return min(1.0, followed / max(there, whole)) if there else None


def _last(data: RunData, name: str) -> Iterable[float]:
    rows = data.gauges[data.gauges["name"] == name]
    return [float(value) for value in rows.groupby("worker")["value"].last()]


def naive_ceiling(data: RunData, role: str, expiry_s: float | None) -> float | None:
    """min(1, E/H): the most a server can be right by heartbeat and expiry alone."""
    heartbeat_s = (data.meta.get("plan") or {}).get("heartbeat_s")
    return min(1.0, expiry_s / heartbeat_s) if heartbeat_s and expiry_s else None


def _why(data: RunData, role: str, row: Section) -> str | None:
    """What heartbeat and expiry alone make of a role, in a sentence; None where they keep everybody online."""
    heartbeat_s = (data.meta.get("plan") or {}).get("heartbeat_s")
    known_s = row["expiry"]["given_s"]
    expiry_s = known_s if known_s is not None else row["expiry"]["estimate_s"]
    naive = naive_ceiling(data, role, expiry_s)
    row["p_a_naive"] = naive
    if naive is None or expiry_s is None or naive >= 1.0:
        return None
    about = "" if known_s is not None else "about "
    return (
        f"A beat every {heartbeat_s:g} s on a server that forgets {role}s after {about}{expiry_s:g} s leaves them "
        f"offline for {heartbeat_s - expiry_s:.3g} s of every beat before any load: at best they are shown "
        f"{naive:.0%} of the time (E/H). Beat more often, or raise the expiry."
    )
