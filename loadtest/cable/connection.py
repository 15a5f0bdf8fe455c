"""An Action Cable client connection without I/O: text and time in, events and text out.

Source: rails/actioncable 6.1 to 8.1 (``lib/action_cable/connection/base.rb``; the official client's ``connection.js``
and ``connection_monitor.js``) and what 6.1 and 7.2 servers were measured to do.
Knows no socket, clock or scheduler: whoever drives it hands over texts with their arrival times, sends what the
commands return, and calls :meth:`CableConnection.check` at or after :meth:`CableConnection.next_deadline_ns`.
What is legal when is the table of :mod:`loadtest.cable.transitions`.
"""

from __future__ import annotations

import functools
from typing import Any

from loadtest.cable import frames
from loadtest.cable.events import Disconnected, Event, NoWelcome, Pinged, ProtocolFault, Stale, Welcomed
from loadtest.cable.identifier import canonical
from loadtest.cable.subscription import Subscription, SubscriptionState
from loadtest.cable.transitions import TRANSITIONS, Input, State
from loadtest.clock import NS_PER_S
from loadtest.errors import CableProtocolError, TransportError, UsageError

_INPUT_OF: dict[type[frames.Frame], Input] = {
    frames.Welcome: Input.WELCOME,
    frames.Ping: Input.PING,
    frames.Confirm: Input.CONFIRM,
    frames.Reject: Input.REJECT,
    frames.Message: Input.MESSAGE,
    frames.Disconnect: Input.DISCONNECT,
}

ONCE = frozenset({"before_welcome", "identifier_reencoded"})
"""Faults that a server commits with every frame: reported once a connection."""


