"""A run that was stopped before its plan was over: how far it came, and what that makes of its verdict.

So is one that was killed, or that still goes on: its store has no end. What it measured stands, so a limit that was
broken is FAIL. That none was broken says nothing of the rest of the plan: such a run is INCONCLUSIVE, never a silent
PASS. One that was stopped in its ramp has nothing to judge and is INVALID by the check of its hold. Whoever stops a run
whose plan has no end has interrupted nothing (:mod:`loadtest.plugin.course` tells which is which).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.analysis.model import Check
from loadtest.analysis.windows import Timeline
from loadtest.nouns import noun

_S_PER_MIN = 60.0
_S_PER_H = 3600.0


def whole_plan(meta: Mapping[str, Any], line: Timeline) -> Check | None:
    """The check that the plan was run to its end; None where it was, or where the plan has no end.

    Args:
        meta: the run's description.
        line: its windows.
    """
    planned_s, ran_s = meta.get("run_time_s"), meta.get("ran_s")
    endless = planned_s is None and not (meta.get("plan") or {}).get("emissions")
    if not meta.get("interrupted") and (line.ended or endless):
        return None
    note = f"{told(meta, line)} Nobody knows how the rest would have gone: let it end by itself."
    if planned_s is None or ran_s is None:
        return Check("whole plan", False, 1, "min", "", "INCONCLUSIVE", note=note)
    return Check("run time", float(ran_s), float(planned_s), "min", "s", "INCONCLUSIVE", note=note)


def told(meta: Mapping[str, Any], line: Timeline) -> str:
    """How far a run came that was interrupted, or that has no end, in a sentence.

    Args:
        meta: the run's description.
        line: its windows.
    """
    planned_s, ran_s = meta.get("run_time_s"), meta.get("ran_s")
    emissions = (meta.get("plan") or {}).get("emissions")
    of = why = ""
    if planned_s is not None:
        if ran_s is not None and line.hold.size and not meta.get("gaps"):  # what was gone on with had several ramps
            ramp_s = max(float(ran_s) - line.hold_s, 0.0)
            of = f" of {_time(max(float(planned_s) - ramp_s, line.hold_s))}"
        why = f" (--run-time {_time(float(planned_s))})"
    elif emissions:
        them = noun(emissions, "its one message was", f"all {emissions:,} messages of its plan were")
        why = f", before {them} sent"
    what = "was interrupted" if meta.get("interrupted") else "still goes on or was killed"
    return f"The run {what} after {_time(line.hold_s)}{of} of hold{why}."


def _time(seconds: float) -> str:
    if seconds < 2 * _S_PER_MIN:
        return f"{seconds:.3g} s"
    if seconds < 2 * _S_PER_H:
        return f"{seconds / _S_PER_MIN:.3g} min"
    return f"{seconds / _S_PER_H:.3g} h"
