"""Who is subscribed to what, and the one place where a broadcast meets the sockets.

A room is a stream's name: a pubsub token, as upstream has it (``stream_from pubsub_token``), or an account's. Every
delivery passes through one callable (:data:`Deliver`), so that faults can be laid over it without touching anything
else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from loadtest.directory import Agent, Contact, Role
from loadtest.refserver.frames import message_prefix, message_suffix, text_header


class Outlet(Protocol):
    """A connection that takes frames without ever blocking."""

    @property
    def is_open(self) -> bool:
        """Whether frames can still be handed over."""

    def write(self, frame: bytes) -> bool:
        """Hand a whole frame over; False when the connection is gone."""


def account_stream(account_id: int) -> str:
    """Name of the stream of an account's own events."""
    return f"account_{account_id}"


class Subscription:
    """A confirmed subscription.

    Attributes:
        identifier: as the client wrote it, opaque, echoed byte for byte.
        identity: who subscribed.
        role: what it is.
        account_id: the account subscribed with.
        outlet: the connection it lives on.
        prefix: what stands before the body in its messages, encoded once.
        streams: names of what it hears.
        has_left: whether it was ended.
    """

    __slots__ = ("account_id", "has_left", "identifier", "identity", "outlet", "prefix", "role", "streams")

    def __init__(
        self,
        identifier: str,
        identity: Agent | Contact,
        account_id: int,
        outlet: Outlet,
        *,
        hears_account: bool = False,
    ) -> None:
        self.identifier = identifier
        self.identity = identity
        self.role: Role = "agent" if isinstance(identity, Agent) else "contact"
        self.account_id = account_id
        self.outlet = outlet
        self.prefix = message_prefix(identifier)
        self.has_left = False
        own = identity.pubsub_token
        self.streams: tuple[str, ...] = (own, account_stream(account_id)) if hears_account else (own,)

    @property
    def identity_id(self) -> int:
        """OneChat's id of the user or contact."""
        return self.identity.user_id if isinstance(self.identity, Agent) else self.identity.contact_id

    def send(self, suffix: bytes) -> bool:
        """Send one message whose encoded rest is ``suffix``; False when the connection is gone."""
        return self.outlet.write(text_header(len(self.prefix) + len(suffix)) + self.prefix + suffix)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One event on its way to its audience.

    Attributes:
        event: name on the wire.
        suffix: the encoded body with what follows it, the same bytes for every socket.
        account_id: the account it belongs to.
        conversation_id: display id of its conversation, 0 where there is none.
        inbox_id: the conversation's inbox, 0 where there is none.
        text: the text it carries, whose start holds the emission's mark; empty where it carries none.
        contact_id: the contact that the conversation is held with, 0 where there is none.
        actor: who caused it, as ``agent:7`` or ``contact:11``; empty for the server itself.
        private: whether it is a private note, which contacts must not see.
    """

    event: str
    suffix: bytes
    account_id: int
    conversation_id: int = 0
    inbox_id: int = 0
    text: str = ""
    contact_id: int = 0
    actor: str = ""
    private: bool = False

    @classmethod
    def of(cls, event: str, data: object, account_id: int, **about: Any) -> Broadcast:
        """Encode an event's data, once for all receivers; ``about`` is what else there is to say of it."""
        return cls(event, message_suffix(event, data), account_id, **about)


Deliver: TypeAlias = Callable[[Broadcast, Sequence[Subscription]], int]
"""Takes a broadcast and the subscriptions it is for; returns how many frames it handed to connections by its return."""


def deliver_now(broadcast: Broadcast, audience: Sequence[Subscription]) -> int:
    """Hand the broadcast to every connection at once, in order.

    Nothing is awaited: what a slow reader does not take waits in its own transport's buffer, unbounded as upstream's.
    """
    suffix = broadcast.suffix
    size = len(suffix)
    headers: dict[int, bytes] = {}  # by prefix length: few differ, and most audiences know one
    handed = 0
    for subscription in audience:
        prefix = subscription.prefix
        length = len(prefix)
        header = headers.get(length)
        if header is None:
            header = headers[length] = text_header(length + size)
        handed += subscription.outlet.write(header + prefix + suffix)
    return handed


class Rooms:
    """All subscriptions by stream.

    Args:
        deliver: what every delivery passes through.
    """

    __slots__ = ("_deliver", "_rooms", "broadcasts", "deliveries", "subscriptions")

    def __init__(self, deliver: Deliver = deliver_now) -> None:
        self._deliver = deliver
        self._rooms: dict[str, list[Subscription]] = {}
        self.broadcasts = 0
        self.deliveries = 0
        self.subscriptions = 0

    def join(self, subscription: Subscription) -> None:
        """Let the subscription receive what goes to its streams."""
        for stream in subscription.streams:
            self._rooms.setdefault(stream, []).append(subscription)
        self.subscriptions += 1

    def leave(self, subscription: Subscription) -> None:
        """End what :meth:`join` began; a subscription that is not here is a programming error (ValueError)."""
        subscription.has_left = True
        for stream in subscription.streams:
            room = self._rooms.get(stream, [])
            room.remove(subscription)
            if not room:
                del self._rooms[stream]
        self.subscriptions -= 1

    def everybody(self) -> Iterator[Subscription]:
        """Every subscription, once."""
        for stream, room in self._rooms.items():
            yield from (subscription for subscription in room if subscription.streams[0] == stream)

    def audience(self, streams: Iterable[str]) -> list[Subscription]:
        """The subscriptions of these streams, in their order; each stream is to be given once."""
        found: list[Subscription] = []
        for stream in streams:
            room = self._rooms.get(stream)
            if room is not None:
                found += room
        return found

    def broadcast(self, broadcast: Broadcast, streams: Iterable[str]) -> None:
        """Send an event to every subscription of these streams."""
        self.broadcasts += 1
        handed = self._deliver(broadcast, self.audience(streams))  # which may count some itself
        self.deliveries += handed
