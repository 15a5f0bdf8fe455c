"""The life of a connection as a table.

Source: rails/actioncable 6.1 to 8.1 (``lib/action_cable/connection/base.rb``, the official client's ``connection.js``)
and what 6.1 and 7.2 servers were measured to do.
:data:`TRANSITIONS` follows from these rules:

1.  Any text proves that the socket is open, so one that comes before its opening was told opens the connection and is
    then judged as usual (a server's first frame may share a segment with the handshake's answer).
2.  The welcome comes first, and once. What comes before it is a fault, reported once a connection, and taken all the
    same; a welcome too many is a fault.
3.  Commands are legal as soon as the socket is open, for a server keeps those that precede its welcome, until a
    disconnect frame or the end.
4.  A disconnect frame announces the end. What was in flight may follow it and is taken; a welcome or a second
    disconnect frame is a fault.
5.  After the end nothing is taken.
6.  A text that is no frame is a fault in any state, changes nothing, and is no sign of life.
    Every frame is one, as in today's official client; older ones count pings only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a connection stands."""

    __hash__ = object.__hash__  # members are their own only equals; Enum hashes in Python, twice a frame

    CONNECTING = "connecting"
    OPEN = "open"
    WELCOMED = "welcomed"
    DISCONNECTING = "disconnecting"
    CLOSED = "closed"


class Input(Enum):
    """What happens to a connection."""

    __hash__ = object.__hash__  # members are their own only equals; Enum hashes in Python, twice a frame

    OPENED = "opened"
    WELCOME = "welcome"
    PING = "ping"
    CONFIRM = "confirm"
    REJECT = "reject"
    MESSAGE = "message"
    DISCONNECT = "disconnect"
    NO_FRAME = "no_frame"
    COMMAND = "command"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Step:
    """What an input does in a state.

    Attributes:
        to: the next state.
        fault: kind of protocol fault that the input is; empty for none.
        taken: whether the input has its effect; a command that is not taken raises.
        again: whether the input is judged once more, in the next state.
    """

    to: State
    fault: str = ""
    taken: bool = True
    again: bool = False


_OPENS = Step(State.OPEN, again=True)
_EARLY = Step(State.OPEN, "before_welcome")
_WELCOMED = Step(State.WELCOMED)
_DISCONNECTING = Step(State.DISCONNECTING)
_CLOSED = Step(State.CLOSED)
_TOO_LATE = Step(State.CLOSED, "after_close", taken=False)

TRANSITIONS: dict[tuple[State, Input], Step] = {
    (State.CONNECTING, Input.OPENED): Step(State.OPEN),
    (State.CONNECTING, Input.WELCOME): _OPENS,
    (State.CONNECTING, Input.PING): _OPENS,
    (State.CONNECTING, Input.CONFIRM): _OPENS,
    (State.CONNECTING, Input.REJECT): _OPENS,
    (State.CONNECTING, Input.MESSAGE): _OPENS,
    (State.CONNECTING, Input.DISCONNECT): _OPENS,
    (State.CONNECTING, Input.NO_FRAME): _OPENS,
    (State.CONNECTING, Input.COMMAND): Step(State.CONNECTING, taken=False),
    (State.CONNECTING, Input.CLOSED): _CLOSED,
    (State.OPEN, Input.OPENED): Step(State.OPEN, taken=False),
    (State.OPEN, Input.WELCOME): _WELCOMED,
    (State.OPEN, Input.PING): _EARLY,
    (State.OPEN, Input.CONFIRM): _EARLY,
    (State.OPEN, Input.REJECT): _EARLY,
    (State.OPEN, Input.MESSAGE): _EARLY,
    (State.OPEN, Input.DISCONNECT): _DISCONNECTING,
    (State.OPEN, Input.NO_FRAME): Step(State.OPEN),
    (State.OPEN, Input.COMMAND): Step(State.OPEN),
    (State.OPEN, Input.CLOSED): _CLOSED,
    (State.WELCOMED, Input.OPENED): Step(State.WELCOMED, taken=False),
    (State.WELCOMED, Input.WELCOME): Step(State.WELCOMED, "duplicate_welcome", taken=False),
    (State.WELCOMED, Input.PING): _WELCOMED,
    (State.WELCOMED, Input.CONFIRM): _WELCOMED,
    (State.WELCOMED, Input.REJECT): _WELCOMED,
    (State.WELCOMED, Input.MESSAGE): _WELCOMED,
    (State.WELCOMED, Input.DISCONNECT): _DISCONNECTING,
    (State.WELCOMED, Input.NO_FRAME): _WELCOMED,
    (State.WELCOMED, Input.COMMAND): _WELCOMED,
    (State.WELCOMED, Input.CLOSED): _CLOSED,
    (State.DISCONNECTING, Input.OPENED): Step(State.DISCONNECTING, taken=False),
    (State.DISCONNECTING, Input.WELCOME): Step(State.DISCONNECTING, "welcome_after_disconnect", taken=False),
    (State.DISCONNECTING, Input.PING): _DISCONNECTING,
    (State.DISCONNECTING, Input.CONFIRM): _DISCONNECTING,
    (State.DISCONNECTING, Input.REJECT): _DISCONNECTING,
    (State.DISCONNECTING, Input.MESSAGE): _DISCONNECTING,
    (State.DISCONNECTING, Input.DISCONNECT): Step(State.DISCONNECTING, "duplicate_disconnect", taken=False),
    (State.DISCONNECTING, Input.NO_FRAME): _DISCONNECTING,
    (State.DISCONNECTING, Input.COMMAND): Step(State.DISCONNECTING, taken=False),
    (State.DISCONNECTING, Input.CLOSED): _CLOSED,
    (State.CLOSED, Input.OPENED): Step(State.CLOSED, taken=False),
    (State.CLOSED, Input.WELCOME): _TOO_LATE,
    (State.CLOSED, Input.PING): _TOO_LATE,
    (State.CLOSED, Input.CONFIRM): _TOO_LATE,
    (State.CLOSED, Input.REJECT): _TOO_LATE,
    (State.CLOSED, Input.MESSAGE): _TOO_LATE,
    (State.CLOSED, Input.DISCONNECT): _TOO_LATE,
    (State.CLOSED, Input.NO_FRAME): _TOO_LATE,
    (State.CLOSED, Input.COMMAND): Step(State.CLOSED, taken=False),
    (State.CLOSED, Input.CLOSED): Step(State.CLOSED, taken=False),
}
