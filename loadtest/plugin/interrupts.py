"""Ctrl-C always reaches the main greenlet.

Python raises KeyboardInterrupt in whichever greenlet happens to run, and Locust's master (2.47) swallows it in the one
that listens to its workers: with many messages under way a run would go on as if nothing had been pressed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

import gevent


def reach_main_greenlet() -> Callable[[], None]:
    """Raise KeyboardInterrupt in the main greenlet on every SIGINT from now on.

    A SIGINT that is ignored (a job in the background) or handled by somebody else is left alone.

    Returns:
        Puts back what was there before.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        return lambda: None
    signal.signal(signal.SIGINT, _interrupt)
    return lambda: _put_back(before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    hub = gevent.get_hub()
    hub.loop.run_callback_threadsafe(hub.parent.throw, KeyboardInterrupt)


def _put_back(before: Callable[[int, FrameType | None], object]) -> None:
    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, before)
