"""Probes of the clocks over Locust's own channel: a worker asks, the master answers.

What is made of them is in :mod:`loadtest.distributed.clocks`. A worker asks one at a time: many at first, since the
tightest of them counts, then a few now and again. What the queue of the channel or a busy event loop adds to a probe
makes it useless, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import gevent
from gevent.event import AsyncResult

from loadtest.clock import NS_PER_S, SystemClock
from loadtest.distributed.clocks import OffsetEstimator, Probe, RunClock, kernel_identity

FIRST_PROBES = 64
PROBES = 8
EVERY_S = 10.0

_ANSWER_S = 1.0
_BETWEEN_S = 0.002
#: the pause as long as the drift is not known
_SOON_S = 1.0


class Prober:
    """Measures a worker's clock against the master's.

    Args:
        send: sends a probe to the master.

    Attributes:
        clock: this process's clock with the run's wall time.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._estimator = OffsetEstimator()
        self.clock = RunClock(self._estimator)
        self._numbers = count()
        self._asked: dict[int, AsyncResult] = {}
        self._kernel = kernel_identity()
        self._rounds = 0
        self._loop: gevent.Greenlet | None = None

    def start(self) -> None:
        """Probe from now on."""
        self._loop = gevent.spawn(self._run)

    def stop(self) -> None:
        """Probe no more."""
        if self._loop is not None:
            self._loop.kill()
            self._loop = None

    def answered(self, data: dict[str, Any]) -> None:
        """The master's answer came; to be called the moment it does."""
        back_ns = self.clock.now_ns()
        waiting = self._asked.pop(data["number"], None)
        if waiting is not None:
            waiting.set((back_ns, data))

    def _run(self) -> None:
        self._round(FIRST_PROBES)
        while True:
            gevent.sleep(EVERY_S if self._estimator.is_steady else _SOON_S)
            self._round(PROBES)

    def _round(self, size: int) -> None:
        probes = []
        for _ in range(size):
            probe = self._ask()
            if probe is not None:
                probes.append(probe)
            gevent.sleep(_BETWEEN_S)
        if not probes:
            return
        self._estimator.add(probes)
        self._rounds += 1
        self.clock.follow()
        self._send({"number": -1, "rounds": self._rounds})

    def _ask(self) -> Probe | None:
        number = next(self._numbers)
        waiting = self._asked[number] = AsyncResult()
        sent_ns = self.clock.now_ns()
        self._send({"number": number})
        try:
            back_ns, answer = waiting.get(timeout=_ANSWER_S)
        except gevent.Timeout:
            self._asked.pop(number, None)
            return None
        self.clock.tell_master(answer["anchor_ns"])
        if not self._rounds:
            self._estimator.one_kernel = bool(self._kernel) and answer["kernel"] == self._kernel
        return Probe(sent_ns, answer["taken_ns"], answer["answered_ns"], back_ns)


class Answerer:
    """The master's side: answers probes, and knows which workers have their first round."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._anchored_ns = self._clock.now_ns()
        self._kernel = kernel_identity()
        self.measured: set[str] = set()

    def answer(self, worker: str, data: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a probe; None to a worker that only tells of a round it has made.

        To be called the moment the probe is there, and the answer to be sent at once.
        """
        taken_ns = self._clock.now_ns()
        if data["number"] < 0:
            self.measured.add(worker)
            return None
        if taken_ns - self._anchored_ns > NS_PER_S:
            self._clock.anchor()
            self._anchored_ns = taken_ns
        return {
            "number": data["number"],
            "taken_ns": taken_ns,
            "anchor_ns": self._clock.wall_ns(0),
            "kernel": self._kernel,
            "answered_ns": self._clock.now_ns(),
        }
