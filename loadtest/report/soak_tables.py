"""The tables of a soak: drift per level, what a connection costs, what stayed once all had gone."""

from __future__ import annotations

from loadtest.analysis.quantity import dimension_of
from loadtest.analysis.soak import Drift, Soak, Stay, hours
from loadtest.report.soak_words import amount, name, rate, span
from loadtest.report.tables import Cell, Column, Table
from loadtest.report.wording import MISSING, count, many

TONE = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn", "INVALID": "void"}


def drift(soak: Soak) -> Table:
    """Every level with its growth, interval, budget and result, the broken ones first."""
    order = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS", None)
    told = [one for one in soak.drifts if one.is_told]
    rows = [_drift_row(one) for one in sorted(told, key=lambda one: order.index(one.result))]
    columns = [
        Column("level", numeric=False),
        Column("now", "The level at the end, on the fitted line."),
        Column("growth an hour", "Theil-Sen slope over block medians after the warm-up, with its 95 % interval."),
        Column("in the last half", "The same over the last half: growth that ended is no leak."),
        Column("budget", numeric=False),
        Column("limit reached in", "Room to the limit over the growth, with its interval."),
        Column("result", numeric=False),
    ]
    if not any(one.limit is not None for one in soak.drifts):
        columns, rows = _without(columns, rows, 5)
    if soak.result is None:
        columns, rows = columns[:4], [row[:4] for row in rows]
    kept = f"{hours(max(soak.hold_h - soak.warm_up_h, 0.0))} after {hours(soak.warm_up_h)} of warm-up"
    how = "each phase of the period against itself" if soak.period_h is not None else "readings at like connections"
    return Table("drift", f"Growth over {kept}, {how}", columns, rows)


def _without(columns: list[Column], rows: list[list[Cell]], at: int) -> tuple[list[Column], list[list[Cell]]]:
    return columns[:at] + columns[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]


def _drift_row(one: Drift) -> list[Cell]:
    growth, dimension = one.growth, dimension_of(one.path[-1])
    told = one.allowed_per_hour is not None and ("%" in one.budget or "within" in one.budget)
    allowed = f"{amount(one.allowed_per_hour, dimension)}/h" if told else ""
    needed = "" if one.needed_hours is None else f"run about {hours(one.needed_hours)}"
    return [
        Cell(name(one.path), one.note or growth.note),
        Cell(amount(growth.level, dimension), f"{many(growth.readings, 'reading')}"),
        Cell(rate(growth.per_hour, dimension), span(growth.interval, dimension)),
        Cell(rate(growth.recent_per_hour, dimension), span(growth.recent_interval, dimension)),
        Cell(one.budget or MISSING, allowed),
        _reaching(one),
        Cell(one.result or "", needed, TONE.get(one.result or "", "")),
    ]


def _reaching(one: Drift) -> Cell:
    if one.limit is None:
        return Cell("")
    if one.reaches_h is None or one.reaches_interval is None:
        return Cell(MISSING)
    low, high = one.reaches_interval
    text = "never" if one.reaches_h == float("inf") else hours(one.reaches_h)
    return Cell(
        text, f"{'never' if low == float('inf') else hours(low)} to {'never' if high == float('inf') else hours(high)}"
    )


def per_connection(soak: Soak) -> Table:
    """What a connection adds, from the ramp; no leak, and no part of the growth."""
    rows = [
        [
            Cell(name(one.path), one.note),
            Cell(
                amount(one.each, dimension_of(one.path[-1]), signed=True),
                "" if one.interval is None else span(one.interval, dimension_of(one.path[-1])).removesuffix("/h"),
            ),
            Cell(count(one.connections)),
        ]
        for one in soak.per_connection
        if one.each is not None
    ]
    columns = [Column("level", numeric=False), Column("each connection adds"), Column("connections in the ramp")]
    return Table("per_connection", "What a connection costs, read off the ramp", columns, rows)


def drain(soak: Soak) -> Table:
    """What stayed once all had gone, and once all were back."""
    rows = [_stay_row(one) for one in soak.stays]
    columns = [
        Column("level", numeric=False),
        Column("before anybody came"),
        Column("all there, at first"),
        Column("all there, at last"),
        Column("all gone"),
        Column("all back"),
        Column("stayed", "All gone less before; where all came back, all back less at first."),
        Column("budget", numeric=False),
        Column("result", numeric=False),
    ]
    if all(one.result is None for one in soak.stays):
        columns, rows = columns[:7], [row[:7] for row in rows]
    return Table("drain", "What did not come back", columns, rows)


def _stay_row(one: Stay) -> list[Cell]:
    dimension = dimension_of(one.name)
    found = one.found
    parts = ("before", "full", "full_last", "after", "again")
    values = [None if found is None else getattr(found, part) for part in parts]
    stayed = None if found is None else found.not_back if found.not_back is not None else found.kept
    return [
        Cell(one.name.removeprefix("target."), one.note),
        *(Cell(amount(value, dimension)) for value in values),
        Cell(amount(stayed, dimension, signed=True)),
        Cell(one.budget or MISSING),
        Cell(one.result or "", tone=TONE.get(one.result or "", "")),
    ]
