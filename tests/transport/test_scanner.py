"""The frame scanner, compared with websockets' own parser on the same bytes."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import WebSocketURI

from loadtest.transport.interface import Closed
from loadtest.transport.scanner import MAX_MESSAGE_BYTES, FrameScanner, common_header, encode_text

LIMIT = 70_000
NEVER = 10_000  # a chunk index that no stream has


@dataclass
class Outcome:
    """What a stream led to, in a form that both readers can be compared by."""

    texts: list[bytes] = field(default_factory=list)
    binaries: int = 0
    replies: list[tuple[Opcode, bytes]] = field(default_factory=list)
    close: tuple[int, str] = (0, "")
    failed: bool = False


class Peer:
    """Handler and connection in one: keeps all that the scanner does."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.sent = b""
        self.endings: list[bool] = []
        self.slow = False

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        self.outcome.texts.append(bytes(data[start:end]))

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        if kind == "binary":
            self.outcome.binaries += 1
        else:
            self.outcome.failed = True

    def on_closed(self, closed: Closed) -> None:
        raise AssertionError("the scanner does not close")

    def write(self, data: bytes) -> None:
        self.sent += data

    def closing(self, *, by_peer: bool) -> None:
        self.endings.append(by_peer)

    def slowed(self, slow: bool) -> None:
        self.slow = slow


def decoded(sent: bytes) -> list[tuple[Opcode, bytes]]:
    """A client's masked frames, as a server reads them."""
    server = ServerProtocol(state=State.OPEN, max_size=None)
    server.receive_data(sent)
    return [(event.opcode, bytes(event.data)) for event in server.events_received() if isinstance(event, Frame)]


def by_scanner(chunks: list[bytes], close_at: int = NEVER) -> Outcome:
    """Feed the chunks to the scanner as the poller does, one a read; close before one of them."""
    peer = Peer()
    scanner = FrameScanner(peer, peer, LIMIT)
    for index, chunk in enumerate(chunks):
        if index == close_at:
            scanner.start_close(1000, "")
        assert peer.slow is scanner.slow
        if not peer.slow and chunk[:4] == common_header(len(chunk)):
            peer.on_text(chunk, 4, len(chunk), index)
        else:
            scanner.feed(chunk, index)
    peer.outcome.close = scanner.eof()
    peer.outcome.replies = decoded(peer.sent)
    assert len(peer.endings) <= 1
    return peer.outcome


def by_websockets(chunks: list[bytes], close_at: int = NEVER) -> Outcome:
    """Feed the chunks to websockets' client."""
    protocol = ClientProtocol(WebSocketURI(False, "x", 80, "/", ""), state=State.OPEN, max_size=LIMIT)
    outcome = Outcome()
    pieces: list[bytes] = []
    opcode = Opcode.TEXT
    sent = b""
    for index, chunk in enumerate(chunks):
        if index == close_at and protocol.state is State.OPEN:
            protocol.send_close(1000)
        protocol.receive_data(chunk)
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                opcode, pieces = event.opcode, []
            elif event.opcode is not Opcode.CONT:
                continue
            pieces.append(bytes(event.data))
            if event.fin:
                if opcode is Opcode.TEXT:
                    outcome.texts.append(b"".join(pieces))
                else:
                    outcome.binaries += 1
        sent += b"".join(protocol.data_to_send())
    outcome.failed = protocol.parser_exc is not None
    protocol.receive_eof()
    assert protocol.close_code is not None
    assert protocol.close_reason is not None
    outcome.close = (protocol.close_code, protocol.close_reason)
    outcome.replies = decoded(sent)
    return outcome


def frame(first: int, payload: bytes, *, mask: bool = False, length_form: int | None = None) -> bytes:
    """A frame with any first byte, masked or not, its length in the shortest form or another (7, 16 or 64 bits)."""
    size = len(payload)
    form = length_form or (7 if size < 126 else 16 if size < 65536 else 64)
    flag = 0x80 if mask else 0
    if form == 7:
        head = struct.pack("!BB", first, flag | size)
    elif form == 16:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    return head + (b"\0\0\0\0" if mask else b"") + payload


