"""The ledger's balance, case by case and against a brute-force model of random histories."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import NS_PER_S
from loadtest.collect import EndCause, emission_key
from loadtest.collect.subjects import subject_key
from loadtest.metrics import Batch
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, DAN, action, balance, collector

KEY = emission_key(0, 1).encode()
AUDIENCE = (ADMIN, BOB, CLEO, CONTACT_1)


def _start(people=AUDIENCE, **settings):
    """A collector whose people are confirmed since a minute."""
    subject, clock = collector(**settings)
    epochs = {identity: subject.confirmed(identity, clock.now_ns()) for identity in people}
    clock.advance(60)
    return subject, clock, epochs


def _emit(subject, clock, status="ok", key=KEY, **kwargs):
    entry = subject.ledger.open(key, action(clock.now_ns(), **kwargs))
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1_000_000, status)
    return entry


def _judge(subject, clock, *, final=False):
    batch = Batch()
    subject.ledger.judge(clock.now_ns(), batch, final=final)
    return batch


def test_everyone_served_is_delivered():
    """An emission that reached its whole audience has nothing but deliveries, with latencies from its due time."""
    subject, clock, epochs = _start()
    _emit(subject, clock)
    for n, identity in enumerate(AUDIENCE):
        subject.tick(KEY, epochs[identity], clock.now_ns() + (n + 1) * 5_000_000)
    clock.advance(11)
    batch = _judge(subject, clock)
    hists = {(metric, role): (h.n, h.min_us, h.max_us) for (_, metric, _, role), h in batch.hists.items()}

    assert balance(batch) == {
        ("emitted", ""): 1,
        ("expected", "agent"): 3,
        ("delivered", "agent"): 3,
        ("expected", "contact"): 1,
        ("delivered", "contact"): 1,
    }
    assert (hists["fanout", "agent"], hists["fanout", "contact"]) == ((3, 5000, 15000), (1, 20000, 20000))


def test_who_got_nothing_by_the_deadline_lost_it():
    """A required epoch without a tick is lost once the deadline is over, not before."""
    subject, clock, epochs = _start()
    _emit(subject, clock)
    subject.tick(KEY, epochs[BOB], clock.now_ns() + 1)
    clock.advance(9)
    before = balance(_judge(subject, clock))
    clock.advance(2)
    after = balance(_judge(subject, clock))

    assert before == {}
    assert (after["lost", "agent"], after["lost", "contact"], after["delivered", "agent"]) == (2, 1, 1)


def test_what_comes_after_the_deadline_is_late_with_its_latency():
    """A delivery after the deadline turns a loss into a late one and enters the latencies."""
    subject, clock, epochs = _start(people=(BOB,))
    due_ns = clock.now_ns()
    _emit(subject, clock)
    clock.advance(12)
    total = _judge(subject, clock)
    subject.tick(KEY, epochs[BOB], clock.now_ns())
    late = _judge(subject, clock)
    total.merge(late)
    slowest_us = {key[1]: h.max_us for key, h in late.hists.items()}["fanout"]

    assert balance(total) == {
        ("emitted", ""): 1,
        ("expected", "agent"): 1,
        ("late", "agent"): 1,
        ("away", "agent"): 2,
        ("away", "contact"): 1,
    }
    assert slowest_us == (clock.now_ns() - due_ns) // 1000


def test_second_copies_are_duplicates():
    """Each copy beyond an epoch's first is counted, and none of them counts as a delivery."""
    subject, clock, epochs = _start(people=(BOB,))
    _emit(subject, clock)
    for n in range(3):
        subject.tick(KEY, epochs[BOB], clock.now_ns() + n)
    clock.advance(11)
    found = balance(_judge(subject, clock))

    assert (found["delivered", "agent"], found["duplicated", "agent"]) == (1, 2)


def test_a_socket_outside_the_audience_is_a_leak():
    """A tick by an identity that the contract does not name is leaked, however many copies came."""
    subject, clock, epochs = _start(people=(BOB, DAN))
    _emit(subject, clock)
    for identity in (BOB, DAN, DAN):
        subject.tick(KEY, epochs[identity], clock.now_ns())
    clock.advance(11)
    found = balance(_judge(subject, clock))

    assert (found["leaked", "agent"], found["delivered", "agent"]) == (1, 1)
    assert ("duplicated", "agent") not in found


