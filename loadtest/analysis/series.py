"""A run's histograms and counts, found by metric, name and role and cut to a set of windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadtest.analysis.model import RunData
from loadtest.analysis.quantiles import Pool
from loadtest.analysis.windows import Windows
from loadtest.metrics.histogram import Histogram

Key = tuple[str, str, str]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Rows:
    windows: list[int] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)


def _grouped(frame: pd.DataFrame, column: str) -> dict[Key, _Rows]:
    groups: dict[Key, _Rows] = defaultdict(_Rows)
    columns = (frame[name].tolist() for name in ("metric", "name", "role", "window", column))
    for metric, name, role, window, item in zip(*columns, strict=True):
        rows = groups[metric, name, role]
        rows.windows.append(window)
        rows.items.append(item)
    return dict(groups)


class Series:
    """The frames of a run, indexed.

    Args:
        data: the run.
    """

    def __init__(self, data: RunData) -> None:
        self._hists = _grouped(data.hists, "hist")
        self._counts = {
            key: (np.array(rows.windows, np.int64), np.array(rows.items, float))
            for key, rows in _grouped(data.counts, "value").items()
        }

    def hist_keys(self, metric: str) -> list[tuple[str, str]]:
        """The (name, role) pairs of which a histogram metric has rows, sorted."""
        return sorted((name, role) for found, name, role in self._hists if found == metric)

    def count_keys(self, prefix: str) -> list[Key]:
        """The (metric, name, role) keys of counts whose metric starts with a prefix, sorted."""
        return sorted(key for key in self._counts if key[0].startswith(prefix))

    def pool(
        self,
        metric: str,
        windows: Windows,
        *,
        name: str | None = None,
        role: str | None = None,
        lost: Floats | None = None,
    ) -> Pool:
        """The histograms of a metric over a set of windows.

        Args:
            metric: the metric.
            windows: ascending window numbers.
            name: one name, or None for all.
            role: one role, or None for all.
            lost: samples per window that never came, shape as ``windows``.
        """
        positions: list[int] = []
        hists: list[Histogram] = []
        place = {window: position for position, window in enumerate(windows.tolist())}
        for (found, its_name, its_role), rows in self._hists.items():
            if found != metric or name not in (None, its_name) or role not in (None, its_role):
                continue
            for window, hist in zip(rows.windows, rows.items, strict=True):
                position = place.get(window)
                if position is not None:
                    positions.append(position)
                    hists.append(hist)
        return Pool(np.array(positions, np.int64), hists, windows.size, lost)

    def out_of_range(self, windows: Windows) -> tuple[int, int]:
        """Samples that fell outside the histograms' range over a set of windows, and all samples."""
        wanted = set(windows.tolist())
        outside = inside = 0
        for rows in self._hists.values():
            for window, hist in zip(rows.windows, rows.items, strict=True):
                if window in wanted:
                    outside += hist.overflow + hist.underflow
                    inside += hist.n
        return outside, inside + outside

    def per_window(self, metric: str, windows: Windows, *, name: str | None = None, role: str | None = None) -> Floats:
        """A count in each window, shape as ``windows``; 0 where there is no row."""
        result = np.zeros(windows.size)
        for key in self._matching(metric, name, role):
            its_windows, values = self._counts[key]
            inside = np.isin(its_windows, windows)
            np.add.at(result, np.searchsorted(windows, its_windows[inside]), values[inside])
        return result

    def total(
        self, metric: str, windows: Windows | None, *, name: str | None = None, role: str | None = None
    ) -> float | None:
        """A count's sum over a set of windows, or over the whole run; None where the run has no row of it at all."""
        keys = self._matching(metric, name, role)
        if not keys:
            return None
        return sum(self._sum(key, windows) for key in keys)

    def by_name(self, metric: str, windows: Windows | None, *, role: str | None = None) -> dict[str, int]:
        """A count's sums by name, over all roles or for one, the zero ones left out."""
        return self._by(metric, windows, lambda key: key[1], role=role)

    def by_role(self, metric: str, windows: Windows | None, *, name: str) -> dict[str, int]:
        """A count's sums by role for one name, the zero ones left out."""
        return self._by(metric, windows, lambda key: key[2], name)

    def _by(
        self,
        metric: str,
        windows: Windows | None,
        label: Callable[[Key], str],
        name: str | None = None,
        role: str | None = None,
    ) -> dict[str, int]:
        sums: dict[str, float] = defaultdict(float)
        for key in self._matching(metric, name, role):
            sums[label(key)] += self._sum(key, windows)
        return {key: round(value) for key, value in sorted(sums.items()) if value}

    def _matching(self, metric: str, name: str | None, role: str | None) -> list[Key]:
        return [key for key in self._counts if key[0] == metric and name in (None, key[1]) and role in (None, key[2])]

    def _sum(self, key: Key, windows: Windows | None) -> float:
        its_windows, values = self._counts[key]
        return float(values.sum() if windows is None else values[np.isin(its_windows, windows)].sum())
