"""Drills: when a share of all sockets is dropped at once, and how; who is slow to read. Pure functions of a seed.

``30%@20s`` cuts three in ten sockets twenty seconds into the hold, without a word; ``100%@60s:clean`` closes all with a
close frame; ``50%@90s:half-open`` leaves half of them to a network that is no more, as a laptop that is carried away
does, so that the server keeps what nobody reads. ``wait`` drops nothing, and measures when the operator redeploys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from loadtest.errors import UsageError
from loadtest.plan.pacer import uniform

Manner = Literal["clean", "abrupt", "half-open", "wait"]

MANNERS = ("clean", "abrupt", "half-open")
STORM_GRAMMAR = "SHARE@SECONDS[:MANNER],... such as 30%@20s,100%@60s:clean (clean, abrupt or half-open), or wait"
SLOW_GRAMMAR = "SHARE@BYTES such as 5%@1000: so many more sockets, which read so many bytes a second, or nothing at 0"

_STORM = re.compile(r"(?P<share>[0-9]+(?:\.[0-9]+)?)%@(?P<at>[0-9]+(?:\.[0-9]+)?)s?(?::(?P<manner>[a-z-]+))?")
_SLOW = re.compile(r"(?P<share>[0-9]+(?:\.[0-9]+)?)%@(?P<bytes>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Storm:
    """Sockets that are dropped together.

    Attributes:
        name: its place among all of the run, and its manner.
        share: of all sockets.
        at_s: when, in seconds since the hold began.
        manner: how; ``wait`` is the operator's doing.
        seed: of who is struck.
    """

    name: str
    share: float
    at_s: float
    manner: Manner
    seed: int = 0

    def strikes(self, identity: int) -> bool:
        """Whether somebody's socket is among them."""
        return self.share >= 1.0 or uniform(self.seed, f"storm:{self.name}", identity) < self.share


def parse_storms(text: str, seed: int = 0) -> tuple[Storm, ...]:
    """Read ``--storm``, ascending by time; an empty text is none.

    Raises:
        UsageError: it cannot be read.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parts == ["wait"]:
        return (Storm("1 wait", 1.0, 0.0, "wait", seed),)
    found = []
    for part in parts:
        read = _STORM.fullmatch(part)
        manner = (read["manner"] or "abrupt") if read else ""
        if read is None or manner not in MANNERS or not 0 < float(read["share"]) <= 100:
            raise UsageError(f"{part!r} is no storm", where="--storm", remedy=f"Give {STORM_GRAMMAR}")
        found.append((float(read["at"]), float(read["share"]) / 100, cast(Manner, manner)))
    return tuple(
        Storm(f"{number} {manner}", share, at_s, manner, seed)
        for number, (at_s, share, manner) in enumerate(sorted(found), 1)
    )


@dataclass(frozen=True, slots=True)
class SlowReaders:
    """Further sockets that do not keep up.

    Attributes:
        share: of the identities, who have one.
        bytes_per_s: what each reads; 0 for nothing.
        seed: of who has one.
    """

    share: float = 0.0
    bytes_per_s: int = 0
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> SlowReaders:
        """Read ``--slow-readers``; an empty text is none.

        Raises:
            UsageError: it cannot be read.
        """
        if not text:
            return cls()
        read = _SLOW.fullmatch(text)
        if read is None or not 0 < float(read["share"]) <= 100:
            raise UsageError(f"{text!r} are no slow readers", where="--slow-readers", remedy=f"Give {SLOW_GRAMMAR}")
        return cls(float(read["share"]) / 100, int(read["bytes"]), seed)

    def has_one(self, identity: int) -> bool:
        """Whether somebody opens a further, slow socket."""
        return uniform(self.seed, "slow reader", identity) < self.share
