"""The open-loop dispatcher: takes the plan's actions up when they are due and sends them through REST.

It never waits for the target: each action runs in a greenlet of its own, bounded in number; what exceeds the bound is
dropped and counted, since to delay it would close the loop.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import gevent
from gevent.event import Event as Signal
from gevent.pool import Pool

from loadtest import api
from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.collect import Action, Collector, emission_key, write_mark
from loadtest.directory import Agent, Contact, Role
from loadtest.plan import Pacer, Step, Talk, uniform
from loadtest.rest import Reply, RestClient
from loadtest.users.settings import FleetSettings


class Speaker(Protocol):
    """A session, as far as the chat needs to know it."""

    @property
    def identity(self) -> int:
        """Number of the identity."""

    @property
    def role(self) -> Role:
        """Its role."""


class Crew(Protocol):
    """What a chat needs of its process's fleet."""

    @property
    def clock(self) -> Clock:
        """What measures."""

    @property
    def collector(self) -> Collector:
        """Where things are counted."""

    @property
    def rest(self) -> RestClient:
        """Sends calls."""

    @property
    def settings(self) -> FleetSettings:
        """Options of the run."""


_WORDS = (
    "Hello, could you help me with my order?",
    "The parcel has not arrived yet.",
    "Thank you, that was quick.",
    "Can I change the delivery address?",
    "I would like to return an item.",
    "Which plan includes the export?",
)
_CREATE_TRIES = 3


@dataclass(slots=True)
class Conversation:
    """A conversation of a contact simulated here.

    Attributes:
        contact: who it is held with.
        identity: the contact's number.
        number: its display id.
    """

    contact: Contact
    identity: int
    number: int


