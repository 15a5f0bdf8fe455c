"""What happens to a target during the hold, and when: told at once and kept on the time line.

It reads the batches of all workers as they come, about once a second. An outage of the cable begins when a tenth of
those who should be subscribed no longer are, and ends when all are again; one of REST begins with a batch in which most
calls fail, and ends with one in which none does.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from loadtest.clock import NS_PER_S
from loadtest.metrics import Batch
from loadtest.nouns import noun

LOST_SHARE = 0.1
FAILED_SHARE = 0.5
FAILED_AT_LEAST = 3
_REASONS_S = 8.0
"""How far back the reasons of a loss are looked for: a stale connection is given up 6 s after its last frame."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something for the time line.

    Attributes:
        kind: of the note: ``disconnect``, ``reconnect``, ``error`` or ``recovered``.
        text: what happened, in a sentence without a full stop.
    """

    kind: str
    text: str


class Outages:
    """Watches subscriptions and REST of a run."""

    def __init__(self) -> None:
        self._gauges: dict[tuple[str, str], float] = {}
        self._reasons: deque[tuple[int, Counter[str]]] = deque()
        self._was_whole = False
        self._lost_ns: int | None = None
        self._failing_ns: int | None = None

    def take(self, batch: Batch, now_ns: int) -> list[Moment]:
        """Take what a worker has collected since its last batch.

        Args:
            batch: the batch; not changed.
            now_ns: monotonic time at which it came.

        Returns:
            What has happened, in order; most often nothing.
        """
        for gauge in batch.gauges:
            if gauge.name == "users.due" or gauge.name.startswith("users.connected."):
                self._gauges[gauge.worker, gauge.name] = gauge.value
        self._reasons.append((now_ns, _losses(batch)))
        while self._reasons[0][0] < now_ns - round(_REASONS_S * NS_PER_S):
            self._reasons.popleft()
        return [*self._subscriptions(now_ns), *self._rest(batch, now_ns)]

    def _subscriptions(self, now_ns: int) -> list[Moment]:
        due = round(sum(value for (_, name), value in self._gauges.items() if name == "users.due"))
        here = round(sum(value for (_, name), value in self._gauges.items() if name != "users.due"))
        if not due:
            return []
        if here >= due:
            self._was_whole = True
            if self._lost_ns is None:
                return []
            away_s, self._lost_ns = (now_ns - self._lost_ns) / NS_PER_S, None
            users = noun(due, "the user is", f"all {due:,} users are")
            return [Moment("reconnect", f"{users} subscribed again, {away_s:.0f} s later")]
        if self._was_whole and self._lost_ns is None and due - here > LOST_SHARE * due:
            self._lost_ns = now_ns
            why = Counter[str]()
            for _, losses in self._reasons:
                why.update(losses)
            listed = ", ".join(f"{reason} {n:,}" for reason, n in why.most_common())
            return [
                Moment("disconnect", f"{due - here:,} of {due:,} users have lost their subscription ({listed or '?'})")
            ]
        return []

    def _rest(self, batch: Batch, now_ns: int) -> list[Moment]:
        calls = sum(int(n) for (_, metric, _, _), n in batch.counts.items() if metric == "rest.n")
        failures: Counter[str] = Counter()
        for (_, metric, _, status), n in batch.counts.items():
            if metric == "rest.error":
                failures[status] += int(n)
        failed = failures.total()
        if self._failing_ns is None:
            if failed >= FAILED_AT_LEAST and failed >= FAILED_SHARE * calls:
                self._failing_ns = now_ns
                listed = ", ".join(f"{status} {n:,}" for status, n in failures.most_common())
                return [Moment("error", f"REST fails: {failed:,} of {calls:,} calls of the last second ({listed})")]
        elif calls and not failed:
            down_s, self._failing_ns = (now_ns - self._failing_ns) / NS_PER_S, None
            return [Moment("recovered", f"REST answers again, {down_s:.0f} s later")]
        return []


def _losses(batch: Batch) -> Counter[str]:
    """Why connections ended, but for those that we ended."""
    losses: Counter[str] = Counter()
    for (_, metric, name, _), n in batch.counts.items():
        if metric == "cable.disconnects" and name != "by_us":
            losses[name] += int(n)
    return losses
