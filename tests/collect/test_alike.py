"""Reads that are alike: the books are those that one receiver after the other keeps."""

import json
import random
from collections import Counter

import pytest

from loadtest.cable import CableConnection, agent_identifier, contact_identifier
from loadtest.collect import Receiver, emission_key, write_mark
from loadtest.collect.alike import take_alike
from loadtest.directory import Agent, Contact, Directory
from tests.collect.support import action, collector

RUN = "testrn"
AGENTS = tuple(Agent((1,), 2 + i, "agent", (10,), f"agent-{'x' * (i % 3)}{i}", f"a{i}", f"Agent {i}") for i in range(8))
CONTACT = Contact(1, 1, 10, "s1", "contact-1", "inbox-10", conversation_ids=(100,))
COMPACT = {"separators": (",", ":")}


def read_of(text):
    """A frame of a medium length, as it is read."""
    size = len(text)
    assert 126 <= size <= 65_535
    return bytes((0x81, 126, size >> 8, size & 0xFF)) + text


def key_of(number):
    """The key of an emission."""
    return emission_key(0, number)


class Line:
    """A connection as the transport shows it: its receiver in ``quick`` while it may be handed reads at once."""

    def __init__(self, books, clock, identity, role, identifier):
        self.clock, self.identifier = clock, identifier
        self.receiver = Receiver(
            books, CableConnection(), identity, role, identifier, lambda event: None, lambda *how: None
        )
        self.quick = self.receiver
        self.receiver.cable.opened(clock.now_ns())
        self.tell({"type": "welcome"})
        self.receiver.cable.subscribe(identifier, clock.now_ns())
        self.tell({"identifier": identifier, "type": "confirm_subscription"})
        self.tell({"identifier": identifier, "message": {"event": "message.created", "data": {"content": "before"}}})

    def tell(self, frame):
        """Hand a text on, alone."""
        text = json.dumps(frame, **COMPACT).encode()
        self.receiver.on_text(text, 0, len(text), self.clock.now_ns())

    def read(self, number, *, event="message.created", run=RUN, text="hello " * 40):
        """What is read of it when it is told of an emission."""
        data = {
            "id": number,
            "account_id": 1,
            "conversation_id": 100,
            "content": write_mark(run, key_of(number), 1) + text,
        }
        frame = {"identifier": self.identifier, "message": {"event": event, "data": data}}
        return read_of(json.dumps(frame, **COMPACT).encode())


class Fleet:
    """Receivers of a process; ``alike`` says whether reads go through :func:`take_alike` first."""

    def __init__(self, *, alike=True, room=None):
        self.books, self.clock = collector(Directory(AGENTS, (CONTACT,)))
        self.alike = alike
        self.booked = 0
        if room is not None:
            self.books.ledger._room = room
        names = [agent_identifier(agent.pubsub_token, 1, agent.user_id) for agent in AGENTS]
        self.lines = [Line(self.books, self.clock, i, "agent", name) for i, name in enumerate(names)]
        self.lines.append(
            Line(self.books, self.clock, len(AGENTS), "contact", contact_identifier(CONTACT.pubsub_token))
        )
        self.checked = []
        self.books.checks.check = lambda text, recipient: self.checked.append(text) and False

    def open(self, number):
        """Open an emission's entry."""
        now_ns = self.clock.now_ns()
        entry = self.books.ledger.open(key_of(number).encode(), action(now_ns))
        self.books.ledger.written(entry, now_ns)
        self.books.ledger.responded(entry, now_ns, "ok")

    def turn(self, reads):
        """Hand on the reads of a turn, as the transport does."""
        remaining = iter(reads)
        while True:
            taken, odd = take_alike(remaining) if self.alike else (0, next(remaining, None))
            self.booked += taken
            if odd is None:
                return
            line, data, arrival_ns = odd
            if line.quick is not None:
                line.quick.on_text(data, 4, len(data), arrival_ns)

    def broadcast(self, number, lines=None, **how):
        """Every line reads the same emission in one turn."""
        at_ns = self.clock.now_ns()
        chosen = self.lines if lines is None else lines
        self.turn([(line, line.read(number, **how), at_ns + i) for i, line in enumerate(chosen)])

    @property
    def state(self):
        """All that a delivery leaves behind."""
        entries = self.books.ledger.entries
        return (
            {key: (list(e.who), list(e.when), e.overflow) for key, e in entries.items()},
            {key: list(cell) for key, cell in self.books._received.items()},
            {role: list(self.books.checks.cell("message.created", role)) for role in ("agent", "contact")},
            [line.receiver.heard_ns for line in self.lines],
            Counter(self.checked),
        )


