"""What a cable connection tells its owner: frozen values, compared by content.

Identifiers hold a secret and messages hold customers' words, so neither shows in a ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtest.errors import CableProtocolError


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The server's welcome came.

    Attributes:
        elapsed_ns: since the socket was open.
    """

    elapsed_ns: int


@dataclass(frozen=True, slots=True)
class NoWelcome:
    """The welcome's deadline is over; once a connection."""


@dataclass(frozen=True, slots=True)
class Pinged:
    """The server's beat came.

    Attributes:
        gap_ns: since the beat before it; None for the first.
    """

    gap_ns: int | None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The server accepted a subscription.

    Attributes:
        identifier: as subscribed.
        elapsed_ns: since the subscribe command.
        late: whether it was reported as unconfirmed before.
    """

    identifier: str = field(repr=False)
    elapsed_ns: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refused a subscription, in so many words."""

    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """The server answered a subscribe neither way in time; how upstream treats a bad token."""

    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A broadcast reached a subscription.

    Attributes:
        identifier: as subscribed, however the server wrote it.
        message: JSON text of the value, not decoded.
        confirmed: whether the subscription was confirmed at that moment.
    """

    identifier: str = field(repr=False)
    message: bytes = field(repr=False)
    confirmed: bool


@dataclass(frozen=True, slots=True)
class ProtocolFault:
    """The peer sent what the protocol does not allow; to be counted by ``error.kind``, the connection goes on.

    Two faults are equal when their kinds and details are.
    """

    error: CableProtocolError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProtocolFault):
            return NotImplemented
        return self.error.args == other.error.args

    def __hash__(self) -> int:
        return hash(self.error.args)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The server announced that it will close the connection; the owner closes its side.

    Attributes:
        reason: the server's word for it.
        reconnect: False where the client must not come back.
    """

    reason: str
    reconnect: bool


@dataclass(frozen=True, slots=True)
class Stale:
    """The server has been silent for longer than a client waits; once a silence.

    Attributes:
        silent_ns: since the last frame, at the moment of the check.
    """

    silent_ns: int


Event = (
    Welcomed | NoWelcome | Pinged | Confirmed | Rejected | Unconfirmed | Received | ProtocolFault | Disconnected | Stale
)
