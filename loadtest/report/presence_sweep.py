"""A sweep of heartbeats as table, figure and page; works on the JSON values of ``presence-sweep.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loadtest.report import ink, wording
from loadtest.report.tables import Cell, Column, Table
from loadtest.report.wording import count, number, percent, seconds


def table(points: Sequence[Mapping[str, Any]]) -> Table:
    """Accuracy, detection and cost by heartbeat."""
    rows = []
    for one in points:
        per_hour = number(one.get("mistakes_per_hour"))
        cut_short = f"{count(one['cut_short'])} cut short" if one["cut_short"] else ""
        rows.append(
            [
                Cell(seconds(one["heartbeat_s"]), "" if one["verdict"] != "INVALID" else "INVALID"),
                Cell(percent(one.get("p_a"))),
                Cell(percent(one.get("p_a_ceiling"))),
                Cell(percent(one.get("p_a_naive"))),
                Cell(wording.MISSING if per_hour is None else wording.significant(per_hour)),
                Cell(seconds(one.get("detection_p50_s"))),
                Cell(seconds(one.get("detection_max_s")), cut_short),
                Cell(percent(one.get("false_online_share"))),
                Cell(wording.bytes_(one.get("bytes_per_s")) + "/s"),
                Cell(wording.rate(one.get("frames_per_s"))),
                Cell(percent(one.get("server_cpu_share"))),
            ]
        )  # fmt: skip
    columns = [
        Column("heartbeat", numeric=False),
        Column("shown right", "P_A: share of the time in which agents who were there were shown so."),
        Column("ideal server", "The same of a server without delay, with the same beats."),
        Column("min(1, E/H)"),
        Column("mistakes an hour", "Per hour of a pair: somebody who was there vanished from a view."),
        Column("noticed, p50", "From leaving until observers were told."),
        Column("longest"),
        Column("falsely online", "Of the time people were away."),
        Column("presence", "Bytes of presence.update over all sockets."),
        Column("frames"),
        Column("server CPU", "Of one core, where it was watched."),
    ]
    return Table("presence_sweep", "Presence by heartbeat", columns, rows)


def reasons(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """What heartbeat and expiry alone make of it, for each heartbeat that cannot keep people online."""
    return [str(one["why"]) for one in points if one.get("why")]


def advice(points: Sequence[Mapping[str, Any]]) -> str:
    """The slowest heartbeat that still shows people rightly, in a sentence; empty where none was measured well."""
    good = [one for one in points if one["verdict"] != "INVALID" and (number(one.get("p_a")) or 0.0) >= 0.99]
    if not good:
        return "No heartbeat kept people shown rightly for 99 % of the time."
    best = max(good, key=lambda one: one["heartbeat_s"])
    beat_s = best["heartbeat_s"]
    said = f"The slowest heartbeat that kept people shown rightly for 99 % of the time is {seconds(beat_s)}."
    expiry_s = number(best.get("expiry_s"))
    if expiry_s is not None and expiry_s < 2 * beat_s:
        said += (
            f" It leaves {seconds(round(expiry_s - beat_s, 3))} for a beat that is late, and nothing for one that is "
            f"lost: to bear k lost beats an expiry must be k + 1 heartbeats."
        )
    return said


def markdown(points: Sequence[Mapping[str, Any]]) -> str:
    """The table for a file or a terminal."""
    found = table(points)
    lines = ["| " + " | ".join(column.title for column in found.columns) + " |"]
    lines.append("|" + "|".join("--:" if column.numeric else "---" for column in found.columns) + "|")
    for row in found.rows:
        cells = (f"{cell.text} ({cell.detail})" if cell.detail else cell.text for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", advice(points), *(f"\n{reason}" for reason in reasons(points))]) + "\n"


def figure(points: Sequence[Mapping[str, Any]]) -> ink.Picture:
    """Accuracy, detection time and cost over the heartbeat."""
    at = np.array([one["heartbeat_s"] for one in points], dtype=float)

    def line(key: str, factor: float = 1.0) -> np.ndarray[Any, Any]:
        values = [number(one.get(key)) for one in points]
        return np.array([np.nan if value is None else value * factor for value in values], dtype=float)

    with ink.style():
        keys = [
            ink.key_line(ink.BLUE, "measured", marker="o", markersize=4),
            ink.key_line(ink.VERMILLION, "an ideal server", linestyle=(0, (3, 2)), linewidth=1.3),
        ]
        drawn, axes = ink.grid(3, 1, row_in=1.5, legend=keys)
        accuracy, noticed, cost = axes
        accuracy.plot(at, line("p_a", 100), color=ink.BLUE, marker="o", markersize=4)
        accuracy.plot(
            at, line("p_a_ceiling", 100), color=ink.VERMILLION, linestyle=(0, (3, 2)), linewidth=1.3, zorder=4
        )
        accuracy.set_title("agents shown rightly")
        accuracy.set_ylim(0, 106)
        accuracy.set_ylabel("% of the time")
        noticed.plot(at, line("detection_p50_s"), color=ink.BLUE, marker="o", markersize=4)
        noticed.plot(at, line("detection_max_s"), color=ink.BLUE, marker="o", markersize=3, alpha=0.45)
        noticed.set_title("time until observers were told that somebody left: half of them, and the last (pale)")
        ink.linear_axis(noticed, [*line("detection_max_s"), 1.0], "time [s]")
        cost.plot(at, line("bytes_per_s", 1 / 1024), color=ink.BLUE, marker="o", markersize=4)
        cost.set_title("presence received by all sockets")
        ink.linear_axis(cost, line("bytes_per_s", 1 / 1024), "KiB/s", at_least=0.1)
        for panel in axes:
            panel.set_xticks(at, [f"{value:g}" for value in at] if panel is cost else [""] * len(at))
        cost.set_xlabel("heartbeat [s]")
        told = "; ".join(f"{one['heartbeat_s']:g} s: {percent(one.get('p_a'))}" for one in points)
        return ink.finish(
            drawn,
            name="presence-sweep",
            title="Presence by heartbeat",
            caption="Each point is one run; a faster beat is more accurate, notices earlier, and costs more.",
            alt=f"Accuracy, time to notice and cost by heartbeat. {told}.",
        )
