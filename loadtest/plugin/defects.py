"""Exceptions that nobody caught: each has ended a part of the load generator, and none passes in silence.

gevent prints what a greenlet, a timer or a callback raises, and goes on without it; Locust remembers it of its own
greenlets only, and of no other process. A run whose plan, ticks or beats had died would be judged by what is left of
it. So every process of a run watches its hub, and tells of the first one with its next batch.

What a call in a thread pool raises is for whoever waits for it, and what Locust's web page raises is no part of the
load: both go their ways as ever.
"""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent

from loadtest.clock import NS_PER_US
from loadtest.metrics import Batch, Note


class Defects:
    """The watch over the hub of the thread that makes it."""

    def __init__(self) -> None:
        self._hub: Any = None
        self._first = ""
        self._is_told = False

    def watch(self) -> None:
        """Notice what is raised from now on; it is printed as ever."""
        self._hub = gevent.get_hub()
        self._hub.handle_error = self._handle  # gevent's documented way to override it

    def unwatch(self) -> None:
        """Leave the hub as it was."""
        hub, self._hub = self._hub, None
        if hub is not None and vars(hub).get("handle_error") == self._handle:
            del hub.handle_error

    def take(self) -> str:
        """What is to be told, once: the first exception's type and place, in a sentence; empty for nothing."""
        if self._is_told or not self._first:
            return ""
        self._is_told = True
        where = f"see the log of process {os.getpid()}"
        return f"An unhandled exception ({self._first}) ended a part of the load generator: {where}"

    def tell(self, batch: Batch) -> None:
        """Add that to a batch, as a note that makes a run INVALID; does nothing where there is nothing to tell."""
        if text := self.take():
            batch.notes.append(Note(time.time_ns() // NS_PER_US, "generator_error", text))

    def _handle(
        self, context: object, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        hub = self._hub
        is_ours = context is not None and not isinstance(context, (tuple, dict, str))
        if is_ours and not self._first and not issubclass(kind, (*hub.NOT_ERROR, KeyboardInterrupt)):
            frames = traceback.extract_tb(trace)
            where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
            self._first = f"{kind.__name__}{where}"
        type(hub).handle_error(hub, context, kind, error, trace)
