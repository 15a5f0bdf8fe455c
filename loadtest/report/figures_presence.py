"""The figure of presence accuracy over time, against the best that the configured beat and expiry allow.

P_A is the query accuracy probability of Chen, Toueg & Aguilera (IEEE Transactions on Computers 51(5), 2002): the share
of an observer's time in which a living target is shown as online; here per window, over all pairs.
"""

from __future__ import annotations

import numpy as np

from loadtest.report import ink, wording
from loadtest.report.series import Floats, Frames
from loadtest.report.timeline import Timeline

_MOST_PANELS = 4
_PLURAL = {"agent": "agents", "contact": "contacts"}


def presence_over_time(frames: Frames, line: Timeline) -> ink.Picture | None:
    """Presence accuracy of each pair of target role and observer role over time, with its ceiling."""
    pairs = [
        (target, observer)
        for target, observer in frames.keys("presence.alive_us")
        if frames.total(("presence.alive_us", target, observer), phases=("ramp", "hold", "drain")) > 0
    ][:_MOST_PANELS]
    if not pairs:
        return None
    bins = frames.bins([])
    keys = [
        ink.key_line(ink.BLUE, "accuracy"),
        ink.key_line(ink.VERMILLION, "ceiling of beat and expiry", linestyle=(0, (3, 2)), linewidth=1.3),
    ]
    figure, axes = ink.grid(len(pairs), 1, row_in=1.5, legend=ink.with_breach(keys, line))
    told: list[str] = []
    lines: list[tuple[Floats, Floats]] = []
    for target, observer in pairs:
        alive = frames.sums([("presence.alive_us", target, observer)], bins)
        right = frames.sums([("presence.right_us", target, observer)], bins)
        ideal = frames.sums([("presence.ideal_right_us", target, observer)], bins)
        accuracy = _share(right, alive)
        has_ceiling = ("presence.ideal_right_us", target, observer) in frames.count_keys
        lines.append((accuracy, _share(ideal, alive) if has_ceiling else np.full(bins.count, np.nan)))
    lowest = min((float(v) for both in lines for values in both for v in values if not np.isnan(v)), default=0.0)
    floor = 0.0 if lowest < 50 else 50.0 if lowest < 80 else 80.0 if lowest < 95 else 90.0
    for row, (panel, (target, observer), (accuracy, ceiling)) in enumerate(zip(axes, pairs, lines, strict=True)):
        panel.plot(bins.centre_s, accuracy, color=ink.BLUE)
        panel.plot(bins.centre_s, ceiling, color=ink.VERMILLION, linestyle=(0, (3, 2)), linewidth=1.3, zorder=3)
        panel.fill_between(
            bins.centre_s, accuracy, ceiling, where=accuracy < ceiling, color=ink.VERMILLION, alpha=0.15, linewidth=0
        )
        panel.set_title(ink.label(f"{_name(target)} as {_name(observer)} see them"))
        panel.set_ylim(floor - (100 - floor) * 0.03, 100 + (100 - floor) * (ink.NAMED_ROOM if row == 0 else 0.06))
        ticks = np.linspace(floor, 100.0, 5 if floor in (0.0, 80.0) else 6 if floor == 50.0 else 3)
        panel.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
        panel.set_ylabel("time right")
        ink.time_axis(panel, line.begin_s, line.end_s, labelled=row == len(pairs) - 1)
        ink.stretches(panel, line, named=row == 0)
        in_hold = frames.total(("presence.alive_us", target, observer))
        if in_hold:
            share = wording.percent(frames.total(("presence.right_us", target, observer)) / in_hold)
            told.append(f"{_name(target)} seen by {_name(observer)}: right {share} of the hold.")
    start = "" if floor == 0 else f"The axis starts at {floor:g} %. "
    unknown = (
        ""
        if all(not np.isnan(ceiling).all() for _, ceiling in lines)
        else "No ceiling is drawn where the server's expiry is unknown. "
    )
    return ink.finish(
        figure,
        name="presence_over_time",
        title="Presence accuracy over time",
        caption=(
            "Share of the time in which an observer was shown somebody who was there as online; the ceiling is what "
            f"beat and expiry allow without any load. {start}{unknown}{ink.shading(line)}"
        ).strip(),
        alt="Line charts of presence accuracy over time. " + " ".join(told),
    )


def _name(role: str) -> str:
    return _PLURAL.get(role, ink.label(role))


def _share(part: Floats, whole: Floats) -> Floats:
    """``part / whole`` in percent, NaN where there is nothing to divide by."""
    share: Floats = np.divide(part * 100.0, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return share
