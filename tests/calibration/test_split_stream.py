"""One recorded stream of deliveries, taken by one collector and by three: the same histograms, the same balance.

Some of its POSTs have no clear answer: some of these nobody heard of, some a single receiver only, in one process.
"""

import random
from collections import Counter

import pytest

from loadtest.clock import NS_PER_MS, VirtualClock
from loadtest.collect import Action, Collector, CollectorSettings, emission_key
from loadtest.collect.judge import BALANCE
from loadtest.directory import Population, generate
from loadtest.distributed import messages
from loadtest.distributed.doubts import Doubts
from loadtest.metrics import Batch

WHOLE = generate(Population(agents=12, contacts=6, members=5))
SPAN_S = 20


def stream(seed):
    """Emissions with their deliveries: (when written, contact, key, [(who, delay, copies)]), with faults."""
    draw = random.Random(seed)
    found = []
    for number in range(200):
        contact = draw.choice(WHOLE.contacts)
        members = [a for a in WHOLE.agents if a.role == "administrator" or contact.inbox_id in a.inbox_ids]
        stranger = draw.choice([a for a in WHOLE.agents if a not in members])
        heard = [(who, draw.lognormvariate(2.5, 1.0), 2 if draw.random() < 0.05 else 1) for who in (*members, contact)]
        heard = [(who, 12_000 if draw.random() < 0.02 else ms, copies) for who, ms, copies in heard]
        heard = [one for one in heard if draw.random() > 0.05]
        status = draw.choice(["ok", "ok", "ok", "uncertain", "void"])
        if status == "uncertain":
            heard = draw.choice([heard, heard[:1], []])
            heard = [(who, ms if draw.random() < 0.5 else 19_700.0, copies) for who, ms, copies in heard]
        if draw.random() < 0.05 and heard:
            heard.append((stranger, 5.0, 1))
        key = emission_key(0, number).encode()
        found.append((round(draw.uniform(2, SPAN_S) * 1000), contact, key, heard if status != "void" else [], status))
    return sorted(found, key=lambda one: one[0])


def taken(recorded, shares):
    """What so many collectors make of the stream together, their batches sent in parts as workers send them."""
    hands = messages.deal(WHOLE, [(-(-12 // shares), -(-6 // shares))] * shares)
    clock = VirtualClock()
    start_ns = clock.now_ns()
    crew = [
        Collector(hand, clock, CollectorSettings("testrn", worker=str(n), workers=shares))
        for n, hand in enumerate(hands)
    ]
    epochs = {}
    for collector, hand in zip(crew, hands, strict=True):
        for number, who in enumerate((*hand.agents, *hand.contacts)):
            epochs[who] = (collector, collector.confirmed(number, clock.now_ns()))
    events = []
    for order, (at_ms, contact, key, heard, status) in enumerate(recorded):
        at_ns = start_ns + at_ms * NS_PER_MS
        events.append((at_ns, order, "emit", contact, key, status))
        for who, delay_ms, copies in heard:
            events += [(at_ns + round(delay_ms * NS_PER_MS), order, "hear", contact, key, who)] * copies
    events += [(start_ns + second * 1000 * NS_PER_MS, 0, "tick", None, b"", ()) for second in range(1, SPAN_S + 45)]
    whole, doubts = Batch(), Doubts(crew[0].window_ns)
    for at_ns, _, what, contact, key, who in sorted(events, key=lambda event: event[:3]):
        clock.advance(max(0, at_ns - clock.now_ns()) / 1e9)
        if what == "emit":
            ledger = epochs[contact][0].ledger
            entry = ledger.open(key, action(contact, at_ns))
            ledger.written(entry, at_ns)
            ledger.responded(entry, at_ns + NS_PER_MS, who)
        elif what == "hear":
            collector, epoch = epochs[who]
            collector.tick(key, epoch, at_ns)
        else:
            _tick(crew, clock.now_ns(), whole, doubts)
    _tick(crew, clock.now_ns(), whole, doubts, final=True)
    doubts.decide(clock.now_ns(), whole, final=True)
    return whole


def _tick(crew, now_ns, whole, doubts, *, final=False):
    for collector in crew:
        for part in messages.batch_parts(collector.collect(now_ns, final=final)):
            batch = Batch.from_plain(part)
            doubts.take(batch, now_ns)
            whole.merge(batch)
    for collector in crew:
        announced, collector.ledger.announcements = collector.ledger.announcements, []
        for plain in announced:
            doubts.announced(plain, whole)
        for other in crew:
            if other is not collector:
                for plain in announced:
                    other.announce(plain)


def action(contact, at_ns):
    """A contact's message, as its process knows it."""
    return Action(
        event="message.created",
        call="contact.send_message",
        account_id=contact.account_id,
        inbox_id=contact.inbox_id,
        conversation_id=contact.contact_id,
        contact_id=contact.contact_id,
        actor_role="contact",
        actor_id=contact.contact_id,
        private=False,
        due_ns=at_ns,
        dispatched_ns=at_ns,
    )


def told(batch):
    """Latencies and balance of a batch, and of its closing records."""
    hists = {key: hist for key, hist in batch.hists.items() if key[1].startswith("fanout")}
    counts = {key: n for key, n in batch.counts.items() if key[1].startswith(("delivery.", "emission.")) and n}
    closings = Counter()
    for closing in batch.closings:
        for name in BALANCE:
            closings[closing.mark, closing.role, name] += getattr(closing, name)
    return hists, counts, +closings


@pytest.mark.parametrize("seed", [1, 2])
def test_three_collectors_make_the_same_of_it_as_one(seed):
    """Every histogram and every column of the balance, window by window."""
    recorded = stream(seed)
    alone = told(taken(recorded, 1))
    columns = {key[1].partition(".")[2] for key in alone[1]}

    assert columns >= {"emitted", "expected", "delivered", "late", "lost", "duplicated", "leaked", "uncertain", "void"}
    assert alone == told(taken(recorded, 3))
