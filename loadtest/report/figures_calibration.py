"""The figure of a calibration: injected beside recovered, for distributions, counts and times.

Three panels. Distributions: a measured latency lies on what the holds and the floor come to. Counts: what was found
in the ring of what was injected. Times and shares: by how much of its tolerance each figure is off, on one axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from loadtest.report import calibration, ink
from loadtest.report.ink import Handle, Picture

Values = Mapping[str, Any]

_WIDTH_IN, _LEFT_IN, _RIGHT_IN = 9.6, 2.5, 0.3
_TOP_IN, _TITLE_IN, _BOTTOM_IN, _GAP_IN = 0.66, 0.34, 0.55, 1.02
_CURVES_IN, _LINE_IN = 3.3, 0.235
_COLOURS = (*ink.SERIES, ink.INK)
_MANY_COUNTS, _MANY_TIMES = 2, 5
"""More figures of a row than so many share a line."""

Line = tuple[Values, list[Values]]
"""A row, and the comparisons of it that share a line of the figure."""


def picture(content: Values) -> Picture:
    """Draw a calibration.

    Args:
        content: the JSON values of ``calibration.json``.
    """
    curves = [row for row in content["rows"] if row["curve"] and row["curve"]["measured_ms"]]
    counts = _lines_of(content, lambda c: not c["tolerance"] and bool(c["injected"] or c["recovered"]), _MANY_COUNTS)
    times = _lines_of(content, lambda c: bool(c["tolerance"]), _MANY_TIMES)
    heights = [
        *([_CURVES_IN] if curves else []),
        *([_LINE_IN * (len(counts) + 0.6)] if counts else []),
        *([_LINE_IN * (len(times) + 0.6)] if times else []),
    ]
    with ink.style():
        figure, axes = _panels(heights, _TITLE_IN if curves else _TOP_IN)
        if curves:
            _draw_curves(axes.pop(0), curves)
        if counts:
            _draw_counts(axes.pop(0), counts)
        if times:
            _draw_times(axes.pop(0), times)
        return ink.finish(
            figure,
            name="calibration",
            title="Injected faults beside what was found",
            caption="Solid: measured; dashes: what injected holds and the floor of the same run come to. Counts must "
            "be equal; times may differ by their tolerance, whose bounds are the dashed lines.",
            alt=_alt(content),
        )


def _lines_of(content: Values, wanted: Callable[[Values], bool], most: int) -> list[Line]:
    """The judged figures that are wanted, each on a line; those of a row that has more than ``most`` share one."""
    found: list[Line] = []
    for row in content["rows"]:
        figures = [c for c in row["comparisons"] if (c["ok"] is not None or not c["decided"]) and wanted(c)]
        if len(figures) > most:
            found.append((row, figures))
        else:
            found += [(row, [c]) for c in figures]
    return found


def _colour(row: Values, comparison: Values) -> str:
    """By the verdict; what an unfit generator measured has none, nor has what is not steady enough."""
    if not comparison["decided"] or (row["result"] == "INCONCLUSIVE" and row["reasons"]):
        return ink.GOLD
    return ink.GREEN if comparison["ok"] else ink.VERMILLION


def _keys(lines: Sequence[Line], right: str, wrong: str) -> list[Handle]:
    """The legend's entries of the verdicts that occur."""
    found = {_colour(row, c) for row, figures in lines for c in figures}
    said = {ink.GREEN: right, ink.VERMILLION: wrong, ink.GOLD: "no verdict: generator not fit, or not steady"}
    return [
        ink.key_line(colour, text, marker="o", markersize=5, linestyle="none")
        for colour, text in said.items()
        if colour in found
    ]


def _panels(heights: Sequence[float], top_in: float) -> tuple[Figure, list[Axes]]:
    """Panels of these heights in inches, one under another, below so much room."""
    whole = top_in + sum(heights) + _GAP_IN * (len(heights) - 1) + _BOTTOM_IN if heights else 1.0
    figure = Figure(figsize=(_WIDTH_IN, whole))
    FigureCanvasSVG(figure)
    axes, top = [], whole - top_in
    for height in heights:
        box = (
            _LEFT_IN / _WIDTH_IN,
            (top - height) / whole,
            (_WIDTH_IN - _LEFT_IN - _RIGHT_IN) / _WIDTH_IN,
            height / whole,
        )
        axes.append(figure.add_axes(box))
        top -= height + _GAP_IN
    return figure, axes


def _draw_curves(axes: Axes, rows: Sequence[Values]) -> None:
    values, rarest, keys = [], 0.0, []
    for row, colour in zip(rows, _COLOURS, strict=False):
        curve = row["curve"]
        at = [-math.log10(1.0 - q / 100.0) for q in curve["percentiles"]]
        axes.plot(at, curve["measured_ms"], color=colour, linewidth=1.5)
        keys.append(ink.key_line(colour, row["name"]))
        if curve["expected_ms"]:
            axes.plot(at, curve["expected_ms"], color=ink.INK, linewidth=1.1, linestyle=(0, (2, 2)), zorder=3)
        values += [*curve["measured_ms"], *curve["expected_ms"]]
        rarest = max(rarest, at[-1])
    if any(row["curve"]["expected_ms"] for row in rows):
        keys.append(ink.key_line(ink.INK, "injected, with the floor", linestyle=(0, (2, 2)), linewidth=1.1))
    ink.nines_axis(axes, rarest)
    ink.log_ms_axis(axes, values)
    axes.grid(visible=True)
    axes.set_title("Distributions of latency")
    axes.legend(handles=keys, loc="lower right", ncols=2, borderaxespad=0.6, handlelength=1.8, columnspacing=1.4)


