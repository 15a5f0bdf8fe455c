"""OneChat's events: names and audiences, as the document gives them.

Source: the seed document ("Websocket Event payload samples"), where each event says for whom it is available.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event of the contract.

    Attributes:
        name: on the wire, in ``message.event``.
        to_agents: agents that see the conversation (or the account's agents) receive it.
        to_contacts: the contact concerned receives it.
        own_only: it goes only to sockets of the identity that caused it (presence).
    """

    name: str
    to_agents: bool = True
    to_contacts: bool = False
    own_only: bool = False


EVENTS: dict[str, EventSpec] = {
    spec.name: spec
    for spec in (
        EventSpec("conversation.created"),
        EventSpec("conversation.read"),
        EventSpec("message.created", to_contacts=True),
        EventSpec("message.updated", to_contacts=True),
        EventSpec("conversation.status_changed", to_contacts=True),
        EventSpec("conversation.typing_on", to_contacts=True),
        EventSpec("conversation.typing_off", to_contacts=True),
        EventSpec("assignee.changed"),
        EventSpec("team.changed"),
        EventSpec("conversation.contact_changed"),
        EventSpec("contact.created"),
        EventSpec("contact.updated"),
        EventSpec("presence.update", to_contacts=True, own_only=True),
    )
}
