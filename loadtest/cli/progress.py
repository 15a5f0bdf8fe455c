"""How far long work is: one line that is written over on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

_BAR = 30
_REDRAW_S = 0.1


class ProgressLine:
    """Shows stages and their steps.

    Args:
        out: where to write, standard error as a rule.
        monotonic_s: time in seconds.
    """

    def __init__(self, out: TextIO, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._monotonic_s = monotonic_s
        self._stage = ""
        self._total = 0
        self._count = 0
        self._started_s = 0.0
        self._drawn_s = float("-inf")
        self._shown = ""

    def stage(self, what: str, total: int) -> None:
        """End the stage before, and begin one of so many steps; 0 where nobody knows how many."""
        self._end_stage()
        self._stage, self._total, self._count = what, total, 0
        self._started_s, self._drawn_s = self._monotonic_s(), float("-inf")
        self._draw()

    def step(self, count: int = 1) -> None:
        """So many steps are done."""
        self._count += count
        if self._monotonic_s() - self._drawn_s >= _REDRAW_S:
            self._draw()

    def say(self, text: str) -> None:
        """Write a sentence on a line of its own."""
        self._wipe()
        self._out.write(f"{text}\n")
        self._draw()
        self._out.flush()

    def close(self) -> None:
        """End the last stage."""
        self._end_stage()

    def _end_stage(self) -> None:
        if self._stage and (self._total or self._count):
            self._wipe()
            of = f"/{self._total}" if self._total else ""
            self._out.write(f"{self._stage:>28} {self._count}{of}\n")
            self._out.flush()
        self._stage = ""

    def _draw(self) -> None:
        if not self._is_terminal or not self._stage:
            return
        self._drawn_s = self._monotonic_s()
        self._wipe()
        self._shown = f"{self._stage:>28} {self._bar()}{self._left()}"
        self._out.write(self._shown)
        self._out.flush()

    def _bar(self) -> str:
        if not self._total:
            return str(self._count)
        filled = _BAR * min(self._count, self._total) // self._total
        return f"[{'#' * filled}{'.' * (_BAR - filled)}] {self._count}/{self._total}"

    def _left(self) -> str:
        elapsed_s = self._monotonic_s() - self._started_s
        if not self._total or self._count < 1 or elapsed_s < 1:
            return ""
        return f", {elapsed_s / self._count * (self._total - self._count):.0f} s left"

    def _wipe(self) -> None:
        if self._shown:
            self._out.write(f"\r{' ' * len(self._shown)}\r")
            self._shown = ""
