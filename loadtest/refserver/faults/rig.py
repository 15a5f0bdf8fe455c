"""All faults of one server, put together: what it takes at each of its seams, and their beginning and end."""

from __future__ import annotations

from loadtest.clock import Clock
from loadtest.refserver.faults.answers import FaultyAnswers
from loadtest.refserver.faults.connections import FaultyConnections
from loadtest.refserver.faults.deliveries import FaultyDeliveries
from loadtest.refserver.faults.grammar import parse_faults
from loadtest.refserver.faults.memory import Memory
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.presence import FaultyPresence
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog


class FaultRig:
    """The faults of a server.

    Args:
        text: the specification.
        truth_path: the truth file, None for none.
        seed: makes every decision.
        clock: the server's.

    Attributes:
        deliveries: takes the place of the plain delivery.
        connections: asked by the cable.
        answers: laid over the REST calls' handlers.
        truth: what is kept of it all.

    Raises:
        UsageError: the specification cannot be read.
    """

    def __init__(self, text: str, truth_path: str | None, seed: int, clock: Clock) -> None:
        self._plan = FaultPlan(parse_faults(text), seed)
        self._text = text
        self._clock = clock
        self.truth = TruthLog(truth_path)
        self._schedule = Schedule(clock, self._plan, self.truth)
        self._memory = Memory(self._plan, self._schedule, self.truth)
        parts = (self._plan, self._schedule, clock, self.truth)
        self.deliveries = FaultyDeliveries(*parts, self._memory)
        self.connections = FaultyConnections(*parts, self._memory)
        self.answers = FaultyAnswers(*parts)

    def presence(self, agent_expiry_s: float, contact_expiry_s: float) -> FaultyPresence:
        """Presence of all accounts, with faults; arguments in seconds."""
        return FaultyPresence(
            self._clock,
            agent_expiry_s,
            contact_expiry_s,
            plan=self._plan,
            schedule=self._schedule,
            truth=self.truth,
        )

    def open(self) -> None:
        """The server begins.

        Raises:
            UsageError: the truth file cannot be made.
        """
        self.truth.open(self._schedule.wall_ns(), self._text, self._plan.seed)

    def close(self) -> None:
        """The server ends: nothing happens any more, and the truth is whole.

        Raises:
            UsageError: not all of the truth could be written.
        """
        self._schedule.end()
        self._memory.tell()
        self.truth.close(self._schedule.wall_ns(), self.deliveries.lanes.waiting)
