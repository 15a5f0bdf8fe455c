"""What leads the load of a run while it goes on, instead of its options alone: the seam for searches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from loadtest.directory import Role
from loadtest.distributed.conductor import Conductor
from loadtest.distributed.keeper import RunKeeper


class RateWorkers(Protocol):
    """Whoever can be told to emit at another rate."""

    def change_rate(self, at_s: float, emit_rate: float) -> None:
        """Emit at another rate from a moment of the plan on, in seconds from the hold's beginning."""


class Steering(Protocol):
    """Leads the load of one run.

    Attributes:
        initial_users: users of the first load, with which the hold begins.
        turns: roles in the order in which their users are started, with the most of each; empty where they are started
            side by side.
    """

    initial_users: int
    turns: Sequence[tuple[Role, int]]

    def plan(self, options: Any, host: str | None) -> None:
        """Work out the bounds; set the options that a run is prepared by to the most that may come.

        Raises:
            UsageError: an option is unusable, or a bound is missing.
        """

    def describe(self) -> dict[str, Any]:
        """What the run's store is to say of it."""

    def begin(self, keeper: RunKeeper, conductor: Conductor, workers: RateWorkers) -> None:
        """The test has begun: lead it from its hold on."""

    def is_first_load(self, user_count: int) -> bool:
        """Whether all users of the first load were started, now that so many were."""

    def takes_over(self, reason: str) -> bool:
        """The abort guard wants to let the target go: whether this lowers the load instead of ending the run."""

    def stop(self) -> None:
        """The test is being stopped: lead no more."""

    def report(self, folder: Path) -> tuple[str, int]:
        """Write what was found; that in words for the terminal, and the process's exit code."""


def steering_of(environment: Any) -> Steering | None:
    """Whoever leads the load: the ``steering`` of Locust's shape, where it has one."""
    found: Steering | None = getattr(environment.shape_class, "steering", None)
    return found
