"""The life of one subscription on one connection.

Source: rails/actioncable's ``lib/action_cable/connection/subscriptions.rb`` and the races measured on Action Cable 6.1
and 7.2. Knows no connection and no JSON: inputs in, events out. :data:`TRANSITIONS` follows from these rules:

1.  A subscribe command waits for an answer until its deadline; repeating it meanwhile moves no deadline.
2.  Silence until the deadline is *unconfirmed*: how upstream treats a bad token. It is not a rejection, and a confirm
    that still comes is taken, as late. Subscribing again begins a new wait.
3.  A reject ends the subscription, also after a confirm, and that is a fault. It is the server's last word: published
    clients forget what was rejected (``reject`` in their ``subscriptions.js``), so a confirm that still comes finds
    nobody, and is a fault. Only subscribing again begins a new wait.
4.  One answer is owed for each subscribe command. An owed answer is never a fault, one beyond that is.
    (Rails ignores a repeated subscribe, other servers confirm it again.)
5.  Unsubscribing ends it at once; the server answers nothing. Answers owed and messages in flight may still come.
6.  A message is told whatever the state, with whether the subscription was confirmed: Action Cable's broadcasts may
    overtake the confirm, and old releases of upstream stream to subscriptions that they never confirm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from loadtest.cable.events import Confirmed, Event, ProtocolFault, Received, Rejected, Unconfirmed
from loadtest.errors import CableProtocolError


class SubscriptionState(Enum):
    """Where a subscription stands."""

    PENDING = "pending"
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    ENDED = "ended"


class SubscriptionInput(Enum):
    """What happens to a subscription."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    CONFIRM = "confirm"
    REJECT = "reject"
    MESSAGE = "message"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class SubscriptionStep:
    """What an input does in a state.

    Attributes:
        to: the next state.
        fault: kind of protocol fault that the input is, unless it is an owed answer; empty for none.
        told: whether the input's own event is told, after the fault.
    """

    to: SubscriptionState
    fault: str = ""
    told: bool = True


_S = SubscriptionState
_I = SubscriptionInput
_Step = SubscriptionStep

TRANSITIONS: dict[tuple[SubscriptionState, SubscriptionInput], SubscriptionStep] = {
    (_S.PENDING, _I.SUBSCRIBE): _Step(_S.PENDING),
    (_S.PENDING, _I.UNSUBSCRIBE): _Step(_S.ENDED),
    (_S.PENDING, _I.CONFIRM): _Step(_S.CONFIRMED),
    (_S.PENDING, _I.REJECT): _Step(_S.REJECTED),
    (_S.PENDING, _I.MESSAGE): _Step(_S.PENDING),
    (_S.PENDING, _I.DEADLINE): _Step(_S.UNCONFIRMED),
    (_S.UNCONFIRMED, _I.SUBSCRIBE): _Step(_S.PENDING),
    (_S.UNCONFIRMED, _I.UNSUBSCRIBE): _Step(_S.ENDED),
    (_S.UNCONFIRMED, _I.CONFIRM): _Step(_S.CONFIRMED),
    (_S.UNCONFIRMED, _I.REJECT): _Step(_S.REJECTED),
    (_S.UNCONFIRMED, _I.MESSAGE): _Step(_S.UNCONFIRMED),
    (_S.UNCONFIRMED, _I.DEADLINE): _Step(_S.UNCONFIRMED, told=False),
    (_S.CONFIRMED, _I.SUBSCRIBE): _Step(_S.CONFIRMED),
    (_S.CONFIRMED, _I.UNSUBSCRIBE): _Step(_S.ENDED),
    (_S.CONFIRMED, _I.CONFIRM): _Step(_S.CONFIRMED, "duplicate_confirm", told=False),
    (_S.CONFIRMED, _I.REJECT): _Step(_S.REJECTED, "reject_after_confirm"),
    (_S.CONFIRMED, _I.MESSAGE): _Step(_S.CONFIRMED),
    (_S.CONFIRMED, _I.DEADLINE): _Step(_S.CONFIRMED, told=False),
    (_S.REJECTED, _I.SUBSCRIBE): _Step(_S.PENDING),
    (_S.REJECTED, _I.UNSUBSCRIBE): _Step(_S.ENDED),
    (_S.REJECTED, _I.CONFIRM): _Step(_S.REJECTED, "confirm_after_reject", told=False),
    (_S.REJECTED, _I.REJECT): _Step(_S.REJECTED, "duplicate_reject", told=False),
    (_S.REJECTED, _I.MESSAGE): _Step(_S.REJECTED),
    (_S.REJECTED, _I.DEADLINE): _Step(_S.REJECTED, told=False),
    (_S.ENDED, _I.SUBSCRIBE): _Step(_S.PENDING),
    (_S.ENDED, _I.UNSUBSCRIBE): _Step(_S.ENDED),
    (_S.ENDED, _I.CONFIRM): _Step(_S.ENDED, "confirm_after_unsubscribe", told=False),
    (_S.ENDED, _I.REJECT): _Step(_S.ENDED, "reject_after_unsubscribe", told=False),
    (_S.ENDED, _I.MESSAGE): _Step(_S.ENDED),
    (_S.ENDED, _I.DEADLINE): _Step(_S.ENDED, told=False),
}


