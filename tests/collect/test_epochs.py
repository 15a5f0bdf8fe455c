"""Epochs: who was subscribed when, held against a list that is searched one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtest.collect import EndCause, Epochs

PEOPLE = 4
_HISTORY = st.lists(
    st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, 100), st.one_of(st.none(), st.integers(1, 100))), max_size=30
)


@given(_HISTORY, st.integers(0, 200), st.integers(0, 50), st.sets(st.integers(0, PEOPLE - 1)))
def test_alive_epochs_are_those_a_search_finds(history, at_ns, guard_ns, asked):
    """Epochs found by look-up are exactly those that a search of the whole history finds."""
    epochs = Epochs(PEOPLE)
    expected = set()
    for identity, confirm_ns, length in history:
        epoch = epochs.open(identity, confirm_ns)
        if length is not None:
            epochs.end(epoch, confirm_ns + length, EndCause.BY_US)
        over = length is not None and confirm_ns + length <= at_ns
        if identity in asked and confirm_ns + guard_ns <= at_ns and not over:
            expected.add(epoch)
    found = epochs.alive_at(np.array(sorted(asked), dtype=np.int64), at_ns, guard_ns)

    assert expected == set(found.tolist())
    assert len(found) == len(expected)


@given(_HISTORY, st.integers(0, 200))
def test_pruning_changes_nothing_for_later_times(history, before_ns):
    """Forgetting epochs that ended before a time does not change what was alive at it."""
    epochs = Epochs(PEOPLE)
    for identity, confirm_ns, length in history:
        epoch = epochs.open(identity, confirm_ns)
        if length is not None:
            epochs.end(epoch, confirm_ns + length, EndCause.BY_PEER)
    everyone = np.arange(PEOPLE)
    expected = set(epochs.alive_at(everyone, before_ns, 0).tolist())
    epochs.prune(before_ns)

    assert expected == set(epochs.alive_at(everyone, before_ns, 0).tolist())


def test_the_first_cause_stands():
    """An epoch that we ended is not ended again by the peer's answer."""
    epochs = Epochs(1)
    epoch = epochs.open(0, 10)
    epochs.end(epoch, 20, EndCause.BY_US)
    epochs.end(epoch, 30, EndCause.BY_PEER)

    assert (epochs.end_ns[epoch], epochs.cause[epoch]) == (20, EndCause.BY_US)


def test_the_table_grows():
    """A long run's epochs are all kept."""
    epochs = Epochs(1)
    numbers = [epochs.open(0, n) for n in range(1000)]

    assert (numbers, epochs.confirm_ns[999]) == (list(range(1000)), 999)


def test_who_was_without_a_subscription():
    """Identities of an audience with no epoch at a time are named."""
    epochs = Epochs(3)
    epochs.open(0, 5)
    epochs.end(epochs.open(1, 5), 8, EndCause.BY_US)

    assert epochs.count_without(np.arange(3), 9).tolist() == [1, 2]


def test_a_number_given_back_belongs_to_the_next_alone():
    """Who had it before is not found under it, alone or among several, and the table does not grow."""
    epochs = Epochs(3)
    first, again, other = epochs.open(0, 10), epochs.open(0, 20), epochs.open(1, 20)
    for epoch in (first, other):
        epochs.end(epoch, 30, EndCause.BY_PEER)
    ended = epochs.ended_before(31)
    epochs.recycle(ended)
    reused = {epochs.open(2, 40), epochs.open(2, 41)}

    assert [first, other] == ended.tolist()
    assert ({first, other}, 3) == (reused, len(epochs))
    assert [again] == epochs.alive_at(np.array([0, 1]), 50, 0).tolist()
    assert reused == set(epochs.alive_at(np.array([2]), 50, 0).tolist())


def test_what_is_open_or_was_given_back_has_not_ended():
    """Only epochs that ended, and only once."""
    epochs = Epochs(2)
    epochs.open(0, 10)
    over = epochs.open(1, 10)
    epochs.end(over, 20, EndCause.BY_US)

    assert epochs.ended_before(20).tolist() == []
    epochs.recycle(epochs.ended_before(21))
    assert epochs.ended_before(100).tolist() == []
