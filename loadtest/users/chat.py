"""The open-loop dispatcher: takes the plan's actions up when they are due and sends them through REST.

It never waits for the target: each action runs in a greenlet of its own, bounded in number; what exceeds the bound is
dropped and counted, since to delay it would close the loop.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable
from itertools import count
from typing import Protocol

import gevent
from gevent.event import Event as Signal
from gevent.pool import Pool

from loadtest.clock import NS_PER_S
from loadtest.directory import Agent, Contact, Role
from loadtest.plan import ACTS, Act, Mix, Pacer, Step, Talk, uniform
from loadtest.users.acts import Acts, Conversation, Crew, Moment, Scene, outcome

_CREATE_TRIES = 3


class Speaker(Protocol):
    """A session, as far as the chat needs to know it."""

    @property
    def identity(self) -> int:
        """Number of the identity."""

    @property
    def role(self) -> Role:
        """Its role."""


class Chat:
    """The plan's execution in one process.

    Args:
        fleet: the process's users.
        pacer: when exchanges are due.
        talk: what an exchange consists of.
        mix: what happens around the exchanges.
        emitter: this process's number in marks.
    """

    def __init__(self, fleet: Crew, pacer: Pacer, talk: Talk, mix: Mix | None = None, *, emitter: int) -> None:
        self._fleet = fleet
        self._pacer = pacer
        self._talk = talk
        self._mix = mix or Mix()
        self._acts = Acts(fleet, emitter)
        self._scenes: dict[tuple[int, Act], Scene] = {}
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
                reply, number = self._acts.open_conversation(contact, identity, Moment(now_ns, now_ns))
                if number is not None:
                    self._opened(contact, identity, number)
                    return
                if outcome(reply) == "ok" or (reply.sent and reply.status is None):
                    return
        finally:
            self._opening.discard(identity)

    def _opened(self, contact: Contact, identity: int, number: int) -> None:
        self._conversations[identity] = Conversation(contact, identity, number)
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
                talk = self._talk.steps(slot)
                answer_s = max(step.due_s for step in talk if step.kind == "message")
                for step in (*talk, *self._mix.steps(slot, answer_s)):
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
        if len(self._pool) >= self._limit:
            self._drop(due_ns, "too_many_in_flight")
        elif step.act is not None:
            self._take_up_act(step, step.act, slot, due_ns)
        else:
            self._take_up_talk(step, slot, due_ns)

    def _take_up_talk(self, step: Step, slot: int, due_ns: int) -> None:
        """A conversation in which the step cannot be told from the one before is passed over for another."""
        now_ns = self._fleet.clock.now_ns()
        busy = False

        def fits(conversation: Conversation) -> bool:
            nonlocal busy
            actor = self._actor(step.role, conversation, slot)
            if conversation.reserved or actor is None:
                return False
            if step.kind == "message" or self._acts.may_type(conversation, actor, now_ns, on=step.kind == "typing_on"):
                return True
            busy = True
            return False

        conversation = self._choose(slot, fits)
        if conversation is None:
            self._drop(due_ns, "subject_busy" if busy else "nobody_there")
            return
        actor = self._actor(step.role, conversation, slot)
        assert actor is not None
        self._pool.spawn(self._talk_on, step, slot, conversation, actor, due_ns)

    def _take_up_act(self, step: Step, act: Act, slot: int, due_ns: int) -> None:
        """The first step of an act sets its scene, which lasts until the last one; nobody talks there meanwhile."""
        steps = ACTS[act]
        scene = self._scenes.get((slot, act))
        if scene is None and step.kind == steps[0][1]:
            conversation = self._choose(slot, lambda c: not c.reserved and not c.under_way)
            agent = None if conversation is None else self._actor("agent", conversation, slot)
            if conversation is not None and isinstance(agent, Agent):
                scene = self._scenes[slot, act] = Scene(conversation, agent)
                conversation.reserved = True
        if scene is None:
            self._drop(due_ns, "nobody_there")
            return
        last = step.kind == steps[-1][1]
        if last:
            del self._scenes[slot, act]
        self._pool.spawn(self._act, step, slot, scene, due_ns, last)

    def _drop(self, due_ns: int, why: str) -> None:
        collector = self._fleet.collector
        collector.batch.add(collector.window(due_ns), "generator.dropped", why)

    def _choose(self, slot: int, fits: Callable[[Conversation], bool]) -> Conversation | None:
        """The slot's own conversation, or the next one that fits."""
        ready = self._ready
        first = int(uniform(self._fleet.settings.seed, "conversation", slot) * len(ready))
        for identity in (*ready[first:], *ready[:first]):
            conversation = self._conversations[identity]
            if fits(conversation):
                return conversation
        return None

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

    def _moment(self, due_ns: int) -> Moment:
        dispatched_ns = self._fleet.clock.now_ns()
        self._fleet.collector.dispatched(due_ns, dispatched_ns)
        return Moment(due_ns, dispatched_ns)

    def _talk_on(self, step: Step, slot: int, conversation: Conversation, actor: Agent | Contact, due_ns: int) -> None:
        moment = self._moment(due_ns)
        if step.kind == "message":
            self._acts.message(conversation, actor, moment, slot)
        elif not self._acts.typing(conversation, actor, moment, on=step.kind == "typing_on"):
            self._drop(due_ns, "subject_busy")

    def _act(self, step: Step, slot: int, scene: Scene, due_ns: int, last: bool) -> None:
        try:
            if not self._acts.perform(step, scene, slot, self._moment(due_ns)):
                self._drop(due_ns, "subject_busy")
        finally:
            if last:
                scene.conversation.reserved = False
