"""What is to be made on an installation, as a plan: pure, with the numbers that a journal keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from loadtest.directory import Population, generate
from loadtest.errors import UsageError


@dataclass(frozen=True)
class Wanted:
    """Who and what there is to be.

    Attributes:
        agents: users to make.
        contacts: contacts to make, dealt to the inboxes in turn.
        members: agents that see an inbox; capped at the agents. It decides how many inboxes there are.
        teams: teams to make.
        conversations: whether each contact gets a conversation.
        account_id: an account that is there, or 0 for one of its own.
        given: user ids of agents that are there already and used in place of new ones; then ``agents`` is their number.
    """

    agents: int
    contacts: int
    members: int
    teams: int = 2
    conversations: bool = True
    account_id: int = 0
    given: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.teams < 0:
            raise UsageError(f"{self.teams} teams", where="--teams", remedy="Give 0 or more")
        if self.agents < 1:
            raise UsageError(f"{self.agents} agents", where="--agents", remedy="Give 1 or more: an inbox needs members")
        Population(agents=self.agents, contacts=self.contacts, members=self.members)  # judges the rest

    @property
    def own_account(self) -> bool:
        """Whether an account is made for it."""
        return not self.account_id

    @cached_property
    def inbox_count(self) -> int:
        """How many inboxes there are."""
        return len(self.members_of)

    @cached_property
    def members_of(self) -> dict[int, list[int]]:
        """Of each inbox, counted from 1, the numbers of its members, counted from 1."""
        made_up = generate(Population(agents=self.agents, contacts=self.contacts, members=self.members))
        inboxes: dict[int, list[int]] = {}
        for agent in sorted(made_up.agents, key=lambda one: one.user_id):
            for inbox_id in agent.inbox_ids:
                inboxes.setdefault(inbox_id, []).append(agent.user_id)
        return dict(sorted(inboxes.items()))

    @cached_property
    def inbox_of(self) -> dict[int, int]:
        """Of each contact, counted from 1, its inbox."""
        made_up = generate(Population(agents=self.agents, contacts=self.contacts, members=self.members))
        return {contact.contact_id: contact.inbox_id for contact in made_up.contacts}

    def role_of(self, number: int) -> Literal["agent", "administrator"]:
        """The role of an agent: the first is the administrator of an account of its own; elsewhere nobody is."""
        return "administrator" if number == 1 and self.own_account else "agent"

    def calls(self) -> int:
        """About how many calls it takes to make all of it."""
        staff = 0 if self.given else 3 * self.agents  # user, seat, notifications
        return (
            int(self.own_account)
            + staff
            + 2 * self.inbox_count
            + 2 * self.teams
            + (2 if self.conversations else 1) * self.contacts
        )

    def to_plain(self) -> dict[str, Any]:
        """Plain types, for a journal."""
        return asdict(self) | {"given": list(self.given)}
