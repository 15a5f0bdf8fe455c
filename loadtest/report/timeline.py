"""A run's time line: its phases, and the windows in which the generator could not be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

PHASES = ("ramp", "hold", "drain")


@dataclass(frozen=True, slots=True)
class Timeline:
    """Stretches of a run in seconds since its start.

    Attributes:
        phases: (name, begin_s, end_s) of each phase that has data, in order.
        breached: (begin_s, end_s) of each stretch of untrusted windows, neighbours joined.
        limits: the limits that were crossed, by what crossed them (``lateness``, ``loop_lag``, ``cpu``, ...).
    """

    phases: list[tuple[str, float, float]] = field(default_factory=list)
    breached: list[tuple[float, float]] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def begin_s(self) -> float:
        return min((begin for _, begin, _ in self.phases), default=0.0)

    @property
    def end_s(self) -> float:
        return max((end for _, _, end in self.phases), default=1.0)


def timeline(hists: pd.DataFrame, counts: pd.DataFrame, notes: pd.DataFrame, window_s: float) -> Timeline:
    """Read the time line out of a run's frames.

    Args:
        hists: with columns window, start_s, phase.
        counts: with columns window, start_s, phase.
        notes: with columns kind and data; kind "breach" names a window in its data.
        window_s: length of a window in seconds.
    """
    columns = ["window", "start_s", "phase"]
    windows = pd.concat([hists[columns], counts[columns]]).drop_duplicates("window").sort_values("window")
    if windows.empty:
        return Timeline()
    spans = windows.groupby("phase")["start_s"].agg(["min", "max"])
    begins = {str(name): (float(row["min"]), float(row["max"]) + window_s) for name, row in spans.iterrows()}
    phases = [(name, *begins[name]) for name in PHASES if name in begins]
    if phases and -window_s < phases[0][1] < 0.0 < phases[0][2]:  # its window had begun before the run did
        phases[0] = (phases[0][0], 0.0, phases[0][2])
    phases = [
        (name, begin, phases[i + 1][1] if i + 1 < len(phases) else end) for i, (name, begin, end) in enumerate(phases)
    ]
    first = windows.iloc[0]
    origin_s = float(first["start_s"]) - int(first["window"]) * window_s
    untrusted: set[int] = set()
    limits: dict[str, float] = {}
    for data in notes.loc[notes["kind"] == "breach", "data"]:
        if isinstance(data.get("window"), int):
            untrusted.add(data["window"])
        if isinstance(data.get("limit"), int | float):
            limits[str(data.get("measure") or data.get("cause", ""))] = float(data["limit"])
    breached: list[tuple[float, float]] = []
    for window in sorted(untrusted):
        begin = origin_s + window * window_s
        if breached and begin - breached[-1][1] < window_s / 2:
            breached[-1] = (breached[-1][0], begin + window_s)
        else:
            breached.append((begin, begin + window_s))
    return Timeline(phases=[*phases, *_gaps(notes)], breached=breached, limits=limits)


def _gaps(notes: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Where there is no data because the generator was away, as stretches of their own, within the hold."""
    resumed = notes[notes["kind"] == "resumed"]
    lengths = [(data["resumed_us"] - data["gap_from_us"]) / 1e6 for data in resumed["data"]]
    if not lengths:
        return []
    return [("gap", at_s - length, at_s) for at_s, length in zip(resumed["at_s"], lengths, strict=True)]
