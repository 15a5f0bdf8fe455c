"""What a load takes of the capacity found, and how capacity grows with server processes, as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from loadtest.analysis.scaling import Contention, Scaled, Scaling
from loadtest.analysis.sizing import Asked, Sizing
from loadtest.report import wording
from loadtest.report.wording import count, percent, rate

WIDTH = 98
_BY = {
    "cpu": "by CPU",
    "deliveries": "by deliveries",
    "work": "by deliveries and people",
    "agents": "by the agents axis",
    "contacts": "by the contacts axis",
    "emit-rate": "by the emit-rate axis",
}
_GROWTH = {
    "linear": "growth is linear within what was measured",
    "less than linear": "growth is less than linear: processes get in each other's way",
    "more than linear": "growth is more than linear: something else than processes held the smallest one up",
    "falling": "a larger installation carries less than a smaller one",
}
_NOTHING = 1e-4
"""Less than this hinders nobody at any size that is searched."""


def asked_said(asked: Asked) -> str:
    """The load asked about."""
    who = f"{wording.many(asked.agents, 'agent')}, {wording.many(asked.contacts, 'contact')}"
    return f"{who}, {rate(asked.rate, ' messages/s')}"


def share_said(found: Sizing) -> str:
    """The answer, without the load; empty where nothing is told."""
    if found.share is None or found.interval is None:
        return ""
    low, high = found.interval
    sure = "95 %: " if found.by == "cpu" else ""
    return f"at {percent(found.share)} of the capacity found ({sure}{percent(low)} to {percent(high)}), {_BY[found.by]}"


def work_said(found: Sizing) -> str:
    """The load in deliveries a second; empty where that is not known."""
    if found.deliveries is None or found.carried is None:
        return ""
    most = rate(found.carried, "")
    return (
        f"It stands for about {rate(found.deliveries, ' deliveries/s')}; at most {most} were carried within the limits."
    )


def sizing_text(found: Sizing) -> str:
    """An answer in a few lines."""
    told = share_said(found)
    if not told:
        return "\n".join([f"{asked_said(found.asked)}: not told.", *_wrapped(found.outside)])
    return "\n".join([f"{asked_said(found.asked)}: {told}.", *_wrapped([work_said(found), *found.notes])])


def _wrapped(sentences: Sequence[str]) -> list[str]:
    return [
        line
        for text in sentences
        if text
        for line in textwrap.wrap(
            text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
        )
    ]


def growth_said(found: Scaling) -> str:
    """How capacity grows, and between which sizes."""
    sizes = [row.processes for row in found.rows if row.deliveries is not None]
    if found.growth not in _GROWTH:
        return "There are not two sizes with an interval, so that nothing is told of growth."
    return f"From {count(min(sizes))} to {count(max(sizes))} processes {_GROWTH[found.growth]}."


def scaling_text(found: Scaling) -> str:
    """Capacity by server processes, a line each, what growth that is, and what the law makes of it."""
    heads = ("processes", "axis", "levels", "deliveries/s", "of linear growth")
    cells = [heads, *((count(row.processes), row.axis, *row_said(row)) for row in found.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    said = [growth_said(found), *law_said(found.law), *found.notes]
    return "\n".join([*lines, "", *_wrapped(said)])


def row_said(row: Scaled) -> tuple[str, str, str]:
    """Levels, deliveries and efficiency of an installation, each with its interval."""
    levels = wording.MISSING if row.levels is None else _between(row.levels)
    deliveries = wording.MISSING if row.carried is None else f"at least {rate(row.carried, '')}"
    if row.deliveries is not None:
        deliveries = _between(row.deliveries)
    if row.efficiency is None or row.efficiency_interval is None:
        return levels, deliveries, wording.MISSING
    low, high = row.efficiency_interval
    spread = f" ({_tenths(low)} to {_tenths(high)})" if high > low else ""
    return levels, deliveries, f"{_tenths(row.efficiency)}{spread}"


def _tenths(share: float) -> str:
    """A share that may well be 1: in tenths of a percent."""
    return percent(round(share, 3))


def _between(interval: tuple[float, float]) -> str:
    low, high = (rate(value, "") for value in interval)
    return f"{low} to {high}"


def law_said(law: Contention | None) -> list[str]:
    """What the Universal Scalability Law makes of the sizes."""
    if law is None:
        return []
    told = f"Contention {_shown(law.sigma)} (95 %: {_shown(law.sigma_interval[0])} to {_shown(law.sigma_interval[1])})"
    if law.kappa is not None and law.kappa_interval is not None:
        low, high = map(_shown, law.kappa_interval)
        told += f", coherency {_shown(law.kappa)} (95 %: {low} to {high})"
    unit = "" if law.unit == 1 else f", with {law.unit} processes for one"
    return [f"{told} by the Universal Scalability Law{unit}; 0 is no hindrance. Sizes that were not searched are open."]


def _shown(value: float) -> str:
    return f"{value:.2g}" if value >= _NOTHING else "0"
