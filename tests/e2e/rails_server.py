"""Real servers as child processes: Action Cable under puma with our RoomChannel (``tests/e2e/rails``), and Redis.

Each is ended by its context's exit; puma also by the death of this process, which closes its standard input.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

_APP = Path(__file__).parent / "rails"
_LISTENING = re.compile(r"Listening on (http://127\.0\.0\.1:\d+)")
_READY = re.compile(r"[Rr]eady to accept connections at")
_START_DEADLINE_S = 60
_STOP_DEADLINE_S = 10

PACKAGES = "ruby ruby-actioncable puma ruby-redis redis-server"


@functools.cache
def available() -> bool:
    """Whether puma and Action Cable's library are installed."""
    ruby, puma = shutil.which("ruby"), shutil.which("puma")
    if ruby is None or puma is None:
        return False
    return subprocess.run([ruby, "-e", 'require "action_cable"'], capture_output=True, check=False).returncode == 0


@functools.cache
def redis_available() -> bool:
    """Whether a Redis server and Ruby's client for it are installed."""
    ruby, redis = shutil.which("ruby"), shutil.which("redis-server")
    if ruby is None or redis is None:
        return False
    return subprocess.run([ruby, "-e", 'require "redis"'], capture_output=True, check=False).returncode == 0


class _Child:
    """A child process in its own process group, whose output is read line by line and kept.

    Args:
        command: what to run.
        ready: pattern that a line of output matches once the process serves.
        env: variables added to this process's environment.
        cwd: the child's working directory.
    """

    def __init__(self, command: list[str], ready: re.Pattern[str], env: Mapping[str, str], cwd: Path) -> None:
        self._lines: list[str] = []
        self._found: re.Match[str] | None = None
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **env},
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
        self._ready.wait(_START_DEADLINE_S)
        if self._found is None:
            self.stop()
            raise RuntimeError(
                f"{self._process.args!r} did not start within {_START_DEADLINE_S} s, or ended:\n{self.log}"
            )
        return self._found

    def close_stdin(self) -> None:
        """Close the child's standard input, as the death of this process would."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> int:
        """Block until the process has ended; its exit status, negative for a signal."""
        status = self._process.wait(_STOP_DEADLINE_S)
        self._reader.join(_STOP_DEADLINE_S)
        return status

    def stop(self) -> None:
        """End the process and whatever it started: asked first, then killed."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()
        self.close_stdin()
        assert self._process.stdout is not None
        self._process.stdout.close()


class RailsServer:
    """Action Cable and the REST calls of the toolkit, on loopback, on a port the kernel chose.

    A context manager; serves from enter to exit.

    Args:
        identities: the identities file, read once at the start.
        agent_expiry_s: how long an agent counts as online after a beat.
        contact_expiry_s: the same of a contact.
        redis_url: use Action Cable's redis adapter and keep presence in that Redis; None is the async adapter.
        contact_updated: follow a contact's message by ``contact.updated`` on the account's stream.
    """

    def __init__(
        self,
        identities: Path,
        *,
        agent_expiry_s: int = 60,
        contact_expiry_s: int = 60,
        redis_url: str | None = None,
        contact_updated: bool = False,
    ) -> None:
        self.identities = identities
        self._env = {
            "IDENTITIES": str(identities),
            "AGENT_EXPIRY": str(agent_expiry_s),
            "CONTACT_EXPIRY": str(contact_expiry_s),
            "CABLE_REDIS_URL": redis_url or "",
            "CONTACT_UPDATED": "1" if contact_updated else "0",
            "EXIT_WITH_STDIN": "1",
        }
        self._child: _Child | None = None
        self._base_url = ""

    def __enter__(self) -> RailsServer:
        # "-C -" keeps puma from reading a configuration file it may find.
        command = ["puma", "-C", "-", "-e", "production", "-t", "5:5", "-b", "tcp://127.0.0.1:0", "config.ru"]
        self._child = _Child(command, _LISTENING, self._env, _APP)
        self._base_url = self._child.wait_ready()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running().stop()

    def _running(self) -> _Child:
        if self._child is None:
            raise RuntimeError("the server was not started: use it as a context manager")
        return self._child

    @property
    def base_url(self) -> str:
        """Where REST is served, such as ``http://127.0.0.1:40241``."""
        return self._base_url

    @property
    def cable_url(self) -> str:
        """Where the cable is served."""
        return self._base_url.replace("http", "ws", 1) + "/cable"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running().pid

    @property
    def log(self) -> str:
        """What the server has written so far, Action Cable's warnings and errors included."""
        return self._running().log

    def close_stdin(self) -> None:
        """Close the server's standard input, as the death of this process would."""
        self._running().close_stdin()

    def wait(self) -> int:
        """Block until the server has ended.

        Returns:
            Its exit status, negative for a signal.
        """
        return self._running().wait()


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis that listens on a Unix socket alone and writes nothing to disk.

    Yields:
        The address a Redis client takes, ``unix:///...``.
    """
    # The folder's name is short, because a socket's path may have no more than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = f"{folder}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"]
        child = _Child(command, _READY, {}, Path(folder))
        try:
            child.wait_ready()
            yield f"unix://{socket}"
        finally:
            child.stop()
