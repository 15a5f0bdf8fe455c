"""What a run's owner looks out for while it goes on: outages of the target, the abort guard, how the run stands, and
what is watched beside it.

It reads every batch of every worker, and starts and ends what reads the target by itself. What is to be done about
what it sees is told to the run by callbacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import gevent

from loadtest.distributed.conductor import Conductor, warn
from loadtest.distributed.guard import AbortGuard
from loadtest.distributed.keeper import RunKeeper
from loadtest.distributed.outages import Outages
from loadtest.distributed.progress import Progress
from loadtest.metrics import Batch
from loadtest.refserver.child import ServerChild
from loadtest.target.watch_source import Source
from loadtest.users.target_watch import TargetWatch
from loadtest.users.watching import Watching


class Lookout:
    """The eyes of one run.

    Args:
        keeper: takes notes and readings.
        conductor: knows the phase.
        guarded: whether the target is let go when it fails.
        let_go: told why the abort guard wants that; returns whether the run goes on all the same, at less load.

    Attributes:
        progress: how the run stands, where that is asked for or shown.
    """

    def __init__(
        self, keeper: RunKeeper, conductor: Conductor, *, guarded: bool, let_go: Callable[[str], bool]
    ) -> None:
        self._keeper = keeper
        self._conductor = conductor
        self._guard = AbortGuard() if guarded else None
        self._let_go = let_go
        self._outages = Outages()
        self._watch: TargetWatch | None = None
        self._watching: Watching | None = None
        self._teller: gevent.Greenlet | None = None
        self.progress: Progress | None = None

    def tell(self, progress: Progress, every_s: float, say: Callable[[str], None]) -> None:
        """Say every so many seconds how the run stands."""
        self.progress = progress
        phase = lambda: self._conductor.phase  # noqa: E731 - whichever it is by then
        self._teller = gevent.spawn(progress.tell, every_s, phase, time.monotonic_ns, say)

    def watch(self, child: ServerChild, on_death: Callable[[str], None]) -> None:
        """Watch the embedded server; ``on_death`` is told why it is no more."""
        self._watch = TargetWatch(child, self._keeper, on_death)
        self._watch.start()

    def read(self, sources: Sequence[Source], window_s: float) -> None:
        """Read what is watched beside the run, once a window."""
        self._watching = Watching(sources, self._keeper, window_s)
        self._watching.start()

    def take(self, batch: Batch) -> None:
        """Look at a batch of any worker: tell what happens to the target, and ask the guard."""
        if self.progress is not None:
            if self._conductor.hold_ns is not None:
                self.progress.hold(self._conductor.hold_ns)
            self.progress.take(batch)
        now_ns = time.monotonic_ns()
        if self._conductor.phase == "hold":
            for moment in self._outages.take(batch, now_ns):
                warn(moment.text)
                self._keeper.note(moment.kind, moment.text)
        reason = None if self._guard is None else self._guard.take(batch, now_ns)
        if reason is not None and self._let_go(reason):
            self._guard = AbortGuard()

    def stop(self) -> None:
        """The test is being stopped: what asks the target or tells of the run ends; :meth:`close` ends the rest."""
        if self._teller is not None:
            self._teller.kill()
            self._teller = None
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def close(self, after_s: float) -> None:
        """Read no more of what is watched.

        Args:
            after_s: go on reading for so long first.
        """
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.stop(after_s)
