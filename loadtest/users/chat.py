"""The open-loop dispatcher: takes the plan's actions up when they are due and sends them through REST.

It never waits for the target: each action runs in a greenlet of its own, bounded in number; what exceeds the bound is
dropped and counted, since to delay it would close the loop.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Callable
from itertools import count
from typing import Protocol

import gevent
from gevent.event import Event as Signal
from gevent.pool import Pool

from loadtest.api import Call
from loadtest.clock import NS_PER_S
from loadtest.directory import Agent, Contact, Role
from loadtest.plan import ACTS, Act, Mix, Pacer, Paces, Step, Talk, uniform
from loadtest.rest import Reply
from loadtest.users.acts import Acts
from loadtest.users.emitting import Crew, outcome
from loadtest.users.ensemble import Answerers, Ensemble
from loadtest.users.scene import Conversation, Moment, Scene

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
        emitter: this process's number in marks of what is not planned.
        ensemble: its place in the fleet, where that is more than this process.
    """

    def __init__(
        self,
        fleet: Crew,
        pacer: Pacer,
        talk: Talk,
        mix: Mix | None = None,
        *,
        emitter: int,
        ensemble: Ensemble | None = None,
    ) -> None:
        self._fleet = fleet
        self._paces = Paces(pacer)
        self._talk = talk
        self._ensemble = ensemble or Ensemble.alone(len(fleet.collector.people.contacts))
        self._answerers = Answerers(fleet.collector.people, self._ensemble)
        self._mix = mix or Mix()
        self._acts = Acts(fleet, emitter)
        self._scenes: dict[tuple[int, Act | None], Scene] = {}
        self._pool = Pool()
        self._limit = 2 * fleet.settings.rest_connections + 64
        self._agents: dict[int, Speaker] = {}
        self._contacts: dict[int, Speaker] = {}
        self._conversations: dict[int, Conversation] = {}
        self._opening: set[int] = set()
        self._ready: list[int] = []  # contacts online that have a conversation, ascending
        self._stopping = Signal()
        self._played_out = False
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

    def fetch(self, call: Call, moment: Moment) -> bytes | None:
        """Send a call that changes nothing, and count it.

        Returns:
            The answer's body, or None where it was refused or did not come.
        """
        reply = self._acts.send(call, moment)
        return reply.body if outcome(reply) == "ok" else None

    def conversation_of(self, identity: int) -> int | None:
        """The display id of a contact's conversation; None while it has none."""
        conversation = self._conversations.get(identity)
        return None if conversation is None else conversation.number

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

    @property
    def is_played_out(self) -> bool:
        """Whether the plan came to its end, and everything in it was answered."""
        return self._played_out and not self._pool

    def start(self, at_ns: int) -> None:
        """Begin the plan at ``at_ns``."""
        self._loop = gevent.spawn(self._run, at_ns)

    def change_rate(self, at_s: float, rate_per_s: float) -> None:
        """Go on with so many exchanges a second, from a moment of the plan on; see :meth:`Paces.change`."""
        self._paces.change(at_s, rate_per_s)

    def stop(self) -> None:
        """Take up no more actions; those under way go on."""
        self._stopping.set()
        if self._loop is not None:
            self._loop.join()
            self._loop = None

    def send(self, call: Call, moment: Moment) -> Reply:
        """Send a call that causes no event once, and count it."""
        return self._acts.send(call, moment)

    def abandon(self) -> None:
        """End what is still under way."""
        self._pool.kill()

    def _run(self, at_ns: int) -> None:
        clock, seed = self._fleet.clock, self._fleet.settings.seed
        queue: list[tuple[int, int, Step, int]] = []  # due, order, step, slot
        order = count()
        ensemble, paces = self._ensemble, self._paces
        alone = bool(ensemble.contacts and not ensemble.places)  # no contact of the fleet is simulated here
        while not self._stopping.is_set():
            for slot, due_s in paces.upto((clock.now_ns() - at_ns) / NS_PER_S + 1.0):
                if alone or ensemble.contact_of(seed, slot) is None:
                    continue  # it is another process's
                talk = self._talk.steps(slot)
                answer_s = max(step.due_s for step in talk if step.kind == "message")
                for step in (*talk, *self._mix.steps(slot, answer_s)):
                    due_ns = at_ns + round((due_s + step.due_s) * NS_PER_S)
                    heapq.heappush(queue, (due_ns, next(order), step, slot))
            while queue and queue[0][0] <= clock.now_ns():
                due_ns, _, step, slot = heapq.heappop(queue)
                self._take_up(step, slot, due_ns)
            upcoming_s = paces.next_due_s
            if (alone or upcoming_s == math.inf) and not queue:
                self._played_out = True
                return
            next_ns = queue[0][0] if queue else clock.now_ns() + NS_PER_S // 2
            if upcoming_s < math.inf:
                next_ns = min(next_ns, at_ns + round((upcoming_s - 1.0) * NS_PER_S))
            next_ns = min(next_ns, clock.now_ns() + NS_PER_S // 2)  # the rate may change
            self._stopping.wait(timeout=max(0.0, (next_ns - clock.now_ns()) / NS_PER_S))

    def _take_up(self, step: Step, slot: int, due_ns: int) -> None:
        if (slot, step.act) not in self._scenes and not self._acts.abilities.can_take(step):
            return  # it is not driven, and said so
        full = len(self._pool) >= self._limit
        if step.act is not None:
            self._take_up_act(step, step.act, slot, due_ns, full=full)
        elif full:
            self._drop_for_room(due_ns)
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
        conversation.under_way += 1  # from now on, not only once its greenlet runs: no act may begin there
        self._pool.spawn(self._talk_on, step, slot, conversation, actor, due_ns)

    def _take_up_act(self, step: Step, act: Act, slot: int, due_ns: int, *, full: bool) -> None:
        """The first step of an act sets its scene, which lasts until the last one; nobody talks there meanwhile."""
        steps = ACTS[act]
        scene = self._scenes.get((slot, act))
        if scene is None and step.kind == steps[0][1] and not full:
            conversation = self._choose(slot, lambda c: not c.reserved and not c.under_way)
            agent = None if conversation is None else self._actor("agent", conversation, slot)
            if conversation is not None and isinstance(agent, Agent):
                scene = self._scenes[slot, act] = Scene(conversation, agent)
        if scene is None and full:
            self._drop_for_room(due_ns)
            return
        if scene is None:
            self._drop(due_ns, "nobody_there")
            return
        last = step.kind == steps[-1][1]
        if last:
            del self._scenes[slot, act]
        scene.begin(last=last)
        if full:
            scene.end()
            self._drop_for_room(due_ns)
        else:
            self._pool.spawn(self._act, step, slot, scene, due_ns)

    def _drop_for_room(self, due_ns: int) -> None:
        """Too many actions are under way: the target's doing while it holds all connections, else this process's."""
        if self._fleet.rest.waiting:
            self._drop(due_ns, "too_many_in_flight")
        else:
            self._drop(due_ns, "generator_behind")
            collector = self._fleet.collector
            collector.health.dropped(collector.window(due_ns))

    def _drop(self, due_ns: int, why: str) -> None:
        collector = self._fleet.collector
        collector.batch.add(collector.window(due_ns), "generator.dropped", why)

    def _choose(self, slot: int, fits: Callable[[Conversation], bool]) -> Conversation | None:
        """The conversation of the slot's own contact, or another one of this process that fits."""
        ready, seed = self._ready, self._fleet.settings.seed
        own = len(self._fleet.collector.people.agents) + (self._ensemble.contact_of(seed, slot) or 0)
        first = bisect_left(ready, own)
        if ready[first : first + 1] != [own]:
            first = int(uniform(seed, "stand-in", slot) * len(ready))
        for identity in (*ready[first:], *ready[:first]):
            conversation = self._conversations[identity]
            if fits(conversation):
                return conversation
        return None

    def _actor(self, role: Role, conversation: Conversation, slot: int) -> Agent | Contact | None:
        if role == "contact":
            return conversation.contact
        draw = uniform(self._fleet.settings.seed, "agent", slot)
        return self._answerers.choose(conversation.contact, self._agents, draw)

    # -- canaries ----------------------------------------------------------------------------------------------------

    def may_speak(self, identity: int) -> bool:
        """Whether a contact is online, and has a conversation that nobody is changing."""
        conversation = self._conversations.get(identity)
        return conversation is not None and identity in self._contacts and not conversation.reserved

    def speak(self, identity: int, due_ns: int) -> bool:
        """Let a contact write a message that is nobody's question; returns whether there was room for it."""
        if len(self._pool) >= self._limit:
            return False
        conversation = self._conversations[identity]
        conversation.under_way += 1
        step = Step(0.0, "message", "contact")
        self._pool.spawn(self._talk_on, step, None, conversation, conversation.contact, due_ns)
        return True

    # -- one action --------------------------------------------------------------------------------------------------

    def _moment(self, due_ns: int) -> Moment:
        dispatched_ns = self._fleet.clock.now_ns()
        self._fleet.collector.dispatched(due_ns, dispatched_ns)
        return Moment(due_ns, dispatched_ns)

    def _talk_on(
        self, step: Step, slot: int | None, conversation: Conversation, actor: Agent | Contact, due_ns: int
    ) -> None:
        try:
            moment = self._moment(due_ns)
            if step.kind == "message":
                self._acts.message(conversation, actor, moment, slot)
            elif not self._acts.typing(conversation, actor, moment, on=step.kind == "typing_on"):
                self._drop(due_ns, "subject_busy")
        finally:
            conversation.under_way -= 1

    def _act(self, step: Step, slot: int, scene: Scene, due_ns: int) -> None:
        try:
            if not self._acts.perform(step, scene, slot, self._moment(due_ns)):
                self._drop(due_ns, "subject_busy")
        finally:
            scene.end()
