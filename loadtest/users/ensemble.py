"""A process's place in the whole fleet: which exchanges are its own, and who answers in them.

An exchange belongs to the process that holds its contact, and the contact follows from the exchange's number alone;
so the same plan is played by the same people on one process and on many. The agent who answers may be simulated
elsewhere: its answer is a REST call, for which its access token is enough, and its sockets get what follows like any
other's. Somebody of this process answers only while connected; of the others that is not known, and assumed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Sequence
from dataclasses import dataclass

from loadtest.collect.people import People
from loadtest.directory import Agent, Contact, Directory
from loadtest.plan import uniform


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The rest of the fleet, as far as a process has to know it.

    Attributes:
        share: this process's number among the workers, from 0.
        shares: how many workers there are.
        places: fleet-wide numbers of the contacts here, ascending, in the order of the process's directory.
        contacts: contacts of the whole fleet.
        colleagues: agents simulated elsewhere who see an inbox of a contact here.
        strangers: everybody simulated elsewhere: account, role as an index of the roles, and OneChat's id.
    """

    share: int
    shares: int
    places: tuple[int, ...]
    contacts: int
    colleagues: tuple[Agent, ...] = ()
    strangers: tuple[tuple[int, int, int], ...] = ()

    @staticmethod
    def alone(contacts: int) -> Ensemble:
        """That of a process that is the whole fleet."""
        return Ensemble(0, 1, tuple(range(contacts)), contacts)

    def contact_of(self, seed: int, slot: int) -> int | None:
        """Who asks in an exchange: the number of the contact among those here, or None where it is another process's.

        Without any contact in the fleet exchanges are shared out in turn, for somebody to count them as dropped.
        """
        if not self.contacts:
            return 0 if slot % self.shares == self.share else None
        place = int(uniform(seed, "conversation", slot) * self.contacts)
        found = bisect_left(self.places, place)
        return found if self.places[found : found + 1] == (place,) else None


class Answerers:
    """Who may answer a contact, the same people in the same order on however many processes.

    Args:
        people: the identities here.
        ensemble: the others.
    """

    def __init__(self, people: People, ensemble: Ensemble) -> None:
        self._people = people
        self._colleagues = ensemble.colleagues
        self._members: dict[tuple[int, int], list[tuple[Agent, int]]] = {}

    def choose(self, contact: Contact, here: Container[int], draw: float) -> Agent | None:
        """One of the agents who see the contact's inbox.

        Args:
            contact: whom to answer.
            here: numbers of the agents of this process that are connected.
            draw: in [0, 1).

        Returns:
            The agent, or None when none of them is there.
        """
        able = [agent for agent, number in self._of(contact) if number < 0 or number in here]
        return able[int(draw * len(able))] if able else None

    def _of(self, contact: Contact) -> list[tuple[Agent, int]]:
        inbox = (contact.account_id, contact.inbox_id)
        found = self._members.get(inbox)
        if found is None:
            mine = [(self._people.agents[n], n) for n in self._people.inbox_agents(*inbox).tolist()]
            found = mine + [(agent, -1) for agent in self._colleagues if sees(agent, contact)]
            found.sort(key=lambda member: member[0].user_id)
            self._members[inbox] = found
        return found


def sees(agent: Agent, contact: Contact) -> bool:
    """Whether an agent sees the inbox of a contact."""
    if contact.account_id not in agent.account_ids:
        return False
    return agent.role == "administrator" or contact.inbox_id in agent.inbox_ids


def ensemble_of(whole: Directory, hands: Sequence[Directory], share: int) -> Ensemble:
    """A worker's place in the fleet.

    Args:
        whole: all identities, in the order they were dealt in.
        hands: what each worker was dealt.
        share: the worker's number.
    """
    hand = hands[share]
    order = {(c.account_id, c.contact_id): n for n, c in enumerate(whole.contacts)}
    places = tuple(order[c.account_id, c.contact_id] for c in hand.contacts)
    inboxes = {(c.account_id, c.inbox_id): c for c in hand.contacts}
    colleagues = tuple(
        agent
        for number, other in enumerate(hands)
        if number != share
        for agent in other.agents
        if any(sees(agent, contact) for contact in inboxes.values())
    )
    others = [other for number, other in enumerate(hands) if number != share]
    strangers = (
        *((agent.account_id, 0, agent.user_id) for other in others for agent in other.agents),
        *((contact.account_id, 1, contact.contact_id) for other in others for contact in other.contacts),
    )
    return Ensemble(share, len(hands), places, sum(len(other.contacts) for other in hands), colleagues, strangers)
