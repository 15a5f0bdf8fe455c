"""Figures of a soak: each level's drift, one day over another, and latency as a map over time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter

from loadtest.analysis.quantity import Dimension, dimension_of
from loadtest.analysis.soak import Drift, Soak
from loadtest.report import ink, wording
from loadtest.report.series import merged
from loadtest.report.soak_words import name, rate, ticks
from loadtest.report.timeline import Timeline

MOST_LEVELS = 12
MOST_MAPS = 3
MOST_EVENTS = 100
"""Of a kind: many errors leave room for what else there was."""

_S_PER_H = 3600.0
_SHADES = ((0.0, 0.14), (0.02, 0.3), (0.08, 0.5), (0.2, 0.75), (0.4, 1.0))
"""Least share of a column's deliveries, and how dark its cell is."""

_PER_DECADE = 8
_MOST_COLUMNS = 160
_TICKS = 0.055
_DAY_STYLES = ((0, ()), (0, (5, 1.5)), (0, (1, 1.2)), (0, (4, 1.5, 1, 1.5)))
EVENT_COLOURS = {
    "annotation": ink.VIOLET,
    "storm": ink.PINK,
    "resumed": ink.GREEN,
    "reconnect": ink.GREEN,
    "recovered": ink.GREEN,
    "restart": ink.VERMILLION,
    "disconnect": ink.VERMILLION,
    "error": ink.VERMILLION,
    "abort": ink.VERMILLION,
    "deaf": ink.VERMILLION,
    "worker_lost": ink.GOLD,
    "generator_error": ink.GOLD,
    "watch_failed": ink.GOLD,
}
"""Notes that are drawn into the figures, by their kind: what the target did in red, what only we missed in gold."""


def events(notes: pd.DataFrame) -> list[tuple[float, str, str]]:
    """(seconds since the run's start, kind, text) of the notes that figures mark."""
    found: list[tuple[float, str, str]] = []
    marked: Counter[str] = Counter()
    for at_s, kind, text in zip(notes["at_s"].tolist(), notes["kind"].tolist(), notes["text"].tolist(), strict=True):
        marked[kind] += 1
        if kind in EVENT_COLOURS and marked[kind] <= MOST_EVENTS:
            found.append((at_s, kind, text))
    return found


def drift(soak: Soak, line: Timeline, notes: pd.DataFrame) -> ink.Picture | None:
    """Each level over time with its block medians, the fitted growth and what the budget would have allowed."""
    order = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS", None)
    shown = [one for one in soak.drifts if one.level is not None and one.level.at_s.size]
    shown = sorted(shown, key=lambda one: order.index(one.result))[:MOST_LEVELS]
    if not shown:
        return None
    columns = 2 if len(shown) > 1 else 1
    rows = -(-len(shown) // columns)
    keys = [
        ink.key_line(ink.MUTED, "readings", alpha=0.7, linewidth=0.8),
        ink.key_line(ink.BLUE, "block medians", marker="o", linestyle="none", markersize=3.5),
        ink.key_line(ink.BLUE, "growth"),
    ]
    if any(one.allowed_per_hour is not None for one in shown):
        keys.append(ink.key_line(ink.GREEN, "as much as the budget allows", linestyle=(0, (4, 2))))
    marked = events(notes)
    kinds = dict.fromkeys(kind for _, kind, _ in marked)
    keys += [ink.key_line(EVENT_COLOURS[kind], kind, linestyle=(0, (1, 1)), linewidth=1.2) for kind in kinds]
    figure, axes = ink.grid(rows, columns, row_in=1.45, legend=ink.with_breach(keys, line))
    _make_room(axes, columns)
    for panel, one in zip(axes, shown, strict=False):
        _level(panel, one)
        _mark(panel, marked)
        ink.stretches(panel, line, named=False)
    for at, panel in enumerate(axes):
        if at >= len(shown):
            panel.set_visible(False)
            continue
        ink.time_axis(panel, line.begin_s, line.end_s, labelled=at >= len(shown) - columns)
    told = [f"{name(one.path)}: {rate(one.growth.per_hour, dimension_of(one.path[-1]))}." for one in shown]
    more = len(soak.drifts) - len(shown)
    return ink.finish(
        figure,
        name="soak_drift",
        title="Drift of each level",
        caption=(
            "The grey line is what was read, the points are the medians that growth is fitted to, from the end of the "
            "warm-up on. "
            + (f"{wording.many(more, 'more level')} in the table. " if more > 0 else "")
            + ink.shading(line)
        ).strip(),
        alt="Line charts of levels over time. " + " ".join(told),
    )


def _level(panel: Axes, one: Drift) -> None:
    assert one.level is not None
    dimension = dimension_of(one.path[-1])
    growth = one.growth
    panel.plot(one.level.at_s, one.level.values, color=ink.MUTED, linewidth=0.7, alpha=0.6)
    values = [one.level.values]
    if growth.medians.size:
        at_s = growth.at_h * _S_PER_H
        panel.plot(at_s, growth.medians, "o", color=ink.BLUE, markersize=3.0)
    if growth.per_hour is not None and growth.start is not None and growth.at_h.size:
        run_h = growth.at_h - growth.at_h[0]
        panel.plot(growth.at_h * _S_PER_H, growth.start + growth.per_hour * run_h, color=ink.BLUE)
        if one.allowed_per_hour is not None and math.isfinite(one.allowed_per_hour):
            allowed = growth.start + one.allowed_per_hour * run_h
            panel.plot(growth.at_h * _S_PER_H, allowed, color=ink.GREEN, linestyle=(0, (4, 2)))
            values.append(np.minimum(allowed, 3 * np.nanmax(one.level.values) + 1e-9))
    finite = np.concatenate(values)
    finite = finite[np.isfinite(finite)]
    low, high = float(finite.min()), float(finite.max())
    room = max((high - low) * 0.08, abs(high) * 0.002)
    if high - low <= 1e-6 * abs(high):  # it never moved: an axis that shows how little would be all digits
        room = max(abs(high) / 2, 0.01 if dimension == "share" else 1.0)
    low, high = max(low - room, 0.0) if low >= 0 else low - room, high + room
    panel.set_ylim(low, high)
    _amount_axis(panel, low, high, dimension)
    panel.set_title(ink.label(name(one.path)))
    grown = "" if growth.per_hour is None else rate(growth.per_hour, dimension)
    panel.set_title(grown, loc="right", fontsize=8.5, color=ink.MUTED, fontweight="normal")


def _make_room(axes: Sequence[Axes], columns: int) -> None:
    """Panels of the right column have a y axis of their own, and its ticks need room."""
    for panel in axes[1::2] if columns == 2 else ():
        box = panel.get_position()
        panel.set_position((box.x0 + _TICKS, box.y0, box.width - _TICKS, box.height))


def _amount_axis(panel: Axes, low: float, high: float, dimension: Dimension) -> None:
    write = ticks(low, high, dimension)
    panel.locator_params(axis="y", nbins=4)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: write(y)))


