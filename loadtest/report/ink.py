"""How the report's figures look: palette, axes, and saving as SVG for a light and a dark page.

A figure is drawn once, in the light colours; the dark picture is the same SVG with each colour replaced by its
partner, so both always show the same data and the second costs nothing.
Hues are Okabe & Ito's colour-blind-safe set ("Color Universal Design", 2008), darkened for a white page and
lightened for a dark one.
Margins are set in inches and ticks by rule, without matplotlib's layout engine and its log locators: that takes a
six-panel figure from 1.3 s to 0.3 s, and text that is measured by its author is never cut off.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from loadtest.report import wording
from loadtest.report.timeline import Timeline

SURFACE, INK, MUTED, GRID, SHADE = "#fffffe", "#1c2431", "#586374", "#e2e6ec", "#eef1f5"
BLUE, VERMILLION, GREEN, PINK, GOLD, VIOLET = "#0072b2", "#d55e01", "#00855f", "#b8478c", "#a67c00", "#6f55b0"
BREACH = "#e0a100"
SERIES = (BLUE, VERMILLION, GREEN, PINK, GOLD, VIOLET)
ROLE_COLOUR = {"agent": BLUE, "contact": VERMILLION}

_DARK = {
    SURFACE: "#161b22",
    INK: "#e6ebf2",
    MUTED: "#9aa7b8",
    GRID: "#2b3440",
    SHADE: "#1f2731",
    BLUE: "#58b3ea",
    VERMILLION: "#ff9257",
    GREEN: "#35c99b",
    PINK: "#e795c6",
    GOLD: "#e8c545",
    VIOLET: "#b7a2f2",
    BREACH: "#f2bd3d",
}
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": SURFACE,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.facecolor": SURFACE,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "onechat-loadtest",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
}
Handle = Line2D | Patch
_WIDTH_IN = 9.6
NAMED_ROOM = 0.16
"""Share of a panel's height that the names of the phases take."""

_LEFT_IN, _RIGHT_IN, _BOTTOM_IN, _ROW_GAP_IN, _COLUMN_GAP_IN = 0.86, 0.22, 0.56, 0.42, 0.3
_FEW_POINTS = 40
_LEAST_BREACH = 0.004
_LEGEND_ROW_IN = 0.25
_CHARACTER_IN = 0.082
_DIGITS = re.compile(r"(\d+\.\d\d)\d+")
_PATH = re.compile(r' d="[^"]*"')


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of the report.

    Attributes:
        name: file name without suffix.
        title: the finding's subject, in a few words.
        caption: how to read it, in a sentence or two.
        alt: what it shows, in words and numbers, for who cannot see it.
        light: SVG document for a light page.
        dark: the same for a dark page.
        width: width in points.
        height: height in points.
    """

    name: str
    title: str
    caption: str
    alt: str
    light: str
    dark: str
    width: int
    height: int


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for every figure here, for the time of a ``with`` block."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def label(text: Any) -> str:
    """A text as a figure can draw it: one short line in the font's Latin range, never taken for a hidden label."""
    one_line = wording.plain(text).encode("latin-1", "replace").decode("latin-1")
    short = one_line if len(one_line) <= 40 else one_line[:37] + "..."
    return f" {short}" if short.startswith("_") else short


def grid(rows: int, columns: int, *, row_in: float, legend: Sequence[Handle] = ()) -> tuple[Figure, list[Axes]]:
    """An empty figure of ``rows`` x ``columns`` panels under a legend.

    Args:
        rows: panels from top to bottom.
        columns: panels from left to right.
        row_in: height of a panel in inches.
        legend: what to put into the legend above the panels, in order.

    Returns:
        The figure and its axes row by row.
    """
    legend_rows = _legend_columns(legend)
    top_in = 0.34 + _LEGEND_ROW_IN * len(legend_rows)
    height = top_in + rows * row_in + (rows - 1) * _ROW_GAP_IN + _BOTTOM_IN
    figure = Figure(figsize=(_WIDTH_IN, height))
    FigureCanvasSVG(figure)
    panel_in = (_WIDTH_IN - _LEFT_IN - _RIGHT_IN - (columns - 1) * _COLUMN_GAP_IN) / columns
    axes = []
    for row in range(rows):
        for column in range(columns):
            left = _LEFT_IN + column * (panel_in + _COLUMN_GAP_IN)
            bottom = _BOTTOM_IN + (rows - 1 - row) * (row_in + _ROW_GAP_IN)
            box = (left / _WIDTH_IN, bottom / height, panel_in / _WIDTH_IN, row_in / height)
            axes.append(figure.add_axes(box))
    for row, handles in enumerate(legend_rows):
        anchor = ((_LEFT_IN - 0.08) / _WIDTH_IN, 1 - (0.02 + row * _LEGEND_ROW_IN) / height)
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=anchor,
            ncols=len(handles),
            borderpad=0.2,
            borderaxespad=0.0,
            handlelength=1.8,
            columnspacing=1.6,
        )
    return figure, axes


