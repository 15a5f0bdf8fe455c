"""Holds what arrives against the contract: audience, account, identity, and the payload's shape.

A violation is a :class:`~loadtest.errors.ContractViolation` with one of these kinds:

==========================  =============================================================================
``no_event``                the frame carries no event: no object with a name and a payload
``wrong_identifier``        it names another subscription than the socket's
``wrong_audience``          the receiver is not among those who get this event
``wrong_account``           it is of an account that the receiver does not belong to
``private_to_contact``      a private note, or our mark of one, on a contact's socket
``contact_in_contact_presence``  a contact is told of any contact but itself
``missing_field``           a field that is required in this state is not there
``wrong_type``              a field has another JSON type
==========================  =============================================================================

Details hold field paths, types, ids and lengths, never another value. An event that the dialect does not know is no
violation; what any version that the dialect stands for allows is none either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from loadtest.contract.conformance import Fault, compile_shape, type_name
from loadtest.contract.events import EventSpec, events_of
from loadtest.contract.versions import DIALECTS, DialectName, Span
from loadtest.errors import ContractViolation

ACTIVITY = 2
"""``message_type`` of messages that tell agents what happened to a conversation."""

_PRIVATE_MARK = "lp:"
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Recipient:
    """On whose socket a frame arrived. Made once a socket.

    Attributes:
        role: ``agent`` or ``contact``.
        account_ids: all accounts that its token receives events of.
        user_id: an agent's id; None where unknown.
        inbox_ids: the inboxes that an agent sees; None for an administrator, or where they are unknown: then nothing
            is claimed.
        contact_ids: a contact's id, and those of contacts it was merged into; empty where unknown.
        conversation_ids: display ids of what may be the contact's conversations, as a container that may change while
            the run goes on; None where unknown.
        identifier: the subscription's identifier, a secret; empty where frames come already sorted by it.
    """

    role: str
    account_ids: Container[int]
    user_id: int | None = None
    inbox_ids: Container[int] | None = None
    contact_ids: Collection[int] = ()
    conversation_ids: Container[int] | None = None
    identifier: str = field(default="", repr=False)


class Checker:
    """The contract of one dialect.

    Args:
        dialect: ``seed``, ``current``, or ``auto`` for a server of unknown version: whatever one of them allows.
    """

    def __init__(self, dialect: DialectName = "auto") -> None:
        self.dialect = dialect
        self.events = events_of(dialect)
        self._shapes = _compiled(dialect)

    def may_receive(self, event: str, role: str) -> bool:
        """Whether an event may arrive at sockets of a role at all; true of one that the dialect does not know."""
        return event not in self.events or event in self._shapes[role]

    def tolerates(self, event: str, role: str) -> bool:
        """Whether an event may arrive at a role in some versions only: worth a warning, no violation."""
        spec = self.events.get(event)
        if spec is None or role != "contact" or spec.contacts_since is None:
            return False
        since = Span(spec.contacts_since)
        return DIALECTS[self.dialect].somewhere(since) and not DIALECTS[self.dialect].throughout(since)

    def check_frame(self, frame: object, recipient: Recipient) -> list[ContractViolation]:
        """Check a whole event frame, its identifier included.

        Args:
            frame: decoded, ``{"identifier": ..., "message": {"event": ..., "data": ...}}``.
            recipient: on whose socket it arrived.
        """
        message = frame.get("message") if isinstance(frame, dict) else None
        event = message.get("event") if isinstance(message, dict) else None
        found: list[ContractViolation] = []
        if isinstance(frame, dict) and recipient.identifier and frame.get("identifier") != recipient.identifier:
            detail = f"identifier: {_size(frame.get('identifier'))}, not the subscription's"
            found.append(ContractViolation("wrong_identifier", _shown(event), detail))
        if not isinstance(message, dict) or not isinstance(event, str):
            where, value = ("message", message) if not isinstance(message, dict) else ("message.event", event)
            return [*found, ContractViolation("no_event", "", f"{where}: {type_name(value)}")]
        return found + self.check(event, message.get("data"), recipient)

    def check(self, event: str, data: object, recipient: Recipient) -> list[ContractViolation]:
        """Check an event's payload and that it may arrive where it did.

        Args:
            event: its name.
            data: its payload, decoded.
            recipient: on whose socket it arrived.

        Returns:
            All that is wrong, in no particular order; nothing for an event that the dialect does not know.
        """
        spec = self.events.get(event)
        if spec is None:
            return []
        found: list[ContractViolation] = []
        if not self.may_receive(event, recipient.role):
            found.append(ContractViolation("wrong_audience", event, f"on a socket of role {recipient.role}"))
        if type(data) is not dict:
            return [*found, ContractViolation("wrong_type", event, f"data: expected object, found {type_name(data)}")]
        account_id = data.get("account_id")
        if type(account_id) is int and account_id not in recipient.account_ids:
            found.append(ContractViolation("wrong_account", event, f"account {account_id} is none of the receiver's"))
        elif not found:  # of what went astray as a whole, the parts need no telling
            self._check_parts(spec, data, recipient, found)
        shape = self._shapes[recipient.role].get(event) or self._shapes["agent"].get(event)
        if shape is not None:
            found += [_violation(event, fault) for fault in shape(data)]
        return found

    def _check_parts(
        self, spec: EventSpec, data: dict[str, Any], recipient: Recipient, found: list[ContractViolation]
    ) -> None:
        subject = spec.subject
        if subject == "presence":
            _check_presence(spec, data, recipient, found)
        elif subject == "notification":
            _check_user(spec, data, recipient, found)
        elif subject == "message":
            _check_message(spec, data, recipient, found, "data")
            _check_place(spec, data, data.get("conversation_id"), recipient, found)
        elif subject in ("conversation", "typing"):
            conversation = data if subject == "conversation" else _dict(data.get("conversation"))
            _check_place(spec, conversation, conversation.get("id"), recipient, found)
            if recipient.role == "contact":
                _check_contact(spec, conversation, recipient, found)
            if subject == "typing" and not found:
                _check_emitter(spec, data, conversation, recipient, found)


@cache
def _compiled(dialect: DialectName) -> Mapping[str, Mapping[str, Callable[[object], list[Fault]]]]:
    """By role and event, what lists a payload's faults; an event that a role does not receive has none there."""
    return {
        role: {
            spec.name: compile_shape(spec.payload, DIALECTS[dialect], role)
            for spec in events_of(dialect).values()
            if (spec.to_agents if role == "agent" else spec.to_contacts)
        }
        for role in ("agent", "contact")
    }


