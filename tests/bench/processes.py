"""The bench's processes: compiled, started, pinned to a core, spoken to, and ended."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NATIVE = Path(__file__).with_name("native")
CLIENT_CORE = 0
SERVER_CORE = 1


class PeerError(Exception):
    """A process did not do as it was asked; the text says what it said instead."""


def cpu_s(pid: int) -> float:
    """CPU time of a process, all its threads, to the nanosecond: its CPU clock, see clock_getcpuclockid(3)."""
    return time.clock_gettime(((~pid) << 3) | 2)


def compiled(source: str, folder: Path) -> Path:
    """Compile one of the C programs.

    Raises:
        PeerError: there is no compiler, or it complains.
    """
    program = folder / Path(source).stem
    command = ["gcc", "-O2", "-o", str(program), str(NATIVE / source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PeerError("gcc is missing (Debian: apt-get install gcc libc6-dev)") from None
    if done.returncode:
        raise PeerError(f"gcc: {done.stderr.strip()}")
    return program


class Process:
    """A child that answers lines with lines.

    Args:
        command: what to run.
        core: the core it is pinned to, where the machine has it.
        environment: added to ours.
    """

    def __init__(self, command: Sequence[str], core: int, environment: Mapping[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
        )
        if core in os.sched_getaffinity(0):
            os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._rest = b""

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far."""
        return cpu_s(self._process.pid)

    @property
    def rss_bytes(self) -> int:
        """Its resident memory."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def tell(self, line: str) -> None:
        """Send a line.

        Raises:
            PeerError: it has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise PeerError(self._last_words()) from None

    def heard(self, timeout_s: float = 60.0) -> str:
        """Its next line.

        Raises:
            PeerError: it ended, complained, or said nothing in time.
        """
        assert self._process.stdout is not None
        limit_s = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            left_s = limit_s - time.monotonic()
            if left_s <= 0 or not self._selector.select(left_s):
                raise PeerError(f"no answer within {timeout_s:g} s")
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                raise PeerError(self._last_words())
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        text = line.decode()
        if text.startswith('{"error"'):
            raise PeerError(json.loads(text)["error"])
        return text

    def ask(self, line: str, timeout_s: float = 60.0) -> str:
        """Send a line and wait for the answer."""
        self.tell(line)
        return self.heard(timeout_s)

    def value(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Its next line as JSON."""
        found: dict[str, Any] = json.loads(self.heard(timeout_s))
        return found

    def end(self) -> None:
        """End it, without ceremony."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors, self._selector):
            if stream is not None:
                stream.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        words = self._errors.read().strip().splitlines()
        return words[-1] if words else f"it ended with code {self._process.poll()}"
