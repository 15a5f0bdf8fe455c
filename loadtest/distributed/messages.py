"""What workers and the master tell each other, over Locust's own channel.

Plain types only: a numpy scalar in a Locust message kills the worker's reporter, silently. Messages stay below 100 KiB,
since all of them share one socket with Locust's heartbeats.

    master → worker   cable_setup     settings, identities' shard, share of the plan
    worker → master   cable_batch     a batch (in parts) and the emissions it announces
    master → worker   cable_announce  other workers' emissions
    master → worker   cable_hold      the ramp is over: emit from the given wall time on
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

#: a message may be 100 KiB; parts are cut by count, so the limits leave room
_CLOSINGS_A_PART = 250
_HISTS_A_PART = 60
_ANNOUNCEMENTS_A_PART = 400


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
        Plain dicts for :meth:`Batch.from_plain`; their merge is the batch.
    """
    hists = list(batch.hists.items())
    closings = list(batch.closings)
    first = True
    while first or hists or closings:
        part = Batch()
        if first:
            part.counts = batch.counts
            part.notes = batch.notes
            part.gauges = batch.gauges
            first = False
        part.hists = dict(hists[:_HISTS_A_PART])
        part.closings = closings[:_CLOSINGS_A_PART]
        del hists[:_HISTS_A_PART], closings[:_CLOSINGS_A_PART]
        yield part.to_plain()


def announcement_parts(announcements: list[list[Any]]) -> Iterator[list[list[Any]]]:
    """Announcements in lists small enough to send."""
    for start in range(0, len(announcements), _ANNOUNCEMENTS_A_PART):
        yield announcements[start : start + _ANNOUNCEMENTS_A_PART]
