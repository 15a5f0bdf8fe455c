"""The tables of a report, made from summary.json alone: Markdown and HTML show the same cells.

Every key is read with care: a summary of an older version, of an empty run, or with a section missing gives shorter
tables or "n/a", never an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.report import wording
from loadtest.report.clock_bound import AtMost, latency, within_clocks
from loadtest.report.wording import MISSING, count, milliseconds, number, percent, seconds

MOST_ROWS = 40
"""Rows a table may have; names come from the server, and nobody reads the hundredth."""

ROLE_NAMES = {"agent": "agents", "contact": "contacts", "": "all"}
_LEAST_POINTS = 0.05
_RESULT_TONE = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn", "INVALID": "void"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        detail: a second, smaller line; may be empty.
        tone: ``good``, ``bad``, ``warn``, ``void``, ``quiet`` or empty.
    """

    text: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading.

    Attributes:
        title: the heading.
        hint: what it means, in a sentence; may be empty.
        numeric: whether its cells are set to the right.
    """

    title: str
    hint: str = ""
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: a short stable name.
        caption: what it shows.
        columns: its headings; the first column names the row.
        rows: cells, as many as columns in each.
        note: a sentence below it; may be empty.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = field(default="")


def part(summary: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """The table of a summary at ``path``; empty when it is not there."""
    node: Any = summary
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    return dict(node) if isinstance(node, Mapping) else {}


def roles(role: str) -> str:
    """A role in the plural, as tables name it."""
    return ROLE_NAMES.get(role, wording.plain(role))


def measured(value: Any, unit: str) -> str:
    """A value of a check in the unit of its check."""
    if isinstance(value, str) and value != "inf":
        return wording.plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if number(value) is None:
        return MISSING
    if unit == "ms":
        return milliseconds(value)
    if unit == "s":
        return seconds(value)
    if unit in {"share", "%"}:
        return percent(number(value) if unit == "share" else (number(value) or 0.0) / 100)
    if unit == "points" and (number(value) or 0.0) < _LEAST_POINTS:
        return "0.0 points"  # a ceiling is a model: what lies above it by a hair is no gain
    return f"{count(value)} {wording.plain(wording.unit_of(value, unit))}".strip()


def limit(check: Mapping[str, Any]) -> str:
    """A check's limit in words: ``at most 0.1 %``."""
    sign = {"max": "at most ", "min": "at least "}.get(str(check.get("bound")), "")
    return sign + measured(check.get("limit"), str(check.get("unit") or "")).replace(".0 %", " %")


def checks(summary: Mapping[str, Any]) -> Table:
    """Every limit, what was measured and how it came out, the broken ones first."""
    order = {"FAIL": 0, "INVALID": 1, "INCONCLUSIVE": 2}
    found = [c for c in part(summary, "verdict").get("checks") or [] if isinstance(c, Mapping)]
    rows = []
    for check in sorted(found, key=lambda c: order.get(str(c.get("result")).upper(), 3)):
        unit, result = str(check.get("unit") or ""), str(check.get("result")).upper()
        rows.append(
            [
                Cell(wording.plain(check.get("name", "")), wording.plain(check.get("note") or "")),
                Cell(measured(check.get("value"), unit), _interval(check.get("interval"), unit)),
                Cell(limit(check)),
                Cell(result, tone=_RESULT_TONE.get(result, "")),
            ]
        )
    columns = [Column("check", numeric=False), Column("measured"), Column("limit"), Column("result", numeric=False)]
    return Table("checks", "What the verdict follows from", columns, rows)


def _interval(interval: Any, unit: str) -> str:
    if not isinstance(interval, Sequence) or isinstance(interval, str) or len(interval) != 2:
        return ""
    low, high = (measured(end, unit) for end in interval)
    if interval[1] == "inf":
        return "" if interval[0] == "inf" else f"{low} or more"
    return "" if low == high else f"{low} to {high}"


