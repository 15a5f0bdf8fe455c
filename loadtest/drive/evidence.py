"""A calibration run read back: what the server says it did, and what the toolkit found, in the same terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadtest.analysis.calibration import Cell, HeldApart
from loadtest.collect.subjects import MARKED
from loadtest.drive.runner import RunOutcome
from loadtest.errors import GeneratorError
from loadtest.metrics.histogram import Histogram
from loadtest.refserver.faults import Truth, TruthLine, read_truth
from loadtest.store import Run, open_run

ENOUGH = 300
"""Deliveries that a p99 needs at least (299, by the binomial's order statistics)."""

_US_PER_S = 1_000_000


@dataclass(frozen=True)
class Evidence:
    """What one run left behind.

    Attributes:
        run: its store.
        truth: what the server did.
        summary: its summary.json.
    """

    run: Run
    truth: Truth
    summary: Mapping[str, Any]

    @classmethod
    def of(cls, outcome: RunOutcome, truth_path: str) -> Evidence:
        """Read a run that is over.

        Raises:
            GeneratorError: it left no summary, or its truth is not whole.
            UsageError: a file cannot be read.
        """
        summary = outcome.summary
        truth = read_truth(truth_path)
        if not truth.whole:
            raise GeneratorError(
                f"the server's log of faults, {truth_path}, breaks off",
                remedy="Look into the run's output beside it: the server did not end by itself",
            )
        return cls(open_run(outcome.folder), truth, summary)

    @property
    def is_valid(self) -> bool:
        """Whether the generator was fit to measure."""
        return bool(self.summary["generator"]["valid"])

    @cached_property
    def marked(self) -> frozenset[int]:
        """The windows in which it was not."""
        notes = self.run.note_frame()
        return frozenset(int(data["window"]) for data in notes.loc[notes["kind"] == "breach", "data"])

    @property
    def reasons(self) -> list[str]:
        """Why it was not."""
        return list(self.summary["generator"]["reasons"])

    @cached_property
    def closings(self) -> pd.DataFrame:
        """The ledger's rows, as :meth:`loadtest.store.Run.closing_frame` gives them."""
        return self.run.closing_frame()

    # -- counts ------------------------------------------------------------------------------------------------------

    def recovered(self, column: str) -> Counter[Cell]:
        """What the ledger counted, by cell.

        Args:
            column: ``lost``, ``duplicated``, ``leaked``, ``reordered`` ...
        """
        rows = self.closings[self.closings[column] != 0]
        found: Counter[Cell] = Counter()
        for mark, event, role, n in zip(rows["mark"], rows["event"], rows["role"], rows[column], strict=True):
            found[mark if event == MARKED else "", event, role] += int(n)
        return +found

    def injected(self, *kinds: str) -> Counter[Cell]:
        """What the server did, by cell."""
        return self.cells(self.lines(*kinds))

    @staticmethod
    def cells(lines: Iterable[TruthLine]) -> Counter[Cell]:
        """Lines of the truth, counted by cell."""
        return Counter((line.mark, line.event, line.role) for line in lines)

    def lines(self, *kinds: str) -> list[TruthLine]:
        """The truth's lines of these kinds, in their order."""
        return [line for line in self.truth.lines if line.kind in kinds]

    def overtaken(self) -> list[TruthLine]:
        """Deliveries that arrived after one whose request began after theirs was answered.

        The server is sure of it when the other was due long after. Where it is not, the times of both requests, which
        the run stored, decide.
        """
        return [line for line in self.lines("reorder") if line.sure or self._follows(line)]

    def _follows(self, line: TruthLine) -> bool:
        answered_us = self._requests[1].get(line.mark)
        if answered_us is None:
            return False
        others = [other.get("mark", "") for other in line.overtaken_by]
        return any(self._requests[0].get(mark, 0) > answered_us for mark in others)

    @property
    def _messages(self) -> pd.DataFrame:
        """The ledger's row of each message's emitter."""
        return self.closings[(self.closings["event"] == MARKED) & (self.closings["emitted"] == 1)]

    @property
    def _window_us(self) -> int:
        return round(self.run.window_s * _US_PER_S)

    @cached_property
    def _requests(self) -> tuple[dict[str, int], dict[str, int]]:
        """When each message's request was written, and when it was answered, in Unix microseconds by mark."""
        rows = self._messages
        written = rows["due_us"] + rows["lateness_us"] + rows["rest_wait_us"]
        answered = (written + rows["response_us"]).dropna().astype("int64")
        marks = rows["mark"]
        return dict(zip(marks, written, strict=True)), dict(zip(marks[answered.index], answered, strict=True))

    def total(self, metric: str, name: str | None = None, role: str | None = None) -> int:
        """A count over the whole run."""
        return round(self.run.total(metric, name, role))

    # -- latencies ---------------------------------------------------------------------------------------------------

    def latency(self, metric: str = "fanout", role: str | None = None) -> Histogram:
        """Latencies of messages.

        Args:
            metric: ``fanout`` from the due time, ``fanout_sent`` from the send.
            role: the receivers', or None for all.
        """
        return self.run.merged(metric, MARKED, role)

    def held_apart(self, *kinds: str, metric: str = "fanout") -> HeldApart:
        """Messages due in windows in which the server held all, apart from those due in windows in which it held none.

        Windows in which it held a part, since a hold began or ended there, are neither.
        The windows in which the hold begins and ends are left out: users are still arriving, or are being stopped. So
        are those in which the generator was not fit to measure, as in any verdict, unless too little is left.

        Args:
            kinds: the truth's kinds of holds.
            metric: ``fanout`` from the due time, ``fanout_sent`` from the send.
        """
        trusted = self._held_apart(kinds, metric, self.marked)
        if min(trusted.measured.n, trusted.floor.n) >= ENOUGH:
            return trusted
        return self._held_apart(kinds, metric, frozenset())

    def _held_apart(self, kinds: tuple[str, ...], metric: str, without: frozenset[int]) -> HeldApart:
        due_window = dict(zip(self._messages["mark"], self._messages["due_us"] // self._window_us, strict=True))
        holds: dict[int, list[int]] = {}
        for line in self.lines(*kinds):
            if line.event == MARKED and line.mark in due_window:
                holds.setdefault(due_window[line.mark], []).append(line.held_us)
        held, free = [], []
        for window, hist in self._by_window(metric, without):
            told = holds.get(window, [])
            if not told:
                free.append(hist)
            elif len(told) >= hist.n:
                held.append((hist, np.array(told, dtype=np.int64)))
        return HeldApart(tuple(held), tuple(free))

    def _by_window(self, metric: str, without: frozenset[int]) -> Iterator[tuple[int, Histogram]]:
        frame = self.run.hist_frame((metric,))
        phases = self.run.phases()
        if phases.hold_first is None or phases.hold_last is None:
            return
        inner = frame["window"].gt(phases.hold_first) & frame["window"].lt(phases.hold_last)
        frame = frame[(frame["name"] == MARKED) & inner & ~frame["window"].isin(without)]
        for window, rows in frame.groupby("window", sort=True):
            of_roles = Histogram()
            for hist in rows["hist"]:
                of_roles.merge(hist)
            yield int(str(window)), of_roles

    def stall(self, kind: str) -> tuple[float, float] | None:
        """When a stall began and when it ended, in Unix seconds; None when there was none."""
        times = {line.state: line.t for line in self.lines("window") if line.fault == kind}
        return (times["begin"], times["end"]) if {"begin", "end"} <= times.keys() else None

    def due_s(self) -> NDArray[np.float64]:
        """When the plan made each message due, in Unix seconds, rising."""
        due: NDArray[np.float64] = np.sort(self._messages["due_us"].to_numpy(dtype=np.float64)) / _US_PER_S
        return due
