"""What differs between the versions of OneChat that the reference server speaks: one table, no code.

Events and their audiences are the contract's (:func:`loadtest.contract.events_of`); the rest is how a server of that
version behaves. Sources: ``seed`` is the document the toolkit tests, of upstream's 1.18 (July 2021); ``current`` is
Chatwoot 4.12 (``lib/online_status_tracker.rb``, ``app/channels/room_channel.rb``, ``app/models/message.rb``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtest.contract import EventSpec, events_of

DialectName = Literal["seed", "current"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One version's rules.

    Attributes:
        name: as given to ``--dialect``.
        agent_expiry_s: seconds after an agent's last beat at which it is no longer told as online.
        contact_expiry_s: the same for contacts.
        events: every event by name, with its audience; what is not in here is never sent.
        outgoing_content_type: ``content_type`` of an agent's message that named none.
        later_fields: whether payloads hold what upstream has added since the document.
        account_stream: whether account events go to a stream of the account, which an agent's socket hears that
            subscribed with this account, or token by token to every agent of the account.
        answer_key: where the answer to an ``input_email`` message is kept: as the widget's API does it, which the
            document shows, or as the public API does it.
        opener_is_assigned: whether an agent (no administrator) who opens a conversation is assigned to it.
        contact_activity_is_told: whether each message of a contact causes contact.updated, for the time it was active.
    """

    name: DialectName
    agent_expiry_s: float
    contact_expiry_s: float
    events: Mapping[str, EventSpec]
    outgoing_content_type: str | None
    later_fields: bool
    account_stream: bool
    answer_key: Literal["submitted_email", "submitted_values"]
    opener_is_assigned: bool
    contact_activity_is_told: bool


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "seed",
            agent_expiry_s=60,
            contact_expiry_s=60,
            events=events_of("seed"),
            outgoing_content_type=None,
            later_fields=False,
            account_stream=False,
            answer_key="submitted_email",
            opener_is_assigned=False,
            contact_activity_is_told=False,
        ),
        Dialect(
            "current",
            agent_expiry_s=20,
            contact_expiry_s=90,
            events=events_of("current"),
            outgoing_content_type="text",
            later_fields=True,
            account_stream=True,
            answer_key="submitted_values",
            opener_is_assigned=True,
            contact_activity_is_told=True,
        ),
    )
}
