"""Which frames of a run are held against the contract in full: all of the first, then one in so many.

Deterministic: no clock and no chance, so that two runs of the same frames check the same ones.
"""

from __future__ import annotations

FIRST = 20
RATE = 100
_MOST_NAMES = 256
_OTHER = ""


class Sampler:
    """Says of each frame whether to check it.

    Args:
        first: so many of each (event, role) are all checked.
        rate: afterwards one in so many is.

    Raises:
        ValueError: ``first`` is negative or ``rate`` not positive.
    """

    __slots__ = ("_cells", "_first", "_rate")

    def __init__(self, first: int = FIRST, rate: int = RATE) -> None:
        if first < 0 or rate < 1:
            raise ValueError(f"first={first}, rate={rate}: first is at least 0, rate at least 1")
        self._first = first
        self._rate = rate
        self._cells: dict[str, dict[str, list[int]]] = {"agent": {}, "contact": {}}

    def wants(self, event: str, role: str) -> bool:
        """Whether to check this frame; counts it. Two look-ups and no allocation once the event was seen.

        Args:
            event: its name; beyond 256 different ones the further names are counted together.
            role: on whose socket it arrived, ``agent`` or ``contact``.
        """
        cell = self._cells[role].get(event) or self._new(event, role)
        if cell[0]:
            cell[0] -= 1
            return True
        cell[1] -= 1
        if cell[1]:
            return False
        cell[1] = self._rate
        return True

    def cell(self, event: str, role: str) -> list[int]:
        """The counters behind :meth:`wants` of an event and role: how many are still all checked, and a countdown.

        A hot path that finds no frame left of the first may count down itself while more than 1 is left, instead of
        asking.
        """
        return self._cells[role].get(event) or self._new(event, role)

    def _new(self, event: str, role: str) -> list[int]:
        cells = self._cells[role]
        name = event if len(cells) < _MOST_NAMES else _OTHER
        return cells.setdefault(name, [self._first, self._rate])