class Chat:
    """The plan's execution in one process.

    Args:
        fleet: the process's users.
        pacer: when exchanges are due.
        talk: what an exchange consists of.
        emitter: this process's number in marks.
    """

    def __init__(self, fleet: Crew, pacer: Pacer, talk: Talk, *, emitter: int) -> None:
        self._fleet = fleet
        self._pacer = pacer
        self._talk = talk
        self._emitter = emitter
        self._sequence = count()
        self._pool = Pool()
        self._limit = 2 * fleet.settings.rest_connections + 64
        self._agents: dict[int, Speaker] = {}
        self._contacts: dict[int, Speaker] = {}
        self._conversations: dict[int, Conversation] = {}
        self._opening: set[int] = set()
        self._ready: list[int] = []  # contacts online that have a conversation, ascending
        self._stopping = Signal()
        self._loop: gevent.Greenlet | None = None

    # -- who is there ------------------------------------------------------------------------------------------------

    def online(self, session: Speaker) -> None:
        """A session was confirmed."""
        if session.role == "agent":
            self._agents[session.identity] = session
            return
        identity = session.identity
        self._contacts[identity] = session
        contact = self._contact(identity)
        if identity not in self._conversations and contact.conversation_ids:
            self._conversations[identity] = Conversation(contact, identity, contact.conversation_ids[0])
        if identity in self._conversations:
            self._make_ready(identity)
        elif identity not in self._opening:
            self._opening.add(identity)
            self._pool.spawn(self._open_conversation, contact, identity)

    def offline(self, session: Speaker) -> None:
        """A session ended."""
        group = self._agents if session.role == "agent" else self._contacts
        if group.get(session.identity) is session:
            del group[session.identity]
            place = bisect_left(self._ready, session.identity)
            if session.role == "contact" and self._ready[place : place + 1] == [session.identity]:
                del self._ready[place]

    def _make_ready(self, identity: int) -> None:
        place = bisect_left(self._ready, identity)
        if self._ready[place : place + 1] != [identity]:
            self._ready.insert(place, identity)

    def _contact(self, identity: int) -> Contact:
        people = self._fleet.collector.people
        return people.contacts[identity - len(people.agents)]

    @property
    def ready_count(self) -> int:
        """Conversations whose contact is online."""
        return len(self._ready)

    @property
    def awaited_count(self) -> int:
        """Conversations that contacts online are still opening."""
        return sum(1 for identity in self._opening if identity in self._contacts)

    def _open_conversation(self, contact: Contact, identity: int) -> None:
        """The contact opens its conversation; a contact without one cannot write, so a refusal is tried again.

        A call that may have arrived is never sent again: its contact stays without a conversation.
        """
        try:
            for attempt in range(_CREATE_TRIES):
                if attempt and self._stopping.wait(timeout=float(attempt)):
                    return
                if identity not in self._contacts:  # it left; when it is back it begins anew
                    return
                now_ns = self._fleet.clock.now_ns()
                reply = self._send(api.contact_create_conversation(contact), now_ns, now_ns)
                if reply.status is not None and 200 <= reply.status < 300:
                    self._opened(contact, identity, reply)
                    return
                if reply.sent and reply.status is None:
                    return
        finally:
            self._opening.discard(identity)

    def _opened(self, contact: Contact, identity: int, reply: Reply) -> None:
        try:
            created = api.parse_created(reply.body)
        except ValueError as error:
            self._fleet.collector.note("error", f"contact.create_conversation: {error}")
            return
        self._conversations[identity] = Conversation(contact, identity, created.id)
        if identity in self._contacts:
            self._make_ready(identity)

    # -- the plan ----------------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """REST calls under way."""
        return len(self._pool)

    def start(self, at_ns: int) -> None:
        """Begin the plan at ``at_ns``."""
        self._loop = gevent.spawn(self._run, at_ns)

    def stop(self) -> None:
        """Take up no more actions; those under way go on."""
        self._stopping.set()
        if self._loop is not None:
            self._loop.join()
            self._loop = None

    def abandon(self) -> None:
        """End what is still under way."""
        self._pool.kill()

    def _run(self, at_ns: int) -> None:
        clock = self._fleet.clock
        queue: list[tuple[int, int, Step, int]] = []  # due, order, step, slot
        order = count()
        arrivals = iter(self._pacer)
        upcoming = next(arrivals, None)
        while not self._stopping.is_set():
            now_ns = clock.now_ns()
            while upcoming is not None and at_ns + round(upcoming[1] * NS_PER_S) <= now_ns + NS_PER_S:
                slot, due_s = upcoming
                for step in self._talk.steps(slot):
                    due_ns = at_ns + round((due_s + step.due_s) * NS_PER_S)
                    heapq.heappush(queue, (due_ns, next(order), step, slot))
                upcoming = next(arrivals, None)
            while queue and queue[0][0] <= clock.now_ns():
                due_ns, _, step, slot = heapq.heappop(queue)
                self._take_up(step, slot, due_ns)
            next_ns = queue[0][0] if queue else clock.now_ns() + NS_PER_S // 2
            if upcoming is not None:
                next_ns = min(next_ns, at_ns + round((upcoming[1] - 1.0) * NS_PER_S))
            self._stopping.wait(timeout=max(0.0, (next_ns - clock.now_ns()) / NS_PER_S))

    def _take_up(self, step: Step, slot: int, due_ns: int) -> None:
        collector = self._fleet.collector
        conversation = self._choose(slot)
        actor = None if conversation is None else self._actor(step.role, conversation, slot)
        if conversation is None or actor is None:
            collector.batch.add(collector.window(due_ns), "generator.dropped", "nobody_there")
            return
        if len(self._pool) >= self._limit:
            collector.batch.add(collector.window(due_ns), "generator.dropped", "too_many_in_flight")
            return
        self._pool.spawn(self._act, step, slot, conversation, actor, due_ns)

    def _choose(self, slot: int) -> Conversation | None:
        if not self._ready:
            return None
        place = int(uniform(self._fleet.settings.seed, "conversation", slot) * len(self._ready))
        return self._conversations[self._ready[place]]

    def _actor(self, role: Role, conversation: Conversation, slot: int) -> Agent | Contact | None:
        if role == "contact":
            return conversation.contact
        people = self._fleet.collector.people
        contact = conversation.contact
        members: list[int] = people.inbox_agents(contact.account_id, contact.inbox_id).tolist()
        present = [n for n in members if n in self._agents]
        if not present:
            return None
        return people.agents[present[int(uniform(self._fleet.settings.seed, "agent", slot) * len(present))]]

    # -- one action --------------------------------------------------------------------------------------------------

    def _act(self, step: Step, slot: int, conversation: Conversation, actor: Agent | Contact, due_ns: int) -> None:
        fleet = self._fleet
        dispatched_ns = fleet.clock.now_ns()
        fleet.collector.dispatched(due_ns, dispatched_ns)
        if step.kind == "message":
            self._message(slot, conversation, actor, due_ns, dispatched_ns)
            return
        typing = step.kind == "typing_on"
        if isinstance(actor, Agent):
            call = api.agent_toggle_typing(actor, conversation.contact.account_id, conversation.number, typing=typing)
        else:
            call = api.contact_toggle_typing(actor, conversation.number, typing=typing)
        self._send(call, due_ns, dispatched_ns)

    def _message(
        self, slot: int, conversation: Conversation, actor: Agent | Contact, due_ns: int, dispatched_ns: int
    ) -> None:
        fleet = self._fleet
        ledger = fleet.collector.ledger
        key = emission_key(self._emitter, next(self._sequence))
        mark = write_mark(fleet.settings.run_tag, key, fleet.clock.wall_ns(due_ns) // NS_PER_US)
        content = f"{mark} {_WORDS[slot % len(_WORDS)]}"
        echo_id = f"{fleet.settings.run_tag}-{key}"
        contact = conversation.contact
        if isinstance(actor, Agent):
            call = api.agent_send_message(actor, contact.account_id, conversation.number, content, echo_id)
        else:
            call = api.contact_send_message(actor, conversation.number, content, echo_id)
        entry = ledger.open(
            key.encode("ascii"),
            Action(
                event="message.created",
                call=call.endpoint.name,
                account_id=contact.account_id,
                inbox_id=contact.inbox_id,
                conversation_id=conversation.number,
                contact_id=contact.contact_id,
                actor_role="agent" if isinstance(actor, Agent) else "contact",
                actor_id=actor.user_id if isinstance(actor, Agent) else actor.contact_id,
                private=False,
                due_ns=due_ns,
                dispatched_ns=dispatched_ns,
            ),
        )
        reply = self._send(call, due_ns, dispatched_ns)
        ended_ns = reply.responded_ns or fleet.clock.now_ns()
        ledger.written(entry, reply.written_ns)
        if not reply.sent:  # it never left: nothing was emitted
            ledger.responded(entry, ended_ns, "void")
        elif reply.status is None or reply.status >= 500:
            ledger.responded(entry, ended_ns, "uncertain")
        else:
            ledger.responded(entry, ended_ns, "ok" if 200 <= reply.status < 300 else "void")

    def _send(self, call: api.Call, due_ns: int, dispatched_ns: int) -> Reply:
        fleet = self._fleet
        reply = fleet.rest.send(call)
        batch = fleet.collector.batch
        window = fleet.collector.window(due_ns)
        name = call.endpoint.name
        batch.add(window, "rest.n", name)
        failed = reply.error or ("" if reply.status and 200 <= reply.status < 300 else str(reply.status))
        if failed:
            batch.add(window, "rest.error", name, failed)
        batch.hist(window, "rest_wait", name).record(max(0, reply.written_ns - dispatched_ns) // NS_PER_US)
        if reply.responded_ns is not None:
            batch.hist(window, "rest", name).record((reply.responded_ns - reply.written_ns) // NS_PER_US)
        return reply