def _mark(panel: Axes, marked: Sequence[tuple[float, str, str]]) -> None:
    for at_s, kind, _ in marked:
        panel.axvline(at_s, color=EVENT_COLOURS[kind], linestyle=(0, (1, 1)), linewidth=1.1, zorder=1)


def days(soak: Soak) -> ink.Picture | None:
    """Each period of a load that repeats over the others, by its phase."""
    period_h = soak.period_h
    if period_h is None:
        return None
    shown = [one for one in soak.drifts if one.growth.at_h.size and np.ptp(one.growth.at_h) > period_h][:6]
    if not shown:
        return None
    begin_h = (soak.line.hold_start_s or 0.0) / _S_PER_H
    most = max(int((one.growth.at_h[-1] - begin_h) // period_h) for one in shown) + 1
    word = "day" if period_h == 24 else "period"
    keys = [_day_key(day, word) for day in range(min(most, 8))]
    columns = 2 if len(shown) > 1 else 1
    figure, axes = ink.grid(-(-len(shown) // columns), columns, row_in=1.7, legend=keys)
    _make_room(axes, columns)
    for at, panel in enumerate(axes):
        if at >= len(shown):
            panel.set_visible(False)
            continue
        one = shown[at]
        dimension = dimension_of(one.path[-1])
        day = ((one.growth.at_h - begin_h) // period_h).astype(int)
        phase = (one.growth.at_h - begin_h) % period_h
        for number in np.unique(day):
            here = day == number
            colour, style = _day_look(int(number))
            panel.plot(phase[here], one.growth.medians[here], color=colour, linestyle=style)
        panel.set_xlim(0, period_h)
        step = period_h / 6
        panel.xaxis.set_major_locator(FixedLocator([step * tick for tick in range(7)]))
        last = at >= len(shown) - columns
        panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _, told=last: f"{x:.3g}" if told else ""))
        panel.set_xlabel(f"hours into the {word} of the hold [h]" if last else "")
        _amount_axis(panel, float(one.growth.medians.min()), float(one.growth.medians.max()), dimension)
        panel.set_title(ink.label(name(one.path)))
    return ink.finish(
        figure,
        name="soak_days",
        title=f"One {word} over another",
        caption=f"Medians of each phase after the warm-up: where the lines of later {word}s lie above those of earlier "
        "ones, the level grew.",
        alt=f"{most} {word}s of {', '.join(name(one.path) for one in shown)} drawn over each other.",
    )


def _day_look(day: int) -> tuple[str, tuple[int, tuple[float, ...]]]:
    return ink.SERIES[day % len(ink.SERIES)], _DAY_STYLES[day // len(ink.SERIES) % len(_DAY_STYLES)]


def _day_key(day: int, word: str) -> ink.Handle:
    colour, style = _day_look(day)
    return ink.key_line(colour, f"{word} {day + 1}", linestyle=style)


def heat(hists: pd.DataFrame, window_s: float, joined: int, line: Timeline, notes: pd.DataFrame) -> ink.Picture | None:
    """Latency over time as a map: how many of the deliveries of a while took how long."""
    fanout = hists[(hists["metric"] == "fanout") & (hists["name"] != "presence.update")]
    weights = {key: sum(hist.n for hist in part["hist"]) for key, part in fanout.groupby(["name", "role"], sort=True)}
    shown = sorted(weights, key=lambda key: (key[0] != "message.created", -weights[key]))[:MOST_MAPS]
    if not shown:
        return None
    keys: list[ink.Handle] = [
        ink.key_area(ink.BLUE, _shade_name(at), alpha=alpha) for at, (_, alpha) in enumerate(_SHADES)
    ]
    marked = events(notes)
    kinds = dict.fromkeys(kind for _, kind, _ in marked)
    keys += [ink.key_line(EVENT_COLOURS[kind], kind, linestyle=(0, (1, 1)), linewidth=1.2) for kind in kinds]
    figure, axes = ink.grid(len(shown), 1, row_in=1.75, legend=ink.with_breach(keys, line))
    row_s = window_s * joined
    for at, (panel, key) in enumerate(zip(axes, shown, strict=True)):
        _map(panel, fanout[(fanout["name"] == key[0]) & (fanout["role"] == key[1])], row_s, line)
        _mark(panel, marked)
        ink.stretches(panel, line, named=at == 0)
        panel.set_title(ink.label(f"{key[0]} seen by {key[1]}s"))
        ink.time_axis(panel, line.begin_s, line.end_s, labelled=at == len(shown) - 1)
    return ink.finish(
        figure,
        name="soak_heat",
        title="Latency over time",
        caption=(
            "Fan-out latency from the due moment: each column is a while, and the darker a cell, the larger the share "
            f"of that while's deliveries that took so long. {ink.shading(line)}"
        ).strip(),
        alt="Maps of fan-out latency over time: " + "; ".join(f"{event} to {role}s" for event, role in shown) + ".",
    )


def _shade_name(at: int) -> str:
    low = _SHADES[at][0]
    return f"up to {_SHADES[1][0]:.0%}" if at == 0 else f"{low:.0%} and more"


def _map(panel: Axes, rows: pd.DataFrame, row_s: float, line: Timeline) -> None:
    starts = rows["start_s"].to_numpy(float)
    width_s = max(row_s, (line.end_s - line.begin_s) / _MOST_COLUMNS)
    columns = np.floor((starts - line.begin_s) / width_s).astype(int)
    cells: dict[int, list[list[tuple[float, float]]]] = {at: [] for at in range(len(_SHADES))}
    low, high = math.inf, -math.inf
    for column in np.unique(columns):
        hist = merged(rows["hist"].to_numpy(object)[columns == column])
        if not hist.n:
            continue
        values_us, counts = hist.buckets()
        place = np.floor(np.log10(np.maximum(values_us, 1) / 1000.0) * _PER_DECADE).astype(int)
        shares = np.bincount(place - place.min(), counts) / hist.n
        left = line.begin_s + column * width_s
        for step in np.flatnonzero(shares):
            bottom = 10 ** ((place.min() + step) / _PER_DECADE)
            top = 10 ** ((place.min() + step + 1) / _PER_DECADE)
            low, high = min(low, bottom), max(high, top)
            shade = max(at for at, (least, _) in enumerate(_SHADES) if shares[step] >= least)
            right = min(left + width_s, line.end_s)
            cells[shade].append([(left, bottom), (right, bottom), (right, top), (left, top)])
    for shade, polygons in cells.items():
        if polygons:
            cells_of_shade = Path.make_compound_path_from_polys(np.array(polygons))  # one shape: a tenth of the bytes
            look = {"facecolor": ink.BLUE, "alpha": _SHADES[shade][1], "linewidth": 0.0, "antialiased": False}
            panel.add_artist(PathPatch(cells_of_shade, **look))
    ink.log_ms_axis(panel, [low, high] if math.isfinite(low) else [], title="latency (log)", room=0.1)
