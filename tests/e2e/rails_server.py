"""Real servers as child processes: Action Cable under puma with our RoomChannel (``tests/e2e/rails``), and Redis.

Each is ended by its context's exit; puma also by the death of this process, which closes its standard input.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.e2e.child import Child

_APP = Path(__file__).parent / "rails"
_LISTENING = re.compile(r"Listening on (http://127\.0\.0\.1:\d+)")
_READY = re.compile(r"[Rr]eady to accept connections at")

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
        self._child: Child | None = None
        self._base_url = ""

    def __enter__(self) -> RailsServer:
        # "-C -" keeps puma from reading a configuration file it may find.
        command = ["puma", "-C", "-", "-e", "production", "-t", "5:5", "-b", "tcp://127.0.0.1:0", "config.ru"]
        self._child = Child(command, _LISTENING, self._env, _APP)
        self._base_url = self._child.wait_ready()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running().stop()

    def _running(self) -> Child:
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
        child = Child(command, _READY, {}, Path(folder))
        try:
            child.wait_ready()
            yield f"unix://{socket}"
        finally:
            child.stop()
