"""The contract under load: every frame's audience, and a sample of frames held against the contract in full.

A violation is counted; of each kind the first few keep evidence, which holds keys, types, ids and lengths only. So do
the first few frames of an event that the contract does not know, which is none of the server's faults, and of an event
that only some versions of the server send to this role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Any, Protocol

import msgspec

from loadtest.collect.people import ROLES, People
from loadtest.collect.subjects import events_by_state, read_subject, subject_of
from loadtest.contract import Checker, DialectName, Recipient, Sampler, evidence
from loadtest.contract.glance import is_suspect, read_place
from loadtest.contract.versions import written

EVIDENCE_PER_KIND = 20
"""Frames kept of a kind of violation, and of an unknown name, in a process."""

_EVIDENCE_PER_TOLERANCE = 3
_FEW = 8
_MOST_NAMES = 256
_SAMPLED_NAMES = 32
_LONGEST_NAME = 64
_FURTHER_NAMES = "further names"
#: fields that make a message, wherever it stands in a payload, none for a contact (2 is an activity message)
_NOT_FOR_CONTACTS = (b'"private":true', b'"private": true', b'"message_type":2,', b'"message_type": 2,')

#: violations by which a frame has reached somebody who must not see it
_ASTRAY = frozenset({"wrong_audience", "wrong_account"})

_decode = msgspec.json.Decoder().decode


class Books(Protocol):
    """Where findings go: the process's :class:`~loadtest.collect.Collector`."""

    def count(self, metric: str, name: str = "", role: str = "", value: int = 1) -> None:
        """Add to a counter."""

    def note(self, kind: str, text: str, data: Mapping[str, object] | None = None) -> None:
        """Mark a moment on the time line."""


class Checks:
    """Checks frames of all sockets of a process.

    Args:
        people: the identities simulated here.
        dialect: whose rules hold.
        books: where findings go.
        sampler: chooses the frames that are checked in full.
    """

    def __init__(self, people: People, dialect: DialectName, books: Books, sampler: Sampler | None = None) -> None:
        self._people = people
        self._checker = Checker(dialect)
        self._books = books
        self._sampler = Sampler() if sampler is None else sampler
        self._checked: Counter[tuple[str, str]] = Counter()
        self._kept: Counter[tuple[str, str]] = Counter()
        self._unknown: set[str] = set()
        #: whether to check a frame of this event and role in full; to be asked once a frame
        self.wants = self._sampler.wants
        self.cell = self._sampler.cell
        self.may_receive = self._checker.may_receive
        self.events = self._checker.events
        self._by_state = events_by_state(dialect)
        #: by role, the events that only some versions send to it: they may come, and are worth a warning
        self.tolerated: Mapping[str, frozenset[str]] = {
            role: frozenset(event for event in self.events if self._checker.tolerates(event, role)) for role in ROLES
        }

    def recipient(self, identity: int, identifier: str) -> Recipient:
        """On whose socket frames arrive: made once a socket."""
        people = self._people
        if ROLES[int(people.role[identity])] == "agent":
            agent = people.agents[identity]
            return Recipient(
                "agent",
                account_ids=agent.account_ids,
                user_id=agent.user_id,
                inbox_ids=None if agent.role == "administrator" else _sought(agent.inbox_ids),
                identifier=identifier,
            )
        contact = people.contacts[identity - len(people.agents)]
        return Recipient(
            "contact",
            account_ids=(contact.account_id,),
            contact_ids=(contact.contact_id,),
            conversation_ids=people.conversations_of(contact),
            identifier=identifier,
        )

    def look(self, event: str, data: msgspec.Raw | bytes, recipient: Recipient) -> tuple[bytes | None, bool]:
        """Look at a payload's ids.

        Args:
            event: an event of the contract.
            data: its payload, as JSON bytes.
            recipient: on whose socket it arrived.

        Returns:
            The key of the emission that it may belong to, None where it names no subject; and whether it is suspected
            to be in the wrong hands, or of the wrong shape, so that it should be checked in full.

        Raises:
            msgspec.MsgspecError: the fields that name the subject are of the wrong type.
        """
        try:
            place = read_place(data)
        except msgspec.MsgspecError:
            return read_subject(event, data, by_state=event in self._by_state), True
        suspect = is_suspect(self.events[event], place, recipient)
        if not suspect and recipient.role == "contact":
            text = bytes(data)
            suspect = any(field in text for field in _NOT_FOR_CONTACTS)
        return subject_of(event, place, by_state=event in self._by_state), suspect

    def check(self, text: bytes, recipient: Recipient) -> bool:
        """Hold a whole frame against the contract; returns whether it is in the wrong hands."""
        try:
            frame = _decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return False  # not JSON: the protocol's business, and counted there
        message = frame.get("message") if isinstance(frame, dict) else None
        event = message.get("event") if isinstance(message, dict) else None
        role = recipient.role
        self._checked[event if isinstance(event, str) and event in self.events else "", role] += 1
        astray = False
        for violation in self._checker.check_frame(frame, recipient):
            kind, its_event = violation.kind, violation.event
            astray |= kind in _ASTRAY
            self._books.count("contract.violation", kind, role)
            self._books.count(f"contract.violated.{kind}", its_event, role)
            if self._keeps("violation", kind, EVIDENCE_PER_KIND):
                data = {"kind": kind, "event": its_event, "role": role, "frame": evidence(frame)}
                self._books.note("violation", str(violation), data)
        return astray

    def unknown(self, event: str, text: bytes, role: str) -> None:
        """Count an event that the contract does not know, and keep the first frames of each name."""
        name = event[:_LONGEST_NAME]
        if name not in self._unknown:
            if len(self._unknown) >= _MOST_NAMES:
                name = _FURTHER_NAMES
            self._unknown.add(name)
        self._books.count("contract.unknown", name, role)
        sampled = len(self._unknown) <= _SAMPLED_NAMES or self._kept["unknown", name] > 0
        if sampled and self._keeps("unknown", name, EVIDENCE_PER_KIND):
            data = {"event": name, "role": role, "frame": _evidence(text)}
            self._books.note("unknown", f"{name}: an event that the contract does not know", data)

    def tolerate(self, event: str, text: bytes, role: str) -> None:
        """Count an event that only some versions send to this role, and keep the first frames."""
        self._books.count("contract.tolerated", event, role)
        if self._keeps("tolerated", f"{event} {role}", _EVIDENCE_PER_TOLERANCE):
            data = {"event": event, "role": role, "frame": _evidence(text)}
            since = self.events[event].contacts_since or ()
            self._books.note("tolerated", f"{event} on a socket of role {role}: sent since {written(since)} only", data)

    def _keeps(self, what: str, name: str, most: int) -> bool:
        """Whether this one is among the first."""
        self._kept[what, name] += 1
        return self._kept[what, name] <= most

    def drain(self) -> Mapping[tuple[str, str], int]:
        """How many frames were checked since the last call, by event and role."""
        checked, self._checked = self._checked, Counter()
        return checked


def _sought(ids: tuple[int, ...]) -> Container[int]:
    """Ids to look for some in; few are found as fast in a tuple, which is there already."""
    return ids if len(ids) <= _FEW else frozenset(ids)


def _evidence(text: bytes) -> Mapping[str, Any]:
    try:
        return evidence(_decode(text))
    except (msgspec.MsgspecError, RecursionError):
        return {"frame": f"{len(text)} bytes that are no JSON"}
