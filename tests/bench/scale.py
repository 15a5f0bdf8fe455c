"""What a second worker brings, what workers cost the master, and where that ends.

    python -m tests.bench.scale [--workers 1 2] [--rates 10 160] [--agents 200] [--members 10] [--hold 10]

For each number of workers the message rate is raised step by step; the best step whose run is valid counts.
The master's CPU and the bytes between it and its workers (counted by a relay on the way) are given per worker and
second. The embedded server needs a core of its own, and so does every worker: with fewer cores the ratio tells of the
machine. Every load is bounded by its run time.

From the steps of the most workers follows, with the arithmetic shown, how many sockets one master carries and what a
million would take (:func:`on_paper`); validity is not needed for that, since the costs are the master's.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.plugin.locusts import ROOT, Running, command

_LOCUSTFILE = "agents.py"
_LEAD_S = 8


@dataclass(frozen=True, slots=True)
class Step:
    """A run of so many workers at a rate."""

    workers: int
    rate: float
    deliveries_per_s: float
    valid: bool
    worker_cpu: float
    master_cpu: float
    bytes_there_per_s: float
    bytes_back_per_s: float
    reason: str


MASTER_SHARE = 0.6
"""Share of a core up to which a process answers at once, as for a worker (loadtest.analysis.generator)."""

SOCKETS_A_WORKER = 10_000
"""Mostly idle sockets of one worker; `python -m tests.bench.users` measures them."""

SOCKETS = 1_000_000
MESSAGES_A_SOCKET_S = 1 / 1_000
"""A thousand sockets see one message a second of their own: what the million's load is made of."""

LINK_BYTES_S = 125_000_000
"""1 Gbit/s."""


def on_paper(steps: Sequence[Step]) -> list[str]:
    """Where one master ends, by what the steps measured; a line each, the arithmetic in it.

    Args:
        steps: those of the largest number of workers, which is two at least, at two message rates at least.
    """
    low, high = min(steps, key=lambda step: step.rate), max(steps, key=lambda step: step.rate)
    count, more = low.workers, high.rate - low.rate
    if count < 2 or not more:
        return ["The master's limits take two workers at two rates"]
    unit = (high.master_cpu - low.master_cpu) / (count * more)
    if unit <= 0:
        return [f"The master's CPU does not show a difference of {more:g} messages/s: raise --rates"]
    rest = max(0.0, low.master_cpu - count * low.rate * unit)
    told = [
        f"master CPU: ({high.master_cpu:.2%} - {low.master_cpu:.2%}) / ({count} workers x {more:g} messages/s) = "
        f"{unit * 1e6:,.0f} us a message and worker, {rest:.2%} at rest"
    ]
    up = (high.bytes_there_per_s - low.bytes_there_per_s) / more
    down = (high.bytes_back_per_s - low.bytes_back_per_s) / (more * (1 - 1 / count))
    told.append(
        f"bytes a message and worker: up ({high.bytes_there_per_s:,.0f} - {low.bytes_there_per_s:,.0f}) / {more:g} = "
        f"{up:,.0f}, down ({high.bytes_back_per_s:,.0f} - {low.bytes_back_per_s:,.0f}) / {more:g} / "
        f"{1 - 1 / count:g} (what others emit) = {down:,.0f}"
    )
    most = (MASTER_SHARE - rest) / unit
    told += [
        f"one master: ({MASTER_SHARE:g} - {rest:.2%}) / {unit * 1e6:,.0f} us = {most:,.0f} messages/s x workers; "
        f"of sockets that cause {MESSAGES_A_SOCKET_S:g} messages/s each, {SOCKETS_A_WORKER:,} a worker, that is "
        f"s x {MESSAGES_A_SOCKET_S:g} x s / {SOCKETS_A_WORKER:,} = {most:,.0f}: "
        f"{_sockets(most):,.0f} sockets on {_sockets(most) / SOCKETS_A_WORKER:,.0f} workers"
    ]
    workers, rate = SOCKETS // SOCKETS_A_WORKER, SOCKETS * MESSAGES_A_SOCKET_S
    pairs = workers * rate
    told += [
        f"{SOCKETS:,} sockets: {workers} workers x {rate:,.0f} messages/s = {pairs:,.0f}; x {unit * 1e6:,.0f} us = "
        f"{pairs * unit:,.1f} cores of the master, x {up:,.0f} B = {pairs * up / 1e6:,.0f} MB/s to it, "
        f"x {down:,.0f} B = {pairs * down / 1e6:,.0f} MB/s from it ({LINK_BYTES_S / 1e6:g} MB/s is a gigabit)",
        "breaks first: "
        + _first_broken((rest + pairs * unit) / MASTER_SHARE, pairs * up / LINK_BYTES_S, pairs * down / LINK_BYTES_S),
    ]
    return told


def _sockets(products: float) -> float:
    """How many sockets bring so many messages/s x workers."""
    return math.sqrt(products * SOCKETS_A_WORKER / MESSAGES_A_SOCKET_S)


