"""Master and workers on hosts of their own, a slow path between them: one exact result, and clocks within bounds.

The hosts are network namespaces; the second worker's host is a time namespace as well, where that can be made, so that
its monotonic clock is not the master's.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtest.store import open_run
from tests.e2e import namespaces
from tests.e2e.namespaces import HUB_ADDRESS, Host
from tests.e2e.test_shifted_clocks import can_shift_time, offsets_of
from tests.plugin.locusts import ROOT, Ran, Running, command

EMISSIONS = 60
POPULATION = ("--agents", "8", "--contacts", "5", "--members", "4")
PLAN = ("--emissions", EMISSIONS, "--emit-rate", 20, "--seed", 3, "--think-time", 0.5, "--typing", 0, "--canary", 0)
FAULTS = "loss=5%,dup=4%,leak=3%"
PORT = 5557
#: of each worker's way to the master and back: delay there, delay back, jitter of both, milliseconds
PATHS = ((4, 4, 3), (9, 2, 3))
SHIFT_S = 50_000


def needs_hosts() -> None:
    """Skip where none can be made."""
    if reason := namespaces.why_not():
        pytest.skip(reason)


def test_hosts_are_gone_when_their_block_fails() -> None:
    """Their names and addresses with them."""
    needs_hosts()
    made: list[Host] = []

    def fail() -> None:
        with namespaces.hosts(2) as found:
            made.extend(found)
            assert all(Path("/run/netns", host.name).exists() for host in made)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert 3 == len(made)
    assert not any(Path("/run/netns", host.name).exists() for host in made)


@dataclass
class Fleet:
    """The run, and what the server says it did.

    Attributes:
        ran: the master, which ended.
        truth: lines of the truth file that concern messages.
    """

    ran: Ran
    truth: list[dict[str, object]]


def a_child(stack: contextlib.ExitStack, *argv: object) -> str:
    """A process that ends with its standard input; returns the line it says when it is ready."""
    child = subprocess.Popen(
        [*map(str, argv)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    stack.enter_context(child)
    stack.callback(child.kill)
    assert child.stdout is not None
    assert child.stderr is not None
    return child.stdout.readline().strip() or pytest.fail(child.stderr.read())


def served(stack: contextlib.ExitStack, hub: Host, folder: Path) -> tuple[object, ...]:
    """Options of a run against a server on the hub."""
    ids = folder / "identities.jsonl"
    argv = (*hub.prefix, sys.executable, "-m", "loadtest", "serve", "--host-address", HUB_ADDRESS, *POPULATION)
    faults = ("--faults", FAULTS, "--truth", folder / "truth.jsonl", "--identities", ids, "--exit-on-stdin-eof")
    ready = json.loads(a_child(stack, *argv, *faults))
    return ("--host", ready["url"], "--allow-plaintext", "--identities", ids, "--dialect", "seed")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A run with its master on one host and a worker on each of two others, behind a relay of its own."""
    needs_hosts()
    folder = tmp_path_factory.mktemp("hosts")
    with contextlib.ExitStack() as stack:
        hub, *others = stack.enter_context(namespaces.hosts(len(PATHS)))
        where = ("--master", "--expect-workers", len(others), "--master-bind-host", HUB_ADDRESS)
        options = (*served(stack, hub, folder), *POPULATION, *PLAN, "--deadline", 4, "--max-users", 13)
        argv = command("agents.py", folder / "run", *where, "--master-bind-port", PORT, *options)
        master = stack.enter_context(Running([*hub.prefix, *argv], folder / "run"))
        worker = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "agents.py"), "--worker"]
        for number, (host, path) in enumerate(zip(others, PATHS, strict=True)):
            port = a_child(stack, *host.prefix, sys.executable, "-m", "tests.e2e.relay", f"{HUB_ADDRESS}:{PORT}", *path)
            shift = ["unshare", "--time", "--monotonic", str(SHIFT_S)] if number and can_shift_time() else []
            of_worker = [*host.prefix, *shift, *worker, "--master-host", "127.0.0.1", "--master-port", port]
            stack.enter_context(Running(of_worker, folder / f"worker{number}"))
        ran = master.wait()
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    truth = [line for line in map(json.loads, lines) if line.get("event") == "message.created"]
    return Fleet(ran, truth)


def test_counts_are_exact_across_hosts(fleet: Fleet) -> None:
    """Emitted as planned; lost, doubled and leaked as the server says; nothing late in coming is lost by the way."""
    row, kinds = fleet.ran.sums(), [line["kind"] for line in fleet.truth]

    assert row["emitted"] == EMISSIONS, fleet.ran.err
    assert {"loss": row["lost"], "dup": row["duplicated"], "leak": row["leaked"]} == {
        kind: kinds.count(kind) for kind in ("loss", "dup", "leak")
    }
    assert all(kinds.count(kind) > 0 for kind in ("loss", "dup", "leak"))
    assert row["delivered"] + row["late"] + row["lost"] == row["expected"] > EMISSIONS
    assert (row["undetermined"], row["unmatched"]) == (0, 0)


def test_both_workers_took_part(fleet: Fleet) -> None:
    """Each accounts for the sockets of its own host, and the master for their number."""
    closings = open_run(fleet.ran.folder).closing_frame()

    assert fleet.ran.summary["run"]["workers"] == 2
    assert 2 == closings.loc[closings["expected"] > 0, "worker"].nunique()


def test_offsets_lie_within_their_bounds(fleet: Fleet) -> None:
    """All hosts are one machine: the wall clocks are no further apart than is said, and no sample is out of range."""
    offsets = offsets_of(fleet.ran)

    assert 2 == len(offsets)
    assert all(found for _, found, _ in offsets.values())
    assert all(abs(o) <= b for _, found, bounds in offsets.values() for o, b in zip(found, bounds, strict=True))
    assert all(bound > 0 for _, _, bounds in offsets.values() for bound in bounds)
    assert fleet.ran.summary["generator"]["overflow"] == 0
