"""What becomes of a run that is offered more than a core can read: ``python -m tests.bench.overload``.

One Locust process on one core, the reference server on the other, the kernel's stamps on all sockets, and a rate of
messages that makes more deliveries a second than the process can read, for its locustfile takes 60 us over each
(``slow_reader.py`` says why one must). The backlog waits in the kernel, then at the server. To be seen: every delivery
is accounted for (none lost, doubled, overtaken, leaked or unknown), the lag grows from second to second and is shown,
and the run is INVALID and says how many workers the load needs. Without that work (``--work 0 --agents 1000 --rate
180``) it cannot read in time, yet keeps up. Bounded by its run time; the exit code is 0 where all of that held, 1 where
it did not, 2 where the load was not too much for this machine.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.directory import Population
from loadtest.metrics import Histogram
from loadtest.refserver import ServerSettings, start_child
from loadtest.store import open_run
from tests.bench.processes import CLIENT_CORE, SERVER_CORE
from tests.plugin.locusts import Ran, Running, command, environment

DEADLINE_S = 30
"""Longer than it takes to read the backlog: what is read late is late, not lost."""
_LEAD_S = 6
_WRONG = ("lost", "duplicated", "reordered", "leaked", "unmatched", "undetermined")


@dataclass(frozen=True)
class Second:
    """A second of the hold.

    Attributes:
        at_s: since the hold's first window.
        stamped_ms: p99 of the lag by the kernel's stamps, which is what it is at least; None without reads.
        most_ms: p99 of the lag that the run is judged by.
        latency_ms: median latency, due to read, of what was due in it.
    """

    at_s: int
    stamped_ms: float | None
    most_ms: float | None
    latency_ms: float | None


def run(
    agents: int,
    rate: float,
    work_us: float,
    folder: Path,
    *,
    hold_s: float = 0.0,
    emissions: int = 0,
    deadline_s: int = DEADLINE_S,
) -> Ran:
    """Offer so many messages a second to so many agents, all of whom see each.

    Args:
        agents: how many.
        rate: messages a second.
        work_us: what the process takes over each delivery besides reading it.
        folder: where identities and the run are put.
        hold_s: for how long, about; or
        emissions: until so many were sent.
        deadline_s: how long the books of an emission stay open.
    """
    population = Population(agents=agents, contacts=20, members=agents, accounts=1)
    identities = folder / "identities.jsonl"
    server = start_child(ServerSettings(population=population, identities_path=str(identities)), 60.0)
    try:
        _pin(server.pid, SERVER_CORE)
        options: tuple[Any, ...] = ("--host", server.url, "--identities", identities, "--agents", agents)
        options += ("--contacts", 20, "--emit-rate", rate, "--typing", 0, "--mix", "none", "--canary", 0)
        options += ("--spawn-rate", agents, "--kernel-stamps", 1, "--deadline", deadline_s)
        options += ("--emissions", emissions) if emissions else ("--run-time", f"{round(hold_s + _LEAD_S)}s")
        argv = command(Path(__file__).with_name("slow_reader.py"), folder / "run", *options)
        worked = environment(LOADTEST_BENCH_WORK_US=str(work_us))
        with Running(argv, folder / "run", env=worked) as locust:
            _pin(locust.pid, CLIENT_CORE)
            return locust.wait()
    finally:
        server.stop()


def _pin(pid: int, core: int) -> None:
    if core in os.sched_getaffinity(0):
        os.sched_setaffinity(pid, {core})


def seconds(folder: Path) -> list[Second]:
    """A run's hold, second by second."""
    stored = open_run(folder)
    hists = stored.hist_frame()
    hists = hists[hists["phase"] == "hold"]
    held = sorted(set(hists["window"].tolist()))

    def at(window: int, metric: str, q: float) -> float | None:
        rows = hists[(hists["window"] == window) & (hists["metric"] == metric)]
        pooled = Histogram()
        for hist in rows["hist"]:
            pooled.merge(hist)
        found = pooled.percentile(q)
        return None if found is None else found / 1000

    return [
        Second(
            window - held[0],
            at(window, "read_lag", 99.0),
            at(window, "read_lag_most", 99.0),
            at(window, "fanout", 50.0),
        )
        for window in held
    ]


