"""A comparison as text for a terminal and as Markdown for a CI job's summary; works on the JSON of ``compare.json``."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from loadtest.nouns import noun
from loadtest.report.markdown import escaped
from loadtest.report.wording import INFINITE, MISSING, many, milliseconds, number, percent, plain, significant

WIDTH = 98
MOST_OTHERS = 60
"""Metrics that do not decide, in the Markdown; all are in compare.json."""

_SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔"}
_ASIDE = {"PASS": "fine", "FAIL": "worse", "INCONCLUSIVE": "unknown"}
_MOST_SHOWN = 8
_TITLES = ("metric", "baseline", "candidate", "change", "90 % interval", "margin", "sign flip p", "result")

Row = Mapping[str, Any]
Content = Mapping[str, Any]


def terminal(content: Content, *, written: bool = True) -> str:
    """The verdict and the metrics that decide; of the others those that changed most.

    Args:
        content: the comparison.
        written: whether compare.md is written, where the rest can be read.

    Returns:
        Lines joined by newlines, without one at the end.
    """
    lines = [*_wrapped(f"{content['result']:<13}", _how(content))]
    for reason in content["reasons"]:
        lines += _wrapped("- ".rjust(13), plain(reason))
    for warning in content["warnings"]:
        lines += _wrapped("note: ".rjust(13), plain(warning))
    primaries, others = _split(content)
    if primaries:
        lines += ["", *_grid([_titles(content), *(_cells(row) for row in primaries)])]
    shown = [row for row in others if _is_notable(row)][:_MOST_SHOWN]
    if shown:
        lines += ["", "worse or better beyond their noise, and never deciding:"]
        lines += _grid([_cells(row) for row in shown])
    if len(others) > len(shown):
        where = "see compare.md" if written else "--out DIR writes a compare.md that has them"
        lines += ["", f"{many(len(others) - len(shown), 'further metric')} decided nothing: {where}."]
    return "\n".join(lines)


def markdown(content: Content) -> str:
    """The comparison in GitHub's Markdown: verdict and primaries in sight, the others folded; below 64 KiB."""
    return "\n".join(_markdown(content)) + "\n"


def changed(row: Row) -> str:
    """How much a metric changed, with its interval: ``+3.1% (-1.0 to +7.4)``; shares in points."""
    if row["change"] is None:
        return MISSING
    unit = "%" if row["kind"] == "ratio" else " points"
    if row["interval"] is None:
        return f"{100 * row['change']:+.3g}{unit}"
    return f"{100 * row['change']:+.3g}{unit} ({_interval(row)})"


def judged(row: Row) -> str:
    """A metric in a line: values, change, margin, p-values."""
    told = [
        f"{_value(row, 'baseline')} to {_value(row, 'candidate')}",
        f"change {changed(row)}",
        f"margin {_margin(row)}",
    ]
    told += [
        f"{label} {_p(row[key])}"
        for key, label in (("p_holm", "Holm p"), ("p_sign_flip", "sign flip p"))
        if row[key] is not None
    ]
    told += [str(row["why"])] if row["why"] else []
    return "; ".join(told)


def _markdown(content: Content) -> Iterator[str]:
    primaries, others = _split(content)
    yield f"## {_SIGNS[content['result']]} {content['result']}: candidate against baseline"
    yield ""
    yield from (f"- {escaped(reason)}" for reason in content["reasons"])
    if content["reasons"]:
        yield ""
    yield escaped(_how(content))
    if primaries:
        yield ""
        yield from _table(_titles(content), primaries)
    if content["warnings"]:
        yield ""
        yield "**Worth knowing**"
        yield ""
        yield from (f"- {escaped(warning)}" for warning in content["warnings"])
    if others:
        yield ""
        yield "<details><summary>Metrics that decide nothing</summary>"
        yield ""
        yield from _table(_titles(content), others[:MOST_OTHERS])
        if len(others) > MOST_OTHERS:
            yield ""
            yield f"{len(others) - MOST_OTHERS} more {noun(len(others) - MOST_OTHERS, 'is', 'are')} in compare.json."
        yield ""
        yield "</details>"


def _table(titles: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    yield "| " + " | ".join(titles) + " |"
    yield "|---" + "|--:" * (len(titles) - 2) + "|---|"
    for row in rows:
        cells = [escaped(cell) for cell in _cells(row)]
        cells[-1] = f"**{cells[-1]}**" if row["primary"] and row["result"] == "FAIL" else cells[-1]
        yield "| " + " | ".join(cells) + " |"


def _how(content: Content) -> str:
    pairs = content["pairs"]
    what = (
        many(pairs, "interleaved pair")
        if content["paired"]
        else f"{many(pairs, 'run')} of the smaller group, not interleaved"
    )
    more = content["more_pairs"]
    wish = f" {many(more, 'more pair')} would decide with 80 % power." if more else ""
    error = f"one-sided error {100 * content['alpha']:g} % a metric, Holm's adjustment over those that decide"
    return f"{what}; {error}.{wish}"


def _titles(content: Content) -> list[str]:
    held = 100 * (1 - 2 * content["alpha"])
    return [title.replace("90 %", f"{held:g} %") for title in _TITLES]


def _split(content: Content) -> tuple[list[Row], list[Row]]:
    rows = content["rows"]
    if not any(row["baseline"] or row["candidate"] for row in rows):  # no run is left to have values
        return [], []
    others = sorted((row for row in rows if not row["primary"]), key=lambda row: -abs(row["change"] or 0.0))
    return [row for row in rows if row["primary"]], others


def _is_notable(row: Row) -> bool:
    """Whether the interval of a change leaves zero out."""
    return row["interval"] is not None and (row["interval"][0] > 0 or row["interval"][1] < 0)


def _cells(row: Row) -> list[str]:
    name = row["name"].replace('"', "") + (" (share wrong)" if row["name"].endswith(".p_a") else "")
    unit = "%" if row["kind"] == "ratio" else " points"
    change = MISSING if row["change"] is None else f"{100 * row['change']:+.3g}{unit}"
    result = row["result"] if row["primary"] else _ASIDE[row["result"]]
    if all(one is None for one in (*row["baseline"], *row["candidate"])):
        result = "not measured"
    return [
        name,
        _value(row, "baseline"),
        _value(row, "candidate"),
        change,
        MISSING if row["interval"] is None else _interval(row),
        _margin(row),
        MISSING if row["p_sign_flip"] is None else _p(row["p_sign_flip"]),
        result,
    ]


def _value(row: Row, arm: str) -> str:
    """The median over runs."""
    values = [value for one in row[arm] if (value := number(one)) is not None]
    if not values:
        return MISSING
    middle = median(values)
    if math.isinf(middle):
        return INFINITE
    return milliseconds(middle) if row["unit"] == "ms" else percent(middle)


def _interval(row: Row) -> str:
    low, high = (f"{100 * end:+.3g}" for end in row["interval"])
    return f"{low} to {high}"


def _margin(row: Row) -> str:
    margin = f"{100 * row['margin']:.3g}"
    return margin + ("%" if row["kind"] == "ratio" else " point" if margin == "1" else " points")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else significant(value)


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False)


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns two blanks apart: names and results to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            c.ljust(w) if i in (0, last) else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
