"""Latencies too small for the clocks that took them: they print as "at most" the bound, never as a number.

Emitter and receiver of a delivery may sit in two workers, whose clocks agree only within a bound
(:mod:`loadtest.distributed.clocks`); below it nothing is known of a latency but that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.report.wording import milliseconds, number


@dataclass(frozen=True, slots=True)
class AtMost:
    """A latency too small for the clocks that took it.

    Attributes:
        bound_ms: what can be said of it: it is no more than this.
    """

    bound_ms: float


def within_clocks(row: Mapping[str, Any], bound_ms: float) -> dict[str, Any]:
    """A row of latencies, those that the clocks of several workers cannot tell from nothing as :class:`AtMost`."""
    return {
        key: AtMost(bound_ms) if key.endswith("_ms") and (ms := number(value)) is not None and ms < bound_ms else value
        for key, value in row.items()
    }


def latency(value: Any, n: Any = None) -> str:
    """A latency in words: ``4.20 ms``, or ``≤ 0.300 ms`` where clocks allow no more than that."""
    return f"≤ {milliseconds(value.bound_ms)}" if isinstance(value, AtMost) else milliseconds(value, n)
