"""The identities a process simulates, numbered, and the audiences of emissions in those numbers.

Agents come first, contacts after them; a number is an identity's name inside one process only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from loadtest.contract import EVENTS, EventSpec
from loadtest.directory import Agent, Contact, Directory, Role

ROLES: tuple[Role, Role] = ("agent", "contact")

_DISPUTED = 0
#: conversations whose contact is known, at least: those that people open are forgotten, oldest first
_HELD_AT_LEAST = 20_000


class OwnConversations:
    """What may be a contact's conversations: all but those that are known to be held with another contact.

    An identities file may tell of some of a contact's conversations only, and other people open more; a conversation
    that nothing is known of is therefore claimed to be nobody else's.

    Args:
        held: by (account id, display id) the contact a conversation is held with; may grow.
        account_id: the contact's account.
        contact_id: the contact.
    """

    __slots__ = ("_account_id", "_contact_id", "_held")

    def __init__(self, held: Mapping[tuple[int, object], int], account_id: int, contact_id: int) -> None:
        self._held = held
        self._account_id = account_id
        self._contact_id = contact_id

    def __contains__(self, conversation_id: object) -> bool:
        return self._held.get((self._account_id, conversation_id), _DISPUTED) in (_DISPUTED, self._contact_id)


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
        self._held: dict[tuple[int, object], int] = {}
        self._held_at_most = _HELD_AT_LEAST + 2 * sum(len(contact.conversation_ids) for contact in self.contacts)
        for contact in self.contacts:
            for conversation_id in contact.conversation_ids:
                self.converses(contact.account_id, conversation_id, contact.contact_id)

    def converses(self, account_id: int, conversation_id: int, contact_id: int) -> None:
        """Remember which contact a conversation (by its display id) is held with; 0 for none is passed over.

        One that is said of two contacts is from then on nobody's: the identities are wrong, or somebody merged them.
        """
        if conversation_id and self._held.setdefault((account_id, conversation_id), contact_id) != contact_id:
            self._held[account_id, conversation_id] = _DISPUTED
        if len(self._held) > self._held_at_most:  # the oldest; of what is not known nothing is claimed
            del self._held[next(iter(self._held))]

    def conversations_of(self, contact: Contact) -> OwnConversations:
        """What may be a contact's conversations; grows with what becomes known."""
        return OwnConversations(self._held, contact.account_id, contact.contact_id)

    def name(self, number: int) -> str:
        """What an identity is called in logs: ``agent:7`` or ``contact:11``."""
        place = number - len(self.agents)
        return f"agent:{self.agents[number].user_id}" if place < 0 else f"contact:{self.contacts[place].contact_id}"

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
        spec = EVENTS.get(event)
        if spec is None or not spec.spares_emitter:
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
