"""What becomes of a run that is offered more than a core can read in time: ``python -m tests.bench.overload``.

One Locust process on one core, the reference server on the other, and a rate of messages that makes more deliveries a
second than the process can read in time, with the kernel's stamps on all sockets, which costs more. The backlog waits
in the kernel. To be seen: every delivery is accounted for (none lost, doubled, overtaken, leaked or unknown), the lag
is shown, and the run is INVALID and says how many workers the load needs. Bounded by its run time; the exit code is 0
where all of that held, 1 where it did not, 2 where the load was not too much for this machine.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from loadtest.directory import Population
from loadtest.refserver import ServerSettings, start_child
from tests.bench.processes import CLIENT_CORE, SERVER_CORE
from tests.plugin.locusts import Ran, Running, command

DEADLINE_S = 30
"""Longer than it takes to read the backlog: what is read late is late, not lost."""
_LEAD_S = 6
_WRONG = ("lost", "duplicated", "reordered", "leaked", "unmatched", "undetermined")


def run(agents: int, rate: float, hold_s: float, folder: Path) -> Ran:
    """Offer so many messages a second to so many agents, all of whom see each."""
    population = Population(agents=agents, contacts=20, members=agents, accounts=1)
    identities = folder / "identities.jsonl"
    server = start_child(ServerSettings(population=population, identities_path=str(identities)), 60.0)
    try:
        os.sched_setaffinity(server.pid, {SERVER_CORE})
        options: tuple[Any, ...] = ("--host", server.url, "--identities", identities, "--agents", agents)
        options += ("--contacts", 20, "--emit-rate", rate, "--typing", 0, "--mix", "none", "--canary", 0)
        options += ("--spawn-rate", agents, "--kernel-stamps", 1, "--deadline", DEADLINE_S)
        options += ("--run-time", f"{round(hold_s + _LEAD_S)}s")
        with Running(command("mixed.py", folder / "run", *options), folder / "run") as locust:
            os.sched_setaffinity(locust.pid, {CLIENT_CORE})
            return locust.wait()
    finally:
        server.stop()


def judge(summary: dict[str, Any]) -> tuple[list[tuple[str, str, str]], bool, bool]:
    """Rows of a table; whether the load was too much; whether what has to hold of such a run held."""
    generator, balance = summary["generator"], summary["delivery"]["message.created"]
    wrong = {name: balance[name] for name in _WRONG if balance[name]}
    came = balance["delivered"] + balance["late"]
    accounted = not wrong and came == balance["expected"] > 0
    reasons = " ".join(generator["reasons"])
    needed = re.search(r"needs about (\d+) workers", reasons)
    over = not generator["valid"]
    hold_s = summary["run"]["hold_s"] or 1.0
    rows = [
        ("deliveries offered", "", f"{balance['expected'] / hold_s:,.0f}/s for {hold_s:.0f} s"),
        ("of them accounted for", "all", f"{came:,} of {balance['expected']:,}, {balance['late']:,} late"),
        ("lost, doubled, overtaken, leaked, unknown", "0", str(wrong or 0)),
        ("from the kernel to the read, p99", "shown", f"{generator['read_lag_p99_ms'] or 0:,.0f} ms"),
        ("windows marked", "", f"{generator['windows_marked']} of {generator['windows']}"),
        ("verdict", "INVALID", "valid" if generator["valid"] else "INVALID"),
        ("workers needed, as the verdict says", "named", needed[1] if needed else "not named"),
    ]
    return rows, over, accounted and over and needed is not None


def main() -> int:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.overload", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=180.0, help="messages a second")
    parser.add_argument("--hold", type=float, default=8.0, metavar="SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadtest-overload-") as scratch:
        ran = run(options.agents, options.rate, options.hold, Path(scratch))
        if not (ran.folder / "summary.json").exists():
            sys.stderr.write(ran.err)
            return 1
        rows, over, held = judge(ran.summary)
        reasons = ran.summary["generator"]["reasons"]
    print("| what | has to be | measured |\n| --- | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print("\n" + "\n".join(reasons))
    return 2 if not over else 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
