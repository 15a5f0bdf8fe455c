"""A locustfile whose process takes long over each delivery, so that a small load is more than it can read.

Frames that wait are read several at a time, which makes each cheaper: a core that reads 100,000 a second one by one
reads 180,000 in twos, which is all that one server can send it here. Work that comes with every frame, as that of a
locustfile that decodes each in Python, is not made cheaper so; ``LOADTEST_BENCH_WORK_US`` says how much of it.
"""

from __future__ import annotations

import os
import time

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.collect import Receiver
from loadtest.users import AgentUser, ContactUser

_WORK_NS = round(float(os.environ.get("LOADTEST_BENCH_WORK_US", "0")) * 1000)
_on_text = Receiver.on_text


def _worked_on(self: Receiver, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
    _on_text(self, data, start, end, arrival_ns, lag_ns)
    until_ns = time.perf_counter_ns() + _WORK_NS
    while time.perf_counter_ns() < until_ns:
        pass


Receiver.on_text = _worked_on  # type: ignore[method-assign]


class Agent(AgentUser):
    """An agent."""


class Contact(ContactUser):
    """A contact."""