def grew(course: Sequence[Second]) -> bool:
    """Whether the lag was greater in each third of the hold than in the one before (medians of the seconds)."""
    lags = [second.most_ms for second in course if second.most_ms is not None]
    if len(lags) < 3:
        return False
    thirds = [float(np.median(part)) for part in np.array_split(np.array(lags), 3)]
    return thirds[0] < thirds[1] < thirds[2]


def judge(
    summary: dict[str, Any], course: Sequence[Second], *, grows: bool = True
) -> tuple[list[tuple[str, str, str]], bool, bool]:
    """Hold a run against what has to be true of it.

    Args:
        summary: its summary.json.
        course: its hold.
        grows: whether more came than can be read at all, so that the lag must grow.

    Returns:
        Rows of a table; whether the load was too much; whether what has to hold of such a run held.
    """
    generator, balance = summary["generator"], summary["delivery"]["message.created"]
    wrong = {name: balance[name] for name in _WRONG if balance[name]}
    came = balance["delivered"] + balance["late"]
    accounted = not wrong and came == balance["expected"] > 0
    reasons = " ".join(generator["reasons"])
    needed = re.search(r"needs about (\d+) workers", reasons)
    over = not generator["valid"]
    hold_s = summary["run"]["hold_s"] or 1.0
    shown = grew(course) or not grows
    rows = [
        ("deliveries offered", "", f"{balance['expected'] / hold_s:,.0f}/s for {hold_s:.0f} s"),
        ("of them accounted for", "all", f"{came:,} of {balance['expected']:,}, {balance['late']:,} late"),
        ("lost, doubled, overtaken, leaked, unknown", "0", str(wrong or 0)),
        ("from the kernel to the read, p99, at least", "shown", f"{generator['read_lag_p99_ms'] or 0:,.0f} ms"),
        ("the same, at most", "shown", f"{generator['read_lag_most_p99_ms'] or 0:,.0f} ms"),
        ("lag from third to third of the hold", "grows" if grows else "", "grows" if grew(course) else "does not grow"),
        ("windows marked", "", f"{generator['windows_marked']} of {generator['windows']}"),
        ("verdict", "INVALID", "valid" if generator["valid"] else "INVALID"),
        ("workers needed, as the verdict says", "named", needed[1] if needed else "not named"),
    ]
    return rows, over, accounted and over and shown and needed is not None


def table(course: Sequence[Second]) -> str:
    """The hold second by second, as Markdown."""
    rows = ["| second | lag p99 by stamps | lag p99 at most | latency p50 |", "| ---: | ---: | ---: | ---: |"]
    for second in course:
        times = (second.stamped_ms, second.most_ms, second.latency_ms)
        cells = [f"{second.at_s}", *("–" if ms is None else f"{ms:,.0f} ms" for ms in times)]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> int:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.overload", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--rate", type=float, default=120.0, help="messages a second")
    parser.add_argument("--hold", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--work", type=float, default=60.0, metavar="US", help="CPU time over each delivery")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadtest-overload-") as scratch:
        ran = run(options.agents, options.rate, options.work, Path(scratch), hold_s=options.hold)
        if not (ran.folder / "summary.json").exists():
            sys.stderr.write(ran.err)
            return 1
        course = seconds(ran.folder)
        rows, over, held = judge(ran.summary, course, grows=options.work > 0)
        reasons = ran.summary["generator"]["reasons"]
    print("| what | has to be | measured |\n| --- | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print("\n" + table(course) + "\n\n" + "\n".join(reasons))
    return 2 if not over else 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