def _check_place(
    spec: EventSpec,
    place: Mapping[str, Any],
    conversation_id: object,
    recipient: Recipient,
    found: list[ContractViolation],
) -> None:
    """An agent sees its inboxes, a contact its conversations."""
    if recipient.role == "agent":
        inbox_id = place.get("inbox_id")
        seen = recipient.inbox_ids
        if seen is not None and spec.scope == "conversation" and type(inbox_id) is int and inbox_id not in seen:
            detail = f"inbox {inbox_id} is none of the agent's"
            found.append(ContractViolation("wrong_audience", spec.name, detail))
    else:
        known = recipient.conversation_ids
        if known is not None and type(conversation_id) is int and conversation_id not in known and not _astray(found):
            detail = f"conversation {conversation_id} is none of the contact's"
            found.append(ContractViolation("wrong_audience", spec.name, detail))


def _check_contact(
    spec: EventSpec, conversation: Mapping[str, Any], recipient: Recipient, found: list[ContractViolation]
) -> None:
    """A conversation on a contact's socket is its own, and shows no private note."""
    messages = conversation.get("messages")
    if type(messages) is list:
        for place, message in enumerate(messages):
            if type(message) is dict:
                _check_message(spec, message, recipient, found, f"data.messages[{place}]")
    if not recipient.contact_ids or _astray(found):
        return
    # While contacts are merged the two may differ (the document's sample): either makes the conversation theirs.
    theirs = (
        _dict(_dict(conversation.get("meta")).get("sender")).get("id"),
        _dict(conversation.get("contact_inbox")).get("contact_id"),
    )
    ids = [value for value in theirs if type(value) is int]
    if ids and not any(value in recipient.contact_ids for value in ids):
        found.append(ContractViolation("wrong_audience", spec.name, f"conversation of contact {ids[0]}"))