class CableConnection:
    """One client connection, from the attempt to connect to its end; a reconnect is another one.

    Args:
        confirm_timeout_s: without an answer for so long, a subscription is unconfirmed.
        welcome_timeout_s: without a welcome for so long after the socket opened, there is none.
        stale_after_s: silent for so long after the welcome, the connection is stale. Official clients wait two of
            Rails' beats, 6 s.
        only_pings_count: whether, after the welcome, only pings break the silence (the official client 6.1.3).
    """

    __slots__ = (
        "_heard_ns",
        "_no_welcome",
        "_only_pings",
        "_opened_ns",
        "_pinged_ns",
        "_reported",
        "_stale",
        "_state",
        "_subscriptions",
        "_timeout_confirm_ns",
        "_timeout_stale_ns",
        "_timeout_welcome_ns",
    )

    def __init__(
        self,
        *,
        confirm_timeout_s: float = 10.0,
        welcome_timeout_s: float = 10.0,
        stale_after_s: float = 6.0,
        only_pings_count: bool = False,
    ) -> None:
        self._timeout_confirm_ns = _in_ns(confirm_timeout_s)
        self._timeout_welcome_ns = _in_ns(welcome_timeout_s)
        self._timeout_stale_ns = _in_ns(stale_after_s)
        self._only_pings = only_pings_count
        self._state = State.CONNECTING
        self._subscriptions: dict[str, Subscription] = {}
        self._opened_ns = 0
        self._heard_ns = 0
        self._pinged_ns: int | None = None
        self._no_welcome = False
        self._stale = False
        self._reported: frozenset[str] = frozenset()  # shared while empty: a set would take 216 bytes

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    def subscription_state(self, identifier: str) -> SubscriptionState | None:
        """Where a subscription stands; None where it was never asked for. Past the end: where it stood then."""
        subscription = self._subscriptions.get(identifier)
        return None if subscription is None else subscription.state

    def opened(self, now_ns: int) -> None:
        """The WebSocket handshake is done. Without effect where a text or the end was told already."""
        step = TRANSITIONS[self._state, Input.OPENED]
        self._state = step.to
        if step.taken:
            self._opened_ns = self._heard_ns = now_ns

    def receive(self, data: bytes | bytearray | memoryview | str, now_ns: int) -> list[Event]:
        """Take one whole text message of the server.

        Args:
            data: the text; may be a slice of a receive buffer, nothing of it is kept.
            now_ns: monotonic time of its arrival.

        Returns:
            What it means, in order; faults first. Never raises, whatever the text.
        """
        frame: frames.Frame | CableProtocolError
        try:
            frame = frames.decode(data)
        except CableProtocolError as error:
            frame = error
        given = Input.NO_FRAME if isinstance(frame, CableProtocolError) else _INPUT_OF[type(frame)]
        step = TRANSITIONS[self._state, given]
        if step.again:
            self.opened(now_ns)
            step = TRANSITIONS[self._state, given]
        self._state = step.to
        events = self._fault(step.fault) if step.fault else []
        if isinstance(frame, CableProtocolError):
            if step.taken:
                events.append(ProtocolFault(frame))
            return events
        if isinstance(frame, frames.Welcome):
            self._hear(now_ns)
        elif self._state is not State.CLOSED:
            self.alive(now_ns)
        if step.taken:
            events += self._take(frame, now_ns)
        return events

    def _take(self, frame: frames.Frame, now_ns: int) -> list[Event]:
        match frame:
            case frames.Message(identifier, message):
                subscription, events = self._route(identifier, "message")
                return events if subscription is None else [*events, subscription.message(message)]
            case frames.Ping():
                return [Pinged(self.pinged(now_ns))]
            case frames.Confirm(identifier):
                subscription, events = self._route(identifier, "confirm_subscription")
                return events if subscription is None else events + subscription.confirm(now_ns)
            case frames.Reject(identifier):
                subscription, events = self._route(identifier, "reject_subscription")
                return events if subscription is None else events + subscription.reject()
            case frames.Welcome():
                return [Welcomed(now_ns - self._opened_ns)]
            case frames.Disconnect(reason, reconnect):
                return [Disconnected(reason, reconnect)]

    def _route(self, identifier: str, of: str) -> tuple[Subscription | None, list[Event]]:
        """Find a frame's subscription: by string, else by the JSON value, which some servers encode again."""
        subscription = self._subscriptions.get(identifier)
        if subscription is not None:
            return subscription, []
        for subscription in self._subscriptions.values():
            if subscription.alias == identifier:
                return subscription, []
        value = canonical(identifier)
        for subscription in self._subscriptions.values():
            if value is not None and canonical(subscription.identifier) == value:
                subscription.alias = identifier
                return subscription, self._fault("identifier_reencoded", of)
        return None, self._fault("unknown_identifier", of)

    def _fault(self, kind: str, detail: str = "") -> list[Event]:
        if kind in ONCE:
            if kind in self._reported:
                return []
            self._reported |= {kind}
        return [ProtocolFault(CableProtocolError(kind, detail))]

    def pinged(self, now_ns: int) -> int | None:
        """A ping came: the short way for a text that was recognised as one without decoding it.

        Returns:
            Nanoseconds since the ping before it; None for the first.
        """
        before_ns, self._pinged_ns = self._pinged_ns, now_ns
        self._hear(now_ns)
        return None if before_ns is None else now_ns - before_ns

    def alive(self, now_ns: int) -> None:
        """A frame other than a ping came: the short way for a text that was recognised without decoding it."""
        if now_ns >= self._heard_ns and not self._only_pings:
            self._heard_ns = now_ns
            self._stale = False

    def _hear(self, now_ns: int) -> None:
        """Take a sign of life; a frame older than the newest one, handed in again, proves nothing."""
        if now_ns >= self._heard_ns:
            self._heard_ns = now_ns
            self._stale = False

    def subscribe(self, identifier: str, now_ns: int) -> str:
        """Ask for a subscription; asking again repeats the command.

        Args:
            identifier: an opaque string, the subscription's key.
            now_ns: monotonic time at which the command is sent.

        Returns:
            The text to send.

        Raises:
            TransportError: ``closed``, when the connection takes no command.
        """
        self._command("subscribe")
        subscription = self._subscriptions.get(identifier)
        if subscription is None:
            self._subscriptions[identifier] = Subscription(identifier, self._timeout_confirm_ns, now_ns)
        else:
            subscription.subscribe(now_ns)
        return frames.encode_subscribe(identifier)

    def unsubscribe(self, identifier: str) -> str:
        """End a subscription; the server answers nothing.

        Returns:
            The text to send.

        Raises:
            TransportError: ``closed``, when the connection takes no command.
            UsageError: the identifier was never subscribed on this connection.
        """
        self._command("unsubscribe")
        self._known(identifier, "unsubscribe").unsubscribe()
        return frames.encode_unsubscribe(identifier)

    def perform(self, identifier: str, action: str, **data: Any) -> str:
        """Call an action of the channel, such as ``update_presence``.

        Wait for the confirm first: a server runs the commands of one socket side by side and drops, without a word, an
        action that overtakes its subscribe.

        Args:
            identifier: of a subscription of this connection.
            action: the action's name.
            **data: its arguments, JSON values.

        Returns:
            The text to send.

        Raises:
            TransportError: ``closed``, when the connection takes no command.
            UsageError: the identifier was never subscribed on this connection.
            TypeError: an argument is no JSON value.
        """
        self._command("perform")
        self._known(identifier, "perform")
        return frames.encode_perform(identifier, action, data)

    def _command(self, command: str) -> None:
        if not TRANSITIONS[self._state, Input.COMMAND].taken:
            raise TransportError("closed", detail=f"{command} on a connection that is {self._state.value}")

    def _known(self, identifier: str, command: str) -> Subscription:
        subscription = self._subscriptions.get(identifier)
        if subscription is None:
            raise UsageError(
                "the identifier was never subscribed on this connection", where=command, remedy="Subscribe it first"
            )
        return subscription

    def check(self, now_ns: int) -> list[Event]:
        """Tell which deadlines are over: no welcome, unconfirmed, stale; each once."""
        events: list[Event] = []
        if self._state is State.OPEN:
            if not self._no_welcome and now_ns >= self._opened_ns + self._timeout_welcome_ns:
                self._no_welcome = True
                events.append(NoWelcome())
        elif self._state is not State.WELCOMED:
            return events
        for subscription in self._subscriptions.values():
            events += subscription.check(now_ns)
        if self._state is State.WELCOMED and not self._stale and now_ns >= self._heard_ns + self._timeout_stale_ns:
            self._stale = True
            events.append(Stale(now_ns - self._heard_ns))
        return events

    def next_deadline_ns(self) -> int | None:
        """Monotonic time at which :meth:`check` may have something to tell; None where nothing is awaited.

        Frames move it, so a caller that slept until it asks again.
        """
        deadlines: list[int] = []
        if self._state is State.OPEN:
            if not self._no_welcome:
                deadlines.append(self._opened_ns + self._timeout_welcome_ns)
        elif self._state is State.WELCOMED:
            if not self._stale:
                deadlines.append(self._heard_ns + self._timeout_stale_ns)
        else:
            return None
        deadlines += [s.deadline_ns for s in self._subscriptions.values() if s.deadline_ns is not None]
        return min(deadlines, default=None)

    def closed(self, now_ns: int) -> list[Event]:
        """The socket is gone, whoever ended it; ends every subscription without an event of its own.

        Returns:
            Deadlines that were over before the end and not told yet.
        """
        step = TRANSITIONS[self._state, Input.CLOSED]
        events = self.check(now_ns) if step.taken else []
        self._state = step.to
        return events


@functools.lru_cache(maxsize=64)
def _in_ns(seconds: float) -> int:
    """Nanoseconds; the same number for all connections, which would keep three each."""
    return round(seconds * NS_PER_S)
