"""What each row of the fault matrix is judged by: evidence in, comparisons out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis import calibration
from loadtest.analysis.calibration import MS_PER_US, Cell, Comparison, Curve
from loadtest.drive.evidence import Evidence

Judge = Callable[[Evidence], list[Comparison]]
Drawn = Callable[[Evidence], Curve]

LEDGER = {
    "lost": ("loss", "deaf"),
    "duplicated": ("dup",),
    "leaked": ("leak", "note-leak"),
}
"""Column of the ledger -> kinds of fault that must show there."""

FROM = {"due": "fanout", "send": "fanout_sent"}
"""Where a latency starts -> its metric."""

CANARY_S = 6
DEAF_DEADLINE_S = 3
"""Canary's period and deadline of the row whose pub/sub side dies."""

PING_S = 3.0
_US_PER_S = 1e6
_GAP_TOLERANCE = 0.02
_BOOKS_S = 1.0


def balance(evidence: Evidence) -> list[Comparison]:
    """Loss, duplicates, leaks and reordering, exactly."""
    reordered = evidence.cells(evidence.overtaken())
    return [*whole(evidence), calibration.counted("reordered", reordered, evidence.recovered("reordered"))]


def counts(evidence: Evidence) -> list[Comparison]:
    """The whole balance, and how much it was drawn from."""
    rows = evidence.closings
    pending = calibration.counted("undetermined", Counter(), evidence.recovered("undetermined"))
    hold_s = evidence.summary["run"]["hold_s"]
    delivered = int(rows["delivered"].sum())
    return [
        *balance(evidence),
        pending,
        calibration.shown("expected", int(rows["expected"].sum()), "deliveries"),
        calibration.shown("delivered a second", round(delivered / hold_s, 1) if hold_s else None, "deliveries/s"),
    ]


def faults(evidence: Evidence) -> list[Comparison]:
    """The whole balance of a row that has faults."""
    return [*struck(evidence, *(kind for kinds in LEDGER.values() for kind in kinds), "reorder"), *counts(evidence)]


def floor(evidence: Evidence) -> list[Comparison]:
    """Nothing is reported where nothing was done, and the instrument's own latency."""
    percentiles = [
        calibration.shown(f"p{q:g} from {start}", _ms(evidence.latency(metric).percentile(q)), "ms")
        for start, metric in FROM.items()
        for q in (50.0, 99.0, 99.9)
    ]
    return [*counts(evidence), *percentiles]


def delivery_stall(evidence: Evidence) -> list[Comparison]:
    """A stall of deliveries shows alike from due and from send; windows apart from it are the floor."""
    times = evidence.stall("stall")
    if times is None:
        return [_absent("stall of deliveries")]
    found: list[Comparison] = []
    for start, metric in FROM.items():
        found += calibration.delays(evidence.held_apart("stall", metric=metric), f"from {start}")
    hists = [evidence.latency(metric) for metric in FROM.values()]
    tolerance_ms = calibration.TOLERANCE_SHARE * (times[1] - times[0]) * 1e3
    return [*found, calibration.alike(hists[0], hists[1], tolerance_ms), *whole(evidence)]


def rest_stall(evidence: Evidence) -> list[Comparison]:
    """A stall of answers, with one connection, shows in due-time p99 as the queue says, and not in send-time p99."""
    times = evidence.stall("rest-stall")
    if times is None or not evidence.lines("rest-stall"):
        return [_absent("stall of answers")]
    begin_s, end_s = times
    sent = evidence.latency(FROM["send"])
    theory_ms = calibration.sum_percentile_us(_waits_us(evidence), sent, 99.0) * MS_PER_US
    due_ms, sent_ms = (_ms(evidence.latency(metric).percentile(99.0)) for metric in FROM.values())
    tolerance_ms = calibration.STALL_TOLERANCE_SHARE * theory_ms
    limit_ms = calibration.SENT_SHARE * (end_s - begin_s) * 1e3
    note = "theory: the plan's arrivals at one server"
    return [
        calibration.within("p99 from due", round(theory_ms, 3), due_ms, tolerance_ms, "ms", note),
        calibration.at_most("p99 from send", sent_ms, limit_ms, "ms"),
        *whole(evidence),
    ]


def whole(evidence: Evidence) -> list[Comparison]:
    """Loss, duplicates and leaks where none are injected or their number is known; reordering aside."""
    return [
        calibration.counted(column, evidence.injected(*kinds), evidence.recovered(column))
        for column, kinds in LEDGER.items()
    ]


def pings(evidence: Evidence) -> list[Comparison]:
    """Pings that were not sent to contacts, and beats that came late to agents."""
    lost = len(evidence.lines("ping-loss"))
    missing = calibration.missing_pings(evidence.run.merged("ping_gap", role="contact"), PING_S)
    beats_s = np.array([line.t for line in evidence.lines("ping-delay")])
    if beats_s.size < 2:
        return [_absent("late beats")]
    injected_s = float(np.diff(beats_s).max())
    longest_us = evidence.run.merged("ping_gap", role="agent").max_us
    recovered_s = None if longest_us is None else longest_us / _US_PER_S
    tolerance_s = _GAP_TOLERANCE * injected_s
    return [
        *struck(evidence, "ping-loss"),
        calibration.within("lost pings", lost, missing, 0, "pings"),
        calibration.within("longest gap", round(injected_s, 4), recovered_s, tolerance_s, "s"),
    ]


