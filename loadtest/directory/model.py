"""Who is who and who sees what: agents, contacts, inboxes, and the audiences that follow from them.

The rule of the audience (upstream's ``ActionCableListener#user_tokens``): a conversation is seen by the members of its
inbox and by the administrators of its account, and by the contact it is held with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Role = Literal["agent", "contact"]


@dataclass(frozen=True, slots=True)
class Agent:
    """A user of OneChat who answers customers.

    Attributes:
        account_ids: the accounts this agent belongs to; the first is the one subscribed with.
        user_id: OneChat's id of the user, unique in the installation.
        role: ``agent`` sees the inboxes it is a member of, ``administrator`` all of its accounts.
        inbox_ids: the inboxes the agent is a member of.
        pubsub_token: secret that subscribes to the agent's events.
        access_token: secret of the REST API (header ``api_access_token``).
        name: display name.
    """

    account_ids: tuple[int, ...]
    user_id: int
    role: Literal["agent", "administrator"]
    inbox_ids: tuple[int, ...]
    pubsub_token: str
    access_token: str
    name: str = ""

    @property
    def account_id(self) -> int:
        """The account that is subscribed with."""
        return self.account_ids[0]


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer, at one inbox.

    Attributes:
        account_id: the account of the inbox.
        contact_id: OneChat's id of the contact.
        inbox_id: the inbox the contact writes to.
        source_id: the contact's public name at that inbox.
        pubsub_token: secret that subscribes to the contact's events.
        inbox_identifier: public identifier of an API inbox; None where the inbox is a widget's.
        website_token: token of a widget's inbox; None where the inbox is an API inbox.
        hmac_verified: whether the contact's identity was verified (then all its verified sessions are one audience).
        conversation_ids: conversations (display ids) that exist already.
        name: display name.
    """

    account_id: int
    contact_id: int
    inbox_id: int
    source_id: str
    pubsub_token: str
    inbox_identifier: str | None = None
    website_token: str | None = None
    hmac_verified: bool = False
    conversation_ids: tuple[int, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """All identities of a run.

    Attributes:
        agents: in the order they are dealt to users.
        contacts: in the order they are dealt to users.
        source: where they come from, for messages and reports; never holds a secret.
    """

    agents: tuple[Agent, ...]
    contacts: tuple[Contact, ...]
    source: str = ""

    def account_ids(self) -> tuple[int, ...]:
        """Every account named by an identity, ascending."""
        ids = {a for agent in self.agents for a in agent.account_ids}
        ids.update(contact.account_id for contact in self.contacts)
        return tuple(sorted(ids))

    def inbox_ids(self) -> tuple[int, ...]:
        """Every inbox named by an identity, ascending."""
        ids = {i for agent in self.agents for i in agent.inbox_ids}
        ids.update(contact.inbox_id for contact in self.contacts)
        return tuple(sorted(ids))


@dataclass(frozen=True)
class Audiences:
    """Which agents see a conversation, looked up by account and inbox.

    Args:
        agents: all agents of the directory.
    """

    agents: Sequence[Agent]
    _cache: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict, repr=False)

    @cached_property
    def _by_account(self) -> dict[int, list[Agent]]:
        by_account: dict[int, list[Agent]] = {}
        for agent in self.agents:
            for account_id in agent.account_ids:
                by_account.setdefault(account_id, []).append(agent)
        return by_account

    def user_ids(self, account_id: int, inbox_id: int) -> frozenset[int]:
        """User ids of the inbox's members and the account's administrators.

        Source of the rule: members of the inbox united with administrators of the account, each once.
        """
        key = (account_id, inbox_id)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = frozenset(
                agent.user_id
                for agent in self._by_account.get(account_id, ())
                if agent.role == "administrator" or inbox_id in agent.inbox_ids
            )
        return found

    def account_user_ids(self, account_id: int) -> frozenset[int]:
        """User ids of everyone in the account."""
        return frozenset(agent.user_id for agent in self._by_account.get(account_id, ()))