def _draw_counts(axes: Axes, lines: Sequence[Line]) -> None:
    _name_lines(axes, lines)
    high = max(max(c["injected"] or 0, c["recovered"] or 0) for _, figures in lines for c in figures)
    for place, (row, figures) in enumerate(lines):
        for c in figures:
            injected, found = (max(c[key] or 0, 0.5) for key in ("injected", "recovered"))
            axes.plot([injected, found], [place, place], color=_colour(row, c), linewidth=1.0, zorder=2)
            axes.plot(
                [injected], [place], marker="o", markersize=8.5, markerfacecolor="none", color=ink.MUTED, zorder=3
            )
            axes.plot([found], [place], marker="o", markersize=4.2, color=_colour(row, c), zorder=4)
        last = max(max(c["injected"] or 0, c["recovered"] or 0, 0.5) for c in figures)
        axes.annotate(
            _counted(figures), (last, place), (9, 0), textcoords="offset points", va="center", fontsize=8.5
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(0.4, high * 6)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([10.0**e for e in range(math.ceil(math.log10(high * 6)))]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.set_xlabel("faults")
    axes.grid(visible=True, axis="x")
    ring = ink.key_line(ink.MUTED, "injected", marker="o", markersize=8.5, markerfacecolor="none", linestyle="none")
    _headed(axes, "Counts", [ring, *_keys(lines, "found, equal", "found, different")])


def _draw_times(axes: Axes, lines: Sequence[Line]) -> None:
    _name_lines(axes, lines)
    shares = [abs(_off(c)) for _, figures in lines for c in figures]
    far = min(max([1.6, *(share * 1.15 for share in shares if math.isfinite(share))]), 6.0)
    axes.axvspan(-1, 1, facecolor=ink.SHADE, linewidth=0.0, zorder=0)
    axes.axvline(0, color=ink.MUTED, linewidth=0.8, zorder=1)
    for bound in (-1, 1):
        axes.axvline(bound, color=ink.MUTED, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    for place, (row, figures) in enumerate(lines):
        for c in figures:
            share = _off(c)
            at = min(max(share, -far), far)
            marker = "x" if c["recovered"] is None else "o" if at == share else ">" if share > 0 else "<"
            axes.plot([at], [place], marker=marker, markersize=6, color=_colour(row, c), zorder=3, clip_on=False)
        axes.text(
            0.995, place, _told(figures), transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8.5
        )  # fmt: skip
    axes.set_xlim(-far, far * 1.75)
    axes.xaxis.set_major_locator(FixedLocator([at for at in range(-6, 7) if abs(at) <= far]))
    axes.set_xlabel("found less injected, in tolerances")
    _headed(axes, "Times and shares", _keys(lines, "within its tolerance", "outside"))


def _off(comparison: Values) -> float:
    """How far a figure is from where it should be, in tolerances; what was not found is infinitely far."""
    if comparison["recovered"] is None:
        return -math.inf
    return float((comparison["recovered"] - (comparison["injected"] or 0)) / comparison["tolerance"])


def _counted(figures: Sequence[Values]) -> str:
    """What is written beside the counts of a line."""
    wrong = sum(1 for c in figures if not c["ok"])
    if len(figures) > 1:
        return f"{len(figures)} counts, {f'{wrong} different' if wrong else 'all equal'}"
    (c,) = figures
    return f"{c['injected'] or 0:,} {'≠' if wrong else '='} {c['recovered'] or 0:,}"


def _told(figures: Sequence[Values]) -> str:
    """What is written beside the figures of a line: the one that is furthest off."""
    furthest = max(figures, key=lambda c: abs(_off(c)))
    unit, injected = furthest["unit"], furthest["injected"]
    found = calibration.value(furthest["recovered"], unit)
    many = f"{len(figures)} figures, furthest off: " if len(figures) > 1 else ""
    if injected is None:
        return f"{many}{found}, at most {calibration.value(furthest['tolerance'], unit)}"
    return f"{many}{found} for {calibration.value(injected, unit)}"


def _name_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """A line for each figure or row, named at the left."""
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.yaxis.set_major_locator(FixedLocator(list(range(len(lines)))))
    axes.set_yticklabels([_name(row, figures) for row, figures in lines])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)


def _name(row: Values, figures: Sequence[Values]) -> str:
    name, what = row["name"], figures[0]["what"]
    return ink.label(name if len(figures) > 1 or name == what else f"{name}: {what}")


def _headed(axes: Axes, title: str, keys: Sequence[Handle]) -> None:
    """A title at the panel's left, and its legend right above it."""
    axes.set_title(title, pad=24)
    axes.legend(
        handles=list(keys),
        loc="lower left",
        bbox_to_anchor=(-0.012, 1.0),
        ncols=len(keys),
        borderpad=0.2,
        borderaxespad=0.1,
        handlelength=1.6,
        columnspacing=1.2,
    )


def _alt(content: Values) -> str:
    parts = [f"{row['name']}: {calibration.SAID[row['result']]}" for row in content["rows"]]
    return "Calibration. " + ", ".join(parts) + "."
