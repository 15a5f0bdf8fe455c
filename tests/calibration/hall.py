"""A reference server whose deliveries can be spoilt, and real receivers behind plain sockets that must notice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from loadtest import api
from loadtest.api import Call
from loadtest.cable import CableConnection
from loadtest.clock import NS_PER_S, SystemClock
from loadtest.collect import Action, Collector, CollectorSettings, Entry, Receiver, emission_key, write_mark
from loadtest.collect.subjects import MARKED, actor_name, events_by_state, subject_key
from loadtest.contract import EVENTS, consequences
from loadtest.directory import Agent, Contact
from loadtest.metrics import Batch
from loadtest.refserver.frames import text_frame, text_header
from loadtest.refserver.rooms import Broadcast, Subscription, deliver_now
from tests.refserver.site import BOTH, CONTACT, DIRECTORY, EVERYBODY, MEMBER, QUIET, Listener, Site, identifier, serving

Person = Agent | Contact
_T = TypeVar("_T")

DEADLINE_S = 10.0
RUN = "calibr"
_DONE = '{"type":"that is all"}'
#: what a ledger may say that is no fault
_AWAITED = frozenset({"contact.updated", "contact.merged", "contact.deleted", "first.reply.created"})
_FINE = frozenset({"emitted", "expected", "delivered", "received", "bytes"})


@dataclass
class Saboteur:
    """What every delivery passes through; spoils the broadcasts of one event while it is armed.

    Attributes:
        event: whose broadcasts are spoilt; empty while it is not armed.
        spoil: delivers a broadcast to an audience in its own way.
        hits: broadcasts spoilt since it was armed.
        presence_told: set with every presence.update.
    """

    event: str = ""
    spoil: Callable[[Broadcast, list[Subscription]], int] = deliver_now
    hits: int = 0
    presence_told: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, broadcast: Broadcast, audience: Sequence[Subscription]) -> int:
        """Deliver."""
        if broadcast.event == "presence.update":
            self.presence_told.set()
        if broadcast.event != self.event:
            return deliver_now(broadcast, audience)
        self.hits += 1
        return self.spoil(broadcast, list(audience))

    @contextmanager
    def armed(self, event: str, spoil: Callable[[Broadcast, list[Subscription]], int]) -> Iterator[None]:
        """Spoil an event's broadcasts inside the block."""
        self.event, self.spoil, self.hits = event, spoil, 0
        try:
            yield
        finally:
            self.event = ""


def send_data(subscription: Subscription, event: str, data: Any) -> int:
    """Send one subscription an event of its own."""
    return subscription.send(Broadcast.of(event, data, 0).suffix)


def data_of(broadcast: Broadcast) -> Any:
    """The payload of a broadcast, decoded."""
    return json.loads(broadcast.suffix[:-1])["data"]


@dataclass(frozen=True)
class Found:
    """What checker and ledger report of one emission.

    Attributes:
        violations: how many by (kind, event, role).
        details: the same, told as (event, detail).
        ledger: columns that tell of a fault, by (column, event, role).
        emitted: by event.
    """

    violations: dict[tuple[str, str, str], int]
    details: Counter[str]
    ledger: dict[tuple[str, str, str], int]
    emitted: dict[str, int]


@dataclass
class Ear:
    """A socket and what it heard when it subscribed.

    Attributes:
        listener: the socket with its subscription.
        who: its identity.
        handshake: the texts up to the first presence.update.
        subscription: the server's end of it.
    """

    listener: Listener
    who: Person
    handshake: list[str]
    subscription: Subscription

    async def texts(self) -> list[str]:
        """All texts that the server handed to its connection before this call."""
        self.subscription.outlet.write(text_frame(_DONE.encode()))
        texts: list[str] = []
        while True:
            text = await self.listener.socket.recv()
            assert isinstance(text, str)
            if text == _DONE:
                return texts
            texts.append(text)


