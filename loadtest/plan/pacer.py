"""When things are due: pure functions of an index and a seed, with no clock in them.

An open-loop plan never waits for the target: the n-th item is due at a time that only n decides, so that a slow target
cannot thin out the load that measures it (coordinated omission).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from loadtest.plan.load_profile import LoadProfile

_GOLDEN = (math.sqrt(5) - 1) / 2
_SCALE = float(2**64)


def uniform(seed: int, stream: str, index: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments (a hash, so that any index can be asked for)."""
    digest = hashlib.blake2b(f"{seed}:{stream}:{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SCALE


@dataclass(frozen=True, slots=True)
class Pacer:
    """Arrivals at a mean rate, one in each slot of 1/rate seconds, at a random place in its slot.

    A profile stretches the slots: where it offers half of the rate, they last twice as long.

    Stratified arrivals keep the offered load exact over any whole number of slots, yet do not beat against the target's
    own periods as equally spaced ones would.

    Attributes:
        rate_per_s: arrivals a second over the whole fleet; 0 means none ever.
        seed: of the places in the slots.
        share: this worker's number among the workers, from 0.
        shares: how many workers share the plan; worker k takes slots k, k + shares, k + 2 shares ...
        slots: slots of the whole plan; 0 for no end.
        profile: how much of the rate is offered when; all of it without days.
    """

    rate_per_s: float
    seed: int = 0
    share: int = 0
    shares: int = 1
    slots: int = 0
    profile: LoadProfile = field(default_factory=LoadProfile)

    def slot(self, n: int) -> int:
        """The fleet-wide number of this worker's ``n``-th item."""
        return self.share + n * self.shares

    def due_s(self, n: int) -> float:
        """Seconds from the plan's start at which this worker's ``n``-th item is due; infinite at rate 0."""
        if self.rate_per_s <= 0:
            return math.inf
        slot = self.slot(n)
        return self.profile.at_s((slot + uniform(self.seed, "arrival", slot)) / self.rate_per_s)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Fleet-wide slot numbers and due times, up to the plan's end (nothing at rate 0)."""
        if self.rate_per_s > 0:
            for n in count():
                if self.slots and self.slot(n) >= self.slots:
                    return
                yield self.slot(n), self.due_s(n)


def stratified_phase(index: int) -> float:
    """The ``index``-th phase in [0, 1): any number of first phases is spread evenly over the interval.

    Source: the additive golden-ratio sequence, whose gaps take at most three lengths (three-distance theorem), so that
    beats that began together in a ramp stay spread over one whole heartbeat.
    """
    return (index * _GOLDEN) % 1.0
