"""The report's table of storms (:mod:`loadtest.analysis.storms`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.report import wording
from loadtest.report.tables import Cell, Column, Table, cut
from loadtest.report.wording import count, number, percent


def storms(summary: Mapping[str, Any]) -> Table:
    """One row a storm: who was dropped, when they were back, their herd, and what they missed."""
    rows = []
    for row in summary.get("storms") or []:
        if not isinstance(row, Mapping):
            continue
        peak = f"{count(row.get('herd_peak'))} at {_s(row.get('herd_peak_s'))}"
        where = f"{percent(row.get('share'))} of all, at {wording.run_time(number(row.get('at_s')) or 0.0)}"
        tone = "bad" if row.get("back") != row.get("dropped") else ""
        cells = [
            Cell(wording.plain(row.get("name")), where),
            Cell(count(row.get("dropped"))),
            Cell(count(row.get("back")), tone=tone),
            *(Cell(_s(row.get(key))) for key in ("back_p50_s", "back_p95_s", "back_all_s")),
            Cell(peak, f"in {_s(row.get('bin_s'))}, {count(row.get('attempts'))} in all"),
            *(Cell(_both(row, part)) for part in ("connect", "confirm")),
            Cell(count(row.get("missed"))),
        ]
        rows.append(cells)
    columns = [
        Column("storm", numeric=False),
        Column("dropped", "Subscriptions that the storm ended."),
        Column("back", "Of those, confirmed again by the end of the run."),
        Column("50 % back", "Time from the storm's beginning until half of those it struck were confirmed again."),
        Column("95 % back"),
        Column("all back"),
        Column("most attempts", "The most attempts to connect in one step of time, and when."),
        Column("handshake", "p50 and p99 from the attempt to the welcome, of those who came back."),
        Column("confirm", "p50 and p99 from the subscribe command to its confirmation, of those who came back."),
        Column("missed", "Deliveries sent while their receiver was away by the storm: nothing replays them."),
    ]
    return cut(Table("storms", "Storms", columns, rows))


def _s(value: Any) -> str:
    if value == "inf":
        return "never"
    seconds = number(value)
    return "n/a" if seconds is None else f"{seconds:.3g} s"


def _both(row: Mapping[str, Any], part: str) -> str:
    values = [number(row.get(f"{part}_p{q}_ms")) for q in (50, 99)]
    return " / ".join("n/a" if value is None else f"{value:.3g} ms" for value in values)
