"""What workers and the master tell each other, over Locust's own channel.

Plain types only: a numpy scalar in a Locust message kills the worker's reporter, silently. Messages stay below 100 KiB,
since all of them share one socket with Locust's heartbeats (but for the setup, which is sent before the test).

    master → worker   cable_setup     settings, identities' shard, share of the plan
    worker → master   cable_batch     a part of a batch
    worker → master   cable_announce  emissions of this worker
    master → worker   cable_announce  other workers' emissions
    master → worker   cable_hold      the ramp is over: emit from now on
    master → worker   cable_drain     emit no more, close the books
    worker → master   cable_drained   all books closed and sent
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from loadtest.directory import Agent, Contact, Directory
from loadtest.metrics import Batch

_T = TypeVar("_T")

SETUP = "cable_setup"
BATCH = "cable_batch"
ANNOUNCE = "cable_announce"
HOLD = "cable_hold"
DRAIN = "cable_drain"
DRAINED = "cable_drained"

#: a message may be 100 KiB; the rest is for its envelope
_PART_BYTES = 90 * 1024


def deal(directory: Directory, quotas: Sequence[tuple[int, int]]) -> list[Directory]:
    """Identities for every worker, no two of which hold the same one.

    They are dealt in turn, so that an inbox's members are spread over the workers.

    Args:
        directory: all identities.
        quotas: agents and contacts that each worker will simulate.

    Returns:
        One directory a worker; together they hold at most all identities.
    """
    agents = _in_turn(directory.agents, [quota[0] for quota in quotas])
    contacts = _in_turn(directory.contacts, [quota[1] for quota in quotas])
    return [Directory(a, c, directory.source) for a, c in zip(agents, contacts, strict=True)]


def _in_turn(cards: Sequence[_T], quotas: Sequence[int]) -> list[tuple[_T, ...]]:
    hands: list[list[_T]] = [[] for _ in quotas]
    waiting = iter(cards)
    while any(len(hand) < quota for hand, quota in zip(hands, quotas, strict=True)):
        for hand, quota in zip(hands, quotas, strict=True):
            if len(hand) < quota:
                card = next(waiting, None)
                if card is None:
                    return [tuple(hand) for hand in hands]
                hand.append(card)
    return [tuple(hand) for hand in hands]


def directory_to_plain(directory: Directory) -> dict[str, Any]:
    """Plain types of a directory; holds its secrets (Locust's channel is not encrypted)."""
    plain: dict[str, Any] = msgspec.to_builtins(directory)
    return plain


def directory_from_plain(plain: dict[str, Any]) -> Directory:
    """The inverse of :func:`directory_to_plain`."""
    return Directory(
        tuple(msgspec.convert(a, Agent) for a in plain["agents"]),
        tuple(msgspec.convert(c, Contact) for c in plain["contacts"]),
        plain["source"],
    )


def batch_parts(batch: Batch) -> Iterator[dict[str, Any]]:
    """A batch as plain messages, each small enough to send.

    Args:
        batch: what to send; not changed.

    Yields:
        Plain dicts for :meth:`Batch.from_plain`, at least one; their merge is the batch.
    """
    whole = batch.to_plain()
    names = [name for name, rows in whole.items() if isinstance(rows, list)]
    empty = {**whole, **{name: [] for name in names}}
    for rows in _parts([(name, row) for name in names for row in whole[name]]) or [[]]:
        part = {**empty, **{name: [] for name in names}}
        for name, row in rows:
            part[name].append(row)
        yield part


def announcement_parts(announcements: list[list[Any]]) -> Iterator[list[list[Any]]]:
    """Announcements in lists small enough to send."""
    yield from _parts(announcements)


def _parts(rows: Sequence[_T]) -> list[list[_T]]:
    """Rows in lists of so many as fit into a message."""
    parts: list[list[_T]] = []
    room = 0
    for row in rows:
        size = len(msgspec.msgpack.encode(row))
        if size > room:
            parts.append([])
            room = _PART_BYTES
        parts[-1].append(row)
        room -= size
    return parts
