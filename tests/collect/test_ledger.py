"""The ledger's balance, case by case and against a brute-force model of random histories."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings

from loadtest.clock import NS_PER_S, VirtualClock
from loadtest.collect import Collector, CollectorSettings, EndCause, Ledger, emission_key
from loadtest.collect.subjects import subject_key
from loadtest.directory import Directory
from loadtest.metrics import Batch, Histogram
from tests.collect.histories import History, histories, play, stalls
from tests.collect.support import ADMIN, AGENTS, BOB, CLEO, CONTACT_1, CONTACTS, DAN, action, balance, collector

KEY = emission_key(0, 1).encode()
CALL = "contact.send_message"
OUTCOMES = ("delivered", "late", "lost", "cut_by_peer", "cut_by_us", "undetermined")
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


def test_what_happens_between_two_steps_of_judging_counts():
    """Judging stops after each entry; arrivals and closings in between are neither lost nor counted twice."""
    subject, clock, epochs = _start()
    keys = [emission_key(0, n).encode() for n in range(3)]
    entries = [_emit(subject, clock, key=key) for key in keys]
    for key in keys[:2]:
        for identity in AUDIENCE:
            subject.tick(key, epochs[identity], clock.now_ns() + 5_000_000)
    batch = Batch()
    steps = subject.ledger.judging(clock.advance(1), batch)
    next(steps)
    for identity in AUDIENCE:
        subject.tick(keys[2], epochs[identity], clock.now_ns())
    assert [True, False, False] == [entry.settled for entry in entries]
    total = sum(1 for _ in steps) + 1
    subject.ledger.judge(clock.advance(11), batch)

    assert (3, 12, 12) == (
        total,
        balance(batch)["expected", "agent"] + balance(batch)["expected", "contact"],
        sum(h.n for (_, metric, _, _), h in batch.hists.items() if metric == "fanout"),
    )


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

    assert balance(_judge(subject, clock)) == {("unmatched", "agent"): 1}


def test_an_uncertain_post_that_nobody_heard_was_not_emitted():
    """A timeout without any delivery counts as uncertain, not as a loss."""
    subject, clock, _ = _start(people=AUDIENCE)
    _emit(subject, clock, status="uncertain")
    clock.advance(21)
    batch = _judge(subject, clock)

    assert (balance(batch), [key[1:3] for key in batch.counts]) == ({}, [("emission.uncertain", CALL)])


def test_an_uncertain_post_that_is_heard_of_late_was_emitted():
    """A server too slow to answer may be as slow to broadcast: for a second deadline that is late, not lost."""
    subject, clock, epochs = _start(people=(BOB, CLEO))
    _emit(subject, clock, status="uncertain")
    clock.advance(12)
    total = _judge(subject, clock)
    subject.tick(KEY, epochs[BOB], clock.now_ns())
    clock.advance(1)
    total.merge(_judge(subject, clock))
    found = balance(total)

    assert (found["emitted", ""], found["late", "agent"], found["lost", "agent"]) == (1, 1, 1)


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


def test_what_was_overtaken_is_told_whatever_the_order_of_opening():
    """A message that waited long for a connection was opened before those that happened before it."""
    subject, clock, epochs = _start(people=(BOB,))
    first, waited = (emission_key(0, n).encode() for n in (1, 2))
    entry = subject.ledger.open(waited, action(clock.now_ns()))
    _emit(subject, clock, key=first)
    clock.advance(0.5)
    subject.ledger.written(entry, clock.now_ns())
    subject.ledger.responded(entry, clock.now_ns() + 1_000_000, "ok")
    for key in (waited, first):
        subject.tick(key, epochs[BOB], clock.advance(0.01))
    clock.advance(12)

    assert balance(_judge(subject, clock))["reordered", "agent"] == 1


def test_what_comes_late_after_its_successors_is_reordered_too():
    """The later message was closed and given back long before the earlier one came."""
    subject, clock, epochs = _start(people=(BOB,))
    first, second = (emission_key(0, n).encode() for n in (1, 2))
    total = Batch()
    _emit(subject, clock, key=first)
    clock.advance(0.1)
    _emit(subject, clock, key=second)
    subject.tick(second, epochs[BOB], clock.advance(0.01))
    for _ in range(4):
        clock.advance(11)
        total.merge(_judge(subject, clock))
    subject.tick(first, epochs[BOB], clock.now_ns())
    total.merge(_judge(subject, clock))
    found = balance(total)

    assert (found["late", "agent"], found["reordered", "agent"]) == (1, 1)


def test_a_post_without_an_answer_has_no_successors():
    """A server may carry out a POST long after its client gave it up, so nothing is known to have happened after it."""
    subject, clock, epochs = _start(people=(BOB,))
    first, second = (emission_key(0, n).encode() for n in (1, 2))
    _emit(subject, clock, key=first, status="uncertain")
    clock.advance(0.1)
    _emit(subject, clock, key=second)
    for key in (second, first):
        subject.tick(key, epochs[BOB], clock.advance(0.01))
    clock.advance(12)

    assert ("reordered", "agent") not in balance(_judge(subject, clock))


def test_copies_and_leaks_are_told_after_the_books_are_closed():
    """For a deadline after its books are closed an emission's stray frames are still its own."""
    subject, clock, epochs = _start(people=(BOB, DAN))
    _emit(subject, clock)
    subject.tick(KEY, epochs[BOB], clock.advance(0.01))
    clock.advance(10)
    total = _judge(subject, clock)
    for identity in (BOB, DAN, DAN):
        subject.tick(KEY, epochs[identity], clock.advance(0.01))
    clock.advance(1)
    total.merge(_judge(subject, clock))
    found = balance(total)

    assert (found["duplicated", "agent"], found["leaked", "agent"], found["delivered", "agent"]) == (1, 1, 1)


