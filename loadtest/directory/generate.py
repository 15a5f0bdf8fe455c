"""A made-up installation, sized to fit a run: a pure function of a population and a seed.

The embedded reference server and the run that loads it compute the same directory from the same arguments, so that no
token has to travel between them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from loadtest.directory.model import Agent, Contact, Directory
from loadtest.errors import UsageError
from loadtest.nouns import many

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Population:
    """How many there are, and how wide an inbox fans out.

    Attributes:
        agents: agents in all accounts together.
        contacts: contacts in all accounts together.
        members: agents that see a conversation of an inbox, its administrator included; capped at the account's agents.
        accounts: accounts the agents and contacts are dealt to, as evenly as it goes.
    """

    agents: int
    contacts: int
    members: int
    accounts: int = 1

    def __post_init__(self) -> None:
        for name in ("agents", "contacts"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}", where=f"--{name}", remedy="Give 0 or more")
        for name in ("members", "accounts"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", where=f"--{name}", remedy="Give 1 or more")
        if self.agents and self.accounts > self.agents:
            raise UsageError(
                f"{many(self.accounts, 'account')} for {many(self.agents, 'agent')}",
                where="--accounts",
                remedy="Each account needs an agent, its administrator: give fewer accounts or more agents",
            )


def _secret(seed: int, kind: str, number: int) -> str:
    digest = hashlib.sha256(f"onechat-loadtest:{seed}:{kind}:{number}".encode()).hexdigest()
    return digest[:24]


def _share(total: int, parts: int, part: int) -> range:
    """The ``part``-th of ``parts`` consecutive, nearly equal slices of ``range(total)``."""
    return range(total * part // parts, total * (part + 1) // parts)


def generate(population: Population, seed: int = 0) -> Directory:
    """Make the identities of an installation.

    The first agent of each account is its administrator and counts as one of the ``members`` of every inbox; the other
    agents are dealt to inboxes so that each is a member of at least one and each inbox is ``members`` wide.
    Contacts are dealt to the inboxes in turn. Ids are unique in the installation and start at 1.

    Args:
        population: how many of each.
        seed: makes the tokens; the same seed gives the same tokens.

    Returns:
        The directory, agents and contacts of all accounts interleaved so that a prefix is spread over the accounts.
    """
    agents: list[list[Agent]] = []
    contacts: list[list[Contact]] = []
    next_inbox = 1
    for part in range(population.accounts):
        account_id = part + 1
        numbers = _share(population.agents, population.accounts, part)
        width = max(1, min(population.members, len(numbers)))
        staff = list(numbers)[1:]  # all but the administrator
        others = width - 1
        inbox_count = max(1, -(-len(staff) // others)) if others else max(1, len(staff))
        inboxes = list(range(next_inbox, next_inbox + inbox_count))
        next_inbox += inbox_count
        member_of: dict[int, list[int]] = {n: [] for n in numbers}
        if others == 0:
            for n, inbox in zip(staff, inboxes, strict=False):
                member_of[n].append(inbox)
        else:
            for index, inbox in enumerate(inboxes):
                first = min(index * others, len(staff) - others)
                for n in staff[first : first + others]:
                    member_of[n].append(inbox)
        if numbers:
            member_of[numbers[0]] = list(inboxes)
        agents.append(
            [
                Agent(
                    account_ids=(account_id,),
                    user_id=n + 1,
                    role="administrator" if n == numbers[0] else "agent",
                    inbox_ids=tuple(member_of[n]),
                    pubsub_token=_secret(seed, "agent-pubsub", n),
                    access_token=_secret(seed, "agent-access", n),
                    name=f"Agent {n + 1}",
                )
                for n in numbers
            ]
        )
        contacts.append(
            [
                Contact(
                    account_id=account_id,
                    contact_id=n + 1,
                    inbox_id=inboxes[index % inbox_count],
                    source_id=_secret(seed, "contact-source", n),
                    pubsub_token=_secret(seed, "contact-pubsub", n),
                    inbox_identifier=_secret(seed, "inbox", inboxes[index % inbox_count]),
                    name=f"Contact {n + 1}",
                )
                for index, n in enumerate(_share(population.contacts, population.accounts, part))
            ]
        )
    return Directory(
        agents=tuple(_interleave(agents)),
        contacts=tuple(_interleave(contacts)),
        source=f"embedded directory, seed {seed}",
    )


def _interleave(columns: list[list[_T]]) -> list[_T]:
    longest = max((len(column) for column in columns), default=0)
    return [column[row] for row in range(longest) for column in columns if row < len(column)]
