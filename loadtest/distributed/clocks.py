"""How far a worker's clock is from the master's, and how well that is known.

A probe is four stamps: sent by the worker at t1, taken by the master at t2, answered at t3, back at t4 (t1 and t4 by
the worker's clock, t2 and t3 by the master's). No message arrives before it was sent, so the offset (master's clock
less worker's) was at most t2 - t1 and at least t3 - t4; half the round trip bounds the error, whatever the paths are
like (F. Cristian, Probabilistic clock synchronization, 1989). Of a round of probes the least of the upper and the
greatest of the lower bounds are kept, which is the minimum-delay filter of NTP (RFC 5905, section 10) applied to either
direction; probes that a busy event loop held up count for nothing by that.

Each pair of rounds bounds the drift as well: no line steeper or flatter than those between their bounds fits both.
Between rounds the bounds part by what is not known of the drift (which is all of :data:`MOST_DRIFT` at first, and less
with every second), and by :data:`DRIFT_LIMIT`, since temperature changes it: crystals of two machines differ by 5 to
10 µs a second, up to 30 (Y. Geng et al., Huygens, NSDI 2018). Processes of one kernel read one clock, which is 0
apart from itself; that is believed as long as the probes' interval contains it.

What is kept is an interval, never a bare number: the offset is its middle, the error bound its half width. It assumes
nothing of queueing, and no statistic can do better where the two directions of a path differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from loadtest.clock import SystemClock

DRIFT_LIMIT = 30e-6
"""By how much a drift that is known may change: seconds a second."""

MOST_DRIFT = 1e-3
"""More than this is no drift, but a clock that was set between two rounds."""

_ROUNDS = 64

#: what reading two clocks one after the other, and rounding, may add
_READING_NS = 1_000


@dataclass(frozen=True, slots=True)
class Probe:
    """One exchange of stamps, in nanoseconds.

    Attributes:
        sent_ns: t1, when the worker sent it, by its monotonic clock.
        taken_ns: t2, when the master took it, by its monotonic clock.
        answered_ns: t3, when the master answered, by its clock.
        back_ns: t4, when the answer was there, by the worker's.
    """

    sent_ns: int
    taken_ns: int
    answered_ns: int
    back_ns: int


@dataclass(frozen=True, slots=True)
class Offset:
    """What is known of an offset at a moment.

    Attributes:
        offset_ns: master's monotonic clock less the worker's.
        bound_ns: by how much that may be wrong.
        drift: by how much the offset grows, in seconds a second, as far as it is known.
        fades: by how much the bound grows where the offset is kept as it is, in seconds a second.
    """

    offset_ns: float
    bound_ns: float
    drift: float
    fades: float


@dataclass(frozen=True, slots=True)
class _Round:
    """The tightest bounds of a round, each with the worker's time at which it held."""

    high_ns: int
    high_at_ns: int
    low_ns: int
    low_at_ns: int


class OffsetEstimator:
    """Bounds the offset between two monotonic clocks.

    Args:
        one_kernel: whether both are said to be the same kernel's clock: 0 apart, always.
    """

    def __init__(self, *, one_kernel: bool = False) -> None:
        self.one_kernel = one_kernel
        self._rounds: deque[_Round] = deque(maxlen=_ROUNDS)
        self._least, self._most = -MOST_DRIFT, MOST_DRIFT

    @property
    def is_steady(self) -> bool:
        """Whether the drift is known as well as it stays the same."""
        return self.one_kernel or self._most - self._least <= 2 * DRIFT_LIMIT

    def add(self, probes: Sequence[Probe]) -> None:
        """Take a round of probes, made within a second or so; one without any is passed over.

        Rounds that contradict it are forgotten: a clock was set, or its machine was suspended.
        """
        if not probes:
            return
        high = min(probes, key=lambda p: p.taken_ns - p.sent_ns)
        low = max(probes, key=lambda p: p.answered_ns - p.back_ns)
        new = _Round(high.taken_ns - high.sent_ns, high.sent_ns, low.answered_ns - low.back_ns, low.back_ns)
        for old in self._rounds:
            self._least = max(self._least, (new.low_ns - old.high_ns) / (new.low_at_ns - old.high_at_ns))
            self._most = min(self._most, (new.high_ns - old.low_ns) / max(1, new.high_at_ns - old.low_at_ns))
        self._rounds.append(new)
        if not self._agrees(new.low_at_ns) and self.one_kernel:
            self.one_kernel = False
        if not self._agrees(new.low_at_ns):
            self._rounds.clear()
            self._rounds.append(new)
            self._least, self._most = -MOST_DRIFT, MOST_DRIFT

    def at(self, now_ns: int) -> Offset | None:
        """The offset at a moment of the worker's clock, or None before the first round."""
        if not self._rounds:
            return None
        low_ns, high_ns, drift, grows = self._interval(now_ns)
        return Offset((low_ns + high_ns) / 2, abs(high_ns - low_ns) / 2, drift, abs(drift) + grows)

    def _agrees(self, now_ns: int) -> bool:
        low_ns, high_ns, _, _ = self._interval(now_ns)
        if self.one_kernel:
            return low_ns <= 0 <= high_ns
        return low_ns <= high_ns and self._least <= self._most

    def _interval(self, now_ns: int) -> tuple[float, float, float, float]:
        drift, grows = 0.0, 0.0
        if not self.one_kernel:
            drift = (self._least + self._most) / 2
            grows = DRIFT_LIMIT + abs(self._most - self._least) / 2
        high_ns = min(r.high_ns + _since(now_ns - r.high_at_ns, drift, grows) for r in self._rounds)
        low_ns = max(r.low_ns + _since(now_ns - r.low_at_ns, drift, -grows) for r in self._rounds)
        return low_ns, high_ns, drift, grows