LENGTHS = st.one_of(
    st.integers(0, 130), st.integers(65530, 65540), st.just(LIMIT), st.just(LIMIT + 1), st.integers(0, 3000)
)
SHORT = st.binary(max_size=20)
TEXTS = LENGTHS.map(lambda size: frame(0x81, b"t" * size))
WIDE = st.tuples(SHORT, st.sampled_from([16, 64])).map(lambda pair: frame(0x81, pair[0], length_form=pair[1]))
FRAGMENTED = st.lists(SHORT, min_size=2, max_size=4).map(
    lambda parts: (
        frame(0x01, parts[0])
        + b"".join(frame(0x89, b"p") + frame(0x00, part) for part in parts[1:-1])
        + frame(0x80, parts[-1])
    )
)
SECOND_BYTES = st.integers(0, 255).map(lambda second: bytes([0x81, second]) + b"\x00" * second)
CONTROLS = st.tuples(st.sampled_from([0x89, 0x8A]), SHORT).map(lambda pair: frame(*pair))
CLOSES = st.one_of(
    st.just(frame(0x88, b"")),
    st.tuples(st.sampled_from([1000, 1001, 1006, 999, 3000, 4001, 5000]), SHORT).map(
        lambda pair: frame(0x88, struct.pack("!H", pair[0]) + pair[1])
    ),
    st.just(frame(0x88, b"\x03")),
)
ODD = st.one_of(
    SHORT.map(lambda data: frame(0x82, data)),
    SHORT.map(lambda data: frame(0x80, data)),
    SHORT.map(lambda data: frame(0x01, data)),
    st.tuples(st.integers(0, 255), SHORT).map(lambda pair: frame(*pair)),
    SHORT.map(lambda data: frame(0x81, data, mask=True)),
    st.just(frame(0x89, b"x" * 126)),
    st.just(struct.pack("!BBQ", 0x81, 127, 1 << 30)),
    st.just(struct.pack("!BBQ", 0x89, 127, 1 << 63)),
)
COMMON = st.one_of(TEXTS, WIDE, CONTROLS, FRAGMENTED, SECOND_BYTES)
STREAMS = st.tuples(
    st.lists(COMMON, max_size=8), st.lists(st.one_of(CLOSES, ODD), max_size=1), st.lists(COMMON, max_size=3)
).map(lambda parts: b"".join(part for group in parts for part in group))


@st.composite
def split_streams(draw: st.DrawFn) -> list[bytes]:
    """A stream of frames in pieces that mind no frame's borders; the end may be cut off."""
    stream = draw(STREAMS)
    if draw(st.booleans()):
        stream = stream[: draw(st.integers(0, len(stream)))]
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    return [piece for piece in pieces if piece]


@given(split_streams(), st.one_of(st.just(NEVER), st.integers(0, 6)))
@settings(max_examples=400, deadline=None)
def test_equals_websockets(chunks: list[bytes], close_at: int) -> None:
    """Texts, replies, verdict and close code are websockets' own, whatever the stream and its splits."""
    expected = by_websockets(chunks, close_at)

    assert expected == by_scanner(chunks, close_at)


def random_stream(dice: random.Random) -> bytes:
    """Frames of a chat with a few oddities, then perhaps an end of some kind."""
    stream = bytearray()
    for _ in range(dice.randrange(1, 12)):
        kind = dice.random()
        size = dice.choice([dice.randrange(126), dice.randrange(126, 2000), dice.choice([125, 126, 65535, 65536])])
        if kind < 0.7:
            stream += frame(0x81, b"t" * size)
        elif kind < 0.8:
            stream += frame(dice.choice([0x89, 0x8A]), b"p" * (size % 126))
        elif kind < 0.9:
            stream += frame(0x01, b"a" * (size % 3000)) + frame(0x89, b"") + frame(0x80, b"b" * (size % 3000))
        elif kind < 0.93:
            stream += frame(0x88, struct.pack("!H", dice.choice([1000, 1001, 4001, 1005])) + b"bye")
        elif kind < 0.94:
            stream += bytes([0x81, dice.randrange(256)]) + bytes(dice.randrange(260))
        elif kind < 0.97:
            stream += frame(dice.randrange(256), b"?" * (size % 200), mask=dice.random() < 0.3)
        else:
            stream += frame(0x82, b"b" * (size % 3000))
    return bytes(stream)