def test_a_socket_that_ended_after_the_deadline_lost_the_message():
    """Who was there all the time and had nothing by the deadline is not excused by leaving a moment later."""
    subject, clock, epochs = _start(people=(BOB,))
    _emit(subject, clock)
    clock.advance(10.5)
    subject.ended(BOB, epochs[BOB], clock.now_ns(), EndCause.BY_PEER)
    clock.advance(1)
    found = balance(_judge(subject, clock))

    assert (found["lost", "agent"], ("cut_by_peer", "agent") in found) == (1, False)


def test_more_copies_than_there_is_room_for_leave_the_rest_undetermined():
    """What a flood of copies crowded out may have come: it is counted as overflow, and nothing is called lost."""
    subject, clock, epochs = _start(people=(BOB, CLEO))
    entry = _emit(subject, clock)
    for _ in range(entry.room):
        subject.tick(KEY, epochs[BOB], clock.now_ns())
    subject.tick(KEY, epochs[CLEO], clock.now_ns())
    clock.advance(11)
    batch = _judge(subject, clock)
    found = balance(batch)

    assert (found["undetermined", "agent"], ("lost", "agent") in found) == (1, False)
    assert sum(n for key, n in batch.counts.items() if key[1] == "generator.overflow") == 1


def test_a_large_audience_has_room_before_it_is_known():
    """Copies that come before the first judging are kept for everybody who may be there."""
    directory = Directory(tuple(replace(AGENTS[0], user_id=n, pubsub_token=f"t{n}") for n in range(1, 1501)), CONTACTS)
    clock = VirtualClock()
    subject = Collector(directory, clock, CollectorSettings("testrn"))
    epochs = [subject.confirmed(identity, clock.now_ns()) for identity in range(1500)]
    clock.advance(60)
    _emit(subject, clock)
    for epoch in epochs:
        subject.tick(KEY, epoch, clock.now_ns())
    clock.advance(11)

    assert balance(_judge(subject, clock))["delivered", "agent"] == 1500


def test_who_missed_an_emission_is_told():
    """Whoever asks hears which epochs had nothing by the deadline, and since when."""
    subject, clock, epochs = _start(people=(BOB, CLEO))
    told = []
    ledger = Ledger(
        subject.people,
        subject.epochs,
        clock,
        window_ns=NS_PER_S,
        on_missing=lambda missing, required, written_ns: told.append((missing.tolist(), required, written_ns)),
    )
    entry = ledger.open(KEY, action(clock.now_ns()))
    written_ns = clock.now_ns()
    ledger.written(entry, written_ns)
    ledger.responded(entry, written_ns + 1, "ok")
    ledger.tick(KEY, epochs[BOB], clock.now_ns())
    clock.advance(11)
    ledger.judge(clock.now_ns(), Batch())

    assert told == [([epochs[CLEO]], 2, written_ns)]


def test_the_newest_marked_message_of_an_inbox_is_known():
    """By whichever worker it was written."""
    emitter, clock, _ = _start(people=())
    receiver, _, _ = _start(people=())
    _emit(emitter, clock)
    receiver.ledger.announce(emitter.ledger.announcements[0])

    assert emitter.ledger.newest_ns == receiver.ledger.newest_ns == {(1, 10): clock.now_ns()}


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


