"""Runs made up for the report's tests: a seeded batch of measurements, the frames of it, and a store run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loadtest.analysis.model import RunData
from loadtest.analysis.summary import summarise
from loadtest.metrics.batch import Batch, Closing, Gauge, Note
from loadtest.store import RunWriter

START = 1_795_392_000
"""Unix time of the first window: 2026-11-23 00:00:00 UTC."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happens in a made-up run.

    Attributes:
        ramp, hold, drain: lengths of the phases in windows of a second.
        agents, contacts: users.
        emissions: message.created a second.
        audience: agents that see each of them (and one contact).
        lost_share: share of the deliveries to agents that never come.
        leaked: deliveries to somebody who must not see them.
        breached: hold windows in which the generator was late.
        stall: hold windows in which the server is thirty times slower.
        expiry_s: the server's presence expiry for agents; None when unknown.
        seed: of the made-up latencies.
    """

    ramp: int = 8
    hold: int = 60
    drain: int = 10
    agents: int = 50
    contacts: int = 5
    emissions: int = 10
    audience: int = 20
    lost_share: float = 0.0
    leaked: int = 0
    breached: tuple[int, ...] = ()
    stall: tuple[int, ...] = ()
    expiry_s: float | None = 60.0
    seed: int = 7


def meta(story: Story, *, embedded: bool = True, **values: Any) -> dict[str, Any]:
    """The meta values of a run, as the plugin would set them."""
    return {
        "schema_version": 1,
        "run_id": "made-up",
        "started_at": "2026-11-23T00:00:00+00:00",
        "ended_at": "2026-11-23T00:01:18+00:00",
        "window_s": 1.0,
        "deadline_s": 10.0,
        "seed": story.seed,
        "run_tag": "made",
        "target": {
            "url": "http://127.0.0.1:41235" if embedded else "https://chat.example.org",
            "embedded": embedded,
            "dialect": "seed",
            "server": "loadtest reference server 0.1.0" if embedded else "nginx <script>alert(1)</script>",
        },
        "population": {"agents": story.agents, "contacts": story.contacts, "accounts": 1, "members": story.audience},
        "plan": {
            "emit_rate": float(story.emissions),
            "heartbeat_s": 30.0,
            "think_time_s": 3.0,
            "typing": True,
            "session_s": None,
            "client": "official",
            "arrivals": "poisson",
            "agent_expiry_s": story.expiry_s,
            "contact_expiry_s": story.expiry_s,
        },
        "versions": {
            "loadtest": "0.1.0",
            "locust": "2.47.0",
            "gevent": "25.9.1",
            "websockets": "15.0.1",
            "python": "3.11.7",
            "kernel": "6.1.0",
            "cpu": "AMD EPYC",
            "cores": 2,
        },
        "workers": 1,
        "locustfile": "locustfiles/agents.py",
        "interrupted": False,
        "target_lost": False,
        "faults": None,
    } | values


def batch(story: Story) -> Batch:
    """Everything that was measured in the run, as one batch."""
    rng = np.random.default_rng(story.seed)
    made = Batch()
    hold_first = START + story.ramp
    drain_first = hold_first + story.hold
    last = drain_first + story.drain
    moments = {"ramp": START, "hold": hold_first, "drain": drain_first, "end": last}
    for name, at in moments.items():
        at_us = at * 1_000_000 - (name == "drain")  # the window of the drain's note is the hold's last
        made.notes.append(Note(at_us=at_us, kind="phase", text=f"{name} began", data={"phase": name}))
    _connect(made, story, rng)
    for window in range(START, last):
        _generator(made, window, rng, late=window - hold_first in story.breached)
        _users(made, window, story)
        if window < START + story.ramp:
            continue
        _presence(made, window, story)
        if window < drain_first:
            _emissions(made, window, story, rng, slow=30.0 if window - hold_first in story.stall else 1.0)
    for hold_window in story.breached:
        made.notes.append(
            Note(
                at_us=(hold_first + hold_window) * 1_000_000,
                kind="breach",
                text="lateness p99 was 180 ms",
                data={
                    "window": hold_first + hold_window,
                    "cause": "lateness",
                    "value": 180.0,
                    "limit": 50.0,
                    "remedy": "use more workers (--processes) or a lower --emit-rate",
                },
            )
        )
    return made


def _connect(made: Batch, story: Story, rng: np.random.Generator) -> None:
    for role, users in (("agent", story.agents), ("contact", story.contacts)):
        for i in range(users):
            window = START + i * max(story.ramp - 1, 0) // max(users, 1)
            made.hist(window, "connect", "", role).record(int(rng.lognormal(8.6, 0.4)))
            made.hist(window, "confirm", "", role).record(int(rng.lognormal(7.4, 0.5)))
            made.add(window, "cable.connects", "", role)
            made.add(window, "cable.confirmed", "", role)


def _generator(made: Batch, window: int, rng: np.random.Generator, *, late: bool) -> None:
    scale = 100.0 if late else 1.0
    made.hist(window, "loop_lag").record_many((rng.lognormal(6.0, 0.8, 100) * scale**0.5).astype(np.int64))
    made.add(window, "generator.cpu_us", value=300_000)
    made.add(window, "generator.wall_us", value=1_000_000)
    made.hist(window, "lateness").record_many((rng.lognormal(6.5, 0.6, 30) * scale).astype(np.int64))
    cpu = 0.3 + 0.05 * float(rng.standard_normal())
    made.gauges.append(Gauge(at_us=window * 1_000_000 + 500_000, name="generator.cpu_share", worker="w0", value=cpu))


def _users(made: Batch, window: int, story: Story) -> None:
    done = min(1.0, (window - START + 1) / max(story.ramp, 1))
    for role, users in (("agent", story.agents), ("contact", story.contacts)):
        values = {"planned": float(users), "connected": float(int(users * done)), "ever_confirmed": float(users)}
        for name, value in values.items():
            made.gauges.append(
                Gauge(at_us=window * 1_000_000 + 900_000, name=f"users.{name}.{role}", worker="w0", value=value)
            )
        if window >= START + story.ramp:
            made.add(window, "users.planned_us", "", role, users * 1_000_000)
            made.add(window, "users.connected_us", "", role, users * 1_000_000)


def _presence(made: Batch, window: int, story: Story) -> None:
    alive = story.agents * story.agents * 1_000_000
    share = 1.0 if story.expiry_s is None else min(1.0, story.expiry_s / 30.0)
    made.add(window, "presence.alive_us", "agent", "agent", alive)
    made.add(window, "presence.right_us", "agent", "agent", int(alive * (share - 0.01 * (window % 3 == 0))))
    if story.expiry_s is not None:
        made.add(window, "presence.ideal_right_us", "agent", "agent", int(alive * share))
    made.add(window, "presence.absent_us", "agent", "agent", 1_000_000)
    made.add(window, "presence.false_online_us", "agent", "agent", 20_000)
    made.add(window, "presence.beats", "agent", "agent", 2)
    made.add(window, "presence.answered", "agent", "agent", 2)
    made.hist(window, "beat_reply", "", "agent").record_many(np.array([2_000, 3_100], dtype=np.int64))
    made.hist(window, "ping_gap", "", "agent").record_many(np.array([3_000_000, 3_001_000], dtype=np.int64))


def _emissions(made: Batch, window: int, story: Story, rng: np.random.Generator, *, slow: float) -> None:
    rates = {"message.created": story.emissions, "conversation.typing_on": story.emissions // 2}
    for event, rate in rates.items():
        if not rate:
            continue
        made.add(window, "delivery.emitted", event, "", rate)
        for role, audience in (("agent", story.audience), ("contact", 1)):
            expected = rate * audience
            lost = int(rng.binomial(expected, story.lost_share)) if role == "agent" else 0
            due = (rng.lognormal(7.6, 0.7, expected - lost) * slow).astype(np.int64) + 500
            waited = rng.lognormal(6.2, 0.5, expected - lost).astype(np.int64)
            made.hist(window, "fanout", event, role).record_many(due + waited)
            made.hist(window, "fanout_sent", event, role).record_many(due)
            slowest = (rng.lognormal(8.6, 0.5, rate) * slow).astype(np.int64)
            made.hist(window, "fanout_last", event, role).record_many(slowest)
            balance = {"expected": expected, "delivered": expected - lost, "lost": lost}
            for kind, value in balance.items():
                made.add(window, f"delivery.{kind}", event, role, value)
            made.add(window, "delivery.received", event, role, expected - lost)
            made.add(window, "contract.checked", event, role, expected - lost)
        call = "create_message" if event == "message.created" else "toggle_typing"
        made.hist(window, "rest", call).record_many(rng.lognormal(8.4, 0.4, rate).astype(np.int64))
        made.hist(window, "rest_wait", call).record_many(rng.lognormal(4.0, 0.4, rate).astype(np.int64))
        made.add(window, "rest.n", call, "", rate)
    if story.leaked and window == START + story.ramp:
        made.add(window, "delivery.leaked", "message.created", "contact", story.leaked)


def frames(story: Story) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The histogram, count, gauge and note frames of the run, with the store's columns and no store."""
    made = batch(story)
    edges = (START + story.ramp, START + story.ramp + story.hold)

    def place(window: int) -> tuple[int, float, str]:
        return window, float(window - START), "ramp" if window < edges[0] else "hold" if window < edges[1] else "drain"

    hists = [(*place(key[0]), *key[1:], hist) for key, hist in sorted(made.hists.items(), key=lambda item: item[0])]
    counts = [(*place(key[0]), *key[1:], value) for key, value in sorted(made.counts.items())]
    gauges = [(g.at_us / 1e6 - START, g.name, g.worker, g.value) for g in made.gauges]
    notes = [(n.at_us / 1e6 - START, n.kind, n.text, n.data) for n in made.notes]
    keys = ["window", "start_s", "phase", "metric", "name", "role"]
    return (
        pd.DataFrame(hists, columns=[*keys, "hist"]),
        pd.DataFrame(counts, columns=[*keys, "value"]),
        pd.DataFrame(gauges, columns=["at_s", "name", "worker", "value"]),
        pd.DataFrame(notes, columns=["at_s", "kind", "text", "data"]),
    )


def data(story: Story, **values: Any) -> RunData:
    """The run as the analysis takes it; ``values`` go into its meta. It has no closing records."""
    hists, counts, gauges, notes = frames(story)
    closings = pd.DataFrame(columns=[*Closing.__dataclass_fields__, "due_s"])
    return RunData(meta(story, **values), hists, counts, gauges, closings, notes)


def summary(story: Story, **values: Any) -> dict[str, Any]:
    """The content of summary.json of the run; ``values`` go into its meta."""
    content: dict[str, Any] = json.loads(_summary_text(story, tuple(values.items())))
    return content


@cache
def _summary_text(story: Story, values: tuple[tuple[str, Any], ...]) -> str:
    return json.dumps(summarise(data(story, **dict(values)), None).as_dict())


def write_run(folder: Path, story: Story, **values: Any) -> Path:
    """Write the run into a store at ``folder`` and return the folder."""
    writer = RunWriter.create(folder, meta(story, **values))
    writer.write(batch(story))
    writer.close()
    return folder
