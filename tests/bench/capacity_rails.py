"""How repeatable a capacity is on a real Action Cable: the same search three times on Debian's, under puma.

    python -m tests.bench.capacity_rails --out DIR

Each search takes about three minutes on a machine that does nothing else; the same command goes on where it was stopped
(``--time SECONDS`` stops it by itself). The server has a core of its own, as far as there are two. It says whether the
three intervals lie within a quarter of each other; one that the generator kept wide is no repeat.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loadtest.directory import Population, generate, write_identities
from tests.bench.searches import UNFINISHED, bench_parser, completed, prepared
from tests.e2e.rails_server import PACKAGES, RailsServer, available

REPEATS = 3
WITHIN = 0.25
TOLERANCE = 0.15
PEOPLE = Population(agents=50, contacts=20, members=50)
SLO = """\
[fanout."message.created".agent]
p99_incl_lost_ms = 1000
[delivery."message.created"]
lost = 0
[cable]
ping_gap_max_s = 6
"""


def options(host: str, identities: Path, slo: Path, hold_s: float) -> dict[str, object]:
    """Fifty agents of one inbox, so that each message goes to 51 sockets."""
    return {
        "axis": "emit-rate",
        "host": host,
        "identities": identities,
        "agents": PEOPLE.agents,
        "contacts": PEOPLE.contacts,
        "emit-rate": 20,
        "max-emit-rate": 400,
        "typing": 0,
        "canary": 0,
        "deadline": 3,
        "rest-timeout": 5,
        "abort-guard": "on",
        "slo": slo,
        "hold": hold_s,
        "settle": 3,
        "confirm": 0,
        "tolerance": TOLERANCE,
        "spawn-rate": 50,
    }


def apart(server_pid: int) -> None:
    """Give the server a core of its own, and this process, with the generator that it starts, the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        for task in Path(f"/proc/{server_pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores[:1])
        os.sched_setaffinity(0, cores[1:])


def told(answer: Mapping[str, Any]) -> str:
    """What a search found, in a line."""
    if answer["last_pass"] is None or answer["first_fail"] is None:
        return f"no interval ({answer['ending']})"
    low, high = answer["last_pass"], answer["first_fail"]
    return f"{low:.4g} to {high:.4g} messages/s, {high / low - 1:.0%} wide ({answer['ending']})"


def repeatable(answers: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    """Whether the intervals lie near each other, and a sentence on it: by their geometric middles."""
    middles = [
        (answer["last_pass"] * answer["first_fail"]) ** 0.5
        for answer in answers
        if answer["last_pass"] is not None
        and answer["first_fail"] is not None
        and answer["first_fail"] <= (1 + 2 * TOLERANCE) * answer["last_pass"]
    ]
    if len(middles) < len(answers) or not middles:
        missing = len(answers) - len(middles)
        return False, (
            f"{missing} of {len(answers)} searches found no narrow interval; where the generator was the limit, remove "
            "the search's folder and start again on a machine that does nothing else"
        )
    spread = max(middles) / min(middles) - 1
    near = spread <= WITHIN
    return near, f"{spread:.0%} between the lowest and the highest middle, at most {WITHIN:.0%} allowed: {near}"


def main(argv: Sequence[str] | None = None) -> int:
    """Search three times, and compare."""
    chosen = bench_parser("tests.bench.capacity_rails", __doc__, hold_s=9.0, time_s=7200.0).parse_args(argv)
    if not available():
        print(f"puma and ruby-actioncable are not installed (apt-get install {PACKAGES})", file=sys.stderr)
        return 2
    until_s = time.monotonic() + chosen.time
    out, slo = prepared(chosen.out, SLO)
    identities = out / "identities.jsonl"
    if not identities.exists():
        write_identities(identities, generate(PEOPLE))
    cores = os.sched_getaffinity(0)

    @contextmanager
    def served(_: Path) -> Iterator[dict[str, object]]:
        os.sched_setaffinity(0, cores)
        with RailsServer(identities) as server:
            apart(server.pid)
            yield options(server.base_url, identities, slo, chosen.hold)

    answers = completed([out / f"search-{number}" for number in range(1, REPEATS + 1)], served, until_s)
    if answers is None:
        return UNFINISHED
    near, said = repeatable(answers)
    print("\n" + "\n".join(f"search {number}: {told(answer)}" for number, answer in enumerate(answers, 1)))
    print(said)
    return 0 if near else 1


if __name__ == "__main__":
    sys.exit(main())
