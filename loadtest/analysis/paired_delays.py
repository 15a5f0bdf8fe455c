"""A delay recovered delivery by delivery, each less a floor of its own.

Of each message the server holds the copies of some receivers and lets those of the others go at once. A copy that was
held for H takes H + F, and its floor F is known from two measurements that the hold is in neither of: what another copy
of the same message, which was not held, took until the kernel had received it, and how long the kernel then had the
held copy itself before this process read it. Everything that makes a floor unsteady (a late generator, a slow POST, a
busy server, a reader that was away) is therefore in measurement and expectation alike, at the same message, and cancels
(common random numbers: A. M. Law, Simulation Modeling and Analysis, chapter 11; a matched pair is its oldest form).
A floor measured on other messages is another sample of a heavy tail: of two busy cores its p99 differed by 1 to 8 ms
between parts of one run.

``recovered`` at a percentile is the measured latency's percentile less what the floors add to the injected one there:
Q(L) - (Q(H + F) - Q(H)). Q(L) is the histogram's, as reports have it. Of L only the wait in the kernel's buffer is in
F, told by the kernel's stamp: an instrument that stretches latencies or adds to what was held, and a server that logs
other holds than it kept, show as an error. Stamps that are all wrong by as much do not: they cancel.

An error outside the tolerance is wrong unless it would be inside it had other windows been drawn: a 95 % interval by
bootstrap over windows (H. R. Kuensch, Annals of Statistics 17(3), 1989), redrawn with their messages whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.calibration import (
    LEAST_TOLERANCE_MS,
    MS_PER_US,
    TOLERANCE_SHARE,
    Comparison,
    Curve,
    held_us,
    points,
    within,
)
from loadtest.metrics.histogram import Histogram
from loadtest.nouns import many

PERCENTILES = (50.0, 99.0)

_REDRAWS = 200
_SEED = 20261128
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Paired:
    """Deliveries that were held, each with a floor of its own; arrays of shape (n,), microseconds.

    Attributes:
        latency_us: as this toolkit measured it.
        hold_us: how long the server says that it held that very delivery.
        floor_us: what it took apart from that.
        window: the window that its message was due in.
    """

    latency_us: NDArray[np.int64]
    hold_us: NDArray[np.int64]
    floor_us: NDArray[np.int64]
    window: NDArray[np.int64]

    @property
    def measured(self) -> Histogram:
        """Latencies, as reports have them."""
        found = Histogram()
        found.record_many(self.latency_us)
        return found

    @property
    def expected_us(self) -> NDArray[np.int64]:
        """What holds and floors come to."""
        return self.hold_us + self.floor_us


def recovered(paired: Paired, what: str) -> list[Comparison]:
    """Compare a delay's p50 and p99 with the hold times that the server logged.

    Args:
        paired: the deliveries; none is wrong.
        what: what latency it is, such as ``from due``.

    Returns:
        One comparison a percentile, in milliseconds; its note says what the floor added and how sure the error is.
    """
    if not paired.hold_us.size:
        return [
            Comparison(f"p50 {what}", None, None, 0, "ms", False, "no message was held for some and not for others")
        ]
    return [_recovered(paired, q, what) for q in PERCENTILES]


def _recovered(paired: Paired, q: float, what: str) -> Comparison:
    injected_ms = held_us(paired.hold_us, q) * MS_PER_US
    added_ms = held_us(paired.expected_us, q) * MS_PER_US - injected_ms
    recovered_ms = (paired.measured.percentile(q) or math.nan) * MS_PER_US - added_ms
    tolerance_ms = max(LEAST_TOLERANCE_MS, TOLERANCE_SHARE * injected_ms)
    low_ms, high_ms = np.quantile([*_errors_ms(paired, q)], _INTERVAL).tolist()
    note = (
        f"less {added_ms:.3g} ms of floor; {many(paired.hold_us.size, 'delivery', 'deliveries')}; "
        f"its error is {low_ms:+.2g} to {high_ms:+.2g} ms"
    )
    found = within(f"p{q:g} {what}", injected_ms, recovered_ms, tolerance_ms, "ms", note)
    if found.ok or low_ms > tolerance_ms or high_ms < -tolerance_ms:
        return found
    return Comparison(found.what, injected_ms, recovered_ms, tolerance_ms, "ms", None, note, decided=False)


def _errors_ms(paired: Paired, q: float) -> Iterator[float]:
    """The error had other windows been drawn."""
    rng = np.random.default_rng(_SEED)
    expected_us = paired.expected_us
    places = [np.flatnonzero(paired.window == window) for window in np.unique(paired.window)]
    for _ in range(_REDRAWS):
        drawn = np.concatenate([places[n] for n in rng.integers(len(places), size=len(places))])
        yield (held_us(paired.latency_us[drawn], q) - held_us(expected_us[drawn], q)) * MS_PER_US


def curve(paired: Paired) -> Curve:
    """The distribution of latency as it was measured and as it must be, up to the rarest that was measured."""
    measured = paired.measured
    if not measured.n:
        return Curve((), ())
    percentiles = points(measured.n)
    return Curve(
        percentiles,
        tuple((measured.percentile(q) or 0.0) * MS_PER_US for q in percentiles),
        tuple(held_us(paired.expected_us, q) * MS_PER_US for q in percentiles),
    )
