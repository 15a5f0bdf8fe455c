"""Presence in a report: four numbers in plain words, and the tables behind them.

The terms of the tables are those of Chen, Toueg and Aguilera; see :mod:`loadtest.collect.presence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.report import wording
from loadtest.report.facts import Fact
from loadtest.report.tables import Cell, Column, Table, ordered, part, roles
from loadtest.report.wording import count, number, percent, seconds

_STATUSES = ("online", "busy", "offline")
_DEPARTURES = {
    "left": "left with a close frame",
    "cut": "connection was cut",
    "frozen": "process stopped, socket open",
    "silent": "beats stopped, socket served",
}


def plain_numbers(summary: Mapping[str, Any]) -> list[Fact]:
    """The four numbers that people ask about: of agents, or of contacts where agents were not seen."""
    found = part(summary, "presence")
    role = next((role for role in ordered(found) if number(part(found, role).get("p_a")) is not None), None)
    if role is None:
        return []
    row, who = part(found, role), roles(role)
    times = part(row, "detection_time_s")
    unnoticed = number(times.get("censored"))
    hint = f"half of the times, until {who} who left were shown as gone"
    if unnoticed:
        hint += f"; {count(unnoticed)} more cut short: they came back first, or the observer went"
    best, floor = row.get("p_a_ceiling"), row.get("false_online_floor")
    return [
        Fact(
            f"{who} who were there were shown so",
            percent(row.get("p_a")),
            "of the time" + (f"; an ideal server: {percent(best)}" if best is not None else ""),
        ),
        Fact(
            "falsely offline",
            f"{wording.significant(float(row['offline_min_per_hour']))} min",
            f"per hour that one of the {who} was there",
        ),
        Fact("time to notice that somebody left", seconds(times.get("p50"), times.get("n")), hint),
        Fact(
            "falsely online",
            percent(row.get("false_online_share")),
            "of the time they were away" + (f"; an ideal server: {percent(floor)}" if floor is not None else ""),
        ),
    ]


def reasons(summary: Mapping[str, Any]) -> list[str]:
    """What heartbeat and expiry alone make of presence, and what was not looked at."""
    found = part(summary, "presence")
    said = [str(part(found, role)["why"]) for role in ordered(found) if part(found, role).get("why")]
    for role in ordered(found):
        expiry = part(found, role, "expiry")
        if expiry.get("given_s") is None and expiry.get("estimate_s") is not None:
            said.append(
                f"The expiry of {roles(role)} was not given; from what observers were told it is about "
                f"{seconds(expiry['estimate_s'])} (between {seconds(expiry['low_s'])} and {seconds(expiry['high_s'])})."
            )
    shares = [number(part(found, role).get("pairs_share")) for role in found]
    share = min((value for value in shares if value is not None), default=1.0)
    if share < 1.0:
        said.append(
            f"{percent(share)} of all pairs of observer and target were followed: above --presence-pairs those of a "
            f"sample of observers drawn by the seed."
        )
    return said


def folded(summary: Mapping[str, Any]) -> list[Table]:
    """The tables under the fold."""
    return [
        accuracy(summary),
        times(summary),
        departures(summary),
        absences(summary),
        statuses(summary),
        server(summary),
    ]


def accuracy(summary: Mapping[str, Any]) -> Table:
    """Accuracy by kind of pair, with the ceiling and the loss against it."""
    rows = []
    for name, row in _pairs(summary):
        bounds = row.get("p_a_ceiling_bounds")
        loss = number(row.get("p_a_loss"))
        rows.append(
            [
                Cell(name),
                Cell(percent(row.get("p_a"))),
                Cell(
                    percent(row.get("p_a_ceiling")),
                    f"{percent(bounds[0])} to {percent(bounds[1])}" if bounds else "",
                ),
                Cell("n/a" if loss is None else f"{100 * loss:.3g} points", tone="warn" if (loss or 0) > 0.05 else ""),
                Cell(count(row.get("mistakes"))),
                Cell(_per_hour(row.get("mistake_rate_per_hour"))),
                Cell(seconds(row.get("mistake_duration_s"))),
                Cell(seconds(row.get("mistake_recurrence_s"))),
                Cell(percent(row.get("unseen_share"))),
                Cell(percent(row.get("disagreement_share"))),
                Cell(percent(row.get("excused_share"))),
            ]
        )
    columns = [
        Column("who is seen by whom", numeric=False),
        Column("P_A", "Share of the time somebody was there in which the observer was told so."),
        Column("ceiling", "An ideal server without delay, with the same beats and expiry."),
        Column("loss", "What the server lost against that."),
        Column("mistakes", "Somebody who was there vanished from a view."),
        Column("an hour", "Mistakes per hour of a pair."),
        Column("T_M", "How long a mistake lasts."),
        Column("T_MR", "Time between the starts of two mistakes of a pair."),
        Column("not told yet", "Share of the time before an observer was first told of somebody who had come."),
        Column("disagree", "Share of moments at which two observers say different things; needs no truth."),
        Column("excused", "Left out, since this tool's own beats were late."),
    ]
    return Table("presence_accuracy", "Accuracy by who is seen by whom", columns, rows)


def times(summary: Mapping[str, Any]) -> Table:
    """Times until something is noticed, by kind of pair."""
    rows = []
    for name, row in _pairs(summary):
        gone, back = part(row, "detection_time_s"), part(row, "recovery_time_s")
        age = part(row, "staleness_s")
        rows.append(
            [
                Cell(name),
                Cell(seconds(gone.get("p50"), gone.get("n"))),
                Cell(seconds(gone.get("p99"), gone.get("n"))),
                Cell(count(gone.get("n")), f"{count(gone.get('censored'))} cut short"),
                Cell(seconds(back.get("p50"), back.get("n"))),
                Cell(seconds(back.get("p99"), back.get("n"))),
                Cell(count(back.get("n"))),
                Cell(seconds(age.get("p50"))),
                Cell(seconds(age.get("p99"))),
                Cell(percent(row.get("false_online_share"))),
                Cell(percent(row.get("false_online_floor"))),
            ]
        )
    columns = [
        Column("who is seen by whom", numeric=False),
        Column("T_D p50", "From a departure until the view says so and keeps saying so (Kaplan and Meier)."),
        Column("T_D p99"),
        Column("noticed"),
        Column("return p50", "From a return, or an arrival, until the view shows it."),
        Column("return p99"),
        Column("noticed"),
        Column("age p50", "Staleness: age of the beat behind what is shown."),
        Column("age p99"),
        Column("false online", "Share of the time somebody was away in which it was still shown."),
        Column("at best", "The same of an ideal server."),
    ]
    return Table("presence_times", "How long it takes until observers know", columns, rows)


def departures(summary: Mapping[str, Any]) -> Table:
    """Detection times by the way people went."""
    rows = []
    found = part(summary, "presence")
    for role in ordered(found):
        by_way = part(found, role, "detection_by_departure")
        for way in (way for way in _DEPARTURES if way in by_way):
            row = part(by_way, way)
            rows.append(
                [
                    Cell(f"{roles(role)}: {_DEPARTURES[way]}"),
                    Cell(count(row.get("n"))),
                    Cell(seconds(row.get("mean"))),
                    Cell(seconds(row.get("p50"), row.get("n"))),
                    Cell(seconds(row.get("max"))),
                ]
            )
    columns = [
        Column("how somebody went", numeric=False),
        Column("noticed", "By observers: one departure is noticed by each of them."),
        Column("mean"),
        Column("p50"),
        Column("longest"),
    ]
    return Table("presence_departures", "Detection time by the way people went, of what was noticed", columns, rows)


def absences(summary: Mapping[str, Any]) -> Table:
    """Absences by length, and how many were noticed at all."""
    rows = []
    found = part(summary, "presence")
    for role in ordered(found):
        for row in part(found, role).get("absences") or []:
            low, _, high = str(row.get("length_s")).partition("-")
            length = f"{low} to {high} s" if high else f"{low} s and more"
            rows.append([Cell(f"{roles(role)}: {length}"), Cell(count(row.get("n"))), Cell(percent(row.get("share")))])
    columns = [
        Column("absence", numeric=False),
        Column("times observers", "Absences that ended, once for each observer who could notice."),
        Column("noticed"),
    ]
    return Table(
        "presence_absences", "Absences by length: one shorter than the expiry cannot be noticed", columns, rows
    )


def statuses(summary: Mapping[str, Any]) -> Table:
    """What agents chose against what observers were told, in shares of pair time; empty where nobody chose anything."""
    times_s = part(summary, "presence", "agent", "status_s")
    rows = []
    if any(not name.startswith("online>") for name in times_s):
        for chosen in _STATUSES:
            values = [number(times_s.get(f"{chosen}>{told}")) or 0.0 for told in _STATUSES]
            whole = sum(values)
            rows.append(
                [
                    Cell(f"chose {chosen}"),
                    *(
                        Cell(percent(value / whole) if whole else "–", tone="good" if told == chosen else "")
                        for told, value in zip(_STATUSES, values, strict=True)
                    ),
                    Cell(seconds(whole)),
                ]
            )
    columns = [Column("agents", numeric=False), *(Column(f"told {told}") for told in _STATUSES), Column("pair time")]
    return Table("presence_statuses", "Status as agents chose it, and as observers were told", columns, rows)


def server(summary: Mapping[str, Any]) -> Table:
    """What was found out about the server's presence, by role."""
    rows = []
    found = part(summary, "presence")
    for role in ordered(found):
        row = part(found, role)
        expiry, oracle = part(row, "expiry"), row.get("oracle")
        bounds = ""
        if expiry.get("low_s") is not None or expiry.get("high_s") is not None:
            bounds = f"{seconds(expiry.get('low_s'))} to {seconds(expiry.get('high_s'))}"
        rows.append(
            [
                Cell(roles(role)),
                Cell({"pull": "only when asked", "push": "at once"}.get(str(row.get("delivery")), "n/a")),
                Cell(seconds(expiry.get("given_s"))),
                Cell(seconds(expiry.get("estimate_s")), bounds),
                Cell(percent(row.get("p_a_naive"))),
                Cell("n/a" if not oracle else percent(oracle.get("p_a"), oracle.get("n"))),
                Cell("n/a" if not oracle else percent(oracle.get("false_online_share"))),
                Cell(count(row.get("forbidden")), tone="bad" if number(row.get("forbidden")) else "quiet"),
            ]
        )
    columns = [
        Column("who", numeric=False),
        Column("observers are told"),
        Column("expiry given"),
        Column("expiry estimated", "From the ages of the beats of those shown and of those missing."),
        Column("min(1, E/H)", "The most that heartbeat and expiry allow."),
        Column("REST right", "What the lists of agents and active contacts said when they were asked."),
        Column("REST false online"),
        Column("told of contacts", "Frames in which a contact was told of contacts, which it must not see."),
    ]
    return Table("presence_server", "What the run found out about the server's presence", columns, rows)


def _pairs(summary: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = part(summary, "presence")
    rows = []
    for role in ordered(found):
        by_observer = part(found, role, "by_observer")
        for observer in ordered(by_observer):
            row = part(by_observer, observer)
            if number(row.get("alive_s")) or number(row.get("absent_s")):
                rows.append((f"{roles(role)} by {roles(observer)}", row))
    return rows


def _per_hour(value: Any) -> str:
    rate = number(value)
    return wording.MISSING if rate is None else wording.significant(rate)
