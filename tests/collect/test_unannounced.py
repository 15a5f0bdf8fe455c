"""Marks that wait for their announcement."""

from loadtest.collect.entry import Entry
from loadtest.collect.unannounced import Unannounced


def waiting(*keys, limit=10):
    """Entries that wait since 0, 1, 2 ..., for 100 at most."""
    subject = Unannounced(100, limit)
    for now_ns, key in enumerate(keys):
        subject.add(Entry(key, 4), now_ns)
    return subject


def given_up(subject, now_ns, **how):
    """Since when, and which."""
    return [(seen_ns, entry.key) for seen_ns, entry in subject.expired(now_ns, **how)]


def test_what_nobody_announced_in_time_is_given_up():
    """The oldest first, each once; what was claimed is not."""
    subject = waiting(b"a", b"b", b"c")
    subject.claim(b"a")
    subject.claim(b"never seen")

    assert [] == given_up(subject, 100)
    assert [(1, b"b")] == given_up(subject, 101)
    assert [(2, b"c")] == given_up(subject, 1_000)
    assert [] == given_up(subject, 1_000)


def test_more_than_the_limit_do_not_wait():
    """The oldest go, in time or not."""
    assert [(0, b"a"), (1, b"b")] == given_up(waiting(b"a", b"b", b"c", limit=1), 2)


def test_at_the_end_all_are_given_up():
    """Nothing will be announced any more."""
    assert [(0, b"a"), (1, b"b")] == given_up(waiting(b"a", b"b"), 2, final=True)
