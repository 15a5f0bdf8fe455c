"""Which observers are followed."""

from loadtest.collect.presence_observers import Observers, draw_observers
from loadtest.collect.presence_views import Roster

FIRST = Roster([(0, 10), (1, 11), (2, 12), (-1, 13)], [(7, 20), (8, 21)])
SECOND = Roster([(3, 14)], [(-2, 22)])


def test_within_the_budget_all_of_this_process_are_followed():
    """Agents are told of everybody in their account, contacts of its agents; who is elsewhere is no observer here."""
    pairs = 3 * 6 + 2 * 4 + 1 * 2

    assert Observers(frozenset({0, 1, 2, 3, 7, 8}), pairs, pairs) == draw_observers([FIRST, SECOND], 1_000, seed=1)


def test_above_it_some_of_each_role_are():
    """At least one; the pairs are those of who was drawn."""
    drawn = draw_observers([FIRST, SECOND], 1, seed=1)

    assert [1, 1, 1] == [len(drawn.followed & part) for part in ({0, 1, 2}, {7, 8}, {3})]
    assert (6 + 4 + 2, 28) == (drawn.pairs, drawn.pairs_all)


def test_the_share_is_that_of_the_budget():
    """Half of all pairs: half of each role."""
    many = Roster([(n, n) for n in range(40)], [(n, n) for n in range(40, 60)])
    everything = draw_observers([many], 10**9, seed=1).pairs_all
    drawn = draw_observers([many], everything // 2, seed=1)

    assert (20, 10) == (len([n for n in drawn.followed if n < 40]), len([n for n in drawn.followed if n >= 40]))
    assert 2 * drawn.pairs == everything


def test_the_draw_is_the_seeds():
    """The same again, and another with another seed."""
    many = Roster([(n, n) for n in range(200)], [])
    first, again, other = (draw_observers([many], 10_000, seed) for seed in (1, 1, 2))

    assert first == again
    assert first.followed != other.followed


def test_nobody_observes_nothing():
    """A process without people, or without accounts."""
    nothing = Observers(frozenset(), 0, 0)

    assert [nothing, nothing] == [draw_observers([], 10, 1), draw_observers([Roster([(-1, 1)], [])], 10, 1)]