class Subscription:
    """One identifier on one connection, from its first subscribe command.

    Args:
        identifier: the string that is subscribed with.
        confirm_timeout_ns: how long the server may take to answer.
        now_ns: monotonic time of the first subscribe command.
    """

    __slots__ = ("_owed", "_sent_ns", "_timeout_ns", "alias", "identifier", "state")

    def __init__(self, identifier: str, confirm_timeout_ns: int, now_ns: int) -> None:
        self.identifier = identifier
        self.alias: str | None = None
        """The identifier as the server last wrote it, where that differs."""
        self.state = SubscriptionState.ENDED
        self._timeout_ns = confirm_timeout_ns
        self._sent_ns = now_ns
        self._owed = 0
        self.subscribe(now_ns)

    @property
    def deadline_ns(self) -> int | None:
        """When the wait for an answer is over; None while none is awaited."""
        return self._sent_ns + self._timeout_ns if self.state is SubscriptionState.PENDING else None

    def subscribe(self, now_ns: int) -> None:
        """A subscribe command is sent."""
        waiting = self.state is SubscriptionState.PENDING
        self.state = TRANSITIONS[self.state, SubscriptionInput.SUBSCRIBE].to
        self._owed += 1
        if self.state is SubscriptionState.PENDING and not waiting:
            self._sent_ns = now_ns

    def unsubscribe(self) -> None:
        """An unsubscribe command is sent."""
        self.state = TRANSITIONS[self.state, SubscriptionInput.UNSUBSCRIBE].to

    def confirm(self, now_ns: int) -> list[Event]:
        """A ``confirm_subscription`` came."""
        late = self.state is SubscriptionState.UNCONFIRMED
        return self._answer(SubscriptionInput.CONFIRM, Confirmed(self.identifier, now_ns - self._sent_ns, late))

    def reject(self) -> list[Event]:
        """A ``reject_subscription`` came."""
        return self._answer(SubscriptionInput.REJECT, Rejected(self.identifier))

    def message(self, message: bytes) -> Event:
        """A broadcast came."""
        confirmed = self.state is SubscriptionState.CONFIRMED
        self.state = TRANSITIONS[self.state, SubscriptionInput.MESSAGE].to
        return Received(self.identifier, message, confirmed)

    def check(self, now_ns: int) -> list[Event]:
        """Tell, once, that the wait for an answer is over."""
        deadline_ns = self.deadline_ns
        if deadline_ns is None or now_ns < deadline_ns:
            return []
        step = TRANSITIONS[self.state, SubscriptionInput.DEADLINE]
        self.state = step.to
        return [Unconfirmed(self.identifier)] if step.told else []

    def _answer(self, given: SubscriptionInput, event: Event) -> list[Event]:
        step = TRANSITIONS[self.state, given]
        owed = self._owed > 0
        self._owed -= owed
        self.state = step.to
        events: list[Event] = []
        if step.fault and not owed:
            events.append(ProtocolFault(CableProtocolError(step.fault)))
        if step.told:
            events.append(event)
        return events
