"""Which epochs' numbers can be given back: those that ended, and that no emission names any more.

A run of days has many more subscriptions than are there at once; tables by epoch must not grow with all of them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadtest.collect.entry import Entry

_A_STEP: Final = 256


def unnamed(
    ended: NDArray[np.int64], epochs: int, entries: Iterable[Entry], others: Iterable[NDArray[np.int64]] = ()
) -> Generator[None, None, NDArray[np.int64]]:
    """Those of the ended epochs that nobody names.

    Args:
        ended: numbers of epochs that ended, shape (n,).
        epochs: how many numbers there are.
        entries: whatever may name an epoch.
        others: what else is named, at once: arrays of shape (n,).

    Yields:
        After some hundred entries, so that the caller can spread the work: arrivals and new emissions meanwhile are of
        epochs that have not ended.

    Returns:
        The numbers, in their order, shape (at most n,).
    """
    named = np.zeros(epochs, dtype=np.bool_)
    for those in others:
        named[those[those < epochs]] = True
    for number, entry in enumerate(entries, 1):
        for some in (entry.who, entry.required, entry.missing):
            if some is not None and len(some):
                their = np.fromiter(some, dtype=np.int64, count=len(some))
                named[their[their < epochs]] = True
        if not number % _A_STEP:
            yield
    free: NDArray[np.int64] = ended[~named[ended]]
    return free
