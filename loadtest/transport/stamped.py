"""Reads that come with the kernel's receive time, so that the generator's own lag can be told.

``SO_TIMESTAMPNS`` (Linux ``socket(7)``) gives each read the wall-clock time at which its newest segment arrived. The
time from then to the read is this process's lag: whatever it is, no server caused it. Both ends of the lag are read
from the kernel's clock; the arrival in ours is the read less the lag, so that a wall clock that is off bends nothing.

The stamp is exact only where a read held one message: queued segments are joined and carry the newest one's stamp. Of
a read of several messages it is told how long the newest had waited, which is less than the others had, and what bounds
it from above: a read that gave less than was asked for has emptied the socket, so whatever the next one gives came
after it. A socket whose reads all come back full is never emptied: there the stamp says less and less, since a full
receive buffer stops the sender, and what waits at the sender has no stamp yet. How long that has gone on is told too.
One full read is none yet: a long message fills them as well, and so may chance.
Under TLS the stamp is that of the record, by the same rule.

Where the kernel gives no stamp a connection reads as any other does.
"""

from __future__ import annotations

import math
import socket
import struct
import sys
import time

from loadtest.clock import NS_PER_S
from loadtest.transport.interface import ReadLags
from loadtest.transport.scanner import FrameScanner

SO_TIMESTAMPNS = 35
"""``asm-generic/socket.h``; also the type of the control message. The standard library does not name it."""

_TIMESPEC = struct.Struct("@ll")
_UNPACK = _TIMESPEC.unpack
_CONTROL_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)


def ask_for_stamps(sock: socket.socket) -> bool:
    """Ask the kernel to stamp what a socket receives; before it connects, so that no read goes without.

    Returns:
        Whether it will.
    """
    if sys.platform != "linux":
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


class Share:
    """Chooses a share of things, evenly: with 0.1 the first of every ten.

    Args:
        share: from 0 (none) to 1 (all).
    """

    __slots__ = ("_seen", "_share")

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen = 0

    def take(self) -> bool:
        """Whether the next thing is chosen."""
        before, self._seen = self._seen, self._seen + 1
        return self._chosen_of(self._seen) > self._chosen_of(before)

    def _chosen_of(self, things: int) -> int:
        return math.ceil(things * self._share - 1e-9)  # ten times 0.1 is to be one


class StampedReads:
    """Reads a socket that was asked for stamps, and tells of each read how late it was.

    Args:
        sock: connected, not blocking.
        lags: told of every read that held messages.
    """

    __slots__ = ("_alone", "_backlog_ns", "_full_since_ns", "_gap_ns", "_lag_ns", "_lags", "_read_at_ns", "_recvmsg")

    def __init__(self, sock: socket.socket, lags: ReadLags) -> None:
        self._recvmsg = sock.recvmsg
        self._lags = lags
        self._lag_ns = -1  # of the present read; negative: not known
        self._alone = True  # whether nothing of the present read was handed on yet
        self._read_at_ns = time.time_ns()  # of the newest read, by the stamps' clock
        self._gap_ns = 0
        self._backlog_ns = 0
        self._full_since_ns = 0  # of the first of the reads that came back full, one after the other; 0: none

    def recv(self, size: int) -> bytes:
        """As ``socket.recv``."""
        data, control, _, _ = self._recvmsg(size, _CONTROL_BYTES)
        self._lag_ns = -1
        self._alone = True
        for level, kind, value in control:
            if kind == SO_TIMESTAMPNS and level == socket.SOL_SOCKET and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _UNPACK(value)
                now_ns = time.time_ns()
                self._lag_ns = now_ns - (seconds * NS_PER_S + nanoseconds)
                self._gap_ns = now_ns - self._read_at_ns
                self._read_at_ns = now_ns
                self._backlog_ns = 0
                if len(data) < size:
                    self._full_since_ns = 0
                elif self._full_since_ns:
                    self._backlog_ns = now_ns - self._full_since_ns
                else:
                    self._full_since_ns = now_ns
        return data

    def feed(self, scanner: FrameScanner, data: bytes, arrival_ns: int, *, is_last: bool) -> int:
        """Hand on the messages of the present read, the one that came alone with its lag.

        Args:
            scanner: of the connection.
            data: as for its ``feed``.
            arrival_ns: the same.
            is_last: whether nothing more of this read will follow.

        Returns:
            The number of messages handed on.
        """
        lag_ns = self._lag_ns
        if lag_ns < 0:
            return scanner.feed(data, arrival_ns)
        alone, self._alone = self._alone and is_last, False
        if alone and scanner.feed_alone(data, arrival_ns, lag_ns):
            self._lags.exact(arrival_ns, lag_ns)
            return 1
        count = scanner.feed(data, arrival_ns)
        if count:
            self._lags.at_least(count, arrival_ns, lag_ns, self._gap_ns, self._backlog_ns)
        return count