@pytest.mark.parametrize(("dialect", "required", "leaked"), [("seed", 0, 1), ("current", 1, 0), ("auto", 0, 0)])
def test_what_only_some_versions_send_is_allowed_where_the_version_is_unknown(dialect, required, leaked):
    """A new conversation is told to its contact since 2.3: a leak by the document, required today, else allowed."""
    subject, clock, epochs = _start(people=(CONTACT_1,), dialect=dialect)
    key = subject_key("conversation.created", 1, 100)
    entry = subject.ledger.open_subject(
        key, replace(action(clock.now_ns()), event="conversation.created"), subject.batch
    )
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1, "ok")
    subject.tick(key, epochs[CONTACT_1], clock.now_ns() + 1)
    clock.advance(11)
    found = balance(subject.collect(clock.now_ns()), "conversation.created")

    assert (required, leaked) == (found.get(("expected", "contact"), 0), found.get(("leaked", "contact"), 0))


def test_a_private_note_to_the_contact_is_a_leak():
    """The contact is not in a private note's audience."""
    subject, clock, epochs = _start()
    _emit(subject, clock, private=True)
    for identity in AUDIENCE:
        subject.tick(KEY, epochs[identity], clock.now_ns())
    clock.advance(11)
    found = balance(_judge(subject, clock))

    assert (found["leaked", "contact"], found["delivered", "agent"]) == (1, 3)


def test_sockets_that_ended_are_cut_not_lost():
    """An epoch that ended before its tick is charged to who ended it."""
    subject, clock, epochs = _start()
    _emit(subject, clock)
    subject.ended(BOB, epochs[BOB], clock.now_ns() + 5, EndCause.BY_PEER)
    subject.ended(CONTACT_1, epochs[CONTACT_1], clock.now_ns() + 5, EndCause.BY_US)
    clock.advance(11)
    found = balance(_judge(subject, clock))

    assert (found["cut_by_peer", "agent"], found["cut_by_us", "contact"], found["lost", "agent"]) == (1, 1, 2)


def test_a_confirm_within_the_guard_is_allowed_but_not_required():
    """Who subscribed just before the send may get it or not; neither is an event."""
    subject, clock, _ = _start(people=(BOB,))
    fresh = subject.confirmed(CLEO, clock.now_ns() - 1000)
    _emit(subject, clock)
    subject.tick(KEY, fresh, clock.now_ns() + 1)
    clock.advance(11)
    found = balance(_judge(subject, clock))

    assert (found["expected", "agent"], found["lost", "agent"]) == (1, 1)
    assert ("leaked", "agent") not in found


def test_a_void_post_emits_nothing():
    """After a 4xx nobody is expected to hear anything, and who does is unmatched."""
    subject, clock, epochs = _start(people=(BOB,))
    _emit(subject, clock, status="void")
    subject.tick(KEY, epochs[BOB], clock.now_ns())
    clock.advance(11)

    assert balance(_judge(subject, clock)) == {
        ("unmatched", "agent"): 1,
        ("away", "agent"): 2,
        ("away", "contact"): 1,
    }


def test_an_uncertain_post_that_nobody_heard_was_not_emitted():
    """A timeout without any delivery counts as uncertain, not as a loss."""
    subject, clock, _ = _start(people=AUDIENCE)
    _emit(subject, clock, status="uncertain")
    clock.advance(11)

    assert balance(_judge(subject, clock)) == {}


def test_an_uncertain_post_that_somebody_heard_was_emitted():
    """One delivery proves the emission: then everybody is expected to have it."""
    subject, clock, epochs = _start(people=AUDIENCE)
    _emit(subject, clock, status="uncertain")
    subject.tick(KEY, epochs[BOB], clock.now_ns() + 1)
    clock.advance(11)
    found = balance(_judge(subject, clock))

    assert (found["emitted", ""], found["lost", "agent"], found["lost", "contact"]) == (1, 2, 1)


