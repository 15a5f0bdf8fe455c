"""Which runs belong together: were two builds' runs interleaved, pair by pair, or made one group after the other?

Runs say when they began. Interleaved, every two runs in the order of time are one of each arm; then a drifting machine
meets both arms alike. Whatever else is a comparison of two groups, and is judged as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.analysis.comparable import RunSummary, at


@dataclass(frozen=True, slots=True)
class Arms:
    """Two builds' runs, ready to be compared.

    Attributes:
        baseline: its runs; paired, the n-th belongs to the n-th of the candidate.
        candidate: the candidate's.
        paired: whether they were interleaved.
        warnings: what a reader should know.
    """

    baseline: list[RunSummary]
    candidate: list[RunSummary]
    paired: bool
    warnings: tuple[str, ...] = ()


def arms(baseline: Sequence[RunSummary], candidate: Sequence[RunSummary], *, unpaired: bool = False) -> Arms:
    """Pair the runs of two arms by the time at which they began.

    Args:
        baseline: contents of summary.json, in any order.
        candidate: the same of the candidate.
        unpaired: compare them as two groups even if they were interleaved.
    """
    told = [[(began, run) for run in arm if (began := _began(run)) is not None] for arm in (baseline, candidate)]
    a, b = (sorted(arm, key=lambda pair: pair[0]) for arm in told)
    if unpaired or len(a) < len(baseline) or len(b) < len(candidate) or len(a) != len(b):
        return Arms(list(baseline), list(candidate), paired=False)
    in_time = sorted([(began, 0) for began, _ in a] + [(began, 1) for began, _ in b])
    order = [arm for _, arm in in_time]
    firsts, seconds = order[0::2], order[1::2]
    if any(first == second for first, second in zip(firsts, seconds, strict=True)):
        return Arms(list(baseline), list(candidate), paired=False)
    one, other = [run for _, run in a], [run for _, run in b]
    return Arms(one, other, paired=True, warnings=tuple(_warnings(one, other, firsts)))


def _warnings(baseline: list[RunSummary], candidate: list[RunSummary], firsts: list[int]) -> list[str]:
    found = []
    if len(firsts) > 1 and len(set(firsts)) == 1:
        found.append(
            "Every pair began with the same arm: a machine that drifts steadily counts as a difference. `ab` takes "
            "turns."
        )
    differ = sum(at(x, ("run", "seed")) != at(y, ("run", "seed")) for x, y in zip(baseline, candidate, strict=True))
    if differ:
        found.append(
            f"{differ} of {len(firsts)} pairs had different seeds, so their two runs followed different plans."
        )
    return found


def _began(run: RunSummary) -> float | None:
    try:
        moment = datetime.fromisoformat(str(at(run, ("run", "started_at"))))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
