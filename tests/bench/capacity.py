"""The full capacity search against a server whose limit is known.

The reference server's fault ``service=EACH*WORKERS`` serves each delivery by one of so many workers for so long, so
that it carries ``WORKERS / EACH`` deliveries a second and not one more. The search has to find that within a tenth.

    python -m tests.bench.capacity --out DIR

takes about a quarter of an hour on a machine that does nothing else; the same command goes on where it was stopped.
``--sample`` writes what of it is committed under ``reports/capacity-sample``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.analysis.scaling import work_carried
from loadtest.drive.capacity import search
from loadtest.report.capacity import read_answer, terminal

EACH_MS = 10
WORKERS = 4
KNEE = WORKERS / (EACH_MS / 1000.0)
WITHIN = 0.1
SLO = """\
[fanout."message.created".agent]
p99_incl_lost_ms = 500
[delivery."message.created"]
lost = 0
"""
SAMPLED = ("capacity.json", "capacity.md", "capacity.html")


def options(hold_s: float, confirm_s: float, slo: Path) -> dict[str, object]:
    """The search: ten agents who all see each message, and the contact."""
    return {
        "axis": "emit-rate",
        "agents": 10,
        "contacts": 10,
        "members": 10,
        "emit-rate": 10,
        "max-emit-rate": 200,
        "typing": 0,
        "canary": 0,
        "deadline": 4,
        "rest-timeout": 5,
        "faults": f"service={EACH_MS}ms*{WORKERS}",
        "slo": slo,
        "hold": hold_s,
        "settle": 5,
        "confirm": confirm_s,
    }


def judged(answer: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the known limit was found, and a sentence on it."""
    found = work_carried(answer)
    if found is None:
        return False, f"no interval was found ({answer['ending']}); the server carries {KNEE:g} deliveries/s"
    low, high = found
    near = (1 - WITHIN) * KNEE <= low and high <= (1 + WITHIN) * KNEE
    return (
        near,
        f"found {low:.0f} to {high:.0f} deliveries/s; the server carries {KNEE:g} (within {WITHIN:.0%}: {near})",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Search, and compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capacity", description=__doc__.split("\n")[0])
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the search")
    parser.add_argument("--hold", metavar="SECONDS", type=float, default=30.0)
    parser.add_argument("--confirm", metavar="SECONDS", type=float, default=120.0)
    parser.add_argument("--time", metavar="SECONDS", type=float, default=3600.0, help="stop after so long")
    parser.add_argument("--sample", metavar="DIR", type=Path, help="write the committed part of it here")
    chosen = parser.parse_args(argv)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    slo = chosen.out.with_name(f"{chosen.out.name}.slo.toml").absolute()
    slo.write_text(SLO, encoding="utf-8")
    outcome = search(
        chosen.out,
        options(chosen.hold, chosen.confirm, slo),
        timeout_s=chosen.time,
        resumes=(chosen.out / "run.sqlite").exists(),
        on_line=lambda line: print(line, flush=True),
    )
    if not (chosen.out / "capacity.json").exists():
        print(outcome.complaint(), file=sys.stderr)
        return 4
    answer = read_answer(chosen.out)
    print("\n" + terminal(answer, chosen.out))
    near, said = judged(answer)
    print("\n" + said)
    if chosen.sample is not None:
        chosen.sample.mkdir(parents=True, exist_ok=True)
        for name in SAMPLED:
            shutil.copyfile(chosen.out / name, chosen.sample / name)
    return 0 if near else 1


if __name__ == "__main__":
    sys.exit(main())
