"""What was tested, and the few numbers that matter most, as labelled phrases in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.report import tables, wording
from loadtest.report.tables import part
from loadtest.report.wording import count, milliseconds, number, percent, plain, seconds


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value.

    Attributes:
        label: what it is.
        value: the value with its unit.
        hint: a few words on how to read it; may be empty.
        tone: ``good``, ``bad``, ``warn``, ``void`` or empty.
    """

    label: str
    value: str
    hint: str = ""
    tone: str = ""


def tested(summary: Mapping[str, Any], meta: Mapping[str, Any]) -> list[Fact]:
    """What was tested, from where and with what."""
    run = part(summary, "run")
    target, people, plan, versions = (part(run, key) for key in ("target", "population", "plan", "versions"))
    server = plain(target.get("server") or "server not told")
    found = [
        Fact("target", plain(target.get("url") or wording.MISSING)),
        Fact("server", server if not target.get("embedded") or _EMBEDDED in server else f"{_EMBEDDED} ({server})"),
        Fact("dialect", plain(target.get("dialect") or wording.MISSING)),
        Fact("started", plain(run.get("started_at") or wording.MISSING)),
        Fact("length", f"{seconds(run.get('duration_s'))}, of which {seconds(run.get('hold_s'))} hold{cut_short(run)}"),
        Fact("population", population(people)),
        Fact("plan", planned(plan)),
        Fact("presence", presence_plan(plan)),
        Fact("deadline", f"{seconds(meta.get('deadline_s'))} until a delivery is late"),
        Fact("workers", f"{count(run.get('workers'))}, seed {plain(run.get('seed'))}"),
        Fact("locustfile", plain(meta.get("locustfile") or wording.MISSING)),
        Fact("versions", ", ".join(f"{plain(k)} {plain(v)}" for k, v in versions.items() if k not in _MACHINE)),
        Fact("machine", ", ".join(_machine(versions))),
    ]
    return [fact for fact in found if fact.value]


def cut_short(run: Mapping[str, Any]) -> str:
    """What stands behind the length of a run that was interrupted; else nothing."""
    if not run.get("interrupted"):
        return ""
    planned = number(run.get("run_time_s"))
    return "; interrupted" if planned is None else f"; interrupted, {seconds(planned)} were planned"


_EMBEDDED = "embedded reference server"
_MACHINE = ("kernel", "cpu", "cores")


def _machine(versions: Mapping[str, Any]) -> list[str]:
    cores = number(versions.get("cores"))
    told = [plain(versions[key]) for key in ("cpu",) if versions.get(key)]
    told += [wording.many(int(cores), "core")] if cores else []
    return told + ([f"Linux {plain(versions['kernel'])}"] if versions.get("kernel") else [])


def population(people: Mapping[str, Any]) -> str:
    """Who was simulated, in a phrase."""
    parts = [wording.many(int(number(people.get(key)) or 0), key[:-1]) for key in ("agents", "contacts", "accounts")]
    text = ", ".join(parts[:2]) + f" in {parts[2]}"
    members = number(people.get("members"))
    return text if members is None else f"{text}, {wording.many(int(members), 'member')} an inbox"


def planned(plan: Mapping[str, Any]) -> str:
    """The load, in a phrase."""
    emitted = number(plan.get("emit_rate"))
    parts = [wording.rate(emitted, " messages/s") + " over the whole fleet" if emitted is not None else ""]
    arrivals, think, session = plan.get("arrivals"), number(plan.get("think_time_s")), number(plan.get("session_s"))
    parts.append(f"{plain(arrivals)} arrivals" if arrivals else "")
    parts.append(f"answers after {seconds(think)}" if think is not None else "")
    parts.append("typing" if plan.get("typing") else "no typing" if plan.get("typing") is False else "")
    parts.append(f"sessions of {seconds(session)}" if session else "")
    parts.append(f"{plain(plan['client'])} client" if plan.get("client") else "")
    return ", ".join(filter(None, parts)) or wording.MISSING


