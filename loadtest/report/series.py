"""Time series and percentile curves out of a run's frames: numpy only, nothing is drawn here.

Windows are joined into bins wide enough that percentiles mean something; a percentile is given where at least
:data:`BEYOND` samples of its bin lie beyond it, otherwise it is NaN and the figure leaves a gap.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadtest.analysis.series import key_stretches
from loadtest.metrics import bulk
from loadtest.metrics.histogram import Histogram

BEYOND = 3
"""Samples that must lie beyond a percentile before it is drawn: p99 needs 300, p90 30, p50 6."""

MOST_BINS = 120
FEWEST_BINS = 12
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)

Floats = NDArray[np.float64]
Key = tuple[str, str, str]


def tells(q: float, n: int) -> bool:
    """Whether ``n`` samples tell the percentile ``q`` (0..100): at least :data:`BEYOND` of them lie beyond it."""
    return n * (100.0 - q) >= BEYOND * 100.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal stretches of a run's time line, each some whole windows long.

    Attributes:
        first: number of the first bin's first window.
        windows: how many windows the bins cover, up to the last one with data.
        per: windows a bin.
        window_s: length of a window in seconds.
        origin_s: start of the first bin in seconds since the run's start.
        lead: windows of the first bin that lie before the run (so that another bin can begin with the hold).
    """

    first: int
    windows: int
    per: int
    window_s: float
    origin_s: float
    lead: int = 0

    @property
    def count(self) -> int:
        return -(-self.windows // self.per) if self.windows else 0

    @property
    def width_s(self) -> float:
        return self.per * self.window_s

    @property
    def end_s(self) -> float:
        return self.origin_s + self.windows * self.window_s

    @property
    def _edges_s(self) -> tuple[Floats, Floats]:
        starts = self.origin_s + np.arange(self.count) * self.width_s
        ends = np.minimum(starts + self.width_s, self.end_s)
        return np.maximum(starts, self.origin_s + self.lead * self.window_s), ends

    @property
    def centre_s(self) -> Floats:
        """Middle of each bin in seconds since the run's start, shape (count,); the outer bins may be shorter.

        Of a bin that had begun before the run, the middle of its part in the run.
        """
        starts, ends = self._edges_s
        return (np.where(ends > 0.0, np.maximum(starts, 0.0), starts) + ends) / 2.0

    @property
    def seconds(self) -> Floats:
        """Length of each bin in seconds, shape (count,)."""
        starts, ends = self._edges_s
        return ends - starts

    def index(self, windows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bin of each window number."""
        return (windows - self.first) // self.per

    def index_at(self, at_s: Floats) -> NDArray[np.int64]:
        """The bin of each moment (seconds since the run's start), clipped to the first and last bin."""
        raw = np.floor((at_s - self.origin_s) / self.width_s).astype(np.int64)
        return np.clip(raw, 0, max(0, self.count - 1))


def bins_for(
    windows: int, samples: Iterable[int], *, first: int, window_s: float, origin_s: float, hold_first: int | None = None
) -> Bins:
    """Choose how many windows a bin joins.

    As few as keep the bins at :data:`MOST_BINS` or less; then wider until the median bin tells a p99, as long as
    :data:`FEWEST_BINS` remain.

    Args:
        windows: length of the run in windows.
        samples: samples in each window that has any (of the series with the fewest that is to be drawn).
        first: number of the first window.
        window_s: seconds a window.
        origin_s: start of the first window in seconds since the run's start.
        hold_first: number of the hold's first window; a bin begins there.
    """
    per_window = [n for n in samples if n > 0]
    typical = float(np.median(per_window)) if per_window else 0.0
    fits = [step for step in _STEPS if windows / step <= MOST_BINS] or [math.ceil(windows / MOST_BINS)]
    per = fits[0]
    for step in fits:
        if windows / step < FEWEST_BINS:
            break
        per = step
        if typical <= 0 or tells(99.0, int(typical * step)):
            break
    lead = 0 if hold_first is None or not windows else (first - hold_first) % per
    return Bins(
        first=first - lead,
        windows=windows + lead,
        per=per,
        window_s=window_s,
        origin_s=origin_s - lead * window_s,
        lead=lead,
    )


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles over time, in milliseconds; NaN where a bin has too few samples.

    Attributes:
        n: samples in each bin, shape (bins,).
        by_q: one array (bins,) for each percentile asked for.
        max_ms: the largest sample of each bin, NaN where it has none.
    """

    n: NDArray[np.int64]
    by_q: dict[float, Floats]
    max_ms: Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """A percentile distribution over its own samples and the lost ones.

    Attributes:
        nines: -log10(1 - quantile) of each point: 1 is 90 %, 2 is 99 %, 3 is 99.9 %.
        ms: value at each point in milliseconds.
        told: index of the first point with fewer than :data:`BEYOND` samples beyond it.
        n: samples, the lost not counted.
        lost: samples that never came; the curve ends where they begin.
    """

    nines: Floats
    ms: Floats
    told: int
    n: int
    lost: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one key.

    Attributes:
        windows: their windows, shape (rows,).
        phases: what phase each window belongs to, shape (rows,).
        items: a histogram or a count each, shape (rows,).
    """

    windows: NDArray[np.int64]
    phases: NDArray[np.object_]
    items: NDArray[np.object_]

    def within(self, phases: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows belong to some phases, shape (rows,)."""
        inside = np.zeros(self.phases.size, dtype=bool)
        for phase in phases:
            inside |= self.phases == phase
        return inside


class Frames:
    """A run's histograms, counts and gauges, indexed for drawing.

    Args:
        hists: columns window, start_s, phase, metric, name, role, hist.
        counts: columns window, start_s, phase, metric, name, role, value.
        gauges: columns at_s, name, worker, value.
        window_s: length of a window in seconds.
    """

    def __init__(self, hists: pd.DataFrame, counts: pd.DataFrame, gauges: pd.DataFrame, window_s: float) -> None:
        self.window_s = window_s
        self._hists: dict[Key, list[_Rows]] = defaultdict(list)
        self._counts: dict[Key, list[_Rows]] = defaultdict(list)
        self._gauges: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
        self._merged: dict[tuple[Key | str, ...], Histogram] = {}
        start: tuple[int, float] | None = None
        self.hold_first: int | None = None
        last: int | None = None
        for frame, values, into in ((hists, "hist", self._hists), (counts, "value", self._counts)):
            if frame.empty:
                continue
            windows, phases = frame["window"].to_numpy(np.int64), frame["phase"].to_numpy(object)
            items = frame[values].to_numpy(object)
            for key, rows in key_stretches(frame):
                into[key].append(_Rows(windows[rows], phases[rows], items[rows]))
            earliest = int(windows.argmin())
            if start is None or windows[earliest] < start[0]:
                start = (int(windows[earliest]), float(frame["start_s"].iloc[earliest]))
            held = windows[phases == "hold"]
            if held.size and (self.hold_first is None or held.min() < self.hold_first):
                self.hold_first = int(held.min())
            last = max(int(windows.max()), int(windows.max()) if last is None else last)
        for at_s, name, worker, value in zip(*(gauges[c].tolist() for c in gauges.columns), strict=True):
            self._gauges[name][worker].append((at_s, value))
        self.first, self.origin_s = start or (0, 0.0)
        self.windows = 0 if last is None else int(last) - self.first + 1

    def keys(self, metric: str) -> list[tuple[str, str]]:
        """The (name, role) pairs for which ``metric`` was recorded, sorted; histograms and counts alike."""
        found = {key[1:] for index in (self._hists, self._counts) for key in index if key[0] == metric}
        return sorted(found)

    @property
    def count_keys(self) -> frozenset[Key]:
        """The (metric, name, role) of every count."""
        return frozenset(self._counts)

    def bins(self, series: Sequence[Key]) -> Bins:
        """Bins wide enough for the sparsest of ``series`` (metric, name, role)."""
        sparsest: list[int] = []
        for key in series:
            samples = self._samples(key)
            if samples and (not sparsest or np.median(samples) < np.median(sparsest)):
                sparsest = samples
        return bins_for(
            self.windows,
            sparsest,
            first=self.first,
            window_s=self.window_s,
            origin_s=self.origin_s,
            hold_first=self.hold_first,
        )

    def _samples(self, key: Key) -> list[int]:
        by_window: dict[int, int] = defaultdict(int)
        for rows in self._hists.get(key, ()):
            for window, hist in zip(rows.windows.tolist(), rows.items, strict=True):
                by_window[window] += hist.n
        return list(by_window.values())

    def percentiles(self, key: Key, qs: Sequence[float], bins: Bins) -> Percentiles:
        """Percentiles ``qs`` (0..100) of the histograms of ``key`` in each bin."""
        of_bin: dict[int, list[Histogram]] = defaultdict(list)
        for rows in self._hists.get(key, ()):
            for at, hist in zip(bins.index(rows.windows).tolist(), rows.items, strict=True):
                of_bin[at].append(hist)
        n = np.zeros(bins.count, dtype=np.int64)
        by_q = {q: np.full(bins.count, np.nan) for q in qs}
        max_ms = np.full(bins.count, np.nan)
        for at, hists in of_bin.items():
            joined = merged(hists)
            n[at] = joined.n
            if joined.max_us is not None:
                max_ms[at] = joined.max_us / 1000.0
            for q in qs:
                value = joined.percentile(q) if tells(q, joined.n) else None
                if value is not None:
                    by_q[q][at] = value / 1000.0
        return Percentiles(n=n, by_q=by_q, max_ms=max_ms)

    def hold(self, key: Key, *, phases: Sequence[str] = ("hold",)) -> Histogram:
        """All samples of ``key`` in the given phases, merged (:func:`merged`); not to be changed."""
        if (key, *phases) not in self._merged:
            self._merged[key, *phases] = merged(
                hist for rows in self._hists.get(key, ()) for hist in rows.items[rows.within(phases)]
            )
        return self._merged[key, *phases]

    def total(self, key: Key, *, phases: Sequence[str] = ("hold",)) -> float:
        """The sum of a count over the given phases."""
        return float(
            sum(value for rows in self._counts.get(key, ()) for value in rows.items[rows.within(phases)].tolist())
        )

    def sums(self, keys: Iterable[Key], bins: Bins) -> Floats:
        """Counts of all ``keys`` together, summed in each bin, shape (bins,)."""
        out = np.zeros(bins.count)
        for key in keys:
            for rows in self._counts.get(key, ()):
                np.add.at(out, bins.index(rows.windows), rows.items.astype(float))
        return out

    def levels(self, prefix: str) -> dict[str, dict[str, list[tuple[float, float]]]]:
        """Every value of the gauges whose name starts so, as (seconds since the run's start, value), by worker."""
        return {
            name: {worker: sorted(values) for worker, values in workers.items()}
            for name, workers in self._gauges.items()
            if name.startswith(prefix)
        }

    def gauge(self, name: str, bins: Bins, *, across: str) -> Floats:
        """A gauge in each bin, joined over the workers; NaN before its first value.

        Args:
            name: the gauge.
            bins: where to put it; within a bin the last value of a worker counts, or its largest for "max".
            across: "sum" of the workers (each worker's value holds until its next) or the "max" of them.
        """
        if not bins.count:
            return np.full(0, np.nan)
        workers = []
        for values in self._gauges.get(name, {}).values():
            line = np.full(bins.count, np.nan)
            moments = np.array([at for at, _ in values])
            for at, (_, value) in zip(bins.index_at(moments).tolist(), values, strict=True):
                line[at] = max(line[at], value) if across == "max" and not math.isnan(line[at]) else value
            workers.append(_held(line) if across == "sum" else line)
        if not workers:
            return np.full(bins.count, np.nan)
        stacked = np.array(workers)
        told = ~np.isnan(stacked)
        if across == "sum":
            joined = np.where(told, stacked, 0.0).sum(axis=0)
        else:
            joined = np.where(told, stacked, -np.inf).max(axis=0)
        return np.where(told.any(axis=0), joined, np.nan)


def merged(hists: Iterable[Histogram]) -> Histogram:
    """Many histograms as one, at once instead of one after the other (a soak has thousands).

    All but the sum is exact, that is the sum of the buckets' middles.
    """
    gathered = bulk.gather([*hists])
    dense = bulk.add_up(gathered.index, gathered.count)
    filled = np.flatnonzero(dense)
    return Histogram.from_sparse(filled, dense[filled], gathered.extremes_us)


def _held(line: Floats) -> Floats:
    """Each NaN replaced by the last number before it."""
    at = np.where(np.isnan(line), 0, np.arange(len(line)))
    np.maximum.accumulate(at, out=at)
    return line[at]


def curve(hist: Histogram, lost: int = 0, *, points: int = 160) -> Curve | None:
    """The percentile distribution of ``hist`` on a log-nines axis, the lost counted as slower than everything.

    Each point is a bucket: its value and the share of all (arrived and lost) at or below it, so that the curve is the
    inverse of the empirical distribution and ends at the share that arrived. A curve without losses ends at
    1 - 1/(2n), half a sample before the certain end.

    Args:
        hist: the arrived.
        lost: how many never came.
        points: at most so many points are kept, spread evenly over the axis.

    Returns:
        None when nothing arrived.
    """
    if hist.max_us is None:
        return None
    values_us, counts = hist.buckets()
    arrived = np.cumsum(counts)
    total = hist.n + lost
    beyond = np.maximum(total - arrived, 0.5) / total
    nines = -np.log10(beyond)
    keep = _spread(nines, points)
    told = int(np.count_nonzero(total - arrived[keep] >= BEYOND))
    kept_us = np.minimum(values_us[keep], hist.max_us)
    return Curve(nines=nines[keep], ms=kept_us / 1000.0, told=told, n=hist.n, lost=lost)


def _spread(nines: Floats, points: int) -> NDArray[np.int64]:
    """Indices of at most about ``points`` entries, evenly spread over their values, first and last kept."""
    if len(nines) <= points:
        return np.arange(len(nines))
    cells = np.floor((nines - nines[0]) / (nines[-1] - nines[0]) * (points - 1))
    last_of_cell = np.flatnonzero(np.diff(cells, append=np.inf))
    return np.unique(np.concatenate(([0], last_of_cell)))
