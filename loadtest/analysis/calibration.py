"""Injected beside recovered: how close the toolkit's figures come to faults whose size is known.

Counts are compared as sets: a fault is known by the emission's mark, its event and the receiver's role, and one that
was missed does not cancel one that was invented.

Delays. A delivery that the server held for H takes H + F, where F is what it takes without any fault, the instrument's
own floor. Where a message has copies that were not held, each delivery has a floor of its own
(:mod:`loadtest.analysis.paired_delays`). A stall holds all of them, and its floor is other windows of the run. What is
measured is then compared with the distribution of that sum (H and F independent), and ``recovered`` is the measured
percentile less what the floor adds to the injected one at the same rank. For a constant hold that is the measured
percentile less the floor's own; for wide ones subtracting floor percentiles would take away too much.
Tolerance: 1 ms or 1 % of the injected, whichever is larger.

A floor moves with what else the machine does, for a second or two at a time, and its p99 most of all. So a figure that
is off by more than its tolerance is wrong only if it stays so when the run's windows are drawn anew, with replacement
(bootstrap over blocks; H. R. Kuensch, Annals of Statistics 17(3), 1989): where a 95 % interval of the error reaches
into the tolerance, the run cannot tell. A steady machine leaves little room for that.

A stall of REST answers with one connection is a queue with one server whose arrivals are the plan's due times
(D. V. Lindley, "The theory of queues with a single server", 1952: each start is the later of its arrival and the end
of the one before). The plan goes on while the connection is held, so latency from the due time holds the wait, and
latency from the send does not: that difference is coordinated omission (G. Tene, "How NOT to measure latency").
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadtest.metrics.histogram import Histogram
from loadtest.nouns import many

Cell = tuple[str, str, str]
"""Where a fault is counted: mark (empty where the event carries none), event, role of the receiver."""

Outcome = Literal["ok", "WRONG", "INCONCLUSIVE"]

MS_PER_US = 1e-3
LEAST_TOLERANCE_MS = 1.0
TOLERANCE_SHARE = 0.01
STALL_TOLERANCE_SHARE = 0.02
SENT_SHARE = 0.05
"""A stall of REST answers may show in send-time p99 with at most this share of its length."""

_NAMED = 3
_BISECTIONS = 40
_POINTS = 60
_REDRAWS = 100
_SEED = 20261123


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure, as it was injected and as it was recovered.

    Attributes:
        what: the figure.
        injected: what the server says it did; None where the figure is held against a limit, or shown for itself.
        recovered: what the run found; None where it found nothing to tell it by.
        tolerance: how far the two may differ, in ``unit``, or the limit; 0 for counts.
        unit: of the values, ``ms``, ``s`` or what is counted.
        ok: whether they agree; None where there is nothing to agree with, or it cannot be told.
        note: what differs, or how the figure came about.
        decided: False where it cannot be told, since the figure is less steady than its tolerance.
    """

    what: str
    injected: float | int | None
    recovered: float | int | None
    tolerance: float
    unit: str
    ok: bool | None
    note: str = ""
    decided: bool = True


def within(
    what: str, injected: float, recovered: float | None, tolerance: float, unit: str, note: str = ""
) -> Comparison:
    """Compare two figures that may differ by a tolerance."""
    ok = recovered is not None and abs(recovered - injected) <= tolerance
    return Comparison(what, injected, recovered, tolerance, unit, ok, note)


def at_most(what: str, recovered: float | None, limit: float, unit: str, note: str = "") -> Comparison:
    """Hold a figure against a limit; nothing was injected that it should equal."""
    ok = recovered is not None and recovered <= limit
    return Comparison(what, None, recovered, limit, unit, ok, note)


def shown(what: str, value: float | int | None, unit: str, note: str = "") -> Comparison:
    """A figure that is shown and not judged."""
    return Comparison(what, None, value, 0, unit, None, note)


def counted(what: str, injected: Counter[Cell], recovered: Counter[Cell], unit: str = "deliveries") -> Comparison:
    """Compare counts cell by cell: every one found, and none invented."""
    missed, invented = injected - recovered, recovered - injected
    parts = [
        f"{verb} {cells.total()} ({_first(cells)})"
        for verb, cells in (("missed", missed), ("invented", invented))
        if cells
    ]
    ok = not missed and not invented
    return Comparison(what, injected.total(), recovered.total(), 0, unit, ok, "; ".join(parts))


