"""The Locust users: an agent or a contact of OneChat, wired to what its process shares."""

from __future__ import annotations

import random
from typing import Any, cast

import gevent
from locust import User, constant, task

from loadtest.cable import ReconnectPolicy, reconnect_policy
from loadtest.directory import Agent, Contact, Role
from loadtest.users.fleet import Fleet
from loadtest.users.outcome import Outcome
from loadtest.users.session import Session

_IDLE_S = 1.0
_HALF_OPEN_S = 60.0


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

    # what a user's dictionary would hold for ten times the memory: users are made before their attributes are
    __slots__ = ("_tabs", "claimed", "fleet")

    abstract = True
    role: Role = "agent"
    wait_time = constant(0)

    fleet: Fleet | None
    claimed: tuple[int, Agent | Contact] | None

    def on_start(self) -> None:
        """Take an identity; without one the user idles (and is counted) until one is unused."""
        self.fleet = None
        self.claimed = None
        self._tabs: tuple[gevent.Greenlet, ...] = ()
        self._begin()

    def _begin(self) -> None:
        if self.fleet is None:
            self.fleet = fleet_of(self.environment)
            if self.fleet is None:
                return
            self.fleet.collector.user_started(self.role)
            self.claimed = self.fleet.claim(self.role)
            if self.claimed is None:
                self.fleet.idle_users += 1
        elif self.claimed is None:
            self.claimed = self.fleet.claim(self.role)
            if self.claimed is not None:
                self.fleet.idle_users -= 1

    def on_stop(self) -> None:
        """Give the identity back."""
        gevent.killall(self._tabs)
        self._tabs = ()
        if self.fleet is not None:
            self.fleet.collector.user_stopped(self.role)
            if self.claimed is not None:
                self.fleet.release(self.role, self.claimed[0])
            else:
                self.fleet.idle_users -= 1

    @task
    def live(self) -> None:
        """Visit after visit, until Locust stops this user."""
        if self.claimed is None or self.fleet is None:
            gevent.sleep(_IDLE_S)
            self._begin()
            return
        identity, who = self.claimed
        fleet = self.fleet
        policy = reconnect_policy(fleet.settings.reconnect)
        gevent.sleep(fleet.turn_s())
        if fleet.slow_readers.has_one(identity):
            self._tabs += (gevent.spawn(self._read_slowly, fleet, identity, who),)
        if self.role == "agent":
            self._tabs += tuple(
                gevent.spawn(self._keep_tab, fleet, identity, who, policy) for _ in range(fleet.scenario.tabs - 1)
            )
        visit = attempt = 0
        lost_ns: int | None = None
        forgotten = False
        while True:
            stay_s, away_s, departure = fleet.conduct(self.role, identity, visit)
            session = Session(fleet, identity, who, lost_ns=lost_ns, forgotten=forgotten)
            outcome = session.visit(stay_s, departure, away_s)
            if outcome.ending == "left":
                visit += 1
                lost_ns, forgotten = None, False
                fleet.collector.user_away(self.role, away=True)
                try:
                    gevent.sleep(fleet.pause_s(identity, away_s))
                finally:
                    session.drop()
                    fleet.collector.user_away(self.role, away=False)
                continue
            attempt = 0 if outcome.confirmed or outcome.rejected else attempt + 1
            forgotten |= outcome.rejected
            if outcome.confirmed:
                lost_ns = fleet.clock.now_ns()
                if outcome.detail != "storm":
                    fleet.storms.lost(identity, lost_ns)
            if outcome.detail == "storm":
                gevent.spawn_later(_HALF_OPEN_S, session.drop)  # where it was left half open
                self._weather(fleet, policy, outcome, attempt, visit)
            else:
                self._pause(fleet, policy, outcome, attempt, visit)
            fleet.collector.count("cable.reconnects", "", self.role)

    @staticmethod
    def _read_slowly(fleet: Fleet, identity: int, who: Agent | Contact) -> None:
        """A further socket that does not keep up; whenever the server gives up on it there is another one."""
        while True:
            Session(fleet, identity, who, second=True).read_slowly()
            fleet.collector.count("slow_readers.ended")
            gevent.sleep(_IDLE_S)

    def _keep_tab(self, fleet: Fleet, identity: int, who: Agent | Contact, policy: ReconnectPolicy) -> None:
        """A further tab of the same person, which comes back whenever it is cut off."""
        attempt = 0
        forgotten = False
        while True:
            outcome = Session(fleet, identity, who, second=True, forgotten=forgotten).visit(None)
            attempt = 0 if outcome.confirmed or outcome.rejected else attempt + 1
            forgotten |= outcome.rejected
            self._pause(fleet, policy, outcome, attempt, -1)

    def _weather(self, fleet: Fleet, policy: ReconnectPolicy, outcome: Outcome, attempt: int, visit: int) -> None:
        """The back-off after a planned storm is a planned absence; how long the target takes after that is its own."""
        fleet.collector.user_away(self.role, away=True)
        try:
            self._pause(fleet, policy, outcome, attempt, visit)
        finally:
            fleet.collector.user_away(self.role, away=False)

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
