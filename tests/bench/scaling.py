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

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.analysis.scaling import scaling
from loadtest.drive.capacity import search
from loadtest.report.capacity import read_answer, terminal
from loadtest.report.sizing import scaling_text
from tests.bench.capacity import EACH_MS, SLO, WITHIN
from tests.bench.capacity_rails import is_over

PROCESSES = (1, 2, 4)
WORKERS = 2
KNEE = WORKERS * 1000.0 / EACH_MS
"""Deliveries a second of one process, which is two workers here."""

_AGENTS = 9
_LEAST_S = 30.0


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
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scaling", description=__doc__.split("\n")[0])
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the searches")
    parser.add_argument("--hold", metavar="SECONDS", type=float, default=12.0)
    parser.add_argument("--time", metavar="SECONDS", type=float, default=3600.0, help="stop after so long")
    chosen = parser.parse_args(argv)
    until_s = time.monotonic() + chosen.time
    out: Path = chosen.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    slo = out / "slo.toml"
    slo.write_text(SLO, encoding="utf-8")
    folders = [out / f"processes-{processes}" for processes in PROCESSES]
    for processes, folder in zip(PROCESSES, folders, strict=True):
        if is_over(folder):
            continue
        left_s = until_s - time.monotonic()
        if left_s < _LEAST_S:
            print(f"stopped before the end of {folder.name}; the same command goes on")
            return 3
        print(folder.name, flush=True)
        outcome = search(
            folder,
            options(processes, chosen.hold, slo),
            timeout_s=left_s,
            resumes=(folder / "run.sqlite").exists(),
            on_line=lambda line: print(line, flush=True),
        )
        if not is_over(folder):
            print(f"{folder.name} is not at its end ({outcome.complaint()}); the same command goes on")
            return 3
        print(terminal(read_answer(folder), folder), flush=True)
    answers = [read_answer(folder) for folder in folders]
    print("\n" + scaling_text(scaling(PROCESSES, answers)))
    right, told = judged(answers)
    print("\n" + "\n".join(told))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
