"""The generator's own health, so that a slow generator is never reported as a slow server.

Each closed window is held against the limits below; a breach marks the window as untrusted, with cause and remedy.
The limits: an action 50 ms late adds 50 ms that no server caused, and where that befell 5 % of a window's actions (and
three of them at least, so that one hiccup is none) its tail is the generator's; a loop that was held up for 200 ms
stamped a fifth of a one-second window's arrivals late; above 90 % of a core, queueing in the generator dominates
(Locust warns at that share, too); a garbage collection of 100 ms holds the loop alone; where 5 % of a window's actions
(and three at least) were given up because the generator had fallen behind, its load was not the plan's; a sample in a
thousand outside the histograms' range would move a p99.9; a wall clock that was stepped by 10 ms misplaces windows and
other workers' emissions by as much.

A process that was late although its core was not full was kept from running by something else. What can be read of the
machine names it: ``steal`` when the hypervisor gave other guests at least half of the time that is missing (the steal
column of /proc/stat, see proc(5)), ``machine`` when other processes kept all cores busy while it used less than half a
core itself. ``gc`` names its own garbage collections, where they took at least half of the missing time.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from loadtest.clock import NS_PER_MS, NS_PER_S, NS_PER_US, Clock
from loadtest.metrics import Batch, Gauge, Note

LATENESS_LIMIT_MS = 50.0
LATE_SHARE_LIMIT = 0.05
LATE_AT_LEAST = 3
LOOP_LAG_MAX_LIMIT_MS = 200.0
CPU_SHARE_LIMIT = 0.9
MACHINE_SHARE_LIMIT = 0.95
OWN_SHARE = 0.5  # of a core: a process that used so much itself was not kept from running
GC_PAUSE_LIMIT_MS = 100.0
DROPPED_SHARE_LIMIT = 0.05
OUT_OF_RANGE_SHARE_LIMIT = 0.001
CLOCK_STEP_LIMIT_MS = 10.0
_SAMPLES_KEPT = 30
_PAUSES_KEPT = 10_000

_REMEDY = {
    "lateness": "Actions left later than planned: lower --emit-rate, or add workers (--processes)",
    "loop_lag": "The event loop was held up: fewer users per process, add workers (--processes), or free the machine",
    "cpu": "The generator's core was full: add workers (--processes) or machines",
    "steal": (
        "The hypervisor gave this machine's processors to others: run on a machine with dedicated cores, "
        "or at a quieter time"
    ),
    "machine": (
        "Other processes kept all cores of this machine busy: end them, or give the generator a machine of its own "
        "(on the embedded server, the server is one of them: lower the load)"
    ),
    "read_lag": (
        "What the kernel had received was read late: fewer users per process, or add workers (--processes); "
        "--kernel-stamps 1 measures every delivery at its arrival"
    ),
    "backlog": (
        "More came than this process could read: what it left waited in the kernel and then, the receive buffers being "
        "full, at the server, so that even latencies up to the arrival are this tool's: add workers (--processes)"
    ),
    "gc": "Garbage collections held the event loop: fewer users per process, or add workers (--processes)",
    "dropped": "Actions were given up because this process had fallen behind: lower --emit-rate, or add workers",
    "overflow": "Samples were in no percentile: look for a clock that was stepped, or for a flood of copies",
    "clock": "The wall clock was stepped during the run: let NTP settle (or slew) before a run",
}


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the whole machine did between two samples."""

    from_ns: int
    to_ns: int
    stolen_ms: float  # of one core
    busy_share: float  # of all cores
    own_share: float  # of one core, by this process


