"""Which fault happens to what: pure functions of the seed and of names that do not depend on arrival or timing.

A decision compares a share with a number between 0 and 1 that is hashed (BLAKE2b, RFC 7693) from the seed, the kind of
fault and the names of what it would happen to: event, emission and receiver. It keeps no state, so the same seed gives
the same faults in whatever order deliveries, sockets or workers come, and one fault's share does not move another's
choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b

from loadtest.refserver.faults.grammar import Term


class FaultPlan:
    """The terms of a specification, and the seed that decides by them.

    Args:
        terms: as they were parsed.
        seed: makes every decision.
    """

    def __init__(self, terms: Sequence[Term], seed: int) -> None:
        self.terms = tuple(terms)
        self.seed = seed
        self._by_kind: dict[str, list[Term]] = {}
        for term in self.terms:
            self._by_kind.setdefault(term.kind.name, []).append(term)
        self._by_event: dict[tuple[str, str], tuple[Term, ...]] = {}

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of fault there are."""
        return frozenset(self._by_kind)

    def of_kind(self, kind: str) -> Sequence[Term]:
        """All terms of a kind, in their order."""
        return self._by_kind.get(kind, ())

    def of_event(self, kind: str, event: str) -> tuple[Term, ...]:
        """The terms of a kind that mean deliveries of an event."""
        key = (kind, event)
        found = self._by_event.get(key)
        if found is None:
            found = self._by_event[key] = tuple(term for term in self.of_kind(kind) if term.fits_event(event))
        return found

    def deciding(self, kind: str, role: str, at_s: float, event: str | None = None) -> Term | None:
        """The term of a kind that decides: the first that fits.

        Args:
            kind: of fault.
            role: of the receiver, empty where there is none.
            at_s: seconds since the first confirmed subscription.
            event: of the delivery, where the kind is about deliveries.
        """
        if kind not in self._by_kind:
            return None
        for term in self.of_kind(kind) if event is None else self.of_event(kind, event):
            if term.when.holds(at_s) and (not role or term.fits_role(role)):
                return term
        return None

    def uniform(self, kind: str, *names: object) -> float:
        """The number, at least 0 and below 1, that belongs to a kind of fault and what it would happen to."""
        text = "\0".join(map(str, (self.seed, kind, *names)))
        return (int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 11) / 2**53

    def happens(self, term: Term, *names: object) -> bool:
        """Whether a fault with a share happens to what is named."""
        return self.uniform(term.kind.name, *names) < term.share

    def stall_end_s(self, kind: str, role: str, at_s: float, event: str | None = None) -> float | None:
        """When the last of the stalls that ``at_s`` falls in is over; None when it falls in none."""
        ends = (
            term.when.stall_end_s(at_s, term.time_s)
            for term in (self.of_kind(kind) if event is None else self.of_event(kind, event))
            if not role or term.fits_role(role)
        )
        return max((end for end in ends if end is not None), default=None)
