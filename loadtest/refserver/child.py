"""The reference server as a child process of a run: started with a deadline, gone when the run is.

Standard library only, and the same whether or not gevent has patched it: the child's ends are plain file descriptors
that no event loop ever watches, and ``subprocess.Popen`` is looked up at the call. Descriptors are closed by ``posix``,
because gevent's ``os.close`` only takes effect when its loop next runs, which in a forked process it may never do.

The child lives as long as this process holds the write end of its standard input. The kernel closes that end however
this process dies; forked processes (Locust's workers) close their copy at once.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import posix
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.errors import GeneratorError
from loadtest.refserver.settings import ServerSettings

START_TIMEOUT_S = 15.0
"""How long a start may take, a failed one with its clean-up included."""

_TAIL_BYTES = 2000
_KILL_S = 1.0
_POLL_S = 0.01
_ROOT = str(Path(__file__).resolve().parents[2])
# -P keeps the user's folder, where a random.py may stand, from the path; the toolkit's own folder goes to its end,
# behind the standard library.
_COMMAND = (
    sys.executable,
    "-P",
    "-c",
    f"import sys; sys.path.append({_ROOT!r}); from loadtest.refserver.main import main; sys.exit(main())",
)


class ServerChild:
    """A reference server that runs as a child; made by :func:`start_child`.

    Attributes:
        url: base URL of its REST API.
        cable_url: URL of its cable.
        pid: its process id.
        ready: all it said of itself when it was ready.
    """

    def __init__(self, process: subprocess.Popen[bytes], stdin_fd: int, stderr_fd: int) -> None:
        self._process = process
        self._stdin_fd = stdin_fd
        self._stderr_fd = stderr_fd
        self._owner_pid = os.getpid()
        self.pid = process.pid
        self.url = ""
        self.cable_url = ""
        self.ready: dict[str, Any] = {}

    @property
    def is_alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def check(self) -> None:
        """Do nothing while the server runs.

        Raises:
            GeneratorError: it has ended, with the end of what it wrote to standard error.
        """
        code = self._process.poll()
        if code is not None:
            raise _failure(f"the embedded server (pid {self.pid}) ended during the run, {_describe(code)}", self.tail())

    def tail(self) -> str:
        """The end of what the server wrote to standard error, empty when it wrote nothing or was stopped."""
        return _tail(self._stderr_fd) if self._stderr_fd >= 0 else ""

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the server: close its standard input, wait, then kill. Does nothing the second time.

        Args:
            timeout_s: how long it may take to end by itself.
        """
        if os.getpid() != self._owner_pid or self._stderr_fd < 0:
            return
        _CHILDREN.discard(self)
        self.release()
        _reap(self._process, timeout_s)
        posix.close(self._stderr_fd)
        self._stderr_fd = -1

    def await_ready(self, stdout_fd: int, deadline_s: float) -> None:
        """Read the line the server prints when it is ready.

        Args:
            stdout_fd: read end of its standard output.
            deadline_s: monotonic time in seconds at which waiting ends.

        Raises:
            GeneratorError: no such line came.
        """
        line = _read_line(stdout_fd, deadline_s)
        ready = _parse_ready(line)
        if ready is None:
            if line is None:
                raise _failure("the embedded server was not ready in time", self.tail())
            code = _ended(self._process)
            how = "" if code is None else f", {_describe(code)}"
            raise _failure(f"the embedded server ended before it was ready{how}", self.tail())
        self.ready, self.url, self.cable_url = ready, ready["url"], ready["cable_url"]

    def release(self) -> None:
        """Close this process's hold on the server's standard input."""
        if self._stdin_fd >= 0:
            posix.close(self._stdin_fd)
            self._stdin_fd = -1


def start_child(settings: ServerSettings, timeout_s: float = START_TIMEOUT_S) -> ServerChild:
    """Start the reference server and wait until it serves.

    Args:
        settings: how to serve, and whom; ``exit_on_stdin_eof`` is set in any case.
        timeout_s: bound on the whole call, a failed start with its clean-up included; in seconds.

    Returns:
        The running server. It ends with this process at the latest.

    Raises:
        GeneratorError: it did not become ready; the text holds the end of what it wrote to standard error.
    """
    deadline_s = time.monotonic() + timeout_s
    argv = [*_COMMAND, *replace(settings, exit_on_stdin_eof=True).to_argv()]
    descriptors: list[int] = []
    try:
        stdin_read, stdin_write = _pipe(descriptors)
        stdout_read, stdout_write = _pipe(descriptors)
        with tempfile.TemporaryFile() as file:
            stderr = _above_stdio(os.dup(file.fileno()), descriptors)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            argv, stdin=stdin_read, stdout=stdout_write, stderr=stderr, start_new_session=True, close_fds=True
        )
    except OSError as error:
        for descriptor in descriptors:
            posix.close(descriptor)
        raise GeneratorError(
            f"the embedded server could not be started: {error}",
            remedy="Free memory, processes or file descriptors (ulimit -n, ulimit -u), or give --host",
        ) from error
    posix.close(stdin_read)
    posix.close(stdout_write)
    child = ServerChild(process, stdin_write, stderr)
    _CHILDREN.add(child)
    try:
        # The last part of the time is kept for the clean-up of a start that failed.
        child.await_ready(stdout_read, deadline_s - min(_KILL_S, timeout_s / 2))
    except BaseException:
        child.stop(timeout_s=0)
        raise
    finally:
        posix.close(stdout_read)
    return child


def _pipe(made: list[int]) -> tuple[int, int]:
    read, write = os.pipe()
    return _above_stdio(read, made), _above_stdio(write, made)


def _above_stdio(descriptor: int, made: list[int]) -> int:
    """Move a descriptor above 2, noting it in ``made``.

    A job started with closed standard streams is handed their numbers; whatever is printed would go into our pipe.
    """
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    posix.close(descriptor)
    made.append(moved)
    return moved


def _read_line(descriptor: int, deadline_s: float) -> bytes | None:
    """One line; what came before the end when the writer ended; None when the deadline passed."""
    os.set_blocking(descriptor, False)
    data = b""
    while b"\n" not in data:
        if time.monotonic() >= deadline_s:
            return None
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            time.sleep(_POLL_S)  # gives way to other greenlets where gevent has patched it
            continue
        if not chunk:
            return data
        data += chunk
    return data


def _parse_ready(line: bytes | None) -> dict[str, Any] | None:
    if not line or not line.endswith(b"\n"):
        return None
    try:
        ready = json.loads(line)
    except ValueError:
        return None
    return ready if isinstance(ready, dict) and {"url", "cable_url", "pid"} <= ready.keys() else None


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_KILL_S / 2)
    return None


def _reap(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        # It leads a session of its own, so the group is the server and nothing else.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace")
    # a traceback's last line says what happened; its frames would bury that
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith((" ", "Traceback ")))
    return "; ".join(lines)


def _describe(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _failure(what: str, tail: str) -> GeneratorError:
    said = f"It wrote: {tail}" if tail else "It wrote nothing to standard error"
    return GeneratorError(what, remedy=f"{said}. Try `loadtest serve` by itself, or give --host")


_CHILDREN: set[ServerChild] = set()


def _stop_all() -> None:
    for child in list(_CHILDREN):
        child.stop(timeout_s=2.0)


def _forget_all() -> None:
    for child in list(_CHILDREN):
        child.release()
    _CHILDREN.clear()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_forget_all)
