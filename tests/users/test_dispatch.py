"""The even dispatcher: every worker gets its share of every kind of user."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust import User
from locust.runners import WorkerNode

from loadtest.users import AgentUser, ContactUser
from loadtest.users.dispatch import EvenDispatcher, quotas, quotas_in_turn

workers_and_counts = st.tuples(st.integers(1, 9), st.lists(st.integers(0, 60), min_size=1, max_size=4).filter(any))


def nodes(count):
    """Workers on three hosts."""
    return [WorkerNode(f"host{n % 3}_{n}") for n in range(count)]


def classes(counts):
    """User classes with these fixed counts: agents and contacts in turn."""
    return [
        type(f"Kind{n}", ((AgentUser, ContactUser)[n % 2],), {"fixed_count": count, "weight": 0 if not count else 1})
        for n, count in enumerate(counts)
    ]


def dispatched(workers, user_classes, users, rate, dispatcher=None, kinds=None):
    """What every worker ends with when Locust starts ``users`` at ``rate``."""
    dispatcher = dispatcher or EvenDispatcher(workers, user_classes)
    dispatcher.new_dispatch(users, rate, kinds)
    dispatcher._wait_between_dispatch = 0
    dealt = {}
    for dealt in dispatcher:  # noqa: B007 - the last is what stays
        pass
    return dealt


@given(workers_and_counts)
def test_each_worker_gets_its_share_of_each_kind(given_):
    """Counts of a kind differ by one at most between workers, and add up exactly."""
    workers, counts = given_
    user_classes = classes(counts)

    dealt = dispatched(nodes(workers), user_classes, sum(counts), 1e6)

    for user_class, count in zip(user_classes, counts, strict=True):
        shares = [kinds[user_class.__name__] for kinds in dealt.values()]
        assert max(shares) - min(shares) <= 1
        assert count == sum(shares)


@given(workers_and_counts, st.integers(1, 20))
def test_the_spawn_rate_changes_nothing(given_, rate):
    """Spawned a few at a time, every worker ends with what it would have got at once."""
    workers, counts = given_

    slowly = dispatched(nodes(workers), classes(counts), sum(counts), rate)

    assert dispatched(nodes(workers), classes(counts), sum(counts), 1e6) == slowly


@given(workers_and_counts, st.integers(1, 20))
def test_quotas_are_what_is_dealt(given_, rate):
    """The identities dealt ahead of the start fit the users that then arrive."""
    workers, counts = given_
    user_classes = classes(counts)
    promised = quotas(nodes(workers), user_classes, sum(counts))
    dealt = dispatched(nodes(workers), user_classes, sum(counts), rate)
    came = {
        worker: {
            role: sum(
                n for name, n in kinds.items() if next(c for c in user_classes if c.__name__ == name).role == role
            )
            for role in ("agent", "contact")
        }
        for worker, kinds in dealt.items()
    }

    assert promised == came


@given(workers_and_counts, st.integers(0, 300))
def test_no_more_than_there_are_are_started(given_, users):
    """Fewer users than planned are started as asked; more than planned do not exist."""
    workers, counts = given_
    promised = quotas(nodes(workers), classes(counts), users)

    assert min(users, sum(counts)) == sum(n for share in promised.values() for n in share.values())


@pytest.mark.parametrize("lost", [0, 2])
def test_a_lost_workers_users_move_evenly(lost):
    """When a worker goes, its users are dealt to those that stay."""
    workers, user_classes = nodes(4), classes([30, 9])
    dispatcher = EvenDispatcher(workers, user_classes)
    dispatched(workers, user_classes, 39, 1e6, dispatcher)
    dispatcher.remove_worker(workers[lost])
    dealt = dispatched(workers, user_classes, 39, 1e6, dispatcher)

    assert {"Kind0": [10, 10, 10], "Kind1": [3, 3, 3]} == {
        name: [kinds[name] for kinds in dealt.values()] for name in ("Kind0", "Kind1")
    }


def test_kinds_arrive_in_turn():
    """Both kinds connect from the start of the ramp, not one after the other."""
    dispatcher = EvenDispatcher(nodes(2), classes([40, 40]))
    dispatcher.new_dispatch(80, 16)
    first = next(dispatcher)

    assert {"Kind0": 8, "Kind1": 8} == {name: sum(kinds[name] for kinds in first.values()) for name in first["host0_0"]}


def test_weighted_users_follow():
    """Users of other kinds, which have weights only, come after the planned ones as in Locust."""
    other = type("Other", (User,), {"weight": 1})
    user_classes = [*classes([3, 2]), other]

    dealt = dispatched(nodes(2), user_classes, 9, 1e6)

    assert {"Kind0": 3, "Kind1": 2, "Other": 4} == {
        c.__name__: sum(kinds[c.__name__] for kinds in dealt.values()) for c in user_classes
    }


@given(st.integers(1, 5), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_no_worker_gets_more_than_it_was_dealt_however_often_users_come_and_go(workers, levels):
    """One role stands still while the other goes up and down: shares stay those of the n-th user's worker."""
    user_classes = classes([7, 30])
    team = nodes(workers)
    most = quotas_in_turn(team, user_classes, [("agent", 7), ("contact", 30)])
    dispatcher = EvenDispatcher(team, user_classes)
    dispatched(team, user_classes, 7, 1e6, dispatcher, [user_classes[0]])

    for level in levels:
        dealt = dispatched(team, user_classes, 7 + level, 1e6, dispatcher, [user_classes[1]])
        assert sum(kinds["Kind0"] for kinds in dealt.values()) == 7
        assert sum(kinds["Kind1"] for kinds in dealt.values()) == level
        for worker, kinds in dealt.items():
            assert kinds["Kind0"] <= most[worker]["agent"]
            assert kinds["Kind1"] <= most[worker]["contact"]


def test_roles_in_turn_are_dealt_in_one_round():
    """The second role goes on with the worker after the last one of the first."""
    dealt = quotas_in_turn(nodes(2), classes([3, 4]), [("agent", 3), ("contact", 4)])

    assert [(2, 2), (1, 2)] == [(share["agent"], share["contact"]) for share in dealt.values()]
