"""A long run in few rows: gauges averaged over steps of time, and how many windows to join, by SQL and while reading.

Days of readings at one every two seconds are millions of rows; a soak's judge and page need some hundreds.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from loadtest.store import opening
from loadtest.store.reader import Run

MOST_STEPS: Final = 1440
_US_PER_S: Final = 1_000_000
_QUERY: Final = (
    "SELECT at_us / :step, name, worker, avg(value) FROM gauge "
    "WHERE value IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)


def windows_per_step(run: Run, most: int = MOST_STEPS) -> int:
    """How many windows to join so that at most ``most`` rows a series are left."""
    phases = run.phases()
    if phases.first is None or phases.last is None:
        return 1
    return -(-(phases.last - phases.first + 1) // most)


def gauge_steps(run: Run, step_s: float) -> pd.DataFrame:
    """Gauges averaged over steps of time.

    Args:
        run: the run.
        step_s: length of a step in seconds.

    Returns:
        Columns at_s (middle of the step, since the run's start), name, worker, value, as ``Run.gauge_frame``.
    """
    step_us = max(round(step_s * _US_PER_S), 1)
    with opening.connect(run.path) as connection:
        rows = connection.execute(_QUERY, {"step": step_us}).fetchall()
    at_s = (np.array([row[0] for row in rows], dtype=np.float64) + 0.5) * step_us / _US_PER_S - run.started_s
    return pd.DataFrame(
        {
            "at_s": pd.Series(at_s, dtype="float64"),
            "name": pd.Series([row[1] for row in rows], dtype="object"),
            "worker": pd.Series([row[2] for row in rows], dtype="object"),
            "value": pd.Series([row[3] for row in rows], dtype="float64"),
        }
    )
