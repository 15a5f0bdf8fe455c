"""The report's tables of names and values: cable and generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.report import wording
from loadtest.report.tables import Cell, Table, counted, odd, pairs_table, part
from loadtest.report.wording import count, milliseconds, number, percent, seconds

_EXACT = 0.999
_ENDINGS = {"by_us": "by us"}


def cable(summary: Mapping[str, Any]) -> Table:
    """Connections and what became of them."""
    row = part(summary, "cable")
    if not row:
        return pairs_table("cable", "Connections", [])
    failed, ended, broken = (part(row, key) for key in ("connect_failed", "disconnects", "protocol_errors"))
    pairs = [
        ("connections opened", Cell(count(row.get("connects")))),
        ("subscriptions confirmed", Cell(count(row.get("confirmed")))),
        ("never confirmed", odd(row.get("unconfirmed"))),
        ("rejected", odd(row.get("rejected"))),
        ("connections that failed", odd(_total(failed), counted(failed) or "0")),
        ("connect p99", Cell(milliseconds(row.get("connect_p99_ms"), row.get("connects")))),
        ("confirm p99", Cell(milliseconds(row.get("confirm_p99_ms"), row.get("confirmed")))),
        ("disconnects", Cell(counted({_ENDINGS.get(name, name): n for name, n in ended.items()}) or "0")),
        ("gone stale (no ping for too long)", odd(row.get("stale"))),
        ("reconnects", Cell(count(row.get("reconnects")))),
        ("gap between pings, p99", Cell(seconds(row.get("ping_gap_p99_s"), row.get("pings")))),
        ("gap between pings, longest", Cell(seconds(row.get("ping_gap_max_s")))),
        ("age of the last proof of delivery, p99", Cell(seconds(row.get("proof_age_p99_s")))),
        ("age of the last proof of delivery, longest", Cell(seconds(row.get("proof_age_max_s")))),
        ("canaries sent", Cell(count(row.get("canaries")))),
        ("connected but deaf", odd(row.get("deaf"), _deaf(row), "bad")),
        ("protocol errors", odd(_total(broken), counted(broken) or "0", "bad")),
    ]
    return pairs_table("cable", "Connections", pairs)


def generator(summary: Mapping[str, Any]) -> Table:
    """The generator's own numbers."""
    row = part(summary, "generator")
    if not row:
        return pairs_table("generator", "Generator", [])
    marked, windows = number(row.get("windows_marked")), row.get("windows")
    pairs = [
        ("fit to measure", Cell("yes" if row.get("valid") else "no", tone="good" if row.get("valid") else "void")),
        ("lateness p99", Cell(milliseconds(row.get("lateness_p99_ms")))),
        ("event-loop lag p99", Cell(milliseconds(row.get("loop_lag_p99_ms")))),
        ("event-loop lag, longest", Cell(milliseconds(row.get("loop_lag_max_ms")))),
        ("from arrival to our read, p50", Cell(milliseconds(row.get("read_lag_p50_ms"), row.get("read_lag_n")))),
        ("from arrival to our read, p99", _read_lag(row)),
        ("CPU of the busiest worker", Cell(percent(row.get("cpu_share_max")))),
        ("CPU of the whole machine, at most", Cell(percent(row.get("machine_cpu_share_max")))),
        ("taken by the hypervisor, at most", Cell(percent(row.get("steal_share_max")))),
        ("largest memory of a worker", Cell(wording.bytes_(row.get("rss_max_bytes")))),
        ("actions dropped", odd(row.get("dropped"))),
        ("samples out of range", odd(row.get("overflow"))),
        ("clocks agree within", Cell(milliseconds(row.get("clock_bound_ms")))),
    ]
    if marked is not None:
        causes = counted(part(row, "marked_by"))
        text = f"{count(marked)} of {count(windows)}" + (f" ({causes})" if causes else "")
        pairs.append(("untrusted windows", odd(marked, text)))
        pairs.append(("windows that reading made more than 10 % slower", odd(row.get("windows_rough"))))
    server = part(summary, "run", "target")
    if server.get("embedded") and number(server.get("cpu_share_max")) is not None:
        pairs.append(("CPU of the embedded server, at most", Cell(percent(server.get("cpu_share_max")))))
        pairs.append(("waiting in the embedded server, at most", Cell(wording.bytes_(server.get("backlog_max_bytes")))))
    return pairs_table("generator", "Generator", pairs)


def _read_lag(row: Mapping[str, Any]) -> Cell:
    share = number(row.get("read_lag_exact_share"))
    least = milliseconds(row.get("read_lag_p99_ms"), row.get("read_lag_n"))
    most = milliseconds(row.get("read_lag_most_p99_ms"))
    if share is None or share > _EXACT or most == least:
        return Cell(least)
    upto = f", at most {most}" if number(row.get("read_lag_most_p99_ms")) is not None else ""
    return Cell(least, f"or more{upto}: {percent(1 - share)} were read with others")


def _deaf(row: Mapping[str, Any]) -> str:
    again = number(row.get("deaf_recovered"))
    return count(row.get("deaf")) + (f", {count(again)} of them heard again" if again else "")


def _total(by_name: Mapping[str, Any]) -> float:
    return sum(number(value) or 0.0 for value in by_name.values())
