"""OneChat's events, one entry each: who receives it, what causes it, what is in it, in which versions.

Everything else that knows events is derived from this table: the checker, the AsyncAPI document, ``loadtest events``,
the reference server's audiences. Sources: the seed document ("Websocket Event payload samples", where each event says
for whom it is available) for the 13 of the document; for all others and for what changed since,
``app/listeners/action_cable_listener.rb`` and the models of Chatwoot 4.12 and its history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Literal, TypeAlias

from loadtest.contract import payloads
from loadtest.contract.shapes import Shape
from loadtest.contract.versions import DIALECTS, DOCUMENT, EVER, NEWEST_READ, DialectName, Span, Version

Scope: TypeAlias = Literal["conversation", "account", "own"]
Subject: TypeAlias = Literal["conversation", "message", "typing", "contact", "presence", "notification", "account"]


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event of the contract.

    Attributes:
        name: on the wire, in ``message.event``.
        to_agents: agents within the scope receive it.
        to_contacts: the contact concerned receives it.
        scope: ``conversation``, members of the conversation's inbox and administrators of its account;
            ``account``, every agent of the account; ``own``, only the sockets of one identity: the one that asked
            (presence), or the user it is for (notifications).
        subject: what the payload is about, hence where its ids stand.
        payload: the shape of ``message.data``.
        trigger: what causes it, in a sentence.
        sample: file in ``loadtest/contract/samples/``; empty where there is none.
        documented: it is one of the document's, and so is its sample.
        span: the versions that send it.
        contacts_since: the first version that sends it to the contact too, where the document's does not.
        spares_emitter: the sockets of whoever caused it do not receive it.
        reread: the versions in which its payload is the state when it is sent, not when the change happened: two quick
            changes are two events with the same, newest state.
    """

    name: str
    to_agents: bool = True
    to_contacts: bool = False
    scope: Scope = "conversation"
    subject: Subject = "conversation"
    payload: Shape = payloads.CONVERSATION_EVENT
    trigger: str = ""
    sample: str = ""
    span: Span = EVER
    contacts_since: Version | None = None
    spares_emitter: bool = False
    reread: Span | None = None
    documented: bool = False

    @property
    def own_only(self) -> bool:
        """It goes only to sockets of the identity that caused it, or that it is for."""
        return self.scope == "own"

    @property
    def since(self) -> Version:
        """The earliest version it is known in."""
        return max(self.span.since, DOCUMENT)

    def for_whom(self) -> str:
        """Its audience in words."""
        if self.scope == "own":
            both = self.to_agents and self.to_contacts
            return "the asking agent or contact" if both else "the user concerned"
        agents = "inbox members, administrators" if self.scope == "conversation" else "all agents of the account"
        whom = agents + (", the contact" if self.to_contacts else "")
        return whom + (", except the emitter" if self.spares_emitter else "")


_REREAD = Span(since=(4, 0, 2))
_NEW = Span(since=NEWEST_READ)

#: The document's events, in its order.
_DOCUMENTED = (
    EventSpec(
        "conversation.created",
        contacts_since=(2, 3),
        trigger="A conversation is opened, by whomever.",
    ),
    EventSpec(
        "conversation.read",
        reread=_REREAD,
        trigger="The contact has seen the conversation; an agent's reading causes nothing.",
    ),
    EventSpec(
        "message.created",
        to_contacts=True,
        subject="message",
        payload=payloads.MESSAGE_EVENT,
        trigger="A message is written; private notes and activity messages do not go to the contact.",
    ),
    EventSpec(
        "message.updated",
        to_contacts=True,
        subject="message",
        payload=payloads.MESSAGE_UPDATED,
        trigger="A message changes: its status, or a form in it is filled in, as the e-mail form is.",
    ),
    EventSpec(
        "conversation.status_changed",
        to_contacts=True,
        reread=_REREAD,
        trigger="The status changes: set by an agent, or reopened by a contact's message.",
    ),
    EventSpec(
        "conversation.typing_on",
        to_contacts=True,
        subject="typing",
        payload=payloads.TYPING,
        spares_emitter=True,
        trigger="An agent or the contact starts typing.",
    ),
    EventSpec(
        "conversation.typing_off",
        to_contacts=True,
        subject="typing",
        payload=payloads.TYPING,
        spares_emitter=True,
        trigger="An agent or the contact stops typing.",
    ),
    EventSpec(
        "assignee.changed",
        payload=payloads.ASSIGNMENT,
        reread=_REREAD,
        trigger="A conversation is given to another agent, or to none; also by assignment at its creation.",
    ),
    EventSpec(
        "team.changed",
        payload=payloads.ASSIGNMENT,
        reread=_REREAD,
        trigger="A conversation is given to another team, or to none.",
    ),
    EventSpec(
        "conversation.contact_changed",
        trigger="The conversation's contact is merged into another; one event a conversation.",
    ),
    EventSpec(
        "contact.created",
        scope="account",
        subject="contact",
        payload=payloads.CONTACT_EVENT,
        trigger="A contact is created.",
    ),
    EventSpec(
        "contact.updated",
        scope="account",
        subject="contact",
        payload=payloads.CONTACT_EVENT,
        trigger="A contact changes; in newer versions each message it writes changes it.",
    ),
    EventSpec(
        "presence.update",
        to_contacts=True,
        scope="own",
        subject="presence",
        payload=payloads.PRESENCE,
        trigger="The identity subscribes, or sends update_presence; contacts are told of no other contact.",
    ),
)

