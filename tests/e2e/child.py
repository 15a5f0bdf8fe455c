"""A peer of the tests as a child process: awaited until it serves, its output kept, ended with the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]
START_DEADLINE_S = 60
STOP_DEADLINE_S = 10


class Child:
    """A child process in its own process group, whose output is read line by line and kept; a context manager.

    Args:
        command: what to run.
        ready: pattern that a line of output matches once the process serves.
        env: variables added to this process's environment.
        cwd: the child's working directory.
    """

    def __init__(
        self, command: list[str], ready: re.Pattern[str], env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        self._lines: list[str] = []
        self._found: re.Match[str] | None = None
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, ready), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything the process has written so far."""
        return "".join(self._lines)

    def _read(self, output: IO[str], ready: re.Pattern[str]) -> None:
        for line in output:
            self._lines.append(line)
            if self._found is None and (found := ready.search(line)):
                self._found = found
                self._ready.set()
        self._ready.set()

    def wait_ready(self) -> re.Match[str]:
        """Block until the process serves.

        Returns:
            The match in the line that said so.

        Raises:
            RuntimeError: it ended, or stayed silent for too long; holds its output.
        """
        self._ready.wait(START_DEADLINE_S)
        if self._found is None:
            self.stop()
            raise RuntimeError(
                f"{self._process.args!r} did not start within {START_DEADLINE_S} s, or ended:\n{self.log}"
            )
        return self._found

    def close_stdin(self) -> None:
        """Close the child's standard input, as the death of this process would."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> int:
        """Block until the process has ended; its exit status, negative for a signal."""
        status = self._process.wait(STOP_DEADLINE_S)
        self._reader.join(STOP_DEADLINE_S)
        return status

    def stop(self) -> None:
        """End the process and whatever it started: asked first, then killed."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()
        self.close_stdin()
        assert self._process.stdout is not None
        self._process.stdout.close()
