"""One direction of a connection in memory, and the faults that can be scripted for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from loadtest.clock import NS_PER_S
from loadtest.transport.timeline import Timeline


class FaultKind(Enum):
    """What can happen to one text on its way."""

    DELIVER = "deliver"
    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    REORDER = "reorder"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one text; made by :func:`deliver`, :func:`drop`, :func:`delay`, ...

    Attributes:
        kind: what.
        seconds: how much later, for a delay; how long at most, for a reordering.
        times: how often it arrives, for a duplicate.
    """

    kind: FaultKind
    seconds: float = 0.0
    times: int = 1


def deliver() -> Fault:
    """The text arrives as it should."""
    return Fault(FaultKind.DELIVER)


def drop() -> Fault:
    """The text never arrives."""
    return Fault(FaultKind.DROP)


def delay(seconds: float) -> Fault:
    """The text arrives so much later; those behind it may overtake it."""
    return Fault(FaultKind.DELAY, seconds=seconds)


def duplicate(times: int = 2) -> Fault:
    """The text arrives so many times in a row."""
    return Fault(FaultKind.DUPLICATE, times=times)


def reorder(at_most_s: float = 1.0) -> Fault:
    """The text changes places with the next one; where none comes within ``at_most_s``, it arrives then."""
    return Fault(FaultKind.REORDER, seconds=at_most_s)


class Line:
    """One direction of a connection: takes texts, and hands them over later, scripted faults applied.

    Args:
        timeline: on which texts travel.
        latency_ns: how long they do.
        arrive: called with each text that arrives.
    """

    def __init__(self, timeline: Timeline, latency_ns: int, arrive: Callable[[bytes], None]) -> None:
        self._timeline = timeline
        self._latency_ns = latency_ns
        self._arrive = arrive
        self._faults: deque[Fault] = deque()
        self._held: list[_Held] = []
        self._stalled_until_ns = 0
        self._cut = False

    def script(self, *faults: Fault) -> None:
        """What happens to the next texts, one fault a text, after those scripted before; later texts just arrive."""
        self._faults.extend(faults)

    def stall(self, seconds: float) -> None:
        """Let nothing arrive for so long; it then arrives in its order, at once."""
        now_ns = self._timeline.clock.now_ns()
        self._stalled_until_ns = max(self._stalled_until_ns, now_ns + round(seconds * NS_PER_S))

    def send(self, data: bytes) -> None:
        """Put a text on its way."""
        fault = self._faults.popleft() if self._faults else deliver()
        if fault.kind is FaultKind.REORDER:
            held = _Held(data)
            self._held.append(held)
            self._timeline.call_later(fault.seconds, lambda: self._release(held))
            return
        if fault.kind is not FaultKind.DROP:
            for _ in range(fault.times):
                self._deliver(data, fault.seconds)
        for held in list(self._held):
            self._release(held)

    def pass_on(self, call: Callable[[], None]) -> None:
        """Put something that is no text on its way, behind the texts sent before; no fault but a stall applies."""
        self._schedule(call, 0.0)

    def cut(self) -> None:
        """Lose what is on its way, and all that is sent from now on."""
        self._cut = True

    def _release(self, held: _Held) -> None:
        if held in self._held:
            self._held.remove(held)
            self._deliver(held.data, 0.0)

    def _deliver(self, data: bytes, later_s: float) -> None:
        self._schedule(lambda: self._arrive(data), later_s)

    def _schedule(self, call: Callable[[], None], later_s: float) -> None:
        number = self._timeline.next_number()

        def arrive() -> None:
            if self._cut:
                return
            if self._timeline.clock.now_ns() < self._stalled_until_ns:
                self._timeline.postpone(self._stalled_until_ns, number, arrive)
                return
            call()

        due_ns = self._timeline.clock.now_ns() + self._latency_ns + round(later_s * NS_PER_S)
        self._timeline.postpone(due_ns, number, arrive)


@dataclass(eq=False, slots=True)
class _Held:
    """A text that waits for the next one to pass it; compared by identity, for two texts may be alike."""

    data: bytes
