"""How the bench and a client talk, by lines over stdin and stdout, so that a client is idle while frames are written.

    client -> bench   {"connected": N} or {"error": "..."}, once
    bench -> client   expect FRAMES KIND A_WRITE SEQUENCE AUDIENCE -> ready; then "go" -> drains FRAMES -> done
                      pace KIND FRAMES RATE SECONDS T0 SEQUENCE AUDIENCE -> ready; receives -> {"received": ...}
                      settle                                -> {...} what the client's books say, if it keeps any
                      quit

Between ``ready`` and ``go`` the client waits in a blocking read, event loop and all: what it costs is what draining
costs. ``pace`` ends when all frames are there or SECONDS are over.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_STAMP = b"ns="
_DIGITS = 19


@dataclass(frozen=True)
class Pace:
    """A paced stretch."""

    kind: str
    rate: float
    seconds: float
    frames: int
    t0_us: int
    sequence: int
    audience: int

    def due_us(self, number: Any) -> Any:
        """When the stretch's emission of this number is due, Unix microseconds; of many at once for an array."""
        return self.t0_us + number * (self.audience * 1e6 / self.rate)


@dataclass(frozen=True)
class Burst:
    """A gated burst."""

    frames: int
    kind: str
    a_write: int
    sequence: int
    audience: int


def say(value: Any) -> None:
    """One line to the bench."""
    text = value if isinstance(value, str) else json.dumps(value)
    os.write(1, text.encode() + b"\n")


class Commands:
    """The bench's commands.

    Args:
        read: reads from stdin and blocks the whole process meanwhile.
    """

    def __init__(self, read: Any = os.read) -> None:
        self._read = read
        self._rest = b""

    def line(self) -> list[str]:
        """The next one in words; empty at the end."""
        while b"\n" not in self._rest:
            data = self._read(0, 4096)
            if not data:
                return []
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().split()

    def next(self) -> Burst | Pace | str:
        """The next command: ``settle``, ``quit``, a burst or a paced stretch."""
        match self.line():
            case ["expect", frames, kind, a_write, sequence, audience]:
                return Burst(int(frames), kind, int(a_write), int(sequence), int(audience))
            case ["pace", kind, frames, rate, seconds, t0_us, sequence, audience]:
                whole = map(int, (frames, t0_us, sequence, audience))
                return Pace(kind, float(rate), float(seconds), *whole)
            case ["settle"]:
                return "settle"
        return "quit"


def stamp_of(text: bytes | str) -> int:
    """The server's own stamp in a frame, monotonic ns; 0 where it has none."""
    found = text.find("ns=") if isinstance(text, str) else text.find(_STAMP)
    return int(text[found + 3 : found + 3 + _DIGITS]) if found >= 0 else 0


def told(received: int, latencies_ns: Sequence[int]) -> dict[str, Any]:
    """A paced stretch's outcome."""
    return {"received": received, **percentiles("", latencies_ns)}


def percentiles(prefix: str, values_ns: Sequence[int]) -> dict[str, Any]:
    """Median and 99th percentile in microseconds; None where there is nothing."""
    rising = sorted(values_ns)

    def at(q: float) -> float | None:
        return rising[min(math.floor(q * len(rising)), len(rising) - 1)] / 1000 if rising else None

    return {f"{prefix}p50_us": at(0.5), f"{prefix}p99_us": at(0.99)}
