"""A simulated target with a known limit: a pool of workers that each take so long for a delivery, and a queue.

The reference server's fault ``service=EACH*WORKERS`` does the same with real sockets. A step is judged as a real one
is, by three windows of its hold and a limit on p99; latencies also carry noise, as those of a shared machine do.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.capacity_search import Finding, SearchPlan, Trial, decide

HOLD_S = 30.0


@dataclass
class WorkerPool:
    """The target.

    Attributes:
        each_s: time of a delivery.
        workers: how many there are.
        fanout: deliveries a message.
        limit_s: what p99 may be.
        noise: standard deviation of the log of what else is added to a latency.
        seed: of arrivals and noise.
    """

    each_s: float = 0.01
    workers: int = 4
    fanout: int = 10
    limit_s: float = 0.5
    noise: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    @property
    def knee(self) -> float:
        """Messages a second that keep all workers busy: more of them, and the queue grows without end."""
        return self.workers / self.each_s / self.fanout

    def step(self, rate: float) -> Trial:
        """Hold a rate from an empty queue on."""
        due, latency = self.serve(rate)
        fails = 0
        for part in range(3):
            inside = (due >= HOLD_S * part / 3) & (due < HOLD_S * (part + 1) / 3)
            fails += bool(np.quantile(latency[inside], 0.99) > self.limit_s)
        return Trial("up", rate, "fail" if fails >= 2 else "pass", fails in (0, 3))

    def serve(self, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Due times within the hold, after ten seconds to settle, and latencies."""
        settle_s = 10.0
        messages = int((HOLD_S + settle_s) * rate)
        due = (np.arange(messages) + self.random.random(messages)) / rate - settle_s
        free = [-np.inf] * self.workers
        done = np.empty((messages, self.fanout))
        for n, at in enumerate(due):
            for k in range(self.fanout):
                finished = max(at, free[0]) + self.each_s
                heapq.heapreplace(free, finished)
                done[n, k] = finished
        noise = 0.003 * self.random.lognormal(0.0, self.noise, done.shape)
        held = due >= 0
        return np.repeat(due[held], self.fanout), (done - due[:, None] + noise)[held].ravel()


def searched(plan: SearchPlan, pool: WorkerPool, most: int = 60) -> tuple[Finding, list[Trial]]:
    """Search a pool to the end."""
    trials: list[Trial] = []
    while len(trials) < most:
        following = decide(plan, trials)
        if isinstance(following, Finding):
            return following, trials
        found = pool.step(following.level)
        trials.append(Trial(following.kind, following.level, found.outcome, found.unanimous))
    raise AssertionError(f"no end after {most} steps: {trials[-3:]}")
