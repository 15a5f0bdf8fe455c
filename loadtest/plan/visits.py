"""Sessions that come and go: how long a user stays, and how long it stays away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loadtest.plan.pacer import uniform


@dataclass(frozen=True, slots=True)
class Visits:
    """Exponentially distributed stays with pauses between them.

    Attributes:
        stay_s: mean stay; 0 means for ever.
        away_s: mean pause; drawn uniformly between a half and one and a half of it.
        seed: of the draws.
    """

    stay_s: float = 0.0
    away_s: float = 5.0
    seed: int = 0

    def stay(self, user: int, visit: int) -> float:
        """Seconds that ``user`` stays on its ``visit``-th visit (from 0); infinite when nobody leaves."""
        if self.stay_s <= 0:
            return math.inf
        return -self.stay_s * math.log(1.0 - uniform(self.seed, f"stay:{user}", visit))

    def away(self, user: int, visit: int) -> float:
        """Seconds that ``user`` stays away after its ``visit``-th visit."""
        return self.away_s * (0.5 + uniform(self.seed, f"away:{user}", visit))
