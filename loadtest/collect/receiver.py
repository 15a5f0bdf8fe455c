"""What a socket's text is handed to: the receive path from arrival stamp to ledger cell.

Called in the hub by the transport, so nothing here blocks, switches or logs. The common frame, a marked
``message.created`` on a confirmed subscription, is recognised in place by its constant beginning and a byte search, and
costs two appends; once one socket's has been found, most others of the broadcast are told by comparing bytes
(:mod:`loadtest.collect.alike`). Every other frame is decoded; one that the fast path does not recognise is never taken
for absent.

The constant beginning (everything up to the event's name) is learned per connection from the first event frame, since
servers differ in spacing, key order and escaping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from loadtest.cable import (
    CableConnection,
    Confirmed,
    Disconnected,
    Event,
    Pinged,
    ProtocolFault,
    Received,
    Rejected,
    Stale,
    State,
    Unconfirmed,
)
from loadtest.collect.alike import HEADER_BYTES
from loadtest.collect.collector import Collector
from loadtest.collect.epochs import EndCause
from loadtest.collect.marks import KEY_WIDTH, PRIVATE, read_mark
from loadtest.collect.presence_views import Told
from loadtest.collect.subjects import MARKED
from loadtest.collect.tallies import read_state
from loadtest.directory import Role

_PING = b'{"type":"ping"'
_CREATED = b'message.created"'
_MESSAGE = b'"message"'
_UNLEARNED = b"\0"  # matches no frame
_RECOUNTED = frozenset(
    {"conversation.created", "conversation.status_changed", "conversation.updated", "assignee.changed"}
)
_EARLY_LIMIT = 256
_LEARN_LIMIT = 8


class _Message(msgspec.Struct):
    event: str
    data: msgspec.Raw


class _Content(msgspec.Struct):
    content: str | None = None


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_content = msgspec.json.Decoder(_Content).decode


class Receiver:
    """The handler of one socket with one subscription.

    Args:
        collector: where things are counted.
        cable: the protocol of this connection.
        identity: number of the identity subscribed as.
        role: its role.
        identifier: the subscription's identifier.
        on_event: told of protocol events that steer a session; runs in the hub.
        on_closed: told once when the socket is gone: close code and reason, whether by us.
    """

    __slots__ = (
        "_early",
        "_learned",
        "_on_closed",
        "_on_event",
        "_prefix",
        "_private_needle",
        "_recipient",
        "_tolerated",
        "_wants",
        "beats",
        "cable",
        "collector",
        "common",
        "created_prefix",
        "epoch",
        "heard_ns",
        "identifier",
        "identity",
        "recounts",
        "role",
    )

    def __init__(
        self,
        collector: Collector,
        cable: CableConnection,
        identity: int,
        role: Role,
        identifier: str,
        on_event: Callable[[Event], None],
        on_closed: Callable[[int, str, bool, int], None],
    ) -> None:
        self.collector = collector
        self.cable = cable
        self.identity = identity
        self.role: Role = role
        self.identifier = identifier
        self.epoch = -1
        self.beats: list[int] = []  # one or two: a deque would take ten times the room
        self.recounts = 0
        """Events so far that change how many conversations there are, by status and assignee."""
        self._on_event = on_event
        self._on_closed = on_closed
        self.common = collector.common(role)
        self._prefix = self.created_prefix = _UNLEARNED
        self._learned = 0
        self.heard_ns = 0  # newest event; the cable is told of it later, as two calls a delivery are one too many
        self._early: list[tuple[bytes, int]] = []
        self._wants = collector.checks.wants
        self._tolerated = collector.checks.tolerated[role]
        self._recipient = collector.checks.recipient(identity, identifier)
        self._private_needle = collector.needles[PRIVATE] if role == "contact" else b""

    # -- transport's handler -----------------------------------------------------------------------------------------

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        """A whole text message: see :class:`loadtest.transport.interface.Handler`."""
        common = self.common
        behind = start + common.opening_length
        if data[start:behind] == self.created_prefix:
            found = data.find(common.needle, behind, end)
            if found >= 0:
                self.heard_ns = arrival_ns
                found += common.needle_length
                key = data[found : found + KEY_WIDTH]
                entry = common.entries.get(key) or self.collector.ledger.unknown(key, arrival_ns)
                who = entry.who
                if len(who) < entry.room:
                    if lag_ns >= 0:
                        entry.lag(lag_ns)
                    who.append(self.epoch)
                    entry.when.append(arrival_ns)
                else:
                    entry.overflow += 1
                cell, sample = common.cell, common.sample
                cell[0] += 1
                cell[1] += end - start
                if start == HEADER_BYTES and end == len(data) and entry is not common.entry:
                    common.remember(data, found + KEY_WIDTH, key, entry)
                if not sample[0] and sample[1] > 1:  # as Sampler.wants does, without the call
                    sample[1] -= 1
                elif self._wants(MARKED, self.role):
                    self.collector.checks.check(data[start:end], self._recipient)
                return
        if data.startswith(self._prefix, start):
            self.heard_ns = arrival_ns
            self._event_frame(data[start:end], arrival_ns, end - start, lag_ns)
        elif data.startswith(_PING, start) and self.cable.state is State.WELCOMED:
            if lag_ns >= 0:
                self.collector.read_lags.pinged(arrival_ns)
            self.collector.pinged(self.role, arrival_ns, self.cable.pinged(arrival_ns))
        else:
            self._protocol_frame(data[start:end], arrival_ns)

    def on_protocol_error(self, kind: str, detail: str, arrival_ns: int) -> None:
        """The peer broke the WebSocket protocol."""
        self.collector.count("cable.protocol_error", kind, self.role)

    def on_closed(self, closed: Any) -> None:
        """The socket is gone (a :class:`loadtest.transport.interface.Closed`)."""
        self.cable.alive(self.heard_ns)
        for event in self.cable.closed(closed.at_ns):
            self._take(event, b"", closed.at_ns)
        self._end(closed.at_ns, EndCause.BY_US if closed.by_us else EndCause.BY_PEER)
        on_closed = self._on_closed
        self._on_event, self._on_closed = _deaf, _deaf  # no circle is left for the garbage collector
        on_closed(closed.code, closed.reason, closed.by_us, closed.at_ns)

    # -- protocol ----------------------------------------------------------------------------------------------------

    def retire(self, at_ns: int) -> None:
        """This side will read no more of the socket, though it stays: its subscription is over for us."""
        self._end(at_ns, EndCause.BY_US)

    def check(self, now_ns: int) -> None:
        """Look at the deadlines: no welcome, no confirm, silence."""
        self.cable.alive(self.heard_ns)
        for event in self.cable.check(now_ns):
            self._take(event, b"", now_ns)
        if self.collector.holding:
            self.collector.hearing.look(self.epoch, now_ns)

    def _protocol_frame(self, text: bytes, arrival_ns: int) -> None:
        for event in self.cable.receive(text, arrival_ns):
            self._take(event, text, arrival_ns)

    def _take(self, event: Event, text: bytes, at_ns: int) -> None:
        collector = self.collector
        if isinstance(event, Received):
            if self.epoch >= 0:
                self._message(event.message, text, at_ns, len(text))
                self._learn(text)
            elif len(self._early) < _EARLY_LIMIT:
                self._early.append((text, at_ns))
            else:
                collector.count("cable.early_dropped", "", self.role)
            return
        if isinstance(event, Pinged):
            collector.read_lags.pinged(at_ns)
            collector.pinged(self.role, at_ns, event.gap_ns)
            return
        if isinstance(event, ProtocolFault):
            collector.count("cable.protocol_error", event.error.kind, self.role)
            if event.error.kind == "unknown_identifier" and _MESSAGE in text:  # somebody else's event came here
                collector.checks.check(text, self._recipient)
            return
        if isinstance(event, Confirmed):
            if self.epoch < 0:
                collector.count("cable.confirmed", "", self.role)
                collector.duration("confirm", "", self.role, at_ns, event.elapsed_ns)
                self.epoch = collector.confirmed(self.identity, at_ns)
                collector.hearing.opened(self.epoch, self, at_ns)
                early, self._early = self._early, []
                for kept, kept_ns in early:
                    self._event_frame(kept, kept_ns, len(kept))
        elif isinstance(event, Unconfirmed):
            collector.count("cable.unconfirmed", "", self.role)
        elif isinstance(event, Stale):
            collector.count("cable.stale", "", self.role)
            self._end(at_ns, EndCause.BY_PEER)  # our side closes, but for what the peer did
        elif isinstance(event, Rejected):
            self._end(at_ns, EndCause.BY_PEER)  # the socket stays, but nothing is promised on it any more
        elif isinstance(event, Disconnected):
            collector.count("cable.disconnect_frames", event.reason or "none", self.role)
            self._end(at_ns, EndCause.BY_PEER)
        self._on_event(event)

    def _end(self, at_ns: int, cause: EndCause) -> None:
        collector = self.collector
        if self._early:
            collector.count("cable.unconfirmed_received", "", self.role, len(self._early))
            self._early.clear()
        column = "cut_by_us" if cause == EndCause.BY_US else "cut_by_peer"
        for sent_ns in self.beats:  # what the socket's end left open is cut, not lost
            window = collector.window(sent_ns)
            collector.batch.add(window, "delivery.expected", "presence.update", self.role)
            collector.batch.add(window, f"delivery.{column}", "presence.update", self.role)
        self.beats.clear()
        if self.epoch >= 0:
            epoch, self.epoch = self.epoch, -1
            self._prefix = self.created_prefix = _UNLEARNED
            collector.hearing.closed(epoch)
            collector.ended(self.identity, epoch, at_ns, cause)

    # -- events ------------------------------------------------------------------------------------------------------

    def _learn(self, text: bytes) -> None:
        """Take the constant beginning of this connection's event frames from one of them."""
        if self._learned >= _LEARN_LIMIT:
            return
        self._learned += 1
        for opening in (b'"event":"', b'"event": "'):
            place = text.find(opening)
            if place >= 0 and text.find(b'"identifier"') < place and b'"message"' in text[:place]:
                self._prefix = text[: place + len(opening)]
                self.created_prefix = self._prefix + _CREATED
                self.common = self.collector.common(
                    self.role, spaced=b": " in opening, opening_length=len(self.created_prefix)
                )
                return

    def _event_frame(self, text: bytes, arrival_ns: int, size: int, lag_ns: int = -1) -> None:
        """An event frame known to be of this subscription, in whole."""
        for event in self.cable.receive(text, arrival_ns):
            if isinstance(event, Received):
                self._message(event.message, text, arrival_ns, size, lag_ns)
            else:
                self._take(event, text, arrival_ns)

    def _message(self, raw: msgspec.Raw | bytes, text: bytes, arrival_ns: int, size: int, lag_ns: int = -1) -> None:
        collector = self.collector
        self.heard_ns = max(self.heard_ns, arrival_ns)
        try:
            message = _decode_message(raw)
        except msgspec.MsgspecError:
            collector.checks.check(text, self._recipient)
            return
        name = message.event
        checks = collector.checks
        if name not in checks.events:
            checks.unknown(name, text, self.role)
            return
        cell = collector.received_cell(name, self.role)
        cell[0] += 1
        cell[1] += size
        if name in _RECOUNTED:
            self.recounts += 1
        recipient = self._recipient
        suspicious = not checks.may_receive(name, self.role) or (
            self._private_needle != b"" and self._private_needle in text
        )
        if name in self._tolerated:
            checks.tolerate(name, text, self.role)
        try:
            if name == "presence.update":
                told = self._told(bytes(message.data), arrival_ns)
                suspicious |= self.role == "contact" and told.others > 0
                suspicious |= type(told.account_id) is int and told.account_id not in recipient.account_ids
            elif name == MARKED:
                self._created(_decode_content(message.data), arrival_ns, lag_ns)
                suspicious |= checks.look(name, message.data, recipient)[1]
            else:
                key, suspect = checks.look(name, message.data, recipient)
                suspicious |= suspect
                if key is not None and name in collector.tracked:
                    collector.tick(key, self.epoch, arrival_ns, lag_ns)
                elif key is not None and name in collector.counted:
                    state, tallies = read_state(name, message.data), collector.ledger.tallies
                    if suspicious:  # a tally cannot tell whose a frame is: what is in the wrong hands its content tells
                        if checks.check(text, recipient):
                            tallies.astray(key, self.epoch, arrival_ns)
                        else:
                            tallies.tick(key, self.epoch, arrival_ns, state)
                        return
                    tallies.tick(key, self.epoch, arrival_ns, state)
        except msgspec.MsgspecError:
            suspicious = True
        if suspicious or self._wants(name, self.role):
            checks.check(text, recipient)

    def _created(self, data: _Content, arrival_ns: int, lag_ns: int) -> None:
        mark = read_mark(data.content) if data.content else None
        if mark is None or mark.run != self.collector.settings.run_tag:
            self.collector.count("delivery.foreign", MARKED, self.role)
        else:
            self.collector.tick(mark.key.encode("ascii"), self.epoch, arrival_ns, lag_ns)

    def _told(self, data: bytes, arrival_ns: int) -> Told:
        collector = self.collector
        sent_ns = self.beats[0] if self.beats else None
        shared = collector.sockets_of(self.identity) > 1
        # read first: a frame that is no presence answers no beat
        told = collector.presence.told(self.identity, data, arrival_ns, sent_ns, shared=shared)
        if sent_ns is not None:
            del self.beats[0]
            collector.duration("beat_reply", "", self.role, sent_ns, arrival_ns - sent_ns)
            window = collector.window(sent_ns)
            collector.batch.add(window, "presence.answered", self.role, self.role)
            collector.batch.add(window, "delivery.expected", "presence.update", self.role)
            collector.batch.add(window, "delivery.delivered", "presence.update", self.role)
            collector.presence.answered(self.identity, sent_ns, arrival_ns)
        return told

    # -- beats -------------------------------------------------------------------------------------------------------

    def beat_sent(self, sent_ns: int) -> None:
        """The socket's update_presence was handed to the kernel."""
        collector = self.collector
        window = collector.window(sent_ns)
        collector.batch.add(window, "presence.beats", self.role, self.role)
        collector.batch.add(window, "delivery.emitted", "presence.update")
        self.beats.append(sent_ns)
        collector.presence.beat(self.identity, sent_ns)

    def expire_beats(self, before_ns: int) -> None:
        """Beats sent before ``before_ns`` that nobody answered are lost."""
        collector = self.collector
        while self.beats and self.beats[0] < before_ns:
            sent_ns = self.beats.pop(0)
            collector.hearing.missed_answer(self.epoch, sent_ns)
            window = collector.window(sent_ns)
            collector.batch.add(window, "presence.unanswered", self.role, self.role)
            collector.batch.add(window, "delivery.expected", "presence.update", self.role)
            collector.batch.add(window, "delivery.lost", "presence.update", self.role)


def _deaf(*_: object) -> None:
    """In place of whom a receiver told, once its socket is gone."""
