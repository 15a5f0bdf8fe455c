"""What a conductor leads: the fleet of this process, or Locust's workers through its channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from locust.runners import MasterRunner

from loadtest.distributed import messages
from loadtest.distributed.keeper import RunKeeper
from loadtest.users.dispatch import quotas
from loadtest.users.fleet import Fleet

_FAREWELL_S = 3.0
_POLL_S = 0.1


class LocalWorkers:
    """The fleet of this process.

    Args:
        fleet: the fleet; it is started by then.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def ready(self) -> bool:
        """Whether all users are confirmed and their conversations are open."""
        collector = self._fleet.collector
        return collector.connected_count >= collector.planned_count > 0 and not self._fleet.chat.awaited_count

    def begin_hold(self) -> None:
        """Emit from now on."""
        self._fleet.begin_hold()

    def end_hold(self) -> None:
        """Emit no more."""
        self._fleet.end_hold()

    def drained(self) -> bool:
        """Whether all books are closed."""
        return self._fleet.drained()

    def close_books(self) -> None:
        """Hand over what is left."""
        self._fleet.end_hold()
        self._fleet.tick(final=True)

    def shortage(self) -> str:
        """Why nobody is connected; empty when somebody is."""
        return "" if self._fleet.collector.connected_count else self._fleet.why_nobody()

    def lost(self) -> list[str]:
        """Workers that are gone: this process is not."""
        return []


class RemoteWorkers:
    """Locust's workers, as the master knows them.

    Args:
        runner: Locust's master runner.
        keeper: holds the newest figures of every worker.
        planned_users: users of the whole fleet.
    """

    def __init__(self, runner: MasterRunner, keeper: RunKeeper, planned_users: int) -> None:
        self._runner = runner
        self._keeper = keeper
        self._planned_users = planned_users
        self._members: list[str] = []
        self._drained: set[str] = set()
        self._told_to_drain = False
        self._shortages: list[str] = []

    @property
    def count(self) -> int:
        """Workers that were dealt to."""
        return len(self._members)

    def deal(self, setup: Callable[[int, list[tuple[int, int]]], dict[str, Any]]) -> None:
        """Send every worker its setup, ahead of Locust's spawn message.

        Args:
            setup: makes the message for a worker out of its number and all workers' quotas of agents and contacts.
        """
        runner = self._runner
        shares = quotas(runner.clients.ready, runner.user_classes, self._planned_users)
        self._members = list(shares)
        numbers = [(share["agent"], share["contact"]) for share in shares.values()]
        for number, client_id in enumerate(self._members):
            runner.send_message(messages.SETUP, setup(number, numbers), client_id)

    def drained_by(self, client_id: str, shortage: str) -> None:
        """A worker closed its books."""
        self._drained.add(client_id)
        if shortage:
            self._shortages.append(shortage)

    def lost(self) -> list[str]:
        """Workers that were dealt to and are gone or missing."""
        alive = {client.id for client in self._runner.clients.all if client.state != "missing"}
        return [client_id for client_id in self._members if client_id not in alive]

    def ready(self) -> bool:
        """Whether all users of all workers are confirmed and their conversations are open."""
        total = self._keeper.total
        planned = total("users.planned.agent") + total("users.planned.contact")
        connected = total("users.connected.agent") + total("users.connected.contact")
        return planned >= self._planned_users and connected >= total("users.due") and not total("users.awaited")

    def begin_hold(self) -> None:
        """Tell all workers to emit."""
        self._tell(messages.HOLD)

    def end_hold(self) -> None:
        """Tell all workers to drain."""
        self._told_to_drain = True
        self._tell(messages.DRAIN)

    def drained(self) -> bool:
        """Whether every worker that is still there has closed its books."""
        lost = self.lost()
        return all(client_id in self._drained or client_id in lost for client_id in self._members)

    def close_books(self) -> None:
        """Ask for what is left where that was not done."""
        if not self._told_to_drain:
            self.end_hold()
            self._await_farewells()

    def shortage(self) -> str:
        """Why nobody is connected; empty when somebody is."""
        total = self._keeper.total
        if total("users.connected.agent") + total("users.connected.contact"):
            return ""
        self.end_hold()
        self._await_farewells()
        return self._shortages[0] if self._shortages else "No user of any worker was confirmed"

    def _tell(self, message: str) -> None:
        for client_id in self._members:
            self._runner.send_message(message, {}, client_id)

    def _await_farewells(self) -> None:
        for _ in range(round(_FAREWELL_S / _POLL_S)):
            if self.drained():
                return
            gevent.sleep(_POLL_S)
