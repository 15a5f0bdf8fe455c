"""A process's own log of deliveries: every latency that goes into the histograms, one by one; JSON lines.

It is for calibration and a look into a run, not for large ones: one line a delivery. With it each latency can be held
against what a server says it did to that very delivery, which no histogram allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_US
from loadtest.collect.entry import Entry
from loadtest.collect.epochs import Epochs
from loadtest.collect.line_log import LineLog, read_lines
from loadtest.collect.people import People


class Delivery(msgspec.Struct, omit_defaults=True):
    """One line: a required receiver's first copy of an emission.

    Attributes:
        event: what was emitted.
        mark: the emission's key, as in closing records.
        receiver: who got it, as ``agent:7``.
        due: when it was due, Unix microseconds.
        sent: microseconds from then to when its request was written.
        latency: microseconds from then to when this process read it, as in the histogram ``fanout``.
        arrival: microseconds from then to when the kernel had received it, as in ``fanout_arrival``; None where that
            is not known exactly.
    """

    event: str
    mark: str
    receiver: str
    due: int
    sent: int
    latency: int
    arrival: int | None = None


_encode = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(Delivery).decode


class DeliveryLog:
    """Writes the log.

    Args:
        path: the file.
        people: the identities simulated here.
        epochs: their subscriptions.

    Raises:
        UsageError: the file cannot be made.
    """

    def __init__(self, path: Path, people: People, epochs: Epochs) -> None:
        self._people = people
        self._epochs = epochs
        self._out = LineLog(path)

    def write(self, entry: Entry, epochs: NDArray[np.int64], latencies_us: NDArray[np.int64]) -> None:
        """Add the latencies of an emission.

        Args:
            entry: the emission.
            epochs: who received it, shape (n,).
            latencies_us: from the due time, as they are recorded, shape (n,).
        """
        action = entry.action
        assert action is not None
        lags_us = _lags_us(entry)
        sent_us = (entry.written_ns - action.due_ns) // NS_PER_US
        mark = entry.key.decode()
        lines = [
            Delivery(
                action.event,
                mark,
                self._people.name(int(self._epochs.identity[epoch])),
                entry.due_us,
                sent_us,
                latency_us,
                None if (lag_us := lags_us.get(epoch)) is None else latency_us - lag_us,
            )
            for epoch, latency_us in zip(epochs.tolist(), latencies_us.tolist(), strict=True)
        ]
        self._out.write(_encode(lines))

    def close(self) -> None:
        """Write what waits, and no more."""
        self._out.close()


def _lags_us(entry: Entry) -> dict[int, int]:
    """By epoch, how long the kernel had held its first copy before it was read, where that is known."""
    known, arrivals = entry.kernel_arrivals()
    read_ns: dict[int, int] = {}
    for epoch, when_ns in zip(entry.who, entry.when, strict=True):
        read_ns.setdefault(epoch, when_ns)
    pairs = zip(known.tolist(), arrivals.tolist(), strict=True)
    return {epoch: (read_ns[epoch] - arrival_ns) // NS_PER_US for epoch, arrival_ns in pairs}


def read_deliveries(paths: Iterable[Path]) -> list[Delivery]:
    """The lines of a run's logs, one file a process, in the order in which they were written.

    Raises:
        UsageError: there is no such file, or it is no such log.
    """
    return [line for path in paths for line in read_lines(path, _decode, "deliveries")]
