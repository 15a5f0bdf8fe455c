"""Who works here: users, the accounts and inboxes they belong to, and the streams that reach them.

A user's one :class:`Agent` is replaced whenever a membership changes; whoever asks again sees the new one, and open
subscriptions go on as they are, as upstream's do. A user has one role for all its accounts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from loadtest.directory import Agent, Audiences


@dataclass(slots=True)
class User:
    """A user.

    Attributes:
        agent: who it is to the rest of the server.
        email: its address, which no other user has.
        custom_attributes: free.
        email_flags: what it is told by mail; upstream's default is ``email_conversation_assignment``.
    """

    agent: Agent
    email: str
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    email_flags: list[str] = field(default_factory=lambda: ["email_conversation_assignment"])


class Staff:
    """All users.

    Args:
        agents: who is there from the start.
    """

    def __init__(self, agents: Iterable[Agent]) -> None:
        self._users = {agent.user_id: User(agent, f"user-{agent.user_id}@onechat.invalid") for agent in agents}
        self._last_user_id = max(self._users, default=0)
        self.by_access_token: dict[str, Agent] = {}
        self.by_pubsub_token: dict[str, Agent] = {}
        self._by_email: dict[str, User] = {}
        self._audiences = Audiences(())
        self._inbox_tokens: dict[tuple[int, int], tuple[str, ...]] = {}
        self._account_tokens: dict[int, tuple[str, ...]] = {}
        self._changed()

    def _changed(self) -> None:
        """Work out again what follows from who is there: by far more is looked up than is changed."""
        agents = tuple(user.agent for user in self._users.values())
        self.by_access_token = {agent.access_token: agent for agent in agents}
        self.by_pubsub_token = {agent.pubsub_token: agent for agent in agents}
        self._by_email = {user.email: user for user in self._users.values()}
        self._audiences = Audiences(agents)
        self._inbox_tokens = {}
        self._account_tokens = {}

    # -- who there is ------------------------------------------------------------------------------------------------

    @property
    def audiences(self) -> Audiences:
        """Which agents see what, as it is now."""
        return self._audiences

    def user(self, user_id: int) -> User | None:
        """The user of that id."""
        return self._users.get(user_id)

    def user_by_email(self, email: str) -> User | None:
        """The user of that address, in any case of letters."""
        return self._by_email.get(email.lower())

    def agent(self, account_id: int, user_id: int) -> Agent | None:
        """The user of that id, if it belongs to that account."""
        user = self._users.get(user_id)
        return user.agent if user is not None and account_id in user.agent.account_ids else None

    def of_account(self, account_id: int) -> list[User]:
        """The users of an account, by id."""
        return [user for user in self._users.values() if account_id in user.agent.account_ids]

    def members(self, inbox_id: int) -> list[User]:
        """The members of an inbox, by id; administrators that are none are not among them."""
        return [user for user in self._users.values() if inbox_id in user.agent.inbox_ids]

    def inbox_tokens(self, account_id: int, inbox_id: int) -> tuple[str, ...]:
        """The streams of all agents who see an inbox's conversations, by user id."""
        key = (account_id, inbox_id)
        tokens = self._inbox_tokens.get(key)
        if tokens is None:
            tokens = self._inbox_tokens[key] = self._tokens(self._audiences.user_ids(account_id, inbox_id))
        return tokens

    def account_tokens(self, account_id: int) -> tuple[str, ...]:
        """The streams of all agents of an account, by user id."""
        tokens = self._account_tokens.get(account_id)
        if tokens is None:
            tokens = self._account_tokens[account_id] = self._tokens(self._audiences.account_user_ids(account_id))
        return tokens

    def _tokens(self, user_ids: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._users[user_id].agent.pubsub_token for user_id in sorted(user_ids))

    # -- changes -----------------------------------------------------------------------------------------------------

    def hire(self, name: str, email: str, custom_attributes: Mapping[str, Any]) -> User:
        """Make a user without any account; the address must be nobody's."""
        self._last_user_id += 1
        agent = Agent(
            account_ids=(),
            user_id=self._last_user_id,
            role="agent",
            inbox_ids=(),
            pubsub_token=secrets.token_urlsafe(18),
            access_token=secrets.token_urlsafe(18),
            name=name,
        )
        user = self._users[agent.user_id] = User(agent, email.lower(), dict(custom_attributes))
        self._changed()
        return user

    def join(self, user: User, account_id: int, role: Literal["agent", "administrator"]) -> None:
        """Let a user belong to an account, in a role."""
        agent = user.agent
        accounts = agent.account_ids if account_id in agent.account_ids else (*agent.account_ids, account_id)
        user.agent = replace(agent, account_ids=accounts, role=role)
        self._changed()

    def leave(self, user: User, account_id: int, inbox_ids: Iterable[int]) -> None:
        """Let a user belong to an account no more, nor to these inboxes of it."""
        agent, gone = user.agent, set(inbox_ids)
        user.agent = replace(
            agent,
            account_ids=tuple(one for one in agent.account_ids if one != account_id),
            inbox_ids=tuple(one for one in agent.inbox_ids if one not in gone),
        )
        self._changed()

    def add_members(self, inbox_id: int, users: Iterable[User]) -> None:
        """Let users be members of an inbox."""
        for user in users:
            if inbox_id not in user.agent.inbox_ids:
                user.agent = replace(user.agent, inbox_ids=(*user.agent.inbox_ids, inbox_id))
        self._changed()

    def close_inbox(self, inbox_id: int) -> None:
        """Let nobody be a member of an inbox any more."""
        for user in self.members(inbox_id):
            user.agent = replace(user.agent, inbox_ids=tuple(one for one in user.agent.inbox_ids if one != inbox_id))
        self._changed()

    def dismiss(self, user: User) -> None:
        """Remove a user."""
        del self._users[user.agent.user_id]
        self._changed()