@dataclass(frozen=True)
class Cause:
    """Something done of which an event follows.

    Attributes:
        call: the REST call; None for a beat of the actor's.
        actor: who does it.
        choice: its variant in the contract.
        contact: whose conversation it is about.
        number: the conversation's display id, 0 where the answer names it.
        message_id: the message it is about.
        private: it writes a private note.
        bind: reads the subject's id out of the answer.
    """

    call: Call | None
    actor: Person
    choice: str = ""
    contact: Contact = CONTACT
    number: int = 3
    message_id: int = 0
    contact_id: int = 0
    private: bool = False
    bind: Callable[[bytes], int] | None = None


class Hall:
    """A server under sabotage, everybody of the site on a socket, and books opened anew for each emission.

    Args:
        site: the running server.
        saboteur: what its deliveries pass through.
        ears: everybody's socket, by name.
        speaks: the dialect that the server speaks.
    """

    def __init__(self, site: Site, saboteur: Saboteur, ears: dict[str, Ear], speaks: str) -> None:
        self.site = site
        self.saboteur = saboteur
        self.ears = ears
        self.speaks = speaks
        self._count = 0

    def next(self) -> int:
        """A number that was not used before."""
        self._count += 1
        return self._count

    # -- causes ------------------------------------------------------------------------------------------------------

    async def cause(self, event: str, actor: Person | None = None, *, private: bool = False) -> Cause:
        """Prepare what causes an event, so that it follows from one call."""
        number = self.next()
        match event:
            case "conversation.created":
                call = api.contact_create_conversation(CONTACT)
                return Cause(call, CONTACT, number=0, bind=lambda body: api.parse_created(body).id)
            case "conversation.read":
                return Cause(api.contact_update_last_seen(CONTACT, 3), CONTACT)
            case "message.created":
                text = f"{write_mark(RUN, emission_key(1, number), 1, private=private)} hello"
                if actor is CONTACT:
                    return Cause(api.contact_send_message(CONTACT, 3, text, f"e{number}"), CONTACT, message_id=number)
                call = api.agent_send_message(MEMBER, 1, 3, text, f"e{number}", private=private)
                choice = "private" if private else "public"
                return Cause(call, MEMBER, choice, message_id=number, private=private)
            case "message.updated":
                asked = api.agent_send_message(MEMBER, 1, 3, "Your address?", f"q{number}", content_type="input_email")
                question = api.parse_created(await self.site.done(asked)).id
                call = api.contact_update_message(CONTACT, 3, question, f"c{number}@acme.inc")
                return Cause(call, CONTACT, message_id=question)
            case "conversation.status_changed":
                await self.site.done(api.agent_toggle_status(MEMBER, 1, 3, "open"))
                return Cause(api.agent_toggle_status(MEMBER, 1, 3, "resolved"), MEMBER)
            case "conversation.typing_on" | "conversation.typing_off":
                on = event == "conversation.typing_on"
                choice = "on" if on else "off"
                if actor is CONTACT:
                    return Cause(api.contact_toggle_typing(CONTACT, 3, typing=on), CONTACT, choice)
                return Cause(api.agent_toggle_typing(MEMBER, 1, 3, typing=on), MEMBER, choice)
            case "assignee.changed":
                await self.site.done(api.agent_assign_agent(MEMBER, 1, 3, None))
                return Cause(api.agent_assign_agent(MEMBER, 1, 3, MEMBER.user_id), MEMBER)
            case "team.changed":
                await self.site.done(api.agent_assign_team(MEMBER, 1, 3, None))
                return Cause(api.agent_assign_team(MEMBER, 1, 3, 1), MEMBER)
            case "conversation.contact_changed":
                made = api.parse_contact(
                    await self.site.done(api.agent_create_contact(MEMBER, 1, CONTACT.inbox_id, f"Nora {number}"))
                )
                assert made.source_id is not None
                nora = replace(CONTACT, contact_id=made.contact_id, source_id=made.source_id, pubsub_token="")
                opened = api.parse_created(await self.site.done(api.contact_create_conversation(nora))).id
                call = api.agent_merge_contacts(MEMBER, 1, 11, made.contact_id)
                return Cause(call, MEMBER, contact=nora, number=opened, contact_id=11)
            case "contact.created":
                call = api.agent_create_contact(MEMBER, 1, CONTACT.inbox_id, f"Nils {number}")
                return Cause(call, MEMBER, bind=lambda body: api.parse_contact(body).contact_id)
            case "contact.updated":
                call = api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"name": f"Cleo {number}"})
                return Cause(call, MEMBER)
            case "presence.update":
                return Cause(None, MEMBER if actor is None else actor)
        raise ValueError(event)

    # -- one emission ------------------------------------------------------------------------------------------------

    async def observe(self, cause: Cause, dialect: Any) -> Found:
        """Do it and read what a run of this dialect would report."""
        for ear in self.ears.values():  # what came of the preparation is nobody's business
            await ear.texts()
        clock = SystemClock()
        books = Collector(DIRECTORY, clock, CollectorSettings(RUN, deadline_s=DEADLINE_S, dialect=dialect))
        receivers = {name: _receiver(books, ear, clock) for name, ear in self.ears.items()}
        actor = next(name for name, who in EVERYBODY.items() if who is cause.actor)
        if cause.call is None:
            receivers[actor].beat_sent(clock.now_ns())
            self.saboteur.presence_told.clear()
            await self.ears[actor].listener.beat()
            await self.saboteur.presence_told.wait()
        else:
            entries = _opened(books, cause, cause.call, clock.now_ns())
            written_ns = clock.now_ns()
            body = await self.site.done(cause.call)
            for entry, _ in entries:
                books.ledger.written(entry, written_ns)
            if cause.bind is not None:
                books.ledger.bind(entries[0][0], subject_key(entries[0][1], 1, cause.bind(body)))
            for entry, event in entries:
                if event == "first.reply.created":
                    books.ledger.bind(entry, subject_key(event, 1, api.parse_created(body).id))
            for entry, _ in entries:
                books.ledger.responded(entry, clock.now_ns(), "ok")
        for name in (actor, *(name for name in self.ears if name != actor)):
            for text in await self.ears[name].texts():
                _feed(receivers[name], text, clock.now_ns())
        over_ns = clock.now_ns() + round(DEADLINE_S * NS_PER_S)
        for receiver in receivers.values():
            receiver.expire_beats(over_ns)
        return _found(books.collect(over_ns, final=True))