def presence_plan(plan: Mapping[str, Any]) -> str:
    """Heartbeat and expiry, in a phrase."""
    beat = number(plan.get("heartbeat_s"))
    if beat is None:
        return ""
    expiries = [(role, number(plan.get(f"{role}_expiry_s"))) for role in ("agent", "contact")]
    known = [f"{role}s after {seconds(value)}" for role, value in expiries if value is not None]
    return f"beat every {seconds(beat)}; the server expires " + (
        ", ".join(known) if known else "them after an unknown time"
    )


def numbers(summary: Mapping[str, Any]) -> list[Fact]:
    """The few numbers that matter most, in plain words."""
    found: list[Fact] = []
    event, row = main_fanout(summary)
    if row:
        n = row.get("n")
        found.append(
            Fact("half of the deliveries within", milliseconds(row.get("p50_ms"), n), f"{event}, p50 from the due time")
        )
        worst = row.get("p99_incl_lost_ms")
        tone = "bad" if worst == "inf" else ""
        found.append(Fact("99 % within, losses included", milliseconds(worst, n), f"{event}, p99 incl. lost", tone))
        found.append(
            Fact(
                "everybody had it within",
                milliseconds(row.get("last_p99_ms"), row.get("last_n")),
                "slowest receiver, p99 of emissions",
            )
        )
    balance = totals(summary)
    if balance["expected"]:
        lost, expected = balance["lost"], balance["expected"]
        hint = f"of {wording.many(expected, 'expected delivery', 'expected deliveries')}"
        hint += f" ({percent(lost / expected)})" if lost else ""
        found.append(Fact("lost", count(lost), hint, "bad" if lost else "good"))
    leaked, seen = balance["leaked"], leaks_by_content(summary)
    if leaked or seen or balance["expected"]:
        hint = "deliveries to somebody who must not see them"
        if seen:  # a frame may be among both, and contents are checked in samples
            hint = f"or more: {count(leaked)} told by their marks, {count(seen)} by their content"
        found.append(Fact("leaked", count(max(leaked, seen)), hint, "bad" if leaked or seen else "good"))
    for role in ("agent", "contact"):
        row = part(summary, "presence", role)
        if number(row.get("p_a")) is not None:
            ceiling = row.get("p_a_ceiling")
            hint = f"of the time; ceiling {percent(ceiling)}" if ceiling is not None else "of the time; ceiling unknown"
            found.append(Fact(f"{role}s shown rightly", percent(row.get("p_a")), hint))
    people = part(summary, "users")
    if people:
        wanted = sum(number(part(people, role).get("planned")) or 0 for role in people)
        got = sum(number(part(people, role).get("confirmed")) or 0 for role in people)
        found.append(
            Fact(
                "users subscribed",
                f"{count(got)} of {count(wanted)}",
                "at least once in the hold",
                "" if got >= wanted else "warn",
            )
        )
    health = part(summary, "generator")
    if health:
        fit = bool(health.get("valid"))
        lag = milliseconds(health.get("loop_lag_p99_ms"))
        found.append(Fact("generator", "fit" if fit else "not fit", f"event-loop lag p99 {lag}", "" if fit else "void"))
    return found


def main_fanout(summary: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The event and role most worth a headline: message.created to agents, else what was seen most."""
    section = part(summary, "fanout")
    rows = [(event, role, part(section, event, role)) for event in section for role in part(section, event)]
    rows = [(event, role, row) for event, role, row in rows if number(row.get("n"))]
    if not rows:
        return "", {}
    preferred = {("message.created", "agent"): 0, ("message.created", "contact"): 1}
    event, role, row = min(rows, key=lambda r: (preferred.get(r[:2], 2), -(number(r[2].get("n")) or 0), r[:2]))
    return f"{plain(event)} to {tables.roles(role)}", row


def leaks_by_content(summary: Mapping[str, Any]) -> float:
    """Frames that the contract's checker found in the wrong hands."""
    rows = part(summary, "contract").get("leaks") or []
    return sum(number(row.get("n")) or 0 for row in rows if isinstance(row, Mapping))


def totals(summary: Mapping[str, Any]) -> dict[str, float]:
    """The balance over all events except presence.update."""
    section = part(summary, "delivery")
    keys = ("emitted", "expected", "delivered", "late", "lost", "duplicated", "leaked", "undetermined")
    return {
        key: sum(
            number(part(section, event).get(key)) or 0
            for event in section
            if event != "presence.update" or key == "leaked"
        )
        for key in keys
    }
