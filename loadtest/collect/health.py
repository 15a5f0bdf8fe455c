"""The generator's own health, so that a slow generator is never reported as a slow server.

Each closed window is held against the limits below; a breach marks the window as untrusted, with cause and remedy.
The limits: an action 50 ms late adds 50 ms that no server caused, and where that befell 5 % of a window's actions (and
three of them at least, so that one hiccup is none) its tail is the generator's; a loop that was held up for 200 ms
stamped a fifth of a one-second window's arrivals late; above 90 % of a core, queueing in the generator dominates
(Locust warns at that share, too).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence

import psutil

from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.metrics import Batch, Gauge, Note

LATENESS_LIMIT_MS = 50.0
LATE_SHARE_LIMIT = 0.05
LATE_AT_LEAST = 3
LOOP_LAG_MAX_LIMIT_MS = 200.0
CPU_SHARE_LIMIT = 0.9

_REMEDY = {
    "lateness": "Actions left later than planned: lower --emit-rate, or add workers (--processes)",
    "loop_lag": "The event loop was held up: fewer users per process, add workers (--processes), or free the machine",
    "cpu": "The generator's core was full: add workers (--processes) or machines",
    "dropped": "Actions were given up because too many were in flight: lower --emit-rate or look at the target's REST",
}


class Health:
    """Loop lag, CPU, memory and garbage collection of one process.

    Args:
        clock: what measures.
        window_ns: length of a window.
        worker: name of this process.
    """

    def __init__(self, clock: Clock, *, window_ns: int, worker: str = "") -> None:
        self._clock = clock
        self._window_ns = window_ns
        self._worker = worker
        self._lags: list[tuple[int, int]] = []
        self._process = psutil.Process()
        self._cpu_s = time.process_time()
        self._cpu_at_ns = clock.now_ns()
        self._gc_began_ns = 0
        self._gc_ns = 0
        self._gc_max_ns = 0

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
            took = time.monotonic_ns() - self._gc_began_ns
            self._gc_ns += took
            self._gc_max_ns = max(self._gc_max_ns, took)

    def sample(self, now_ns: int, batch: Batch) -> None:
        """Write what was gathered since the last sample (about once a second)."""
        for at_ns, lag_ns in self._lags:
            batch.hist(self._clock.wall_ns(at_ns) // self._window_ns, "loop_lag").record(lag_ns // NS_PER_US)
        self._lags.clear()
        window = self._clock.wall_ns(now_ns) // self._window_ns
        cpu_s = time.process_time()
        used_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        passed_ns, self._cpu_at_ns = now_ns - self._cpu_at_ns, now_ns
        at_us = self._clock.wall_ns(now_ns) // NS_PER_US
        if passed_ns > 0:
            batch.add(window, "generator.cpu_us", value=round(used_s * 1e6))
            batch.add(window, "generator.wall_us", value=passed_ns // NS_PER_US)
            share = used_s * NS_PER_S / passed_ns
            batch.gauges.append(Gauge(at_us, "generator.cpu_share", self._worker, share))
            if share > CPU_SHARE_LIMIT and passed_ns >= self._window_ns // 2:
                batch.notes.append(self._breach(window, "cpu", share, CPU_SHARE_LIMIT))
        batch.gauges.append(Gauge(at_us, "generator.rss_bytes", self._worker, float(self._process.memory_info().rss)))
        if self._gc_ns:
            batch.add(window, "generator.gc_us", value=self._gc_ns // NS_PER_US)
            batch.gauges.append(Gauge(at_us, "generator.gc_max_ms", self._worker, self._gc_max_ns / 1e6))
            self._gc_ns = self._gc_max_ns = 0

    def judge_lateness(self, window: int, batch: Batch, lateness_ms: Sequence[float]) -> None:
        """Hold a window that is over against the limit of lateness.

        Args:
            window: its number.
            batch: where a breach is noted.
            lateness_ms: of the actions due in it.
        """
        late = sorted((value for value in lateness_ms if value > LATENESS_LIMIT_MS), reverse=True)
        if len(late) >= LATE_AT_LEAST and len(late) > LATE_SHARE_LIMIT * len(lateness_ms):
            batch.notes.append(self._breach(window, "lateness", late[0], LATENESS_LIMIT_MS))

    def judge_lag(self, window: int, batch: Batch, lag_max_ms: float) -> None:
        """Hold a window's largest loop lag against its limit."""
        if lag_max_ms > LOOP_LAG_MAX_LIMIT_MS:
            batch.notes.append(self._breach(window, "loop_lag", lag_max_ms, LOOP_LAG_MAX_LIMIT_MS))

    def _breach(self, window: int, cause: str, value: float, limit: float) -> Note:
        return Note(
            window * self._window_ns // NS_PER_US,
            "breach",
            f"{cause} {value:.3g} above {limit:g}",
            {
                "window": window,
                "cause": cause,
                "value": value,
                "limit": limit,
                "remedy": _REMEDY[cause],
                "worker": self._worker,
            },
        )
