"""Forked workers end with their master, no sooner and no later.

Locust (2.47) forks its workers under ``--processes`` and then leaves them to themselves. When the master ends before
the test, a worker that is connected notices after a minute, one that is still connecting tries for five. And Ctrl-C
reaches all processes of a terminal: workers would end at once and take what they measured with them, while the master
still asks for it. So a forked worker leaves Ctrl-C to its master, and the kernel ends it when the master is gone
(Linux: prctl(2), ``PR_SET_PDEATHSIG``; elsewhere Locust's own minute has to do).

A SIGTERM to all of them, as systemd sends it to a unit, would do the same, so it is left to the master too: workers
block it, and the kernel ends them by SIGKILL, since there is nobody left to take what they have.

Under ``--worker --processes N`` the parent is no master, and Locust expects its children to heed Ctrl-C.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from types import FrameType

import psutil

_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class _Fork:
    """What the parent knows at a fork, for the child to read."""

    parent_pid: int = 0
    runs_on: bool = False


def register() -> None:
    """Apply :func:`follow_parent` to every child that this process forks from now on to run on as a copy of it.

    A program that gevent's ``subprocess`` starts is forked as well, and none of that.
    """
    fork = _Fork()
    heed_sigint = "--worker" in sys.argv or "LOCUST_MODE_WORKER" in os.environ

    def before() -> None:
        fork.parent_pid = os.getpid()
        fork.runs_on = not _is_starting_a_program(sys._getframe())

    def in_child() -> None:
        if fork.runs_on:
            follow_parent(fork.parent_pid, heed_sigint=heed_sigint)

    os.register_at_fork(before=before, after_in_child=in_child)


def _is_starting_a_program(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") in ("gevent.subprocess", "subprocess"):
            return True
        frame = frame.f_back
    return False


def follow_parent(parent_pid: int, *, heed_sigint: bool) -> None:
    """Have the kernel end this process when its parent ends.

    Args:
        parent_pid: the parent; when it has ended by now, so does this process.
        heed_sigint: whether SIGINT interrupts this process (also where a background job inherited that it does not).
    """
    signal.signal(signal.SIGINT, signal.default_int_handler if heed_sigint else signal.SIG_IGN)
    if sys.platform != "linux":
        return
    if not heed_sigint:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    farewell = signal.SIGTERM if heed_sigint else signal.SIGKILL
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, farewell, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def end_forked() -> None:
    """End every process that was forked from this one, at once; programs it has started are not meant."""
    me = psutil.Process()
    for child in me.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.cmdline() == me.cmdline():
                child.kill()
