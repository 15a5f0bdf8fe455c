"""What follows from an action: for each REST call and cable command the events it causes, how many, and how surely.

Sources: the causes and callbacks in ``app/models/message.rb``, ``conversation.rb``, ``concerns/assignment_handler.rb``,
``contact.rb``, ``contact_merge_action.rb`` and the widget's and public API's controllers of Chatwoot 1.18 and 4.12.
Counts hold for one action without the installation's own automation rules, bots, webhooks or other people's work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, TypeAlias

from loadtest.contract.events import EventSpec, events_of
from loadtest.contract.versions import DIALECTS, EVER, NEWEST_READ, DialectName, Span

Certainty: TypeAlias = Literal["always", "perhaps"]
Capability: TypeAlias = Literal[
    "api_inbox", "widget", "public_typing", "public_read", "agents", "teams", "two_contacts"
]

CAPABILITIES: Mapping[Capability, str] = MappingProxyType(
    {
        "api_inbox": "an API inbox, where contacts act through the public API",
        "widget": "a website inbox, where contacts act through the widget's API",
        "public_typing": "a public API that knows typing (since 2023)",
        "public_read": "a public API that knows update_last_seen (since 2023)",
        "agents": "agents with access tokens",
        "teams": "at least one team",
        "two_contacts": "contacts that may be merged away",
    }
)
"""What a target may or may not be able to do, in words."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """One event that follows from an action.

    Attributes:
        event: its name.
        certainty: ``always``, or ``perhaps``: it depends on state that the one who acts does not see.
        least: so many at least, where it follows; for each of ``per`` if that is given.
        most: so many at most; None where nothing bounds it.
        per: what there is one batch of events for; empty for the action itself.
        when: under which circumstances, in words.
        choice: the variant of the action it follows from (``on``, ``off``, ``private``, ...); empty for all.
        span: the versions in which it does.
        spec: the event's entry in the dialect: to whom.
        reread: its payload is the state when it is sent, in some version of the dialect at least.
    """

    event: str
    certainty: Certainty
    least: int
    most: int | None
    per: str = ""
    when: str = ""
    choice: str = ""
    span: Span = EVER
    spec: EventSpec | None = None
    reread: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """An action that causes events.

    Attributes:
        name: as in :data:`loadtest.api.ENDPOINTS`, or of the cable's command.
        rules: what follows in any version.
        needs: what the target must be able to do; each inner tuple names alternatives of which one will do.
        choices: its variants, if events depend on them.
    """

    name: str
    rules: tuple[Consequence, ...]
    needs: tuple[tuple[Capability, ...], ...] = ()
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotDriven:
    """A cause that a target cannot do.

    Attributes:
        cause: its name.
        missing: what the target lacks, in words.
    """

    cause: str
    missing: str


_NEW = Span(since=NEWEST_READ)
_UPDATED = Span(since=(2, 11))


def _always(
    event: str, most: int | None = 1, *, per: str = "", when: str = "", choice: str = "", span: Span = EVER
) -> Consequence:
    return Consequence(event, "always", 1, most, per, when, choice, span)


def _perhaps(event: str, most: int | None = 1, *, when: str = "", choice: str = "", span: Span = EVER) -> Consequence:
    return Consequence(event, "perhaps", 0, most, "", when, choice, span)


_NOTIFIED = (
    _perhaps("notification.created", None, when="an agent is to be notified", span=_NEW),
    _perhaps("notification.deleted", None, when="it replaces an older notification", span=_NEW),
)
_ACTIVITY = _perhaps("message.created", None, when="an activity message tells agents of it")
_TYPING = (
    _always("conversation.typing_on", choice="on"),
    _always("conversation.typing_off", choice="off"),
)
_ASSIGNED = _perhaps("assignee.changed", when="the conversation is assigned automatically")

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {
        cause.name: cause
        for cause in (
            Cause(
                "contact.create_conversation",
                (
                    _always("conversation.created", when="unless the inbox keeps a single conversation a contact"),
                    _ASSIGNED,
                    _perhaps("conversation.updated", None, when="it is assigned automatically", span=_UPDATED),
                    _perhaps("message.created", None, when="a template or activity message is written"),
                    *_NOTIFIED,
                ),
                needs=(("api_inbox", "widget"),),
            ),
            Cause(
                "contact.send_message",
                (
                    _always("message.created", None, when="template and activity messages come besides"),
                    _always("contact.updated", None, when="its last activity is noted", span=_NEW),
                    _perhaps("contact.updated", None, when="its last activity is noted", span=Span(until=NEWEST_READ)),
                    _perhaps("conversation.updated", 4, when="it begins to wait, or is reopened", span=_UPDATED),
                    _perhaps("conversation.status_changed", when="it was resolved or snoozed"),
                    _ASSIGNED,
                    *_NOTIFIED,
                ),
                needs=(("api_inbox", "widget"),),
            ),
            Cause(
                "contact.toggle_typing",
                _TYPING,
                needs=(("public_typing", "widget"),),
                choices=("on", "off"),
            ),
            Cause(
                "contact.update_last_seen",
                (
                    _always("conversation.read"),
                    _perhaps("message.updated", None, when="messages become read, one event each", span=_NEW),
                ),
                needs=(("public_read", "widget"),),
            ),
            Cause(
                "contact.update_message",
                (
                    _always("message.updated", span=Span(until=NEWEST_READ)),
                    _always("message.updated", None, when="it is read as well, which tells of it too"),
                    _perhaps("contact.updated", 2, when="the form told the contact's e-mail address"),
                    _perhaps("conversation.contact_changed", None, when="another contact has that address"),
                    _perhaps("contact.merged", when="another contact has that address", span=_NEW),
                    _perhaps("contact.deleted", when="another contact has that address", span=_NEW),
                ),
                needs=(("api_inbox", "widget"),),
            ),
            Cause(
                "agent.send_message",
                (
                    _always("message.created"),
                    _perhaps("message.updated", None, when="the channel tells of its delivery"),
                    _perhaps(
                        "conversation.updated", 2, when="the contact waited for it", choice="public", span=_UPDATED
                    ),
                    _perhaps("first.reply.created", when="it is the first reply", choice="public", span=_NEW),
                    _perhaps(
                        "conversation.mentioned", None, when="the note mentions agents", choice="private", span=_NEW
                    ),
                    *_NOTIFIED,
                ),
                needs=(("agents",),),
                choices=("public", "private"),
            ),
            Cause("agent.toggle_typing", _TYPING, needs=(("agents",),), choices=("on", "off")),
            Cause("agent.update_last_seen", (), needs=(("agents",),)),
            Cause(
                "agent.toggle_status",
                (
                    _always("conversation.status_changed", when="the status is another than before"),
                    _always("conversation.updated", 3, when="the status is another than before", span=_UPDATED),
                    _perhaps("message.created", None, when="an activity or survey message is written"),
                    _perhaps("assignee.changed", 2, when="opening it assigns it"),
                    *_NOTIFIED,
                ),
                needs=(("agents",),),
            ),
            Cause(
                "agent.assign_agent",
                (
                    _always("assignee.changed", when="the assignee is another than before"),
                    _always("conversation.updated", 2, when="the assignee is another than before", span=_UPDATED),
                    _ACTIVITY,
                    *_NOTIFIED,
                ),
                needs=(("agents",),),
            ),
            Cause(
                "agent.assign_team",
                (
                    _always("team.changed", when="the team is another than before"),
                    _always("conversation.updated", 3, when="the team is another than before", span=_UPDATED),
                    _perhaps("assignee.changed", 2, when="the team sets or clears the assignee"),
                    _ACTIVITY,
                    *_NOTIFIED,
                ),
                needs=(("agents",), ("teams",)),
            ),
            Cause(
                "agent.create_contact",
                (
                    _always("contact.created"),
                    _perhaps("contact.updated", None, when="it is completed in the background"),
                ),
                needs=(("agents",),),
            ),
            Cause("agent.update_contact", (_always("contact.updated", None),), needs=(("agents",),)),
            Cause(
                "agent.merge_contacts",
                (
                    _always("conversation.contact_changed", per="conversation of the contact that goes"),
                    _perhaps("contact.updated", when="the contact that stays takes over attributes"),
                    _always("contact.merged", span=_NEW),
                    _always("contact.deleted", span=_NEW),
                ),
                needs=(("agents",), ("two_contacts",)),
            ),
            Cause(
                "cable.subscribe",
                (_perhaps("presence.update", when="it is published once the stream is subscribed"),),
            ),
            Cause("cable.update_presence", (_always("presence.update"),)),
        )
    }
)
"""Every action that causes events, by name."""


@cache
def consequences(cause: str, dialect: DialectName, *, choice: str = "") -> tuple[Consequence, ...]:
    """The events that follow from an action, each once.

    Args:
        cause: its name in :data:`CAUSES`.
        dialect: of which versions. What follows always in some of them and not in others follows perhaps.
        choice: the variant of the action; empty where it is unknown: what follows from one variant follows perhaps.

    Returns:
        One entry an event, with its audience in ``spec`` and without choice or span left open.

    Raises:
        KeyError: no action of this name causes events.
        ValueError: the action has no such variant.
    """
    action = CAUSES[cause]
    if choice and choice not in action.choices:
        raise ValueError(f"{cause} has no variant {choice!r}, but {', '.join(action.choices) or 'none at all'}")
    versions, events = DIALECTS[dialect], events_of(dialect)
    found: dict[str, Consequence] = {}
    for rule in action.rules:
        if not versions.somewhere(rule.span) or (rule.choice and choice and rule.choice != choice):
            continue
        sure = rule.certainty == "always" and versions.throughout(rule.span) and (not rule.choice or bool(choice))
        spec = events[rule.event]
        reread = spec.reread is not None and versions.somewhere(spec.reread)
        one = Consequence(
            rule.event,
            "always" if sure else "perhaps",
            rule.least if sure else 0,
            rule.most,
            rule.per,
            rule.when,
            rule.choice,
            rule.span,
            spec,
            reread,
        )
        before = found.get(rule.event)
        if before is None or before.certainty == "perhaps":
            found[rule.event] = one
    return tuple(found.values())


def not_driven(capabilities: Collection[Capability]) -> tuple[NotDriven, ...]:
    """The causes that a target cannot do, to be reported as such and never as events that failed to come.

    Args:
        capabilities: what the target can do, of :data:`CAPABILITIES`.

    Raises:
        ValueError: a capability is not one of them.
    """
    unknown = set(capabilities) - set(CAPABILITIES)
    if unknown:
        raise ValueError(f"no such capability: {', '.join(sorted(unknown))}; there are {', '.join(CAPABILITIES)}")
    return tuple(
        NotDriven(cause.name, "; ".join(missing))
        for cause in CAUSES.values()
        if (
            missing := [
                " or ".join(CAPABILITIES[one] for one in alternatives)
                for alternatives in cause.needs
                if not set(alternatives) & set(capabilities)
            ]
        )
    )


def events_not_driven(capabilities: Collection[Capability], dialect: DialectName) -> dict[str, str]:
    """The documented events that nothing a target can do is sure to cause.

    Args:
        capabilities: as for :func:`not_driven`.
        dialect: of which versions.

    Returns:
        By event, what is missing, in words.
    """
    reasons = {one.cause: one.missing for one in not_driven(capabilities)}
    undriven: dict[str, list[str]] = {}
    driven: set[str] = set()
    for name, cause in CAUSES.items():
        for choice in cause.choices or ("",):
            for one in consequences(name, dialect, choice=choice):
                if one.certainty == "always" and one.spec is not None and one.spec.documented:
                    if name in reasons:
                        undriven.setdefault(one.event, []).append(f"{name} needs {reasons[name]}")
                    else:
                        driven.add(one.event)
    return {event: "; ".join(sorted(set(why))) for event, why in undriven.items() if event not in driven}
