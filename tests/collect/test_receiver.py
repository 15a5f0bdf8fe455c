"""The receive path: what each kind of frame becomes, however a server lays it out."""

import json

import pytest

from loadtest.cable import CableConnection, Confirmed, Welcomed, agent_identifier, contact_identifier
from loadtest.collect import Receiver, emission_key, write_mark
from loadtest.transport.interface import Closed
from tests.collect.support import AGENTS, BOB, CONTACT_1, CONTACTS, balance, collector

KEY = emission_key(3, 5)
COMPACT = {"separators": (",", ":")}
SPACED = {}


class Wire:
    """One receiver with a confirmed subscription, fed with texts."""

    def __init__(self, identity=BOB, role="agent", *, confirm=True, **settings):
        self.collector, self.clock = collector(**settings)
        if role == "agent":
            agent = AGENTS[identity]
            self.identifier = agent_identifier(agent.pubsub_token, 1, agent.user_id)
        else:
            self.identifier = contact_identifier(CONTACTS[identity - len(AGENTS)].pubsub_token)
        self.events = []
        self.cable = CableConnection()
        self.receiver = Receiver(
            self.collector,
            self.cable,
            identity,
            role,
            self.identifier,
            self.events.append,
            lambda *how: self.events.append(how),
        )
        self.cable.opened(self.clock.now_ns())
        self.text('{"type":"welcome"}')
        self.cable.subscribe(self.identifier, self.clock.now_ns())
        if confirm:
            self.confirm()

    def confirm(self):
        self.text(json.dumps({"identifier": self.identifier, "type": "confirm_subscription"}))

    def text(self, text, padding=b"xx"):
        data = text.encode()
        self.receiver.on_text(
            bytearray(padding + data + padding), len(padding), len(padding) + len(data), self.clock.now_ns()
        )

    def event(self, name, data, layout=COMPACT):
        frame = {"identifier": self.identifier, "message": {"event": name, "data": data}}
        self.text(json.dumps(frame, **layout))

    def counts(self, prefix):
        batch = self.collector.collect(self.clock.now_ns())
        return {
            (metric, name): value for (_, metric, name, _), value in batch.counts.items() if metric.startswith(prefix)
        }

    @property
    def ticks(self):
        return {key: list(entry.who) for key, entry in self.collector.ledger.entries.items()}


def _content(run="testrn"):
    return write_mark(run, KEY, 1) + " hello"


@pytest.mark.parametrize("layout", [COMPACT, SPACED])
@pytest.mark.parametrize("order", [("id", "content"), ("content", "id")])
def test_a_marked_message_is_ticked_whatever_the_layout(layout, order):
    """Every copy is found, first by decoding and then, the layout learnt, in place."""
    wire = Wire()
    data = {"id": 1, "content": _content()}
    for _ in range(5):
        wire.event("message.created", {key: data[key] for key in order}, layout)

    assert wire.ticks == {KEY.encode(): [wire.receiver.epoch] * 5}


def test_a_mark_in_another_event_is_no_delivery():
    """A conversation's messages repeat the text; that is no second delivery of message.created."""
    wire = Wire()
    wire.event("message.created", {"content": "warm-up"})
    wire.event("message.updated", {"content": _content()})
    wire.event("conversation.status_changed", {"messages": [{"content": _content()}]})

    assert wire.ticks == {}


def test_another_runs_mark_is_foreign():
    """Messages of people and of other runs are counted apart and never matched."""
    wire = Wire()
    for content in (_content("others"), "just talking", None):
        wire.event("message.created", {"content": content})

    assert (wire.ticks, wire.counts("delivery.foreign")) == ({}, {("delivery.foreign", "message.created"): 3})


def test_a_mark_quoted_by_a_customer_is_not_matched():
    """Text that quotes a frame arrives escaped and does not forge a delivery."""
    wire = Wire()
    for _ in range(3):
        wire.event("message.created", {"content": '"content":"' + _content()})

    assert wire.ticks == {}


def test_frames_before_the_confirm_are_kept():
    """Events may overtake their confirm: they count for the subscription once it stands."""
    wire = Wire(confirm=False)
    wire.event("message.created", {"content": _content()})
    wire.confirm()

    assert wire.ticks == {KEY.encode(): [wire.receiver.epoch]}


def test_frames_of_a_subscription_never_confirmed_are_counted():
    """What an unconfirmed subscription receives is said, not dropped."""
    wire = Wire(confirm=False)
    wire.event("message.created", {"content": _content()})
    wire.receiver.on_closed(Closed(1006, "", False, wire.clock.now_ns()))

    assert wire.counts("cable.unconfirmed") == {("cable.unconfirmed_received", ""): 1}


def test_pings_give_gaps():
    """Two pings three seconds apart are one gap of three seconds."""
    wire = Wire()
    wire.text('{"type":"ping","message":1}')
    wire.clock.advance(3)
    wire.text('{"type":"ping","message":4}')
    batch = wire.collector.collect(wire.clock.now_ns())
    gaps = {key[1]: (h.n, h.max_us) for key, h in batch.hists.items() if key[1] == "ping_gap"}

    assert gaps == {"ping_gap": (1, 3_000_000)}


def test_the_session_is_told_of_the_protocol():
    """Welcome and confirm reach whoever steers the connection."""
    assert [type(event) for event in Wire().events] == [Welcomed, Confirmed]


def test_a_beat_and_its_answer():
    """The first presence.update after a beat answers it; a beat without one is lost after the deadline."""
    wire = Wire()
    wire.receiver.beat_sent(wire.clock.now_ns())
    wire.clock.advance(0.01)
    wire.event("presence.update", {"account_id": 1, "users": {"2": "online"}, "contacts": {}})
    wire.receiver.beat_sent(wire.clock.now_ns())
    wire.clock.advance(11)
    wire.receiver.expire_beats(wire.clock.now_ns() - 10 * 10**9)
    batch = wire.collector.collect(wire.clock.now_ns())

    assert balance(batch, "presence.update") == {
        ("emitted", ""): 2,
        ("expected", "agent"): 2,
        ("delivered", "agent"): 1,
        ("lost", "agent"): 1,
        ("received", "agent"): 1,
        ("bytes", "agent"): balance(batch, "presence.update")["bytes", "agent"],
    }


@pytest.mark.parametrize(
    ("event", "data", "kind"),
    [
        ("presence.update", {"account_id": 1, "users": {}, "contacts": {"2": "online"}}, "contact_in_contact_presence"),
        ("conversation.read", {"id": 1}, "wrong_audience"),
        ("message.created", {"content": "psst", "private": True}, "private_to_contact"),
        ("message.created", {"content": 7}, "wrong_type"),
    ],
)
def test_what_a_contact_must_not_see_is_a_violation(event, data, kind):
    """The contract's rules about contacts are checked on every frame."""
    wire = Wire(CONTACT_1, "contact", dialect="seed")
    wire.event(event, data)

    assert wire.counts("contract.violation")["contract.violation", kind] >= 1


def test_unknown_events_are_counted_by_name():
    """An event the contract does not know is no error by itself."""
    wire = Wire()
    wire.event("plugin.invented", {})

    assert wire.counts("contract.") == {("contract.unknown", "plugin.invented"): 1}


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"type":7}', '{"identifier":"x","message":{}}'])
def test_nonsense_is_counted_and_does_not_crash(text):
    """Whatever a peer sends becomes a counted protocol error."""
    wire = Wire()
    wire.text(text)

    assert sum(wire.counts("cable.protocol_error").values()) == 1
