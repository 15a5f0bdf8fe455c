"""Runs made up for the tests of a soak: gauges, latencies, breaches and notes over hours, on a clock of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loadtest.analysis.model import RunData
from loadtest.metrics import Batch, Closing, Gauge, Histogram, Note

START = 1_795_392_000
"""Unix time of a run's start: 2026-11-23 00:00:00 UTC."""

WINDOW_S = 60
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Story:
    """What happens in a made-up soak.

    Attributes:
        hours: length of the hold; the ramp before takes half an hour.
        leak: bytes an hour that the target's memory gains.
        each: bytes that a connection adds to it.
        connections: how many there are.
        day_h: period of a load with a day's shape; 0 for a constant one.
        slower_ms: milliseconds an hour that the latency gains.
        per_window: deliveries a window.
        marked: share of the hold's windows in which the generator was late.
        drain: whether all go at the end, and are watched half an hour longer.
        reopened: whether they come back after that.
        kept: bytes that stay once all have gone, beside what leaked.
        ended: whether the run recorded its end.
        watched: whether the target was watched.
        source: the watched source's name.
        seed: of the noise.
    """

    hours: float = 8.0
    leak: float = 0.0
    each: float = 40_000.0
    connections: int = 500
    day_h: float = 0.0
    slower_ms: float = 0.0
    per_window: int = 400
    marked: float = 0.0
    drain: bool = False
    reopened: bool = False
    kept: float = 0.0
    ended: bool = True
    watched: bool = True
    source: str = ""
    seed: int = 5


def batch(story: Story) -> Batch:
    """Everything that was measured, as one batch."""
    rng = np.random.default_rng(story.seed)
    made = Batch()
    ramp_s, hold_s = 0.5 * HOUR, story.hours * HOUR
    end_s = ramp_s + hold_s
    last_s = end_s + (0.5 * HOUR if story.drain else 0.0) + (1.0 * HOUR if story.reopened else 0.0)
    moments = {"ramp": 0.0, "hold": ramp_s, **({"drain": last_s - 60 if story.drain else end_s} if story.ended else {})}
    moments |= {"end": last_s} if story.ended else {}
    if story.drain and story.ended and not story.reopened:
        moments["drain"], moments["end"] = end_s, end_s + 60
    for phase, at_s in moments.items():
        made.notes.append(Note(_us(at_s), "phase", f"{phase} began", {"phase": phase}))
    noise = 0.0
    for at_s in np.arange(0.0, last_s, WINDOW_S).tolist():
        connected = _connected(story, at_s, ramp_s, end_s)
        noise = 0.8 * noise + float(rng.standard_normal()) * 0.3e6
        grown = story.leak * max(min(at_s, end_s) - ramp_s, 0.0) / HOUR
        memory = 80e6 + story.each * connected + grown + noise + (story.kept if at_s > end_s else 0.0)
        if at_s <= end_s or story.reopened:
            made.gauges.append(Gauge(_us(at_s + 30), "users.connected.agent", "w0", float(connected)))
        made.gauges.append(Gauge(_us(at_s + 30), "generator.rss_bytes", "w0", 2e8 + 1e5 * float(rng.standard_normal())))
        if story.watched:
            made.gauges.append(Gauge(_us(at_s + 30), "target.rss_bytes", story.source, memory))
        if ramp_s <= at_s < end_s:
            scale = 20_000.0 + 1000 * story.slower_ms * (at_s - ramp_s) / HOUR
            hist = Histogram()
            hist.record_many((scale * rng.lognormal(0.0, 0.2, story.per_window)).astype(np.int64))
            window = int((START + at_s) // WINDOW_S)
            made.hists[window, "fanout", "message.created", "agent"] = hist
    held = int(hold_s // WINDOW_S)
    for number in range(round(story.marked * held)):
        window = int((START + ramp_s) // WINDOW_S) + number * (held // max(round(story.marked * held), 1))
        data = {"window": window, "cause": "lateness", "value": 180.0, "limit": 50.0, "remedy": "use more workers"}
        made.notes.append(Note(window * WINDOW_S * 1_000_000, "breach", "lateness p99 was 180 ms", data))
    return made


def _connected(story: Story, at_s: float, ramp_s: float, end_s: float) -> float:
    if at_s < ramp_s:
        return story.connections * max((at_s - 300) / (ramp_s - 300), 0.0)
    if at_s >= end_s:
        return story.connections if story.reopened and at_s >= end_s + 0.5 * HOUR else 0.0
    if story.day_h:
        return story.connections * (0.6 + 0.4 * np.sin((at_s - ramp_s) / (story.day_h * HOUR) * 2 * np.pi))
    return story.connections


def _us(at_s: float) -> int:
    return round((START + at_s) * 1_000_000)


def meta(story: Story) -> dict[str, object]:
    """The meta values of the run."""
    return {
        "run_id": "made-up-soak",
        "started_at": "2026-11-23T00:00:00+00:00",
        "window_s": float(WINDOW_S),
        "target": {"url": "https://chat.example.org", "embedded": False},
        "population": {"agents": story.connections, "contacts": 0, "accounts": 1, "members": 10},
        "workers": 1,
    }


def data(story: Story) -> RunData:
    """The run as the analysis takes it."""
    made = batch(story)
    held = {int((START + at) // WINDOW_S) for at in np.arange(0.5 * HOUR, (0.5 + story.hours) * HOUR, WINDOW_S)}
    hists = [
        (window, window * WINDOW_S - START, "hold" if window in held else "ramp", metric, name, role, hist)
        for (window, metric, name, role), hist in sorted(made.hists.items(), key=lambda item: item[0])
    ]
    keys = ["window", "start_s", "phase", "metric", "name", "role"]
    return RunData(
        meta(story),
        pd.DataFrame(hists, columns=[*keys, "hist"]),
        pd.DataFrame(
            {
                **{
                    k: pd.Series(dtype="int64" if k == "window" else "float64" if k == "start_s" else "object")
                    for k in keys
                },
                "value": pd.Series(dtype="float64"),
            }
        ),
        pd.DataFrame(
            [(g.at_us / 1e6 - START, g.name, g.worker, g.value) for g in made.gauges],
            columns=["at_s", "name", "worker", "value"],
        ),
        pd.DataFrame(columns=[*Closing.__dataclass_fields__, "due_s"]),
        pd.DataFrame(
            [(n.at_us / 1e6 - START, n.kind, n.text, n.data) for n in made.notes],
            columns=["at_s", "kind", "text", "data"],
        ),
    )
