"""What the presence rows of the fault matrix are judged by: the run's figures against a replay of its own log.

The replay (:mod:`loadtest.analysis.presence_replay`) knows the beats that were sent, what the server was told to do
wrong and what it says it did; accuracy must agree within one point, detection within half a second, mistakes exactly.
"""

from __future__ import annotations

from pathlib import Path

from loadtest.analysis import calibration
from loadtest.analysis.calibration import Comparison
from loadtest.analysis.presence_replay import US_PER_S, Replayed, Server, replay
from loadtest.collect.presence_log import Line, read_log
from loadtest.drive import judges
from loadtest.drive.evidence import Evidence
from loadtest.refserver.faults import parse_faults

ACCURACY_POINTS = 1.0
DETECTION_S = 0.5

_PAIRS = (("agent", "agent"), ("agent", "contact"), ("contact", "agent"))


def log_path(folder: Path) -> Path:
    """Where the run in a folder is told to log presence; the only process puts its name behind it."""
    return folder.with_name(f"{folder.name}.presence")


def accuracy(evidence: Evidence) -> list[Comparison]:
    """Accuracy, mistakes and detection of every kind of pair against the replay."""
    log = _log(evidence)
    found = replay(log, evidence.lines("beat-loss", "ghost", "frozen"), _server(evidence))
    compared: list[Comparison] = []
    for target, observer in _PAIRS:
        row = evidence.summary["presence"].get(target, {}).get("by_observer", {}).get(observer)
        if row is not None:
            compared += _pair(found, row, target, observer)
    return [
        *compared,
        calibration.within("frames that cannot be", 0, found.wrong, 0, "entries", "what the server said, by the rule"),
        calibration.shown("entries by the rule", found.decided, "entries"),
        calibration.shown("entries believed", found.believed, "entries"),
    ]


def leaks(evidence: Evidence) -> list[Comparison]:
    """Contacts that were told of contacts, each frame of them."""
    log = _log(evidence)
    hold, drain = (next(line.t for line in log if line.kind == kind) for kind in ("hold", "drain"))
    injected = sum(hold <= line.t * US_PER_S < drain for line in evidence.lines("presence-leak"))
    recovered = evidence.summary["presence"]["contact"]["forbidden"]
    struck = judges.struck(evidence, "presence-leak")
    return [*struck, calibration.within("told of contacts", injected, recovered, 0, "frames"), *accuracy(evidence)]


def _pair(found: Replayed, row: dict[str, object], target: str, observer: str) -> list[Comparison]:
    pair, name = (target, observer), f"{target}s by {observer}s"
    p_a, measured = found.p_a(pair), row["p_a"]
    if p_a is None:
        return []
    share = None if measured is None else 100 * float(str(measured))
    times = found.detection_s[pair]
    compared = [
        calibration.within(f"P_A, {name}", round(100 * p_a, 3), share, ACCURACY_POINTS, "%"),
        calibration.within(f"mistakes, {name}", found.mistakes[pair], int(str(row["mistakes"])), 0, "mistakes"),
    ]
    if found.absent_us[pair]:
        false = 100 * found.false_us[pair] / found.absent_us[pair]
        told = row["false_online_share"]
        compared.append(
            calibration.within(
                f"false online, {name}", round(false, 3), None if told is None else 100 * float(str(told)),
                ACCURACY_POINTS, "%",
            )
        )  # fmt: skip
    if times:
        detection = row["detection_time_s"]
        assert isinstance(detection, dict)
        for label, value in (("mean", sum(times) / len(times)), ("max", max(times))):
            compared.append(
                calibration.within(f"T_D {label}, {name}", round(value, 3), detection[label], DETECTION_S, "s")
            )
        compared.append(calibration.within(f"noticed, {name}", len(times), detection["n"], 0, "absences"))
    return compared


def _log(evidence: Evidence) -> list[Line]:
    return read_log(Path(f"{log_path(evidence.run.folder)}.local"))


def _server(evidence: Evidence) -> Server:
    """What the server should have done, by the run's plan, with what late expiry makes of it."""
    plan = evidence.summary["run"]["plan"]
    late_s = {"agent": 0.0, "contact": 0.0}
    for term in parse_faults(evidence.truth.faults):
        if term.kind.name == "late-expiry":
            for role in late_s:
                if not term.roles or role in term.roles:
                    late_s[role] = term.time_s
    expiry_us = {role: round((plan[f"{role}_expiry_s"] + late_s[role]) * US_PER_S) for role in late_s}
    return Server(expiry_us)
