"""One command that holds the receive path against its peers: ``python -m tests.bench [--quick]``.

It compiles a frame server and a draining client (gcc), fetches Node's ``ws`` and Python's ``wsaccel`` into a temporary
folder, and measures all clients in turn, round by round, on this machine: the clients on one core, the servers on
another. Ratios are medians over the rounds. Traffic stays on loopback.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import figure, frames, table
from tests.bench.measure import Connected, Gated, progress, server_command
from tests.bench.peers import OURS, all_peers
from tests.bench.processes import PeerError, compiled

KIND = "message.created"


def main() -> int:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="2,000 sockets only, fewer rounds: below three minutes")
    parser.add_argument("--sockets", type=int, nargs="+", help="numbers of sockets (200 2000 10000)")
    parser.add_argument("--rounds", type=int, help="rounds of every setting (5)")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="peers whose name holds one of these; ours is always in"
    )
    parser.add_argument("--figure", type=Path, metavar="FILE", help="also draw a figure")
    options = parser.parse_args()
    began_s = time.monotonic()
    if not Path("/proc").exists():
        parser.error("this bench reads /proc and pins processes: it needs Linux")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            program = compiled("server.c", folder)
        except PeerError as error:
            parser.error(str(error))
        frames.write_bodies(folder / "bodies")
        peers = all_peers(folder)
        if options.only:
            peers = [p for p in peers if OURS in p.name or any(word in p.name for word in options.only)]
        results = table.Results([peer.name for peer in peers], machine=machine())
        for sockets in options.sockets or ([2000] if options.quick else [200, 2000, 10_000]):
            progress(f"{sockets:,} sockets")
            with Connected(peers, server_command(program, folder / "bodies"), sockets, progress) as connected:
                rounds = options.rounds or (3 if options.quick else 5)
                for settings, times in plan(sockets, rounds, quick=options.quick):
                    results.gated |= connected.gate(settings, times, 0.2)
                if not options.quick or sockets == table.MAIN.sockets:
                    rates = [5_000.0, 20_000.0] if options.quick else [5_000.0, 20_000.0, 50_000.0]
                    repeats = 3 if sockets == table.MAIN.sockets and not options.quick else 1
                    for (peer, rate), paced in connected.pace(rates, 2.0, repeats).items():
                        results.paced[sockets, peer, rate] = paced
    results.machine += f" Took {time.monotonic() - began_s:.0f} s."
    sys.stdout.write(table.markdown(results))
    if options.figure:
        figure.draw(results, options.figure)
    return 1 if "MISSED" in table.targets(results) else 0


def plan(sockets: int, rounds: int, *, quick: bool) -> list[tuple[list[Gated], int]]:
    """The settings of a number of sockets, and how many rounds each has."""
    audience = table.MAIN.audience
    found = [([Gated(sockets, KIND, 1, audience)], rounds), ([Gated(sockets, KIND, 16, audience)], 1 if quick else 3)]
    if sockets == table.MAIN.sockets:
        smaller = [Gated(sockets, KIND, 1, n, only=OURS) for n in (200, 10)]
        others = [Gated(sockets, kind, 1, audience) for kind in frames.KINDS if kind != KIND]
        found += [(smaller, 2)] if quick else [(smaller, 3), (others, 3)]
    return found


def machine() -> str:
    """What this is measured on."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    return (
        f"Measured on {os.cpu_count()} cores of {cpu}, Linux {platform.release()}, Python {platform.python_version()}; "
        f"load average {load:.1f} at the start."
    )


if __name__ == "__main__":
    sys.exit(main())