def _since(passed_ns: float, drift: float, grows: float) -> float:
    """By how much a bound has moved since it was found."""
    return drift * passed_ns + grows * abs(passed_ns)


class RunClock(SystemClock):
    """This process's monotonic clock, with the run's wall time: the master's.

    Its wall clock serves as long as the master's may be the very same by the probes and both are one kernel's; then
    nothing is put right that was never wrong. Otherwise the wall time is the master's, by the offset.
    The offset is kept from one anchor to the next, so away from the anchor its bound grows by the whole drift.

    What the run's wall time moves by when an offset is known better, within the bounds of before and after, is no step.
    One of the master's wall clock is, however small, and so is whatever goes beyond these bounds (a machine that was
    suspended).

    Args:
        estimator: told of the probes.
    """

    __slots__ = (
        "_anchored_ns",
        "_bound_ns",
        "_estimator",
        "_fades",
        "_master_ns",
        "_own_ns",
        "_stepped_ns",
        "_used_master_ns",
    )

    def __init__(self, estimator: OffsetEstimator) -> None:
        self._estimator = estimator
        self._master_ns: int | None = None
        self._used_master_ns: int | None = None  # at the last reading
        self._own_ns = 0
        self._stepped_ns = 0  # not told yet
        self._anchored_ns, self._bound_ns, self._fades = 0, 0, 0.0
        super().__init__()

    def tell_master(self, wall_less_monotonic_ns: int) -> None:
        """The master's wall clock less its monotonic one, as it just said."""
        self._master_ns = wall_less_monotonic_ns

    def anchor(self) -> int:
        """Read the clocks' offset again.

        Returns:
            The step of the run's wall time since the last time this was asked, in nanoseconds.
        """
        self.follow()
        stepped_ns, self._stepped_ns = self._stepped_ns, 0
        return stepped_ns

    def follow(self) -> None:
        """Read the clocks' offset again, between two anchors; a step is left for the next one to tell."""
        used_ns, master_ns, now_ns = self._offset_ns, self._used_master_ns, self.now_ns()
        doubt_ns = self.bound_at_ns(now_ns)
        self._offset_ns = self._own_ns
        super().anchor()
        self._own_ns = self._offset_ns
        found = self._estimator.at(now_ns)
        if found is not None and self._master_ns is not None:
            ahead_ns = round(found.offset_ns) + self._master_ns - self._own_ns
            self._anchored_ns, self._bound_ns, self._fades = now_ns, ceil(found.bound_ns) + _READING_NS, found.fades
            self.offset_ns = ahead_ns
            if self._estimator.one_kernel and abs(ahead_ns) <= self._bound_ns:
                self._bound_ns += abs(ahead_ns)
                self.offset_ns = 0
            self._offset_ns = self._own_ns + self.offset_ns
            self._used_master_ns = self._master_ns
        if used_ns:
            by_master_ns = 0 if master_ns is None else (self._master_ns or 0) - master_ns
            rest_ns = self._offset_ns - used_ns - by_master_ns
            self._stepped_ns += by_master_ns + (rest_ns if abs(rest_ns) > doubt_ns + self._bound_ns else 0)

    def bound_at_ns(self, mono_ns: int) -> int:
        return self._bound_ns + ceil(self._fades * abs(mono_ns - self._anchored_ns))


def kernel_identity() -> str:
    """What tells one kernel's clocks from another's: its boot, and the time namespace; empty where neither is told."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/time")
    if not boot.is_file():
        return ""
    return f"{boot.read_text(encoding='ascii').strip()}/{space.readlink() if space.exists() else ''}"