def differences(seed: int, streams: int) -> list[int]:
    """The numbers of those of ``streams`` random streams on which the two readers differ."""
    found = []
    for number in range(streams):
        dice = random.Random(f"{seed}:{number}")
        stream = random_stream(dice)
        cuts = sorted(dice.randrange(len(stream) + 1) for _ in range(dice.randrange(10)))
        chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
        close_at = dice.randrange(8) if dice.random() < 0.2 else NEVER
        if by_websockets(chunks, close_at) != by_scanner(chunks, close_at):
            found.append(number)
    return found


def test_equals_websockets_on_a_seeded_run() -> None:
    """A thousand seeded streams of a chat are read as websockets reads them."""
    assert differences(seed=1, streams=1000) == []


@pytest.mark.slow
def test_equals_websockets_on_a_long_seeded_run() -> None:
    """A hundred thousand seeded streams of a chat are read as websockets reads them."""
    assert differences(seed=2, streams=100_000) == []


def test_every_split_of_one_stream() -> None:
    """A stream with each length class, a ping and a fragmented message is the same at every split and byte by byte."""
    stream = (
        frame(0x81, b"")
        + frame(0x81, b"s" * 125)
        + frame(0x89, b"ping")
        + frame(0x81, b"m" * 126)
        + frame(0x01, b"one ")
        + frame(0x8A, b"")
        + frame(0x80, b"two")
        + frame(0x81, b"w", length_form=64)
        + frame(0x88, struct.pack("!H", 4001) + b"bye")
    )
    expected = by_websockets([stream])
    splits = [[stream[:cut], stream[cut:]] for cut in range(1, len(stream))]
    splits.append([stream[at : at + 1] for at in range(len(stream))])

    assert [expected] * len(splits) == [by_scanner(chunks) for chunks in splits]


@pytest.mark.parametrize("first", [0x81, 0x01, 0x80, 0x82, 0x88, 0x89, 0x83, 0xC1])
def test_every_second_byte(first: int) -> None:
    """Each mask bit and length, with exactly as many bytes behind it as the length would name, is read alike.

    This is where a reader that takes 126, 127 or the mask bit for a length would go wrong.
    """
    streams = [bytes([first, second]) + b"\x00" * (second + extra) for second in range(256) for extra in (0, 2, 8)]

    assert [by_websockets([stream]) for stream in streams] == [by_scanner([stream]) for stream in streams]


def test_common_frame_is_not_copied() -> None:
    """A whole common frame is handed on in the bytes that were read."""
    seen: list[object] = []

    class Watching(Peer):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            seen.append((id(data), start, end, arrival_ns))

    peer = Watching()
    data = frame(0x81, b"x" * 200)
    count = FrameScanner(peer, peer).feed(data, 7)

    assert (1, [(id(data), 4, 204, 7)]) == (count, seen)


def test_large_message_in_many_reads() -> None:
    """A message of many reads is put together once, and keeps its last read's arrival; what follows is just after."""
    arrivals: list[int] = []

    class Watching(Peer):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            super().on_text(data, start, end, arrival_ns)
            arrivals.append(arrival_ns)

    peer = Watching()
    scanner = FrameScanner(peer, peer)
    text = bytes(range(256)) * 4096
    data = frame(0x81, text) + frame(0x81, b"after")
    for number, start in enumerate(range(0, len(data), 16384)):
        piece = data[start : start + 16384]
        scanner.feed(piece, number)

    assert ([text, b"after"], [64, 65]) == (peer.outcome.texts, arrivals)