#: What versions since the document's send besides. A new one is one entry and its sample in loadtest/contract/samples/.
_NEWER = (
    EventSpec(
        "conversation.updated",
        to_contacts=True,
        span=Span(since=(2, 11)),
        reread=_REREAD,
        trigger="Team, assignee, status, labels, priority, waiting time or first reply change: almost every message.",
    ),
    EventSpec(
        "first.reply.created",
        subject="message",
        payload=payloads.MESSAGE_EVENT,
        span=_NEW,
        trigger="An agent answers a conversation publicly for the first time.",
    ),
    EventSpec(
        "conversation.mentioned",
        scope="own",
        span=_NEW,
        trigger="A note mentions the user.",
    ),
    *(
        EventSpec(
            f"notification.{what}",
            scope="own",
            subject="notification",
            payload=payloads.NOTIFICATION_DELETED if what == "deleted" else payloads.NOTIFICATION,
            span=_NEW,
            trigger=f"A notification for the user is {what}.",
        )
        for what in ("created", "updated", "deleted")
    ),
    EventSpec(
        "contact.deleted",
        scope="account",
        subject="contact",
        payload=payloads.CONTACT_EVENT,
        span=_NEW,
        trigger="A contact is deleted, or merged into another.",
    ),
    EventSpec(
        "contact.merged",
        scope="account",
        subject="contact",
        payload=payloads.CONTACT_EVENT,
        span=_NEW,
        trigger="Two contacts are merged; the payload is the one that stays.",
    ),
    EventSpec(
        "account.cache_invalidated",
        scope="account",
        subject="account",
        payload=payloads.CACHE_INVALIDATED,
        span=_NEW,
        trigger="A label, inbox, team or the members of an inbox change.",
    ),
    EventSpec(
        "copilot.message.created",
        scope="own",
        subject="account",
        payload=payloads.ACCOUNT_ONLY,
        span=_NEW,
        trigger="The assistant answers the user.",
    ),
    EventSpec(
        "conversation.unread_count_changed",
        subject="account",
        payload=payloads.ACCOUNT_ONLY,
        span=Span(since=(4, 13)),
        trigger="The set of unread conversations changes (behind a feature flag).",
    ),
)

#: Events of all versions, as the document describes those it has; each with its sample.
_TABLE: tuple[EventSpec, ...] = tuple(
    replace(spec, sample=f"{spec.name}.json", documented=documented)
    for specs, documented in ((_DOCUMENTED, True), (_NEWER, False))
    for spec in specs
)


@cache
def events_of(dialect: DialectName) -> Mapping[str, EventSpec]:
    """The events of a dialect by name, audiences as in its versions; ``auto`` has what any version allows."""
    versions = DIALECTS[dialect]
    return MappingProxyType(
        {
            spec.name: replace(spec, to_contacts=True)
            if spec.contacts_since is not None and versions.somewhere(Span(spec.contacts_since))
            else spec
            for spec in _TABLE
            if versions.somewhere(spec.span)
        }
    )


EVENTS: dict[str, EventSpec] = dict(events_of("seed"))
"""The document's 13 events."""
