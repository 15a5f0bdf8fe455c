"""The contract under load: every frame's audience, and a sample of frames held against the contract in full.

A violation is counted; of each kind the first few keep evidence, which holds keys, types, ids and lengths only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from loadtest.collect.people import ROLES, People
from loadtest.contract import Checker, DialectName, Recipient, Sampler, evidence
from loadtest.errors import ContractViolation

EVIDENCE_PER_KIND = 20

_decode = msgspec.json.Decoder().decode

Report = Callable[[str, ContractViolation, Mapping[str, Any] | None], None]


class Checks:
    """Checks frames of all sockets of a process.

    Args:
        people: the identities simulated here.
        dialect: whose rules hold.
        report: told each violation's role, what it is, and evidence for the first ones of a kind.
        sampler: chooses the frames that are checked in full.
    """

    def __init__(self, people: People, dialect: DialectName, report: Report, sampler: Sampler | None = None) -> None:
        self._people = people
        self._checker = Checker(dialect)
        self._report = report
        self._sampler = Sampler() if sampler is None else sampler
        self._checked: Counter[tuple[str, str]] = Counter()
        self._kept: Counter[str] = Counter()
        #: whether to check a frame of this event and role in full; to be asked once a frame
        self.wants = self._sampler.wants
        self.cell = self._sampler.cell
        self.may_receive = self._checker.may_receive
        self.events = self._checker.events

    def recipient(self, identity: int, identifier: str) -> Recipient:
        """On whose socket frames arrive: made once a socket."""
        people = self._people
        if ROLES[int(people.role[identity])] == "agent":
            agent = people.agents[identity]
            return Recipient(
                "agent",
                account_ids=agent.account_ids,
                user_id=agent.user_id,
                inbox_ids=None if agent.role == "administrator" else frozenset(agent.inbox_ids),
                identifier=identifier,
            )
        contact = people.contacts[identity - len(people.agents)]
        return Recipient(
            "contact",
            account_ids=(contact.account_id,),
            contact_ids=frozenset({contact.contact_id}),
            identifier=identifier,
        )

    def check(self, text: bytes, recipient: Recipient) -> None:
        """Hold a whole frame against the contract."""
        try:
            frame = _decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return  # not JSON: the protocol's business, and counted there
        message = frame.get("message") if isinstance(frame, dict) else None
        event = message.get("event") if isinstance(message, dict) else None
        self._checked[event if isinstance(event, str) else "", recipient.role] += 1
        for violation in self._checker.check_frame(frame, recipient):
            self._kept[violation.kind] += 1
            kept = self._kept[violation.kind] <= EVIDENCE_PER_KIND
            self._report(recipient.role, violation, evidence(frame) if kept else None)

    def drain(self) -> Mapping[tuple[str, str], int]:
        """How many frames were checked since the last call, by event and role."""
        checked, self._checked = self._checked, Counter()
        return checked