def test_overtaking_is_reordering_only_when_one_happened_before_the_other():
    """A message that arrives after one whose POST began after its own response was overtaken."""
    subject, clock, epochs = _start(people=(BOB, CLEO))
    first, second, overlapping = (emission_key(0, n).encode() for n in (1, 2, 3))
    _emit(subject, clock, key=first)
    clock.advance(0.1)
    _emit(subject, clock, key=second)
    _emit(subject, clock, key=overlapping)
    for key, identity, after_ms in (
        (second, BOB, 1),
        (first, BOB, 2),
        (first, CLEO, 1),
        (second, CLEO, 3),
        (overlapping, CLEO, 2),
        (overlapping, BOB, 9),
    ):
        subject.tick(key, epochs[identity], clock.now_ns() + after_ms * 1_000_000)
    clock.advance(11)

    assert balance(_judge(subject, clock))["reordered", "agent"] == 1


def test_frames_that_precede_their_announcement_wait():
    """A mark of another worker is matched when that worker announces its emission."""
    emitter, clock, _ = _start(people=())
    receiver, _, epochs = _start(people=(BOB,))
    receiver.tick(KEY, epochs[BOB], clock.now_ns() + 7)
    _emit(emitter, clock)
    receiver.ledger.announce(emitter.ledger.announcements[0])
    clock.advance(11)
    found = balance(_judge(receiver, clock))

    assert found["delivered", "agent"] == 1
    assert ("emitted", "") not in found


def test_a_mark_nobody_announces_is_unmatched():
    """After two deadlines a mark of this run that belongs to no emission is given up."""
    subject, clock, epochs = _start(people=(BOB,))
    subject.tick(KEY, epochs[BOB], clock.now_ns())
    clock.advance(21)

    assert balance(_judge(subject, clock)) == {("unmatched", "agent"): 1}


def test_books_closed_early_leave_missing_deliveries_undetermined():
    """What had not reached its deadline when the run ended is not called lost."""
    subject, clock, _ = _start(people=(BOB,))
    _emit(subject, clock)
    clock.advance(1)
    found = balance(_judge(subject, clock, final=True))

    assert (found["undetermined", "agent"], found["expected", "agent"]) == (1, 1)
    assert ("lost", "agent") not in found


def test_memory_of_closed_emissions_is_given_back():
    """Entries that were delivered in full leave nothing behind."""
    subject, clock, epochs = _start(people=(BOB,))
    for n in range(100):
        key = emission_key(0, n).encode()
        _emit(subject, clock, key=key)
        subject.tick(key, epochs[BOB], clock.now_ns() + 1)
    clock.advance(11)
    _judge(subject, clock)

    assert (len(subject.ledger.entries), subject.ledger.open_count) == (0, 0)


TYPING = subject_key("conversation.typing_on", 1, 100, "contact:1")


def _type(subject, clock, *, ticks=(), key=TYPING, **changes):
    """The contact starts typing in its conversation; ``ticks`` are epochs that see it at once."""
    typing = replace(action(clock.now_ns()), event="conversation.typing_on", spared=CONTACT_1, **changes)
    entry = subject.ledger.open_subject(key, typing, subject.batch)
    if entry is not None:
        subject.ledger.written(entry, clock.now_ns())
        subject.ledger.responded(entry, clock.now_ns() + 1, "ok")
        for epoch in ticks:
            subject.tick(key, epoch, clock.now_ns() + 1)
    return entry


def test_an_emission_without_a_mark_is_accounted_by_its_subject():
    """Typing is delivered to its audience but for who types."""
    subject, clock, epochs = _start()
    _type(subject, clock, ticks=[epochs[i] for i in (ADMIN, BOB)])
    clock.advance(11)
    batch = subject.collect(clock.now_ns())

    assert balance(batch, "conversation.typing_on") == {
        ("emitted", ""): 1,
        ("expected", "agent"): 3,
        ("delivered", "agent"): 2,
        ("lost", "agent"): 1,
    }


