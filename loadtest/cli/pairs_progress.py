"""What a terminal shows while pairs are run: the expected time first, a line a run, and how long it still takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from loadtest.nouns import many, noun

if TYPE_CHECKING:
    from loadtest.drive.ab import Experiment, Folder, Slot
    from loadtest.drive.runner import RunOutcome


def duration(seconds: float) -> str:
    """About how long, in the unit that reads best."""
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{max(1, round(seconds))} s"
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"


class PairsProgress:
    """Shows an experiment's progress.

    Args:
        experiment: what is run.
        folder: where; runs that are there are not counted again.
        out: where whole lines go.
        line: where the line that is written over goes, if that is a terminal.
        monotonic_s: time in seconds.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Folder,
        out: TextIO | None = None,
        line: TextIO | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._experiment = experiment
        self._out = out or sys.stdout
        self._line = line or sys.stderr
        self._monotonic_s = monotonic_s
        self._there = len([slot for slot in experiment.slots() if slot.name in folder.done])
        self._made = 0
        self._took_s = 0.0
        self._since_s = 0.0
        self._where = folder.path

    def begin(self) -> None:
        """Say what is to be run and how long that takes."""
        runs = 2 * self._experiment.pairs
        left = runs - self._there
        there = f" ({self._there} of them {noun(self._there, 'is', 'are')} there)" if self._there else ""
        self._say(
            f"{'up to ' if len(self._experiment.looks) > 1 else ''}{many(self._experiment.pairs, 'pair')}, {runs} runs"
            f"{there}, about {duration(self._experiment.expected_s(left))}, into {self._where}"
        )

    def start(self, slot: Slot) -> None:
        """A run begins."""
        self._since_s = self._monotonic_s()

    def tick(self, slot: Slot, passed_s: float) -> None:
        """A run goes on."""
        if self._line.isatty():
            whole_s = self._each_s()
            self._line.write(
                f"\rpair {slot.pair} of {self._experiment.pairs}, {slot.arm}: {passed_s:.0f} s of about "
                f"{whole_s:.0f} s; {duration(max(0.0, self._left_s() - passed_s))} left   "
            )
            self._line.flush()

    def end(self, slot: Slot, outcome: RunOutcome) -> None:
        """A run is over."""
        self.clear()
        self._made += 1
        self._took_s += self._monotonic_s() - self._since_s
        left = f"; about {duration(self._left_s())} left" if self._left() else ""
        why = f" (why: {outcome.folder / 'report.html'})" if outcome.verdict == "INVALID" else ""
        self._say(f"pair {slot.pair:>2} of {self._experiment.pairs}  {slot.arm:<9}  {outcome.verdict}{why}{left}")

    def clear(self) -> None:
        """Take the line that is written over away."""
        if self._line.isatty():
            self._line.write("\r" + " " * 78 + "\r")
            self._line.flush()

    def _each_s(self) -> float:
        return self._took_s / self._made if self._made else self._experiment.expected_s(1)

    def _left(self) -> int:
        return 2 * self._experiment.pairs - self._there - self._made

    def _left_s(self) -> float:
        return self._left() * self._each_s()

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