def _between(row: Mapping[str, Any], key: str, unit: str = "ms") -> str:
    return _interval(row.get(f"{key}_interval"), unit)


def fanout(summary: Mapping[str, Any]) -> Table:
    """Latency from the due time by event and receiver role.

    Left out: what nobody received in the hold, unless it was lost; and the columns that count losses, where no loss
    makes them differ from those beside them.
    """
    rows = []
    lossy = False
    bound_ms = number(part(summary, "generator").get("clock_bound_ms")) or 0.0
    for event, by_role in in_order(part(summary, "fanout")):
        for role in ordered(by_role):
            row = within_clocks(part(by_role, role), bound_ms)
            n, last_n = row.get("n"), row.get("last_n", row.get("emissions"))
            pairs = [(row.get(f"{key}_ms"), row.get(f"{key}_incl_lost_ms")) for key in ("p99", "last_p99")]
            if not n and "inf" not in (lost for _, lost in pairs):
                continue
            lossy = lossy or any(lost not in (None, of_all) for of_all, lost in pairs)
            rows.append(
                [
                    Cell(wording.plain(event)),
                    Cell(roles(role)),
                    Cell(count(n)),
                    *(_ms(row, key, n) for key in ("p50_ms", "p90_ms", "p99_ms", "p999_ms")),
                    _ms(row, "max_ms", n),
                    _ms(row, "p99_incl_lost_ms", n),
                    *(_ms(row, key, last_n) for key in ("last_p50_ms", "last_p99_ms", "last_p99_incl_lost_ms")),
                    _ms(row, "sent_p99_ms", n),
                    _ms(row, "arrival_p99_ms", row.get("arrival_n")),
                ]
            )
    columns = [
        Column("event", numeric=False),
        Column("seen by", numeric=False),
        Column("deliveries", "How many deliveries the percentiles are made of."),
        Column("p50", "Half of the deliveries were at least as fast, from the due time."),
        Column("p90"),
        Column("p99", "Below: 95 % interval."),
        Column("p99.9"),
        Column("max"),
        Column("p99 incl. lost", "Lost deliveries count as infinitely slow."),
        Column("last p50", "Time until the slowest required receiver of an emission saw it, median over emissions."),
        Column("last p99", "The same, 99th percentile over emissions."),
        Column("last p99 incl. lost", "An emission that somebody lost counts as infinitely slow."),
        Column("p99 from send", "Counted from the actual send instead of the due time."),
        Column("p99 at arrival", "Until the kernel had it, not until it was read; of the sockets with kernel stamps."),
    ]
    kept = [place for place, column in enumerate(columns) if lossy or not column.title.endswith("incl. lost")]
    return cut(
        Table(
            "fanout",
            "Latency from the due time to each socket that saw it",
            [columns[place] for place in kept],
            [[row[place] for place in kept] for row in rows],
        )
    )


def _ms(row: Mapping[str, Any], key: str, n: Any) -> Cell:
    value = row.get(key)
    if isinstance(value, AtMost):
        return Cell(latency(value))
    tone = "quiet" if number(value) is None else "bad" if value == "inf" else ""
    if number(value) is None and number(n) is not None:
        return Cell(MISSING, f"n={count(n)}", tone)  # below, as an interval: side by side they would widen the table
    detail = _between(row, key) if key in {"p99_ms", "p99_incl_lost_ms", "last_p99_ms", "last_p99_incl_lost_ms"} else ""
    return Cell(milliseconds(value, n), detail if value != "inf" else "", tone)


LEDGER = {
    "emitted": "Actions that the server took.",
    "expected": "Sockets that had to see them.",
    "delivered": "Seen within the deadline.",
    "late": "Seen, but after the deadline.",
    "lost": "Never seen.",
    "duplicated": "Seen again by the same socket.",
    "reordered": "Seen after one that was sent later.",
    "leaked": "Seen by somebody who must not see it.",
    "cut by peer": "The server closed the socket before it could be seen.",
    "cut by us": "The user left before it could be seen.",
    "away": "Somebody was not connected when it was sent, so that nothing was expected.",
    "undetermined": "It cannot be told, e.g. because the run was stopped.",
    "unmatched": "Seen, but belonging to no action of this run that is still open.",
    "foreign": "Caused by somebody else who uses the same account.",
}
_RECEIVED = "received"
_BAD = frozenset({"lost", "leaked"})
_ODD = frozenset({"late", "duplicated", "cut by peer", "undetermined", "unmatched"})


