"""One Locust run as a child process: started, watched, ended in time, and read back.

The child leads a session of its own, so that a Ctrl-C in the terminal reaches this process alone, which then ends the
run by SIGTERM. That is the signal on which a run drains and writes its report, and unlike SIGINT it is never ignored by
a job that a shell started in the background. Whoever does not end within its grace, or is interrupted a second time, is
killed with all it has forked; the embedded server ends by itself when the run that owns it is gone.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from loadtest.errors import GeneratorError, UsageError

GRACE_S = 60.0
"""How long a run that is told to end may drain and write its report."""

_TICK_S = 0.2
_SAID_LINES = 4
_TROUBLE = re.compile(r"^loadtest: |: error: |/(ERROR|CRITICAL)/|^[\w.]+(Error|Exception)\b")
_OURS = ("LOCUST_", "LOADTEST_")

Options = Mapping[str, object]
Ticker = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that is over.

    Attributes:
        folder: the run's folder; it may be missing when the run was refused.
        exit_code: of the process, negative for the signal that killed it.
        verdict: PASS, FAIL, INCONCLUSIVE or INVALID, or None where there is no summary.
        stdout: file with what it wrote to standard output.
        stderr: file with what it wrote to standard error.
        duration_s: from its start to its end.
        timed_out: whether it was ended because its time was over.
    """

    folder: Path
    exit_code: int
    verdict: str | None
    stdout: Path
    stderr: Path
    duration_s: float
    timed_out: bool = False

    @property
    def summary(self) -> dict[str, Any]:
        """The run's summary.json.

        Raises:
            GeneratorError: it wrote none.
        """
        summary = _read_summary(self.folder)
        if summary is None:
            raise GeneratorError(f"the run in {self.folder} left no summary", remedy=self.complaint())
        return summary

    def complaint(self) -> str:
        """How the run ended, with the last of what it said; for a run that did not do what it was meant to."""
        how = (
            f"killed by {signal.Signals(-self.exit_code).name}" if self.exit_code < 0 else f"exit code {self.exit_code}"
        )
        if self.timed_out:
            how = f"ended after {self.duration_s:.0f} s, since its time was over ({how})"
        said = " / ".join(_last_lines(self.stderr) or _last_lines(self.stdout))
        return f"Locust: {how}. It said: {said}" if said else f"Locust: {how}. It said nothing"


def run(
    locustfile: Path,
    folder: Path,
    options: Options,
    *,
    timeout_s: float,
    workers: int = 1,
    isolated: bool = False,
    grace_s: float = GRACE_S,
    on_tick: Ticker | None = None,
    stop: threading.Event | None = None,
    resumes: bool = False,
) -> RunOutcome:
    """Run a locustfile headless to its end.

    Args:
        locustfile: what to run.
        folder: the run's folder, to be made by the run; its output is kept beside it as ``NAME.out`` and ``NAME.err``.
        options: Locust's and the plugin's options by name, with or without their dashes; True is a flag, None and False
            leave an option out.
        timeout_s: the run is ended after this; choose its ramp, hold, drain and report together.
        workers: processes that simulate users; more than one are forked by Locust.
        isolated: keep settings of the user's environment and configuration files of the working folder from the run.
        grace_s: how long a run that is told to end may take.
        on_tick: called several times a second with the seconds since the start.
        stop: ends the run when it is set, as an interruption of this process does; for runs in threads, which no signal
            reaches.
        resumes: the folder is there, and the run goes on in it.

    Returns:
        What became of it. A run that was refused or failed is an outcome as well, not an exception.

    Raises:
        UsageError: the folder exists, or its parent cannot be made.
        GeneratorError: Locust could not be started.
        KeyboardInterrupt: this process was interrupted, or told to end by SIGTERM, or ``stop`` was set; the run has
            ended by then.
    """
    folder = folder.absolute()
    stdout, stderr = (folder.with_name(f"{folder.name}.{suffix}") for suffix in ("out", "err"))
    if not resumes:
        _make_room(folder)
    mode = "ab" if resumes else "wb"
    argv = command(locustfile.absolute(), folder, options, workers=workers)
    started_s = time.monotonic()
    with told_to_end(), stdout.open(mode) as out, stderr.open(mode) as err:
        try:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter, and options of the caller
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(isolated=isolated),
                cwd=folder.parent if isolated else None,
                start_new_session=True,
            )
        except OSError as error:
            raise GeneratorError(
                f"Locust could not be started: {error}", remedy="Free memory, processes or file descriptors (ulimit)"
            ) from error
        timed_out = _await(child, started_s, timeout_s, grace_s, on_tick, stop)
    summary = _read_summary(folder)
    return RunOutcome(
        folder=folder,
        exit_code=child.returncode,
        verdict=None if summary is None else str(summary["verdict"]["result"]),
        stdout=stdout,
        stderr=stderr,
        duration_s=time.monotonic() - started_s,
        timed_out=timed_out,
    )


