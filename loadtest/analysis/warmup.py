"""The warm-up of a run, dropped by rule: the first seconds of the hold count as ramp.

A server that has just been started fills its caches, pools and code paths under the first load. Runs that are compared
drop the same number of seconds, fixed before anybody looks at the data: a rule that looks for where the numbers settle
would drop more from the slower build.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from loadtest.analysis.model import RunData
from loadtest.analysis.windows import timeline


def without_warm_up(data: RunData, warm_up_s: float) -> RunData:
    """The run with a later start of its hold.

    Args:
        data: the run.
        warm_up_s: how many seconds of its hold to drop; windows that began before are dropped whole.

    Raises:
        ValueError: that leaves no hold.
    """
    line = timeline(data)
    if line.hold_start_s is None or line.hold_s <= warm_up_s:
        raise ValueError(f"its hold of {line.hold_s:.0f} s is not longer than the warm-up of {warm_up_s:g} s")
    if not warm_up_s:
        return data
    start_s = line.hold_start_s + warm_up_s
    notes = data.notes.copy()
    begins = [
        kind == "phase" and (extra or {}).get("phase") == "hold"
        for kind, extra in zip(notes["kind"], notes["data"], strict=True)
    ]
    notes.loc[begins, "at_s"] = start_s
    return replace(data, hists=_later(data.hists, start_s), counts=_later(data.counts, start_s), notes=notes)


def _later(frame: pd.DataFrame, start_s: float) -> pd.DataFrame:
    """The frame, with what was held before ``start_s`` as ramp."""
    early = (frame["phase"] == "hold") & (frame["start_s"] < start_s)
    return frame.assign(phase=frame["phase"].mask(early, "ramp"))
