"""Keeps the run: takes batches from all workers, draws up what needs all of them, and writes the store.

Lives in the process that owns the run (the local one, or Locust's master). SQLite commits can take 14 ms, so they run
in a one-thread pool that owns the connection, never in the hub.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from gevent.threadpool import ThreadPool

from loadtest.clock import NS_PER_S, NS_PER_US, SystemClock
from loadtest.distributed.creations import Creations
from loadtest.distributed.doubts import Doubts
from loadtest.distributed.note_bounds import NoteBounds
from loadtest.errors import GeneratorError
from loadtest.journal import Begin
from loadtest.metrics import Batch, Closing, Gauge, Note
from loadtest.store import RunWriter, resuming

_T = TypeVar("_T")

_LAST_WAIT_S = 3.0
_SWITCH_S = 0.0005


@dataclass(slots=True)
class _Last:
    """The slowest receivers of one emission, over all workers so far."""

    window: int
    event: str
    since_ns: int
    last_us: dict[str, int] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)


class RunKeeper:
    """The owner of a run's data.

    Args:
        folder: the run's folder; made here, must not exist.
        meta: what the store is to say of the run.
        window_s: length of a window.
        on_trouble: told, once a kind, when the store could not be written.
        journal: first line of the journal of what the run makes on its target; None for a target that goes with it.
        resume: go on with the run in the folder; of ``meta`` only what is new of it is written.

    Raises:
        UsageError: the folder exists or cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        meta: dict[str, Any],
        window_s: float,
        on_trouble: Callable[[str], None],
        journal: Begin | None = None,
        *,
        resume: bool = False,
    ) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self._window_ns = round(window_s * NS_PER_S)
        self._on_trouble = on_trouble
        self._note_bounds = NoteBounds(self._window_ns)
        # the writer's thread must not keep the hub waiting for the interpreter lock for the default 5 ms at a time
        sys.setswitchinterval(_SWITCH_S)
        self._pool = ThreadPool(1)
        try:
            self._writer: RunWriter = self._in_thread(
                lambda: _gone_on(folder, meta) if resume else RunWriter.create(folder, meta)
            )
            self._creations: Creations = self._in_thread(lambda: Creations(folder, journal))
        except BaseException:
            self._pool.kill()
            raise
        self._pending = Batch()
        self._doubts = Doubts(self._window_ns)
        self._meta: dict[str, Any] = {}
        self._lasts: OrderedDict[tuple[str, int], _Last] = OrderedDict()
        self._trouble: str | None = None
        self._unwritten = ""
        self.received = 0
        self.deliveries = 0
        #: the newest gauges by (worker, name)
        self.gauges: dict[tuple[str, str], float] = {}

    # -- taking ------------------------------------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Take a batch of any worker; it is written at the next :meth:`flush`."""
        self.received += 1
        self._creations.take_out(batch)
        self._doubts.take(batch, self.clock.now_ns())
        self._note_bounds.apply(batch)
        for gauge in batch.gauges:
            self.gauges[gauge.worker, gauge.name] = gauge.value
        self._take(batch)

    def announced(self, plain: list[Any]) -> None:
        """A worker announces something to the others: it may decide whether a doubtful emission was one."""
        batch = Batch()
        self._doubts.announced(plain, batch)
        self._take(batch)

    def _take(self, batch: Batch) -> None:
        for closing in batch.closings:
            self.deliveries += closing.delivered + closing.late
            self._note_last(closing)
        self._pending.merge(batch)

    def note(self, kind: str, text: str, data: dict[str, Any] | None = None) -> None:
        """Mark a moment on the time line, now."""
        self._pending.notes.append(Note(self._now_us(), kind, text, data or {}))

    def gauge(self, name: str, value: float, source: str = "") -> None:
        """Write a gauge of the owner's own; ``source`` names what it was read from, where there may be several."""
        self.gauges[source, name] = value
        self._pending.gauges.append(Gauge(self._now_us(), name, source, value))

    def total(self, name: str) -> float:
        """The newest values of a gauge, summed over the workers."""
        return sum(value for (_, gauge), value in self.gauges.items() if gauge == name)

    def _now_us(self) -> int:
        return self.clock.wall_ns(self.clock.now_ns()) // NS_PER_US

    def holds(self) -> None:
        """The hold begins: where an earlier part of the run was gone on with, its gap ends here."""
        window = self.clock.wall_ns(self.clock.now_ns()) // self._window_ns
        gaps = self._in_thread(lambda: resuming.closed(self._writer.read_meta(), window))
        if gaps:
            self.set_meta(**{resuming.GAPS: gaps})

    # -- last receiver -----------------------------------------------------------------------------------------------

    def _note_last(self, closing: Closing) -> None:
        """The last receiver of an emission may sit in any worker: wait a while for all of them."""
        emission = (closing.mark, closing.due_us)  # subjects recur
        last = self._lasts.get(emission)
        if last is None:
            window = closing.due_us * NS_PER_US // self._window_ns
            last = self._lasts[emission] = _Last(window, closing.event, self.clock.now_ns())
        if closing.lost or closing.undetermined or closing.cut_by_peer or closing.late < 0:
            last.incomplete.add(closing.role)
        if closing.last_us is not None:
            last.last_us[closing.role] = max(closing.last_us, last.last_us.get(closing.role, 0))

    def _draw_lasts(self, *, final: bool) -> None:
        ripe_ns = self.clock.now_ns() - round(_LAST_WAIT_S * NS_PER_S)
        while self._lasts:
            emission, last = next(iter(self._lasts.items()))
            if last.since_ns > ripe_ns and not final:
                break
            del self._lasts[emission]
            for role, last_us in last.last_us.items():
                if role not in last.incomplete:
                    self._pending.hist(last.window, "fanout_last", last.event, role).record(last_us)

    # -- writing -----------------------------------------------------------------------------------------------------

    def flush(self, *, final: bool = False) -> None:
        """Write what was taken; what cannot be written is kept (by the writer) and tried again at the next flush."""
        self.clock.anchor()
        self._doubts.decide(self.clock.now_ns(), self._pending, final=final)
        self._draw_lasts(final=final)
        batch, self._pending = self._pending, Batch()
        if not batch.is_empty or self._trouble is not None:
            self._write(lambda: self._writer.write(batch))
        self._write_creations()
        if self._meta:
            self.set_meta()

    def _write(self, write: Callable[[], None]) -> bool:
        try:
            self._in_thread(write)
        except GeneratorError as error:
            self._say(str(error))
            return False
        if self._trouble is not None:
            self._trouble = None
            self.note("recovered", "The run can be written again; what had to wait is written")
        return True

    def _write_creations(self) -> None:
        if not self._creations.is_pending:
            return
        try:
            self._in_thread(self._creations.write)
        except GeneratorError as error:  # kept for the next flush
            if str(error) != self._unwritten:
                self._on_trouble(str(error))
            self._unwritten = str(error)

    def _in_thread(self, call: Callable[[], _T]) -> _T:
        """Run a call in the writer's thread. What it raises travels as a value: gevent prints what a thread raises."""

        def carry() -> tuple[_T | None, Exception | None]:
            try:
                return call(), None
            except Exception as error:
                return None, error

        result, error = self._pool.spawn(carry).get()
        if error is not None:
            raise error
        return cast(_T, result)

    def _say(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._on_trouble(text)
            self.note("generator_error", text)

    def set_meta(self, **values: Any) -> None:
        """Write what is now known of the run; what cannot be written is tried again at the next flush."""
        meta, self._meta = {**self._meta, **values}, {}
        if not self._write(lambda: self._writer.set_meta(**meta)):
            self._meta = {**meta, **self._meta}

    def close(self) -> None:
        """Write the rest and close the store.

        Raises:
            GeneratorError: the store could not be written to the end.
        """
        self.flush(final=True)
        try:
            self._in_thread(self._writer.close)
            self._in_thread(self._creations.close)
        finally:
            self._pool.kill()
        if self._meta:
            raise GeneratorError(
                f"{self.folder}: what is known of the run could not be written ({self._trouble})",
                remedy="Free the disk or choose another --report-dir",
            )


def _gone_on(folder: Path, meta: dict[str, Any]) -> RunWriter:
    """The writer of a run that is gone on with; the gap before it is noted."""
    writer = RunWriter.open(folder)
    before = writer.read_meta()
    window = time.time_ns() // round(float(before["window_s"]) * NS_PER_S)
    gaps = resuming.opened(before, writer.last_window, window)
    parts = [*(before.get(resuming.PARTS) or [{"run_tag": before.get("run_tag")}])]
    parts.append({"run_tag": meta.get("run_tag"), "resumed_at": meta.get("started_at")})
    first = gaps[-1][0]
    assert first is not None
    from_us = first * round(float(before["window_s"]) * 1_000_000)
    now_us = time.time_ns() // NS_PER_US
    away_s = max(0.0, (now_us - from_us) / 1_000_000)
    data = {"gap_from_us": from_us, "resumed_us": now_us}
    text = f"The run goes on: its generator was away for {away_s:,.0f} s, of which there is no data"
    writer.write(Batch(notes=[Note(now_us, "resumed", text, data)]))
    writer.set_meta(
        **{resuming.GAPS: gaps, resuming.PARTS: parts},
        run_tag=meta.get("run_tag"), workers=meta.get("workers"), ended_at=None, interrupted=None, target_lost=False,
        run_time_s=meta.get("run_time_s"), ran_s=None,
    )  # fmt: skip
    return writer
