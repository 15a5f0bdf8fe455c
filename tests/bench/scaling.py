"""How capacity grows with an installation, on servers of which that is known: the same search on three sizes.

Each search meets the reference server with the fault ``service=EACH*WORKERS``, a pool of workers that wait and burn
nothing, so that a machine of two cores can stand for servers that have more. A pool of 1, 2 and 4 times as many workers
carries 1, 2 and 4 times as many deliveries a second and not one more: growth is linear by construction. Each search has
to find its limit within a tenth, and ``loadtest sizing --scaling`` has to find the growth linear.

    python -m tests.bench.scaling --out DIR

takes about nine minutes on a machine that does nothing else; the same command goes on where it was stopped (``--time
SECONDS`` stops it by itself). A search whose generator was the limit is no capacity and has to be made again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from loadtest.analysis.scaling import scaling
from loadtest.report.sizing import scaling_text
from tests.bench.capacity import EACH_MS, SLO, WITHIN
from tests.bench.searches import UNFINISHED, bench_parser, completed, prepared

PROCESSES = (1, 2, 4)
WORKERS = 2
KNEE = WORKERS * 1000.0 / EACH_MS
"""Deliveries a second of one process, which is two workers here."""

_AGENTS = 9


def options(processes: int, hold_s: float, slo: Path) -> dict[str, object]:
    """The search on one size: nine agents who all see each message, and the contact."""
    return {
        "axis": "emit-rate",
        "agents": _AGENTS,
        "contacts": 40,
        "members": _AGENTS,
        "emit-rate": 15 * processes,
        "max-emit-rate": 30 * PROCESSES[-1],
        "typing": 0,
        "canary": 0,
        "deadline": 2,
        "rest-timeout": 5,
        "faults": f"service={EACH_MS}ms*{WORKERS * processes}",
        "slo": slo,
        "hold": hold_s,
        "settle": 4,
        "confirm": 0,
        "factor": 1.6,
        "tolerance": 0.06,
        "spawn-rate": 50,
    }


def judged(answers: Sequence[Mapping[str, Any]]) -> tuple[bool, list[str]]:
    """Whether limits and growth are those that the pools make, and a sentence on each."""
    found = scaling(PROCESSES, answers)
    told, right = [], True
    for row in found.rows:
        knee = KNEE * row.processes
        if row.deliveries is None:
            told.append(f"{row.processes}: no interval; the pool carries {knee:g} deliveries/s")
            right = False
            continue
        low, high = row.deliveries
        near = (1 - WITHIN) * knee <= low and high <= (1 + WITHIN) * knee
        told.append(
            f"{row.processes}: {low:.0f} to {high:.0f} deliveries/s; the pool carries {knee:g} "
            f"(within {WITHIN:.0%}: {near})"
        )
        right = right and near
    told.append(f"growth was found {found.growth}; it is linear by construction")
    return right and found.growth == "linear", told


def main(argv: Sequence[str] | None = None) -> int:
    """Search on each size, and compare."""
    chosen = bench_parser("tests.bench.scaling", __doc__, hold_s=12.0, time_s=3600.0).parse_args(argv)
    until_s = time.monotonic() + chosen.time
    out, slo = prepared(chosen.out, SLO)
    sizes = {out / f"processes-{processes}": processes for processes in PROCESSES}
    answers = completed(list(sizes), lambda folder: nullcontext(options(sizes[folder], chosen.hold, slo)), until_s)
    if answers is None:
        return UNFINISHED
    print("\n" + scaling_text(scaling(PROCESSES, answers)))
    right, told = judged(answers)
    print("\n" + "\n".join(told))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
