"""The truth about people: what they are when, and whom an ideal server shows."""

import pytest

from loadtest.collect.presence_truth import GRACE_NS, State, Truth
from loadtest.collect.presence_views import Roster

SECOND = 10**9
ROSTER = Roster([(0, 1), (1, 2)], [(2, 1)])


@pytest.fixture
def truth():
    """Agents expire after 20 s, contacts after 90 s."""
    return Truth(ROSTER, (20 * SECOND, 90 * SECOND))


def test_somebody_is_never_alive_gone_and_alive_again(truth):
    """Nobody is absent before having been there."""
    states = [truth.state(0)]
    truth.arrive(0, SECOND, 0)
    states.append(truth.state(0))
    truth.leave(0, 2 * SECOND, "cut")
    states.append(truth.state(0))
    truth.arrive(0, 3 * SECOND, 0)
    states.append(truth.state(0))

    assert states == [State.NEVER, State.ALIVE, State.GONE, State.ALIVE]
    assert (truth.died_ns[0], truth.departure[0], truth.since_ns[0]) == (2 * SECOND, "cut", 3 * SECOND)


def test_a_beat_that_is_not_sent_in_time_makes_its_sender_overdue(truth):
    """Overdue from the promised period and a grace on, alive again with the beat."""
    truth.arrive(0, 0, 10 * SECOND)

    assert truth.due(10 * SECOND + GRACE_NS - 1) is None
    assert truth.due(10 * SECOND + GRACE_NS) == 0
    truth.make_overdue(0)
    assert truth.state(0) is State.OVERDUE
    truth.beat(0, 12 * SECOND)
    assert truth.state(0) is State.ALIVE


def test_a_beat_in_time_puts_it_off(truth):
    """What was due by an older beat is not due any more."""
    truth.arrive(0, 0, 10 * SECOND)
    truth.beat(0, 9 * SECOND)

    assert truth.due(11 * SECOND) is None
    assert truth.due(20 * SECOND) == 0


def test_who_promised_nothing_is_never_overdue(truth):
    """A period of 0 is no promise."""
    truth.arrive(0, 0, 0)

    assert truth.due(10**15) is None


def test_the_ideal_server_forgets_each_role_in_its_own_time(truth):
    """A beat exactly as old as the expiry still counts."""
    truth.arrive(0, 0, 0)
    truth.arrive(2, 0, 0)

    assert truth.lapse(20 * SECOND) is None
    assert truth.lapse(20 * SECOND + 1) == 0
    truth.drop(0)
    assert (truth.is_up(0), truth.is_up(2)) == (False, True)
    assert truth.lapse(90 * SECOND + 1) == 2


def test_the_next_moment_is_the_earliest_of_both(truth):
    """Time has to stop there, and nowhere else."""
    truth.arrive(0, 0, 10 * SECOND)
    truth.arrive(2, 0, 0)

    assert truth.next_ns() == 10 * SECOND + GRACE_NS


def test_an_unknown_expiry_lapses_nobody():
    """Without an expiry there is no ideal server."""
    truth = Truth(ROSTER, (None, None))
    truth.arrive(0, 0, 0)

    assert (truth.lapse(10**18), truth.next_ns(), truth.expiry_known) == (None, None, (False, False))


def test_only_newer_answers_count(truth):
    """The last answered beat is the freshest one."""
    truth.arrive(0, 5, 0)
    truth.answered(0, 9)
    truth.answered(0, 7)

    assert truth.answered_ns[0] == 9
