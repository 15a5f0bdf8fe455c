"""The levels of a run that a soak is judged by, as readings over time: what was watched, and percentiles of latency.

A gauge is read as it was stored, each source (and each worker) by itself. A percentile needs samples: neighbouring
windows are joined until they hold enough of them (:func:`~loadtest.analysis.bootstrap.required_n`), and windows in
which the generator was the limit are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.bootstrap import required_n
from loadtest.analysis.generator import MAX_MARKED_SHARE
from loadtest.analysis.model import RunData
from loadtest.analysis.quantity import Dimension, dimension_of
from loadtest.analysis.theil_sen import Floats
from loadtest.analysis.windows import Timeline
from loadtest.metrics.histogram import Histogram

_QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p999_ms": 0.999}
_NAMED = re.compile(r"(connect|confirm|ping_gap|beat_reply)_(p\d+_ms)")
_US_PER_MS = 1000.0
_LIKE_SHARE = 0.05
_GAUGES = ("target", "generator")
_BY_ROLE = {"fanout": "fanout", "presence": "beat_reply"}


@dataclass(frozen=True, slots=True)
class Level:
    """One level over time.

    Attributes:
        path: its name, as a budget spells it; at a source of its own: ``("target", source, what)``.
        at_s: when it was read, seconds since the run's start, rising, shape (readings,).
        values: the readings, in the unit that the name ends with, shape (readings,).
    """

    path: tuple[str, ...]
    at_s: Floats
    values: Floats

    @property
    def dimension(self) -> Dimension:
        """What it is measured in."""
        return dimension_of(self.path[-1])

    @property
    def is_latency(self) -> bool:
        """Whether it is this tool's own measurement, which needs a sound generator."""
        return self.path[0] not in _GAUGES


