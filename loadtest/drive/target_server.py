"""A target of a comparison: something that is there (a URL, a target's profile), or a command that starts a fresh one.

A command is a server's own: started before a run in a session of its own, awaited, and ended after the run by SIGTERM
to all it has started. It is ready when it prints a line with a JSON object that has a ``url`` (``loadtest serve``
does), or when a URL that was given answers with anything below HTTP 500. What it prints goes to a file beside the run.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from loadtest.directory import Population, generate, write_identities
from loadtest.errors import UsageError

READY_S = 60.0
STOP_S = 30.0
_POLL_S = 0.1
_ANSWER_S = 5.0
_TAIL_LINES = 4
_TOLD = {
    "dialect": "dialect",
    "agents": "agents",
    "contacts": "contacts",
    "agent_expiry_s": "agent-expiry",
    "contact_expiry_s": "contact-expiry",
}
_PEOPLE = ("agents", "contacts", "members", "accounts")


@dataclass(frozen=True, slots=True)
class TargetServer:
    """What a run is made against.

    Attributes:
        given: a URL, a profile (``*.toml``) or a command; empty for the run's own embedded server.
        url: where a command's server listens, unless it says so itself.
        identities: who there is on it, unless the run's options or the server say so.
        ready_path: what is asked for at ``url`` until it answers.
        ready_s: how long that may take.
        stop_s: how long its end may take before it is killed.
    """

    given: str = ""
    url: str = ""
    identities: str = ""
    ready_path: str = "/"
    ready_s: float = READY_S
    stop_s: float = STOP_S

    @property
    def is_command(self) -> bool:
        """Whether it is started anew for every run."""
        return bool(self.given) and not self._is_url and not self._is_profile

    @property
    def _is_url(self) -> bool:
        return urlsplit(self.given).scheme in {"http", "https"} and " " not in self.given.strip()

    @property
    def _is_profile(self) -> bool:
        return self.given.endswith(".toml") and " " not in self.given.strip()

    def check(self, option: str) -> None:
        """Refuse what can be seen to be wrong before anything is run.

        Raises:
            UsageError: a profile that is not there, a command that cannot be read or found.
        """
        if self._is_profile and not Path(self.given).is_file():
            raise UsageError("there is no such file", where=f"{option} {self.given}", remedy="Name a target's profile")
        if self.is_command:
            _program(self.given, option)
        elif self.url:
            raise UsageError(
                f"{option}-url says where a command's server listens, and there is no command",
                where=f"{option} {self.given}".rstrip(),
                remedy=f"Leave {option}-url out, or give {option} a command",
            )

    @contextmanager
    def running(self, log: Path, option: str) -> Iterator[dict[str, object]]:
        """The target, while a run goes on.

        Args:
            log: where a command's output goes; its identities, where they follow from its ready line, go beside it.
            option: the option it came from, for errors.

        Yields:
            The options of a run against it.

        Raises:
            UsageError: the command does not start, ends, or is not ready in time.
        """
        common: dict[str, object] = {"identities": str(Path(self.identities).absolute())} if self.identities else {}
        if not self.is_command:
            if self._is_url:
                common["host"] = self.given.strip()
            elif self._is_profile:
                common["target"] = str(Path(self.given).absolute())
            yield common
            return
        program = _program(self.given, option)
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - the command is the user's own, run without a shell
                program,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PATH": _path(), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        try:
            ready = self._await_ready(child, log, option)
            yield _options(ready, log) | common
        finally:
            _end(child, self.stop_s)

    def _await_ready(self, child: subprocess.Popen[bytes], log: Path, option: str) -> dict[str, Any]:
        """What the server says of itself; its URL at least."""
        deadline_s = time.monotonic() + self.ready_s
        while time.monotonic() < deadline_s:
            code = child.poll()
            if code is not None:
                raise UsageError(
                    f"the server ended before it was ready (exit code {code}). It said: {_tail(log)}",
                    where=f"{option} {self.given!r}",
                    remedy=f"Try the command by itself; all it said is in {log}",
                )
            if self.url:
                if _answers(urljoin(self.url, self.ready_path)):
                    return {**(_ready_line(log) or {}), "url": self.url}
            elif ready := _ready_line(log):
                return ready
            with suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_S)
        awaited = f"{urljoin(self.url, self.ready_path)} did not answer" if self.url else "it told no URL"
        raise UsageError(
            f"the server was not ready within {self.ready_s:g} s: {awaited}. It said: {_tail(log)}",
            where=f"{option} {self.given!r}",
            remedy='A server is ready when it prints a line such as {"url": "http://127.0.0.1:3000"}, or when the URL '
            f"given by {option}-url answers; --ready-timeout waits longer",
        )


def _program(command: str, option: str) -> list[str]:
    """The words of a command, its program by its full path."""
    import shutil

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"the command cannot be read ({error})", where=f"{option} {command!r}", remedy="Close its quotation marks"
        ) from error
    program = shutil.which(words[0], path=_path()) if words else None
    if program is None:
        raise UsageError(
            "it is neither a URL (http://...), nor a profile (*.toml), nor a command that can be found",
            where=f"{option} {command!r}",
            remedy="Write a command as in a terminal, without pipes; for a shell's own syntax: sh -c '...'",
        )
    return [program, *words[1:]]


def _path() -> str:
    """The search path, with this interpreter's own programs at its end: `loadtest serve` works in any environment."""
    return os.pathsep.join(filter(None, (os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent))))


def _ready_line(log: Path) -> dict[str, Any] | None:
    """The first whole line that holds an object with a URL."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            with suppress(ValueError):
                told = json.loads(line)
                if isinstance(told.get("url"), str):
                    return dict(told)
    return None


def _answers(url: str) -> bool:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise UsageError(f"{url!r} is no URL", remedy="Write it as http://127.0.0.1:3000")
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S):  # noqa: S310 - http or https, looked at above
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return bool(error.code < 500)
    except (OSError, ValueError):
        return False


def _options(ready: dict[str, Any], log: Path) -> dict[str, object]:
    """Options of a run against a server that said this of itself."""
    options: dict[str, object] = {"host": ready["url"]}
    options |= {option: ready[key] for key, option in _TOLD.items() if ready.get(key) is not None}
    if isinstance(ready.get("identities"), str):
        options["identities"] = str(Path(ready["identities"]).absolute())
    elif all(isinstance(ready.get(key), int) for key in (*_PEOPLE, "seed")):
        path = log.with_suffix(".identities.jsonl")
        population = Population(**{key: ready[key] for key in _PEOPLE})
        write_identities(path, generate(population, ready["seed"]))
        options["identities"] = str(path)
    return options


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-_TAIL_LINES:]) or "nothing"


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """End the server and all it has started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
