"""Ctrl-C always reaches the main greenlet, and a second signal ends a run at once.

Python raises KeyboardInterrupt in whichever greenlet happens to run, and Locust's master (2.47) swallows it in the one
that listens to its workers: with many messages under way a run would go on as if nothing had been pressed.

The first Ctrl-C or SIGTERM lets Locust stop the test: no more emissions, books closed, report written. Whoever asks a
second time does not want to wait for that.

A run with a shape is an exception: Locust (2.47) waits for the shape's end before it listens to SIGTERM, so that the
first one is raised in the main greenlet as Ctrl-C is.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

import gevent


def reach_main_greenlet(
    stop_now: Callable[[], None] | None = None, unheard: Callable[[], bool] | None = None
) -> Callable[[], None]:
    """Raise KeyboardInterrupt in the main greenlet on every SIGINT from now on.

    A SIGINT that is ignored (a job in the background) or handled by somebody else is left alone.

    Args:
        stop_now: called in the hub instead, from the second signal on, SIGTERMs counted along; None to count none.
        unheard: asked on the first SIGTERM: whether Locust does not listen to it, so that it is raised as a SIGINT is;
            None for never. Needs ``stop_now``.

    Returns:
        Puts back what was there before.
    """
    interrupts = _Interrupts(stop_now, unheard)
    interrupts.begin()
    return interrupts.end


class _Interrupts:
    """What became of the signals so far."""

    def __init__(self, stop_now: Callable[[], None] | None, unheard: Callable[[], bool] | None) -> None:
        self._stop_now = stop_now
        self._unheard = unheard
        self._signals = 0
        self._before: Any = None
        self._watcher: Any = None

    def begin(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:
            self._before = before
            signal.signal(signal.SIGINT, self._interrupt)
        if self._stop_now is not None:
            self._watcher = gevent.signal_handler(signal.SIGTERM, self._terminate)

    def end(self) -> None:
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, self._before)
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        hub = gevent.get_hub()
        self._signals += 1
        if self._signals > 1 and self._stop_now is not None:
            hub.loop.run_callback_threadsafe(self._stop_now)
        else:
            hub.loop.run_callback_threadsafe(hub.parent.throw, KeyboardInterrupt)

    def _terminate(self) -> None:
        """A SIGTERM, which Locust mostly answers by itself the first time."""
        self._signals += 1
        if self._signals > 1:
            if self._stop_now is not None:
                self._stop_now()
        elif self._unheard is not None and self._unheard():
            hub = gevent.get_hub()
            hub.loop.run_callback(hub.parent.throw, KeyboardInterrupt)
