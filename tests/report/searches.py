"""Contents of capacity.json for the tests of its pages."""

from __future__ import annotations

from typing import Any

from loadtest.analysis.capacity import answer
from tests.analysis.builders import meta
from tests.analysis.search_runs import PLAN, found, step


def content(ending: str = "found") -> dict[str, Any]:
    """A search that ended so."""
    if ending == "generator":
        steps = [step(1, 10.0, "pass"), *[step(n, 20.0, "invalid", workers_needed=5) for n in (2, 3)]]
        return answer(PLAN, steps, meta=meta(workers=2))
    if ending == "unfinished":
        return answer(PLAN, found()[:3], meta=meta())
    if ending == "empty":
        return answer(PLAN, [], meta=meta())
    if ending == "watched":
        steps = [step(n, 10.0 * n, "pass", cpu=0.1 + 0.01 * n, rss=5e7) for n in range(1, 7)]
        return answer(PLAN, steps, meta=meta())
    return answer(PLAN, found(), meta=meta())
