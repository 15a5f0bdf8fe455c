"""The figure of storms: the herd that comes back, and how many of it are there again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loadtest.report import ink, wording
from loadtest.report.series import Frames

MOST_STORMS = 4
_COLOURS = (ink.GREEN, ink.VERMILLION, ink.VIOLET, ink.GOLD)
_US_PER_S = 1_000_000


def storm_herds(frames: Frames, storms: Sequence[Mapping[str, Any]]) -> ink.Picture | None:
    """Attempts to connect by step of time, and the share confirmed again, from each storm's beginning on.

    Args:
        frames: the run's frames.
        storms: the summary's storms.
    """
    shown = [storm for storm in storms if storm["dropped"] and storm["herd"]][:MOST_STORMS]
    if not shown:
        return None
    end_s = max(len(storm["herd"]) * storm["bin_s"] for storm in shown)
    keys = [ink.key_line(colour, _named(storm)) for storm, colour in zip(shown, _COLOURS, strict=False)]
    figure, axes = ink.grid(2, 1, row_in=1.5, legend=keys)
    rates, spoken = [], []
    for storm, colour in zip(shown, _COLOURS, strict=False):
        bin_s, herd = storm["bin_s"], storm["herd"]
        per_s = np.array([*herd, 0], float) / bin_s
        axes[0].step(np.arange(len(per_s)) * bin_s, per_s, where="post", color=colour)
        rates += per_s.tolist()
        at_s, share = _back(frames, storm)
        axes[1].step([0.0, *at_s], [0.0, *share], where="post", color=colour)
        end_s = max([end_s, *at_s])
        spoken.append(f"{_named(storm)}: at most {storm['herd_peak']} attempts in {bin_s:g} s; {storm['back']} back.")
    axes[0].set_title("Attempts to connect after the storm")
    ink.linear_axis(axes[0], rates, "per second")
    axes[1].set_title("Confirmed again, of those it struck")
    ink.linear_axis(axes[1], [0.0, 100.0], "%")
    for row, panel in enumerate(axes):
        panel.set_xlim(0.0, end_s * 1.02)
        panel.tick_params(labelbottom=row == 1)
    axes[1].set_xlabel("seconds since the storm began")
    return ink.finish(
        figure,
        name="storm_herds",
        title="Storms: the herd that comes back",
        caption="Each storm from its own beginning. A steep step is a herd that the server sees at once.",
        alt="Line charts. " + " ".join(spoken),
    )


def _named(storm: Mapping[str, Any]) -> str:
    return f"{wording.plain(storm['name'])}, {wording.many(storm['dropped'], 'socket')}"


def _back(frames: Frames, storm: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """When how much of all that were struck was confirmed again, in seconds and percent."""
    merged = frames.hold(("storm.back", storm["name"], ""), phases=("ramp", "hold", "drain"))
    if not merged.n:
        return [], []
    values_us, counts = merged.buckets()
    share = 100.0 * np.cumsum(np.asarray(counts, float)) / storm["dropped"]
    return (np.asarray(values_us, float) / _US_PER_S).tolist(), share.tolist()
