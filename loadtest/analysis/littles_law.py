"""Little's law over the steps: mean deliveries under way = arrivals a second x mean time in the system.

Both sides are measured by different means. The left one is a count of frames: what was due so far less what has
arrived so far, at every window's end. The right one is the rate of what was due times the mean of the latency
histograms. Where they differ by more than the counting allows, one of the two is wrong, and so is every figure of that
step. Source: Little, "A proof for the queuing formula L = lambda W", 1961.

Arrivals are counted once a second, in the window in which they are counted: what came since the last count of a window
looks as if it were under way still, at most a second's worth of arrivals. The rest of the error is that of a mean over
windows, of which two neighbours are taken for one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loadtest.analysis.model import RunData

EVENT = "message.created"
COUNTED_EVERY_S = 1.0
"""How often a worker counts what arrived (``users.fleet``)."""

_S_PER_US = 1e-6


@dataclass(frozen=True, slots=True)
class LittlesLaw:
    """Both sides over one step.

    Attributes:
        counted: deliveries under way, from counts; mean over the hold's windows.
        expected: rate times mean latency.
        hidden: what may have come since the last count of a window, and looks as if it were under way.
        allowed: by how much they may differ besides.
    """

    counted: float
    expected: float
    hidden: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the law does."""
        return -self.allowed <= self.counted - self.expected <= self.hidden + self.allowed


def littles_law(data: RunData, first: int, end: int, since: int | None = None) -> LittlesLaw | None:
    """Hold the law against a stretch of windows of a whole run.

    Args:
        data: the run, with every window from the first one on (what is under way is counted from there).
        first: first window of the stretch.
        end: the one after its last.
        since: count from this window on instead: where a run was broken off, what was under way then never arrives.

    Returns:
        Both sides; None where deliveries were lost or cut (they are under way for ever), or nothing was delivered.
    """
    counts = data.counts[(data.counts["name"] == EVENT) & (data.counts["window"] < end)]
    if since is not None:
        counts = counts[counts["window"] >= since]
    gone = counts[
        counts["metric"].isin([f"delivery.{kind}" for kind in ("lost", "cut_by_peer", "undetermined", "away")])
    ]
    if gone["value"].sum() or not len(counts):
        return None
    windows = np.arange(int(counts["window"].min()), end)
    due = _per_window(counts[counts["metric"].isin(["delivery.delivered", "delivery.late"])], windows)
    arrived = _per_window(counts[counts["metric"] == "delivery.received"], windows)
    if not due[windows >= first].sum():
        return None
    under_way = np.cumsum(due) - np.cumsum(arrived)
    held = under_way[windows >= first]
    hists = data.hists[
        (data.hists["metric"] == "fanout")
        & (data.hists["name"] == EVENT)
        & (data.hists["window"] >= first)
        & (data.hists["window"] < end)
    ]["hist"]
    total_us = sum(float((values * numbers).sum()) for values, numbers in (hist.buckets() for hist in hists))
    seconds = (end - first) * data.window_s
    expected = total_us * _S_PER_US / seconds
    spread = float(held.std(ddof=1)) if held.size > 1 else abs(float(held.mean()))
    independent = max(2.0, held.size / 2)
    allowed = max(1.0, 3.0 * spread / math.sqrt(independent), 0.05 * expected)
    hidden = float(arrived[windows >= first].mean()) / data.window_s * COUNTED_EVERY_S
    return LittlesLaw(float(held.mean()), expected, hidden, allowed)


def _per_window(rows: pd.DataFrame, windows: np.ndarray) -> np.ndarray:
    found = np.zeros(windows.size)
    np.add.at(found, rows["window"].to_numpy(np.int64) - windows[0], rows["value"].to_numpy(float))
    return found
