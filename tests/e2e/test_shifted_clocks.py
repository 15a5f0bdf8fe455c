"""Workers whose clocks are not the master's: their offsets are found, and nothing is lost or out of range by them."""

import contextlib
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.store import open_run
from tests.plugin.locusts import ROOT, Ran, Running, command, environment

SHIFT_S = 100_000
AHEAD_S = 3.0
DRIFT = 500e-6
OPTIONS = ("--agents", 6, "--contacts", 3, "--emit-rate", 8, "--deadline", 3, "--run-time", "6s", "--kernel-stamps", 0)
#: a clock's bound beyond this was not measured
_LOOSE_US = 50_000


def faketime_library() -> str:
    """Where libfaketime is; empty where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else ""


def can_shift_time() -> bool:
    """Whether this machine lets us make a time namespace."""
    tool = shutil.which("unshare")
    if tool is None:
        return False
    return not subprocess.run([tool, "--time", "true"], check=False, capture_output=True).returncode


def run_with(folder: Path, prefix: list[str], relayed: tuple[int, int, int], **more: str) -> Ran:
    """A run over two workers: an ordinary one, and one started with a prefix.

    Args:
        folder: where everything goes.
        prefix: the second worker's.
        relayed: its way to the master and back: delay there, delay back, jitter of both, milliseconds.
        more: its further environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--master", "--expect-workers", 2, "--master-bind-port", port, *OPTIONS)
    worker = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "agents.py"), "--worker"]
    worker += ["--master-host", "127.0.0.1", "--master-port"]
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.relay", str(port), *map(str, relayed)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert relay.stdout is not None
        through = relay.stdout.readline().strip()
        master = stack.enter_context(Running(command("agents.py", folder / "run", *options), folder / "run"))
        stack.enter_context(Running([*worker, str(port)], folder / "near"))
        stack.enter_context(Running([*prefix, *worker, through], folder / "far", env=environment() | more))
        return master.wait()


def offsets_of(ran: Ran) -> dict[str, tuple[list[float], list[float], list[float]]]:
    """By worker: moments, offsets and bounds, in seconds and microseconds."""
    gauges = open_run(ran.folder).gauge_frame()
    found = {}
    for worker, rows in gauges[gauges["name"].str.startswith("generator.clock_")].groupby("worker"):
        offsets = rows[rows["name"] == "generator.clock_offset_us"]
        bounds = rows[rows["name"] == "generator.clock_bound_us"]
        found[worker] = (offsets["at_s"].tolist(), offsets["value"].tolist(), bounds["value"].tolist())
    return found


def assert_sound(ran: Ran) -> None:
    """Nothing is lost, leaked or out of range, and everything that was emitted was expected by both workers."""
    row, generator = ran.sums(), ran.summary["generator"]

    assert row["emitted"] > 0
    assert (row["lost"], row["leaked"], row["undetermined"], row["unmatched"]) == (0, 0, 0, 0)
    assert row["delivered"] + row["late"] == row["expected"] > row["emitted"]
    assert generator["overflow"] == 0
    assert 0 < generator["clock_bound_ms"] < 2 * _LOOSE_US / 1000


def test_a_worker_whose_monotonic_clock_is_shifted(tmp_path: Path) -> None:
    """In a time namespace a day off, behind a path that nobody can see is slow one way only: still nothing is lost.

    Its stamps are 5 ms late by that, which is more than a delivery takes here, and within the bound.
    """
    if not can_shift_time():
        pytest.skip("no time namespace can be made here: that takes Linux 5.6, and root or CAP_SYS_ADMIN")
    ran = run_with(tmp_path, ["unshare", "--time", "--monotonic", str(SHIFT_S)], (12, 2, 1))

    assert_sound(ran)
    offsets = offsets_of(ran)
    assert len(offsets) == 2
    assert all(abs(o) <= b for _, found, bounds in offsets.values() for o, b in zip(found, bounds, strict=True))


@pytest.mark.peer
def test_a_worker_whose_clocks_are_ahead_and_drift(tmp_path: Path) -> None:
    """All its clocks run half a per mille too fast and its wall clock is seconds ahead: both are followed."""
    library = faketime_library()
    if not library:
        pytest.skip("libfaketime is not installed")
    fake = {"LD_PRELOAD": library, "FAKETIME": f"+{AHEAD_S:g}s x{1 + DRIFT}", "FAKETIME_NO_CACHE": "1"}
    ran = run_with(tmp_path, [], (1, 1, 1), **fake)

    assert_sound(ran)
    ((at_s, found, bounds),) = [o for o in offsets_of(ran).values() if any(o[1])]
    assert all(
        -(AHEAD_S + 1) * 1e6 < offset - bound < -AHEAD_S * 1e6 for offset, bound in zip(found, bounds, strict=True)
    )
    drifted_us = DRIFT * 1e6 * (at_s[-1] - at_s[0])
    assert abs(found[0] - found[-1] - drifted_us) <= bounds[0] + bounds[-1]
