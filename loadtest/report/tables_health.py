"""The report's tables of names and values: cable, generator and contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.report import wording
from loadtest.report.tables import Cell, Column, Table, by_count, counted, part
from loadtest.report.wording import count, milliseconds, number, percent, seconds


def _pairs(name: str, caption: str, pairs: Sequence[tuple[str, Cell]]) -> Table:
    columns = [Column("what", numeric=False), Column("value")]
    return Table(name, caption, columns, [[Cell(what), cell] for what, cell in pairs])


def _odd(value: Any, text: str | None = None, tone: str = "warn") -> Cell:
    return Cell(text if text is not None else count(value), tone=tone if number(value) else "")


def cable(summary: Mapping[str, Any]) -> Table:
    """Connections and what became of them."""
    row = part(summary, "cable")
    if not row:
        return _pairs("cable", "Connections", [])
    failed, ended, broken = (part(row, key) for key in ("connect_failed", "disconnects", "protocol_errors"))
    pairs = [
        ("connections opened", Cell(count(row.get("connects")))),
        ("subscriptions confirmed", Cell(count(row.get("confirmed")))),
        ("never confirmed", _odd(row.get("unconfirmed"))),
        ("rejected", _odd(row.get("rejected"))),
        ("connections that failed", _odd(_total(failed), counted(failed) or "0")),
        ("connect p99", Cell(milliseconds(row.get("connect_p99_ms"), row.get("connects")))),
        ("confirm p99", Cell(milliseconds(row.get("confirm_p99_ms"), row.get("confirmed")))),
        ("disconnects", Cell(counted(ended) or "0")),
        ("gone stale (no ping for too long)", _odd(row.get("stale"))),
        ("reconnects", Cell(count(row.get("reconnects")))),
        ("gap between pings, p99", Cell(seconds(row.get("ping_gap_p99_s"), row.get("pings")))),
        ("gap between pings, longest", Cell(seconds(row.get("ping_gap_max_s")))),
        ("protocol errors", _odd(_total(broken), counted(broken) or "0", "bad")),
    ]
    return _pairs("cable", "Connections", pairs)


def generator(summary: Mapping[str, Any]) -> Table:
    """The generator's own numbers."""
    row = part(summary, "generator")
    if not row:
        return _pairs("generator", "Generator", [])
    marked, windows = number(row.get("windows_marked")), row.get("windows")
    pairs = [
        ("fit to measure", Cell("yes" if row.get("valid") else "no", tone="good" if row.get("valid") else "void")),
        ("lateness p99", Cell(milliseconds(row.get("lateness_p99_ms")))),
        ("event-loop lag p99", Cell(milliseconds(row.get("loop_lag_p99_ms")))),
        ("event-loop lag, longest", Cell(milliseconds(row.get("loop_lag_max_ms")))),
        ("CPU of the busiest worker", Cell(percent(row.get("cpu_share_max")))),
        ("largest memory of a worker", Cell(wording.bytes_(row.get("rss_max_bytes")))),
        ("actions dropped", _odd(row.get("dropped"))),
        ("samples out of range", _odd(row.get("overflow"))),
        ("clocks agree within", Cell(milliseconds(row.get("clock_bound_ms")))),
    ]
    if marked is not None:
        causes = counted(part(row, "marked_by"))
        text = f"{count(marked)} of {count(windows)}" + (f" ({causes})" if causes else "")
        pairs.append(("untrusted windows", _odd(marked, text)))
    return _pairs("generator", "Generator", pairs)


def contract(summary: Mapping[str, Any]) -> Table:
    """What the contract's checker found."""
    row = part(summary, "contract")
    if not row:
        return _pairs("contract", "Contract", [])
    violations, unknown = part(row, "violations"), part(row, "unknown_events")
    pairs = [("event frames checked", Cell(count(row.get("checked"))))]
    pairs += [(f"violation: {wording.plain(kind)}", _odd(n, tone="bad")) for kind, n in by_count(violations)]
    pairs += [(f"unknown event: {wording.plain(name)}", _odd(n)) for name, n in by_count(unknown)]
    if not violations:
        pairs.append(("violations", Cell("0")))
    return _pairs("contract", "Contract", pairs)


def _total(by_name: Mapping[str, Any]) -> float:
    return sum(number(value) or 0.0 for value in by_name.values())
