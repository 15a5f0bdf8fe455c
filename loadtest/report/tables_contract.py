"""What the report says about the contract: what was checked, which events the run drove, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.contract import DialectName, EventSpec, events_of
from loadtest.report import wording
from loadtest.report.tables import Cell, Column, Table, by_count, cut, in_order, odd, pairs_table, part
from loadtest.report.wording import count, number, plain

MOST_UNDRIVEN = 3
"""Undriven events named with their reasons in a sentence; the table of events has them all."""


def contract(summary: Mapping[str, Any]) -> Table:
    """What the contract's checker found."""
    row = part(summary, "contract")
    if not row:
        return pairs_table("contract", "Contract", [])
    violations, unknown, tolerated = (part(row, key) for key in ("violations", "unknown_events", "tolerated"))
    pairs = [("event frames checked", Cell(count(row.get("checked"))))]
    events = part(row, "events")
    if events:
        pairs.append(("events driven", Cell(f"{count(len(_driven(events)))} of {count(len(events))}")))
    pairs += [(f"violation: {plain(kind)}", odd(n, tone="bad")) for kind, n in by_count(violations)]
    pairs += [(f"tolerated to contacts: {plain(name)}", odd(n)) for name, n in by_count(tolerated)]
    pairs += [(f"unknown event: {plain(name)}", odd(n)) for name, n in by_count(unknown)]
    if not violations:
        pairs.append(("violations", Cell("0")))
    return pairs_table("contract", "Contract", pairs)


def events(summary: Mapping[str, Any]) -> Table:
    """Every event of the dialect: for whom, how often it was caused, received and checked, and what was wrong."""
    told = part(summary, "contract", "events")
    known = _specs(summary)
    rows = []
    for event, row in in_order(told):
        spec, why = known.get(event), plain(row.get("why") or "")
        driven = bool(row.get("driven"))
        rows.append(
            [
                Cell(plain(event), "" if driven else f"not driven: {why}", "" if driven else "quiet"),
                Cell(spec.for_whom() if spec else wording.MISSING),
                Cell(count(row["emitted"])) if number(row.get("emitted")) else Cell("–", tone="quiet"),
                _quiet(row.get("received")),
                _quiet(row.get("checked")),
                odd(row["violations"], tone="bad") if number(row.get("violations")) else _quiet(row.get("violations")),
            ]
        )
    columns = [
        Column("event", numeric=False),
        Column("for whom", "Who receives it, in the dialect the run was judged by.", numeric=False),
        Column("emitted", "Actions of this run that were sure to cause it and are accounted for."),
        Column("received", "Frames of it on all sockets, whoever caused them."),
        Column("checked", "Frames of it whose payload and audience were checked."),
        Column("violations", "What was wrong with them; a frame may have several faults."),
    ]
    return cut(Table("events", "Events of the contract, over the whole run", columns, rows))


def driven(summary: Mapping[str, Any], most: int | None = None) -> str:
    """Which events the run drove, in a sentence without an end; empty where the summary does not tell.

    Args:
        summary: summary.json's content.
        most: how many undriven events are named with their reasons; None for all.
    """
    told = part(summary, "contract", "events")
    if not told:
        return ""
    text = f"events driven: {count(len(_driven(told)))} of {count(len(told))}"
    undriven = [
        f"{plain(event)} ({plain(row.get('why') or 'nobody knows why')})"
        for event, row in in_order(told)
        if not row.get("driven")
    ]
    if not undriven:
        return text
    shown = undriven if most is None else undriven[:most]
    left_out = len(undriven) - len(shown)
    more = f" and {count(left_out)} more" if left_out else ""
    return f"{text}; not driven: {', '.join(shown)}{more}"


def _driven(told: Mapping[str, Any]) -> list[str]:
    return [event for event in told if part(told, event).get("driven")]


def _quiet(value: Any) -> Cell:
    return Cell(count(value), tone="" if number(value) else "quiet")


def _specs(summary: Mapping[str, Any]) -> Mapping[str, EventSpec]:
    name = part(summary, "run", "target").get("dialect")
    dialect: DialectName = "seed" if name == "seed" else "current" if name == "current" else "auto"
    return events_of(dialect)
