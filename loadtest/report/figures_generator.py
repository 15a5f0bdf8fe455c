"""The figure of the generator's own health: whether the numbers of a run can be the target's."""

from __future__ import annotations

import numpy as np

from loadtest.report import ink, wording
from loadtest.report.series import Frames, Key
from loadtest.report.timeline import Timeline


def _read_lag(frames: Frames) -> Key:
    """What the lag may be at most, by which windows are judged; older runs have only what it was at least."""
    most: Key = ("read_lag_most", "", "")
    return most if frames.percentiles(most, [99.0], frames.bins([most])).n.any() else ("read_lag", "", "")


def generator_over_time(frames: Frames, line: Timeline, limits: dict[str, float] | None = None) -> ink.Picture | None:
    """Lateness, loop lag, read lag and CPU share of the generator over time, with their limits and breached windows.

    Args:
        frames: the run.
        line: its time line.
        limits: ``lateness``, ``loop_lag`` and ``read_lag`` in milliseconds, ``cpu`` as a share; a limit not given is
            not drawn.
    """
    limits = limits or {}
    tails: list[tuple[str, Key, str]] = [
        ("Lateness: how long after its due time an action was sent off", ("lateness", "", ""), "lateness"),
        ("Event-loop lag: how long the generator could not react", ("loop_lag", "", ""), "loop_lag"),
        ("Read lag: how long the kernel had held what was read", _read_lag(frames), "read_lag"),
    ]
    bins = frames.bins([key for _, key, _ in tails])
    if not bins.count:
        return None
    keys = [
        ink.key_line(ink.BLUE, "p90"),
        ink.key_line(ink.VERMILLION, "p99"),
        ink.key_line(ink.MUTED, "max", marker=".", linestyle="none", markersize=5),
        ink.key_line(ink.VIOLET, "CPU share of the busiest worker"),
    ]
    if limits:
        keys.append(ink.key_line(ink.INK, "limit", linestyle=(0, (1, 1.5)), linewidth=1.3))
    figure, axes = ink.grid(4, 1, row_in=1.25, legend=ink.with_breach(keys, line))
    told: list[str] = []
    for panel, (title, key, limit) in zip(axes, tails, strict=False):
        series = frames.percentiles(key, [90.0, 99.0], bins)
        panel.plot(bins.centre_s, series.max_ms, ".", color=ink.MUTED, markersize=3.5)
        values = series.max_ms.tolist()
        for q, colour in ((90.0, ink.BLUE), (99.0, ink.VERMILLION)):
            ink.percentile_line(panel, bins.centre_s, series.by_q[q], colour)
            values += series.by_q[q].tolist()
        if limit in limits:
            panel.axhline(limits[limit], color=ink.INK, linestyle=(0, (1, 1.5)), linewidth=1.3)
            values.append(limits[limit])
        panel.set_title(title)
        ink.log_ms_axis(panel, values, title="time (log)", room=ink.NAMED_ROOM if limit == "lateness" else 0.0)
        if series.n.any():
            told.append(f"{title.split(':')[0]}: at most {wording.milliseconds(float(np.nanmax(series.max_ms)))}.")
    fine = frames.bins([])
    cpu = frames.gauge("generator.cpu_share", fine, across="max") * 100.0
    told_cpu = ~np.isnan(cpu)  # a tick may fall just into the next bin: no gap for that
    axes[3].plot(fine.centre_s[told_cpu], cpu[told_cpu], color=ink.VIOLET)
    shown = cpu.tolist()
    if "cpu" in limits:
        axes[3].axhline(limits["cpu"] * 100.0, color=ink.INK, linestyle=(0, (1, 1.5)), linewidth=1.3)
        shown.append(limits["cpu"] * 100.0)
    axes[3].set_title("CPU share of the busiest worker process, of one core")
    ink.linear_axis(axes[3], shown, "CPU", at_least=100.0, unit=" %")
    if not np.isnan(cpu).all():
        told.append(f"CPU: at most {np.nanmax(cpu):.0f} % of a core.")
    for row, panel in enumerate(axes):
        ink.time_axis(panel, line.begin_s, line.end_s, labelled=row == 3)
        ink.stretches(panel, line, named=row == 0)
    return ink.finish(
        figure,
        name="generator_over_time",
        title="The generator's own health",
        caption=(
            "All four are this tool's, not the target's: while they stay below their limits, a slow number is the "
            "target's. "
            "The limit of lateness holds for its p99, that of loop lag for its longest. That of read lag is for the "
            "p99 of one window's reads, where it is above a tenth of the latency's too: points above the line, which "
            "join several, need not be marked. "
            f"{ink.shading(line)}"
        ).strip(),
        alt=f"Line charts of the generator's health over time. {' '.join(told)} "
        f"{wording.many(len(line.breached), 'stretch', 'stretches')} of windows breached a limit.",
    )
