"""Builds runs for the analysis tests: frames as the store hands them out, from a few calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from loadtest.analysis import RunData
from loadtest.metrics.histogram import Histogram

FIRST = 1_700_000_000
US = 1_000_000

_CLOSING_INTS = [
    "account_id",
    "conversation_id",
    "inbox_id",
    "actor_id",
    "due_us",
    "lateness_us",
    "rest_wait_us",
    "emitted",
    "expected",
    "delivered",
    "late",
    "lost",
    "duplicated",
    "reordered",
    "leaked",
    "cut_by_peer",
    "cut_by_us",
    "away",
    "undetermined",
]


def meta(**changes: Any) -> dict[str, Any]:
    """A run's description."""
    return {
        "schema_version": 1,
        "run_id": "20231114-221320-a1b2",
        "started_at": "2023-11-14T22:13:20+00:00",
        "window_s": 1.0,
        "deadline_s": 10.0,
        "seed": 7,
        "run_tag": "lt-7",
        "target": {"url": "http://127.0.0.1:3000", "embedded": True, "dialect": "seed", "server": "reference"},
        "population": {"agents": 100, "contacts": 10, "accounts": 1, "members": 10},
        "plan": {"emit_rate": 10.0, "heartbeat_s": 30.0},
        "versions": {"loadtest": "0.1.0", "cores": 2},
        "workers": 1,
        "locustfile": "locustfiles/agents.py",
        "interrupted": False,
        "ended_at": "2023-11-14T22:14:40+00:00",
        "target_lost": False,
        "faults": None,
        **changes,
    }