def test_unannounced_marks_are_bounded():
    """More of them than may wait are given up, the oldest first."""
    subject, clock, epochs = _start(people=(BOB,))
    ledger = Ledger(subject.people, subject.epochs, clock, window_ns=NS_PER_S, unannounced_limit=3)
    for n in range(5):
        ledger.tick(emission_key(0, n).encode(), epochs[BOB], clock.now_ns())
    batch = Batch()
    ledger.judge(clock.now_ns(), batch)

    assert (balance(batch), len(ledger.entries)) == ({("unmatched", "agent"): 2}, 3)


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
    """Entries that were delivered in full leave nothing behind, once further copies are not told any more."""
    subject, clock, epochs = _start(people=(BOB,))
    for n in range(100):
        key = emission_key(0, n).encode()
        _emit(subject, clock, key=key)
        subject.tick(key, epochs[BOB], clock.now_ns() + 1)
    for _ in range(2):
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


def test_a_retired_subject_is_used_again_after_ten_minutes():
    """A run of days does not end with all of its subjects retired."""
    subject, clock, _ = _start()
    _type(subject, clock)
    clock.advance(11)
    _judge(subject, clock)
    clock.advance(601)
    _judge(subject, clock)

    assert subject.ledger.is_free(TYPING, clock.now_ns())


def test_the_table_of_epochs_does_not_grow_with_the_run():
    """People who come and go for a day take up their numbers again; those of an emission still missed are kept."""
    subject, clock, epochs = _start()
    _emit(subject, clock)  # nobody gets it: its required epochs stay known
    for _ in range(100):
        for _ in range(100):
            epoch = subject.confirmed(DAN, clock.now_ns())
            subject.ended(DAN, epoch, clock.now_ns(), EndCause.BY_US)
        clock.advance(60)
        _judge(subject, clock)
    ended_ns = clock.now_ns()
    for identity in AUDIENCE:
        subject.ended(identity, epochs[identity], ended_ns, EndCause.BY_US)
    clock.advance(600)
    _judge(subject, clock)
    fresh = {subject.confirmed(DAN, clock.now_ns()) for _ in range(3000)}

    assert len(subject.epochs) < 6000
    assert fresh.isdisjoint(epochs.values())


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


@pytest.mark.parametrize("workers", [1, 2])
@settings(deadline=None)
@given(history=histories() | stalls())
def test_the_balance_is_that_of_a_brute_force_model(history: History, workers: int):
    """Whatever happens to deliveries, every column equals a plain search of the history, in one process or two."""
    found = play(history, workers)

    assert history.balance(workers) == balance(found)


@pytest.mark.parametrize("workers", [1, 2])
@settings(deadline=None)
@given(history=histories() | stalls())
def test_latencies_and_closings_are_those_of_the_balance(history: History, workers: int):
    """Each delivery has its latency in the histograms once, and the closing records add up to the same balance."""
    found = play(history, workers)
    fanout = {"agent": Histogram(), "contact": Histogram()}
    for (_, metric, _, role), hist in found.hists.items():
        if metric == "fanout":
            fanout[role].merge(hist)
    columns = {column for column, _ in balance(found)} - {"unmatched"}
    sums = Counter()
    for closing in found.closings:
        for column in columns:
            sums[column, "" if column == "emitted" else closing.role] += getattr(closing, column)

    assert history.latencies() == fanout
    assert {key: n for key, n in balance(found).items() if key[0] in columns} == {k: n for k, n in sums.items() if n}


@pytest.mark.parametrize("workers", [1, 2])
@settings(deadline=None)
@given(history=stalls())
def test_the_outcomes_of_each_emission_add_up(history: History, workers: int):
    """However people reconnect while a message is held up, each delivery expected of it has exactly one outcome."""
    expected, outcomes = Counter(), Counter()
    for closing in play(history, workers).closings:
        expected[closing.mark, closing.role] += closing.expected
        outcomes[closing.mark, closing.role] += sum(getattr(closing, name) for name in OUTCOMES)

    assert expected == outcomes


def test_an_announcement_that_comes_a_minute_late_loses_nothing():
    """While the master stands still deliveries wait for it, past two deadlines; they are counted as what they were."""
    subject, clock = collector(workers=2)
    epoch = subject.confirmed(BOB, clock.now_ns())
    clock.advance(60)
    emitter, _ = collector(workers=2)
    key = emission_key(0, 1).encode()
    entry = emitter.ledger.open(key, action(clock.now_ns()))
    emitter.ledger.written(entry, clock.now_ns())
    emitter.ledger.responded(entry, clock.now_ns() + 1, "ok")
    subject.tick(key, epoch, clock.now_ns() + 5_000_000)
    batch = subject.collect(clock.advance(45))
    subject.ledger.announce(emitter.ledger.announcements[0])
    batch.merge(subject.collect(clock.advance(1)))

    found = {column: n for (column, _), n in balance(batch).items() if column != "away"}
    assert {"delivered": 1, "expected": 1} == found
