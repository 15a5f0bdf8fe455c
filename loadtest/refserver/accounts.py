"""The accounts of the installation, with their inboxes, their teams, and what is set up to act in them by itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.directory import Contact, Directory
from loadtest.refserver.records import Team

TEAMS_PER_ACCOUNT = 2
"""Two, so that a conversation can change from one to the other."""


@dataclass(slots=True)
class Account:
    """An account.

    Attributes:
        account_id: its id.
        name: how it is shown.
        custom_attributes: free.
        webhooks: as they are shown; none acts here.
        agent_bots: as they are shown; none acts here.
        automation_rules: as they are shown; none acts here.
        last_display_id: of its conversations.
    """

    account_id: int
    name: str
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    agent_bots: list[dict[str, Any]] = field(default_factory=list)
    automation_rules: list[dict[str, Any]] = field(default_factory=list)
    last_display_id: int = 0


@dataclass(slots=True)
class Inbox:
    """An inbox.

    Attributes:
        inbox_id: its id, unique in the installation.
        account_id: its account.
        name: how it is shown.
        identifier: public identifier of an API inbox, None for a widget's.
        website_token: token of a widget's inbox, None for an API inbox.
        settings: what else it was given, shown as it is.
    """

    inbox_id: int
    account_id: int
    name: str
    identifier: str | None
    website_token: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


class Accounts:
    """All accounts, inboxes and teams, made from a directory."""

    def __init__(self, directory: Directory) -> None:
        self._accounts = {number: Account(number, f"Account {number}") for number in directory.account_ids()}
        self._inboxes: dict[int, Inbox] = {}
        self._by_identifier: dict[str, Inbox] = {}
        for agent in directory.agents:
            if len(agent.account_ids) == 1:
                for inbox_id in agent.inbox_ids:
                    self._keep(Inbox(inbox_id, agent.account_id, f"Inbox {inbox_id}", f"inbox-{inbox_id}"))
        for contact in directory.contacts:
            self._keep(_inbox_of(contact))
        numbered = enumerate((one for one in self._accounts for _ in range(TEAMS_PER_ACCOUNT)), start=1)
        self._teams = {number: Team(number, account_id, f"Team {number}") for number, account_id in numbered}
        self._team_members: dict[int, set[int]] = {}
        self._last_account_id = max(self._accounts, default=0)
        self._last_inbox_id = max(self._inboxes, default=0)
        self._last_team_id = len(self._teams)

    def _keep(self, inbox: Inbox) -> None:
        known = self._inboxes.get(inbox.inbox_id)
        if known is not None and known.identifier is not None:
            self._by_identifier.pop(known.identifier, None)
        self._inboxes[inbox.inbox_id] = inbox
        if inbox.identifier is not None:
            self._by_identifier[inbox.identifier] = inbox

    # -- looking up --------------------------------------------------------------------------------------------------

    def account(self, account_id: int) -> Account | None:
        """The account of that id."""
        return self._accounts.get(account_id)

    def accounts(self) -> list[Account]:
        """All accounts."""
        return list(self._accounts.values())

    def inbox(self, account_id: int, inbox_id: int) -> Inbox | None:
        """The inbox of that id, if it is of that account."""
        inbox = self._inboxes.get(inbox_id)
        return inbox if inbox is not None and inbox.account_id == account_id else None

    def inbox_of_identifier(self, identifier: str) -> Inbox | None:
        """The API inbox of that public identifier."""
        return self._by_identifier.get(identifier)

    def inboxes(self, account_id: int) -> list[Inbox]:
        """The account's inboxes."""
        return [inbox for inbox in self._inboxes.values() if inbox.account_id == account_id]

    def team(self, account_id: int, team_id: int) -> Team | None:
        """The team of that id, if it is of that account."""
        team = self._teams.get(team_id)
        return team if team is not None and team.account_id == account_id else None

    def teams(self, account_id: int) -> list[Team]:
        """The account's teams."""
        return [team for team in self._teams.values() if team.account_id == account_id]

    # -- changes -----------------------------------------------------------------------------------------------------

    def create_account(self, name: str, custom_attributes: Mapping[str, Any]) -> Account:
        """Open an account; unlike one of a directory it has no teams yet."""
        self._last_account_id += 1
        account = Account(self._last_account_id, name, dict(custom_attributes))
        self._accounts[account.account_id] = account
        return account

    def create_inbox(self, account_id: int, name: str, settings: Mapping[str, Any]) -> Inbox:
        """Open an API inbox."""
        self._last_inbox_id += 1
        inbox = Inbox(self._last_inbox_id, account_id, name, secrets.token_urlsafe(18), settings=dict(settings))
        self._keep(inbox)
        return inbox

    def create_team(self, account_id: int, name: str) -> Team:
        """Form a team; its name is kept in lower case, as upstream does.

        Raises:
            ValueError: the account has a team of that name.
        """
        name = name.lower()
        if any(team.name.lower() == name for team in self.teams(account_id)):
            raise ValueError(name)
        self._last_team_id += 1
        team = self._teams[self._last_team_id] = Team(self._last_team_id, account_id, name)
        return team

    def add_team_members(self, team: Team, user_ids: Iterable[int]) -> None:
        """Let users be of a team."""
        self._team_members.setdefault(team.team_id, set()).update(user_ids)

    def team_members(self, team: Team) -> frozenset[int]:
        """Ids of the users who are of a team."""
        return frozenset(self._team_members.get(team.team_id, ()))

    def remove_team(self, team: Team) -> None:
        """Dissolve a team."""
        del self._teams[team.team_id]
        self._team_members.pop(team.team_id, None)

    def remove_inbox(self, inbox: Inbox) -> None:
        """Close an inbox; what is in it is the caller's to remove."""
        del self._inboxes[inbox.inbox_id]
        if inbox.identifier is not None:
            del self._by_identifier[inbox.identifier]

    def remove_account(self, account: Account) -> None:
        """Close an account with its inboxes and teams; contacts and users are the caller's to remove."""
        for inbox in self.inboxes(account.account_id):
            self.remove_inbox(inbox)
        for team in self.teams(account.account_id):
            self.remove_team(team)
        del self._accounts[account.account_id]


def _inbox_of(contact: Contact) -> Inbox:
    return Inbox(
        contact.inbox_id,
        contact.account_id,
        f"Inbox {contact.inbox_id}",
        contact.inbox_identifier,
        contact.website_token,
    )
