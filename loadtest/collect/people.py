"""The identities a process simulates, numbered, and the audiences of emissions in those numbers.

Agents come first, contacts after them; a number is an identity's name inside one process only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loadtest.contract import EVENTS, EventSpec
from loadtest.directory import Agent, Contact, Directory, Role

ROLES: tuple[Role, Role] = ("agent", "contact")


class People:
    """Identities by number.

    Args:
        directory: the identities of this process.
    """

    def __init__(self, directory: Directory) -> None:
        self.agents: Sequence[Agent] = directory.agents
        self.contacts: Sequence[Contact] = directory.contacts
        self.count = len(self.agents) + len(self.contacts)
        #: 0 for agents, 1 for contacts; shape (count,)
        self.role: NDArray[np.int8] = np.zeros(self.count, dtype=np.int8)
        self.role[len(self.agents) :] = 1
        self._contact_number = {(c.account_id, c.contact_id): len(self.agents) + n for n, c in enumerate(self.contacts)}
        self._agent_number = {a.user_id: n for n, a in enumerate(self.agents)}
        self._inbox_agents: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._account_agents: dict[int, NDArray[np.int64]] = {}

    def agent_number(self, user_id: int) -> int | None:
        """The number of the agent with this user id, or None when it is not simulated here."""
        return self._agent_number.get(user_id)

    def contact_number(self, account_id: int, contact_id: int) -> int | None:
        """The number of the contact, or None when it is not simulated here."""
        return self._contact_number.get((account_id, contact_id))

    def inbox_agents(self, account_id: int, inbox_id: int) -> NDArray[np.int64]:
        """Numbers of the simulated agents that see the inbox: its members and the account's administrators."""
        key = (account_id, inbox_id)
        found = self._inbox_agents.get(key)
        if found is None:
            found = self._inbox_agents[key] = np.array(
                [
                    n
                    for n, a in enumerate(self.agents)
                    if account_id in a.account_ids and (a.role == "administrator" or inbox_id in a.inbox_ids)
                ],
                dtype=np.int64,
            )
        return found

    def account_agents(self, account_id: int) -> NDArray[np.int64]:
        """Numbers of the simulated agents of an account, whatever their inboxes."""
        found = self._account_agents.get(account_id)
        if found is None:
            found = self._account_agents[account_id] = np.array(
                [n for n, a in enumerate(self.agents) if account_id in a.account_ids], dtype=np.int64
            )
        return found

    def spared(self, event: str, actor_role: str, account_id: int, actor_id: int) -> int:
        """The number of the identity that an event is not sent to, or -1: who types is not told so (by token)."""
        if not EVENTS[event].spares_emitter:
            return -1
        number = self.agent_number(actor_id) if actor_role == "agent" else self.contact_number(account_id, actor_id)
        return -1 if number is None else number

    def audience(
        self, spec: EventSpec, account_id: int, inbox_id: int, contact_id: int, *, private: bool = False
    ) -> NDArray[np.int64]:
        """Numbers of those who must see an event of a conversation.

        Args:
            spec: the event's entry in the contract.
            account_id: account of the conversation.
            inbox_id: inbox of the conversation.
            contact_id: the contact it is held with.
            private: a private note, which contacts never see.
        """
        if not spec.to_agents:
            agents = np.empty(0, dtype=np.int64)
        elif spec.scope == "account":
            agents = self.account_agents(account_id)
        else:
            agents = self.inbox_agents(account_id, inbox_id)
        contact = self.contact_number(account_id, contact_id) if spec.to_contacts and not private else None
        return agents if contact is None else np.append(agents, contact)
