"""What the rows about delays are judged by: the run's own log of deliveries beside the server's truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.analysis import calibration, paired_delays
from loadtest.analysis.calibration import Comparison, Curve
from loadtest.analysis.paired_delays import Paired
from loadtest.collect.delivery_log import Delivery, read_deliveries
from loadtest.collect.subjects import MARKED
from loadtest.drive.evidence import ENOUGH, Evidence
from loadtest.drive.judges import FROM, whole
from loadtest.metrics.histogram import Histogram

_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class _Held:
    """A delivery that was held, and a floor that is not of its own measuring."""

    delivery: Delivery
    hold_us: int
    floor_us: int
    window: int


def log_path(folder: Path) -> Path:
    """Where the run in a folder is told to log deliveries; the only process puts its name behind it."""
    return folder.with_name(f"{folder.name}.deliveries")


def delay(evidence: Evidence) -> list[Comparison]:
    """Of each message the copies for one role are held; the other role's copies are its floor."""
    log = _log(evidence)
    held = _held(evidence, log)
    found = [one for start in FROM for one in paired_delays.recovered(_paired(held, start), f"from {start}")]
    if not held and any(line.event == MARKED for line in evidence.lines("delay")):
        why = "the kernel stamped the arrivals of no message that was held for some and not for others"
        found = [Comparison(f"p50 from {start}", None, None, 0, "ms", None, why, decided=False) for start in FROM]
    return [*found, _as_reported(evidence, log), *_timed(evidence, log), *whole(evidence)]


def delay_curve(evidence: Evidence) -> Curve:
    """Latency of what was held."""
    return paired_delays.curve(_paired(_held(evidence, _log(evidence)), "send"))


def _log(evidence: Evidence) -> list[Delivery]:
    lines = read_deliveries([Path(f"{log_path(evidence.run.folder)}.local")])
    return [line for line in lines if line.event == MARKED]


def _as_reported(evidence: Evidence, log: Sequence[Delivery]) -> Comparison:
    """What was logged one by one must be what the run reports, bucket for bucket."""
    logged = Histogram()
    logged.record_many(np.array([line.latency for line in log], dtype=np.int64))
    buckets = [dict(zip(*(part.tolist() for part in hist.buckets()), strict=True)) for hist in (logged, _all(evidence))]
    differ = sum(abs(buckets[0].get(value, 0) - buckets[1].get(value, 0)) for value in {*buckets[0], *buckets[1]})
    return calibration.within("reported other than logged", 0, differ, 0, "deliveries")


def _all(evidence: Evidence) -> Histogram:
    return evidence.latency(FROM["due"])


def _timed(evidence: Evidence, log: Sequence[Delivery]) -> list[Comparison]:
    """How many of the held deliveries have a floor: the others were read together with a further message."""
    names = _holds(evidence)
    held = [line for line in log if (line.mark, line.receiver) in names]
    known = sum(line.arrival is not None for line in held)
    return [
        calibration.shown("held", len(held), "deliveries"),
        calibration.shown("of them stamped by the kernel", known, "deliveries"),
    ]


def _holds(evidence: Evidence) -> dict[tuple[str, str], int]:
    """By message and receiver, how long the server held it."""
    return {(line.mark, line.receiver): line.held_us for line in evidence.lines("delay") if line.event == MARKED}


def _held(evidence: Evidence, log: Sequence[Delivery]) -> list[_Held]:
    """Held deliveries whose message has a copy that was not held, the arrivals of both stamped by the kernel.

    The windows in which the hold begins and ends are left out: users are still arriving, or are being stopped. So are
    those in which the generator was not fit to measure, as in any verdict, unless too little is left.
    """
    phases = evidence.run.phases()
    if phases.hold_first is None or phases.hold_last is None:
        return []
    holds, window_us = _holds(evidence), round(evidence.run.window_s * _US_PER_S)
    messages: dict[str, list[Delivery]] = {}
    for line in log:
        if phases.hold_first < line.due // window_us < phases.hold_last:
            messages.setdefault(line.mark, []).append(line)
    found: list[_Held] = []
    for copies in messages.values():
        free_us = [one.arrival for one in copies if one.arrival is not None and (one.mark, one.receiver) not in holds]
        for one in copies:
            hold_us = holds.get((one.mark, one.receiver))
            if hold_us is not None and free_us and one.arrival is not None:
                floor_us = round(sum(free_us) / len(free_us)) + one.latency - one.arrival
                found.append(_Held(one, hold_us, floor_us, one.due // window_us))
    trusted = [one for one in found if one.window not in evidence.marked]
    return trusted if len(trusted) >= ENOUGH else found


def _paired(held: Sequence[_Held], start: str) -> Paired:
    """As arrays, from the due time or from the send."""
    sent_us = np.array([one.delivery.sent if start == "send" else 0 for one in held], dtype=np.int64)
    latency_us, hold_us, floor_us, window = (
        np.array(values, dtype=np.int64)
        for values in (
            [one.delivery.latency for one in held],
            [one.hold_us for one in held],
            [one.floor_us for one in held],
            [one.window for one in held],
        )
    )
    return Paired(latency_us - sent_us, hold_us, floor_us - sent_us, window)
