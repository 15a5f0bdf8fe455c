"""Time of pairs: how long each kind of observer was told right or wrong about each kind of target.

For every kind of pair it is known how many pairs are in each :class:`Column` now; a change adds or takes away pairs,
and passing time adds pairs x time. So an integral costs what changes, not how many people there are, and time falls
into its own window exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_US, Clock
from loadtest.collect.people import ROLES
from loadtest.collect.presence_truth import State, Truth
from loadtest.collect.presence_views import Roster, View
from loadtest.metrics import Batch


class Column(IntEnum):
    """What a pair of observer and target can be; several at once."""

    ALIVE = 0
    RIGHT = 1
    MISTAKE = 2
    UNSEEN = 3
    IDEAL_RIGHT = 4
    IDEAL_PUSH_RIGHT = 5
    ABSENT = 6
    FALSE_ONLINE = 7
    IDEAL_FALSE_ONLINE = 8
    IDEAL_PUSH_FALSE_ONLINE = 9
    EXCUSED = 10
    STATUS = 11  # and the eight after it: chosen status x told status


STATUSES = ("online", "busy", "offline")
COLUMNS = Column.STATUS + len(STATUSES) ** 2
Counts = NDArray[np.int64]

_METRICS = tuple(
    f"presence.{name}_us"
    for name in (
        "alive", "right", "mistake", "unseen", "ideal_right", "ideal_push_right", "absent", "false_online",
        "ideal_false_online", "ideal_push_false_online", "excused",
    )
)  # fmt: skip
_IDEAL = frozenset(
    {Column.IDEAL_RIGHT, Column.IDEAL_PUSH_RIGHT, Column.IDEAL_FALSE_ONLINE, Column.IDEAL_PUSH_FALSE_ONLINE}
)
#: shown even where it is 0, as soon as there are pairs: a share of nothing is not a missing number
_ALWAYS = frozenset({Column.RIGHT, Column.IDEAL_RIGHT, Column.IDEAL_PUSH_RIGHT})


def pair(observer_role: int, target_role: int) -> int:
    """The number of a kind of pair."""
    return 2 * observer_role + target_role


def columns(
    state: State, chosen: int, *, up: bool, shown: bool, known: bool, ideal: bool, busy: bool, excused: bool
) -> list[int]:
    """The columns of one pair.

    Args:
        state: what the target is.
        chosen: how it chose to be shown, as an index of :data:`STATUSES`.
        up: whether it beat within the expiry.
        shown: whether the observer was told that it is there.
        known: whether the observer was told so since the target came.
        ideal: whether an ideal server would have told the observer so when it last asked.
        busy: whether it is shown as busy.
        excused: whether what the observer knows is not the server's doing.
    """
    if state in (State.ALIVE, State.OVERDUE):
        if excused or state is State.OVERDUE:
            return [Column.EXCUSED]
        told = 2 if not shown else int(busy)
        found = [Column.STATUS + 3 * chosen + told]
        if chosen != 2:
            found += [Column.ALIVE, Column.RIGHT if shown else Column.MISTAKE if known else Column.UNSEEN]
            found += [Column.IDEAL_RIGHT] * ideal + [Column.IDEAL_PUSH_RIGHT] * up
        return found
    if state is State.GONE and not excused:
        found = [int(Column.ABSENT)] + [Column.FALSE_ONLINE] * shown
        return found + [Column.IDEAL_FALSE_ONLINE] * ideal + [Column.IDEAL_PUSH_FALSE_ONLINE] * up
    return []


def column(pairs: Counts, sign: int, place: int, truth: Truth, roster: Roster, views: Iterable[View]) -> None:
    """Add the pairs of one target with every observer, or take them away.

    Args:
        pairs: where they are counted; shape (4, :data:`COLUMNS`).
        sign: 1 or -1.
        place: the target.
        truth: the truth about it.
        roster: who there is.
        views: the observers'.
    """
    role, state = int(place >= roster.agents), truth.state(place)
    if state is State.NEVER:
        return
    bit, overdue = 1 << place, truth.overdue
    kinds: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for view in views:
        if view.place == place or (view.role == 1 and role == 1):
            continue
        kind = (
            (view.shown & bit != 0)
            | (view.known & bit != 0) << 1
            | (view.ideal & bit != 0) << 2
            | (view.busy & bit != 0) << 3
            | ((view.excused & bit != 0) or bool(overdue and overdue >> view.place & 1)) << 4
        )
        kinds[view.role][kind] = kinds[view.role].get(kind, 0) + 1
    chosen = 1 if truth.busy & bit else 2 if truth.away & bit else 0
    up = truth.up & bit != 0
    for observer, counts in enumerate(kinds):
        for kind, count in counts.items():
            shown, known, ideal, busy, excused = (bool(kind >> n & 1) for n in range(5))
            for number in columns(
                state, chosen, up=up, shown=shown, known=known, ideal=ideal, busy=busy, excused=excused
            ):
                pairs[pair(observer, role), number] += sign * count


def row(pairs: Counts, sign: int, view: View, truth: Truth, roster: Roster) -> None:
    """Add the pairs of one observer with every target, or take them away; as :func:`column`, by counting bits."""
    for target in (0, 1) if view.role == 0 else (0,):
        pairs[pair(view.role, target)] += sign * _row(view, truth, roster.of_role[target] & ~(1 << view.place))


def _row(view: View, truth: Truth, targets: int) -> Counts:
    row = [0] * COLUMNS
    alive, overdue = truth.alive & targets, truth.overdue & targets
    if truth.overdue >> view.place & 1:
        row[Column.EXCUSED] = (alive | overdue).bit_count()
        return np.array(row, dtype=np.int64)
    row[Column.EXCUSED] = ((alive & view.excused) | overdue).bit_count()
    clear = targets & ~view.excused
    alive, gone = alive & clear, truth.gone & clear
    shown, busy = view.shown, view.busy & view.shown
    for chosen, those in enumerate((alive & ~truth.busy & ~truth.away, alive & truth.busy, alive & truth.away)):
        if those:
            told_shown, told_busy = (those & shown).bit_count(), (those & busy).bit_count()
            cell = Column.STATUS + 3 * chosen
            row[cell : cell + 3] = (told_shown - told_busy, told_busy, those.bit_count() - told_shown)
    alive &= ~truth.away
    right, wrong = alive & shown, alive & ~shown
    row[Column.ALIVE], row[Column.RIGHT] = alive.bit_count(), right.bit_count()
    if wrong:
        row[Column.MISTAKE] = (wrong & view.known).bit_count()
        row[Column.UNSEEN] = (wrong & ~view.known).bit_count()
    row[Column.IDEAL_RIGHT] = (alive & view.ideal).bit_count()
    row[Column.IDEAL_PUSH_RIGHT] = (alive & truth.up).bit_count()
    if gone:
        row[Column.ABSENT], row[Column.FALSE_ONLINE] = gone.bit_count(), (gone & shown).bit_count()
        row[Column.IDEAL_FALSE_ONLINE] = (gone & view.ideal).bit_count()
        row[Column.IDEAL_PUSH_FALSE_ONLINE] = (gone & truth.up).bit_count()
    return np.array(row, dtype=np.int64)


class PairTime:
    """Integrals of pairs over time, cut into windows.

    Args:
        clock: what measures.
        window_ns: length of a window.
        expiry_known: whether the target's expiry of agents, and of contacts, is known.
    """

    def __init__(self, clock: Clock, window_ns: int, expiry_known: tuple[bool, bool]) -> None:
        self._clock = clock
        self._window_ns = window_ns
        self._expiry_known = expiry_known
        #: pairs in each column now, by kind of pair
        self.pairs: Counts = np.zeros((4, COLUMNS), dtype=np.int64)
        self._sum_ns: Counts = np.zeros((4, COLUMNS), dtype=np.int64)
        self._since_ns = 0
        self._window = 0
        self._until_ns = 0
        self.counting = False

    def begin(self, at_ns: int) -> None:
        """Count from now on."""
        self.counting = True
        self._since_ns = at_ns
        self._enter(at_ns)

    def end(self, at_ns: int, batch: Batch) -> None:
        """Count no more after ``at_ns``."""
        self.advance(at_ns, batch)
        if self.counting:
            self.flush(batch)
        self.counting = False

    def advance(self, to_ns: int, batch: Batch) -> None:
        """The pairs stayed as they are until ``to_ns``."""
        if not self.counting or to_ns <= self._since_ns:
            return
        while to_ns >= self._until_ns:
            self._sum_ns += self.pairs * (self._until_ns - self._since_ns)
            self._since_ns = self._until_ns
            self.flush(batch)
            self._enter(self._until_ns)
        self._sum_ns += self.pairs * (to_ns - self._since_ns)
        self._since_ns = to_ns

    def flush(self, batch: Batch) -> None:
        """Hand over what the present window has so far; parts of a microsecond stay for the next time."""
        whole_us = self._sum_ns // NS_PER_US
        if not whole_us.any():
            return
        self._sum_ns -= whole_us * NS_PER_US
        for observer, observer_role in enumerate(ROLES):
            for target, target_role in enumerate(ROLES):
                row = whole_us[pair(observer, target)]
                for column, value in enumerate(row[: Column.STATUS].tolist()):
                    if column in _IDEAL and not self._expiry_known[target]:
                        continue
                    if value or (column in _ALWAYS and row[Column.ALIVE]):
                        batch.add(self._window, _METRICS[column], target_role, observer_role, value)
                if target == 0 and row[Column.STATUS :].any():
                    for cell, value in enumerate(row[Column.STATUS :].tolist()):
                        if value:
                            name = f"{STATUSES[cell // 3]}>{STATUSES[cell % 3]}"
                            batch.add(self._window, "presence.status_us", name, observer_role, value)

    def _enter(self, at_ns: int) -> None:
        self._window = self._clock.wall_ns(at_ns) // self._window_ns
        self._until_ns = max(at_ns + 1, self._clock.mono_ns((self._window + 1) * self._window_ns))
