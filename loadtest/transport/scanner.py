"""Frames out of a byte stream: the one common shape in place, every other judged by ``websockets``.

Nearly all that a cable's client receives is a whole, final, unmasked text frame without reserved bits.
Such a frame is recognised in the receive buffer and handed on without a copy and without a protocol object.
Anything else (control frames, fragments, binary, masked, reserved bits, unknown opcodes, too long) goes as a *whole
frame* to a ``websockets`` ``ClientProtocol`` made when the first one comes; its replies are sent, its verdict stands.
While a fragmented message or a close handshake is open, all frames go there. The frame layout is RFC 6455, 5.2.

Knows nothing of sockets or gevent. Differentially tested against websockets' own parser.
"""

from __future__ import annotations

import functools
import logging
from typing import Protocol

from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

from loadtest.transport.interface import Handler

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""No message of a cable comes near this; a longer one is refused with 1009, so that no peer can fill the memory."""

ABNORMAL_CLOSURE = 1006

_SHORT_BYTES = 65_535  # the longest frame of the short way, which does not look at the limit
COMMON = 0x81
"""First byte of the common frame: FIN, no reserved bit, text."""

_OPCODES = frozenset(int(opcode) for opcode in Opcode)
_KIND_BY_CODE = {1002: "frame", 1007: "encoding", 1009: "too_big", 1011: "parser"}

# Its debug level would log whole messages and tokens, and cost a call a frame.
LOGGER = logging.getLogger("loadtest.transport.frames")
LOGGER.setLevel(logging.WARNING)

_ANY_URI = WebSocketURI(False, "cable", 80, "/", "")  # an open protocol never looks at it


@functools.cache
def common_header(size: int) -> bytes:
    """The first four bytes of a read of ``size`` bytes that is one common frame of a medium length.

    Nearly all events are between 126 bytes and 64 KiB long. For a read that no such frame fills this is what no read
    begins with.
    """
    length = size - 4
    if not 126 <= length <= _SHORT_BYTES:
        return b"none."  # longer than what it is compared with
    return bytes((COMMON, 126, length >> 8, length & 0xFF))


def encode_text(text: str) -> bytes:
    """One text message as a client's frame: whole, masked."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=True)


class Peer(Protocol):
    """What the scanner needs of its connection."""

    def write(self, data: bytes) -> None:
        """Send raw bytes (frames that answer control frames) without blocking."""

    def closing(self, *, by_peer: bool) -> None:
        """A close frame has been received, or sent because the peer broke the protocol: the end is near."""

    def slowed(self, slow: bool) -> None:
        """Whether every read has to come through :meth:`FrameScanner.feed` from now on."""


