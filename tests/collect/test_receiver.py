"""The receive path: what each kind of frame becomes, however a server lays it out."""

import dataclasses
import json
import weakref
from dataclasses import replace

import pytest

from loadtest.cable import CableConnection, Confirmed, Welcomed, agent_identifier, contact_identifier
from loadtest.collect import Receiver, emission_key, write_mark
from loadtest.collect.subjects import subject_key
from loadtest.directory import Directory
from loadtest.transport.interface import Closed
from tests.collect.support import AGENTS, BOB, CONTACT_1, CONTACTS, action, balance, collector

KEY = emission_key(3, 5)
COMPACT = {"separators": (",", ":")}
SPACED = {}


class Wire:
    """One receiver with a confirmed subscription, fed with texts."""

    def __init__(self, identity=BOB, role="agent", *, welcome=True, confirm=True, agents=AGENTS, **settings):
        self.collector, self.clock = collector(Directory(agents, CONTACTS), **settings)
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
        if welcome:
            self.text('{"type":"welcome"}')
        self.cable.subscribe(self.identifier, self.clock.now_ns())
        if confirm:
            self.confirm()

    def confirm(self):
        self.text(json.dumps({"identifier": self.identifier, "type": "confirm_subscription"}))

    def text(self, text, padding=b"xx"):
        data = text.encode()
        self.receiver.on_text(padding + data + padding, len(padding), len(padding) + len(data), self.clock.now_ns())

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


def test_a_ping_before_the_welcome_is_a_fault():
    """Recognised without decoding or not, it is one; told once a connection, and a ping all the same."""
    wire = Wire(welcome=False, confirm=False)
    for _ in range(2):
        wire.text('{"type":"ping","message":1}')
    found = wire.counts("cable.p")

    assert found == {("cable.protocol_error", "before_welcome"): 1, ("cable.pings", ""): 2}


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


def test_a_beat_that_a_closed_socket_left_open_is_cut_in_the_window_it_was_sent_in():
    """A beat's whole balance is of one window, whenever its fate is known."""
    wire = Wire()
    wire.receiver.beat_sent(wire.clock.now_ns())
    sent = wire.collector.window(wire.clock.now_ns())
    wire.clock.advance(5)
    wire.receiver.on_closed(Closed(1006, "", False, wire.clock.now_ns()))
    counts = wire.collector.batch.counts
    windows = {
        metric.removeprefix("delivery."): (window, value)
        for (window, metric, name, _), value in counts.items()
        if name == "presence.update"
    }

    assert windows == {"emitted": (sent, 1), "expected": (sent, 1), "cut_by_peer": (sent, 1)}


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


def test_unknown_events_are_counted_by_name_and_kept():
    """An event the contract does not know is no error by itself; its first frames are kept as evidence."""
    wire = Wire()
    wire.event("plugin.invented", {})
    notes = [(note.kind, note.data["event"]) for note in wire.collector.batch.notes]

    assert [("unknown", "plugin.invented")] == notes
    assert wire.counts("contract.") == {("contract.unknown", "plugin.invented"): 1}


def test_what_only_some_versions_send_is_tolerated_where_the_version_is_unknown():
    """A contact that is told of its conversation is no leak, and is worth a warning."""
    wire = Wire(CONTACT_1, "contact", dialect="auto")
    wire.event("conversation.created", {"id": 100, "account_id": 1})
    told = wire.counts("contract.")
    leaks = {key for key in told if key[1] in ("wrong_audience", "wrong_account")}

    assert (1, set()) == (told["contract.tolerated", "conversation.created"], leaks)


ELSEWHERE = [
    (BOB, "agent", "conversation.read", {"id": 7, "account_id": 2, "inbox_id": 10}, "wrong_account"),
    (BOB, "agent", "conversation.read", {"id": 7, "account_id": 1, "inbox_id": 11}, "wrong_audience"),
    (BOB, "agent", "message.created", {"account_id": 1, "inbox_id": 11, "content": "hi"}, "wrong_audience"),
    (BOB, "agent", "contact.updated", {"id": 1, "account_id": 2}, "wrong_account"),
    (BOB, "agent", "presence.update", {"account_id": 2, "users": {}, "contacts": {}}, "wrong_account"),
    (CONTACT_1, "contact", "message.created", {"account_id": 1, "conversation_id": 101}, "wrong_audience"),
    (CONTACT_1, "contact", "message.updated", {"account_id": 1, "conversation_id": 101}, "wrong_audience"),
    (CONTACT_1, "contact", "conversation.status_changed", {"account_id": 1, "id": 101}, "wrong_audience"),
    (
        CONTACT_1,
        "contact",
        "conversation.status_changed",
        {"account_id": 1, "id": 100, "messages": [{"private": True}]},
        "private_to_contact",
    ),
]


