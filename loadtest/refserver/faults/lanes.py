"""Frames that are held, and the order in which each socket gets them.

A socket's frames leave in the order in which they came, however long each was meant to be held: what has to wait for
one before it waits, and its line in the truth says how long. Only a frame that is to be overtaken leaves the order: it
steps aside until a later emission has gone out to its socket.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from loadtest.clock import NS_PER_MS, NS_PER_S, NS_PER_US, Clock
from loadtest.refserver.faults.emissions import Emission, receiver_name
from loadtest.refserver.faults.grammar import PRESENCE
from loadtest.refserver.faults.truth import TruthLine, TruthLog
from loadtest.refserver.rooms import Broadcast, Outlet, Subscription

OVERTAKEN_AFTER_NS = 100 * NS_PER_MS
"""An emission due so long after another's broadcast began after that one's call was answered, for certain."""

OVERTAKEN_WITHIN_S = 3.0
"""How long a frame waits to be overtaken."""

_AGAIN_S = 0.05

FRAMES_A_TURN = 256
"""Frames that leave before other work of the loop has its turn."""


@dataclass(slots=True, eq=False)
class Frame:
    """A broadcast on its way to one subscription.

    Attributes:
        broadcast: what.
        emission: its names.
        subscription: to whom.
        at_ns: when it was broadcast, monotonic.
        extra: the fault that it owes its being to (``dup``, ``leak``, ``note-leak``); empty for a delivery as due.
        held_by: the fault that decides when it leaves; empty for one that is not held.
        planned_ns: how long it was meant to be held.
        burns_ns: how long the loop is kept busy before it leaves.
    """

    broadcast: Broadcast
    emission: Emission
    subscription: Subscription
    at_ns: int
    extra: str = ""
    held_by: str = ""
    planned_ns: int = 0
    burns_ns: int = 0

    def line(self, kind: str, now_ns: int, wall_ns: int) -> TruthLine:
        """What the truth says of it."""
        emission, broadcast = self.emission, self.broadcast
        return TruthLine(
            wall_ns // NS_PER_US / 1e6,
            kind,
            emission.event,
            emission.mark,
            receiver_name(self.subscription),
            (now_ns - self.at_ns) // NS_PER_US,
            role=self.subscription.role,
            account=broadcast.account_id,
            conversation=broadcast.conversation_id,
            emission=emission.name,
            run=emission.run,
            planned_us=self.planned_ns // NS_PER_US,
        )


@dataclass(slots=True)
class _Lane:
    """What is held for one socket, in order."""

    last_ns: int
    held_by: str
    pending: int = 0


@dataclass(slots=True, eq=False)
class _Aside:
    """Frames that wait to be overtaken: a delivery, and perhaps its second copy."""

    frames: Sequence[Frame]
    wall_ns: int
    overtaken_by: list[Emission] = field(default_factory=list)


class Lanes:
    """The sockets' lanes.

    Args:
        clock: what measures.
        truth: where lines go.
        later: calls something after so many seconds.
        handed: told of each frame that a connection took.
    """

    def __init__(
        self,
        clock: Clock,
        truth: TruthLog,
        later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
        handed: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._truth = truth
        self._later = later
        self._handed = handed
        self._lanes: dict[Outlet, _Lane] = {}
        self._held: list[tuple[int, int, Frame]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._aside: dict[Outlet, list[_Aside]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held or waits aside."""
        return not self._held and not self._aside

    @property
    def waiting(self) -> int:
        """Frames that are held or wait aside."""
        return len(self._held) + sum(len(aside.frames) for row in self._aside.values() for aside in row)

    def put(self, frame: Frame, release_ns: int) -> None:
        """Let a frame leave at ``release_ns``, or as soon after as its socket's order allows; at once if it can.

        Args:
            frame: with the fault that holds it, if one does.
            release_ns: monotonic time.
        """
        outlet = frame.subscription.outlet
        lane = self._lanes.get(outlet)
        if not frame.held_by:
            if lane is None or frame.emission.event == PRESENCE:
                self._hand_over(frame)
                return
            frame.held_by = lane.held_by
        if lane is None:
            lane = self._lanes[outlet] = _Lane(release_ns, frame.held_by)
        elif release_ns <= lane.last_ns:
            release_ns, frame.held_by = lane.last_ns, lane.held_by
        else:
            lane.last_ns, lane.held_by = release_ns, frame.held_by
        lane.pending += 1
        heapq.heappush(self._held, (release_ns, next(self._order), frame))
        self._wake_at(self._held[0][0])

    def put_aside(self, frames: Sequence[Frame]) -> None:
        """Keep a delivery until it has been overtaken, or nothing overtook it in time."""
        aside = _Aside(frames, self._clock.wall_ns(frames[0].at_ns))
        outlet = frames[0].subscription.outlet
        self._aside.setdefault(outlet, []).append(aside)
        self._later(OVERTAKEN_WITHIN_S, lambda: self._give_up(outlet, aside))

    # -- held --------------------------------------------------------------------------------------------------------

    def _wake_at(self, release_ns: int) -> None:
        if self._timer is None or release_ns < self._timer_ns:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_ns = release_ns
            self._timer = self._later(max(0, release_ns - self._clock.now_ns()) / NS_PER_S, self._release)

    def _release(self) -> None:
        self._timer = None
        held = self._held
        for _ in range(FRAMES_A_TURN):
            if not held or held[0][0] > self._clock.now_ns():
                break
            _, _, frame = heapq.heappop(held)
            lane = self._lanes[frame.subscription.outlet]
            lane.pending -= 1
            if not lane.pending:
                del self._lanes[frame.subscription.outlet]
            if frame.burns_ns:
                _burn(frame.burns_ns)
            self._hand_over(frame)
            if frame.burns_ns:
                break  # one at a time: the loop has other work
        if held:
            self._wake_at(held[0][0])

    def _hand_over(self, frame: Frame) -> None:
        subscription = frame.subscription
        kind = frame.extra or frame.held_by
        now_ns = self._clock.now_ns() if kind else 0  # before: the reader that a send wakes may take this CPU away
        if subscription.has_left or not subscription.send(frame.broadcast.suffix):
            return
        self._handed()
        if kind:
            self._tell(frame, kind, now_ns)
        if self._aside and frame.emission.event != PRESENCE:
            self._overtake(frame)

    def _tell(self, frame: Frame, kind: str, now_ns: int) -> None:
        if self._truth.is_kept:
            self._truth.add(frame.line(kind, now_ns, self._clock.wall_ns(now_ns)))

    # -- aside -------------------------------------------------------------------------------------------------------

    def _overtake(self, frame: Frame) -> None:
        """A frame went out: those that waited for it follow."""
        outlet = frame.subscription.outlet
        row = self._aside.get(outlet)
        if row is None:
            return
        began_ns = self._clock.wall_ns(frame.at_ns)
        if frame.emission.due_ns:
            began_ns = min(began_ns, frame.emission.due_ns)
        for aside in tuple(row):
            if aside.frames[0].at_ns > frame.at_ns:
                continue  # it is the later one
            aside.overtaken_by.append(frame.emission)
            if began_ns >= aside.wall_ns + OVERTAKEN_AFTER_NS:
                self._step_back(outlet, aside, sure=True)

    def _give_up(self, outlet: Outlet, aside: _Aside) -> None:
        if outlet in self._lanes:  # earlier ones are held still, and it must not overtake them
            self._later(_AGAIN_S, lambda: self._give_up(outlet, aside))
        elif aside in self._aside.get(outlet, ()):
            self._step_back(outlet, aside, sure=False)

    def _step_back(self, outlet: Outlet, aside: _Aside, *, sure: bool) -> None:
        row = self._aside[outlet]
        row.remove(aside)
        if not row:
            del self._aside[outlet]
        for frame in aside.frames:
            subscription = frame.subscription
            now_ns = self._clock.now_ns()
            if subscription.has_left or not subscription.send(frame.broadcast.suffix):
                continue
            self._handed()
            kind = frame.extra or ("reorder" if aside.overtaken_by else "delay")
            entry = frame.line(kind, now_ns, self._clock.wall_ns(now_ns))
            if not frame.extra:
                entry.overtaken_by = [emission.named() for emission in aside.overtaken_by]
                entry.sure = sure
                entry.why = "" if aside.overtaken_by else "reorder"
            self._truth.add(entry)


def _burn(duration_ns: int) -> None:
    end_ns = time.thread_time_ns() + duration_ns
    while time.thread_time_ns() < end_ns:
        pass
