"""What of two builds' runs can be compared: the metrics, their margins, and what the runs must have alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["ratio", "share"]
RunSummary = Mapping[str, Any]

LIKE = {
    "plan": ("run", "plan"),
    "population": ("run", "population"),
    "dialect": ("run", "target", "dialect"),
    "embedded target": ("run", "target", "embedded"),
    "workers": ("run", "workers"),
    "window": ("run", "window_s"),
    "deadline": ("run", "deadline_s"),
    "warm-up": ("run", "warm_up_s"),
    "tool version": ("run", "versions", "loadtest"),
    "Locust version": ("run", "versions", "locust"),
    "Python version": ("run", "versions", "python"),
    "CPU model": ("run", "versions", "cpu"),
    "cores": ("run", "versions", "cores"),
    "kernel": ("run", "versions", "kernel"),
}
"""What all compared runs must have alike, and where summary.json says it."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run, of which less is better.

    Attributes:
        name: the key in summary.json that it is made from.
        kind: ``ratio`` (compared by the logarithm of the ratio) or ``share`` (by difference).
        unit: of the values shown.
        margin: how much worse is still good enough: a share of the baseline's value, or a difference of shares.
        primary: whether it decides.
        of: reads it from a summary: (value, trials behind a share, or 0); None where it was not measured.
    """

    name: str
    kind: Kind
    unit: str
    margin: float
    primary: bool
    of: Callable[[RunSummary], tuple[float, int] | None]


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse is still good enough.

    Attributes:
        latency: of fan-out latencies, as a share of the baseline's.
        connect: of connect times.
        lost: of the share of deliveries lost, as a difference.
        errors: of the share of REST calls that failed.
        presence: of the share of presence time shown wrongly.
        connected: of the share of their time in which users were not connected.
        named: margins of single metrics, by name, before all others.
    """

    latency: float = 0.05
    connect: float = 0.10
    lost: float = 0.0005
    errors: float = 0.001
    presence: float = 0.01
    connected: float = 0.01
    named: Mapping[str, float] = field(default_factory=dict)


def unlike(runs: Sequence[RunSummary], allowed: Collection[str] = ()) -> list[str]:
    """In what the runs differ although compared runs must not, a sentence each; empty when they are alike.

    Args:
        runs: contents of summary.json.
        allowed: what may differ, by its name in :data:`LIKE`.
    """
    found = []
    for what, path in LIKE.items():
        if what in allowed:
            continue
        values = [at(run, path) for run in runs]
        for run, value in zip(runs, values, strict=True):
            if value == values[0]:
                continue
            first, other = at(runs[0], ("run", "id")), at(run, ("run", "id"))
            if isinstance(value, Mapping) and isinstance(values[0], Mapping):
                keys = sorted(k for k in {*value, *values[0]} if value.get(k) != values[0].get(k))
                detail = ", ".join(f"{k} {values[0].get(k)!r} against {value.get(k)!r}" for k in keys)
            else:
                detail = f"{values[0]!r} against {value!r}"
            found.append(f"{what}: {detail} ({first} against {other})")
            break
    return found


def metrics_of(runs: Sequence[RunSummary], margins: Margins) -> list[Metric]:
    """The metrics that can be compared: those that any of the runs brought, primaries first."""
    found: list[Metric] = []

    def add(name: str, kind: Kind, unit: str, margin: float, primary: bool, of: Callable[[RunSummary], Any]) -> None:
        found.append(Metric(name, kind, unit, margins.named.get(name, margin), primary, of))

    latencies = sorted({(event, role) for run in runs for event, roles in run["fanout"].items() for role in roles})
    for event, role in latencies:
        for key in ("p99_incl_lost_ms", "p50_ms"):
            primary = event == "message.created" and key == "p99_incl_lost_ms"
            where = ("fanout", event, role, key)
            add(_dotted(where), "ratio", "ms", margins.latency, primary, _number_at(where))
    add("delivery.lost", "share", "share", margins.lost, True, _lost)
    for role in ("agent", "contact"):
        if any(at(run, ("presence", role, "p_a")) is not None for run in runs):
            place = ("presence", role, "p_a")
            add(_dotted(place), "share", "share", margins.presence, True, _missing_from_one(place))
    for role in ("agent", "contact"):
        place = ("users", role, "connected_time_share")
        if any(at(run, place) is not None for run in runs):
            add(_dotted(place), "share", "share", margins.connected, True, _missing_from_one(place))
    add("cable.connect_p99_ms", "ratio", "ms", margins.connect, True, _number_at(("cable", "connect_p99_ms")))
    add("rest.errors", "share", "share", margins.errors, True, _rest_errors)
    for call in sorted({call for run in runs for call in run["rest"]}):
        path = ("rest", call, "p99_ms")
        add(_dotted(path), "ratio", "ms", margins.latency, False, _number_at(path))
    return sorted(found, key=lambda metric: not metric.primary)


def _lost(run: RunSummary) -> tuple[float, int] | None:
    rows = [row for event, row in run["delivery"].items() if event != "presence.update"]
    expected = sum(row.get("expected") or 0 for row in rows)
    return (sum(row.get("lost") or 0 for row in rows) / expected, expected) if expected else None


def _rest_errors(run: RunSummary) -> tuple[float, int] | None:
    n = sum(row.get("n") or 0 for row in run["rest"].values())
    return (sum(sum((row.get("errors") or {}).values()) for row in run["rest"].values()) / n, n) if n else None


def _missing_from_one(path: tuple[str, ...]) -> Callable[[RunSummary], tuple[float, int] | None]:
    def of(run: RunSummary) -> tuple[float, int] | None:
        share = at(run, path)
        return None if share is None else (1.0 - float(share), 0)

    return of


def _number_at(path: tuple[str, ...]) -> Callable[[RunSummary], tuple[float, int] | None]:
    def of(run: RunSummary) -> tuple[float, int] | None:
        value = at(run, path)
        return None if value is None else (math.inf if value == "inf" else float(value), 0)

    return of


def at(run: Any, path: tuple[str, ...]) -> Any:
    """The value at a path of a summary; None where there is none."""
    for key in path:
        if not isinstance(run, Mapping) or key not in run:
            return None
        run = run[key]
    return run


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(f'"{name}"' if "." in name else name for name in path)
