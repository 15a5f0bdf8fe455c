"""Runs Locust as a user would: in a process of its own, with everything it printed kept."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from loadtest.errors import UsageError
from loadtest.store import open_run

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120
_POLL_S = 0.05


@dataclass
class Ran:
    """A Locust process that ended."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def summary(self):
        """The run's summary.json."""
        return json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))

    def sums(self, event="message.created"):
        """The ledger's row of an event."""
        return self.summary["delivery"][event]


def command(locustfile, folder, *options):
    """The command line of a short headless run into ``folder``; the locustfile is ours or the user's."""
    ours = ROOT / "locustfiles" / locustfile
    return [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(ours if ours.exists() else locustfile),
        "--headless",
        "--only-summary",
        "--report-dir",
        str(folder.parent),
        "--run-id",
        folder.name,
        *map(str, options),
    ]


def environment(**more):
    """This process's environment without what would change a run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "LOADTEST_"))}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def locust(locustfile, folder, *options, cwd=ROOT):
    """Run a locustfile to its end."""
    done = subprocess.run(
        command(locustfile, folder, *options),
        check=False,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


def forked(workers):
    """Options of a run with so many forked workers, on a port that no other run uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return ("--processes", workers, "--master-bind-port", port, "--master-port", port)


class Running:
    """A Locust process under way; leave the ``with`` block, and it is gone with all it started.

    Args:
        argv: what to run, as :func:`command` gives it.
        folder: the run's folder; what the process prints is kept beside it.
        popen: further arguments for ``Popen``.
    """

    def __init__(self, argv: list[str], folder: Path, **popen: Any) -> None:
        self.folder = folder
        self._out = folder.with_name(f"{folder.name}.out")
        self._err = folder.with_name(f"{folder.name}.err")
        self._family: set[psutil.Process] = set()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                **{"cwd": ROOT, "env": environment()} | popen,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.family()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(TIMEOUT_S)
        for process in self.survivors(timeout_s=0):
            process.kill()

    @property
    def err(self) -> str:
        """What it wrote to standard error so far."""
        return self._err.read_text(encoding="utf-8")

    def family(self) -> set[psutil.Process]:
        """All processes it has started, as far as they were seen by this call or an earlier one."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._family.update(psutil.Process(self.pid).children(recursive=True))
        return self._family

    def server(self) -> psutil.Process:
        """The embedded server."""
        (server,) = (process for process in self.family() if "loadtest.refserver" in " ".join(process.cmdline()))
        return server

    def survivors(self, timeout_s: float = 10) -> list[psutil.Process]:
        """Which of the processes seen are still there, ``timeout_s`` later at most."""
        return psutil.wait_procs(self._family, timeout=timeout_s)[1]

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until a condition holds; it is an error when the process ends before."""
        until_s = time.monotonic() + TIMEOUT_S
        while not (value := condition()):
            assert self._process.poll() is None, self.err
            assert time.monotonic() < until_s, self.err
            time.sleep(_POLL_S)
        self.family()
        return value

    def until_said(self, pattern: str) -> None:
        """Wait until it wrote this (a regular expression) to standard error."""
        self.until(lambda: re.search(pattern, self.err))

    def until_delivering(self) -> None:
        """Wait until deliveries of the hold are in the store."""
        self.until(self._is_delivering)

    def _is_delivering(self) -> bool:
        try:
            counts = open_run(self.folder).count_frame()
        except UsageError:  # not there yet
            return False
        delivered = counts[(counts["metric"] == "delivery.delivered") & (counts["name"] == "message.created")]
        return bool((delivered["phase"] == "hold").any())

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to it and all its forked workers, as a terminal does; it must lead a session of its own."""
        os.killpg(self.pid, number)

    def wait(self) -> Ran:
        """Wait for its end, remembering whom it starts until then."""
        until_s = time.monotonic() + TIMEOUT_S
        while self._process.poll() is None:
            assert time.monotonic() < until_s, self.err
            self.family()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5 * _POLL_S)
        return Ran(self._process.returncode, self._out.read_text(encoding="utf-8"), self.err, self.folder)
