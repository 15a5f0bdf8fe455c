"""When a subject may be used again."""

from loadtest.collect.resting import ANNOUNCED_NS, RETIRED_NS, Resting

DEADLINE_NS = 10_000_000_000


def test_a_subject_rests_until_its_books_are_closed_everywhere():
    """A deadline and an announcement after its request was written; others are free."""
    subject = Resting(DEADLINE_NS)
    subject.rest(b"a", 1_000)
    over_ns = 1_000 + DEADLINE_NS + ANNOUNCED_NS

    assert [False, True] == [subject.is_free(b"a", over_ns - 1), subject.is_free(b"a", over_ns)]
    assert subject.is_free(b"b", 1_000)


def test_what_is_retired_is_told_once_it_is_free():
    """In the order in which it was retired, and once."""
    subject = Resting(DEADLINE_NS)
    subject.retire(b"a", 0)
    subject.retire(b"b", 5)

    assert ([], 2) == (subject.wake(RETIRED_NS - 1), subject.retired)
    assert not subject.is_free(b"a", RETIRED_NS - 1)
    assert [b"a"] == subject.wake(RETIRED_NS)
    assert subject.is_free(b"a", RETIRED_NS)
    assert ([b"b"], [], 0) == (subject.wake(RETIRED_NS + 9), subject.wake(RETIRED_NS + 9), subject.retired)


def test_what_both_rests_and_is_retired_is_not_free_before_both_are_over():
    """Forgetting rests forgets only what is over."""
    subject = Resting(DEADLINE_NS)
    subject.retire(b"a", 0)
    subject.rest(b"a", RETIRED_NS)
    subject.wake(RETIRED_NS)

    assert not subject.is_free(b"a", RETIRED_NS)
    assert subject.is_free(b"a", RETIRED_NS + DEADLINE_NS + ANNOUNCED_NS)