class Health:
    """Loop lag, CPU, memory and garbage collection of one process.

    Args:
        clock: what measures.
        window_ns: length of a window.
        worker: name of this process.
        cpu_times: reads the machine's CPU times, in seconds, as ``psutil.cpu_times`` does.
    """

    def __init__(
        self, clock: Clock, *, window_ns: int, worker: str = "", cpu_times: Callable[[], Any] = psutil.cpu_times
    ) -> None:
        self._clock = clock
        self._window_ns = window_ns
        self._worker = worker
        self._lags: list[tuple[int, int]] = []
        self._process = psutil.Process()
        self._cpu_s = time.process_time()
        self._cpu_at_ns = clock.now_ns()
        self._cpu: dict[int, tuple[float, int]] = {}  # not judged yet, by window: CPU in s, over ns
        self._machine: deque[_Machine] = deque(maxlen=_SAMPLES_KEPT)
        self._cpu_times = cpu_times
        self._times = cpu_times()
        self._looked_ns = self._cpu_at_ns
        self._own_s = self._cpu_s
        self._gc_began_ns = 0
        self._gc_ns = 0
        self._gc_max_ns = 0
        self._pauses: deque[tuple[int, int]] = deque(maxlen=_PAUSES_KEPT)  # collections: ended at, how long
        self._unjudged_pauses: list[tuple[int, int]] = []
        self._dropped: Counter[int] = Counter()
        self._steps: list[tuple[int, int]] = []

    def lag(self, at_ns: int, lag_ns: int) -> None:
        """A sleeper woke ``lag_ns`` later than it asked to."""
        self._lags.append((at_ns, lag_ns))

    def pending_lags(self) -> list[tuple[int, int]]:
        """The lags since the last sample: (when, how long), both in nanoseconds."""
        return self._lags

    def watch_gc(self) -> None:
        """Time every garbage collection from now on."""
        gc.callbacks.append(self._on_gc)

    def unwatch_gc(self) -> None:
        """Stop timing garbage collections."""
        if self._on_gc in gc.callbacks:
            gc.callbacks.remove(self._on_gc)

    def _on_gc(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._gc_began_ns = time.monotonic_ns()
        elif self._gc_began_ns:
            ended_ns = time.monotonic_ns()
            took = ended_ns - self._gc_began_ns
            self._gc_ns += took
            self._gc_max_ns = max(self._gc_max_ns, took)
            self._pauses.append((ended_ns, took))
            if took > GC_PAUSE_LIMIT_MS * NS_PER_MS:
                self._unjudged_pauses.append((ended_ns, took))

    def dropped(self, window: int) -> None:
        """An action due in a window was given up because this process had fallen behind."""
        self._dropped[window] += 1

    def clock_stepped(self, at_ns: int, step_ns: int) -> None:
        """The wall clock was found to have moved against the monotonic one since it was last read."""
        if abs(step_ns) > CLOCK_STEP_LIMIT_MS * NS_PER_MS:
            self._steps.append((at_ns, abs(step_ns)))

    def sample(self, now_ns: int, batch: Batch, *, final: bool = False) -> None:
        """Write what was gathered since the last sample (about once a second).

        Args:
            now_ns: the moment.
            batch: what it is written to.
            final: no sample follows: the window that is still open is judged, too.
        """
        for at_ns, lag_ns in self._lags:
            batch.hist(self._clock.wall_ns(at_ns) // self._window_ns, "loop_lag").record(lag_ns // NS_PER_US)
        self._lags.clear()
        cpu_s = time.process_time()
        used_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        passed_ns, self._cpu_at_ns = now_ns - self._cpu_at_ns, now_ns
        window = self._clock.wall_ns(now_ns - passed_ns // 2) // self._window_ns  # where most of the time between lies
        at_us = self._clock.wall_ns(now_ns) // NS_PER_US
        if passed_ns > 0:
            batch.add(window, "generator.cpu_us", value=round(used_s * 1e6))
            batch.add(window, "generator.wall_us", value=passed_ns // NS_PER_US)
            batch.gauges.append(Gauge(at_us, "generator.cpu_share", self._worker, used_s * NS_PER_S / passed_ns))
            before_s, before_ns = self._cpu.get(window, (0.0, 0))
            self._cpu[window] = (before_s + used_s, before_ns + passed_ns)
        self._judge_cpu(self._clock.wall_ns(now_ns) // self._window_ns + final, batch)
        batch.gauges.append(Gauge(at_us, "generator.rss_bytes", self._worker, float(self._process.memory_info().rss)))
        if self._gc_ns:
            batch.add(window, "generator.gc_us", value=self._gc_ns // NS_PER_US)
            batch.gauges.append(Gauge(at_us, "generator.gc_max_ms", self._worker, self._gc_max_ns / 1e6))
            self._gc_ns = self._gc_max_ns = 0
        for pauses, cause, limit_ms, measure in (
            (self._unjudged_pauses, "gc", GC_PAUSE_LIMIT_MS, "gc_pause"),
            (self._steps, "clock", CLOCK_STEP_LIMIT_MS, "clock_step"),
        ):
            for at_ns, took_ns in pauses:
                at = self._clock.wall_ns(at_ns) // self._window_ns
                batch.notes.append(self._breach(at, cause, took_ns / NS_PER_MS, limit_ms, measure))
            pauses.clear()
        self._judge_range(batch)

    def _judge_cpu(self, until: int, batch: Batch) -> None:
        """Hold the windows before ``until`` against the limit; of which less than half was sampled tells nothing."""
        for window in [window for window in self._cpu if window < until]:
            used_s, over_ns = self._cpu.pop(window)
            share = used_s * NS_PER_S / over_ns
            if share > CPU_SHARE_LIMIT and over_ns >= self._window_ns // 2:
                batch.notes.append(self._breach(window, "cpu", share, CPU_SHARE_LIMIT))

    def _judge_range(self, batch: Batch) -> None:
        """Mark windows of which too many samples of this batch are in no percentile."""
        inside: Counter[int] = Counter()
        outside: Counter[int] = Counter()
        for (window, _, _, _), hist in batch.hists.items():
            inside[window] += hist.n
            outside[window] += hist.overflow + hist.underflow
        for (window, metric, _, _), value in batch.counts.items():
            outside[window] += int(value) if metric == "generator.overflow" else 0
        for window, n in outside.items():
            share = n / (n + inside[window]) if n else 0.0
            if n >= LATE_AT_LEAST and share > OUT_OF_RANGE_SHARE_LIMIT:
                batch.notes.append(self._breach(window, "overflow", share, OUT_OF_RANGE_SHARE_LIMIT, "overflow"))

    def look_at_machine(self, now_ns: int, batch: Batch) -> None:
        """Read what the machine as a whole did since the last look, before windows are judged.

        Linux says how much was stolen; elsewhere it counts as nothing.
        """
        times, before = self._cpu_times(), self._times
        from_ns, self._looked_ns = self._looked_ns, now_ns
        self._times = times
        # guest time is in user time already
        passed = {k: max(0.0, getattr(times, k) - getattr(before, k)) for k in times._fields if "guest" not in k}
        total_s = sum(passed.values())
        if total_s <= 0:
            return
        idle_s = passed.get("idle", 0.0) + passed.get("iowait", 0.0)
        stolen_s = passed.get("steal", 0.0)
        busy_share = 1.0 - idle_s / total_s
        own_s, self._own_s = time.process_time() - self._own_s, time.process_time()
        own_share = own_s * NS_PER_S / max(now_ns - from_ns, 1)
        self._machine.append(_Machine(from_ns, now_ns, stolen_s * 1e3, busy_share, own_share))
        at_us = self._clock.wall_ns(now_ns) // NS_PER_US
        gauges = (("generator.steal_share", stolen_s / total_s), ("generator.machine_cpu_share", busy_share))
        batch.gauges.extend(Gauge(at_us, name, self._worker, value) for name, value in gauges)

    def _cause(self, window: int, kind: str, late_ms: float) -> str:
        """What kept the process from running in a window: ``steal``, ``machine``, or the process itself."""
        from_ns = self._clock.mono_ns(window * self._window_ns)
        seen = [m for m in self._machine if m.to_ns > from_ns and m.from_ns < from_ns + self._window_ns]
        if sum(m.stolen_ms for m in seen) >= late_ms / 2:
            return "steal"
        until_ns = from_ns + self._window_ns
        collected_ns = sum(took for ended_ns, took in self._pauses if from_ns < ended_ns <= until_ns + took)
        if collected_ns >= late_ms * NS_PER_MS / 2:
            return "gc"
        if any(m.busy_share > MACHINE_SHARE_LIMIT and m.own_share < OWN_SHARE for m in seen):
            return "machine"
        return kind

    def judge_lateness(self, window: int, batch: Batch, lateness_ms: Sequence[float]) -> None:
        """Hold a window that is over against the limit of lateness.

        Args:
            window: its number.
            batch: where a breach is noted.
            lateness_ms: of the actions due in it.
        """
        late = sorted((value for value in lateness_ms if value > LATENESS_LIMIT_MS), reverse=True)
        if len(late) >= LATE_AT_LEAST and len(late) > LATE_SHARE_LIMIT * len(lateness_ms):
            cause = self._cause(window, "lateness", late[0])
            batch.notes.append(self._breach(window, cause, late[0], LATENESS_LIMIT_MS, "lateness"))

    def judge_dropped(self, window: int, batch: Batch, taken_up: int) -> None:
        """Hold what was given up of a window's actions against the limit.

        Args:
            window: its number.
            batch: where a breach is noted.
            taken_up: actions due in it that were not given up.
        """
        dropped = self._dropped.pop(window, 0)
        share = dropped / (dropped + taken_up) if dropped else 0.0
        if dropped >= LATE_AT_LEAST and share > DROPPED_SHARE_LIMIT:
            batch.notes.append(self._breach(window, "dropped", share, DROPPED_SHARE_LIMIT, "dropped"))

    def dropped_windows(self) -> set[int]:
        """Windows of which something was given up, and that are not judged yet."""
        return set(self._dropped)

    def judge_lag(self, window: int, batch: Batch, lag_max_ms: float) -> None:
        """Hold a window's largest loop lag against its limit."""
        if lag_max_ms > LOOP_LAG_MAX_LIMIT_MS:
            cause = self._cause(window, "loop_lag", lag_max_ms)
            batch.notes.append(self._breach(window, cause, lag_max_ms, LOOP_LAG_MAX_LIMIT_MS, "loop_lag"))

    def judge_read_lag(self, window: int, batch: Batch, p99_ms: float, limit_ms: float, *, backlog: bool) -> None:
        """Mark a window whose messages were read too late for its latencies (:mod:`loadtest.collect.read_lag`)."""
        cause = self._cause(window, "backlog" if backlog else "read_lag", p99_ms)
        batch.notes.append(self._breach(window, cause, p99_ms, limit_ms, "read_lag"))

    def _breach(self, window: int, cause: str, value: float, limit: float, measure: str = "cpu") -> Note:
        """Mark a window: ``measure`` is what crossed its limit, ``cause`` why."""
        return Note(
            window * self._window_ns // NS_PER_US,
            "breach",
            f"{measure} {value:.3g} above {limit:g}" + (f" ({cause})" if cause != measure else ""),
            {
                "window": window,
                "cause": cause,
                "measure": measure,
                "value": value,
                "limit": limit,
                "remedy": _REMEDY[cause],
                "worker": self._worker,
            },
        )
