"""What a conductor leads: the fleet of this process, or Locust's workers through its channel."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import gevent
from locust.runners import MasterRunner

from loadtest.clock import NS_PER_S, NS_PER_US
from loadtest.directory import Role
from loadtest.distributed import messages
from loadtest.distributed.conductor import warn
from loadtest.distributed.keeper import RunKeeper
from loadtest.metrics import Batch, Note
from loadtest.nouns import many
from loadtest.users.dispatch import quotas, quotas_in_turn
from loadtest.users.fleet import Fleet

_FAREWELL_S = 3.0
_CLOCKS_S = 5.0
_POLL_S = 0.1
_WATCH_S = 0.5


class LocalWorkers:
    """The fleet of this process.

    Args:
        fleet: the fleet; it is started by then.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def ready(self) -> bool:
        """Whether all users are confirmed, their conversations are open, and the ramp's garbage is gone."""
        return self._fleet.settled and self._fleet.all_there

    def begin_hold(self) -> None:
        """Emit from now on."""
        self._fleet.begin_hold()

    def change_rate(self, at_s: float, emit_rate: float) -> None:
        """Emit at another rate from a moment of the plan on, seconds from the hold's beginning."""
        self._fleet.change_rate(at_s, emit_rate)

    def end_hold(self, limit_s: float | None = None) -> None:
        """Emit no more; with a limit, connect nobody any more either."""
        if limit_s is not None:
            self._fleet.let_go()
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

    def played_out(self) -> bool:
        """Whether the plan came to its end."""
        return self._fleet.chat.is_played_out

    def tell_of_lost(self) -> None:
        """Nothing is lost of one process."""


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
        self._is_hurried = False
        self._shortages: list[str] = []
        self._heard: dict[str, int] = {}  # worker -> when, monotonic
        self._watcher: gevent.Greenlet | None = None

    @property
    def count(self) -> int:
        """Workers that were dealt to."""
        return len(self._members)

    def await_clocks(self, measured: Collection[str]) -> None:
        """Wait, a few seconds at most, until every worker knows how far its clock is from this one.

        Args:
            measured: the workers that do; grows meanwhile.
        """
        for _ in range(round(_CLOCKS_S / _POLL_S)):
            waiting = [client.id for client in self._runner.clients.ready if client.id not in measured]
            if not waiting:
                return
            gevent.sleep(_POLL_S)
        names = ", ".join(sorted(waiting))
        self._keeper.note("error", f"The clocks of some workers could not be measured in {_CLOCKS_S:g} s: {names}")

    def deal(
        self,
        setup: Callable[[int, list[tuple[int, int]]], Iterable[dict[str, Any]]],
        turns: Sequence[tuple[Role, int]] = (),
    ) -> None:
        """Send every worker its setup, ahead of Locust's spawn message.

        Args:
            setup: makes the messages for a worker out of its number and all workers' quotas of agents and contacts.
            turns: one role after the other with its number of users, where they are not started side by side.
        """
        runner = self._runner
        nodes, kinds = runner.clients.ready, runner.user_classes
        shares = quotas_in_turn(nodes, kinds, turns) if turns else quotas(nodes, kinds, self._planned_users)
        self._members = list(shares)
        numbers = [(share["agent"], share["contact"]) for share in shares.values()]
        for number, client_id in enumerate(self._members):
            self._heard[client_id] = time.monotonic_ns()
            for message in setup(number, numbers):
                runner.send_message(messages.SETUP, message, client_id)
        self._watcher = gevent.spawn(self._watch)

    def join(self, client_id: str, setup: Callable[[int], Iterable[dict[str, Any]]], *, holding: bool) -> None:
        """Take in a worker that came when the test was under way; one that was dealt to already is passed over.

        Args:
            client_id: the worker.
            setup: makes the messages for it out of its number.
            holding: whether the others emit already.
        """
        if client_id in self._members or self._told_to_drain:
            return
        self._members.append(client_id)
        self._heard[client_id] = time.monotonic_ns()
        for message in setup(len(self._members) - 1):
            self._runner.send_message(messages.SETUP, message, client_id)
        if holding:
            self._runner.send_message(messages.HOLD, {}, client_id)
        text = f"worker {client_id} came when the test was under way: it simulates identities that nobody uses"
        self._keeper.note("worker_late", text)

    def heard(self, client_id: str) -> None:
        """A worker handed something over."""
        self._heard[client_id] = time.monotonic_ns()

    def played_out(self) -> bool:
        """Whether the plan came to its end in every worker that is there."""
        lost = self.lost()
        gauges = self._keeper.gauges
        return all(c in lost or gauges.get((c, "plan.left")) == 0.0 for c in self._members)

    def tell_of_lost(self) -> None:
        """Note each worker that is gone, at the moment it was last heard of; called once, at the end."""
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher = None
        clock = self._keeper.clock
        now_ns = time.monotonic_ns()
        batch = Batch()
        for client_id in self.lost():
            since_ns = self._heard.get(client_id, now_ns)
            at_us = clock.wall_ns(since_ns) // NS_PER_US
            gauges = self._keeper.gauges
            users = sum(gauges.get((client_id, f"users.planned.{role}"), 0.0) for role in ("agent", "contact"))
            told = datetime.datetime.fromtimestamp(at_us / 1e6, datetime.UTC)
            text = (
                f"worker {client_id} was lost with its {many(round(users), 'user')}: nothing was heard of it since "
                f"{told:%H:%M:%S} UTC, {(now_ns - since_ns) / NS_PER_S:.0f} s before the end"
            )
            batch.notes.append(Note(at_us, "worker_lost", text, {"worker": client_id, "since_us": at_us}))
        if batch.notes:
            self._keeper.take(batch)

    def _watch(self) -> None:
        """Note workers that go missing, and come back."""
        missing: set[str] = set()
        while True:
            gevent.sleep(_WATCH_S)
            lost = set(self.lost())
            for client_id in sorted(lost - missing):
                ago_s = (time.monotonic_ns() - self._heard.get(client_id, time.monotonic_ns())) / NS_PER_S
                text = f"worker {client_id} is missing: it was last heard of {ago_s:.0f} s ago"
                warn(text)
                self._keeper.note("worker_missing", text, {"worker": client_id})
            for client_id in sorted(missing - lost):
                self._keeper.note("worker_back", f"worker {client_id} is back", {"worker": client_id})
            missing = lost

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

    def change_rate(self, at_s: float, emit_rate: float) -> None:
        """Tell all workers to emit at another rate from a moment of the plan on."""
        self._tell(messages.RATE, {"at_s": at_s, "emit_rate": emit_rate})

    def end_hold(self, limit_s: float | None = None) -> None:
        """Tell all workers to drain; with a limit, within so many seconds and without connecting anybody."""
        self._told_to_drain = True
        self._is_hurried = limit_s is not None
        self._tell(messages.DRAIN, {} if limit_s is None else {"limit_s": limit_s})

    def drained(self) -> bool:
        """Whether every worker that is still there has closed its books."""
        lost = self.lost()
        return all(client_id in self._drained or client_id in lost for client_id in self._members)

    def close_books(self) -> None:
        """Ask for what is left where that was not done; say whose is missing, of who was given the time for it."""
        if not self._told_to_drain:
            self.end_hold()
            self._await_farewells()
        elif not self._is_hurried:
            gone = {*self._drained, *self.lost()}  # who is lost is told of as that
            for client_id in [one for one in self._members if one not in gone]:
                text = (
                    f"worker {client_id} had not closed its books when the drain was over: what it had open is missing"
                )
                self._keeper.note("generator_error", text)

    def shortage(self) -> str:
        """Why nobody is connected; empty when somebody is."""
        total = self._keeper.total
        if total("users.connected.agent") + total("users.connected.contact"):
            return ""
        self.end_hold()
        self._await_farewells()
        return self._shortages[0] if self._shortages else "No user of any worker was confirmed"

    def _tell(self, message: str, data: dict[str, Any] | None = None) -> None:
        for client_id in self._members:
            self._runner.send_message(message, data or {}, client_id)

    def _await_farewells(self) -> None:
        for _ in range(round(_FAREWELL_S / _POLL_S)):
            if self.drained():
                return
            gevent.sleep(_POLL_S)
