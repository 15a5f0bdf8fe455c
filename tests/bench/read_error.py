"""How wrong are latencies that are taken at the read, and is that told? ``python -m tests.bench.read_error``.

The frame server writes bursts to 2,000 sockets at a rising rate and stamps each frame as it writes it. Every emission
is due a known time before, as of a server that takes so long: 20 ms and 100 ms, more where it is late itself. So the
truth of every latency is known: what was read later than the server's stamp is this tool's error, and what the kernel's
stamp says is later is the error of the latency up to the arrival. A window is held against the frames that were due in
it: where the 99th percentile of their error, less the way from the server's stamp to the kernel's, is more than a tenth
of the latency it has to be marked, or rough (``loadtest/collect/read_lag.py``).

The exit code is 0 where every such window was, and where the error at the arrival stayed below a millisecond at 20,000
frames a second; else 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import frames
from tests.bench.measure import Paced, Station, progress, server_command
from tests.bench.peers import ALL_STAMPS, Peer, all_peers
from tests.bench.processes import compiled

LATENCIES_MS = (20.0, 100.0)
RATES = (5_000.0, 20_000.0, 50_000.0, 80_000.0, 110_000.0, 140_000.0)
ERROR_SHARE = 0.1
ARRIVAL_RATE = 20_000.0
ARRIVAL_LIMIT_US = 1000.0
LEAST_FRAMES = 1000
"""A window that the stretch only touches has no p99 of its own."""

_GRACE_S = 30.0


def untold(paced: Paced) -> int:
    """Windows whose error is more than a tenth of the latency, and that are neither marked nor rough."""
    way_us = paced.arrival_p99_us or 0.0
    return sum(
        n >= LEAST_FRAMES and p99_us - way_us > ERROR_SHARE * latency_us and not marked and not rough
        for n, p99_us, latency_us, marked, rough in paced.windows
    )


def row(rate: float, paced: Paced, latency_ms: float) -> list[str]:
    """A stretch as a table shows it."""
    if paced.note:
        return [f"{rate:,.0f}", f"{paced.cpu_share:.0%}", paced.note, *[""] * 5]
    whole = [window for window in paced.windows if window[0] >= LEAST_FRAMES]
    error_us = paced.p99_us or 0.0
    return [
        f"{rate:,.0f}",
        f"{paced.cpu_share:.0%}",
        f"{(paced.arrival_p99_us or 0.0) / 1000:.3f} ms",
        f"{error_us / 1000:.1f} ms",
        f"{error_us / 10 / latency_ms:.0f} %",
        f"{sum(marked for *_, marked, _ in whole)} of {len(whole)}",
        f"{sum(rough for *_, rough in whole)}",
        f"{untold(paced)}",
    ]


def held(found: dict[tuple[float, float], Paced]) -> bool:
    """Whether all that had to be told was, by latency and rate."""
    arrivals = [
        paced.arrival_p99_us
        for (_, rate), paced in found.items()
        if rate == ARRIVAL_RATE and paced.arrival_p99_us is not None
    ]
    exact = not arrivals or statistics.median(arrivals) < ARRIVAL_LIMIT_US
    return exact and not any(untold(paced) for paced in found.values())


def measured(
    latencies_ms: Sequence[float], rates: Sequence[float], sockets: int, seconds: float
) -> dict[tuple[float, float], Paced]:
    """Stretches of so many seconds by latency and rate, slow ones first."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames.write_bodies(folder / "bodies")
        server = server_command(compiled("server.c", folder), folder / "bodies")
        ours = next(peer for peer in all_peers(folder, fetch=False) if peer.name == ALL_STAMPS)
        for latency_ms in latencies_ms:
            late = Peer(f"{ours.name}, {latency_ms:g} ms", (*ours.command, f"{latency_ms:g}"), ours.environment)
            station = Station(late, server, sockets)
            try:
                for rate in sorted(rates):
                    found[latency_ms, rate] = station.pace(rate, seconds, grace_s=_GRACE_S)
                    progress(f"  {latency_ms:g} ms, {rate:,.0f} frames/s done")
            finally:
                station.end()
    return found


def main() -> int:
    """Measure, and print a table for each latency."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.read_error", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each stretch")
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), metavar="FRAMES/S")
    parser.add_argument("--latencies", type=float, nargs="+", default=list(LATENCIES_MS), metavar="MS")
    options = parser.parse_args()
    found = measured(options.latencies, options.rates, options.sockets, options.seconds)
    head = ["frames/s", "CPU", "p99 error at arrival", "at the read", "of the latency"]
    head += ["windows marked", "rough", "above 10 % and neither"]
    for latency_ms in options.latencies:
        print(f"\nA server that takes {latency_ms:g} ms:\n\n| {' | '.join(head)} |\n|{' ---: |' * len(head)}")
        for rate in sorted(options.rates):
            print("| " + " | ".join(row(rate, found[latency_ms, rate], latency_ms)) + " |")
    return 0 if held(found) else 1


if __name__ == "__main__":
    sys.exit(main())
