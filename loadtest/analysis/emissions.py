"""Emissions as the samples they are: how many there were, when the last receiver had each, where its time went.

Read from the closing records, one per emission x receiver role x worker. An emission is named by its mark (or subject)
and its due time: subjects recur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadtest.analysis.model import RunData
from loadtest.analysis.quantiles import Pool
from loadtest.analysis.series import Series
from loadtest.analysis.windows import Windows
from loadtest.metrics.histogram import Histogram

_US_PER_S = 1_000_000
_SUMS = ("emitted", "delivered", "late", "lost", "cut_by_peer", "undetermined")


@dataclass(frozen=True, slots=True)
class Emissions:
    """The emissions of a run.

    Attributes:
        by_role: one row for each emission and receiver role: event, role, window, first_us and last_us (from the due
            time, NaN where nobody had it), and how its deliveries ended.
        whole: one row for each emission whose answer (2xx) and whose first receiver are known: event, window,
            lateness_us, rest_wait_us, response_us, first_us, last_us, and whether everybody had it (complete).
        share: of all emissions, these: a long run keeps the records of a fair sample.
    """

    by_role: pd.DataFrame
    whole: pd.DataFrame
    share: float = 1.0

    @classmethod
    def of(cls, data: RunData) -> Emissions:
        """Read them from the closing records."""
        frame = data.closings
        if frame.empty:
            told = ["event", "window", "first_us", "last_us"]
            stages = ["lateness_us", "rest_wait_us", "response_us", "complete"]
            return cls(pd.DataFrame(columns=[*told, "role", *_SUMS]), pd.DataFrame(columns=[*told, *stages]))
        frame = frame.assign(
            window=frame["due_us"].to_numpy(np.int64) // round(data.window_s * _US_PER_S),
            code=frame.groupby(["mark", "event", "due_us"], sort=False).ngroup(),
            first_us=frame["first_us"].astype(float),
            last_us=frame["last_us"].astype(float),
            response_us=frame["response_us"].astype(float),
        )
        how = {"window": "first", "first_us": "min", "last_us": "max"} | dict.fromkeys(_SUMS, "sum")
        by_role = frame.groupby(["event", "role", "code"], as_index=False, sort=False).agg(how)
        everybody = frame.groupby("code").agg(how | {"event": "first"})
        own = frame[(frame["emitted"] > 0) & (frame["status"] == "ok")].groupby("code")
        whole = everybody.join(own[["lateness_us", "rest_wait_us", "response_us"]].first(), how="inner")
        whole["complete"] = whole["lost"] + whole["cut_by_peer"] + whole["undetermined"] == 0
        share = float(data.meta.get("closing_share") or 1.0)
        return cls(by_role, whole.dropna(subset=["response_us", "first_us"]), share)

    def count(self, event: str, role: str, windows: Windows, series: Series) -> int:
        """Emissions of an event that reached for a role; an event without closing records counts what was emitted."""
        rows = self._of(event, role)
        if not (rows["delivered"] + rows["late"] + rows["lost"] > 0).any():
            return round(series.total("delivery.emitted", windows, name=event) or 0.0)
        settled = rows["delivered"] + rows["late"] + rows["lost"] > 0
        return round(int((settled & np.isin(rows["window"].to_numpy(np.int64), windows)).sum()) / self.share)

    def last(self, event: str, role: str, windows: Windows) -> Pool | None:
        """When the last of those required had each emission; one that somebody never had counts as lost.

        What the peer cut, and what cannot be told, leaves an emission out: its last receiver is not known.

        Returns:
            The latencies from the due time, or None where the records tell of no receiver, and of no emission that
            all of them lost.
        """
        rows = self._of(event, role)
        nobody = (rows["lost"] > 0) & (rows["delivered"] + rows["late"] == 0)
        if not (rows["last_us"].notna() | nobody).any():
            return None
        unknown = rows["cut_by_peer"] + rows["undetermined"] > 0
        lost = rows["lost"] > 0
        served = rows[~unknown & ~lost & rows["last_us"].notna()]
        return pool_of(served["last_us"], served["window"], windows, rows.loc[lost & ~unknown, "window"])

    def _of(self, event: str, role: str) -> pd.DataFrame:
        return self.by_role[(self.by_role["event"] == event) & (self.by_role["role"] == role)]


def pool_of(values_us: pd.Series, its_windows: pd.Series, windows: Windows, lost_in: pd.Series | None = None) -> Pool:
    """Latencies, one an emission, as a pool over windows.

    Args:
        values_us: microseconds.
        its_windows: the window of each.
        windows: those that count, ascending.
        lost_in: the windows of those that never came, one entry each.
    """
    values, places = values_us.to_numpy(float), its_windows.to_numpy(np.int64)
    inside = np.isin(places, windows)
    places, values = np.searchsorted(windows, places[inside]), values[inside]
    order = np.argsort(places, kind="stable")
    positions, starts = np.unique(places[order], return_index=True)
    hists = []
    for part in np.split(values[order], starts[1:]) if len(positions) else []:
        hist = Histogram()
        hist.record_many(part.astype(np.int64))
        hists.append(hist)
    return Pool(positions.astype(np.int64), hists, windows.size, _counts(lost_in, windows))


def _counts(its_windows: pd.Series | None, windows: Windows) -> NDArray[np.float64] | None:
    if its_windows is None:
        return None
    places = its_windows.to_numpy(np.int64)
    inside = places[np.isin(places, windows)]
    return np.bincount(np.searchsorted(windows, inside), minlength=windows.size).astype(np.float64)
