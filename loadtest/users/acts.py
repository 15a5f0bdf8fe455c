"""What people do, as REST calls with the ledger entries of what must follow from them.

An act whose subject is not free is not done; how calls and entries go together is :mod:`loadtest.users.emitting`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from loadtest import api
from loadtest.clock import NS_PER_US
from loadtest.collect import Entry, emission_key, write_mark
from loadtest.collect.subjects import MARKED, actor_name, events_by_state, subject_key
from loadtest.directory import Agent, Contact
from loadtest.distributed import creations
from loadtest.plan import Step
from loadtest.rest import Reply
from loadtest.users.abilities import Abilities
from loadtest.users.emitting import Crew, Emitting, Follow, outcome
from loadtest.users.scene import Conversation, Moment, Scene, State

_WORDS = (
    "Hello, could you help me with my order?",
    "The parcel has not arrived yet.",
    "Thank you, that was quick.",
    "Can I change the delivery address?",
    "I would like to return an item.",
    "Which plan includes the export?",
)
#: emitter in the marks of the plan's messages
_PLAN = 0
#: the messages an exchange may consist of: by an agent or not, with a form or not, private or not
_TURNS = ((False, False, False), (True, False, False), (True, True, False), (True, False, True))
#: the event that shows a state
_SHOWN: Mapping[State, str] = {
    "status": "conversation.status_changed",
    "assignee": "assignee.changed",
    "team": "team.changed",
}
_STATUS = "conversation.status_changed"
_FIRST_REPLY = "first.reply.created"


@dataclass(slots=True)
class Acts:
    """Everything that can be done.

    Args:
        crew: what the process's users share.
        emitter: this process's number in marks.
    """

    crew: Crew
    emitter: int
    teams: dict[int, Sequence[int]] = field(default_factory=dict)
    _sequence: count[int] = field(default_factory=count)
    _bases: dict[int, list[int]] = field(default_factory=dict)
    _calls: Emitting = field(init=False)

    def __post_init__(self) -> None:
        self._calls = Emitting(self.crew)

    @property
    def abilities(self) -> Abilities:
        """What the target was seen to lack."""
        return self._calls.abilities

    def send(self, call: api.Call, moment: Moment) -> Reply:
        """Send a call from which nothing follows, once, and count it."""
        return self._calls.send(call, moment)

    # -- talk --------------------------------------------------------------------------------------------------------

    def message(
        self,
        conversation: Conversation,
        actor: Agent | Contact,
        moment: Moment,
        slot: int | None,
        content_type: api.ContentType | None = None,
        *,
        private: bool = False,
    ) -> Reply:
        """The actor writes a message that carries a mark; an agent's may be a private note.

        One of the plan is called after its place in the exchange ``slot``, the same on however many processes; of any
        other (no slot) this process's emissions are counted.
        """
        settings = self.crew.settings
        if slot is None:
            sequence = next(self._sequence)
            key = emission_key(1 + self.emitter, sequence)
        else:
            sequence = _TURNS.index((isinstance(actor, Agent), content_type is not None, private))
            key = emission_key(_PLAN, len(_TURNS) * slot + sequence)
        due_us = self.crew.clock.wall_ns(moment.due_ns) // NS_PER_US
        mark = write_mark(settings.run_tag, key, due_us, private=private)
        content = f"{mark} {_WORDS[(sequence if slot is None else slot) % len(_WORDS)]}"
        echo_id = f"{settings.run_tag}-{key}"
        contact = conversation.contact
        if isinstance(actor, Agent):
            call = api.agent_send_message(
                actor,
                contact.account_id,
                conversation.number,
                content,
                echo_id,
                private=private,
                content_type=content_type,
            )
        else:
            call = api.contact_send_message(actor, conversation.number, content, echo_id)
        ledger = self.crew.collector.ledger
        entries = [
            ledger.open(
                key.encode("ascii"), self._calls.action(MARKED, call, conversation, actor, moment, private=private)
            )
        ]
        reopens = actor is contact and conversation.state.get("status") == "resolved"
        reopens &= "status" not in conversation.in_doubt
        choice, state, bind = "", None, None
        if reopens:  # a contact's message reopens what was resolved, and the first of several does
            conversation.state["status"] = "open"
            conversation.in_doubt.add("status")
            state = (_STATUS, "open")
            if _STATUS in self.crew.collector.tracked:
                follow = Follow(_STATUS, self._status_key(conversation, "open"))
                told = self._calls.open(follow, call, conversation, actor, moment)
                entries += [] if told is None else [told]
        if isinstance(actor, Agent):
            choice = "private" if private else "public"
            if not private and not conversation.answered:
                bind = self._first_reply(call, conversation, actor, moment, entries)
        parts = self._calls.parts(call, conversation, actor, moment, choice=choice, state=state)
        reply = self._calls.perform(call, entries, conversation, moment, bind, parts)
        if reopens and (status := outcome(reply)) != "uncertain":
            conversation.in_doubt.discard("status")
            conversation.state["status"] = "resolved" if status == "void" else "open"
        return reply

    def _status_key(self, where: Conversation, status: str) -> bytes:
        by_state = _STATUS in events_by_state(self.crew.collector.settings.dialect)
        return subject_key(_STATUS, where.contact.account_id, where.number, status if by_state else "")

    def _first_reply(
        self, call: api.Call, where: Conversation, actor: Agent, moment: Moment, entries: list[Entry]
    ) -> Callable[[bytes], None] | None:
        """Await the event of a conversation's first public answer, which perhaps follows; None where there is none.

        Its subject is the message, whose id the call's answer names. Whether other people answered before nobody here
        knows; once somebody of the run did it does not follow any more.
        """
        where.answered = True
        if _FIRST_REPLY not in self.crew.collector.tracked:
            return None
        entry = self._calls.open(Follow(_FIRST_REPLY, b"", perhaps=True), call, where, actor, moment)
        assert entry is not None
        entries.append(entry)
        account_id, ledger = where.contact.account_id, self.crew.collector.ledger

        def bind(body: bytes) -> None:
            try:
                ledger.bind(entry, subject_key(_FIRST_REPLY, account_id, api.parse_created(body).id))
            except ValueError:  # the message itself is known by its mark
                entries.remove(entry)
                ledger.responded(entry, self.crew.clock.now_ns(), "void")

        return bind

    def typing(self, conversation: Conversation, actor: Agent | Contact, moment: Moment, *, on: bool) -> bool:
        """The actor starts or stops typing; returns whether the subject was free."""
        contact = conversation.contact
        if isinstance(actor, Agent):
            call = api.agent_toggle_typing(actor, contact.account_id, conversation.number, typing=on)
        else:
            call = api.contact_toggle_typing(actor, conversation.number, typing=on)
        return self._calls.emit(call, conversation, actor, moment, choice="on" if on else "off") is not None

    def may_type(self, conversation: Conversation, actor: Agent | Contact, now_ns: int, *, on: bool) -> bool:
        """Whether a typing event of the actor could be told from the one before."""
        who = (
            actor_name("agent", actor.user_id) if isinstance(actor, Agent) else actor_name("contact", actor.contact_id)
        )
        event = "conversation.typing_on" if on else "conversation.typing_off"
        key = subject_key(event, conversation.contact.account_id, conversation.number, who)
        return self.crew.collector.ledger.is_free(key, now_ns)

    def open_conversation(self, contact: Contact, identity: int, moment: Moment) -> tuple[Reply, int | None]:
        """The contact opens a conversation; returns the answer and the conversation's number, None without one."""
        call = api.contact_create_conversation(contact, self.crew.settings.run_tag)
        place = Conversation(contact, identity, 0)
        follow = Follow("conversation.created", b"")
        entry = self._calls.open(follow, call, place, contact, moment)
        assert entry is not None
        opened: list[int] = []

        def bind(body: bytes) -> None:
            opened.append(api.parse_created(body).id)
            self._created("conversation", opened[0], contact)
            self.crew.collector.people.converses(contact.account_id, opened[0], contact.contact_id)
            key = subject_key("conversation.created", contact.account_id, opened[0])
            self.crew.collector.ledger.bind(entry, key)

        reply = self._calls.perform(call, [entry], place, moment, bind)
        return reply, opened[0] if opened else None

    # -- acts --------------------------------------------------------------------------------------------------------

    def perform(self, step: Step, scene: Scene, slot: int, moment: Moment) -> bool:
        """Do one step of an act.

        Args:
            step: what is done.
            scene: what the act's steps share.
            slot: the exchange's number.
            moment: when.

        Returns:
            Whether it was done: False when its subject is not free, or an earlier step failed.
        """
        where, agent, contact = scene.conversation, scene.agent, scene.conversation.contact
        account_id, number = contact.account_id, where.number
        match step.kind:
            case "read":
                return (
                    self._calls.emit(api.contact_update_last_seen(contact, number), where, contact, moment) is not None
                )
            case "resolve":
                return self._change("status", "resolved", scene, moment)
            case "reopen":  # only what is resolved: an open conversation's status does not change
                return where.state.get("status") == "resolved" and self._change("status", "open", scene, moment)
            case "assign":
                assignee = agent.user_id if where.state.get("assignee") != agent.user_id else None
                return self._change("assignee", assignee, scene, moment)
            case "team":
                return self._assign_team(scene, moment)
            case "ask_email":
                reply = self.message(where, agent, moment, slot, "input_email")
                scene.message_id = _created_id(reply)
                return True
            case "note":
                self.message(where, agent, moment, slot, private=True)
                return True
            case "give_email":
                if scene.message_id is None:
                    return False
                email = f"{self.crew.settings.run_tag}-{slot}@loadtest.invalid"
                call = api.contact_update_message(contact, number, scene.message_id, email)
                return self._calls.emit(call, where, contact, moment, message_id=scene.message_id) is not None
            case "update_contact":
                call = api.agent_update_contact(
                    agent, account_id, contact.contact_id, {"custom_attributes": {"loadtest": str(slot)}}
                )
                return self._calls.emit(call, where, agent, moment) is not None
            case "create_contact":
                scene.created = self._create_contact(scene, slot, moment)
                return True
            case "open_conversation":
                if step.act == "merge" and scene.created is None:
                    return False
                opener = scene.created if step.act == "merge" else contact
                assert opener is not None
                _, scene.opened = self.open_conversation(opener, -1, moment)
                return True
            case "merge":
                return self._merge(scene, moment)
            case _:
                raise ValueError(f"{step.kind} is no step of an act")

    def _assign_team(self, scene: Scene, moment: Moment) -> bool:
        where, agent = scene.conversation, scene.agent
        account_id = where.contact.account_id
        if account_id not in self.teams:
            reply = self._calls.send(api.agent_list_teams(agent, account_id), moment)
            if outcome(reply) == "uncertain":
                return False
            try:
                self.teams[account_id] = api.parse_teams(reply.body)
            except ValueError:
                self.teams[account_id] = ()
        if not self.teams[account_id]:
            if not any(self.teams.values()):
                self.abilities.lacks_capability("agent.assign_team", "teams")
            return False
        team = self.teams[account_id][0] if where.state.get("team") is None else None
        return self._change("team", team, scene, moment)

    def _change(self, what: State, value: Any, scene: Scene, moment: Moment) -> bool:
        """The agent changes the conversation's state; returns whether it was tried.

        What a call without an answer left in doubt is not changed again: nobody could tell whether anything changes.
        """
        where, agent = scene.conversation, scene.agent
        if what in where.in_doubt or where.state.get(what) == value:
            return False
        if what == "status" and value == "resolved":  # a message may reopen it at any moment
            now_ns = self.crew.clock.now_ns()
            if not self.crew.collector.ledger.is_free(self._status_key(where, "open"), now_ns):
                return False
        account_id, number = where.contact.account_id, where.number
        match what:
            case "status":
                call = api.agent_toggle_status(agent, account_id, number, value)
            case "assignee":
                call = api.agent_assign_agent(agent, account_id, number, value)
            case "team":
                call = api.agent_assign_team(agent, account_id, number, value)
        where.in_doubt.add(what)
        shown = (_SHOWN[what], "" if value is None else str(value))
        reply = self._calls.emit(call, where, agent, moment, state=shown, changes=what not in where.moved)
        status = "void" if reply is None else outcome(reply)
        if status != "uncertain":
            where.in_doubt.discard(what)
        if status == "ok":
            where.state[what] = value
            where.moved.discard(what)
        if what != "assignee":  # who opens it, or a team's settings, may assign it
            where.moved.add("assignee")
        return reply is not None

    def _create_contact(self, scene: Scene, slot: int, moment: Moment) -> Contact | None:
        agent, beside = scene.agent, scene.conversation.contact
        name = f"{self.crew.settings.run_tag}-{self.emitter}-{slot}-{next(self._sequence)}"
        call = api.agent_create_contact(
            agent, beside.account_id, beside.inbox_id, name, email=f"{name}@loadtest.invalid", identifier=name
        )
        entry = self._calls.open(Follow("contact.created", b""), call, scene.conversation, agent, moment)
        assert entry is not None
        made: list[Contact] = []

        def bind(body: bytes) -> None:
            answer = api.parse_contact(body)
            self._created("contact", answer.contact_id, beside)
            self.crew.collector.ledger.bind(entry, subject_key("contact.created", beside.account_id, answer.contact_id))
            if answer.source_id is not None:
                made.append(
                    Contact(
                        account_id=beside.account_id,
                        contact_id=answer.contact_id,
                        inbox_id=beside.inbox_id,
                        source_id=answer.source_id,
                        pubsub_token="",
                        inbox_identifier=beside.inbox_identifier,
                        name=name,
                    )
                )

        self._calls.perform(call, [entry], scene.conversation, moment, bind)
        return made[0] if made else None

    def _created(self, kind: Literal["contact", "conversation"], number: int, of: Contact) -> None:
        """Note what the run made, so that it can be taken back; ``of`` is who stands beside it."""
        contact_id = of.contact_id if kind == "conversation" else number
        data = creations.created(kind, number, of.account_id, of.inbox_id, contact_id)
        self.crew.collector.note(creations.NOTE, "", data)

    def _merge(self, scene: Scene, moment: Moment) -> bool:
        """Merge the contact made for it into another of the run's own; where none is free it becomes such a one.

        One is free as soon as the events about it can be told from those of the merge before.
        """
        created = scene.created
        if created is None or scene.opened is None:
            return False
        bases = self._bases.setdefault(created.account_id, [])
        ledger, now_ns = self.crew.collector.ledger, self.crew.clock.now_ns()
        told = ("contact.updated", "contact.merged")
        base = next(
            (n for n in bases if all(ledger.is_free(subject_key(e, created.account_id, n), now_ns) for e in told)), None
        )
        if base is None:
            bases.append(created.contact_id)
            return True
        call = api.agent_merge_contacts(scene.agent, created.account_id, base, created.contact_id)
        place = Conversation(created, -1, scene.opened)
        return self._calls.emit(call, place, scene.agent, moment, contact_id=base) is not None


def _created_id(reply: Reply) -> int | None:
    try:
        return api.parse_created(reply.body).id
    except ValueError:
        return None
