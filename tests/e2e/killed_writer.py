"""Writes ticks of a run as fast as it can and says each number once it is written: to be killed at any moment.

Run as ``python killed_writer.py FOLDER [LIMIT_BYTES]``. With a limit no file may grow above it, as on a full disk,
until a line comes on standard input.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from loadtest.errors import GeneratorError
from loadtest.metrics import Batch, Gauge, Note
from loadtest.store import RunWriter
from tests.store.runs import META, START_S, closing


def tick(number: int) -> Batch:
    """One tick: one of everything, in a window of its own, and in one that stays open."""
    batch = Batch(
        closings=[closing(f"m{number}", due_us=(START_S + number) * 1_000_000)],
        gauges=[Gauge((START_S + number) * 1_000_000, "generator.open_entries", "w1", 3.0)],
    )
    for window in (START_S, START_S + number):
        batch.hist(window, "rest", "agent.send_message").record(1_000 + number)
        batch.add(window, "rest.n", "agent.send_message")
    return batch


def main() -> None:
    """Write until killed."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with RunWriter.create(folder, META) as writer:
        writer.write(Batch(notes=[Note(START_S * 1_000_000, "phase", "hold", {"phase": "hold"})]))
        if len(sys.argv) > 2:
            _on_a_full_disk(writer, int(sys.argv[2]))
            return
        number = 0
        while True:
            number += 1
            writer.write(tick(number))
            print(number, flush=True)


def _on_a_full_disk(writer: RunWriter, limit_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    number = failed = 0
    while failed < 200:
        number += 1
        try:
            writer.write(tick(number))
        except GeneratorError as error:
            failed += 1
            if failed == 1:
                print(error, flush=True)
    print("full", flush=True)
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    writer.write(tick(number + 1))
    print(number + 1, flush=True)


if __name__ == "__main__":
    main()
