"""How a long run stands: elapsed, what comes next, and the newest percentiles, losses and health, in a line.

It reads the batches of all workers as they come and forgets what it has told, so that it stays as small after a week as
after a minute. Percentiles are of what arrived since the last line; losses are of those since then and of the run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import gevent

from loadtest.clock import NS_PER_S
from loadtest.metrics import Batch, Histogram
from loadtest.plan import LoadProfile

FANOUT = "message.created"
"""The event whose latency stands for all of them."""

_US_PER_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands at a moment.

    Attributes:
        elapsed_s: since the test began.
        planned_s: how long it is to last; None where that is open.
        phase: ramp, hold, drain or end.
        level: share of the full load that is offered now.
        hour: hour of the profile's day; None without days.
        change: seconds until the load changes next, and its level there; None where it does not.
        users: subscribed now.
        due: those that should be.
        n: deliveries of messages since the last look.
        p50_ms: their median; None without any.
        p99_ms: their 99th percentile; None without any.
        lost: deliveries lost since the last look.
        lost_in_all: in the whole run.
        cut: sockets that the peer cut since the last look.
        breaches: what was out of bounds of the generator since the last look, by cause.
    """

    elapsed_s: float
    planned_s: float | None
    phase: str
    level: float
    hour: float | None
    change: tuple[float, float] | None
    users: int
    due: int
    n: int
    p50_ms: float | None
    p99_ms: float | None
    lost: int
    lost_in_all: int
    cut: int
    breaches: tuple[tuple[str, int], ...]

    def text(self) -> str:
        """The line for a terminal."""
        return " | ".join(f"{name} {value}".strip() for name, value in self.rows() if value)

    def rows(self) -> list[tuple[str, str]]:
        """Names and values, in the order in which they are read."""
        of = f" of {span(self.planned_s)}" if self.planned_s else ""
        load = f"{self.level:.0%}"
        if self.hour is not None:
            load += f" at {int(self.hour):02d}:{int(self.hour % 1 * 60):02d} of the plan's day"
        ahead = "" if self.change is None else f"{self.change[1]:.0%} in {span(self.change[0])}"
        latency = "none" if self.p50_ms is None or self.p99_ms is None else f"p50 {self.p50_ms:.0f} ms, p99 "
        if self.p99_ms is not None:
            latency += f"{self.p99_ms:.0f} ms of {self.n:,}"
        bad = ", ".join(f"{cause} {n}" for cause, n in self.breaches)
        return [
            ("", f"{span(self.elapsed_s)}{of}, {self.phase}"),
            ("load", load),
            ("next", ahead),
            ("users", f"{self.users:,} of {self.due:,}"),
            ("messages", latency),
            ("lost", f"{self.lost:,} ({self.lost_in_all:,} in all)"),
            ("cut", f"{self.cut:,}" if self.cut else ""),
            ("generator", f"out of bounds ({bad})" if bad else "ok"),
        ]


class Progress:
    """What is gathered for the next line.

    Args:
        profile: how the load changes.
        planned_s: how long the run is to last; None where that is open.
        began_ns: monotonic time at which the test began.
    """

    def __init__(self, profile: LoadProfile, planned_s: float | None, began_ns: int) -> None:
        self._profile = profile
        self._planned_s = planned_s
        self._began_ns = began_ns
        self._hold_ns: int | None = None
        self._fanout = Histogram()
        self._counts: Counter[str] = Counter()
        self._breaches: Counter[str] = Counter()
        self._lost = 0
        self._users: dict[tuple[str, str], float] = {}
        self.newest: Standing | None = None

    def take(self, batch: Batch) -> None:
        """Take what a worker has collected since its last batch; the batch is not changed."""
        for (_, metric, name, _), hist in batch.hists.items():
            if metric == "fanout" and name == FANOUT:
                self._fanout.merge(hist)
        for (_, metric, name, _), value in batch.counts.items():
            if metric == "delivery.lost":
                self._lost += int(value)
                self._counts["lost"] += int(value)
            elif metric == "cable.disconnects" and name != "by_us":
                self._counts["cut"] += int(value)
        self._breaches.update(str(note.data.get("cause", "")) for note in batch.notes if note.kind == "breach")
        for gauge in batch.gauges:
            if gauge.name == "users.due" or gauge.name.startswith("users.connected."):
                self._users[gauge.worker, gauge.name] = gauge.value

    def look(self, now_ns: int, phase: str) -> Standing:
        """How the run stands; what was told is forgotten.

        Args:
            now_ns: monotonic time.
            phase: of the run; with the first look in its hold the profile begins, if :meth:`hold` did not say so.
        """
        if phase == "hold" and self._hold_ns is None:
            self._hold_ns = now_ns
        at_s = 0.0 if self._hold_ns is None else (now_ns - self._hold_ns) / NS_PER_S
        change = None if self._hold_ns is None else self._profile.next_change(at_s)
        hist, self._fanout = self._fanout, Histogram()
        counts, self._counts = self._counts, Counter()
        breaches, self._breaches = self._breaches, Counter()
        self.newest = Standing(
            elapsed_s=(now_ns - self._began_ns) / NS_PER_S,
            planned_s=self._planned_s,
            phase=phase,
            level=self._profile.level(at_s),
            hour=self._profile.hour(at_s),
            change=None if change is None else (change[0] - at_s, change[1]),
            users=round(sum(value for (_, name), value in self._users.items() if name != "users.due")),
            due=round(sum(value for (_, name), value in self._users.items() if name == "users.due")),
            n=hist.n,
            p50_ms=_ms(hist, 50.0),
            p99_ms=_ms(hist, 99.0),
            lost=counts["lost"],
            lost_in_all=self._lost,
            cut=counts["cut"],
            breaches=tuple(breaches.most_common()),
        )
        return self.newest

    def hold(self, at_ns: int) -> None:
        """The hold began, and with it the profile."""
        self._hold_ns = at_ns

    def tell(
        self, every_s: float, phase: Callable[[], str], clock: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        """Say how the run stands every so many seconds; runs until its greenlet is killed.

        Args:
            every_s: seconds from one line to the next.
            phase: says which phase the run is in.
            clock: monotonic nanoseconds.
            say: takes a line.
        """
        while True:
            gevent.sleep(every_s)
            say(self.look(clock(), phase()).text())


def span(seconds: float | None) -> str:
    """A length of time as on a stop watch, with days where there are any."""
    if seconds is None or not math.isfinite(seconds):
        return "?"
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    text = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} d {text}" if days else text


def _ms(hist: Histogram, q: float) -> float | None:
    value = hist.percentile(q) if hist.n else None
    return None if value is None else value / _US_PER_MS