def past_the_first(fleet):
    """Go on until only samples are checked; the newest emission is the hundredth."""
    for number in range(1, 101):
        fleet.open(number)
        fleet.broadcast(number)
        fleet.clock.advance(0.001)


@pytest.fixture
def fleet():
    """Receivers that have heard a hundred broadcasts."""
    made = Fleet()
    past_the_first(made)
    made.booked = 0
    return made


def test_one_broadcast_is_found_once_for_each_length_of_beginning(fleet):
    """Of nine sockets with four lengths of beginnings, one each is searched; a later turn needs no search at all."""
    fleet.open(200)
    for role in ("agent", "contact"):
        fleet.books.checks.cell("message.created", role)[1] = 100  # no sample is near
    by_length = sorted(fleet.lines, key=lambda line: (line.receiver.role, len(line.identifier)))
    lengths = {(line.receiver.role, len(line.identifier)) for line in by_length}
    fleet.broadcast(200, by_length)
    first, fleet.booked = fleet.booked, 0
    fleet.broadcast(200, by_length)
    who = list(fleet.books.ledger.entries[key_of(200).encode()].who)

    assert len(lengths) == 4
    assert (first, fleet.booked) == (len(by_length) - len(lengths), len(by_length))
    assert who == 2 * [line.receiver.epoch for line in by_length]


@pytest.mark.parametrize("place", [0, 1, 3, 4, 30, -345, -300, -263])
def test_a_byte_that_differs_is_looked_at(fleet, place):
    """In the header, the identifier or what follows up to the mark's key: no such read is booked."""
    fleet.open(200)
    fleet.broadcast(200)
    fleet.booked = 0
    line = fleet.lines[0]
    data = bytearray(line.read(200))
    data[place] ^= 1
    odd = (line, bytes(data), 5)
    taken = take_alike(iter([odd]))

    assert take_alike(iter([(line, line.read(200), 5)])) == (1, None)
    assert taken == (0, odd)


def test_what_follows_the_mark_may_differ(fleet):
    """A server may stamp each copy, or tell each receiver something else behind the text: it is the same delivery."""
    fleet.open(200)
    fleet.broadcast(200)
    line = fleet.lines[0]

    assert take_alike(iter([(line, line.read(200, text="jello " * 40), 5)])) == (1, None)


def test_what_is_longer_or_shorter_is_looked_at(fleet):
    """Two frames in a read, and a part of one, begin as the remembered one does."""
    fleet.open(200)
    fleet.broadcast(200)
    line = fleet.lines[0]
    data = line.read(200)
    for other in (data + data, data[:-1], data + b"\x81", data[:3], b""):
        odd = (line, other, 5)

        assert take_alike(iter([odd])) == (0, odd)


def test_a_connection_that_is_not_quick_is_left_to_the_caller(fleet):
    """One that was closed meanwhile, or keeps part of a frame; those behind it are not touched."""
    fleet.open(200)
    fleet.broadcast(200)
    first, second, third = fleet.lines[0], fleet.lines[3], fleet.lines[6]
    second.quick = None
    reads = [(line, line.read(200), 7) for line in (first, second, third)]
    remaining = iter(reads)

    assert take_alike(remaining) == (1, reads[1])
    assert list(remaining) == reads[2:]


def test_a_subscription_that_is_over_books_nothing(fleet):
    """A socket that stays open beyond its subscription has no epoch to book for."""
    fleet.open(200)
    fleet.broadcast(200)
    line = fleet.lines[0]
    line.receiver.retire(fleet.clock.now_ns())
    odd = (line, line.read(200), 5)

    assert take_alike(iter([odd])) == (0, odd)