@pytest.mark.parametrize(("who", "role", "event", "data", "kind"), ELSEWHERE)
def test_every_frame_is_judged_by_where_it_is_from(who, role, event, data, kind):
    """Somebody else's frame in the wrong hands is found whichever frame of its kind it is, not in samples only."""
    wire = Wire(who, role, dialect="auto")
    right = {key: value for key, value in data.items() if key != "messages"}
    right |= {"account_id": 1, "inbox_id": 10, "conversation_id": 100}
    if event != "contact.updated" and who == CONTACT_1:
        right["id"] = 100
    while wire.collector.checks.cell(event, role)[0] or wire.collector.checks.cell(event, role)[1] < 50:
        wire.event(event, right)
    before = wire.counts("contract.violation").get(("contract.violation", kind), 0)
    wire.event(event, data)

    assert (0, 1) == (before, wire.counts("contract.violation").get(("contract.violation", kind)))


def test_all_accounts_of_an_agents_token_are_its_own():
    """A token hears of every account that its agent belongs to, whichever it subscribed with."""
    agent = dataclasses.replace(AGENTS[BOB], account_ids=(1, 2), inbox_ids=(10, 20))
    wire = Wire(BOB, agents=(*AGENTS[:BOB], agent, *AGENTS[BOB + 1 :]), dialect="auto")
    for account_id, inbox_id in ((1, 10), (2, 20)):
        wire.event("conversation.read", {"id": 7, "account_id": account_id, "inbox_id": inbox_id})
        wire.event("contact.deleted", {"id": 1, "account_id": account_id})
    astray = {key for key in wire.counts("contract.violation") if key[1] in ("wrong_audience", "wrong_account")}

    assert set() == astray


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"type":7}', '{"identifier":"x","message":{}}'])
def test_nonsense_is_counted_and_does_not_crash(text):
    """Whatever a peer sends becomes a counted protocol error."""
    wire = Wire()
    wire.text(text)

    assert sum(wire.counts("cable.protocol_error").values()) == 1


def test_frames_of_events_with_several_causes_are_counted_by_subject():
    """In newer versions a change of status may be a message's doing: its frames belong to the conversation's tally."""
    wire = Wire(dialect="current")
    wire.clock.advance(60)
    key = subject_key("conversation.status_changed", 1, 100)
    now_ns = wire.clock.now_ns()
    changed = replace(action(now_ns), event="conversation.status_changed")
    tallies = wire.collector.ledger.tallies
    tallies.finish(tallies.begin(key, changed, 1, 1, "resolved"), now_ns, "ok")
    wire.event("conversation.status_changed", {"id": 100, "account_id": 1, "inbox_id": 10, "status": "resolved"})
    wire.clock.advance(11)
    found = balance(wire.collector.collect(wire.clock.now_ns()), "conversation.status_changed")

    assert 1 == found["delivered", "agent"]


def test_the_newest_event_frame_is_the_proof_of_delivery():
    """Recognised in place or decoded; neither a confirm nor a ping is one."""
    wire = Wire()
    proofs = [wire.receiver.heard_ns]
    for name, data in (
        ("presence.update", {"account_id": 1, "users": {}}),
        ("message.created", {"content": _content()}),
    ):
        wire.clock.advance(1)
        wire.event(name, data)
        proofs.append(wire.receiver.heard_ns)
    wire.clock.advance(1)
    wire.text('{"type":"ping","message":1}')
    proofs.append(wire.receiver.heard_ns)
    now_ns = wire.clock.now_ns()

    assert [0, now_ns - 2 * 10**9, now_ns - 10**9, now_ns - 10**9] == proofs


def test_beats_without_an_answer_make_a_silent_socket_deaf():
    """Two in a row, and nothing else came."""
    wire = Wire()
    for _ in range(2):
        wire.receiver.beat_sent(wire.clock.now_ns())
        wire.clock.advance(30)
        wire.receiver.expire_beats(wire.clock.now_ns())

    assert {("cable.deaf", ""): 1} == wire.counts("cable.deaf")


def test_a_closed_receiver_holds_on_to_nobody():
    """Whom it told is free as soon as its socket is gone, without waiting for the garbage collector."""
    wire = Wire()
    owner = weakref.ref(wire)
    receiver = wire.receiver
    receiver.on_closed(Closed(1006, "", False, wire.clock.now_ns()))
    told = len(wire.events)
    del wire

    assert told
    assert owner() is None
