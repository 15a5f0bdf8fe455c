"""A soak for a terminal and as Markdown for a CI job's summary."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from loadtest.analysis.soak import Soak, hours
from loadtest.report import soak_tables
from loadtest.report.markdown import escaped
from loadtest.report.tables import Table
from loadtest.report.wording import plain

WIDTH = 98
NOT_JUDGED = "NOT JUDGED"
_SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "INVALID": "⚠️", NOT_JUDGED: "📏"}
_SHOWN = ("level", "now", "growth an hour", "budget", "limit reached in", "result")


def word(soak: Soak) -> str:
    """The verdict in a word."""
    return soak.result or NOT_JUDGED


def meaning(soak: Soak) -> str:
    """What the verdict means, a sentence."""
    return {
        "PASS": "Nothing grew faster than its budget allows.",
        "FAIL": "Something grows faster than its budget allows, and went on to the end.",
        "INCONCLUSIVE": "The run was too short to decide.",
        "INVALID": "The generator was the limit: its latencies must not be read as the target's.",
        NOT_JUDGED: "Nothing was judged: give --budget.",
    }[word(soak)]


def terminal(soak: Soak, run_id: str) -> str:
    """The verdict, why, and the growth of every level; lines joined by newlines."""
    lines = [f"{word(soak)}  soak of {plain(run_id)}, {hours(soak.hold_h)} of hold. {meaning(soak)}"]
    for reason in soak.reasons:
        lines += _wrapped("  - ", reason)
    for warning in soak.warnings:
        lines += _wrapped("  note: ", warning)
    for table in (_some(soak_tables.drift(soak)), soak_tables.per_connection(soak), soak_tables.drain(soak)):
        if table.rows:
            lines += ["", table.caption, *_grid(table)]
    return "\n".join(lines)


def markdown(soak: Soak, run_id: str) -> str:
    """The same as GitHub's Markdown, one sentence a line."""
    return "\n".join(_markdown(soak, run_id)) + "\n"


def _markdown(soak: Soak, run_id: str) -> Iterator[str]:
    yield f"## {_SIGNS[word(soak)]} {word(soak)}: soak {escaped(run_id)}"
    yield ""
    yield f"{hours(soak.hold_h)} of hold."
    yield meaning(soak)
    yield ""
    yield from (f"- {escaped(reason)}" for reason in soak.reasons)
    if soak.reasons:
        yield ""
    for table in (soak_tables.drift(soak), soak_tables.per_connection(soak), soak_tables.drain(soak)):
        if not table.rows:
            continue
        yield f"**{escaped(table.caption)}**"
        yield ""
        yield "| " + " | ".join(escaped(column.title) for column in table.columns) + " |"
        yield "|" + "|".join("--:" if column.numeric else "---" for column in table.columns) + "|"
        for row in table.rows:
            cells = [f"{escaped(c.text)} ({escaped(c.detail)})" if c.detail else escaped(c.text) for c in row]
            yield "| " + " | ".join(cells) + " |"
        yield ""
    if soak.warnings:
        yield "**Worth knowing**"
        yield ""
        yield from (f"- {escaped(warning)}" for warning in soak.warnings)
        yield ""


def _some(table: Table) -> Table:
    """The columns a terminal has room for; a growth with its interval, a result with the hours it takes."""
    at = [i for i, column in enumerate(table.columns) if column.title in _SHOWN]
    return Table(
        table.name, table.caption, [table.columns[i] for i in at], [[row[i] for i in at] for row in table.rows]
    )


def _grid(table: Table) -> list[str]:
    """Columns two blanks apart; details of names and of readings are left to the page."""
    rows = [[column.title for column in table.columns]]
    for row in table.rows:
        cells = [plain(cell.text) for cell in row]
        for at, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
            if cell.detail and column.title in {"growth an hour", "limit reached in", "result", "each connection adds"}:
                cells[at] += f" ({plain(cell.detail)})"
        rows.append(cells)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(_set(c, w, i, table) for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _set(text: str, width: int, at: int, table: Table) -> str:
    return text.rjust(width) if table.columns[at].numeric else text.ljust(width)


def _wrapped(label: str, text: str) -> Sequence[str]:
    return textwrap.wrap(
        plain(text), WIDTH, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    )