def test_an_emission_that_the_ledger_has_forgotten_is_unmatched(fleet):
    """A copy that comes when the books of its emission are gone belongs to none, though its bytes are remembered."""
    fleet.open(200)
    fleet.broadcast(200)
    for _ in range(3):
        fleet.clock.advance(11)
        fleet.books.collect(fleet.clock.now_ns())
    before = fleet.books.ledger.entries.get(key_of(200).encode())
    fleet.broadcast(200)
    fleet.clock.advance(60)
    batch = fleet.books.collect(fleet.clock.now_ns())
    unmatched = sum(value for (_, metric, _, _), value in batch.counts.items() if metric == "delivery.unmatched")

    assert (before, unmatched) == (None, len(fleet.lines))


def test_a_flood_of_copies_is_counted_beyond_the_room():
    """What an entry has no room for is counted, whichever way it comes."""
    fleets = [Fleet(alike=alike, room=25) for alike in (True, False)]
    for fleet in fleets:
        past_the_first(fleet)
        fleet.open(200)
        for _ in range(8):
            fleet.broadcast(200)
    entry = fleets[0].books.ledger.entries[key_of(200).encode()]

    assert (len(entry.who), entry.overflow) == (25, 8 * 9 - 25)
    assert fleets[0].state == fleets[1].state


def test_every_frame_whose_turn_it_is_is_checked():
    """Booking in runs moves no sample: the same frames are held against the contract."""
    fleets = [Fleet(alike=alike) for alike in (True, False)]
    for fleet in fleets:
        for number in range(1, 400):
            fleet.open(number)
            fleet.broadcast(number)
    of_agents, of_contacts = 8 * 400, 400  # the frame before them is one more of each
    expected = 20 + (of_agents - 20) // 100 + 20 + (of_contacts - 20) // 100

    assert len(fleets[0].checked) == expected - 9  # the frames before them, of the first as well
    assert fleets[0].checked == fleets[1].checked
    assert fleets[0].booked > 399 * 4


@pytest.mark.parametrize("seed", range(25))
def test_the_books_are_those_of_one_after_the_other(seed):
    """Random turns of broadcasts, copies, changed bytes, other events, marks of nobody, sockets that are not quick."""
    fleets = [Fleet(alike=alike, room=60) for alike in (True, False)]
    for fleet in fleets:
        chance = random.Random(seed)
        past_the_first(fleet)
        fleet.booked = 0
        newest = 200
        for _ in range(60):
            if chance.random() < 0.4:
                newest += 1
                if chance.random() < 0.9:
                    fleet.open(newest)
            if chance.random() < 0.1:
                fleet.clock.advance(chance.choice((0.5, 12)))
                fleet.books.collect(fleet.clock.now_ns())
            reads = []
            number = newest if chance.random() < 0.8 else chance.randint(200, newest)
            lines = chance.sample(fleet.lines, chance.randint(1, len(fleet.lines)))
            for place, line in enumerate(sorted(lines, key=fleet.lines.index) if chance.random() < 0.8 else lines):
                how = {}
                luck = chance.random()
                if luck < 0.05:
                    how = {"text": "otherwise " * 30}
                elif luck < 0.15:
                    how = {"text": "jello " * 40}
                elif luck < 0.18:
                    how = {"run": "others"}
                elif luck < 0.2:
                    how = {"event": "message.updated"}
                one = newest - 1 if chance.random() < 0.05 else number
                line.quick = None if chance.random() < 0.03 else line.receiver
                reads.append((line, line.read(one, **how), fleet.clock.now_ns() + place))
            fleet.turn(reads)

    assert fleets[0].state == fleets[1].state, f"seed {seed}"
    assert (fleets[0].booked > 40, fleets[1].booked) == (True, 0)
    batches = [fleet.books.collect(fleet.clock.now_ns(), final=True) for fleet in fleets]
    assert batches[0].counts == batches[1].counts, f"seed {seed}"
