"""What workers and the master tell each other, over Locust's own channel.

Plain types only: a numpy scalar in a Locust message kills the worker's reporter, silently. Messages stay below 100 KiB,
since all of them share one socket with Locust's heartbeats.

    master → worker   cable_setup     settings, identities' shard, share of the plan: in parts, the last one says so
    worker → master   cable_batch     a part of a batch
    worker → master   cable_announce  emissions of this worker
    master → worker   cable_announce  other workers' emissions
    master → worker   cable_hold      the ramp is over: emit from now on
    master → worker   cable_rate      emit at another rate, from a moment of the plan on
    master → worker   cable_drain     emit no more, close the books
    worker → master   cable_drained   all books closed and sent
    worker → master   cable_failed    this worker cannot take part, and why
    both              cable_clock     a probe of the clocks, and its answer
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
RATE = "cable_rate"
DRAIN = "cable_drain"
DRAINED = "cable_drained"
CLOCK = "cable_clock"
FAILED = "cable_failed"

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


def directory_of(rows: dict[str, list[Any]], source: str) -> Directory:
    """The directory in a setup's rows ``agents`` and ``contacts``."""
    return Directory(
        agents_of(rows.get("agents", ())), tuple(msgspec.convert(c, Contact) for c in rows.get("contacts", ())), source
    )


def agents_of(rows: Sequence[Any]) -> tuple[Agent, ...]:
    """Agents that came as plain values; they hold their secrets (Locust's channel is not encrypted)."""
    return tuple(msgspec.convert(row, Agent) for row in rows)


def setup_parts(setup: dict[str, Any], **rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """A worker's setup in messages small enough to send.

    Args:
        setup: what is known at once, in plain types; goes into the first message.
        rows: values that msgspec can turn into plain types, by name; each fits into a message.

    Yields:
        Messages for :func:`join_setup`.
    """
    plain = [(name, msgspec.to_builtins(row)) for name, values in rows.items() for row in values]
    yield {**setup, "first": True, "last": not plain}
    parts = _parts(plain)
    for number, part in enumerate(parts, 1):
        yield {"first": False, "last": number == len(parts), "rows": part}


def join_setup(so_far: dict[str, Any] | None, message: dict[str, Any]) -> dict[str, Any] | None:
    """Take a message of a setup.

    Args:
        so_far: what the messages before it made; None before the first.
        message: the next one.

    Returns:
        The setup: its plain values, ``rows`` (a list of plain values by name) and ``last``, true when it is whole. None
        when its beginning was missed.
    """
    if message["first"]:
        return {**message, "rows": {}}
    if so_far is None:
        return None
    for name, row in message["rows"]:
        so_far["rows"].setdefault(name, []).append(row)
    return {**so_far, "last": message["last"]}


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
