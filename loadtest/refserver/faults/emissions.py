"""What a broadcast is called, so that a decision about it can be made again in another run.

An emission that carries a mark is called by the mark's key: a run with the same seed and plan gives the same message
the same key, while run tag and due time differ. Any other is called by its account, its conversation, who caused it,
and how many of its event this actor had caused there before; the answer to a presence beat by who is told and how many
answers came before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.clock import NS_PER_US
from loadtest.collect.marks import read_mark
from loadtest.refserver.faults.grammar import PRESENCE
from loadtest.refserver.rooms import Broadcast, Subscription


@dataclass(frozen=True, slots=True)
class Emission:
    """A broadcast's names.

    Attributes:
        event: its event.
        name: what decisions about it are hashed from.
        mark: the mark's key, empty where it has none.
        run: the mark's run tag, empty where it has none.
        due_ns: when it was due, Unix nanoseconds; 0 where nobody knows.
    """

    event: str
    name: str
    mark: str = ""
    run: str = ""
    due_ns: int = 0

    def named(self) -> dict[str, str]:
        """The names, as the truth file has them."""
        return {"event": self.event, "mark": self.mark, "emission": self.name}


class Emissions:
    """Names broadcasts, one after the other."""

    __slots__ = ("_ordinals",)

    def __init__(self) -> None:
        self._ordinals: Counter[tuple[object, ...]] = Counter()

    def name(self, broadcast: Broadcast, audience: Sequence[Subscription]) -> Emission:
        """Name a broadcast; to be called once for each, in their order."""
        mark = read_mark(broadcast.text) if broadcast.text else None
        if mark is not None:
            return Emission(broadcast.event, mark.key, mark.key, mark.run, mark.due_us * NS_PER_US)
        where: tuple[object, ...] = (broadcast.account_id, broadcast.conversation_id, broadcast.actor or "server")
        if broadcast.event == PRESENCE:
            where = (broadcast.account_id, receiver_name(audience[0]) if audience else "nobody")
        counted = (broadcast.event, *where)
        ordinal = self._ordinals[counted]
        self._ordinals[counted] = ordinal + 1
        return Emission(broadcast.event, "/".join(map(str, (*where, ordinal))))


def receiver_name(subscription: Subscription) -> str:
    """What a receiver is called: ``agent:7`` or ``contact:11``."""
    return f"{subscription.role}:{subscription.identity_id}"
