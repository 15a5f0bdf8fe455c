"""What REST says of presence: the second observer beside the cable.

Source: ``app/views/api/v1/accounts/{agents,contacts}`` of upstream: agents with ``availability_status``, and the
contacts that are online, fifteen a page.
"""

from __future__ import annotations

import msgspec


class _Agent(msgspec.Struct):
    id: int
    availability_status: str = "offline"


class _Contact(msgspec.Struct):
    id: int


class _Meta(msgspec.Struct):
    count: int = 0


class _Active(msgspec.Struct):
    payload: list[_Contact]
    meta: _Meta = msgspec.field(default_factory=_Meta)


_decode_agents = msgspec.json.Decoder(list[_Agent]).decode
_decode_active = msgspec.json.Decoder(_Active).decode


def parse_statuses(body: bytes) -> dict[int, str]:
    """How each of an account's agents is shown, by user id.

    Raises:
        ValueError: it is no list of agents.
    """
    return {agent.id: agent.availability_status for agent in _decode_agents(body)}


def parse_active(body: bytes) -> tuple[list[int], int]:
    """The contacts of one page of those online, and how many there are on all pages.

    Raises:
        ValueError: it is no page of contacts.
    """
    page = _decode_active(body)
    return [contact.id for contact in page.payload], page.meta.count
