"""The summary a terminal shows at a run's end: what was tested, the verdict and why, the main numbers.

Fifteen to thirty lines of at most 100 columns, plain text; colour only when asked for.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.report import facts, model, tables, tables_contract
from loadtest.report.clock_bound import latency, within_clocks
from loadtest.report.tables import part
from loadtest.report.wording import count, many, milliseconds, number, percent, plain, rate, seconds

WIDTH = 98
_LABEL = 11
_MOST_REASONS = 4
_MOST_WARNINGS = 3
_MOST_FANOUTS = 6
_MOST_UNDRIVEN = 1
_MOST_BALANCES = 5
_UNIT = re.compile(r"(\d) (?=(?:ms|s|min|h|%|B|KiB|MiB|GiB|\d{2} s)\b|%)")
_COLOURS = {"PASS": "1;32", "FAIL": "1;31", "INCONCLUSIVE": "1;33", "INVALID": "1;35"}


def terminal(summary: Mapping[str, Any], folder: Path | str, *, colour: bool = False) -> str:
    """Sum a run up for a terminal.

    Args:
        summary: summary.json's content.
        folder: the run folder, to say where the report is.
        colour: whether to colour the verdict with ANSI codes.

    Returns:
        Lines joined by newlines, without one at the end.
    """
    lines = [*_tested(summary), *_verdict(summary, colour), "", *_fanout(summary), *_delivery(summary), ""]
    lines += [*_state(summary), *_labelled("report", str(Path(folder) / "report.html"), wrap=False)]
    return "\n".join(lines)


def _labelled(label: str, text: str, *, wrap: bool = True) -> list[str]:
    """``label`` and its text beside it, wrapped under itself."""
    told = _wrapped(text, WIDTH - _LABEL) if wrap else [plain(text)]
    return [f"{label if i == 0 else '':<{_LABEL}}{line}" for i, line in enumerate(told or [""])]


def _wrapped(text: str, width: int, **how: Any) -> list[str]:
    """Lines of at most ``width`` columns in which no number stands apart from its unit."""
    glued = _UNIT.sub("\\1\u00a0", plain(text))
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(glued, width, break_on_hyphens=False, **how)]


def _tested(summary: Mapping[str, Any]) -> Iterator[str]:
    run = part(summary, "run")
    target, people, plan = (part(run, key) for key in ("target", "population", "plan"))
    length = f"{seconds(run.get('hold_s'))} of hold in {seconds(run.get('duration_s'))}{facts.cut_short(run)}"
    yield from _labelled("run", f"{run.get('id') or '?'}, {length}")
    where = f"{target.get('url') or '?'}, dialect {target.get('dialect') or '?'}"
    if target.get("embedded"):
        where = f"{where} (embedded reference server: says nothing about an installation)"
    yield from _labelled("target", where)
    load = [facts.population(people)]
    if number(plan.get("emit_rate")) is not None:
        load.append(rate(plan["emit_rate"], " messages/s"))
    if number(plan.get("heartbeat_s")) is not None:
        load.append(f"beat every {seconds(plan['heartbeat_s'])}")
    if number(run.get("workers")) is not None:
        load.append(many(int(run["workers"]), "worker"))
    yield from _labelled("load", "; ".join(load))


def _verdict(summary: Mapping[str, Any], colour: bool) -> Iterator[str]:
    word = model.verdict(summary)
    shown = f"\x1b[{_COLOURS[word]}m{word}\x1b[0m" if colour else word
    reasons = model.reasons(summary)
    yield f"{'verdict':<{_LABEL}}{shown}" + (f"  {reasons[0]}" if len(reasons) == 1 and _fits(reasons[0], word) else "")
    if not (len(reasons) == 1 and _fits(reasons[0], word)):
        yield from _bullets(reasons, _MOST_REASONS)
    yield from _bullets([f"note: {text}" for text in model.warnings(summary)], _MOST_WARNINGS)


def _fits(reason: str, word: str) -> bool:
    return _LABEL + len(word) + 2 + len(reason) <= WIDTH


def _bullets(texts: Sequence[str], most: int) -> Iterator[str]:
    indent = " " * _LABEL
    for text in texts[:most]:
        first, other = f"{indent}- ", f"{indent}  "
        yield from _wrapped(text, WIDTH, initial_indent=first, subsequent_indent=other, max_lines=6, placeholder=" ...")
    if len(texts) > most:
        yield f"{indent}- and {len(texts) - most} more in the report"


def _fanout(summary: Mapping[str, Any]) -> list[str]:
    section = part(summary, "fanout")
    bound_ms = number(part(summary, "generator").get("clock_bound_ms")) or 0.0
    found = [
        (event, role, within_clocks(part(section, event, role), bound_ms))
        for event in section
        for role in part(section, event)
    ]
    found = [entry for entry in found if number(entry[2].get("n")) and entry[0] != "presence.update"]
    found.sort(key=lambda e: (e[0] != "message.created", -(number(e[2]["n"]) or 0), e[0], e[1]))
    if not found:
        return ["fan-out    no delivery with a known due time arrived in the hold"]
    rows = [["fan-out from due time", "seen by", "n", "p50", "p99", "max", "p99 incl. lost", "last p99"]]
    for event, role, row in found[:_MOST_FANOUTS]:
        n = row.get("n")
        rows.append(
            [
                f"  {_short(event, 29)}",
                tables.roles(role),
                count(n),
                _brief(row.get("p50_ms")),
                _brief(row.get("p99_ms")),
                _brief(row.get("max_ms")),
                _brief(row.get("p99_incl_lost_ms")),
                _brief(row.get("last_p99_ms")),
            ]
        )
    return _aligned(rows, left=2) + _left_out(len(found) - _MOST_FANOUTS)


def _brief(value: Any) -> str:
    return latency(value)


def _delivery(summary: Mapping[str, Any]) -> list[str]:
    section = part(summary, "delivery")
    found = [(event, part(section, event)) for event in section if number(part(section, event).get("expected"))]
    found.sort(key=lambda e: (e[0] != "message.created", -(number(e[1]["expected"]) or 0), e[0]))
    if not found:
        return []
    keys = ("emitted", "expected", "delivered", "late", "lost", "duplicated", "leaked", "undetermined")
    heads = ("emitted", "expected", "delivered", "late", "lost", "dup", "leaked", "unknown")
    rows = [["delivery balance", *heads]]
    rows += [[f"  {_short(e, 29)}", *(count(row.get(key) or 0) for key in keys)] for e, row in found[:_MOST_BALANCES]]
    return _aligned(rows, left=1) + _left_out(len(found) - _MOST_BALANCES)


def _left_out(n: int) -> list[str]:
    return [f"  and {many(n, 'more row')} in the report"] if n > 0 else []


def _short(text: str, most: int) -> str:
    one_line = plain(text)
    return one_line if len(one_line) <= most else one_line[: most - 3] + "..."


def _aligned(rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Rows as columns two blanks apart; the first ``left`` are set to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _state(summary: Mapping[str, Any]) -> Iterator[str]:
    by_role = part(summary, "presence")
    told = [
        _accuracy(role, part(by_role, role))
        for role in sorted(by_role)
        if number(part(by_role, role).get("p_a")) is not None
    ]
    if told:
        yield from _labelled("presence", "; ".join(told))
    people, row = part(summary, "users"), part(summary, "cable")
    counted = [
        f"{count(seen.get('confirmed'))} of {count(seen.get('planned'))} {tables.roles(role)} subscribed"
        for role, seen in ((role, part(people, role)) for role in sorted(people))
    ]
    if row:
        counted.append(f"connect p99 {milliseconds(row.get('connect_p99_ms'), row.get('connects'))}")
        ended = sum(number(n) or 0 for n in part(row, "disconnects").values())
        counted.append(
            f"{many(int(ended), 'disconnect')}, {many(int(number(row.get('reconnects')) or 0), 'reconnect')}"
        )
        failed = tables.counted(part(row, "connect_failed"))
        counted += [f"failed: {failed}"] if failed else []
    if counted:
        yield from _labelled("cable", "; ".join(counted))
    calls = part(summary, "rest")
    if calls:
        n = sum(number(part(calls, call).get("n")) or 0 for call in calls)
        errors = sum(number(v) or 0 for call in calls for v in part(calls, call, "errors").values())
        slowest = [number(part(calls, call).get("p99_ms")) for call in calls]
        p99 = max((value for value in slowest if value is not None), default=None)
        yield from _labelled(
            "REST", f"{many(int(n), 'call')}, {many(int(errors), 'failure')}, slowest p99 {milliseconds(p99, n)}"
        )
    checks = part(summary, "contract")
    if checks:
        broken = tables.counted(part(checks, "violations"))
        frames = f"{many(int(number(checks.get('checked')) or 0), 'frame')} checked, violations: {broken or '0'}"
        driven = tables_contract.driven(summary, _MOST_UNDRIVEN)
        yield from _labelled("contract", "; ".join(filter(None, (frames, driven))))
    health = part(summary, "generator")
    if health:
        fit = "fit to measure" if health.get("valid") else "NOT fit to measure"
        marked = number(health.get("windows_marked"))
        windows = f"; {count(marked)} of {count(health.get('windows'))} windows untrusted" if marked else ""
        yield from _labelled(
            "generator",
            f"{fit}; lateness p99 {milliseconds(health.get('lateness_p99_ms'))}, "
            f"loop lag p99 {milliseconds(health.get('loop_lag_p99_ms'))}, "
            f"read lag p99 {milliseconds(health.get('read_lag_p99_ms'), health.get('read_lag_n'))}, "
            f"CPU at most {percent(health.get('cpu_share_max'))}{windows}",
        )


def _accuracy(role: str, row: Mapping[str, Any]) -> str:
    ceiling = row.get("p_a_ceiling")
    best = f"ceiling {percent(ceiling)}" if ceiling is not None else "ceiling unknown"
    return f"{tables.roles(role)} shown rightly {percent(row.get('p_a'))} of the time ({best})"