def _first_broken(cpu: float, up: float, down: float) -> str:
    over, what = max((cpu, "the master's CPU"), (up, "the line to the master"), (down, "the line from the master"))
    return f"{what}, {over:,.1f} times what there is" if over > 1 else f"nothing; closest is {what}, at {over:.0%}"


def measure(workers: int, rate: float, options: argparse.Namespace, folder: Path) -> Step:
    """Run so many workers at a rate and look at all of them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    span_s = round(options.hold + _LEAD_S)
    load = ("--agents", options.agents, "--contacts", max(5, options.agents // 10), "--members", options.members)
    load += ("--typing", 0)  # its subjects rest longer where several workers share them: not the same load
    load += ("--emit-rate", rate, "--spawn-rate", options.agents / 4, "--deadline", 5, "--run-time", f"{span_s}s")
    where = ("--master", "--expect-workers", workers, "--master-bind-port", port)
    path = ROOT / "locustfiles" / _LOCUSTFILE
    worker = [sys.executable, "-m", "locust", "-f", str(path), "--worker", "--master-host", "127.0.0.1"]
    with contextlib.ExitStack() as stack:
        relays = []
        for _ in range(workers):
            argv = [sys.executable, "-m", "tests.e2e.relay", str(port), "0", "0", "0"]
            relay = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            relays.append(stack.enter_context(relay))
        master = stack.enter_context(Running(command(_LOCUSTFILE, folder, *load, *where), folder))
        for number, relay in enumerate(relays):
            assert relay.stdout is not None
            through = relay.stdout.readline().strip()
            beside = folder.with_name(f"{folder.name}-worker{number}")
            stack.enter_context(Running([*worker, "--master-port", through], beside))
        master.until_delivering()
        process = psutil.Process(master.pid)
        used, since = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(options.hold / 2)
        master_cpu = (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - since)
        ran = master.wait()
        carried = [_carried(relay) for relay in relays]
    if ran.code == 2:
        raise SystemExit(ran.err)
    summary = ran.summary
    hold_s = summary["run"]["hold_s"] or 1.0
    deliveries = sum(row["n"] or 0 for roles in summary["fanout"].values() for row in roles.values())
    generator = summary["generator"]
    per_s = workers * summary["run"]["duration_s"]
    return Step(
        workers=workers,
        rate=rate,
        deliveries_per_s=deliveries / hold_s,
        valid=generator["valid"],
        worker_cpu=generator["cpu_share_max"] or 0.0,
        master_cpu=master_cpu,
        bytes_there_per_s=sum(there for there, _ in carried) / per_s,
        bytes_back_per_s=sum(back for _, back in carried) / per_s,
        reason=generator["reasons"][0] if generator["reasons"] else "",
    )


def _carried(relay: subprocess.Popen[str]) -> tuple[int, int]:
    """Bytes that a relay carried to the master, and back; ends it."""
    out, _ = relay.communicate()
    there, back = out.split()
    return int(there), int(back)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 160])
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--hold", type=float, default=10.0)
    options = parser.parse_args()
    best: dict[int, float] = {}
    steps: dict[int, list[Step]] = {}
    head = ("workers", "messages/s", "deliveries/s", "valid", "worker CPU", "master CPU", "B/s up", "B/s down")
    sys.stdout.write("  ".join(f"{title:>12}" for title in head) + "   (bytes: per worker)\n")
    with tempfile.TemporaryDirectory(prefix="loadtest-scale-") as scratch:
        for workers in options.workers:
            for number, rate in enumerate(options.rates):
                step = measure(workers, rate, options, Path(scratch) / f"w{workers}-{number}")
                cells = (
                    f"{step.workers}",
                    f"{step.rate:g}",
                    f"{step.deliveries_per_s:,.0f}",
                    "yes" if step.valid else "no",
                    f"{step.worker_cpu:.0%}",
                    f"{step.master_cpu:.1%}",
                    f"{step.bytes_there_per_s:,.0f}",
                    f"{step.bytes_back_per_s:,.0f}",
                )
                sys.stdout.write("  ".join(f"{cell:>12}" for cell in cells) + f"   {step.reason[:90]}\n")
                sys.stdout.flush()
                steps.setdefault(workers, []).append(step)
                if step.valid:
                    best[workers] = max(best.get(workers, 0.0), step.deliveries_per_s)
    counted = [workers for workers in options.workers if workers in best]
    if not counted:
        sys.stdout.write("no step was valid: there is no ratio (too few cores for the server and the workers?)\n")
    for workers in counted[1:]:
        ratio = best[workers] / best[counted[0]]
        sys.stdout.write(f"{workers} workers carry {ratio:.2f} times what {counted[0]} carries\n")
    sys.stdout.writelines(f"{line}\n" for line in on_paper(steps[max(steps)]))


if __name__ == "__main__":
    main()
