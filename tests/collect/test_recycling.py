"""Epochs that no emission names any more."""

import numpy as np

from loadtest.collect.entry import Entry
from loadtest.collect.recycling import unnamed


def found(ended, epochs, entries, others=()):
    """What is unnamed, and after how many steps."""
    steps, work = 0, unnamed(np.array(ended), epochs, entries, others)
    while True:
        try:
            next(work)
        except StopIteration as over:
            return over.value.tolist(), steps
        steps += 1


def entry(*, who=(), required=None, missing=None):
    """An entry that names these."""
    made = Entry(b"k", 16)
    for epoch in who:
        made.who.append(epoch)
    made.required = None if required is None else np.array(required)
    if missing is not None:
        made.missing = missing
    return made


def test_whoever_received_is_required_or_missing_is_named():
    """By any entry; an epoch that began meanwhile does not matter."""
    entries = [entry(who=[1, 9]), entry(required=[3]), entry(missing={5}), entry()]

    assert ([2, 4], 0) == found([1, 2, 3, 4, 5], 6, entries)
    assert ([4], 0) == found([1, 2, 3, 4, 5], 6, entries, [np.array([2, 2, 7]), np.array([], np.int64)])


def test_the_work_is_spread():
    """A step every 256 entries."""
    assert ([0], 2) == found([0], 1, [entry()] * 600)