def _receiver(books: Collector, ear: Ear, clock: SystemClock) -> Receiver:
    """A receiver that was confirmed long enough ago to be required, and has learnt the server's layout."""
    who = ear.who
    people = books.people
    number = people.agent_number(who.user_id) if isinstance(who, Agent) else None
    if isinstance(who, Contact):
        number = people.contact_number(who.account_id, who.contact_id)
    assert number is not None
    cable = CableConnection()
    role = "agent" if isinstance(who, Agent) else "contact"
    name = ear.listener.name
    receiver = Receiver(books, cable, number, role, name, lambda event: None, lambda *how: None)  # type: ignore[arg-type]
    then_ns = clock.now_ns() - 2 * NS_PER_S
    cable.opened(then_ns)
    _feed(receiver, '{"type":"welcome"}', then_ns)
    cable.subscribe(name, then_ns)
    for text in ear.handshake:
        _feed(receiver, text, then_ns)
    return receiver


def _feed(receiver: Receiver, text: str, at_ns: int) -> None:
    data = text.encode()
    receiver.on_text(data, 0, len(data), at_ns)


def _opened(books: Collector, cause: Cause, call: Call, now_ns: int) -> list[tuple[Entry, str]]:
    """Entries for all events that follow for sure, and where the run awaits it, perhaps; as the users open them."""
    role, actor_id = (
        ("agent", cause.actor.user_id) if isinstance(cause.actor, Agent) else ("contact", cause.actor.contact_id)
    )
    opened: list[tuple[Entry, str]] = []
    for one in consequences(call.endpoint.name, books.settings.dialect, choice=cause.choice):
        marked = one.event == MARKED and call.endpoint.name.endswith("send_message")
        if not marked and one.event not in books.tracked:
            continue
        perhaps = one.certainty == "perhaps"
        if perhaps and one.event not in _AWAITED:
            continue
        action = Action(
            event=one.event,
            call=call.endpoint.name,
            account_id=1,
            inbox_id=cause.contact.inbox_id,
            conversation_id=cause.number,
            contact_id=cause.contact.contact_id,
            actor_role=role,
            actor_id=actor_id,
            private=cause.private,
            due_ns=now_ns,
            dispatched_ns=now_ns,
            perhaps=perhaps,
            most=1 if marked else one.most or 255,
            spared=books.people.spared(one.event, role, 1, actor_id),
        )
        subject = (one.spec or EVENTS[one.event]).subject
        if marked:
            entry: Entry | None = books.ledger.open(emission_key(1, cause.message_id).encode(), action)
        elif one.event == "first.reply.created":
            entry = books.ledger.open_unbound(action)
        elif cause.bind is not None:
            if perhaps:
                continue
            entry = books.ledger.open_unbound(action)
        else:
            number, name = cause.number, ""
            if one.event == "contact.deleted":
                number = cause.contact.contact_id
            elif one.event in events_by_state(books.settings.dialect):
                name = "resolved"
            elif subject == "contact":
                number = cause.contact_id or cause.contact.contact_id
            elif subject == "message":
                number = cause.message_id
            elif subject == "typing":
                name = actor_name(role, actor_id)
            entry = books.ledger.open_subject(subject_key(one.event, 1, number, name), action, books.batch)
        assert entry is not None
        opened.append((entry, one.event))
    return opened


