"""The Locust users: an agent or a contact of OneChat, wired to what its process shares."""

from __future__ import annotations

import random
from typing import Any, cast

import gevent
from locust import User, constant, task

from loadtest.cable import ReconnectPolicy, reconnect_policy
from loadtest.directory import Agent, Contact, Role
from loadtest.users.fleet import Fleet
from loadtest.users.session import Outcome, Session


def fleet_of(environment: Any) -> Fleet | None:
    """The fleet of this process; None in a worker that joined after the identities were dealt.

    Raises:
        RuntimeError: the locustfile does not import ``loadtest.plugin``.
    """
    if not hasattr(environment, "cable_fleet"):
        raise RuntimeError(
            "no fleet in this environment: a locustfile with CableUser classes must import loadtest.plugin"
        )
    return cast("Fleet | None", environment.cable_fleet)


class CableUser(User):
    """Keeps a subscription: connects, stays, leaves and comes back, reconnects as real clients do.

    Subclass :class:`AgentUser` or :class:`ContactUser`. What users say is the plan's business (see ``--emit-rate``);
    a user's own greenlet only looks after its connection.
    """

    abstract = True
    role: Role = "agent"
    wait_time = constant(0)

    def on_start(self) -> None:
        """Take an identity; without one the user idles (and is counted)."""
        self.fleet = fleet_of(self.environment)
        self.claimed: tuple[int, Agent | Contact] | None = None
        if self.fleet is not None:
            self.claimed = self.fleet.claim(self.role)
            self.fleet.collector.user_started(self.role)

    def on_stop(self) -> None:
        """Give the identity back."""
        if self.fleet is not None:
            self.fleet.collector.user_stopped(self.role)
            if self.claimed is not None:
                self.fleet.release(self.role, self.claimed[0])

    @task
    def live(self) -> None:
        """Visit after visit, until Locust stops this user."""
        if self.claimed is None or self.fleet is None:
            gevent.sleep(3600.0)
            return
        identity, who = self.claimed
        fleet = self.fleet
        policy = reconnect_policy(fleet.settings.reconnect)
        visit = attempt = 0
        while True:
            stay_s = fleet.visits.stay(identity, visit) if self.role == "contact" else None
            outcome = Session(fleet, identity, who).visit(stay_s)
            if outcome.ending == "left":
                visit += 1
                fleet.collector.user_away(self.role, away=True)
                try:
                    gevent.sleep(fleet.visits.away(identity, visit))
                finally:
                    fleet.collector.user_away(self.role, away=False)
                continue
            attempt = 0 if outcome.confirmed else attempt + 1
            self._pause(fleet, policy, outcome, attempt, visit)
            fleet.collector.count("cable.reconnects", "", self.role)

    def _pause(self, fleet: Fleet, policy: ReconnectPolicy, outcome: Outcome, attempt: int, visit: int) -> None:
        """Wait as the client's back-off says, or for good when it gives up."""
        assert self.claimed is not None
        jitter = random.Random(f"{fleet.settings.seed}:{self.claimed[0]}:{visit}:{attempt}")
        delay_s = policy.delay_s(attempt, jitter, socket_closed=outcome.closed) if outcome.reconnect else None
        gevent.sleep(delay_s if delay_s is not None else 3.15e7)


class AgentUser(CableUser):
    """An agent: subscribed to its account and inboxes, beats presence, answers contacts."""

    abstract = True
    role: Role = "agent"


class ContactUser(CableUser):
    """A contact: subscribed to its own conversation, beats presence, asks; comes and goes."""

    abstract = True
    role: Role = "contact"