def deaf(evidence: Evidence) -> list[Comparison]:
    """The pub/sub side dies while sockets stay open and pings flow: how long until somebody is found deaf."""
    died = [line.t for line in evidence.lines("window") if line.fault == "deaf" and line.state == "begin"]
    if not died:
        return [_absent("death of the pub/sub side")]
    notes = evidence.run.note_frame()
    found = notes.loc[notes["kind"] == "deaf", "at_s"]
    after_s = None if found.empty else round(evidence.run.started_s + float(found.iloc[0]) - died[0], 3)
    limit_s = CANARY_S + DEAF_DEADLINE_S + _BOOKS_S
    note = f"canary's period {CANARY_S} s, deadline {DEAF_DEADLINE_S} s, and the second in which books are closed"
    closed = {("", "", role): evidence.total("cable.disconnects", None, role) for role in ("agent", "contact")}
    return [
        calibration.at_most("found after", after_s, limit_s, "s", note),
        calibration.counted("sockets closed", Counter(), +Counter(closed), "sockets"),
        calibration.shown("found deaf", evidence.total("cable.deaf"), "sockets"),
        calibration.shown("pings", evidence.total("cable.pings"), "pings"),
    ]


def unconfirmed(evidence: Evidence) -> list[Comparison]:
    """Subscriptions that were met with silence."""
    return [
        *struck(evidence, "unconfirmed"),
        calibration.counted(
            "unconfirmed",
            _by_role(evidence, "unconfirmed"),
            _of_roles(evidence, "cable.unconfirmed"),
            "subscriptions",
        ),
    ]


def disconnects(evidence: Evidence) -> list[Comparison]:
    """Sockets that the server closed, without a frame and with one; what they cut off is no loss."""
    without = calibration.counted(
        "cut without a frame", _by_role(evidence, "cut"), _of_roles(evidence, "cable.disconnects", "1006"), "sockets"
    )
    told = calibration.counted(
        "told to disconnect",
        _by_role(evidence, "disconnect"),
        _of_roles(evidence, "cable.disconnects", "server_restart"),
        "sockets",
    )
    return [*struck(evidence, "cut"), *struck(evidence, "disconnect"), without, told, *balance(evidence)]


# -- curves ------------------------------------------------------------------------------------------------------------


def floor_curve(evidence: Evidence) -> Curve:
    """Latency without any fault."""
    return calibration.curve(evidence.latency())


def stall_curve(evidence: Evidence) -> Curve:
    """Latency while all deliveries stood still."""
    apart = evidence.held_apart("stall")
    return calibration.curve(apart.measured, apart.holds_us, apart.floor)


def rest_stall_curve(evidence: Evidence) -> Curve:
    """Latency from the due time when all calls waited for one connection."""
    waits_us = _waits_us(evidence)
    return calibration.curve(evidence.latency(), waits_us, evidence.latency(FROM["send"]))


# -- parts -------------------------------------------------------------------------------------------------------------


def struck(evidence: Evidence, *kinds: str) -> list[Comparison]:
    """What is said of a row whose faults struck nobody: that none was found shows nothing."""
    if evidence.lines(*kinds):
        return []
    note = "no fault struck, so there was nothing to find: raise --rate or --duration"
    return [Comparison("faults", None, None, 0, "faults", None, note, decided=False)]


def _waits_us(evidence: Evidence) -> NDArray[np.int64]:
    """How long each message's call must have waited for the only connection; nothing when no answer was held.

    The server says which answer it held from when to when; with one connection it is one.
    """
    held = evidence.lines("rest-stall")
    if not held:
        return np.zeros(0, dtype=np.int64)
    begin_s = min(line.t - line.held_us / _US_PER_S for line in held)
    service_s = float(evidence.summary["rest"]["agent.send_message"]["p50_ms"] or 0.0) / 1e3
    waits_s = calibration.stalled_waits_s(evidence.due_s(), begin_s, max(line.t for line in held), service_s)
    return (waits_s * _US_PER_S).astype(np.int64)


def _by_role(evidence: Evidence, kind: str) -> Counter[Cell]:
    return Counter(("", "", line.role) for line in evidence.lines(kind))


def _of_roles(evidence: Evidence, metric: str, name: str | None = None) -> Counter[Cell]:
    found = {("", "", role): evidence.total(metric, name, role) for role in ("agent", "contact")}
    return +Counter(found)


def _ms(us: float | None) -> float | None:
    return None if us is None else round(us * MS_PER_US, 3)


def _absent(what: str) -> Comparison:
    return Comparison(what, None, None, 0, "", False, "the server did not do it")
