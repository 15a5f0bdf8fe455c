"""Figures of sizing: where a load lies on each axis, and capacity against server processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from loadtest.analysis.scaling import Scaled, Scaling
from loadtest.analysis.sizing import Place, Sizing
from loadtest.report import ink
from loadtest.report.capacity_text import UNIT
from loadtest.report.wording import count, rate

_BAR = 0.34
_BAND = 0.22


def places(found: Sizing) -> ink.Picture | None:
    """The asked load on each axis, beside what was carried there and where the limit lies; each axis in its own unit.

    Args:
        found: the answer; None comes back where no step passed.
    """
    if not found.places:
        return None
    keys: list[ink.Handle] = [
        ink.key_area(ink.BLUE, "kept the limits", alpha=0.45),
        ink.key_area(ink.GREEN, "from last pass to first failure", alpha=_BAND),
        ink.key_line(ink.VERMILLION, "asked about", marker="D", markersize=6, linestyle="none"),
    ]
    with ink.style():
        figure, axes = ink.grid(len(found.places), 1, row_in=0.4, legend=keys)
        for panel, place in zip(axes, found.places, strict=True):
            _place(panel, place)
        return ink.finish(
            figure,
            name="sizing_places",
            title="Where the load lies on each axis",
            caption="Each axis was searched with the other two held still. A blue line without a green band is an axis "
            "whose limit is not known.",
            alt="Bars by axis. " + " ".join(_spoken(place) for place in found.places),
        )


def _place(panel: Axes, place: Place) -> None:
    most = max(place.asked, place.high, *(place.limit or ())) * 1.12 or 1.0
    low, high = place.low, max(place.high, place.low + 0.006 * most)  # one value that was run is a line as well
    panel.barh([0], [high - low], left=[low], height=2 * _BAR, color=ink.BLUE, alpha=0.45, zorder=2)
    if place.limit is not None:
        panel.axvspan(*place.limit, facecolor=ink.GREEN, alpha=_BAND, linewidth=0.0, zorder=1)
    panel.plot([place.asked], [0], color=ink.VERMILLION, marker="D", markersize=6, linestyle="none", zorder=3)
    panel.set_xlim(0.0, most)
    panel.set_ylim(-0.6, 0.6)
    panel.yaxis.set_major_locator(FixedLocator([]))
    panel.spines["left"].set_visible(False)
    step = ink.nice_step(most, 8)
    panel.xaxis.set_major_locator(FixedLocator([n * step for n in range(int(most / step + 1e-9) + 1)]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    panel.set_ylabel(UNIT[place.axis], rotation=0, ha="right", va="center")


def _spoken(place: Place) -> str:
    limit = "no limit found" if place.limit is None else f"limit between {count(place.limit[0])} and "
    limit += "" if place.limit is None else count(place.limit[1])
    return (
        f"{UNIT[place.axis]}: asked {count(place.asked)}, carried {count(place.low)} to {count(place.high)}, {limit}."
    )


def growth(found: Scaling) -> ink.Picture | None:
    """Capacity against server processes with its interval, the line of linear growth, and the law.

    Args:
        found: how capacity grows; None comes back where nothing was carried.
    """
    shown = [row for row in found.rows if row.carried is not None]
    if not shown:
        return None
    known = [row for row in shown if row.deliveries is not None]
    keys: list[ink.Handle] = [ink.key_line(ink.BLUE, "from last pass to first failure", linewidth=3.0)] if known else []
    if len(known) < len(shown):
        keys.append(ink.key_line(ink.GOLD, "at least so much", marker="^", markersize=6, linestyle="none"))
    if known:
        keys.append(ink.key_line(ink.MUTED, "linear from the smallest", linestyle=(0, (4, 2)), linewidth=1.2))
    if found.law is not None:
        keys.append(ink.key_line(ink.INK, "Universal Scalability Law", linewidth=1.2))
    with ink.style():
        figure, (panel,) = ink.grid(1, 1, row_in=2.6, legend=keys)
        _growth(panel, found, shown, known)
        return ink.finish(
            figure,
            name="sizing_growth",
            title="Capacity against server processes",
            caption="Each bar is a search: the capacity lies between its ends. Below the dashed line a process carries "
            "less than it does in the smallest installation.",
            alt="Capacity by processes. "
            + " ".join(f"{count(row.processes)}: {_capacity(row)} deliveries/s." for row in shown),
        )


def _growth(panel: Axes, found: Scaling, shown: Sequence[Scaled], known: Sequence[Scaled]) -> None:
    most = max(row.processes for row in shown)
    tops = [max(row.deliveries) if row.deliveries else float(row.carried or 0.0) for row in shown]
    at = np.linspace(min(row.processes for row in shown), most, 60)
    if known:
        base = known[0]
        assert base.deliveries is not None
        low, high = (end / base.processes for end in base.deliveries)
        panel.plot(at, at * (low * high) ** 0.5, color=ink.MUTED, linestyle=(0, (4, 2)), linewidth=1.2, zorder=1)
        panel.fill_between(at, at * low, at * high, facecolor=ink.MUTED, alpha=0.14, linewidth=0.0, zorder=0)
        tops.append(most * high)
    if found.law is not None:
        within = at[at <= max(row.processes for row in known)]
        panel.plot(within, [found.law.at(n) for n in within.tolist()], color=ink.INK, linewidth=1.2, zorder=2)
    for row in shown:
        if row.deliveries is None:
            panel.plot(
                [row.processes],
                [float(row.carried or 0.0)],
                color=ink.GOLD,
                marker="^",
                markersize=6,
                linestyle="none",
                zorder=3,
            )
        else:
            panel.plot(
                [row.processes] * 2, row.deliveries, color=ink.BLUE, linewidth=3.0, marker="_", markersize=12, zorder=3
            )
    ink.linear_axis(panel, tops, "deliveries per second")
    panel.set_xlim(0.0, most * 1.08)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_locator(FixedLocator(sorted({row.processes for row in shown})))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    panel.set_xlabel("server processes")


def _capacity(row: Scaled) -> str:
    if row.deliveries is None:
        return f"at least {rate(row.carried, '')}"
    return f"{rate(row.deliveries[0], '')} to {rate(row.deliveries[1], '')}"