def command(locustfile: Path, folder: Path, options: Options, *, workers: int = 1) -> list[str]:
    """The command line of a headless run into ``folder``."""
    ours: dict[str, object] = {
        "headless": True,
        "only-summary": True,
        "report-dir": folder.parent,
        "run-id": folder.name,
    }
    if workers > 1:
        port = _free_port()
        ours |= {"processes": workers, "master-bind-port": port, "master-port": port}
    argv = [sys.executable, "-m", "locust", "-f", str(locustfile)]
    for name, value in (ours | {_bare(name): value for name, value in options.items()}).items():
        if value is True:
            argv.append(f"--{name}")
        elif value is not None and value is not False:
            argv.append(f"--{name}={_written(value)}")
    return argv


def environment(*, isolated: bool) -> dict[str, str]:
    """The environment of a run: this process's, when isolated without what Locust or the plugin would take from it."""
    kept = {name: value for name, value in os.environ.items() if not (isolated and name.startswith(_OURS))}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _bare(name: str) -> str:
    return name.removeprefix("--").replace("_", "-")


def _written(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _make_room(folder: Path) -> None:
    if folder.exists():
        raise UsageError(
            "the run's folder exists, and a run is never overwritten",
            where=str(folder),
            remedy="Choose another one, or move it away",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"run folders cannot be made here ({error.strerror})",
            where=str(folder.parent),
            remedy="Choose another folder, or give this user the right to write to it",
        ) from error


def _await(
    child: subprocess.Popen[bytes],
    started_s: float,
    timeout_s: float,
    grace_s: float,
    on_tick: Ticker | None,
    stop: threading.Event | None,
) -> bool:
    """Wait for the child's end; returns whether its time ran out."""
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_TICK_S)
                return False
            if stop is not None and stop.is_set():
                raise KeyboardInterrupt  # noqa: TRY301 - as if the signal had come here
            passed_s = time.monotonic() - started_s
            if passed_s >= timeout_s:
                _end(child, grace_s)
                return True
            if on_tick is not None:
                on_tick(passed_s)
    except KeyboardInterrupt:
        _end(child, grace_s)
        raise
    finally:
        _kill(child)


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ask the run to end; whoever calls kills what is left."""
    with suppress(ProcessLookupError):
        child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a run that has not ended: the group is the child's own, with the workers it forked."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@contextmanager
def told_to_end() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C, so that runs are ended too; only the main thread gets signals, others do nothing here."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _free_port() -> int:
    """A port that no other run of this machine is likely to use within the next second."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _read_summary(folder: Path) -> dict[str, Any] | None:
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return summary


def _last_lines(path: Path) -> list[str]:
    """What the run said of its trouble, else the last it said."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if _TROUBLE.search(line)][-_SAID_LINES:] or lines[-_SAID_LINES:]
