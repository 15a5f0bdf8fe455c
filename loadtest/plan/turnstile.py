"""Who connects when: Locust starts its users in one burst a second, a real population comes one by one.

The bursts of a ramp of N users a second are spread evenly, N a second. What comes back after a cut is not held up: the
clients' own back-off says when that is.
"""

from __future__ import annotations


class Turnstile:
    """Lets users of one process through at an even rate.

    Args:
        rate_per_s: users a second of the whole fleet; 0 lets everybody through at once.
        share: this process's number among the workers, from 0; their turns alternate.
        shares: how many workers there are.
    """

    def __init__(self, rate_per_s: float, share: int = 0, shares: int = 1) -> None:
        self._pause_s = shares / rate_per_s if rate_per_s > 0 else 0.0
        self._lead_s = self._pause_s * share / shares
        self._next_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long the user that comes now has to wait for its turn.

        Args:
            now_s: seconds of any clock, never less than before.
        """
        if not self._pause_s:
            return 0.0
        if self._next_s <= now_s:
            self._next_s = now_s + self._lead_s
        turn_s = self._next_s
        self._next_s += self._pause_s
        return turn_s - now_s
