"""What a second worker brings, and what workers cost the master.

    python -m tests.bench.scale [--workers 1 2] [--rates 20 40 80] [--agents 200] [--members 100] [--hold 15]

For each number of workers the message rate is raised step by step until the run is no longer valid; the best valid step
counts. The master's CPU and the bytes between it and its workers (counted by a relay on the way) are given per worker
and second. The embedded server needs a core of its own, and so does every worker: with fewer cores the ratio tells of
the machine. Every load is bounded by its run time.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
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


def measure(workers: int, rate: float, options: argparse.Namespace, folder: Path) -> Step:
    """Run so many workers at a rate and look at all of them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    span_s = round(options.hold + _LEAD_S)
    load = ("--agents", options.agents, "--contacts", max(5, options.agents // 10), "--members", options.members)
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
    parser.add_argument("--rates", type=float, nargs="+", default=[20, 40, 80])
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--hold", type=float, default=15.0)
    options = parser.parse_args()
    best: dict[int, float] = {}
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
                if not step.valid:
                    break
                best[workers] = max(best.get(workers, 0.0), step.deliveries_per_s)
    first, *others = (workers for workers in options.workers if workers in best)
    for workers in others:
        sys.stdout.write(f"{workers} workers carry {best[workers] / best[first]:.2f} times what {first} carries\n")


if __name__ == "__main__":
    main()
