"""A source of readings beside a run, in two halves: what waits for somebody, and what only computes.

In a run ``fetch`` is called in a greenlet (sockets and processes give way there), ``digest`` in a thread, so that
neither holds up the load. Outside of one both can be called one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from loadtest.errors import TransportError

TIMEOUT_S = 5.0
"""How long a source may take to answer."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a source at one time.

    Attributes:
        values: readings by name, which ends with the unit (``rss_bytes``, ``latency_s``; none for counts).
        events: (kind, text) of what happened since the last look, such as a restart.
    """

    values: dict[str, float]
    events: tuple[tuple[str, str], ...] = ()


class Source(Protocol):
    """Something that can be looked at again and again; it keeps what the next look is compared with."""

    @property
    def name(self) -> str:
        """What its readings are told by."""

    def fetch(self) -> Any:
        """Wait for what is there.

        Raises:
            TransportError: it could not be had.
        """

    def digest(self, raw: Any) -> Look:
        """Make readings of what was fetched.

        Raises:
            TransportError: it is not what it should be.
        """

    def close(self) -> None:
        """Let go of what is held."""


@dataclass(slots=True)
class Rates:
    """Growth a second of totals that only rise."""

    _last: dict[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, name: str, total: float, at_s: float) -> float | None:
        """The rate since the last call for this name; None at the first, and after a total began anew."""
        before = self._last.get(name)
        self._last[name] = (at_s, total)
        if before is None or total < before[1] or at_s <= before[0]:
            return None
        return (total - before[1]) / (at_s - before[0])


def failed(name: str, why: str) -> TransportError:
    """The error of a source that could not be read."""
    return TransportError("watch", name, why)