def delivery(summary: Mapping[str, Any]) -> Table:
    """The balance of every event seen; a row for each role where an event goes to several.

    Where an event has no expectation, a last column says how many frames of it were received.
    """
    rows = []
    events = in_order(part(summary, "delivery"))
    titles = [*LEDGER, *([_RECEIVED] if any(_unexpected(row) for _, row in events) else [])]
    for event, row in events:
        rows.append([Cell(wording.plain(event)), *_balance(row, titles)])
        by_role = part(row, "by_role")
        if len(by_role) > 1:
            rows += [
                [Cell(f"  to {roles(role)}", tone="quiet"), *_balance(part(by_role, role), titles)]
                for role in ordered(by_role)
            ]
    hints = LEDGER | {_RECEIVED: "Frames received of an event that nobody expected."}
    columns = [Column("event", numeric=False), *(Column(name, hints[name]) for name in titles)]
    return cut(Table("delivery", "What was to be seen, and what became of it", columns, rows))


def _unexpected(row: Mapping[str, Any]) -> bool:
    return not number(row.get("expected")) and bool(number(row.get("received")))


def _balance(row: Mapping[str, Any], titles: Sequence[str]) -> list[Cell]:
    cells = []
    for name in titles:
        if name == _RECEIVED:
            cells.append(Cell(count(row["received"])) if _unexpected(row) else Cell("–", tone="quiet"))
            continue
        value = row.get(name.replace(" ", "_"))
        n = number(value)
        tone = "quiet" if not n else "bad" if name in _BAD else "warn" if name in _ODD else ""
        cells.append(Cell("–" if n is None else count(n), tone=tone))
    return cells


def rest(summary: Mapping[str, Any]) -> Table:
    """REST calls: how many, how fast, how often they failed."""
    rows = []
    calls = part(summary, "rest")
    for call in sorted(calls, key=lambda name: (-(number(part(calls, name).get("n")) or 0), name)):
        row = part(calls, call)
        n, errors = row.get("n"), part(row, "errors")
        failed = sum(number(value) or 0 for value in errors.values())
        share = row.get("error_share")
        if not number(n) and not failed:
            continue  # called in the ramp alone
        rows.append(
            [
                Cell(wording.plain(call)),
                Cell(count(n)),
                *(_ms(row, key, n) for key in ("p50_ms", "p99_ms", "wait_p99_ms")),
                Cell(
                    count(failed), percent(share) if failed and share is not None else "", "bad" if failed else "quiet"
                ),
                Cell(counted(errors) or "–", tone="" if failed else "quiet"),
            ]
        )
    columns = [
        Column("call", numeric=False),
        Column("calls"),
        Column("p50", "From the written request to its answer."),
        Column("p99"),
        Column("wait p99", "Waiting for a connection of the pool, before the request was written."),
        Column("failures"),
        Column("of which", numeric=False),
    ]
    return cut(Table("rest", "Answers of the REST interface", columns, rows))


