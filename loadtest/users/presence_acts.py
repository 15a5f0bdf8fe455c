"""What makes presence move beside beats, and what asks REST about it: statuses, a mass leave, the oracle.

The oracle is the second observer: at random moments the account's lists of agents and of active contacts are asked for
and held against the truth. Those who came or went while it was asked are left out.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Protocol

import gevent

from loadtest import api
from loadtest.api import provisioning, records
from loadtest.api.presence import parse_active, parse_statuses
from loadtest.clock import NS_PER_S, Clock
from loadtest.collect import Collector
from loadtest.directory import Agent
from loadtest.nouns import many
from loadtest.plan import Scenario, uniform
from loadtest.rest import Reply
from loadtest.users.scene import Moment
from loadtest.users.settings import FleetSettings

MOST_PAGES = 40
"""Pages of active contacts asked for at most; with more contacts online than they hold, contacts are not judged."""

_TOO_MANY = 429
_SHOWN = frozenset({"online", "busy"})


class Leaver(Protocol):
    """A session that can be told to leave."""

    @property
    def identity(self) -> int:
        """Number of the identity."""

    def leave(self) -> None:
        """Leave now."""


class Crowd(Protocol):
    """What is needed of the process's fleet."""

    @property
    def clock(self) -> Clock:
        """What measures."""

    @property
    def collector(self) -> Collector:
        """Where things are counted."""

    @property
    def settings(self) -> FleetSettings:
        """Options of the run."""

    @property
    def scenario(self) -> Scenario:
        """How people behave."""

    def here(self) -> Sequence[Leaver]:
        """The sessions that stand."""

    def send(self, call: api.Call, moment: Moment) -> Reply:
        """Send a call once and count it."""


