"""Watches a process of this machine with its children: memory, CPU, descriptors, sockets, threads; and commands."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import psutil

from loadtest.target.watch_source import TIMEOUT_S, Look, Rates, failed

_MOST_LINES: Final = 100


class ProcessSource:
    """A process and its children.

    Args:
        name: what its readings are told by.
        pid: the process.
        only: names of the readings to take; None for all.
    """

    def __init__(self, name: str, pid: int, only: Collection[str] | None = None) -> None:
        self.name = name
        self._pid = pid
        self._only = only
        self._root: psutil.Process | None = None
        self._cpu: dict[int, float] = {}
        self._looked_s: float | None = None

    def fetch(self) -> None:
        """Nothing has to be waited for."""

    def digest(self, raw: None) -> Look:
        """Read the process's figures from the kernel.

        Raises:
            TransportError: the process is no more, or this user may not look at it.
        """
        try:
            if self._root is None:
                self._root = psutil.Process(self._pid)
            self._require_running(self._root)
            members = [self._root, *self._root.children(recursive=True)]
            values = self._figures(members)
        except psutil.AccessDenied as error:
            raise failed(self.name, f"this user may not look at process {self._pid}") from error
        except psutil.NoSuchProcess as error:
            raise failed(self.name, f"there is no process {self._pid}") from error
        return Look({name: value for name, value in values.items() if self._only is None or name in self._only})

    def close(self) -> None:
        """Nothing is held."""

    def _require_running(self, root: psutil.Process) -> None:
        """Its number may be another's by now, or nobody may have asked yet how it ended."""
        if not root.is_running() or root.status() == psutil.STATUS_ZOMBIE:
            raise psutil.NoSuchProcess(self._pid)

    def _figures(self, members: list[psutil.Process]) -> dict[str, float]:
        now_s = time.monotonic()
        cpu: dict[int, float] = {}
        rss = threads = fds = sockets = 0
        can_list = True
        for member in members:
            try:
                with member.oneshot():
                    times = member.cpu_times()
                    cpu[member.pid] = times.user + times.system
                    rss += member.memory_info().rss
                    threads += member.num_threads()
            except psutil.NoSuchProcess:
                if member is members[0]:
                    raise
                continue
            try:
                opened, linked = _descriptors(member.pid)
            except OSError:
                can_list = False
                continue
            fds, sockets = fds + opened, sockets + linked
        values = {"rss_bytes": float(rss), "threads": float(threads), "processes": float(len(cpu))}
        if can_list:
            values |= {"fds": float(fds), "sockets": float(sockets)}
        if self._looked_s is not None and now_s > self._looked_s:
            used = sum(spent - self._cpu[pid] for pid, spent in cpu.items() if pid in self._cpu)
            values["cpu_share"] = used / (now_s - self._looked_s)
        self._cpu, self._looked_s = cpu, now_s
        return values


def _descriptors(pid: int) -> tuple[int, int]:
    """Open descriptors of a process, and how many of them are sockets."""
    folder = Path("/proc") / str(pid) / "fd"
    opened = sockets = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                sockets += os.readlink(entry.path).startswith("socket:")  # noqa: PTH115 - a Path each costs more
            except FileNotFoundError:  # closed meanwhile
                continue
            opened += 1
    return opened, sockets


class CommandSource:
    """A command that prints numbers: one alone, or a line for each with its name before it.

    It is run without a shell; a name that ends with ``_total`` is a total that rises, and read as a rate a second.

    Args:
        name: what its readings are told by; also the name of a number alone.
        command: program and arguments.
    """

    def __init__(self, name: str, command: str) -> None:
        self.name = name
        self._words = shlex.split(command)
        self._rates = Rates()

    def fetch(self) -> str:
        """Run the command.

        Raises:
            TransportError: it cannot be run, failed, or took too long.
        """
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
                self._words, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise failed(self.name, f"the command took more than {TIMEOUT_S:g} s") from error
        except OSError as error:
            raise failed(self.name, f"the command cannot be run ({error.strerror or error})") from error
        if done.returncode:
            raise failed(self.name, f"the command ended with {done.returncode}")
        return done.stdout.decode("utf-8", "replace")

    def digest(self, raw: str) -> Look:
        """Read the numbers.

        Raises:
            TransportError: a line is neither a number nor a name and a number.
        """
        now_s = time.monotonic()
        values: dict[str, float] = {}
        for line in raw.splitlines()[:_MOST_LINES]:
            words = line.replace("=", " ").split()
            if not words:
                continue
            try:
                value = float(words[-1])
            except ValueError:
                value = math.nan
            if len(words) > 2 or not math.isfinite(value):
                raise failed(self.name, "a line is neither a number nor a name and a number")
            what = words[0] if len(words) == 2 else self.name
            if what.endswith("_total"):
                rate = self._rates.of(what, value, now_s)
                if rate is not None:
                    values[f"{what.removesuffix('_total')}_per_s"] = rate
                continue
            values[what] = value
        if not values and not raw.strip():
            raise failed(self.name, "the command printed nothing")
        return Look(values)

    def close(self) -> None:
        """Nothing is held."""
