"""The report's table of where an emission's time goes (:mod:`loadtest.analysis.service`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.report import wording
from loadtest.report.tables import Cell, Column, Table, cut, in_order, part
from loadtest.report.wording import count, milliseconds, percent

_STAGES = {
    "lateness": ("late", "From the due time until this tool took the action up: its own."),
    "wait": ("waiting", "Until a connection of the pool was free; the target holds them."),
    "answer": ("REST answer", "From the written request to its answer."),
    "first": ("then first frame", "From the answer to the first receiver; 0 where the frame came before the answer."),
    "spread": ("first to last", "From the first to the last receiver, of emissions that everybody had."),
    "sent_first": ("request to first", "From the written request to the first receiver."),
}

_NOTE = (
    "An emission's way from left to right, medians above p99: late is this tool's own, waiting is for one of its REST "
    "connections, which the target holds. Frame first: the share whose frame came before the answer."
)


def service(summary: Mapping[str, Any]) -> Table:
    """The stages of emissions by event, each with its median and, below it, its p99."""
    rows = []
    for event, row in in_order(part(summary, "service")):
        cells = [Cell(wording.plain(event)), Cell(count(row.get("n")))]
        for stage in _STAGES:
            n = row.get("spread_n" if stage == "spread" else "n")
            p99 = row.get(f"{stage}_p99_ms")
            cells.append(
                Cell(
                    milliseconds(row.get(f"{stage}_p50_ms"), n),
                    f"p99 {milliseconds(p99, n)}" if row.get(f"{stage}_p50_ms") is not None else "",
                )
            )
        rows.append([*cells, Cell(percent(row.get("before_answer_share")))])
    columns = [
        Column("event", numeric=False),
        Column("emissions", "Those whose answer and first receiver are known."),
        *(Column(title, hint) for title, hint in _STAGES.values()),
        Column("frame first", "Share of the emissions whose first frame came before the answer."),
    ]
    return cut(Table("service", "Where the time goes", columns, rows, _NOTE if rows else ""))
