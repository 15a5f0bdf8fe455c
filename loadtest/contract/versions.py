"""Upstream's versions, and the dialects made of them: which rules hold for the server at hand.

A rule of the contract (an event, an audience, a field) carries the span of versions in which it holds. A dialect is a
range of versions: ``seed`` the one that the document describes, ``current`` the newest whose source was read, ``auto``
all of them. A rule that holds throughout a dialect's range is demanded there, one that holds somewhere in it is
allowed.

Versions are Chatwoot's, of which OneChat is a renamed copy: the document is of July 2021 (1.18), the newest one read
is 4.12. Where a rule is only known to hold in 4.12, that is its ``since``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Version: TypeAlias = tuple[int, ...]
DialectName: TypeAlias = Literal["auto", "seed", "current"]

DOCUMENT: Version = (1, 18)
NEWEST_READ: Version = (4, 12)
_ANY_LATER: Version = (999,)


@dataclass(frozen=True, slots=True)
class Span:
    """The versions in which a rule holds.

    Attributes:
        since: the first one.
        until: the first one in which it no longer holds; None where it still does.
    """

    since: Version = ()
    until: Version | None = None


EVER = Span()


@dataclass(frozen=True, slots=True)
class Dialect:
    """A range of versions with a name.

    Attributes:
        name: as given to ``--dialect``.
        first: the oldest version it stands for.
        last: the newest.
    """

    name: DialectName
    first: Version
    last: Version

    def throughout(self, span: Span) -> bool:
        """Whether a rule holds in every version of the dialect."""
        return span.since <= self.first and (span.until is None or self.last < span.until)

    def somewhere(self, span: Span) -> bool:
        """Whether a rule holds in at least one version of the dialect."""
        return span.since <= self.last and (span.until is None or self.first < span.until)


DIALECTS: Mapping[DialectName, Dialect] = {
    "auto": Dialect("auto", DOCUMENT, _ANY_LATER),
    "seed": Dialect("seed", DOCUMENT, DOCUMENT),
    "current": Dialect("current", NEWEST_READ, NEWEST_READ),
}


def written(version: Version) -> str:
    """A version as people write it, ``4.0.2``; empty for the beginning of time."""
    return ".".join(map(str, version))
