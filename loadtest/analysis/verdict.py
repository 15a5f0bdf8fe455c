"""From numbers to a verdict: the default checks, the checks of an SLO, and how they combine.

Default checks (design, "Verdicts"): the run held; the generator was valid; 99 % of the planned users were confirmed
and connected 99 % of the time; something was delivered; at most 1 % of the expected deliveries undetermined (else
INCONCLUSIVE); nothing lost, no socket deaf, nothing leaked, no contract violation; at most 0.1 % REST errors; presence
within 5 points of its ceiling. No limit on latency; reordering never fails. With an SLO the checks are: the run held,
the generator was valid, somebody was confirmed, something was delivered, nothing leaked, hardly anything is
undetermined, and the SLO's limits in place of the others.

Leaks are found twice: by the ledger, whose marks came back on sockets outside an emission's audience, and by content,
where the checker found a frame, anybody's, that its receiver must not see
(:data:`loadtest.analysis.conformity.LEAKING`). Frames are checked in samples, so neither number holds the other.

Marked windows. Checks are judged on the unmarked windows, then again on all windows of the hold. A check that comes out
worse with the marked windows in has its deciding values in them: they may be the generator's doing or the target's, and
nobody can tell, so the run is INVALID; so is a check that only the marked windows give cause to. A check that fails on
the unmarked windows alone fails on trusted values.

Combination: INVALID before FAIL before INCONCLUSIVE before PASS, with exceptions that are ``final``. A leak is FAIL
whatever else is wrong: a frame in the wrong hands is a fact that no slow generator can invent. A target that was lost
in mid-run is FAIL for the same reason, and so is one that the abort guard let go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from loadtest.analysis.conformity import LEAKING
from loadtest.analysis.generator import MAX_MARKED_SHARE
from loadtest.analysis.limits import own_limits
from loadtest.analysis.model import Check, Result, Verdict
from loadtest.analysis.sections import PRESENCE_EVENT
from loadtest.nouns import many

MIN_CONFIRMED_PERCENT = 99.0
MIN_CONNECTED_PERCENT = 99.0
MAX_UNDETERMINED_PERCENT = 1.0
MAX_REST_ERROR_PERCENT = 0.1
MAX_PRESENCE_LOSS_POINTS = 5.0

_MOST_NAMED = 6

_DOUBTFUL = "the deciding values lie where the generator was not fit to measure. Give it room and run again."
_WORSE: dict[Result, int] = {"PASS": 0, "INCONCLUSIVE": 1, "FAIL": 2, "INVALID": 3}


def essential_checks(sections: Mapping[str, Any], meta: Mapping[str, Any]) -> list[Check]:
    """What every run must meet, with or without an SLO: it measured, and it leaked nothing.

    Args:
        sections: the summary's sections over the windows judged; ``generator`` with ``valid`` and ``reasons``.
        meta: the run's description.
    """
    checks = [_hold(sections), _generator(sections), _anybody(sections), _deliveries(sections, meta)]
    checks += [_leaks(sections), _leaks_by_content(sections), *_undetermined(sections)]
    checks += own_limits(sections)
    if meta.get("aborted"):
        checks.append(
            Check(
                name="abort guard",
                value=False,
                limit=1,
                bound="min",
                unit="",
                result="FAIL",
                note=f"The run let go of its target: {meta['aborted']}. What was measured until then is kept.",
                final=True,
            )
        )
    if meta.get("target_lost"):
        checks.append(
            Check(
                name="target alive",
                value=False,
                limit=1,
                bound="min",
                unit="",
                result="FAIL",
                note="The target stopped answering in mid-run: see the time line for when, and the target's own log.",
                final=_confirmed(sections) > 0,
            )
        )
    return checks


def default_checks(sections: Mapping[str, Any], connected_share: float | None) -> list[Check]:
    """What a run without an SLO must meet besides.

    Args:
        sections: the summary's sections over the windows judged.
        connected_share: connected time as a share of planned time, over all roles.
    """
    return [
        _users_confirmed(sections),
        _connected_time(connected_share),
        _lost(sections),
        *_deaf(sections),
        _violations(sections),
        *_rest_errors(sections),
        *_presence(sections),
    ]


def decide(trusted: Sequence[Check], complete: Sequence[Check], warnings: Sequence[str]) -> Verdict:
    """Combine checks into a verdict.

    Args:
        trusted: the checks over unmarked windows, those a reader is shown.
        complete: the same checks over all windows of the hold.
        warnings: sentences to hand on.
    """
    others = {check.name: check for check in complete}
    checks = []
    for check in trusted:
        other = others.pop(check.name, None)
        if other is None or _WORSE[other.result] <= _WORSE[check.result]:
            checks.append(check)
            continue
        note = f"{check.result} over the unmarked windows, {other.result} with the marked ones ({_shown(other)})"
        checks.append(replace(check, result="INVALID", note=f"{note}: {_DOUBTFUL}"))
    for other in others.values():  # what the marked windows alone gave cause to look at
        if other.result == "INVALID":
            checks.append(other)
        elif other.result != "PASS":
            note = f"{other.result} with the marked windows, nothing of the kind over the unmarked ones"
            checks.append(replace(other, result="INVALID", note=f"{note}: {_DOUBTFUL}"))
    result = _combined(checks)
    reasons = tuple(_reason(check) for check in checks if check.result == result) if result != "PASS" else ()
    return Verdict(result, tuple(checks), reasons, tuple(dict.fromkeys(warnings)))


def _combined(checks: Sequence[Check]) -> Result:
    if any(check.final and check.result == "FAIL" for check in checks):
        return "FAIL"
    return max((check.result for check in checks), key=lambda result: _WORSE[result], default="INVALID")


def _shown(check: Check) -> str:
    value = _rounded(check.value, check.limit) if isinstance(check.value, int | float) else str(check.value)
    return f"{value} {check.unit}".strip()


def _rounded(value: float, limit: float) -> str:
    """Three significant digits, or as many as keep a value apart from its limit."""
    if isinstance(value, bool | int) or abs(value) >= 1_000:
        return f"{value:,.0f}" if math.isfinite(value) else f"{value:g}"
    texts = [f"{value:.{digits}g}" for digits in (3, 4, 5, 6)]
    return next((text for text in texts if float(text) != limit or value == limit), texts[-1])


def _reason(check: Check) -> str:
    sign = "at most" if check.bound == "max" else "at least"
    unit = f" {check.unit}" if check.unit else ""
    value = "not measured" if check.value is None else _shown(check)
    text = f"{check.name}: {value}, {sign} {check.limit:g}{unit}"
    return f"{text}. {check.note}" if check.note else f"{text}."


def _hold(sections: Mapping[str, Any]) -> Check:
    windows = sections["generator"]["windows"]
    note = ""
    if not windows:
        note = (
            "The run ended before the first window of its hold, so there is nothing to judge: make --run-time longer "
            "than the ramp, and look at the log for what stopped it."
        )
    return Check("hold", windows, 1, "min", "windows", "PASS" if windows else "INVALID", note=note)


def _generator(sections: Mapping[str, Any]) -> Check:
    section = sections["generator"]
    windows = section["windows"]
    percent = 100.0 * section["windows_marked"] / windows if windows else None
    result: Result = "PASS" if section["valid"] else "INVALID"
    note = " ".join(section["reasons"])
    return Check("generator valid", percent, 100 * MAX_MARKED_SHARE, "max", "% of windows marked", result, note=note)


def _confirmed(sections: Mapping[str, Any]) -> int:
    ever = sum(row["confirmed"] for row in sections["users"].values())
    return int(max(ever, sections["cable"]["confirmed"]))


def _anybody(sections: Mapping[str, Any]) -> Check:
    confirmed = _confirmed(sections)
    note = ""
    if not confirmed:
        failed = {**sections["cable"]["connect_failed"]}
        failed |= {name: sections["cable"][name] for name in ("unconfirmed", "rejected") if sections["cable"][name]}
        seen = ", ".join(f"{kind} {count}" for kind, count in failed.items()) or "no attempt was recorded"
        note = f"No user was ever subscribed ({seen}): check the address, the path /cable and the identities' tokens."
    return Check("connected", confirmed, 1, "min", "users", "PASS" if confirmed else "INVALID", note=note)


def _deliveries(sections: Mapping[str, Any], meta: Mapping[str, Any]) -> Check:
    """Deliveries of what the run emitted; presence alone counts only where the plan emits nothing."""
    emits = (meta.get("plan") or {}).get("emit_rate")
    rows = {event: row for event, row in sections["delivery"].items() if not emits or event != PRESENCE_EVENT}
    delivered = sum((row["delivered"] or 0) + (row["late"] or 0) for row in rows.values())
    note = ""
    if not delivered:
        emitted = sum(row["emitted"] or 0 for row in rows.values())
        failures: dict[str, int] = {}
        for call in sections["rest"].values():
            for status, count in call["errors"].items():
                failures[status] = failures.get(status, 0) + count
        seen = ", ".join(f"{status} {count}" for status, count in sorted(failures.items()))
        note = (
            f"{many(emitted, 'emission')}, and none reached anybody that was expected to see it, so that nothing "
            f"was measured{f' (REST errors: {seen})' if seen else ''}: check --emit-rate, the identities' inboxes and "
            f"conversations, and that the target broadcasts at all."
        )
    return Check("deliveries", delivered, 1, "min", "", "PASS" if delivered else "INVALID", note=note)


def _leaks(sections: Mapping[str, Any]) -> Check:
    leaks = {
        f"{event} by {role}s": seen["leaked"]
        for event, row in sections["delivery"].items()
        for role, seen in row["by_role"].items()
        if seen["leaked"]
    }
    note = f"Seen by somebody who must not: {_listed(leaks)}; the delivery table has the balance." if leaks else ""
    return Check("leaks", sum(leaks.values()), 0, "max", "", "FAIL" if leaks else "PASS", note=note, final=bool(leaks))


def _leaks_by_content(sections: Mapping[str, Any]) -> Check:
    rows = sections["contract"]["leaks"]
    total = sum(row["n"] for row in rows)
    note = " ".join(_leak_sentence(row) for row in rows)
    result: Result = "FAIL" if rows else "PASS"
    return Check("leaks by content", total, 0, "max", "", result, note=note, final=bool(rows))


def _leak_sentence(row: Mapping[str, Any]) -> str:
    """Which events reached whom."""
    events = list(row["events"])
    named = ", ".join(events[:_MOST_NAMED]) or "no known event"
    more = f" and {many(len(events) - _MOST_NAMED, 'other event')}" if len(events) > _MOST_NAMED else ""
    frames = many(row["n"], "frame")
    whom = f"a socket of role {row['role']}" if row["role"] else "a socket"
    return f"{frames} of {named}{more} reached {whom} {LEAKING[row['kind']]} ({row['kind']})."


def _users_confirmed(sections: Mapping[str, Any]) -> Check:
    rows = sections["users"]
    planned = sum(row["planned"] for row in rows.values())
    if not planned:
        return _unmeasured("users confirmed", MIN_CONFIRMED_PERCENT, "min", "%", "No user was planned in the hold.")
    percent = 100.0 * sum(min(row["confirmed"], row["planned"]) for row in rows.values()) / planned
    absent = [role for role, row in rows.items() if not row["confirmed"]]
    passed = percent >= MIN_CONFIRMED_PERCENT and not absent
    missing = ", ".join(f"{row['confirmed']:,} of {row['planned']:,} {role}s" for role, row in rows.items())
    note = "" if passed else f"Confirmed during the hold: {missing}. Look at the connection outcomes for why."
    return Check("users confirmed", percent, MIN_CONFIRMED_PERCENT, "min", "%", "PASS" if passed else "FAIL", note=note)


def _connected_time(share: float | None) -> Check:
    name = "connected time"
    if share is None:
        return _unmeasured(name, MIN_CONNECTED_PERCENT, "min", "%", "No connected time was recorded in the hold.")
    result: Result = "PASS" if 100 * share >= MIN_CONNECTED_PERCENT else "FAIL"
    return Check(name, 100 * share, MIN_CONNECTED_PERCENT, "min", "%", result)


def _undetermined(sections: Mapping[str, Any]) -> list[Check]:
    """At most one check; a run in which no delivery was expected has none."""
    expected = sum(row["expected"] or 0 for row in sections["delivery"].values())
    if not expected:
        return []
    percent = 100.0 * sum(row["undetermined"] or 0 for row in sections["delivery"].values()) / expected
    passed = percent <= MAX_UNDETERMINED_PERCENT
    note = "" if passed else "Too many deliveries could not be told apart: see the report's delivery table for which."
    result: Result = "PASS" if passed else "INCONCLUSIVE"
    return [Check("undetermined", percent, MAX_UNDETERMINED_PERCENT, "max", "%", result, note=note)]


def _lost(sections: Mapping[str, Any]) -> Check:
    if not any(row["expected"] for row in sections["delivery"].values()):
        return _unmeasured("lost", 0, "max", "", "No delivery was expected.")
    lost = {event: row["lost"] for event, row in sections["delivery"].items() if row["lost"]}
    note = f"Never arrived within the deadline or after: {_listed(lost)}." if lost else ""
    return Check("lost", sum(lost.values()), 0, "max", "", "FAIL" if lost else "PASS", note=note)


def _deaf(sections: Mapping[str, Any]) -> list[Check]:
    """One check where sockets were deaf at some time; those that hear again fail nothing by that."""
    found, again = sections["cable"]["deaf"], sections["cable"]["deaf_recovered"]
    if not found:
        return []
    deaf = max(found - again, 0)
    note = ""
    if deaf:
        note = (
            f"They stayed open and subscribed, and had nothing more of what was due to them"
            f"{f' ({again:,} others heard again)' if again else ''}: look at the target's pub/sub side, such as Redis."
        )
    return [Check("deaf sockets", deaf, 0, "max", "", "FAIL" if deaf else "PASS", note=note)]


def _violations(sections: Mapping[str, Any]) -> Check:
    kinds = sections["contract"]["violations"]
    note = f"By kind: {_listed(kinds)}." if kinds else ""
    return Check("contract violations", sum(kinds.values()), 0, "max", "", "FAIL" if kinds else "PASS", note=note)


def _rest_errors(sections: Mapping[str, Any]) -> list[Check]:
    """At most one check; a run without REST calls has none. What the target cannot do is not held against it."""
    calls = [call for name, call in sections["rest"].items() if name not in sections["contract"]["not_driven"]]
    n = sum(call["n"] for call in calls)
    if not n:
        return []
    by_status: dict[str, int] = {}
    for call in calls:
        for status, count in call["errors"].items():
            by_status[status] = by_status.get(status, 0) + count
    percent = 100.0 * sum(by_status.values()) / n
    passed = percent <= MAX_REST_ERROR_PERCENT
    note = "" if passed else f"By status: {_listed(by_status)}, of {many(n, 'call')}."
    return [Check("REST errors", percent, MAX_REST_ERROR_PERCENT, "max", "%", "PASS" if passed else "FAIL", note=note)]


def _presence(sections: Mapping[str, Any]) -> list[Check]:
    """One check per target role and observer role whose ceiling is known."""
    checks = []
    for target, row in sections["presence"].items():
        for observer, seen in row["by_observer"].items():
            if seen["p_a_loss"] is None:
                continue
            points = 100.0 * seen["p_a_loss"]
            passed = points <= MAX_PRESENCE_LOSS_POINTS
            note = ""
            if not passed:
                note = f"Right {seen['p_a']:.1%} of the time, {seen['p_a_ceiling']:.1%} was possible."
            name = f"presence loss, {target}s seen by {observer}s"
            result: Result = "PASS" if passed else "FAIL"
            checks.append(Check(name, points, MAX_PRESENCE_LOSS_POINTS, "max", "points", result, note=note))
    return checks


def presence_warnings(sections: Mapping[str, Any]) -> list[str]:
    """Which presence checks were left out, and why."""
    return [
        f"Presence of {target}s to {observer}s was not judged: its ceiling is unknown because the target's expiry is. "
        f"Give the expiry of the target, or judge p_a with --slo."
        for target, row in sections["presence"].items()
        for observer, seen in row["by_observer"].items()
        if seen["p_a"] is not None and seen["p_a_ceiling"] is None
    ]


def _unmeasured(name: str, limit: float, bound: Any, unit: str, note: str) -> Check:
    return Check(name, None, limit, bound, unit, "INCONCLUSIVE", note=note)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
