"""Doubtful emissions: one decision for all workers, from who received something and who did not."""

from loadtest.clock import NS_PER_S
from loadtest.distributed.doubts import WAIT_S, Doubts
from loadtest.metrics import Batch, Closing, Doubt

DUE_US = 1_700_000_000_500_000
WINDOW = 1_700_000_000
HEARD = [b"00000001", DUE_US]


def doubt(worker="w1", emitted=0, status="uncertain", **balance):
    """What a worker that received nothing would say."""
    fields = {
        "mark": "00000001",
        "event": "message.created",
        "role": "agent",
        "worker": worker,
        "actor_role": "contact",
        "status": status,
        "due_us": DUE_US,
        "emitted": emitted,
        **balance,
    }
    whole = dict.fromkeys(Closing.__slots__, 0) | {"response_us": None, "first_us": None, "last_us": None} | fields
    return Doubt("contact.send_message", Closing(**whole))


def told(*doubts):
    """A worker's batch."""
    return Batch(doubts=list(doubts))


def test_what_somebody_received_was_emitted():
    """The accounts of all who received nothing count, whoever told first, and none is a doubt any more."""
    doubts, whole = Doubts(NS_PER_S), Batch()
    first, second = told(doubt("w1", emitted=1, expected=2, lost=2)), told(doubt("w2", expected=1, cut_by_us=1))
    doubts.take(first, 0)
    doubts.announced(HEARD, whole)
    doubts.take(second, 0)
    for batch in (first, second):
        whole.merge(batch)

    assert whole.counts == {
        (WINDOW, "delivery.emitted", "message.created", ""): 1,
        (WINDOW, "delivery.expected", "message.created", "agent"): 3,
        (WINDOW, "delivery.lost", "message.created", "agent"): 2,
        (WINDOW, "delivery.cut_by_us", "message.created", "agent"): 1,
    }
    assert (["w1", "w2"], []) == ([closing.worker for closing in whole.closings], whole.doubts)


def test_what_nobody_received_was_none():
    """At the end of the run the call's fate stayed uncertain, once, and nothing was expected."""
    doubts, batch, end = Doubts(NS_PER_S), told(doubt(emitted=1, expected=2, lost=2), doubt("w2", expected=1)), Batch()
    doubts.take(batch, 0)
    doubts.decide(0, end, final=True)

    assert batch.is_empty
    assert end.counts == {(WINDOW, "emission.uncertain", "contact.send_message", ""): 1}
    assert not end.closings


def test_an_event_that_did_not_follow_is_no_uncertain_call():
    """Its call was answered; only the event did not come."""
    doubts, end = Doubts(NS_PER_S), Batch()
    doubts.take(told(doubt(emitted=1, status="ok", expected=2, lost=2)), 0)
    doubts.decide(0, end, final=True)

    assert end.is_empty


def test_a_doubt_waits_for_who_is_late():
    """Somebody may tell a minute later that it received it; longer than that nobody waits."""
    doubts, end = Doubts(NS_PER_S), Batch()
    doubts.take(told(doubt(emitted=1)), 0)
    doubts.decide(round((WAIT_S - 1) * NS_PER_S), end, final=False)
    assert end.is_empty
    doubts.decide(round(WAIT_S * NS_PER_S), end, final=False)

    assert 1 == sum(end.counts.values())


def test_a_subjects_next_emission_is_another():
    """The same key, due at another time, is not the emission that was received."""
    doubts, whole = Doubts(NS_PER_S), Batch()
    doubts.announced([HEARD[0], DUE_US + 1], whole)
    batch = told(doubt(expected=1, lost=1))
    doubts.take(batch, 0)

    assert whole.is_empty
    assert batch.is_empty


def test_other_announcements_pass():
    """An emission's own announcement decides nothing."""
    doubts, whole = Doubts(NS_PER_S), Batch()
    doubts.take(told(doubt(expected=1)), 0)
    doubts.announced([*HEARD, 1, 2, 3], whole)

    assert whole.is_empty
