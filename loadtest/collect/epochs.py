"""Subscription epochs: a confirmed subscription from its confirm to its end. A reconnect opens a new one.

The table does not grow with the run: the number of an epoch that ended a while ago, and that nobody speaks of any more,
is given to a new one (:meth:`Epochs.recycle`).

The ledger asks which epochs of an audience had to receive an emission; so the table is kept as numpy arrays, and the
epoch of an identity that has just one is found by one look-up.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from loadtest.collect.membership import among

NEVER_NS = np.iinfo(np.int64).max


class EndCause(IntEnum):
    """Why an epoch ended."""

    OPEN = 0
    BY_US = 1
    BY_PEER = 2


class Epochs:
    """All epochs of a process.

    Args:
        identities: how many identities there are; they are numbered from 0.
    """

    def __init__(self, identities: int) -> None:
        self._count = 0
        self.identity: NDArray[np.int32] = np.zeros(256, dtype=np.int32)
        self.confirm_ns: NDArray[np.int64] = np.zeros(256, dtype=np.int64)
        self.end_ns: NDArray[np.int64] = np.zeros(256, dtype=np.int64)
        self.cause: NDArray[np.int8] = np.zeros(256, dtype=np.int8)
        self._single: NDArray[np.int64] = np.full(identities, -1, dtype=np.int64)
        self._several: dict[int, list[int]] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return self._count

    def open(self, identity: int, confirm_ns: int) -> int:
        """A subscription of ``identity`` was confirmed; returns the new epoch's number."""
        epoch = self._free.pop() if self._free else self._new()
        self.identity[epoch] = identity
        self.confirm_ns[epoch] = confirm_ns
        self.end_ns[epoch] = NEVER_NS
        self.cause[epoch] = EndCause.OPEN
        others = self._several.get(identity)
        if others is not None:
            others.append(epoch)
        elif self._single[identity] >= 0:
            self._several[identity] = [int(self._single[identity]), epoch]
            self._single[identity] = -1
        else:
            self._single[identity] = epoch
        return epoch

    def _new(self) -> int:
        epoch = self._count
        if epoch == len(self.identity):
            for name in ("identity", "confirm_ns", "end_ns", "cause"):
                old = getattr(self, name)
                grown = np.zeros(2 * epoch, dtype=old.dtype)
                grown[:epoch] = old
                setattr(self, name, grown)
        self._count += 1
        return epoch

    def ended_before(self, before_ns: int) -> NDArray[np.int64]:
        """Epochs that ended before ``before_ns`` and whose numbers were not given back, shape (n,)."""
        count = self._count
        return np.flatnonzero((self.cause[:count] != EndCause.OPEN) & (self.end_ns[:count] < before_ns))

    def recycle(self, epochs: NDArray[np.int64]) -> None:
        """Give these numbers back: nothing is asked about these epochs any more, and nothing that is kept names them.

        Args:
            epochs: of :meth:`ended_before`, shape (n,).
        """
        for epoch in epochs.tolist():
            identity = int(self.identity[epoch])
            if self._single[identity] == epoch:
                self._single[identity] = -1
            others = self._several.get(identity)
            if others is not None and epoch in others:
                others.remove(epoch)
        self.cause[epochs] = EndCause.OPEN
        self.end_ns[epochs] = NEVER_NS
        self._free += epochs.tolist()

    def end(self, epoch: int, at_ns: int, cause: EndCause) -> None:
        """The subscription is over (the first cause stands)."""
        if self.cause[epoch] == EndCause.OPEN:
            self.end_ns[epoch] = at_ns
            self.cause[epoch] = cause

    def prune(self, before_ns: int) -> None:
        """Forget, for the look-up by identity, epochs that ended before ``before_ns``."""
        for identity, epochs in list(self._several.items()):
            kept = [e for e in epochs if self.end_ns[e] >= before_ns]
            if len(kept) > 1:
                self._several[identity] = kept
            else:
                del self._several[identity]
                self._single[identity] = kept[0] if kept else -1

    def alive_at(self, identities: NDArray[np.int64], at_ns: int, guard_ns: int) -> NDArray[np.int64]:
        """Epochs of the identities that were confirmed ``guard_ns`` before ``at_ns`` and not over at it.

        Args:
            identities: identity numbers, shape (n,).
            at_ns: monotonic time asked about.
            guard_ns: how long a confirm must have been there.

        Returns:
            Epoch numbers, shape (m,), in no particular order.
        """
        single = self._single[identities]
        epochs = single[single >= 0]
        if self._several:
            several = [e for i in identities.tolist() if i in self._several for e in self._several[i]]
            if several:
                epochs = np.concatenate([epochs, np.array(several, dtype=np.int64)])
        standing = (self.confirm_ns[epochs] + guard_ns <= at_ns) & (self.end_ns[epochs] > at_ns)
        return epochs[standing]

    def is_cut_by_peer(self, epochs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the peer ended each of the epochs; shape as ``epochs``."""
        ended: NDArray[np.bool_] = self.cause[epochs] == EndCause.BY_PEER
        return ended

    def count_without(self, identities: NDArray[np.int64], at_ns: int) -> NDArray[np.int64]:
        """Those of the identities that had no confirmed epoch at ``at_ns``."""
        present = self.identity[self.alive_at(identities, at_ns, 0)]
        return identities[~among(identities, present)]
