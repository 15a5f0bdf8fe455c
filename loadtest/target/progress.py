"""What long work outside of a run tells of itself; who shows it is the command line."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Shown how far something is."""

    def stage(self, what: str, total: int) -> None:
        """A stage begins.

        Args:
            what: what is done, such as ``users``.
            total: how many steps it has.
        """

    def step(self, count: int = 1) -> None:
        """So many steps of the stage are done."""

    def say(self, text: str) -> None:
        """A sentence to be read."""


class Silence:
    """Shows nothing."""

    def stage(self, what: str, total: int) -> None:
        """Do nothing."""

    def step(self, count: int = 1) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Do nothing."""
