"""A run's histograms and counts, found by metric, name and role and cut to a set of windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import compress, pairwise
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
    windows: NDArray[np.int64]
    items: list[Any]


def key_stretches(frame: pd.DataFrame) -> Iterator[tuple[Key, slice]]:
    """Where neighbouring rows have the same key; one of the store's frames has one stretch a key.

    Args:
        frame: with columns metric, name and role.

    Yields:
        The key (metric, name, role), and its rows' places.
    """
    columns = [frame[name].to_numpy(object) for name in ("metric", "name", "role")]
    changed = np.zeros(max(len(frame) - 1, 0), dtype=bool)
    for column in columns:
        changed |= column[1:] != column[:-1]
    edges = [0, *(np.flatnonzero(changed) + 1).tolist(), len(frame)] if len(frame) else []
    for begin, end in pairwise(edges):
        metric, name, role = (column[begin] for column in columns)
        yield (metric, name, role), slice(begin, end)


def _grouped(frame: pd.DataFrame, column: str) -> dict[Key, _Rows]:
    windows, items = frame["window"].to_numpy(np.int64), frame[column].tolist()
    stretches: dict[Key, list[slice]] = defaultdict(list)
    for key, stretch in key_stretches(frame):
        stretches[key].append(stretch)
    return {
        key: _Rows(
            np.concatenate([windows[stretch] for stretch in found]), [x for stretch in found for x in items[stretch]]
        )
        for key, found in stretches.items()
    }


class Series:
    """The frames of a run, indexed.

    Args:
        data: the run.
    """

    def __init__(self, data: RunData) -> None:
        self._hists = _grouped(data.hists, "hist")
        self._counts = {
            key: (rows.windows, np.array(rows.items, float)) for key, rows in _grouped(data.counts, "value").items()
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
        positions: list[NDArray[np.int64]] = []
        hists: list[Histogram] = []
        for (found, its_name, its_role), rows in self._hists.items():
            if found != metric or name not in (None, its_name) or role not in (None, its_role):
                continue
            inside = np.isin(rows.windows, windows)
            positions.append(np.searchsorted(windows, rows.windows[inside]))
            hists += compress(rows.items, inside.tolist())
        return Pool(np.concatenate(positions) if hists else np.zeros(0, np.int64), hists, windows.size, lost)

    def out_of_range(self, windows: Windows) -> tuple[int, int]:
        """Samples that fell outside the histograms' range over a set of windows, and all samples."""
        outside = inside = 0
        for rows in self._hists.values():
            for hist in compress(rows.items, np.isin(rows.windows, windows).tolist()):
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
