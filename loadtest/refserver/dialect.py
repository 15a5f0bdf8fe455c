"""What differs between the versions of OneChat that the reference server speaks: one table, no code.

Sources: ``seed`` is the document the toolkit tests, of upstream's 1.18 (July 2021); ``current`` is Chatwoot 4.12
(``lib/online_status_tracker.rb``, ``app/listeners/action_cable_listener.rb``, ``app/models/message.rb``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from loadtest.contract import EVENTS, EventSpec

DialectName = Literal["seed", "current"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One version's rules.

    Attributes:
        name: as given to ``--dialect``.
        agent_expiry_s: seconds after an agent's last beat at which it is no longer told as online.
        contact_expiry_s: the same for contacts.
        events: every event by name, with its audience.
        outgoing_content_type: ``content_type`` of an agent's message that named none.
    """

    name: DialectName
    agent_expiry_s: float
    contact_expiry_s: float
    events: Mapping[str, EventSpec]
    outgoing_content_type: str | None


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("seed", agent_expiry_s=60, contact_expiry_s=60, events=EVENTS, outgoing_content_type=None),
        Dialect(
            "current",
            agent_expiry_s=20,
            contact_expiry_s=90,
            # The contact is told of its own conversation since upstream's 2.3.0.
            events={**EVENTS, "conversation.created": replace(EVENTS["conversation.created"], to_contacts=True)},
            outgoing_content_type="text",
        ),
    )
}