def _first(cells: Counter[Cell]) -> str:
    named = [" ".join(filter(None, cell)) for cell in sorted(cells)[:_NAMED]]
    return ", ".join(named) + (", ..." if len(cells) > _NAMED else "")


def combined(comparisons: Sequence[Comparison], *, is_valid: bool) -> Outcome:
    """What a row's comparisons come to.

    Args:
        comparisons: of the row.
        is_valid: whether the row's generator was fit to measure; what an unfit one found says nothing of the toolkit.
    """
    if not is_valid:
        return "INCONCLUSIVE"
    judged = [comparison.ok for comparison in comparisons if comparison.ok is not None]
    if not all(judged):
        return "WRONG"
    return "ok" if judged and all(comparison.decided for comparison in comparisons) else "INCONCLUSIVE"


def overall(outcomes: Iterable[Outcome]) -> Outcome:
    """What the rows come to: one that is wrong makes the matrix wrong, one without an answer leaves it without."""
    found = set(outcomes)
    return "WRONG" if "WRONG" in found else "INCONCLUSIVE" if "INCONCLUSIVE" in found or not found else "ok"


# -- delays ------------------------------------------------------------------------------------------------------------


def held_us(us: NDArray[np.integer], q: float) -> float:
    """The ``q``-th percentile of hold times, by the rank that :meth:`Histogram.percentile` takes."""
    ordered = np.sort(us)
    rank = min(max(int(q * ordered.size / 100 + 0.5), 1), ordered.size)
    return float(ordered[rank - 1])


def sum_percentile_us(hold_us: NDArray[np.integer], floor: Histogram, q: float) -> float:
    """The ``q``-th percentile of hold + floor, the two independent.

    Args:
        hold_us: hold times, one a delivery, zero where one was not held; not empty.
        floor: latencies without any hold; not empty.
        q: 0 to 100.

    Returns:
        Microseconds.
    """
    ordered = np.sort(hold_us).astype(np.float64)
    values, counts = floor.buckets("middle")
    weights = counts / counts.sum()
    low, high = float(ordered[0] + values[0]), float(ordered[-1] + values[-1])
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = np.searchsorted(ordered, middle - values, side="right") / ordered.size
        if float(below @ weights) * 100 < q:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True)
