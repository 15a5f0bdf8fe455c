"""The worst week there is to read: every series has samples in every window, over thousands of buckets each week.

Run as ``python -m tests.bench.week_dense [--windows N]``. A store of 10,080 windows of a minute and 24 series, some 570
samples each, is written; then report and soak page are made of it, each in a process of its own, with its time, the
processors' time in it and the most memory it held. Exits with 1 where a page took 10 s of a processor or more.
A real run's windows are far sparser: ``python -m tests.bench.week``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.metrics import Batch, Gauge, Note
from loadtest.store import RunWriter

WINDOWS = 10_080
WINDOW_S = 60.0
MOST_CPU_S = 10.0
SAMPLES = (450, 700)
_STARTED_S = 1_767_225_600
_SEED = 1
_TIMEOUT_S = 600
_US_PER_S = 1_000_000
_SERIES = (
    *(("fanout", f"event.{n}", role) for n in range(6) for role in ("agent", "contact")),
    *(("rest", f"call.{n}", "") for n in range(6)),
    *((metric, "", role) for metric in ("connect", "confirm", "beat_reply") for role in ("agent", "contact")),
)
_GAUGES = ("target.rss_bytes", "target.fds", "generator.rss_bytes", "users.connected.agent")
_MADE = (
    "import resource, sys, time\n"
    "from pathlib import Path\n"
    "began_s = time.monotonic()\n"
    "{make}\n"
    "most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "print(time.monotonic() - began_s, time.process_time(), most_kb / 1e3)\n"
)
_PAGES = {
    "soak": "from loadtest.report import soak; soak.build(Path(sys.argv[1]))",
    "report": "from loadtest.report import build; build(Path(sys.argv[1]))",
}


@dataclass(frozen=True)
class Page:
    """What making a page took.

    Attributes:
        took_s: from the first import on.
        cpu_s: of processors, from the process's start on, its threads' included.
        most_mb: resident memory at its peak.
    """

    took_s: float
    cpu_s: float
    most_mb: float


def write(folder: Path, windows: int = WINDOWS) -> int:
    """Write the store; returns its bytes.

    Args:
        folder: the run's folder, to be made.
        windows: how many.
    """
    rng = np.random.default_rng(_SEED)
    first = round(_STARTED_S / WINDOW_S)
    meta = {"window_s": WINDOW_S, "run_id": folder.name, "started_at": "2026-01-01T00:00:00+00:00", "deadline_s": 10.0}
    with RunWriter.create(folder, meta) as writer:
        writer.write(Batch(notes=[_phase("hold", 0)]))
        for n in range(windows):
            batch = Batch()
            for metric, name, role in _SERIES:
                values_us = rng.lognormal(9.5, 0.7, rng.integers(*SAMPLES)).astype(np.int64)
                batch.hist(first + n, metric, name, role).record_many(values_us)
            batch.add(first + n, "delivery.delivered", "event.0", "agent", value=1_000)
            batch.add(first + n, "generator.wall_us", value=round(WINDOW_S * _US_PER_S))
            at_us = round((_STARTED_S + n * WINDOW_S) * _US_PER_S)
            batch.gauges = [Gauge(at_us, name, "w", 5e8 + 10 * n) for name in _GAUGES]
            writer.write(batch)
        writer.write(Batch(notes=[_phase("drain", windows)]))
    return (folder / "run.sqlite").stat().st_size


def make(page: str, folder: Path) -> Page:
    """Make a page in a process of its own.

    Args:
        page: ``soak`` or ``report``.
        folder: the run's.
    """
    command = [sys.executable, "-c", _MADE.format(make=_PAGES[page]), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    return Page(*map(float, done.stdout.split()[-3:]))


def report(say: Callable[[str], None], windows: int, file_bytes: int, pages: dict[str, Page]) -> None:
    """Say what came of it."""
    say(f"{windows:,} windows, {len(_SERIES)} series, {file_bytes / 1e6:.0f} MB")
    for name, page in pages.items():
        say(f"  {name:<7} {page.took_s:5.1f} s, {page.cpu_s:5.1f} s of CPU, at most {page.most_mb:,.0f} MB in memory")


def _phase(name: str, window: int) -> Note:
    return Note(round((_STARTED_S + window * WINDOW_S) * _US_PER_S), "phase", name, {"phase": name})


def main() -> int:
    """Write, make, print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.week_dense", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--windows", type=int, default=WINDOWS, help="of a minute; a week has 10,080")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "week"
        file_bytes = write(folder, options.windows)
        pages = {name: make(name, folder) for name in _PAGES}
        report(print, options.windows, file_bytes, pages)
    return int(any(page.cpu_s >= MOST_CPU_S for page in pages.values()))


if __name__ == "__main__":
    sys.exit(main())
