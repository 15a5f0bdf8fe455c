"""Runs that hold a search: frames of several steps, and the steps that were judged of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from loadtest.analysis.capacity_search import Kind, Outcome, SearchPlan
from loadtest.analysis.capacity_step import Margin, Span, Step
from loadtest.analysis.model import RunData
from loadtest.analysis.slo import parse_slo
from tests.analysis.builders import FIRST, US, RunBuilder

PLAN = SearchPlan("emit-rate", start=10.0, bound=500.0, least=0.1)
SLO = parse_slo('[fanout."message.created".agent]\np99_ms = 200\n[delivery."message.created"]\nlost = 0\n')


def span(begin: int, hold: int, end: int, **changes: Any) -> Span:
    """A step by its windows, counted from the run's first one."""
    fields: dict[str, Any] = {"number": 1, "kind": "up", "level": 10.0, **changes}
    return Span(begin_us=(FIRST + begin) * US, hold_us=(FIRST + hold) * US, end_us=(FIRST + end) * US, **fields)


class SearchRun:
    """A run whose hold is made of steps, of a second a window.

    Args:
        windows: of the whole hold.
    """

    def __init__(self, windows: int = 90) -> None:
        self.run = RunBuilder(ramp=5, hold=windows).users()
        self.random = np.random.default_rng(3)
        self._marks = 0

    def talk(
        self, windows: range, *, messages: int = 10, ms: float = 40.0, growth: float = 0.0, lost: int = 0
    ) -> SearchRun:
        """Messages a window to ten agents each, whose latency grows by a share a window."""
        for place, window in enumerate(windows):
            middle_us = 1000.0 * ms * (1 + growth * place)
            for _ in range(messages):
                self._marks += 1
                latencies = self.random.uniform(0.7 * middle_us, 1.3 * middle_us, 10).astype(int).tolist()
                self.run.message(window, f"m{self._marks}", latencies, lost=lost)
        return self

    def build(self) -> RunData:
        """The frames."""
        return self.run.build()


def step(
    number: int,
    level: float,
    outcome: Outcome,
    *,
    kind: Kind = "up",
    cpu: float | None = None,
    rss: float | None = None,
    workers_needed: int | None = None,
    fanout: float = 10.0,
    agents: float = 100.0,
    contacts: float = 50.0,
) -> Step:
    """A judged step of the message rate."""
    begin_us = (FIRST + 40 * number) * US
    fails = outcome == "fail"
    margin = Margin(
        'fanout."message.created".agent.p99_ms max',
        900.0 if fails else 40.0,
        200.0,
        "max",
        "ms",
        (35.0, 1200.0),
        ("FAIL" if fails else "PASS",) * 3,
        "FAIL" if fails else "PASS",
    )
    figures = {
        "seconds": 30.0,
        "agents": agents,
        "contacts": contacts,
        "users": agents + contacts,
        "messages_per_s": level,
        "emissions_per_s": level,
        "deliveries_per_s": level * fanout,
        "expected_per_s": level * fanout,
        "presence_per_s": 5.0,
        "p50_ms": 400.0 if fails else 12.0,
        "p99_ms": 900.0 if fails else 40.0,
        "max_ms": 1200.0 if fails else 60.0,
        "ping_gap_p99_s": 3.1,
        "ping_gap_max_s": 3.2,
        "target_cpu": cpu,
        "target_rss_bytes": rss,
    }
    return Step(
        Span(number, kind, level, begin_us, begin_us + 10 * US, begin_us + 40 * US),
        outcome,
        True,
        ("latency",) if fails else (),
        (f"{margin.name}: 900 ms, at most 200 allowed (3 of 3 windows)",) if fails else (),
        (margin,),
        workers_needed,
        figures,
    )


def found(**changes: Any) -> list[Step]:
    """The steps of a search that came to an interval."""
    levels: list[tuple[float, Outcome, Kind]] = [
        (10.0, "pass", "up"),
        (20.0, "pass", "up"),
        (40.0, "fail", "up"),
        (20.0, "pass", "hysteresis"),
        (28.28, "pass", "bisect"),
        (33.63, "pass", "bisect"),
        (36.68, "fail", "bisect"),
        (35.12, "pass", "bisect"),
        (31.61, "pass", "confirm"),
    ]
    return [step(n, level, out, kind=kind, **changes) for n, (level, out, kind) in enumerate(levels, 1)]