def _check_message(
    spec: EventSpec, message: Mapping[str, Any], recipient: Recipient, found: list[ContractViolation], path: str
) -> None:
    """A contact sees public messages of its own conversations, and no activity messages."""
    if recipient.role != "contact":
        return
    content = message.get("content")
    marked = type(content) is str and content.startswith(_PRIVATE_MARK)
    if message.get("private") is True or marked:
        found.append(ContractViolation("private_to_contact", spec.name, f"{path}: {'mark' if marked else 'private'}"))
    if message.get("message_type") == ACTIVITY:
        found.append(ContractViolation("wrong_audience", spec.name, f"{path}: an activity message"))
    sender = _dict(message.get("sender"))
    if recipient.contact_ids and sender.get("type") == "contact" and not _astray(found):
        sender_id = sender.get("id")
        if type(sender_id) is int and sender_id not in recipient.contact_ids:
            found.append(ContractViolation("wrong_audience", spec.name, f"{path}: a message of contact {sender_id}"))


def _check_emitter(
    spec: EventSpec,
    data: Mapping[str, Any],
    conversation: Mapping[str, Any],
    recipient: Recipient,
    found: list[ContractViolation],
) -> None:
    """Typing is not told to whoever types; a contact's is told to none of its sockets but other verified sessions."""
    user = _dict(data.get("user"))
    kind = user.get("type")
    if recipient.role == "agent":
        own = kind == "user" and recipient.user_id is not None and user.get("id") == recipient.user_id
    else:
        own = kind == "contact" and _dict(conversation.get("contact_inbox")).get("hmac_verified") is False
    if own:
        found.append(ContractViolation("wrong_audience", spec.name, "told to the one who types"))


def _check_presence(
    spec: EventSpec, data: Mapping[str, Any], recipient: Recipient, found: list[ContractViolation]
) -> None:
    contacts = data.get("contacts")
    if recipient.role != "contact" or type(contacts) is not dict or not contacts:
        return
    own = {str(contact_id) for contact_id in recipient.contact_ids}
    others = len(contacts) if not own else sum(key not in own for key in contacts)
    if others and (own or len(contacts) > 1):  # one contact alone may be the receiver, if nobody knows its id
        first = next((key for key in contacts if key not in own and key.isdigit()), "")[:19]
        named = f", contact {first} among them" if first and own else ""
        found.append(ContractViolation("contact_in_contact_presence", spec.name, f"{others} others{named}"))


def _check_user(spec: EventSpec, data: Mapping[str, Any], recipient: Recipient, found: list[ContractViolation]) -> None:
    user_id = _dict(_dict(data.get("notification")).get("user")).get("id")
    if recipient.user_id is not None and type(user_id) is int and user_id != recipient.user_id:
        found.append(ContractViolation("wrong_audience", spec.name, f"for user {user_id}"))


def _astray(found: list[ContractViolation]) -> bool:
    """Whether it was told already that the frame is not for its receiver: once is enough."""
    return any(violation.kind == "wrong_audience" for violation in found)


def _violation(event: str, fault: Fault) -> ContractViolation:
    found = f", found {fault.found}" if fault.found else ""
    return ContractViolation(fault.kind, event, f"data{fault.path}: expected {fault.expected}{found}")


def _dict(value: object) -> Mapping[str, Any]:
    return value if type(value) is dict else _NONE


def _size(value: object) -> str:
    return f"string({len(value)})" if isinstance(value, str) else type_name(value)


def _shown(event: object) -> str:
    return event if isinstance(event, str) and event in events_of("auto") else ""