class HeldApart:
    """Latencies of a run whose server held deliveries for a part of it, by window.

    Attributes:
        held: of each window in which it held all: latencies, and how long it held each, in no order.
        free: of each window in which it held none: latencies, the floor in the same run.
    """

    held: tuple[tuple[Histogram, NDArray[np.int64]], ...]
    free: tuple[Histogram, ...]

    @property
    def measured(self) -> Histogram:
        """Latencies of all windows with a hold."""
        return _merged([hist for hist, _ in self.held])

    @property
    def holds_us(self) -> NDArray[np.int64]:
        """All their hold times."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(holds for _, holds in self.held)])

    @property
    def floor(self) -> Histogram:
        """Latencies of all windows without one."""
        return _merged(self.free)

    def redrawn(self, rng: np.random.Generator) -> HeldApart:
        """As many windows of each kind, drawn with replacement."""
        held, free = (rng.integers(len(kind), size=len(kind)).tolist() for kind in (self.held, self.free))
        return HeldApart(tuple(self.held[n] for n in held), tuple(self.free[n] for n in free))


def _merged(hists: Sequence[Histogram]) -> Histogram:
    whole = Histogram()
    for hist in hists:
        whole.merge(hist)
    return whole


def delays(apart: HeldApart, what: str) -> list[Comparison]:
    """Compare a delay's p50 and p99 with the hold times that the server logged.

    Args:
        apart: latencies of what was held and of what was not.
        what: what latency it is, such as ``from due``.

    Returns:
        One comparison a percentile, in milliseconds; without deliveries a single one that is wrong.
    """
    measured, hold_us, floor = apart.measured, apart.holds_us, apart.floor
    if not hold_us.size or not measured.n or not floor.n:
        return [Comparison(f"p50 {what}", None, None, 0, "ms", False, "no delivery was held, or none was not")]
    found = []
    for q in (50.0, 99.0):
        injected_ms = held_us(hold_us, q) * MS_PER_US
        added_ms = sum_percentile_us(hold_us, floor, q) * MS_PER_US - injected_ms
        recovered_ms = (measured.percentile(q) or math.nan) * MS_PER_US - added_ms
        tolerance_ms = max(LEAST_TOLERANCE_MS, TOLERANCE_SHARE * injected_ms)
        note = f"less {added_ms:.3g} ms of floor; {many(measured.n, 'delivery', 'deliveries')}"
        compared = within(f"p{q:g} {what}", injected_ms, recovered_ms, tolerance_ms, "ms", note)
        found.append(compared if compared.ok else _if_steady(compared, apart, q))
    return found


def _if_steady(compared: Comparison, apart: HeldApart, q: float) -> Comparison:
    """A figure that is off; undecided where other windows of the same run might have brought it into its tolerance."""
    rng = np.random.default_rng(_SEED)
    errors_ms = [_error_us(apart.redrawn(rng), q) * MS_PER_US for _ in range(_REDRAWS)]
    low_ms, high_ms = np.quantile(errors_ms, (0.025, 0.975)).tolist()
    if low_ms > compared.tolerance or high_ms < -compared.tolerance:
        return compared
    note = (
        f"{compared.note}; its error may be {low_ms:+.2g} to {high_ms:+.2g} ms: the floor is not steady enough to tell"
    )
    return replace(compared, ok=None, decided=False, note=note)


def _error_us(apart: HeldApart, q: float) -> float:
    measured_us = apart.measured.percentile(q) or math.nan
    return measured_us - sum_percentile_us(apart.holds_us, apart.floor, q)


def alike(due: Histogram, sent: Histogram, tolerance_ms: float) -> Comparison:
    """Compare p99 from the due time with p99 from the send time."""
    due_ms, sent_ms = ((hist.percentile(99.0) or math.nan) * MS_PER_US for hist in (due, sent))
    return within("from send as from due, p99", due_ms, sent_ms, tolerance_ms, "ms")


@dataclass(frozen=True, slots=True)
class Curve:
    """A distribution of latency, as it was measured and as it must be.

    Attributes:
        percentiles: 0 to below 100, rising.
        measured_ms: the measured latency at each.
        expected_ms: what the injected holds and the floor come to; empty where nothing was injected.
    """

    percentiles: tuple[float, ...]
    measured_ms: tuple[float, ...]
    expected_ms: tuple[float, ...] = ()


def points(n: int) -> tuple[float, ...]:
    """Percentiles that get rarer by equal factors, from 0 to the rarest of ``n`` values."""
    return tuple(100.0 * (1.0 - 10.0**-at) for at in np.linspace(0.0, math.log10(n), _POINTS).tolist())


def curve(measured: Histogram, hold_us: NDArray[np.integer] | None = None, floor: Histogram | None = None) -> Curve:
    """A distribution at percentiles that get rarer by equal factors, up to the rarest that was measured.

    Args:
        measured: latencies.
        hold_us: hold times of those deliveries; None where none was held.
        floor: latencies without a hold.
    """
    if not measured.n:
        return Curve((), ())
    percentiles = points(measured.n)
    measured_ms = tuple((measured.percentile(q) or 0.0) * MS_PER_US for q in percentiles)
    if hold_us is None or floor is None or not hold_us.size or not floor.n:
        return Curve(percentiles, measured_ms)
    expected_ms = tuple(sum_percentile_us(hold_us, floor, q) * MS_PER_US for q in percentiles)
    return Curve(percentiles, measured_ms, expected_ms)


# -- one connection ----------------------------------------------------------------------------------------------------


def stalled_waits_s(due_s: NDArray[np.float64], begin_s: float, end_s: float, service_s: float) -> NDArray[np.float64]:
    """How long each call waits for the only connection when one call holds it for a while.

    Args:
        due_s: when the plan makes the calls due, rising; shape (n,).
        begin_s: when the call that is held would have been answered.
        end_s: when it was.
        service_s: how long any other call has the connection.

    Returns:
        Seconds from due to send; shape (n,).
    """
    waits = np.empty_like(due_s)
    free_s = -math.inf
    for place, due in enumerate(due_s.tolist()):
        start = max(due, free_s)
        if begin_s < start < end_s:
            start = end_s
        waits[place] = start - due
        free_s = start + service_s
    return waits


# -- pings -------------------------------------------------------------------------------------------------------------


def missing_pings(gaps: Histogram, interval_s: float) -> int:
    """How many pings of a fixed beat are missing, by the gaps between those that came."""
    values_us, counts = gaps.buckets("middle")
    beats = np.rint(values_us / (interval_s * 1e6)).astype(np.int64)
    return int(((np.maximum(beats, 1) - 1) * counts).sum())