class PresenceActs:
    """Runs through the hold; :meth:`stop` ends it.

    Args:
        crowd: what the process's users share.
    """

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._running: list[gevent.Greenlet] = []
        #: until when those who left together stay away, by identity
        self.away_until_ns: dict[int, int] = {}

    def start(self, hold_ns: int) -> None:
        """The hold begins."""
        scenario, settings = self._crowd.scenario, self._crowd.settings
        if scenario.leaving > 0:
            self._running.append(gevent.spawn(self._leave_together, hold_ns))
        if scenario.status_s > 0:
            self._running.append(gevent.spawn(self._change_statuses))
        if settings.presence_oracle_s > 0:
            self._running.append(gevent.spawn(self._ask))

    def stop(self) -> None:
        """Do no more."""
        gevent.killall(self._running)
        self._running.clear()

    # -- leaving together --------------------------------------------------------------------------------------------

    def _leave_together(self, hold_ns: int) -> None:
        crowd, scenario = self._crowd, self._crowd.scenario
        at_ns = hold_ns + round(scenario.leave_at_s * NS_PER_S)
        gevent.sleep(max(0.0, (at_ns - crowd.clock.now_ns()) / NS_PER_S))
        until_ns = crowd.clock.now_ns() + round(scenario.leave_for_s * NS_PER_S)
        leavers = [session for session in crowd.here() if scenario.leaves(session.identity)]
        told = many(len(leavers), "session leaves", "sessions leave")
        crowd.collector.note("presence", f"{told} together", {"sessions": len(leavers)})
        for session in leavers:
            self.away_until_ns[session.identity] = until_ns
        for number, session in enumerate(leavers, 1):
            session.leave()
            if number % 64 == 0:
                gevent.sleep(0)

    def pause_s(self, identity: int) -> float | None:
        """How long somebody who left with the others still stays away; None for who did not."""
        until_ns = self.away_until_ns.pop(identity, None)
        return None if until_ns is None else max(0.0, (until_ns - self._crowd.clock.now_ns()) / NS_PER_S)

    # -- statuses ----------------------------------------------------------------------------------------------------

    def _change_statuses(self) -> None:
        crowd, scenario = self._crowd, self._crowd.scenario
        people = crowd.collector.people
        now_ns = crowd.clock.now_ns()
        queue = [(now_ns + round(scenario.status(n, 0)[0] * NS_PER_S), n, 0) for n in range(len(people.agents))]
        heapq.heapify(queue)
        while queue:
            due_ns, number, change = heapq.heappop(queue)
            gevent.sleep(max(0.0, (due_ns - crowd.clock.now_ns()) / NS_PER_S))
            if crowd.collector.sockets_of(number):
                gevent.spawn(self._choose, people.agents[number], number, scenario.status(number, change)[1], due_ns)
            heapq.heappush(
                queue, (due_ns + round(scenario.status(number, change + 1)[0] * NS_PER_S), number, change + 1)
            )

    def _choose(self, agent: Agent, number: int, status: str, due_ns: int) -> None:
        crowd = self._crowd
        chosen: api.Availability = "busy" if status == "busy" else "offline" if status == "offline" else "online"
        call = api.agent_set_availability(agent, agent.account_id, chosen)
        reply = crowd.send(call, Moment(due_ns, crowd.clock.now_ns()))
        if reply.status is not None and 200 <= reply.status < 300:
            crowd.collector.presence.chose(number, status, crowd.clock.now_ns())

    # -- the oracle --------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        crowd = self._crowd
        every_s = crowd.settings.presence_oracle_s
        accounts = crowd.collector.presence.account_ids
        asked = 0
        while accounts:
            gevent.sleep(every_s * (0.5 + uniform(crowd.settings.seed, "oracle", asked)) / len(accounts))
            account_id = accounts[asked % len(accounts)]
            asked += 1
            agent = self._somebody(account_id, asked)
            if agent is None:
                continue
            if not self._ask_of_agents(agent, account_id) or not self._ask_of_contacts(agent, account_id):
                accounts = [other for other in accounts if other != account_id]

    def _somebody(self, account_id: int, turn: int) -> Agent | None:
        """An agent of the account who is there, each in turn."""
        people, sockets_of = self._crowd.collector.people, self._crowd.collector.sockets_of
        there = [a for n, a in enumerate(people.agents) if a.account_id == account_id and sockets_of(n)]
        return there[turn % len(there)] if there else None

    def _ask_of_agents(self, agent: Agent, account_id: int) -> bool:
        crowd = self._crowd
        asked_ns = crowd.clock.now_ns()
        reply = self._get(provisioning.list_agents(agent.access_token, account_id), asked_ns)
        if reply is None:
            return False
        if reply.body:
            try:
                statuses = parse_statuses(reply.body)
            except ValueError as error:
                self._is_none(provisioning.list_agents("", account_id), f"answered something else: {error}")
                return False
            shown = [user_id for user_id, status in statuses.items() if status in _SHOWN]
            crowd.collector.presence.asked(account_id, "agent", shown, asked_ns, crowd.clock.now_ns())
        return True

    def _ask_of_contacts(self, agent: Agent, account_id: int) -> bool:
        crowd = self._crowd
        asked_ns = crowd.clock.now_ns()
        shown: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            reply = self._get(records.list_active_contacts(agent.access_token, account_id, page), crowd.clock.now_ns())
            if reply is None:
                return False
            if not reply.body:
                return True
            try:
                contact_ids, count = parse_active(reply.body)
            except ValueError as error:
                self._is_none(records.list_active_contacts("", account_id, 1), f"answered something else: {error}")
                return False
            shown.update(contact_ids)
            if not contact_ids or page * records.CONTACTS_PER_PAGE >= count:
                crowd.collector.presence.asked(account_id, "contact", shown, asked_ns, crowd.clock.now_ns())
                return True
        crowd.collector.note("presence", f"More contacts of account {account_id} are online than the oracle asks for")
        return True

    def _is_none(self, call: api.Call, why: str) -> None:
        """The target has no such list: say so, once."""
        self._crowd.collector.note("presence", f"REST is no observer of presence: {call.endpoint.name} {why}")

    def _get(self, call: api.Call, asked_ns: int) -> Reply | None:
        """The answer; one without a body where it failed this once, None where the target has no such list."""
        crowd = self._crowd
        reply = crowd.send(call, Moment(asked_ns, asked_ns))
        if reply.status == 200:
            return reply
        if reply.status is not None and 400 <= reply.status < 500 and reply.status != _TOO_MANY:
            self._is_none(call, f"answered {reply.status}")
            return None
        return Reply(reply.status, b"", reply.written_ns, reply.responded_ns, reply.error, sent=reply.sent)
