"""What is read off views now and then: staleness, disagreement, ages, and the strip."""

import pytest

from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1
from tests.collect.test_presence import data, found, opened, seconds, totals


@pytest.fixture
def three():
    """Ann and Bob watch Cleo; the hold has begun."""
    subject, clock = opened()
    for identity in (ADMIN, BOB, CLEO, CONTACT_1):
        subject.arrived(identity, clock.now_ns())
    for identity in (ADMIN, BOB):
        subject.told(identity, data([1, 2, 3], [1]), clock.now_ns())
    subject.count_from(clock.now_ns())
    return subject, clock


def test_staleness_is_the_age_of_the_beat_behind_the_view(three):
    """Ten seconds after a view made of beats of that moment everything in it is ten seconds old."""
    subject, clock = three
    clock.advance(10)
    subject.beat(CLEO, clock.now_ns())  # a beat that no view knows of makes no view younger
    batch = found(subject, clock)

    assert set(seconds(batch, "staleness")["agent", "agent"]) == {10}


def test_who_is_shown_without_a_beat_of_this_run_has_no_staleness():
    """Somebody whom an earlier client made online is shown before the first beat: there is no age to tell."""
    subject, clock = opened(agent_expiry_s=None)
    subject.told(ADMIN, data([1, 3], []), clock.now_ns())
    subject.arrived(ADMIN, clock.now_ns())
    subject.told(ADMIN, data([1, 3], []), clock.now_ns())
    subject.arrived(CLEO, clock.advance(1))
    subject.count_from(clock.now_ns())
    batch = found(subject, clock)
    hists = [hist for (_, metric, *_), hist in batch.hists.items() if metric == "staleness"]

    assert [hist.overflow for hist in hists if hist.overflow] == []


def test_two_observers_that_say_the_same_do_not_disagree(three):
    """Each comparison is over everybody that both may see, but themselves."""
    subject, clock = three
    sums = totals(found(subject, clock))

    assert sums["compared", "agent", "agent"] == 8  # Cleo alone, eight times
    assert ("disagreed", "agent", "agent") not in sums


def test_two_observers_that_differ_do(three):
    """One was told that Cleo went; truth does not matter."""
    subject, clock = three
    subject.told(ADMIN, data([1, 2], [1]), clock.now_ns())
    sums = totals(found(subject, clock))

    assert sums["disagreed", "agent", "agent"] == sums["compared", "agent", "agent"]
    assert ("disagreed", "contact", "agent") not in sums


def test_ages_of_those_shown_and_missing_bound_the_expiry(three):
    """Of an answer to a beat: Bob's beat is 12 s old and shown, Cleo's 12 s old and not."""
    subject, clock = three
    sent_ns = clock.advance(12)
    subject.beat(ADMIN, sent_ns)
    subject.told(ADMIN, data([1, 2], [1]), sent_ns, sent_ns)
    batch = found(subject, clock)

    assert seconds(batch, "presence_age_shown")["agent", ""] == [12]
    assert seconds(batch, "presence_age_missing")["agent", ""] == [12]


def test_frames_nobody_asked_for_bound_nothing(three):
    """Of an unasked frame nobody knows when it was made."""
    subject, clock = three
    clock.advance(12)
    subject.told(ADMIN, data([1], []), clock.now_ns())

    assert seconds(found(subject, clock), "presence_age_missing") == {}


def test_where_the_expiry_is_unknown_time_is_summed_by_the_age_behind_it():
    """A view that stood 30 s on a beat 5 s old weighs 30 s at 5 s, in milliseconds."""
    subject, clock = opened(agent_expiry_s=None)
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    clock.advance(5)
    subject.told(ADMIN, data([1, 2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(30)
    subject.told(ADMIN, data([1, 2], []), clock.now_ns())
    batch = found(subject, clock)
    held = [hist for (_, metric, *_), hist in batch.hists.items() if metric == "presence_age_time"]
    values, weights = held[0].buckets("lowest")

    assert (len(held), round(values[0] / 1e6), weights.tolist()) == (1, 5, [30_000])


def test_the_strip_tells_there_shown_and_seen_by_changes(three):
    """Cleo is there and shown (7), leaves and is still shown (6), and is shown as gone (4)."""
    subject, clock = three
    clock.advance(1)
    subject.left(CLEO, clock.now_ns())
    clock.advance(1)
    subject.told(ADMIN, data([1, 2], [1]), clock.now_ns())
    gauges = [gauge for gauge in found(subject, clock).gauges if gauge.name == f"presence.strip.agent.{CLEO}"]

    assert [gauge.value for gauge in gauges] == [7, 6, 4]


def test_who_chose_offline_is_not_there_for_the_strip(three):
    """Shown as gone by choice is no fault that people complain about."""
    subject, clock = three
    subject.chose(CLEO, "offline", clock.now_ns())
    gauges = [gauge for gauge in found(subject, clock).gauges if gauge.name == f"presence.strip.agent.{CLEO}"]

    assert gauges[-1].value == 6


def test_who_came_after_the_observer_was_told_is_not_judged_in_the_strip():
    """Nothing could have told the observer of it yet: the figures leave that time out, and so does the picture."""
    subject, clock = opened()
    for identity in (ADMIN, BOB):
        subject.arrived(identity, clock.now_ns())
    subject.told(ADMIN, data([1, 2], []), clock.now_ns())
    subject.arrived(CLEO, clock.advance(1))
    subject.count_from(clock.now_ns())
    sent_ns = clock.advance(5)
    subject.beat(ADMIN, sent_ns)
    subject.told(ADMIN, data([1, 2, 3], []), sent_ns, sent_ns)
    gauges = [gauge for gauge in found(subject, clock).gauges if gauge.name == f"presence.strip.agent.{CLEO}"]

    assert [gauge.value for gauge in gauges] == [1, 7]