class RunBuilder:
    """Collects rows of a run whose windows are one second long and count from 0.

    Args:
        ramp: windows of the ramp.
        hold: windows of the hold.
        drain: windows of the drain; None for a run that still holds.
        changes: entries of the run's description.
    """

    def __init__(self, *, ramp: int = 5, hold: int = 60, drain: int | None = 10, **changes: Any) -> None:
        self.meta = meta(**changes)
        self.ramp, self.hold, self.drain = ramp, hold, drain
        self._hists: dict[tuple[int, str, str, str], Histogram] = defaultdict(Histogram)
        self._counts: dict[tuple[int, str, str, str], float] = defaultdict(float)
        self._gauges: list[tuple[float, str, str, float]] = []
        self._notes: list[tuple[float, str, str, dict[str, Any]]] = []
        self._closings: list[dict[str, Any]] = []
        self.note(0.0, "phase", "ramp", phase="ramp")
        if hold:
            self.note(float(ramp), "phase", "hold", phase="hold")
        if hold and drain is not None:
            self.note(float(ramp + hold), "phase", "drain", phase="drain")
            self.note(float(ramp + hold + drain), "phase", "end", phase="end")

    @property
    def held(self) -> range:
        """The windows of the hold."""
        return range(self.ramp, self.ramp + self.hold)

    def times(self, window: int, metric: str, us: Iterable[int], name: str = "", role: str = "") -> RunBuilder:
        """Record microseconds into a histogram."""
        self._hists[window, metric, name, role].record_many(np.fromiter(us, np.int64))
        return self

    def count(self, window: int, metric: str, value: float = 1, name: str = "", role: str = "") -> RunBuilder:
        """Add to a count."""
        self._counts[window, metric, name, role] += value
        return self

    def gauge(self, at_s: float, name: str, value: float, worker: str = "local") -> RunBuilder:
        """Read a gauge."""
        self._gauges.append((at_s, name, worker, value))
        return self

    def note(self, at_s: float, kind: str, text: str = "", /, **extra: Any) -> RunBuilder:
        """Note a moment."""
        self._notes.append((at_s, kind, text, extra))
        return self

    def breach(self, window: int, cause: str = "loop_lag", value: float = 340.0, limit: float = 100.0) -> RunBuilder:
        """Mark a window as untrusted."""
        return self.note(
            window + 0.5,
            "breach",
            cause,
            window=FIRST + window,
            cause=cause,
            value=value,
            limit=limit,
            remedy="Use more workers",
        )

    def closing(self, window: int, mark: str, event: str, role: str, **fields: Any) -> RunBuilder:
        """Close an emission for one role on one worker."""
        row: dict[str, Any] = dict.fromkeys(_CLOSING_INTS, 0)
        row |= {"mark": mark, "event": event, "role": role, "worker": "local", "actor_role": "contact", "status": "ok"}
        row |= {"due_us": (FIRST + window) * US + 1_000, "due_s": window + 0.001, "response_us": 900}
        row |= {"first_us": None, "last_us": None, **fields}
        self._closings.append(row)
        return self

    def message(
        self, window: int, mark: str, latencies_us: Iterable[int], *, lost: int = 0, role: str = "agent"
    ) -> RunBuilder:
        """Emit one message to receivers of one role, with all that is recorded of it."""
        event = "message.created"
        arrived = list(latencies_us)
        self.times(window, "fanout", arrived, event, role)
        self.times(window, "fanout_sent", (max(us - 500, 0) for us in arrived), event, role)
        if arrived and not lost:
            self.times(window, "fanout_last", [max(arrived)], event, role)
        self.times(window, "rest", [900], "contact.send_message").times(
            window, "rest_wait", [40], "contact.send_message"
        )
        self.times(window, "lateness", [80])
        self.count(window, "rest.n", name="contact.send_message").count(window, "delivery.emitted", name=event)
        balance = {"expected": len(arrived) + lost, "delivered": len(arrived), "lost": lost, "received": len(arrived)}
        for column, value in balance.items():
            self.count(window, f"delivery.{column}", value, event, role)
        balance.pop("received")
        return self.closing(window, mark, event, role, emitted=1, **balance)

    def users(self, *, agents: int = 100, contacts: int = 10, confirmed: float = 1.0) -> RunBuilder:
        """Plan, connect and keep users."""
        for role, planned in (("agent", agents), ("contact", contacts)):
            there = round(planned * confirmed)
            self.count(0, "cable.connects", there, role=role).count(0, "cable.confirmed", there, role=role)
            self.times(0, "connect", [4_000] * there, role=role).times(0, "confirm", [1_500] * there, role=role)
            for window in self.held:
                self.gauge(window + 0.5, f"users.planned.{role}", planned)
                self.gauge(window + 0.5, f"users.ever_confirmed.{role}", there)
                self.count(window, "users.planned_us", planned * US, role=role)
                self.count(window, "users.connected_us", there * US, role=role)
                self.times(window, "ping_gap", [3_000_000] * (there // 3), role=role)
        for window in self.held:
            self.times(window, "loop_lag", [200, 900, 1_500]).gauge(window + 0.5, "generator.cpu_share", 0.2)
        return self

    def presence(self, *, right: float = 1.0, ideal: float | None = 1.0) -> RunBuilder:
        """Agents observe each other."""
        for window in self.held:
            alive_us = 100 * US
            self.count(window, "presence.alive_us", alive_us, "agent", "agent")
            self.count(window, "presence.right_us", alive_us * right, "agent", "agent")
            if ideal is not None:
                self.count(window, "presence.ideal_right_us", alive_us * ideal, "agent", "agent")
            self.count(window, "presence.absent_us", US, "agent", "agent")
            self.count(window, "presence.false_online_us", US / 10, "agent", "agent")
            self.count(window, "presence.mistakes", 1, "agent", "agent")
            self.count(window, "presence.mistake_us", 2 * US, "agent", "agent")
            self.count(window, "presence.beats", 4, "agent", "agent").count(
                window, "presence.answered", 4, "agent", "agent"
            )
            self.times(window, "beat_reply", [2_000] * 4, role="agent")
        return self

    def build(self) -> RunData:
        """The frames."""
        hists = [(*self._place(window), *key, hist) for (window, *key), hist in self._hists.items()]
        counts = [(*self._place(window), *key, value) for (window, *key), value in self._counts.items()]
        columns = ["window", "start_s", "phase", "metric", "name", "role"]
        closings = pd.DataFrame(self._closings, columns=list(self._closings[0]) if self._closings else ["mark"])
        return RunData(
            meta=self.meta,
            hists=pd.DataFrame(hists, columns=[*columns, "hist"]),
            counts=pd.DataFrame(counts, columns=[*columns, "value"]),
            gauges=pd.DataFrame(self._gauges, columns=["at_s", "name", "worker", "value"]),
            closings=closings,
            notes=pd.DataFrame(self._notes, columns=["at_s", "kind", "text", "data"]),
        )

    def _place(self, window: int) -> tuple[int, float, str]:
        phase = "ramp" if window < self.ramp else "hold" if window < self.ramp + self.hold else "drain"
        return FIRST + window, float(window), phase


def typical(**changes: Any) -> RunBuilder:
    """A sound minute: 10 messages a second to 10 agents each, 20 to 60 ms, everybody there, presence right."""
    run = RunBuilder(**changes).users().presence()
    rng = np.random.default_rng(11)
    for window in run.held:
        for i in range(10):
            run.message(window, f"m{window}-{i}", rng.integers(20_000, 60_000, 10).tolist())
    return run
