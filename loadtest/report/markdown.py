"""summary.md: the report for a CI job's summary or a comment on a pull request.

GitHub's Markdown: the verdict and key numbers in sight, the details folded; every text from outside is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadtest.report import facts, model, tables, tables_contract, tables_health, tables_presence, tables_service
from loadtest.report.tables import Table, part
from loadtest.report.wording import plain, seconds

_SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "INVALID": "⚠️"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&@$])")
_FANOUT_COLUMNS = ("event", "seen by", "deliveries", "p50", "p99", "max", "p99 incl. lost", "last p99")
_DELIVERY_COLUMNS = (
    "event",
    "emitted",
    "expected",
    "delivered",
    "late",
    "lost",
    "duplicated",
    "leaked",
    "undetermined",
    "received",
)


def markdown(summary: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """The summary as Markdown, one sentence a line.

    Args:
        summary: summary.json's content.
        meta: the run's description.
    """
    return "\n".join(_lines(summary, meta)) + "\n"


def escaped(text: Any) -> str:
    """A text that Markdown shows as it is: no markup, no HTML, no table cell, no mention."""
    return _SPECIAL.sub(r"\\\1", plain(text))


def _lines(summary: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[str]:
    run = part(summary, "run")
    word = model.verdict(summary)
    yield f"## {_SIGNS[word]} {word}: load test {escaped(run.get('id') or '')}".rstrip()
    yield ""
    yield from (f"- {escaped(text)}" for text in model.reasons(summary))
    yield ""
    yield _tested(run)
    yield from (escaped(text) for text in model.notices(summary, meta))
    yield ""
    yield from _table(
        _some(tables.fanout(summary), _FANOUT_COLUMNS), "No delivery with a known due time arrived in the hold."
    )
    yield from _table(_some(tables.delivery(summary), _DELIVERY_COLUMNS), "No event was expected or seen.")
    driven = model.sentence(tables_contract.driven(summary, tables_contract.MOST_UNDRIVEN))
    if driven:
        yield escaped(driven[0].upper() + driven[1:])
        yield ""
    yield "| key number | value | |"
    yield "|---|--:|---|"
    yield from (f"| {escaped(f.label)} | {escaped(f.value)} | {escaped(f.hint)} |" for f in facts.numbers(summary))
    yield ""
    found = model.warnings(summary)
    if found:
        yield "**Worth knowing**"
        yield ""
        yield from (f"- {escaped(text)}" for text in found)
        yield ""
    yield from _folded("Checks", [tables.checks(summary)])
    yield from _folded("Where the time goes", [tables_service.service(summary)])
    yield from _folded("Presence, REST, cable, generator, contract", _details(summary))


def _tested(run: Mapping[str, Any]) -> str:
    target = part(run, "target")
    where = (
        "the embedded reference server" if target.get("embedded") else escaped(target.get("url") or "an unknown target")
    )
    people = escaped(facts.population(part(run, "population")))
    return f"{people} against {where}, {escaped(seconds(run.get('hold_s')))} of hold{facts.cut_short(run)}."


def _details(summary: Mapping[str, Any]) -> list[Table]:
    return [
        tables.users(summary),
        tables.presence(summary),
        *tables_presence.folded(summary),
        tables.rest(summary),
        tables_health.cable(summary),
        tables_health.generator(summary),
        tables_contract.contract(summary),
        tables_contract.events(summary),
    ]


def _some(table: Table, titles: Sequence[str]) -> Table:
    """The table with only the columns of these titles; sub-rows are left out."""
    at = [i for i, column in enumerate(table.columns) if column.title in titles]
    rows = [[row[i] for i in at] for row in table.rows if not row[0].text.startswith(" ")]
    return Table(table.name, table.caption, [table.columns[i] for i in at], rows, table.note)


def _table(table: Table, nothing: str) -> Iterator[str]:
    if not table.rows:
        yield nothing
        yield ""
        return
    yield f"**{escaped(table.caption)}**"
    yield ""
    yield from _grid(table)
    yield ""


def _grid(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(escaped(column.title) for column in table.columns) + " |"
    yield "|" + "|".join("--:" if column.numeric else "---" for column in table.columns) + "|"
    for row in table.rows:
        cells = [f"**{escaped(c.text)}**" if c.tone in {"bad", "void"} else escaped(c.text) for c in row]
        cells = [f"{text} ({escaped(c.detail)})" if c.detail else text for text, c in zip(cells, row, strict=True)]
        yield "| " + " | ".join(cells) + " |"
    if table.note:
        yield ""
        yield escaped(table.note)


def _folded(title: str, found: Sequence[Table]) -> Iterator[str]:
    shown = [table for table in found if table.rows]
    if not shown:
        return
    yield f"<details><summary>{title}</summary>"
    yield ""
    for table in shown:
        yield from _table(table, "")
    yield "</details>"
    yield ""