def _found(batch: Batch) -> Found:
    ledger: Counter[tuple[str, str, str]] = Counter()
    emitted: Counter[str] = Counter()
    protocol: Counter[tuple[str, str, str]] = Counter()
    for (_, metric, name, role), value in batch.counts.items():
        column = metric.removeprefix("delivery.")
        if column == "emitted":
            emitted[name] += int(value)
        elif metric.startswith("delivery.") and column not in _FINE:
            ledger[column, name, role] += int(value)
        elif metric in ("cable.protocol_error", "contract.unknown"):
            protocol[metric, name, role] += int(value)
    notes = [note for note in batch.notes if note.kind == "violation"]
    told = Counter((n.data["kind"], n.data["event"], n.data["role"]) for n in notes)
    counted: Counter[tuple[str, str]] = Counter()
    for (_, metric, name, role), value in batch.counts.items():
        if metric == "contract.violation":
            counted[name, role] += int(value)
    assert counted == _by_kind(told), "every violation is counted, and has its evidence"
    assert all(note.data["frame"] for note in notes)
    return Found(dict(told), Counter(note.text for note in notes), dict(ledger + protocol), dict(emitted))


def _by_kind(told: Counter[tuple[str, str, str]]) -> Counter[tuple[str, str]]:
    kinds: Counter[tuple[str, str]] = Counter()
    for (kind, _, role), value in told.items():
        kinds[kind, role] += value
    return kinds


@asynccontextmanager
async def opened_hall(speaks: str, copies: int = 1) -> AsyncIterator[Hall]:
    """A server that speaks a dialect, with everybody on a socket, or on so many."""
    saboteur = Saboteur()
    async with serving(replace(QUIET, dialect=speaks), deliver=saboteur) as site:
        ears = {}
        for copy in range(copies):
            for name, who in EVERYBODY.items():
                listener = Listener(await site.open(), identifier(who, 1 if who is BOTH else None))
                await listener.command("subscribe", identifier=listener.name)
                texts = [await listener.socket.recv(), await listener.socket.recv()]
                subscription = site.server.rooms.audience([who.pubsub_token])[-1]
                ear = Ear(listener, who, [str(text) for text in texts], subscription)
                ears[f"{name} {copy}" if copy else name] = ear
        yield Hall(site, saboteur, ears, speaks)


def in_hall(scenario: Callable[[Hall], Awaitable[_T]], speaks: str = "seed", copies: int = 1) -> _T:
    """Play a scenario in a hall of its own."""

    async def run() -> _T:
        async with opened_hall(speaks, copies) as hall:
            return await scenario(hall)

    return asyncio.run(run())


def misdirected(subscription: Subscription, other: Subscription, broadcast: Broadcast) -> int:
    """Send a subscription's connection a frame that names somebody else's subscription."""
    prefix, suffix = other.prefix, broadcast.suffix
    return subscription.outlet.write(text_header(len(prefix) + len(suffix)) + prefix + suffix)
