"""Which windows of a run count: its phases, and the windows that the generator's own breaches mark as untrusted.

A run has a ramp, a hold and a drain (design, "What counts"). Summary and verdict cover the hold; what happens when
users connect covers ramp and hold. The ``phase`` column of the frames says where a window belongs; notes of kind
``phase`` give the exact times, notes of kind ``breach`` the marked windows.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadtest.analysis.model import RunData

Windows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Breach:
    """A moment at which the generator, not the target, may have been the limit.

    Attributes:
        window: the window it marks.
        cause: why (``lateness``, ``loop_lag`` or ``cpu`` of the generator itself, ``steal``, ``machine``, ...).
        value: what it was.
        limit: what it may be.
        remedy: what to do about it, as an instruction.
        measure: what was out of bounds, where that is not the cause itself.
    """

    window: int
    cause: str
    value: float
    limit: float
    remedy: str
    measure: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The windows a measure is taken over.

    Attributes:
        hold: windows of the hold, ascending.
        connecting: windows of ramp and hold, ascending.
        complete: whether no window was left out.
    """

    hold: Windows
    connecting: Windows
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run's windows.

    Attributes:
        hold: windows of the hold, ascending and without gaps; empty where the run never held.
        connecting: windows of ramp and hold, ascending and without gaps.
        hold_s: length of the hold in seconds.
        duration_s: length of the run in seconds, as far as it is recorded.
        hold_start_s: start of the hold in seconds since the run's start; None without a hold.
        hold_end_s: its end.
        ended: whether the run recorded its end.
        breaches: the breaches within ramp and hold.
    """

    hold: Windows
    connecting: Windows
    hold_s: float
    duration_s: float
    hold_start_s: float | None
    hold_end_s: float | None
    ended: bool
    breaches: tuple[Breach, ...]

    @property
    def marked(self) -> Windows:
        """Marked windows of the hold, ascending."""
        return np.intersect1d(self.hold, np.array([breach.window for breach in self.breaches], np.int64))

    @property
    def marked_share(self) -> float:
        """Marked windows as a share of the hold's windows; 0 without a hold."""
        return self.marked.size / self.hold.size if self.hold.size else 0.0

    def causes(self) -> dict[str, int]:
        """How many windows of the hold each cause marks."""
        held = set(self.hold.tolist())
        pairs = {(breach.cause, breach.window) for breach in self.breaches if breach.window in held}
        return dict(Counter(cause for cause, _ in sorted(pairs)))

    def full(self) -> Scope:
        """Everything: what the summary shows."""
        return Scope(self.hold, self.connecting)

    def trusted(self) -> Scope:
        """Only unmarked windows: what the verdict is judged by."""
        marked = np.array(sorted({breach.window for breach in self.breaches}), np.int64)
        hold = np.setdiff1d(self.hold, marked)
        connecting = np.setdiff1d(self.connecting, marked)
        complete = hold.size == self.hold.size and connecting.size == self.connecting.size
        return Scope(hold, connecting, complete)


def timeline(data: RunData) -> Timeline:
    """Read a run's phases and breaches from its frames.

    A hold reaches from the first to the last window whose rows carry the phase ``hold``; windows without any row
    between them belong to it too. Its length comes from the phase notes where both are there.
    """
    windows = np.concatenate([data.hists["window"].to_numpy(np.int64), data.counts["window"].to_numpy(np.int64)])
    starts = np.concatenate([data.hists["start_s"].to_numpy(float), data.counts["start_s"].to_numpy(float)])
    phases = np.concatenate([data.hists["phase"].to_numpy(object), data.counts["phase"].to_numpy(object)])
    window_s = data.window_s
    held = windows[phases == "hold"]
    before = windows[(phases == "ramp") | (phases == "hold")]
    moments = _phase_moments(data)

    hold_start = moments.get("hold")
    hold_end = moments.get("drain")
    if held.size:
        offset_s = float(starts[0]) - float(windows[0]) * window_s
        if hold_start is None:
            hold_start = float(held.min()) * window_s + offset_s
        if hold_end is None:
            hold_end = float(held.max() + 1) * window_s + offset_s
    else:
        hold_start = hold_end = None
    hold_s = 0.0
    if hold_start is not None and hold_end is not None:
        whole = _span(held).size - _span(held, data).size if held.size else 0
        hold_s = max(hold_end - hold_start - whole * window_s, 0.0)
    known_ends = [*moments.values(), *data.gauges["at_s"].tolist(), *data.notes["at_s"].tolist()]
    if starts.size:
        known_ends.append(float(starts.max()) + (0.0 if "end" in moments else window_s))
    duration_s = moments.get("end", max(known_ends, default=0.0))
    return Timeline(
        hold=_span(held, data),
        connecting=_span(before, data),
        hold_s=hold_s,
        duration_s=max(duration_s, 0.0),
        hold_start_s=hold_start,
        hold_end_s=hold_end,
        ended=("end" in moments or bool(data.meta.get("ended_at"))) and not _is_away(data),
        breaches=tuple(_breaches(data)),
    )


def _is_away(data: RunData) -> bool:
    """Whether a run that was gone on with has not held again: the end that it has is that of the part before."""
    return any(last is None for _, last in data.meta.get("gaps") or ())


def _span(windows: Windows, data: RunData | None = None) -> Windows:
    """All windows from the first to the last, but for those in a gap of the run."""
    if not windows.size:
        return np.zeros(0, np.int64)
    span = np.arange(windows.min(), windows.max() + 1, dtype=np.int64)
    for first, last in (data.meta.get("gaps") or ()) if data is not None else ():
        span = span[(span < first) | (span > (np.iinfo(np.int64).max if last is None else last))]
    return span


def notes_of(data: RunData, kind: str) -> list[tuple[float, str, dict[str, Any]]]:
    """The notes of one kind as (seconds since the run's start, text, data)."""
    rows = zip(data.notes["at_s"], data.notes["kind"], data.notes["text"], data.notes["data"], strict=True)
    return [(float(at_s), str(text), dict(extra or {})) for at_s, found, text, extra in rows if found == kind]


def held_gauges(data: RunData, line: Timeline) -> pd.DataFrame:
    """The gauges read during the hold."""
    if line.hold_start_s is None or line.hold_end_s is None:
        return data.gauges.iloc[:0]
    at_s = data.gauges["at_s"]
    return data.gauges[(at_s >= line.hold_start_s) & (at_s <= line.hold_end_s)]


def _phase_moments(data: RunData) -> dict[str, float]:
    """When each phase began, in seconds since the run's start; the first note of a phase counts.

    Of a run that was gone on with, an end that another hold follows is none.
    """
    moments: dict[str, float] = {}
    for at_s, _, extra in notes_of(data, "phase"):
        phase = str(extra.get("phase", ""))
        if phase == "hold":
            moments = {name: at for name, at in moments.items() if name not in ("drain", "end")}
        moments.setdefault(phase, at_s)
    return moments


def _breaches(data: RunData) -> list[Breach]:
    found = []
    for _, text, extra in notes_of(data, "breach"):
        if "window" not in extra:
            continue
        found.append(
            Breach(
                window=int(extra["window"]),
                cause=str(extra.get("cause", text)),
                value=_number(extra.get("value")),
                limit=_number(extra.get("limit")),
                remedy=str(extra.get("remedy", "")),
                measure=str(extra.get("measure", "")),
            )
        )
    return found


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
