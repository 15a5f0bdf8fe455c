"""The abort guard: when a run has to let go of its target.

It reads the batches of all workers as they come in, about once a second, and looks at the last few seconds. A load
test that goes on against a server which fails, refuses or has fallen silent proves nothing more and hurts those who
work there. What is counted is the target's doing alone: limits of this machine, wrong names and certificates are not.

The thresholds are jumpy on purpose, as those of a brake: a share of the answers that no healthy installation gives.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from loadtest.clock import NS_PER_S
from loadtest.metrics import Batch
from loadtest.nouns import many

SPAN_S = 5.0
"""How far back the guard looks, in seconds."""

AT_LEAST = 5
"""Fewer failures than this are no bulk."""

SHARE = 0.1
"""Share of the calls or connects of the span that may fail; of the sockets that may be silent."""

SILENT_S = 6.0
"""A gap between pings after which a real client gives its connection up (two of Rails' beats)."""

_UNANSWERED = frozenset({"timeout", "reset", "refused", "unreachable", "protocol"})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one batch tells: the moment it came, and counts by what they are of."""

    at_ns: int
    counts: Counter[str] = field(repr=False)


class AbortGuard:
    """Judges the last seconds of a run.

    Once it has asked to stop it stays silent.
    """

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque()
        self._connected: dict[tuple[str, str], float] = {}
        self._tripped = False

    def take(self, batch: Batch, now_ns: int) -> str | None:
        """Take what a worker has collected since its last batch.

        Args:
            batch: the batch; not changed.
            now_ns: monotonic time at which it came.

        Returns:
            Why the run has to stop, in a sentence, or None; told once.
        """
        for gauge in batch.gauges:
            if gauge.name.startswith("users.connected."):
                self._connected[gauge.worker, gauge.name] = gauge.value
        self._seen.append(_Seen(now_ns, _tally(batch)))
        while self._seen[0].at_ns < now_ns - round(SPAN_S * NS_PER_S):
            self._seen.popleft()
        if self._tripped:
            return None
        total: Counter[str] = Counter()
        for seen in self._seen:
            total.update(seen.counts)
        reason = self._judge(total)
        self._tripped = reason is not None
        return reason

    def _judge(self, total: Counter[str]) -> str | None:
        if _is_bulk(total["limited"], total["calls"]):
            return (
                f"the target's rate limit refuses: {total['limited']:,} of {total['calls']:,} calls of the last "
                f"{SPAN_S:g} s were answered HTTP 429"
            )
        failed = total["failed"] + total["unanswered"]
        if _is_bulk(failed, total["calls"]):
            return (
                f"the target fails: of {total['calls']:,} calls of the last {SPAN_S:g} s {total['failed']:,} were "
                f"answered HTTP 5xx and {total['unanswered']:,} not at all"
            )
        refused = total["refused"] + total["upgrades limited"]
        if _is_bulk(refused, refused + total["connects"]):
            limited = total["upgrades limited"]
            return (
                f"the target refuses connections: {refused:,} of {refused + total['connects']:,} attempts of the last "
                f"{SPAN_S:g} s failed{f', {limited:,} of them with HTTP 429, its rate limit' if limited else ''}"
            )
        silent = total["silent"]
        if silent and silent > SHARE * (silent + sum(self._connected.values())):
            return (
                f"the target's pings stay out: {many(silent, 'socket')} heard none for more than {SILENT_S:g} s, after "
                "which real clients give their connection up and come back in a herd"
            )
        return None


def _is_bulk(failures: int, of: int) -> bool:
    return failures >= AT_LEAST and failures > SHARE * of


def _tally(batch: Batch) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (_, metric, name, role), value in batch.counts.items():
        n = int(value)
        if metric == "rest.n":
            counts["calls"] += n
        elif metric == "rest.error":
            if role == "429":
                counts["limited"] += n
            elif len(role) == 3 and role.startswith("5"):
                counts["failed"] += n
            elif role in _UNANSWERED:
                counts["unanswered"] += n
        elif metric == "cable.connects":
            counts["connects"] += n
        elif metric == "cable.connect_failed":
            if name == "http_429":
                counts["upgrades limited"] += n
            elif name in _UNANSWERED or name == "no_welcome" or name.startswith("http_5"):
                counts["refused"] += n
        elif metric == "cable.stale":
            counts["silent"] += n
    for (_, metric, _, _), hist in batch.hists.items():
        if metric == "ping_gap" and (hist.max_us or 0) > SILENT_S * 1e6:
            values_us, numbers = hist.buckets()
            counts["silent"] += int(numbers[values_us > SILENT_S * 1e6].sum())
    return counts