class FrameScanner:
    """The receiving half of one connection.

    Args:
        handler: told of text and of broken rules.
        peer: sends the replies.
        max_message_bytes: longest message taken, at least 65,535.

    Attributes:
        slow: whether something is kept or judged, so that every read has to come through :meth:`feed`. While it is
            unset, as it is at first, a reader may hand a read that is one common frame to the handler itself; the peer
            is told when that changes.
    """

    __slots__ = ("_handler", "_held", "_judge", "_need", "_peer", "_tail", "max_message_bytes", "slow")

    def __init__(self, handler: Handler, peer: Peer, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        if max_message_bytes < _SHORT_BYTES:
            raise ValueError(f"max_message_bytes must be at least {_SHORT_BYTES}, not {max_message_bytes}")
        self._handler: Handler | None = handler
        self._peer: Peer | None = peer
        self.slow = False
        self._held: tuple[bytes, int] | None = None
        self._tail: bytearray | None = None
        self._need = 0
        self._judge: _Judge | None = None
        self.max_message_bytes = max_message_bytes

    def hold(self, data: bytes, arrival_ns: int) -> None:
        """Keep bytes that came with the handshake's answer until the first :meth:`feed`."""
        self._held = (data, arrival_ns)
        self._update_slow()

    def feed(self, data: bytes, arrival_ns: int) -> int:
        """Take what was read and hand on every message it completes.

        Messages of one read arrive a nanosecond apart, so that their order is kept wherever arrivals are compared.

        Args:
            data: the bytes that were read.
            arrival_ns: monotonic time at which the read returned.

        Returns:
            The number of text messages handed on.
        """
        return 1 if self.feed_alone(data, arrival_ns) else self._scan(data, arrival_ns)

    def feed_alone(self, data: bytes, arrival_ns: int, lag_ns: int = -1) -> bool:
        """Hand on what was read if it is one common frame and nothing else.

        Args:
            data: the bytes that were read.
            arrival_ns: monotonic time at which the read returned.
            lag_ns: how long the kernel had held them by then; negative where that is not known.

        Returns:
            Whether it was; otherwise nothing was taken.
        """
        size = len(data)
        handler = self._handler
        if self.slow or handler is None or size < 4 or data[0] != COMMON:
            return False
        length = data[1]
        start = 2
        if length == 126:
            length = (data[2] << 8) | data[3]
            start = 4
        elif length > 126:
            return False
        if start + length != size:
            return False
        handler.on_text(data, start, size, arrival_ns, lag_ns)
        return True

    def _scan(self, data: bytes, arrival_ns: int) -> int:
        """The long way: whatever was kept before, several frames, a partial one at the end, frames to judge."""
        count = 0
        if self.slow:
            if self._handler is None:
                return 0
            if self._held is not None:
                held, held_ns = self._held
                self._held = None
                count += self._scan(held, held_ns)
                arrival_ns -= count  # those have stamps of their own
            if self._tail is not None:
                self._tail += data
                if len(self._tail) < self._need:
                    return count
                data = bytes(self._tail)
                self._tail = None
        self._update_slow()
        size = len(data)
        position = need = 0
        while position < size and (handler := self._handler) is not None:
            if not self.slow:
                served, position = self._common_run(handler, data, position, size, arrival_ns + count)
                count += served
                if position == size or self._handler is None:
                    break
            if self._judge is not None and self._judge.deaf:
                break
            need, header = self._extent(data, position, size)
            if header == 0:  # wrong already: the judge needs no more of it
                self._judged(data[position : position + need], arrival_ns)
                break
            if need > size - position:
                self._tail = bytearray(data[position:size])
                self._need = need
                break
            if data[position] == COMMON and not self.slow:
                handler.on_text(data, position + header, position + need, arrival_ns + count)
                count += 1
            else:
                count += self._judged(data[position : position + need], arrival_ns + count)
            position += need
        self._update_slow()
        return count

    def _common_run(self, handler: Handler, data: bytes, position: int, size: int, arrival_ns: int) -> tuple[int, int]:
        """Hand on consecutive whole common frames; ends early when the handler closes the connection.

        Returns:
            How many there were, and the position behind them.
        """
        count = 0
        while position + 4 <= size and data[position] == COMMON:
            length = data[position + 1]
            if length < 126:
                start = position + 2
                end = start + length
            elif length == 126:
                start = position + 4
                end = start + ((data[position + 2] << 8) | data[position + 3])
            else:
                break
            if end > size:
                break
            handler.on_text(data, start, end, arrival_ns + count)
            count += 1
            position = end
            if self.slow:
                break
        return count, position

    def _extent(self, data: bytes, position: int, size: int) -> tuple[int, int]:
        """What must be received of the frame at ``position`` before it can be served.

        Returns:
            Bytes of the whole frame and of its header. When the header shows that the frame may not be: how much of it
            shows that, and 0. When the header is incomplete: bytes of the header, and a number above 0.
        """
        left = size - position
        if left < 2:
            return 2, 2
        length = data[position + 1]
        if length > 127 or data[position] & 0x0F not in _OPCODES:
            return 2, 0
        if length < 126:
            return 2 + length, 2
        header = 4 if length == 126 else 10
        if left < header:
            return header, header
        length = int.from_bytes(data[position + 2 : position + header], "big")
        if length > self.max_message_bytes:
            return header, 0
        return header + length, header

    def _judged(self, frame: bytes, arrival_ns: int) -> int:
        """Let websockets judge one frame (or a header that is wrong already) and do as it says."""
        judge = self._the_judge()
        before = judge.protocol.state
        events = judge.take(frame)
        self._flush(judge)
        count = 0
        for event in events:
            message = judge.assemble(event)
            if message is not None and self._handler is not None:
                if judge.binary:
                    self._handler.on_protocol_error("binary", f"a binary message of {len(message)} bytes", arrival_ns)
                else:
                    self._handler.on_text(message, 0, len(message), arrival_ns)
                    count += 1
        error = judge.protocol.parser_exc
        if error is not None and self._handler is not None:
            sent = judge.protocol.close_sent
            kind = _KIND_BY_CODE.get(sent.code, "frame") if sent is not None else "frame"
            self._handler.on_protocol_error(kind, str(error), arrival_ns)
        if judge.deaf and self._peer is not None:
            self._peer.closing(by_peer=before is State.OPEN)
        self._update_slow()
        return count

    def start_close(self, code: int, reason: str) -> None:
        """Send our close frame; from here on every frame is judged.

        Raises:
            ValueError: the code may not stand in a close frame, or the reason is too long for one.
        """
        if len(reason.encode()) > 123:
            raise ValueError("a close frame's reason has at most 123 bytes (RFC 6455, 5.5)")
        judge = self._the_judge()
        if judge.protocol.state is State.OPEN:
            try:
                judge.protocol.send_close(code, reason)
            except ProtocolError as error:
                raise ValueError(f"{code} may not stand in a close frame (RFC 6455, 7.4)") from error
            self._flush(judge)
        self._update_slow()

    def eof(self) -> tuple[int, str]:
        """The peer has closed the stream: let the judge see what was left, and say how it ended.

        Returns:
            The close code received and its reason: 1006 when no close frame came, 1005 when it named no code.
        """
        if self._judge is None:
            return ABNORMAL_CLOSURE, ""
        return self._judge.received_close()

    def release(self) -> None:
        """Forget the connection: nothing is handed on any more."""
        self._tail = self._held = self._handler = None
        self._update_slow()
        self._peer = None

    def _the_judge(self) -> _Judge:
        if self._judge is None:
            self._judge = _Judge(self.max_message_bytes)
        return self._judge

    def _flush(self, judge: _Judge) -> None:
        for data in judge.protocol.data_to_send():
            if data and self._peer is not None:
                self._peer.write(data)

    def _update_slow(self) -> None:
        slow = (
            self._tail is not None
            or self._held is not None
            or self._handler is None
            or (self._judge is not None and self._judge.strict)
        )
        if slow is not self.slow:
            self.slow = slow
            if self._peer is not None:
                self._peer.slowed(slow)


class _Judge:
    """A websockets protocol in the open state, and the pieces of the fragmented message it is reading."""

    __slots__ = ("binary", "pieces", "protocol")

    def __init__(self, max_message_bytes: int) -> None:
        self.protocol = ClientProtocol(_ANY_URI, state=State.OPEN, max_size=max_message_bytes, logger=LOGGER)
        self.pieces: list[bytes] | None = None
        self.binary = False

    @property
    def strict(self) -> bool:
        """Whether even common frames have to be judged."""
        return self.pieces is not None or self.protocol.state is not State.OPEN

    @property
    def deaf(self) -> bool:
        """Whether the stream's meaning has ended: a close frame was received, or a rule was broken."""
        return self.protocol.close_rcvd is not None or self.protocol.parser_exc is not None

    def take(self, frame: bytes) -> list[Frame]:
        self.protocol.receive_data(frame)
        return [event for event in self.protocol.events_received() if isinstance(event, Frame)]

    def assemble(self, frame: Frame) -> bytes | None:
        """The message that this frame completes, or None."""
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self.binary = frame.opcode is Opcode.BINARY
            if frame.fin:
                return _as_bytes(frame)
            self.pieces = [_as_bytes(frame)]
        elif frame.opcode is Opcode.CONT and self.pieces is not None:
            self.pieces.append(_as_bytes(frame))
            if frame.fin:
                message = b"".join(self.pieces)
                self.pieces = None
                return message
        return None

    def received_close(self) -> tuple[int, str]:
        close = self.protocol.close_rcvd
        return (ABNORMAL_CLOSURE, "") if close is None else (int(close.code), close.reason)


def _as_bytes(frame: Frame) -> bytes:
    return bytes(frame.data)
