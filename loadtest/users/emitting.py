"""Calls of the REST API with the ledger entries of what follows from each.

The contract's consequences say which events follow, always or perhaps; their entries are open before the call is sent.
An event that carries our text is matched by its mark, any other by its subject (see :mod:`loadtest.collect.ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loadtest import api
from loadtest.clock import NS_PER_US, Clock
from loadtest.collect import Action, Collector, Entry
from loadtest.collect.subjects import actor_name, events_by_state, subject_key
from loadtest.collect.tallies import Part
from loadtest.contract import Consequence, consequences
from loadtest.directory import Agent, Contact
from loadtest.rest import Reply, RestClient
from loadtest.users.abilities import Abilities
from loadtest.users.scene import Conversation, Moment
from loadtest.users.settings import FleetSettings

_UNBOUNDED = 255
#: events that perhaps follow and are awaited: each names a subject that nothing else of ours is likely to use
_AWAITED_PERHAPS = frozenset({"contact.updated", "contact.merged", "contact.deleted"})


class Crew(Protocol):
    """What acts need of their process's fleet."""

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


@dataclass(frozen=True, slots=True)
class Follow:
    """One event that follows from a call, with its key; an empty key is bound by the answer."""

    event: str
    key: bytes
    perhaps: bool = False
    most: int = 1


