"""A process's own log of presence: who came, beat, was told what, and went; JSON lines.

It is for calibration and a look into a run, not for large ones: one line a beat and one an answer. From it, and from
what the server says it did wrong, presence can be replayed without any of the code that measures it
(:mod:`loadtest.analysis.presence_replay`).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.line_log import LineLog, read_lines


class Line(msgspec.Struct, omit_defaults=True):
    """One line.

    Attributes:
        t: Unix microseconds at which it happened; for a beat, when it was sent.
        kind: ``arrive``, ``leave``, ``beat``, ``answered``, ``told``, ``choose``, ``hold`` or ``drain``.
        who: whose, as ``agent:7``; empty for the phases.
        account: its account.
        asked: of what was told or answered: when the beat that asked was sent; 0 where nobody asked.
        shown: of what was told: those shown as online or busy.
        what: how somebody left, or which status it chose.
        period: of an arrival: microseconds between two beats that are promised.
    """

    t: int
    kind: str
    who: str = ""
    account: int = 0
    asked: int = 0
    shown: list[str] = []
    what: str = ""
    period: int = 0


_encode = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(Line).decode


class PresenceLog:
    """Writes the log.

    Args:
        path: the file.
        clock: turns monotonic times into Unix times.

    Raises:
        UsageError: the file cannot be made.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._out = LineLog(path)

    def write(
        self,
        kind: str,
        at_ns: int,
        who: str = "",
        account: int = 0,
        *,
        asked_ns: int | None = None,
        shown: list[str] | None = None,
        what: str = "",
        period_ns: int = 0,
    ) -> None:
        """Add a line; times are monotonic nanoseconds."""
        asked = 0 if asked_ns is None else self._us(asked_ns)
        line = Line(self._us(at_ns), kind, who, account, asked, shown or [], what, period_ns // NS_PER_US)
        self._out.write(_encode([line]))

    def close(self) -> None:
        """Write what waits, and no more."""
        self._out.close()

    def _us(self, at_ns: int) -> int:
        return self._clock.wall_ns(at_ns) // NS_PER_US


def read_log(path: Path) -> list[Line]:
    """The lines of a log, by time.

    Raises:
        UsageError: there is no such file, or it is no such log.
    """
    return sorted(read_lines(path, _decode, "presence"), key=lambda line: line.t)
