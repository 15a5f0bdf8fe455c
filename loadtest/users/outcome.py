"""How a visit ended, and by what name the end of its socket is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ending = Literal["left", "refused", "no_welcome", "unconfirmed", "stale", "disconnected", "dropped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a visit ended.

    Attributes:
        ending: ``left`` by plan; ``refused`` before the socket was open; the rest as the protocol names them.
        confirmed: whether the subscription had been confirmed.
        rejected: whether the server had rejected it: the client asks for it no more, on no later socket either.
        reconnect: False when the server asked not to come back.
        closed: whether the socket was closed by the peer (a back-off counts from that).
        detail: what the network or the server said.
    """

    ending: Ending
    confirmed: bool = False
    rejected: bool = False
    reconnect: bool = True
    closed: bool = False
    detail: str = ""


def disconnect_name(ended: Outcome | None, code: int, *, by_us: bool) -> str:
    """What the end of a socket is counted as.

    Args:
        ended: how its visit had ended by then; None when it had not.
        code: of the WebSocket's close.
        by_us: whether this side closed first.

    Returns:
        The server's reason or ``stale``, where the peer gave cause, whoever closed first; else ``by_us`` or the code.
    """
    if ended is not None and ended.ending in ("disconnected", "stale"):
        return ended.detail or ended.ending
    return "by_us" if by_us else str(code)