@dataclass(slots=True)
class Emitting:
    """Sends calls, each with the entries of what it emits.

    Args:
        crew: what the process's users share.

    Attributes:
        abilities: what the target was seen to lack.
    """

    crew: Crew
    abilities: Abilities = field(init=False)

    def __post_init__(self) -> None:
        self.abilities = Abilities(self.crew.collector.note)

    def emit(
        self,
        call: api.Call,
        where: Conversation,
        actor: Agent | Contact,
        moment: Moment,
        *,
        choice: str = "",
        message_id: int = 0,
        contact_id: int = 0,
        state: tuple[str, str] | None = None,
        changes: bool = True,
    ) -> Reply | None:
        """Send a call with entries for all events that follow; None when one of their subjects is not free.

        ``state`` is an event that shows the state which the call sets, and that state; without ``changes`` it may be
        the state that there is already, and then nothing follows.
        """
        collector = self.crew.collector
        follows = [
            follow
            for one in consequences(call.endpoint.name, collector.settings.dialect, choice=choice)
            if (follow := self._follow(one, where, actor, message_id, contact_id, state)) is not None
        ]
        now_ns = self.crew.clock.now_ns()
        if not all(collector.ledger.is_free(f.key, now_ns) for f in follows):
            return None
        entries = [self.open(f, call, where, actor, moment) for f in follows]
        ids = {"message_id": message_id, "contact_id": contact_id}
        parts = self.parts(call, where, actor, moment, choice=choice, state=state, changes=changes, **ids)
        return self.perform(call, [e for e in entries if e is not None], where, moment, parts=parts)

    def parts(
        self,
        call: api.Call,
        where: Conversation,
        actor: Agent | Contact,
        moment: Moment,
        *,
        choice: str = "",
        message_id: int = 0,
        contact_id: int = 0,
        state: tuple[str, str] | None = None,
        changes: bool = True,
    ) -> list[Part]:
        """What a call adds to the tallies of events that cannot be told to be one action's."""
        collector = self.crew.collector
        parts: list[Part] = []
        if not collector.counted:
            return parts
        for one in consequences(call.endpoint.name, collector.settings.dialect, choice=choice):
            number = self._subject_id(one, where, message_id, contact_id)
            if one.event in collector.counted and number:
                key = subject_key(one.event, where.contact.account_id, number)
                action = self.action(one.event, call, where, actor, moment)
                shown = state[1] if state is not None and state[0] == one.event else None
                certain = one.least if shown is None else max(1, one.least)  # that it changes is known
                least = certain if changes else 0
                parts.append(collector.ledger.tallies.begin(key, action, least, one.most, shown))
        return parts

    @staticmethod
    def _subject_id(one: Consequence, where: Conversation, message_id: int, contact_id: int) -> int:
        """The id that frames of an event name as what they are about; 0 where it is not known."""
        subject = "conversation" if one.spec is None else one.spec.subject
        if subject == "contact":
            if one.event == "contact.deleted":  # of two that are merged, the one that goes
                return where.contact.contact_id
            return contact_id or where.contact.contact_id
        return message_id if subject == "message" else where.number

    def _follow(
        self,
        one: Consequence,
        where: Conversation,
        actor: Agent | Contact,
        message_id: int,
        contact_id: int,
        state: tuple[str, str] | None,
    ) -> Follow | None:
        """The key under which an event of a call is awaited; None where it is not."""
        perhaps = one.certainty == "perhaps"
        if one.event not in self.crew.collector.tracked or (perhaps and one.event not in _AWAITED_PERHAPS):
            return None
        is_typing = one.spec is not None and one.spec.subject == "typing"
        who = actor_name(*_role_and_id(actor)) if is_typing else ""
        number = self._subject_id(one, where, message_id, contact_id)
        if not number:
            return None
        by_state = events_by_state(self.crew.collector.settings.dialect)
        if state is not None and state[0] == one.event and one.event in by_state:
            who = state[1]
        key = subject_key(one.event, where.contact.account_id, number, who)
        return Follow(one.event, key, perhaps, one.most or _UNBOUNDED)

    def open(
        self, follow: Follow, call: api.Call, where: Conversation, actor: Agent | Contact, moment: Moment
    ) -> Entry | None:
        collector = self.crew.collector
        action = self.action(follow.event, call, where, actor, moment, follow.perhaps, follow.most)
        if not follow.key:
            return collector.ledger.open_unbound(action)
        return collector.ledger.open_subject(follow.key, action, collector.batch)

    def action(
        self,
        event: str,
        call: api.Call,
        where: Conversation,
        actor: Agent | Contact,
        moment: Moment,
        perhaps: bool = False,
        most: int = 1,
        *,
        private: bool = False,
    ) -> Action:
        role, actor_id = _role_and_id(actor)
        contact = where.contact
        return Action(
            event=event,
            call=call.endpoint.name,
            account_id=contact.account_id,
            inbox_id=contact.inbox_id,
            conversation_id=where.number,
            contact_id=contact.contact_id,
            actor_role=role,
            actor_id=actor_id,
            private=private,
            due_ns=moment.due_ns,
            dispatched_ns=moment.dispatched_ns,
            perhaps=perhaps,
            most=most,
            spared=self.crew.collector.people.spared(event, role, contact.account_id, actor_id),
        )

    def perform(
        self,
        call: api.Call,
        entries: Sequence[Entry],
        where: Conversation,
        moment: Moment,
        bind: Callable[[bytes], None] | None = None,
        parts: Sequence[Part] = (),
    ) -> Reply:
        """Send a call and tell its entries what became of it."""
        ledger = self.crew.collector.ledger
        where.under_way += 1
        try:
            reply = self.send(call, moment)
        finally:
            where.under_way -= 1
        status = outcome(reply)
        for entry in entries:
            ledger.written(entry, reply.written_ns)
        if bind is not None and status == "ok":
            try:
                bind(reply.body)
            except ValueError as error:
                self.crew.collector.note("error", f"{call.endpoint.name}: {error}")
                status = "void"  # without a subject nothing can be matched, so nothing is claimed
        ended_ns = reply.responded_ns or self.crew.clock.now_ns()
        for entry in entries:
            ledger.responded(entry, ended_ns, status)
        for part in parts:
            ledger.tallies.finish(part, reply.written_ns, status)
        return reply

    def send(self, call: api.Call, moment: Moment) -> Reply:
        """Send a call once and count it."""
        collector = self.crew.collector
        reply = self.crew.rest.send(call)
        self.abilities.answered(call.endpoint.name, reply.status)
        batch, window, name = collector.batch, collector.window(moment.due_ns), call.endpoint.name
        batch.add(window, "rest.n", name)
        failed = reply.error or ("" if reply.status and 200 <= reply.status < 300 else str(reply.status))
        if failed:
            batch.add(window, "rest.error", name, failed)
        batch.hist(window, "rest_wait", name).record(max(0, reply.written_ns - moment.dispatched_ns) // NS_PER_US)
        if reply.responded_ns is not None:
            batch.hist(window, "rest", name).record((reply.responded_ns - reply.written_ns) // NS_PER_US)
        return reply


def _role_and_id(actor: Agent | Contact) -> tuple[str, int]:
    return ("agent", actor.user_id) if isinstance(actor, Agent) else ("contact", actor.contact_id)


def outcome(reply: Reply) -> str:
    """What a call's answer says of its emission: ``ok``, ``void`` or ``uncertain``."""
    if not reply.sent:  # it never left: nothing was emitted
        return "void"
    if reply.status is None or reply.status >= 500:
        return "uncertain"
    return "ok" if 200 <= reply.status < 300 else "void"
