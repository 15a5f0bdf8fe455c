"""Figures of a capacity search: latency and ping gap against load, throughput with its fit, and the fit's residuals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from loadtest.report import ink
from loadtest.report.capacity_text import UNIT, level
from loadtest.report.wording import number, rate

Values = Mapping[str, Any]

_COLOUR = {"pass": ink.BLUE, "fail": ink.VERMILLION, "unsettled": ink.GOLD}
_MARK = {"pass": "o", "fail": "X", "unsettled": "D"}
_SAID = {"pass": "kept the limits", "fail": "broke a limit", "unsettled": "did not settle"}


def draw(content: Values) -> dict[str, ink.Picture]:
    """The figures by name; those for which there are no data are left out.

    Args:
        content: capacity.json's.
    """
    shown = [step for step in content["steps"] if step["outcome"] in _COLOUR and number(_at(content, step))]
    if not shown:
        return {}
    with ink.style():
        found = [_latency(content, shown), _throughput(content, shown)]
    return {picture.name: picture for picture in found if picture is not None}


def _at(content: Values, step: Values) -> float | None:
    key = "messages_per_s" if content["axis"] == "emit-rate" else content["axis"]
    return number(step["figures"].get(key))


def _keys(shown: list[Values]) -> list[ink.Handle]:
    there = {step["outcome"] for step in shown}
    return [
        ink.key_line(_COLOUR[outcome], text, marker=_MARK[outcome], markersize=5, linestyle="none")
        for outcome, text in _SAID.items()
        if outcome in there
    ]


def _points(axes: Axes, content: Values, shown: list[Values], key: str) -> list[float]:
    """Draw one figure of all steps; returns its values."""
    values = []
    for step in shown:
        at, value = _at(content, step), number(step["figures"].get(key))
        if at is None or value is None or not math.isfinite(value):
            continue
        outcome = step["outcome"]
        axes.plot(
            [at], [value], color=_COLOUR[outcome], marker=_MARK[outcome], markersize=5, linestyle="none", zorder=3
        )
        values.append(value)
    return values


def _load_axis(axes: Axes, content: Values, shown: list[Values], *, labelled: bool) -> None:
    """The axis that was searched, in octaves, with the interval found as a band."""
    ats = [at for step in shown if (at := _at(content, step))]
    low, high = min(ats) / 1.15, max(ats) * 1.15
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    exponent = math.floor(math.log10(low))
    ticks = [m * 10.0**e for e in range(exponent, math.ceil(math.log10(high)) + 1) for m in (1, 2, 3, 5, 7)]
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}" if labelled else ""))
    if labelled:
        axes.set_xlabel(f"load [{UNIT[content['axis']]}], as it was")
    passed, failed = number(content["last_pass"]), number(content["first_fail"])
    if passed is not None and failed is not None:
        axes.axvspan(passed, failed, facecolor=ink.GREEN, alpha=0.22, linewidth=0.0, zorder=0)


def _latency(content: Values, shown: list[Values]) -> ink.Picture:
    keys = [*_keys(shown), ink.key_area(ink.GREEN, "from last pass to first failure", alpha=0.22)]
    figure, axes = ink.grid(2, 1, row_in=1.7, legend=keys)
    values = _points(axes[0], content, shown, "p99_ms")
    halves = [number(step["figures"].get("p50_ms")) for step in shown]
    for step, half in zip(shown, halves, strict=True):
        at = _at(content, step)
        if at is not None and half is not None and math.isfinite(half):
            axes[0].plot([at], [half], color=ink.MUTED, marker="_", markersize=9, linestyle="none")
    axes[0].set_title("message.created from its due time: p99 with losses (p50 as a dash)")
    ink.log_ms_axis(axes[0], [*values, *(half for half in halves if half)])
    gaps = _points(axes[1], content, shown, "ping_gap_max_s")
    axes[1].set_title("Longest gap between two pings of a socket (clients give up after 6 s)")
    ink.linear_axis(axes[1], [*gaps, 3.5], "gap [s]")
    for panel in axes:
        _load_axis(panel, content, shown, labelled=panel is axes[1])
    return ink.finish(
        figure,
        name="capacity_latency",
        title="Latency and ping gap against load",
        caption="Each mark is a step. A step whose p99 is infinite (more than 1 % lost) has no mark above.",
        alt=_spoken(content, shown),
    )


def _throughput(content: Values, shown: list[Values]) -> ink.Picture | None:
    usl = content["usl"]
    figure, axes = ink.grid(
        2 if usl else 1,
        1,
        row_in=1.7,
        legend=[*_keys(shown), *([ink.key_line(ink.INK, "Universal Scalability Law", linewidth=1.2)] if usl else [])],
    )
    values = _points(axes[0], content, shown, "deliveries_per_s")
    axes[0].set_title("Deliveries, by their arrival")
    ink.linear_axis(axes[0], values, "per second")
    if usl:
        loads = np.geomspace(min(usl["loads"]), max(usl["loads"]), 80)
        n = loads / usl["unit"]
        curve = usl["scale"] * n / (1 + usl["sigma"] * (n - 1) + usl["kappa"] * n * (n - 1))
        axes[0].plot(loads, curve, color=ink.INK, linewidth=1.2, zorder=2)
        residuals = 100.0 * np.expm1(np.array(usl["residuals"], dtype=float))
        axes[1].axhline(0.0, color=ink.MUTED, linewidth=0.8)
        axes[1].plot(usl["loads"], residuals, color=ink.VIOLET, marker="o", markersize=4, linestyle="none")
        axes[1].set_title("Measured less fitted")
        most = max(float(np.abs(residuals).max()) * 1.2, 1.0)
        axes[1].set_ylim(-most, most)
        axes[1].set_ylabel("% of the fit")
    for panel in axes:
        _load_axis(panel, content, shown, labelled=panel is axes[-1])
    return ink.finish(
        figure,
        name="capacity_throughput",
        title="Throughput against load",
        caption="Where the marks leave the straight line the target does not keep up with what is asked of it."
        + (" Residuals without a pattern mean that the law fits." if usl else ""),
        alt=_spoken(content, shown),
    )


def _spoken(content: Values, shown: list[Values]) -> str:
    told = "; ".join(
        f"{level(content, _at(content, step))}: {step['outcome']}, "
        f"{rate(step['figures'].get('deliveries_per_s'))} deliveries"
        for step in shown
    )
    return f"Points by load. {told}."