def test_a_subject_is_free_again_once_everybody_was_served():
    """A finished subject can be used again after a moment; an unfinished one cannot."""
    subject, clock, epochs = _start()
    everybody = [epochs[i] for i in (ADMIN, BOB, CLEO)]
    first = _type(subject, clock, ticks=everybody)
    clock.advance(0.1)
    too_soon = _type(subject, clock, ticks=everybody)
    clock.advance(1)
    second = _type(subject, clock, ticks=everybody[:2])
    clock.advance(5)
    unfinished = _type(subject, clock)
    clock.advance(60)
    batch = subject.collect(clock.now_ns())

    assert [entry is None for entry in (first, too_soon, second, unfinished)] == [False, True, False, True]
    assert balance(batch, "conversation.typing_on") == {
        ("emitted", ""): 2,
        ("expected", "agent"): 6,
        ("delivered", "agent"): 5,
        ("lost", "agent"): 1,
    }


def test_a_subject_that_was_not_finished_is_retired():
    """A late copy could be the next emission's first, so there is no next one."""
    subject, clock, epochs = _start()
    _type(subject, clock, ticks=[epochs[ADMIN]])
    clock.advance(60)
    subject.collect(clock.now_ns())

    assert _type(subject, clock) is None


def test_frames_that_precede_the_name_of_their_subject_are_the_emissions():
    """A conversation's number is known from the answer only; what arrived before is bound to it."""
    subject, clock, epochs = _start()
    key = subject_key("conversation.created", 1, 100)
    entry = subject.ledger.open_unbound(replace(action(clock.now_ns()), event="conversation.created"))
    subject.tick(key, epochs[ADMIN], clock.now_ns() + 1)
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.bind(entry, key)
    subject.ledger.responded(entry, clock.now_ns() + 2, "ok")
    for identity in (BOB, CLEO):
        subject.tick(key, epochs[identity], clock.now_ns() + 3)
    clock.advance(11)

    assert balance(subject.collect(clock.now_ns()), "conversation.created") == {
        ("emitted", ""): 1,
        ("expected", "agent"): 3,
        ("delivered", "agent"): 3,
    }


def test_what_perhaps_follows_is_expected_only_when_it_does():
    """Nobody having it is nothing; one having it makes everybody expect it."""
    subject, clock, epochs = _start()
    other = subject_key("conversation.typing_on", 1, 101, "contact:1")
    _type(subject, clock, perhaps=True)
    _type(subject, clock, perhaps=True, key=other, ticks=[epochs[BOB]])
    clock.advance(11)

    assert balance(subject.collect(clock.now_ns()), "conversation.typing_on") == {
        ("emitted", ""): 1,
        ("expected", "agent"): 3,
        ("delivered", "agent"): 1,
        ("lost", "agent"): 2,
    }


def test_copies_a_server_may_send_are_no_duplicates():
    """Where a server may repeat an event, copies up to the most it may send are fine."""
    subject, clock, epochs = _start(people=(BOB,))
    _type(subject, clock, most=2, ticks=[epochs[BOB]] * 3)
    clock.advance(11)

    assert balance(subject.collect(clock.now_ns()), "conversation.typing_on")["duplicated", "agent"] == 1


def test_somebody_elses_event_is_foreign():
    """An event of a subject that we did not act on is counted as foreign in the end."""
    subject, clock, epochs = _start(people=(BOB,))
    subject.tick(TYPING, epochs[BOB], clock.now_ns())
    clock.advance(21)

    assert balance(subject.collect(clock.now_ns()), "conversation.typing_on") == {("foreign", "agent"): 1}


def test_an_announced_subject_is_matched_by_another_worker():
    """Another worker's typing is accounted on the sockets here."""
    emitter, clock, _ = _start(people=())
    receiver, _, epochs = _start(people=(BOB,))
    _type(emitter, clock)
    receiver.ledger.announce(emitter.ledger.announcements[0])
    receiver.tick(TYPING, epochs[BOB], clock.now_ns() + 7)
    clock.advance(11)

    assert balance(receiver.collect(clock.now_ns()), "conversation.typing_on")["delivered", "agent"] == 1