def _legend_columns(handles: Sequence[Handle]) -> list[list[Handle]]:
    """The legend's entries cut into rows that fit the figure's width."""
    rows: list[list[Handle]] = []
    used = math.inf
    for handle in handles:
        needs = len(str(handle.get_label())) * _CHARACTER_IN + 0.55
        if used + needs > _WIDTH_IN - _LEFT_IN - _RIGHT_IN:
            rows.append([])
            used = 0.0
        rows[-1].append(handle)
        used += needs
    return rows


def key_line(colour: str, text: str, **how: Any) -> Line2D:
    """A legend entry: a line."""
    return Line2D([], [], color=colour, label=label(text), **how)


def key_area(colour: str, text: str, **how: Any) -> Patch:
    """A legend entry: an area."""
    return Patch(facecolor=colour, label=label(text), linewidth=0.0, **how)


def with_breach(keys: Sequence[Handle], line: Timeline) -> list[Handle]:
    """The legend's entries, with one for untrusted windows where the run has any."""
    return [*keys, key_area(BREACH, "generator not trusted", alpha=0.28)] if line.breached else list(keys)


def shading(line: Timeline) -> str:
    """The caption's sentences on what :func:`stretches` shades."""
    shaded = [name for name, _, _ in line.phases if name != "hold"]
    text = f"Grey: {' and '.join(shaded)}, which the verdict leaves out. " if shaded else ""
    return (text + ("Yellow: windows in which the generator was the limit." if line.breached else "")).strip()


def time_axis(axes: Axes, begin_s: float, end_s: float, *, labelled: bool = True) -> None:
    """Time since the run's start on the x axis, in seconds, minutes or hours."""
    span = max(end_s - begin_s, 1e-9)
    unit, factor = ("s", 1.0) if span <= 300 else ("min", 60.0) if span <= 3 * 3600 else ("h", 3600.0)
    step = nice_step(span / factor, 8)
    first = math.ceil(begin_s / factor / step - 1e-9)
    ticks = [i * step for i in range(first, math.floor(end_s / factor / step + 1e-9) + 1)]
    axes.set_xlim(begin_s, end_s)
    axes.xaxis.set_major_locator(FixedLocator([tick * factor for tick in ticks]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / factor:g}" if labelled else ""))
    if labelled:
        axes.set_xlabel(f"time since the run began [{unit}]")


def log_ms_axis(
    axes: Axes, values_ms: Iterable[float], *, labelled: bool = True, title: str = "latency", room: float = 0.0
) -> None:
    """A logarithmic y axis of durations in milliseconds.

    Args:
        axes: the panel.
        values_ms: what it must hold; NaN and infinite values are ignored.
        labelled: whether ticks and title are written.
        title: the axis's title.
        room: how much of its height stays free at the top, as a share.
    """
    told = [v for v in values_ms if math.isfinite(v) and v > 0] or [1.0]
    low, high = math.log10(min(told)) - 0.08, math.log10(max(told)) + 0.08
    if high - low < 1.0:
        middle = (high + low) / 2
        low, high = middle - 0.5, middle + 0.5
    high += (high - low) * room / (1.0 - room)
    axes.set_yscale("log")
    axes.set_ylim(10**low, 10**high)
    multiples = (1, 2, 5) if high - low <= 2.2 else (1, 3) if high - low <= 3.2 else (1,)
    ticks = [m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in multiples]
    ticks = [tick for tick in ticks if 10**low <= tick <= 10**high]
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: short_ms(y) if labelled else ""))
    if labelled:
        axes.set_ylabel(title)


