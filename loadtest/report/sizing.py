"""What a load takes of the capacity found, and how capacity grows with server processes, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.analysis.sizing import Scaled, Sizing
from loadtest.report import wording
from loadtest.report.wording import count, percent, rate


def sizing_text(found: Sizing) -> str:
    """An answer in a few lines."""
    asked = found.asked
    load = f"{count(asked.agents)} agents, {count(asked.contacts)} contacts, {rate(asked.rate, ' messages/s')}"
    if found.share is None or found.interval is None:
        return "\n".join([f"{load}: not told.", *(f"  {text}" for text in found.outside)])
    low, high = found.interval
    by = "CPU" if found.by == "cpu" else f"the {found.by} axis"
    sure = "95 %: " if found.by == "cpu" else ""
    lines = [
        f"{load}: at {percent(found.share)} of the capacity found ({sure}{percent(low)} to {percent(high)}), by {by}."
    ]
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])


def scaling_text(rows: Sequence[Scaled]) -> str:
    """Capacity by server processes, a line each."""
    lines = []
    for row in rows:
        between = "no interval" if row.interval is None else f"{row.interval[0]:,.4g} to {row.interval[1]:,.4g}"
        efficiency = wording.MISSING if row.efficiency is None else percent(row.efficiency)
        processes = wording.many(row.processes, "process", "processes")
        lines.append(
            f"{processes:<12} {row.axis} {between:<18} {rate(row.deliveries, ' deliveries/s'):<20} "
            f"{efficiency} of linear growth"
        )
    return "\n".join(lines)