class Levels:
    """All levels of a run.

    Args:
        data: the run; its windows may be joined already, and need no closings.
        line: its windows.
        joined: how many windows each row of ``data`` joins.

    Attributes:
        data: the run.
        connections: when how many were connected, moments and numbers.
    """

    def __init__(self, data: RunData, line: Timeline, joined: int = 1) -> None:
        self.data = data
        self._line = line
        self._row_s = data.window_s * joined
        self._untrusted = _untrusted(line, joined, data)
        self._gauges: dict[tuple[str, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
        columns = (data.gauges[name].tolist() for name in ("at_s", "name", "worker", "value"))
        for at_s, name, worker, value in zip(*columns, strict=True):
            at, values = self._gauges[name, worker]
            at.append(at_s)
            values.append(value)
        self.connections = self._summed("users.connected.")
        self._keys = set(zip(*(data.hists[column].tolist() for column in ("metric", "name", "role")), strict=True))

    def matching(self, path: tuple[str, ...]) -> list[Level]:
        """The levels that a budget's path means; none where the run has none of them.

        A gauge without a source means every source that has it; ``*`` means each name.
        """
        if path[0] in _GAUGES:
            what, source = path[-1], path[1] if len(path) == 3 else None
            keys = sorted(key for key in self._gauges if key[0] == f"{path[0]}.{what}" and source in (None, key[1]))
            return [self._gauge(key) for key in keys]
        return [level for key in self._hist_keys(path) if (level := self._percentile(*key)) is not None]

    def names(self) -> list[tuple[str, ...]]:
        """The paths of everything there is, gauges without their source and only those a soak cares for."""
        gauges = {tuple(name.split(".", 1)) for name, _ in self._gauges if name.split(".")[0] in _GAUGES}
        found = sorted(path for path in gauges if path[0] == "target") + sorted(
            path for path in gauges if path in {("generator", "rss_bytes"), ("generator", "fds")}
        )
        keys = sorted(self._keys)
        found += [("fanout", name, role, "p99_ms") for metric, name, role in keys if metric == "fanout"]
        found += [("rest", name, "p99_ms") for metric, name, _ in keys if metric == "rest"]
        found += [("presence", role, "beat_reply_p99_ms") for metric, _, role in keys if metric == "beat_reply"]
        return list(dict.fromkeys(found))

    def like(self, at_s: Floats, begin_s: float, end_s: float) -> NDArray[np.bool_]:
        """Which moments had about as many connections as the hold's median: growth is judged at like load."""
        at, connected = self.connections
        held = (at >= begin_s) & (at <= end_s)
        if not held.any():
            return np.ones(at_s.size, dtype=bool)
        typical = float(np.median(connected[held]))
        there = np.interp(at_s, at, connected)
        return np.abs(there - typical) <= max(_LIKE_SHARE * typical, 1.0)

    def _gauge(self, key: tuple[str, str]) -> Level:
        name, source = key
        section, what = name.split(".", 1)
        at, values = self._gauges[key]
        path = (section, source, what) if source else (section, what)
        rising = np.argsort(np.array(at), kind="stable")
        return Level(path, np.array(at, float)[rising], np.array(values, float)[rising])

    def _summed(self, prefix: str) -> tuple[Floats, Floats]:
        """Gauges of a prefix as one level: at each moment the newest values of all workers, summed."""
        keys = [key for key in self._gauges if key[0].startswith(prefix)]
        moments = np.unique(np.concatenate([np.array(self._gauges[key][0]) for key in keys])) if keys else np.zeros(0)
        total = np.zeros(moments.size)
        for key in keys:
            level = self._gauge(key)
            place = np.searchsorted(level.at_s, moments, side="right") - 1
            total += np.where(place >= 0, np.nan_to_num(level.values[np.maximum(place, 0)]), 0.0)
        return moments, total

    def _hist_keys(self, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str, str | None, str | None, float]]:
        """(path, metric, name, role, quantile) of each histogram that a path means."""
        named = _NAMED.fullmatch(path[-1])
        quantile = _QUANTILES[named[2] if named else path[-1]]
        there = {(name, role) for metric, name, role in self._keys if metric == (named[1] if named else path[0])}
        if path[0] == "cable":
            assert named is not None
            return [(path, named[1], None, None, quantile)] if there else []
        if path[0] == "presence":
            assert named is not None
            roles = sorted({role for _, role in there if path[1] in ("*", role)})
            return [(("presence", role, path[-1]), named[1], None, role, quantile) for role in roles]
        if path[0] == "rest":
            calls = sorted({name for name, _ in there if path[1] in ("*", name)})
            return [(("rest", call, path[-1]), "rest", call, None, quantile) for call in calls]
        events = sorted((n, r) for n, r in there if path[1] in ("*", n) and path[2] in ("*", r))
        return [(("fanout", name, role, path[-1]), "fanout", name, role, quantile) for name, role in events]

    def _percentile(
        self, path: tuple[str, ...], metric: str, name: str | None, role: str | None, quantile: float
    ) -> Level | None:
        frame = self.data.hists
        rows = frame[
            (frame["metric"] == metric)
            & ((frame["name"] == name) | (name is None))
            & ((frame["role"] == role) | (role is None))
            & ~frame["window"].isin(self._untrusted)
        ].sort_values("window")
        windows = rows["window"].tolist()
        starts, hists = rows["start_s"].tolist(), rows["hist"].tolist()
        needed = required_n(quantile)
        at_s, values = [], []
        waiting: list[Histogram] = []
        since_s, n = 0.0, 0
        for _, row in groupby(range(len(windows)), key=windows.__getitem__):
            places = list(row)
            since_s = since_s if waiting else starts[places[0]]
            waiting += [hists[place] for place in places]
            n += sum(hists[place].n for place in places)
            if n < needed:
                continue
            value = _merged(waiting).percentile(100 * quantile)
            if value is not None:
                at_s.append((since_s + starts[places[0]] + self._row_s) / 2)
                values.append(value / _US_PER_MS)
            waiting, n = [], 0
        return Level(path, np.array(at_s), np.array(values)) if values else None


def _merged(hists: list[Histogram]) -> Histogram:
    """Histograms as one; one alone is itself, not to be changed."""
    if len(hists) == 1:
        return hists[0]
    joined = Histogram()
    for hist in hists:
        joined.merge(hist)
    return joined


def _untrusted(line: Timeline, joined: int, data: RunData) -> set[int]:
    """Rows of which more windows are marked than a run may have."""
    if not line.breaches:
        return set()
    labels = np.unique(data.hists["window"].to_numpy(np.int64))
    marked = np.unique(np.array([breach.window for breach in line.breaches], np.int64))
    place = np.searchsorted(labels, marked, side="right") - 1
    counts = np.bincount(place[place >= 0], minlength=labels.size)
    return set(labels[counts > MAX_MARKED_SHARE * joined].tolist())
