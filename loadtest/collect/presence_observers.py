"""Which observers of a process are followed: all of them, or, above a budget of pairs, some drawn once by the seed.

A pair is an observer with somebody it may be told of: agents are told of everybody in their account, contacts of its
agents. Of those drawn every pair counts, so that no figure is biased; of each role in each account at least one is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.collect.presence_views import Roster


@dataclass(frozen=True, slots=True)
class Observers:
    """Those that are followed.

    Attributes:
        followed: numbers of their identities.
        pairs: how many pairs they make.
        pairs_all: how many all observers of the process would make.
    """

    followed: frozenset[int]
    pairs: int
    pairs_all: int


def draw_observers(rosters: Sequence[Roster], most_pairs: int, seed: int) -> Observers:
    """Choose whom to follow.

    Args:
        rosters: of each account, in an order that does not change; who is simulated elsewhere has a negative number.
        most_pairs: about so many pairs, unless one observer of a role and account is more.
        seed: of what is drawn.
    """
    here = [
        tuple(
            [n for n in part if n >= 0] for part in (roster.members[: roster.agents], roster.members[roster.agents :])
        )
        for roster in rosters
    ]
    sizes = [(roster.size, roster.agents) for roster in rosters]
    pairs_all = sum(
        len(members) * told_of
        for parts, both in zip(here, sizes, strict=True)
        for members, told_of in zip(parts, both, strict=True)
    )
    share = min(1.0, most_pairs / pairs_all) if pairs_all else 1.0
    followed: set[int] = set()
    pairs = 0
    for number, (parts, both) in enumerate(zip(here, sizes, strict=True)):
        chance = random.Random(f"{seed}:observers:{number}")
        for members, told_of in zip(parts, both, strict=True):
            if members:
                drawn = chance.sample(members, max(1, int(len(members) * share)))
                followed.update(drawn)
                pairs += len(drawn) * told_of
    return Observers(frozenset(followed), pairs, pairs_all)
