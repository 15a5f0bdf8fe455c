"""``loadtest presence-sweep``: the same presence load with one heartbeat after another.

People come, stay and beat; once that has settled a part of them leaves for good, so that every run shows accuracy,
time to notice and cost without one disturbing the other. Nobody writes, unless the options of the runs say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from loadtest.analysis.presence_sweep import UNSETTLED_BEATS, Point, point, settled
from loadtest.drive.locustfile import write_locustfile
from loadtest.drive.runner import run
from loadtest.errors import GeneratorError
from loadtest.report.writing import run_data
from loadtest.store import open_run

HEARTBEATS_S = (10.0, 15.0, 20.0, 30.0, 60.0)
DURATION_S = 120.0
LEAVING = 0.3
OVERHEAD_S = 20.0
"""What a run takes beside its hold: start, ramp, drain and report."""

_PATIENCE = 2.0

Options = Mapping[str, object]


def hold_s(heartbeat_s: float, duration_s: float) -> float:
    """How long a heartbeat is held: two beats until it counts, then as long as asked for, and two beats at least."""
    return UNSETTLED_BEATS * heartbeat_s + max(duration_s, 2.0 * heartbeat_s)


def expected_s(heartbeats_s: Sequence[float], duration_s: float) -> float:
    """About how long a sweep takes."""
    return sum(hold_s(heartbeat, duration_s) + OVERHEAD_S for heartbeat in heartbeats_s)


def run_options(heartbeat_s: float, duration_s: float, given: Options) -> dict[str, object]:
    """The options of one heartbeat's run; what was given wins."""
    held_s = hold_s(heartbeat_s, duration_s)
    leave_s = UNSETTLED_BEATS * heartbeat_s + 1.0
    return {
        "emit-rate": 0,
        "typing": 0,
        "session": 0,
        "mix": "none",
        "spawn-rate": 50,
        "presence-scenario": f"mass-leave={LEAVING:g}@{leave_s:g}/{10 * held_s:g}",
        **given,
        "heartbeat": heartbeat_s,
        "run-time": f"{round(held_s)}s",
    }


def sweep(
    heartbeats_s: Sequence[float],
    duration_s: float,
    folder: Path,
    given: Options,
    *,
    workers: int = 1,
    on_tick: Callable[[float, float], None] | None = None,
    on_point: Callable[[Point], None] | None = None,
) -> list[Point]:
    """Run one heartbeat after another.

    Args:
        heartbeats_s: which.
        duration_s: hold of each.
        folder: where the run folders go, made if it does not exist.
        given: further options of every run.
        workers: processes that simulate users.
        on_tick: called while a run runs, with its heartbeat and the seconds since its start.
        on_point: called with each point as soon as it is there.

    Returns:
        The points, in the order of the heartbeats.

    Raises:
        UsageError: the folder cannot be written.
        GeneratorError: a run left no summary.
    """
    locustfile = write_locustfile(folder)
    points = []
    for heartbeat in heartbeats_s:
        outcome = run(
            locustfile,
            folder / f"heartbeat-{heartbeat:g}s",
            run_options(heartbeat, duration_s, given),
            timeout_s=_PATIENCE * (hold_s(heartbeat, duration_s) + OVERHEAD_S) + 60.0,
            workers=workers,
            on_tick=None if on_tick is None else partial(on_tick, heartbeat),
        )
        if outcome.timed_out:
            raise GeneratorError(f"the run with a heartbeat of {heartbeat:g} s did not end", remedy=outcome.complaint())
        with open_run(outcome.folder) as opened:
            data = run_data(opened)
        found = point(heartbeat, outcome.summary, server_cpu(outcome.folder), settled(data, heartbeat))
        points.append(found)
        if on_point is not None:
            on_point(found)
    return points


def server_cpu(folder: Path) -> float | None:
    """Mean of the server's cores in use over the hold; None where nobody watched it."""
    with open_run(folder) as opened:
        gauges = opened.gauge_frame()
        phases = opened.note_frame()
    moments = {
        data.get("phase"): at_s
        for at_s, kind, data in zip(phases["at_s"], phases["kind"], phases["data"], strict=True)
        if kind == "phase"
    }
    shares = gauges[gauges["name"] == "target.cpu_share"]
    held = shares[shares["at_s"].between(moments.get("hold", 0.0), moments.get("drain", float("inf")))]["value"]
    return None if held.empty else round(float(held.mean()), 4)