def test_messages_of_one_read_keep_their_order_in_time() -> None:
    """Stamps of messages that came in one read rise by a nanosecond each, so that reordering among them is seen."""
    seen: list[tuple[bytes, int]] = []

    class Watching(Peer):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            seen.append((bytes(data[start:end]), arrival_ns))

    peer = Watching()
    texts = [b"one", b"two" * 100, b"three", b"four" * 50]
    data = b"".join(frame(0x81, text) for text in texts)
    FrameScanner(peer, peer).feed(data, 7)

    assert list(zip(texts, (7, 8, 9, 10), strict=True)) == seen


def test_held_bytes_come_first_with_their_own_arrival() -> None:
    """What came with the handshake's answer precedes the first read, and keeps its stamp."""
    seen: list[tuple[bytes, int]] = []

    class Watching(Peer):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            seen.append((bytes(data[start:end]), arrival_ns))

    peer = Watching()
    scanner = FrameScanner(peer, peer)
    scanner.hold(frame(0x81, b"welcome") + frame(0x81, b"split")[:3], 1)
    rest = frame(0x81, b"split")[3:] + frame(0x81, b"last")

    count = scanner.feed(rest, 2)

    assert (count, seen) == (3, [(b"welcome", 1), (b"split", 2), (b"last", 3)])


def test_released_scanner_hands_on_nothing() -> None:
    """After its release, in the middle of a read too, a scanner is silent."""

    class Releasing(Peer):
        def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
            super().on_text(data, start, end, arrival_ns)
            scanner.release()

    peer = Releasing()
    scanner = FrameScanner(peer, peer)
    data = frame(0x81, b"one") + frame(0x81, b"two") + frame(0x89, b"ping")
    scanner.feed(data, 1)
    scanner.feed(data, 2)

    assert (peer.outcome.texts, peer.sent) == ([b"one"], b"")


def test_peer_is_told_who_ended() -> None:
    """A close that the peer began is told apart from its answer to ours."""
    theirs, ours = Peer(), Peer()
    close = frame(0x88, struct.pack("!H", 1000))
    FrameScanner(theirs, theirs).feed(close, 1)
    scanner = FrameScanner(ours, ours)
    scanner.start_close(1000, "")
    scanner.feed(close, 1)

    assert (theirs.endings, ours.endings) == ([True], [False])


def test_error_kinds() -> None:
    """Each way to break the protocol has a kind to count by."""
    kinds: list[str] = []

    class Naming(Peer):
        def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
            kinds.append(kind)

    for data in (
        frame(0x83, b""),
        frame(0x82, b"b"),
        frame(0x88, struct.pack("!H", 1000) + b"\xff"),
        struct.pack("!BBQ", 0x81, 127, MAX_MESSAGE_BYTES + 1),
    ):
        peer = Naming()
        FrameScanner(peer, peer).feed(data, 1)

    assert kinds == ["frame", "binary", "encoding", "too_big"]


def test_our_text_is_masked() -> None:
    """What we send is one masked text frame (RFC 6455, 5.3)."""
    data = encode_text("grüße")

    assert data[1] & 0x80
    assert decoded(data) == [(Opcode.TEXT, "grüße".encode())]


def test_limit_below_the_short_way_is_refused() -> None:
    """A limit that the short way would not keep is refused."""
    peer = Peer()

    with pytest.raises(ValueError, match="65535"):
        FrameScanner(peer, peer, 1000)


def test_reason_too_long_for_a_close_frame() -> None:
    """A reason that does not fit a control frame is refused before anything is sent."""
    peer = Peer()

    with pytest.raises(ValueError, match="123"):
        FrameScanner(peer, peer).start_close(1000, "x" * 124)

    assert peer.sent == b""