def presence(summary: Mapping[str, Any]) -> Table:
    """Presence accuracy by role against its ceiling, with the failure detector's other measures."""
    rows = []
    by_role = part(summary, "presence")
    for role in ordered(by_role):
        row = part(by_role, role)
        detection = part(row, "detection_time_s")
        unanswered = number(row.get("beats_unanswered"))
        rows.append(
            [
                Cell(roles(role)),
                Cell(percent(row.get("p_a")), _between(row, "p_a", "share")),
                Cell(percent(row.get("p_a_ceiling"))),
                Cell(count(row.get("mistake_rate_per_hour"))),
                Cell(seconds(row.get("mistake_duration_s"))),
                Cell(seconds(detection.get("p50"))),
                Cell(seconds(detection.get("p99"))),
                Cell(percent(row.get("false_online_share"))),
                Cell(milliseconds(row.get("beat_reply_p99_ms"), row.get("beats_answered"))),
                Cell(count(row.get("beats"))),
                Cell(count(unanswered), tone="warn" if unanswered else "quiet"),
            ]
        )
    columns = [
        Column("who", numeric=False),
        Column("accuracy", "Share of the time in which observers were rightly shown them as online (P_A)."),
        Column("ceiling", "The most that the heartbeat and the server's expiry allow without any load."),
        Column("mistakes an hour", "How often somebody who was there was shown as gone, per observed hour."),
        Column("mistake lasts", "Mean duration of such a mistake."),
        Column("detection p50", "From leaving until observers were shown so."),
        Column("detection p99"),
        Column("false online", "Share of their absence in which they were still shown as online."),
        Column("beat reply p99", "From a presence beat to the own presence.update."),
        Column("beats"),
        Column("unanswered"),
    ]
    return cut(Table("presence", "What observers were told, against who was there", columns, rows))


def users(summary: Mapping[str, Any]) -> Table:
    """Users planned and confirmed, and the share of the hold for which they were connected."""
    rows = []
    by_role = part(summary, "users")
    for role in ordered(by_role):
        row = part(by_role, role)
        share = row.get("connected_time_share")
        rows.append(
            [
                Cell(roles(role)),
                Cell(count(row.get("planned"))),
                Cell(count(row.get("confirmed"))),
                Cell(percent(share)),
            ]
        )
    columns = [
        Column("who", numeric=False),
        Column("planned"),
        Column("subscribed", "Users whose subscription was confirmed in the hold at least once."),
        Column("connected time", "Share of the hold for which they were connected."),
    ]
    return Table("users", "Users", columns, rows)


def counted(by_name: Mapping[str, Any], most: int = 6) -> str:
    """Counts by name in one line, the most frequent first: ``1006 × 3, by_us × 2``."""
    found = by_count(by_name)
    text = ", ".join(f"{wording.plain(name)} × {count(n)}" for name, n in found[:most])
    return text + (f", and {wording.many(len(found) - most, 'other kind')}" if len(found) > most else "")


def by_count(by_name: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The names that were counted at all, the most frequent first."""
    told = [(str(name), n) for name, n in by_name.items() if number(n)]
    return sorted(told, key=lambda pair: (-(number(pair[1]) or 0), pair[0]))


def pairs_table(name: str, caption: str, pairs: Sequence[tuple[str, Cell]]) -> Table:
    """A table of names and values."""
    columns = [Column("what", numeric=False), Column("value")]
    return Table(name, caption, columns, [[Cell(what), cell] for what, cell in pairs])


def odd(value: Any, text: str | None = None, tone: str = "warn") -> Cell:
    """A count that should be 0, toned where it is not."""
    return Cell(text if text is not None else count(value), tone=tone if number(value) else "")


def in_order(section: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Events with messages first and presence last, else by name."""
    names = sorted(section, key=lambda e: (not e.startswith("message."), e == "presence.update", e))
    return [(event, part(section, event)) for event in names]


def ordered(by_role: Mapping[str, Any]) -> list[str]:
    """Roles with agents first."""
    return sorted(by_role, key=lambda role: ({"agent": 0, "contact": 1}.get(role, 2), role))


def cut(table: Table) -> Table:
    """The table with at most :data:`MOST_ROWS` rows."""
    left_out = len(table.rows) - MOST_ROWS
    if left_out <= 0:
        return table
    note = f"{wording.many(left_out, 'more row')} in summary.json. {table.note}".rstrip()
    return Table(table.name, table.caption, table.columns, table.rows[:MOST_ROWS], note)
