"""Further sockets that read slowly, or not at all: what they do not take, the server has to keep or to give up.

Each is a tab of somebody who has a good one as well. Once it is confirmed it is taken out of the accounts (nothing is
expected of it, nothing is lost on it) and its bytes are thrown away as slowly as was asked for.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent

from loadtest.plan.storm import SlowReaders
from loadtest.transport.interface import Socket

_PERIOD_S = 0.25


def read_slowly(socket: Socket, plan: SlowReaders, is_over: Callable[[], bool]) -> None:
    """Read a paused socket as slowly as planned, until it is over.

    Args:
        socket: it is paused.
        plan: how much a second.
        is_over: whether the socket is gone.
    """
    allowed = 0.0
    while not is_over():
        gevent.sleep(_PERIOD_S)
        allowed += plan.bytes_per_s * _PERIOD_S
        if allowed >= 1:
            allowed -= socket.discard(int(allowed))
            allowed = min(allowed, float(plan.bytes_per_s))  # what the server had not sent is not made up for