def linear_axis(
    axes: Axes, values: Iterable[float], title: str, *, at_least: float = 1.0, unit: str = "", room: float = 0.08
) -> None:
    """A linear y axis from zero that holds all of ``values``; a share of ``room`` of it stays free at the top."""
    high = max([v for v in values if math.isfinite(v)] + [at_least]) / (1.0 - room)
    step = nice_step(high, 4)
    ticks = [i * step for i in range(math.floor(high / step + 1e-9) + 1)]
    axes.set_ylim(0.0, high)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.10g}{unit}"))
    axes.set_ylabel(title)


def nines_axis(axes: Axes, top: float) -> None:
    """A percentile axis in nines: equal steps for 90 %, 99 %, 99.9 %, ... (x is -log10(1 - quantile))."""
    axes.set_xlim(0.0, max(2.1, top * 1.03))
    marks = [(0.0, "0"), (-math.log10(0.5), "50"), (1.0, "90"), (2.0, "99"), (3.0, "99.9"), (4.0, "99.99")]
    marks += [(5.0, "99.999"), (6.0, "99.9999"), (7.0, "99.99999")]
    shown = [(at, text) for at, text in marks if at <= max(2.1, top * 1.03)]
    axes.xaxis.set_major_locator(FixedLocator([at for at, _ in shown]))
    names = dict(shown)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: names.get(x, "")))
    axes.set_xlabel("percentile [%], each step to the right is ten times rarer")


def short_ms(ms: float) -> str:
    """A tick of a duration axis: ``0.5 ms``, ``20 ms``, ``3 s``."""
    if ms >= 60_000:
        return f"{ms / 60_000:.3g} min"
    if ms >= 1000:
        return f"{ms / 1000:.3g} s"
    return f"{ms:.3g} ms" if ms >= 0.1 else f"{ms * 1000:.3g} µs"


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 x 10^k that cuts ``span`` into at most ``most`` steps."""
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))


def percentile_line(axes: Axes, at_s: NDArray[np.float64], values: NDArray[np.float64], colour: str) -> None:
    """A percentile over time: a line with gaps where it is NaN, its points marked while they are few."""
    few = np.count_nonzero(~np.isnan(values)) < _FEW_POINTS
    axes.plot(at_s, values, color=colour, marker="o" if few else None, markersize=2.6)


def stretches(axes: Axes, line: Timeline, *, named: bool) -> None:
    """Shade what is not the hold, and mark the windows in which the generator was the limit.

    Args:
        axes: a panel whose x axis is time since the run's start in seconds.
        line: the run's time line.
        named: whether to write the phases' names above the panel.
    """
    for name, begin, end in line.phases:
        if name != "hold":
            axes.axvspan(begin, end, facecolor=SHADE, linewidth=0.0, zorder=0)
        wide = (end - begin) / max(line.end_s - line.begin_s, 1e-9)
        if named and wide > 0.05:
            axes.text(
                (begin + end) / 2, 0.985, name, transform=axes.get_xaxis_transform(),
                ha="center", va="top", fontsize=7.5, color=MUTED,
            )  # fmt: skip
    least_s = (line.end_s - line.begin_s) * _LEAST_BREACH
    for begin, end in line.breached:
        axes.axvspan(begin, max(end, begin + least_s), facecolor=BREACH, alpha=0.28, linewidth=0.0, zorder=0.5)


def finish(figure: Figure, *, name: str, title: str, caption: str, alt: str) -> Picture:
    """Save ``figure`` for both pages.

    The SVG has no date and no creator, and its ids come from its content: the same data give the same bytes.
    Path coordinates are cut to hundredths of a point, a third of the size.
    """
    buffer = io.StringIO()
    figure.canvas.print_svg(  # type: ignore[attr-defined]
        buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    width, height = (round(inches * 72) for inches in figure.get_size_inches())
    light = _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), text[text.index("<svg") :])
    return Picture(
        name=name, title=title, caption=caption, alt=alt, light=light, dark=darkened(light), width=width, height=height
    )


def darkened(svg: str) -> str:
    """The SVG with every colour of the light palette replaced by its partner on a dark page."""
    return re.sub("|".join(_DARK), lambda colour: _DARK[colour[0]], svg)
