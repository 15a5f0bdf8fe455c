"""One broadcast on many sockets: the same bytes behind each socket's own beginning, so found by comparing.

A receiver that has found the mark in what was read of its socket leaves a note of these bytes with those of its role
(:meth:`Common.remember`). What is then read of another socket is the same delivery if it is as long and three parts are
equal: the frame's header, the beginning that this socket's event frames have, and what follows it up to the end of the
mark's key. Nothing is searched, decoded or called for it, and the books of a run of such reads are kept at its end.

Whatever differs there, and each frame whose turn it is to be held against the contract, goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from loadtest.collect.entry import Entry

Read: TypeAlias = tuple[Any, bytes, int]
"""A connection with its receiver in ``quick``, what was read of it, and when."""

HEADER_BYTES = 4
"""Of a frame of a medium length (126 to 65,535 bytes), as nearly all events are."""

_HEADER = slice(0, HEADER_BYTES)


class Common:
    """What receivers have in common for a marked message: those of a role, with beginnings of the same length.

    Args:
        needle: what a mark begins with, wherever in a content.
        opening_length: bytes of a frame's text up to the end of the event's name; 0 where it is not known.
        entries: the ledger's, by key.
        cell: counter of frames and bytes.
        sample: the sampler's counters, see :meth:`loadtest.contract.Sampler.cell`.

    Attributes:
        header: of the remembered read, the frame's header.
        middle: of the remembered read, what follows the opening up to the end of the mark's key.
        size: the length of the remembered read.
        entry: the emission it is a delivery of.
        opening: where in a read a frame's text up to the event's name stands.
    """

    __slots__ = (
        "_key",
        "cell",
        "entries",
        "entry",
        "header",
        "middle",
        "needle",
        "needle_length",
        "opening",
        "opening_length",
        "sample",
        "size",
    )

    def __init__(
        self, needle: bytes, opening_length: int, entries: dict[bytes, Entry], cell: list[int], sample: list[int]
    ) -> None:
        self.needle = needle
        self.needle_length = len(needle)
        self.opening_length = opening_length
        self.opening = slice(HEADER_BYTES, HEADER_BYTES + opening_length)
        self.entries = entries
        self.cell = cell
        self.sample = sample
        self.header = self.middle = self._key = b""
        self.size = 0
        self.entry: Entry | None = None

    def remember(self, data: bytes, end: int, key: bytes, entry: Entry) -> None:
        """Note a read that was a delivery.

        Args:
            data: the read: a frame alone with its header of four bytes.
            end: where the first mark's key ends in it.
            key: of the emission.
            entry: the emission.
        """
        self.size = len(data)
        self.header = data[_HEADER]
        self.middle = data[HEADER_BYTES + self.opening_length : end]
        self._key = key
        self.entry = entry

    def room(self) -> int:
        """How many deliveries of what is remembered may be booked before one has to be looked at."""
        entry = self.entry
        first, countdown = self.sample
        if first or entry is None or self.entries.get(self._key) is not entry:  # forgotten by the ledger, perhaps
            return 0
        return min(countdown - 1, entry.room - len(entry.who))

    def book(self, who: list[int], when: list[int]) -> None:
        """Book deliveries of what is remembered.

        Args:
            who: the epochs, at most :meth:`room` of them.
            when: their arrivals.
        """
        entry, cell, count = self.entry, self.cell, len(who)
        assert entry is not None
        entry.who.fromlist(who)
        entry.when.fromlist(when)
        cell[0] += count
        cell[1] += count * (self.size - HEADER_BYTES)
        self.sample[1] -= count


def take_alike(reads: Iterator[Read]) -> tuple[int, Read | None]:
    """Book reads that are deliveries of what is remembered, as far as there is one after the other.

    Args:
        reads: of connections whose handlers are all a :class:`loadtest.collect.receiver.Receiver`; what is booked is
            taken from it, and so is the read behind that.

    Returns:
        How many were booked, and the read behind them, which is for the caller to hand on: None at the end.
    """
    taken = left = size = 0
    common: Common | None = None
    header = middle = b""
    front = opening = behind = _HEADER
    who: list[int] = []
    when: list[int] = []
    odd = None
    for read in reads:
        connection, data, arrival_ns = read
        receiver = connection.quick
        if receiver is None:  # closed meanwhile, or it keeps part of a frame
            odd = read
            break
        if receiver.common is not common:
            if common is not None and who:
                common.book(who, when)
                taken += len(who)
                who, when = [], []
            common = receiver.common
            left = common.room()
            size, header, opening, middle = common.size, common.header, common.opening, common.middle
            behind = slice(opening.stop, opening.stop + len(middle))
        if (
            left
            and len(data) == size
            and data[front] == header
            and data[opening] == receiver.created_prefix
            and data[behind] == middle
        ):
            left -= 1
            receiver.heard_ns = arrival_ns
            who.append(receiver.epoch)
            when.append(arrival_ns)
        else:
            odd = read
            break
    if common is not None and who:
        common.book(who, when)
        taken += len(who)
    return taken, odd
