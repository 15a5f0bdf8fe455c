"""What follows from truth and views, on hand-computed timelines."""

import pytest

from loadtest.collect.presence_judge import length_label
from tests.collect.support import ADMIN, BOB
from tests.collect.test_presence import data, found, opened, seconds, totals


@pytest.fixture
def watched():
    """Ann watches Bob, whom she was told of; the hold has begun."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([1, 2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    return subject, clock


def told(subject, clock, wait_s, *users):
    """After a while Ann is told of these users."""
    clock.advance(wait_s)
    subject.told(ADMIN, data(users, []), clock.now_ns())


@pytest.mark.parametrize(
    ("length_s", "label"), [(0, "0-10"), (9.99, "0-10"), (20, "20-30"), (59, "45-60"), (300, "300-"), (9000, "300-")]
)
def test_lengths_have_labels(length_s, label):
    """Each length falls into one stretch."""
    assert length_label(length_s) == label


def test_detection_counts_to_the_view_that_stays_so(watched):
    """A view that says gone, there again and gone is counted to the last change: 12 s."""
    subject, clock = watched
    subject.left(BOB, clock.now_ns(), "silent")
    told(subject, clock, 5, 1)
    told(subject, clock, 5, 1, 2)
    told(subject, clock, 2, 1)
    clock.advance(8)
    subject.arrived(BOB, clock.now_ns())
    batch = found(subject, clock)

    assert seconds(batch, "detection_time") == {("agent", "agent"): [12]}
    assert seconds(batch, "detection_time.silent") == {("agent", "agent"): [12]}
    assert totals(batch)["resurrected", "agent", "agent"] == 1


def test_who_was_shown_as_gone_already_is_noticed_at_once(watched):
    """Somebody who leaves during a mistake has a detection time of 0 (Chen et al.)."""
    subject, clock = watched
    told(subject, clock, 3, 1)
    subject.left(BOB, clock.now_ns())
    clock.advance(30)
    subject.count_until(clock.now_ns())

    assert seconds(found(subject, clock), "detection_time") == {("agent", "agent"): [0]}


def test_an_absence_that_ends_unnoticed_is_censored_and_counted_by_length(watched):
    """Fifteen seconds away, and nobody was told."""
    subject, clock = watched
    subject.left(BOB, clock.now_ns())
    clock.advance(15)
    subject.arrived(BOB, clock.now_ns())
    batch = found(subject, clock)

    assert seconds(batch, "detection_censored") == {("agent", "agent"): [15]}
    assert totals(batch)["absences.10-20", "agent", "agent"] == 1
    assert ("absences_noticed.10-20", "agent", "agent") not in totals(batch)


def test_an_absence_at_the_end_of_the_hold_is_open(watched):
    """Nobody can know how long it would have taken."""
    subject, clock = watched
    subject.left(BOB, clock.now_ns())
    clock.advance(4)
    subject.count_until(clock.now_ns())
    batch = found(subject, clock)

    assert totals(batch)["absences_open", "agent", "agent"] == 1
    assert seconds(batch, "detection_censored") == {("agent", "agent"): [4]}


def test_a_return_is_noticed_with_the_view_that_shows_it(watched):
    """From the return to the next view: 6 s; it is no mistake until then."""
    subject, clock = watched
    subject.left(BOB, clock.now_ns())
    told(subject, clock, 25, 1)
    subject.arrived(BOB, clock.now_ns())
    told(subject, clock, 6, 1, 2)
    batch = found(subject, clock)
    sums = totals(batch)

    assert seconds(batch, "recovery_time") == {("agent", "agent"): [6]}
    assert sums["unseen", "agent", "agent"] == 6
    assert ("mistakes", "agent", "agent") not in sums


def test_an_observer_that_goes_takes_its_view_along(watched):
    """What it does not see any more is nobody's time, and its open absences are censored."""
    subject, clock = watched
    subject.left(BOB, clock.now_ns())
    clock.advance(7)
    subject.left(ADMIN, clock.now_ns())
    clock.advance(100)
    batch = found(subject, clock)

    assert totals(batch)["absent", "agent", "agent"] == 7
    assert totals(batch)["absences_open", "agent", "agent"] == 1