def test_two_emissions_of_a_subject_are_told_apart_by_time_elsewhere():
    """Another worker's second typing about a conversation takes the ticks that came since it was written."""
    emitter, clock, _ = _start(people=(), workers=2)
    receiver, _, epochs = _start(people=(BOB,), workers=2)
    for _ in range(2):
        _type(emitter, clock)
        emitter.ledger.entries.clear()  # what the emitter's own sockets say is not the matter here
        receiver.tick(TYPING, epochs[BOB], clock.now_ns() + 1_000_000)
        clock.advance(13)
    for plain in emitter.ledger.announcements:
        receiver.ledger.announce(plain)
    receiver.clock.advance(30)
    batch = receiver.collect(receiver.clock.now_ns())
    fanout = [h for key, h in batch.hists.items() if key[1] == "fanout"]

    assert balance(batch, "conversation.typing_on")["delivered", "agent"] == 2
    assert sum(h.underflow for h in fanout) == 0


def test_with_several_workers_a_subject_rests_until_all_have_closed_its_books():
    """What arrives before an announcement must not fall into the books of the emission before."""
    subject, clock, epochs = _start(workers=2)
    everybody = [epochs[i] for i in (ADMIN, BOB, CLEO)]
    first = _type(subject, clock, ticks=everybody)
    clock.advance(9)
    during = _type(subject, clock)
    clock.advance(2)
    subject.collect(clock.now_ns())
    announced = _type(subject, clock)
    clock.advance(1.5)
    after = _type(subject, clock)

    assert [entry is None for entry in (first, during, announced, after)] == [False, True, True, False]


_LIVES = st.lists(
    st.tuples(
        st.sampled_from((ADMIN, BOB, CLEO, DAN, CONTACT_1)),
        st.integers(0, 40),
        st.one_of(st.none(), st.integers(1, 40)),
        st.sampled_from((EndCause.BY_US, EndCause.BY_PEER)),
    ),
    max_size=12,
)
_DELIVERIES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 30)), max_size=25)


@given(_LIVES, st.integers(5, 40), _DELIVERIES, st.booleans())
def test_the_balance_is_that_of_a_brute_force_model(lives, sent_s, deliveries, private):
    """Random subscriptions, one emission, random deliveries: every column equals a plain search of the history."""
    subject, clock = collector()
    zero = clock.now_ns()
    table = []
    for identity, start_s, length_s, cause in lives:
        epoch = subject.epochs.open(identity, zero + start_s * NS_PER_S)
        end_s = None if length_s is None else start_s + length_s
        if end_s is not None:
            subject.epochs.end(epoch, zero + end_s * NS_PER_S, cause)
        table.append((epoch, identity, start_s, end_s, cause))
    clock.advance(sent_s)
    _emit(subject, clock, private=private)
    ticks = {}
    for index, after_s in sorted(deliveries, key=lambda d: d[1]):
        if index < len(table) and table[index][3] is None:
            ticks.setdefault(index, []).append(after_s)
            subject.tick(KEY, table[index][0], clock.now_ns() + after_s * NS_PER_S)
    clock.advance(60)
    found = balance(_judge(subject, clock))

    audience = {ADMIN, BOB, CLEO} | (set() if private else {CONTACT_1})
    expected = Counter({("emitted", ""): 1})
    present = set()
    for index, (_, identity, start_s, end_s, cause) in enumerate(table):
        role = "contact" if identity == CONTACT_1 else "agent"
        got = ticks.get(index, [])
        alive = start_s <= sent_s and (end_s is None or end_s > sent_s)
        if alive and identity in audience:
            present.add(identity)
        if identity not in audience:
            expected["leaked", role] += bool(got)
            continue
        expected["duplicated", role] += max(0, len(got) - 1)
        if not (alive and start_s + 0.5 <= sent_s):
            continue
        expected["expected", role] += 1
        if got:
            expected["delivered" if got[0] <= 10 else "late", role] += 1
        elif end_s is not None:
            expected["cut_by_us" if cause == EndCause.BY_US else "cut_by_peer", role] += 1
        else:
            expected["lost", role] += 1
    for identity in audience - present:
        expected["away", "contact" if identity == CONTACT_1 else "agent"] += 1

    assert {key: n for key, n in expected.items() if n} == found