def test_an_observer_dropped_just_before_whom_it_watched_is_no_negative_time(watched):
    """A storm drops both within a moment, and their ends may come in either order: the absence has no length."""
    subject, clock = watched
    before_ns = clock.now_ns()
    clock.advance(0.001)
    subject.left(BOB, clock.now_ns())
    subject.left(ADMIN, before_ns)
    batch = found(subject, clock)
    hists = [hist for (_, metric, _, _), hist in batch.hists.items() if metric.endswith("detection_censored")]

    assert [(hist.n, hist.underflow) for hist in hists] == [(1, 0)]


def test_somebody_missing_from_a_first_view_is_a_mistake_if_it_was_there_before():
    """An observer that comes and is not told of who is there was told wrong."""
    subject, clock = opened()
    subject.arrived(BOB, clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(1)
    subject.arrived(ADMIN, clock.now_ns())
    subject.told(ADMIN, data([1], []), clock.now_ns())
    clock.advance(3)
    sums = totals(found(subject, clock))

    assert (sums["mistakes", "agent", "agent"], sums["mistake", "agent", "agent"]) == (1, 3)


def test_a_status_of_offline_hides_somebody_and_the_return_from_it_is_not_timed(watched):
    """Who chose to be offline is not missed, and nobody can know that it is back before asking."""
    subject, clock = watched
    subject.chose(BOB, "offline", clock.now_ns())
    told(subject, clock, 5, 1)
    subject.chose(BOB, "online", clock.now_ns())
    told(subject, clock, 5, 1, 2)
    batch = found(subject, clock)

    assert ("mistakes", "agent", "agent") not in totals(batch)
    assert seconds(batch, "recovery_time") == {}


def test_who_came_later_in_the_ramp_is_not_missed_until_the_observer_asks_again():
    """A crowd that arrives at once is the test's doing; from the observer's next view on everybody counts."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.told(ADMIN, data([1], []), clock.now_ns())
    clock.advance(1)
    subject.arrived(BOB, clock.now_ns())
    subject.count_from(clock.now_ns())
    told(subject, clock, 8, 1, 2)
    clock.advance(5)
    sums = totals(found(subject, clock))

    assert (sums["excused", "agent", "agent"], sums["alive", "agent", "agent"], sums["right", "agent", "agent"]) == (
        8,
        5,
        5,
    )


def test_views_use_the_memory_of_those_before_them(watched):
    """However often observers come and go: what belongs to views is made once for each that is there together."""
    subject, clock = watched
    account = subject._by_id[1]
    made = {id(account.judge.views[account.roster.place[ADMIN]].beats_ns)}
    for _ in range(50):
        subject.left(ADMIN, clock.now_ns())
        clock.advance(1)
        subject.arrived(ADMIN, clock.now_ns())
        told(subject, clock, 1, 1, 2)
        made.add(id(account.judge.views[account.roster.place[ADMIN]].beats_ns))

    assert len(made) == 1
    assert account.judge._spare == []


def test_a_view_knows_nothing_of_the_one_whose_memory_it_uses(watched):
    """Mistakes and absences of the view before are none of the next one's."""
    subject, clock = watched
    told(subject, clock, 2, 1)
    subject.left(ADMIN, clock.now_ns())
    clock.advance(5)
    subject.arrived(ADMIN, clock.now_ns())
    told(subject, clock, 1, 1, 2)
    told(subject, clock, 3, 1)
    told(subject, clock, 2, 1, 2)
    batch = found(subject, clock)

    assert seconds(batch, "mistake_duration") == {("agent", "agent"): [2]}
    assert seconds(batch, "mistake_recurrence") == {}
