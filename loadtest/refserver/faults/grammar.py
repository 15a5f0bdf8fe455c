"""Reads ``--faults``: terms separated by commas, each ``KIND[NARROWED]=VALUE@WHEN``.

:data:`loadtest.refserver.faults.kinds.KINDS` says what each kind takes. ``NARROWED`` lists events (or REST calls) and
roles; several events are alternatives, several roles too, and where both are given both must fit. ``WHEN`` counts from
the server's first confirmed subscription: ``FROM`` or ``FROM..UNTIL`` for what lasts, ``FROM`` or ``FROM/EVERY`` for
what happens at a moment. Blanks around a part are allowed; ``none`` and nothing are no faults.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from loadtest import api
from loadtest.api import platform, provisioning, records
from loadtest.contract import events_of
from loadtest.errors import UsageError
from loadtest.refserver.faults.amounts import Law, law_forms, read_law, read_share, read_size, read_time
from loadtest.refserver.faults.kinds import GROWS_WITH, KINDS, Kind

PRESENCE = "presence.update"
ROLES = ("agent", "contact")
MOST_WORKERS = 10_000

_TERM = re.compile(r"([^\[\]=@]*)(?:\[([^\[\]]*)\]\s*)?(?:=([^@]*))?(?:@(.*))?", re.DOTALL)
_CALLS = frozenset(call.name for part in (api, platform, provisioning, records) for call in part.ENDPOINTS)
_EVENTS = frozenset(events_of("auto"))
_WHEN = {
    "span": "FROM or FROM..UNTIL, such as @20s or @20s..40s",
    "stall": "FROM or FROM/EVERY, such as @20s or @20s/60s",
    "moment": "FROM or FROM/EVERY, such as @20s or @20s/60s",
}


@dataclass(frozen=True, slots=True)
class Service:
    """Time of a worker that each delivery takes.

    Attributes:
        each_s: how long.
        workers: how many there are.
        burns: whether it is burnt in the server's loop rather than waited for.
    """

    each_s: float
    workers: int = 1
    burns: bool = False


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory that is never given back.

    Attributes:
        size_bytes: how much each time.
        each: of :data:`loadtest.refserver.faults.kinds.GROWS_WITH`.
    """

    size_bytes: int
    each: str


Value: TypeAlias = float | Law | Service | Growth
"""A share, or a time in seconds; or what the kind takes instead."""


@dataclass(frozen=True, slots=True)
class When:
    """When a term holds, in seconds since the first confirmed subscription.

    Attributes:
        from_s: the beginning, or the moment.
        until_s: the end of what lasts.
        every_s: time from one moment to the next; 0 where there is one.
    """

    from_s: float = 0.0
    until_s: float = math.inf
    every_s: float = 0.0

    def holds(self, at_s: float) -> bool:
        """Whether what lasts does so now; before the first subscription as in its first moment."""
        return self.from_s <= max(at_s, 0.0) < self.until_s

    def stall_end_s(self, at_s: float, length_s: float) -> float | None:
        """When the stall that ``at_s`` falls in is over; None when it falls in none."""
        begin_s = self.from_s
        if at_s < begin_s:
            return None
        if self.every_s:
            begin_s += (at_s - begin_s) // self.every_s * self.every_s
        return begin_s + length_s if at_s < begin_s + length_s else None


@dataclass(frozen=True, slots=True)
class Term:
    """One fault, as it was asked for.

    Attributes:
        kind: which.
        value: how much of it.
        events: the events it is narrowed to; none where it is not.
        calls: the REST calls it is narrowed to; none where it is not.
        roles: the roles it is narrowed to; none where it is not.
        when: when it holds.
        text: as it was written.
    """

    kind: Kind
    value: Value
    events: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    when: When = field(default_factory=When)
    text: str = ""

    @property
    def share(self) -> float:
        """Its value, where that is a share."""
        return self._number()

    @property
    def time_s(self) -> float:
        """Its value, where that is a time."""
        return self._number()

    @property
    def law(self) -> Law:
        """Its value, where that is a law."""
        if not isinstance(self.value, Law):
            raise TypeError(f"{self.kind.name} has no law")
        return self.value

    def fits_event(self, event: str) -> bool:
        """Whether deliveries of this event are meant."""
        if self.events:
            return event in self.events
        return event != PRESENCE or self.kind.narrowed == "all deliveries"

    def fits_role(self, role: str) -> bool:
        """Whether this role is meant."""
        return not self.roles or role in self.roles

    def _number(self) -> float:
        if not isinstance(self.value, float):
            raise TypeError(f"{self.kind.name} has no plain number")
        return self.value


def parse_faults(text: str) -> tuple[Term, ...]:
    """Read a whole specification.

    Args:
        text: as given to ``--faults``.

    Returns:
        Its terms, in their order.

    Raises:
        UsageError: a term cannot be read, or can never be reached; says which term, at which character, what is
            allowed there, and the nearest name that is known.
    """
    if text.strip() in ("", "none"):
        return ()
    terms: list[Term] = []
    for number, (place, part) in enumerate(_parts(text), start=1):
        where = f"term {number}, {part!r}, at character {place}"
        try:
            term = _term(part)
            _reached(term, terms)
        except UsageError as error:
            raise UsageError(error.what, where=where, remedy=error.remedy) from None
        terms.append(term)
    return tuple(terms)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The terms with the place of their first character, counted from 1; commas in brackets separate no terms."""
    depth = start = 0
    for place, character in enumerate(f"{text},"):
        if character in "[(":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and (depth <= 0 or place == len(text)):
            part = text[start:place]
            yield start + 1 + len(part) - len(part.lstrip()), part.strip()
            start = place + 1


def _term(text: str) -> Term:
    if not text:
        raise UsageError("there is nothing between two commas", remedy="Write TERM,TERM or leave the comma out")
    found = _TERM.fullmatch(text)
    if found is None:
        raise UsageError("it cannot be read", remedy="Write KIND[NARROWED]=VALUE@WHEN, such as loss[contact]=2%@20s")
    name, narrowed, value, when = (None if group is None else group.strip() for group in found.groups())
    kind = KINDS.get(name or "")
    if kind is None:
        raise UsageError(f"there is no fault {name!r}", remedy=_nearest(name or "", KINDS))
    events, calls, roles = _narrowed(kind, narrowed)
    term = Term(kind, _value(kind, value), events, calls, roles, _when(kind, when), text)
    if kind.when == "stall" and term.when.every_s and term.when.every_s <= term.time_s:
        raise UsageError("it comes again before it is over", remedy="Repeat it at a time longer than it lasts")
    return term


def _narrowed(kind: Kind, text: str | None) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    if text is None:
        return frozenset(), frozenset(), frozenset()
    subjects: frozenset[str] = frozenset()
    if kind.narrowed in ("deliveries", "all deliveries"):
        subjects = _EVENTS
    elif kind.narrowed == "calls":
        subjects = _CALLS
    elif kind.narrowed == "nothing":
        raise UsageError(f"{kind.name} cannot be narrowed", remedy=f"Leave the brackets out, such as {kind.example}")
    names = {name.strip() for name in text.split(",")}
    for name in sorted(names):
        if name not in subjects and name not in ROLES:
            what = {"calls": "call or role", "roles": "role"}.get(kind.narrowed, "event or role")
            raise UsageError(f"there is no {what} {name!r}", remedy=_nearest(name, (*ROLES, *sorted(subjects))))
    chosen = frozenset(names & subjects)
    is_rest = kind.narrowed == "calls"
    return frozenset() if is_rest else chosen, chosen if is_rest else frozenset(), frozenset(names.intersection(ROLES))


def _value(kind: Kind, text: str | None) -> Value:
    if text is None:
        if not kind.default:
            raise UsageError(f"{kind.name} needs a value", remedy=f"Write it such as {kind.example}")
        text = kind.default
    match kind.value:
        case "share":
            return read_share(text)
        case "time":
            return _above_0(read_time(text), text)
        case "law":
            return _law(text)
        case "service":
            return _service(text)
        case "growth":
            return _growth(text)


def _law(text: str) -> Law:
    try:
        return read_law(text)
    except UsageError as error:
        raise UsageError(error.what, remedy=error.remedy if "(" in text else f"Write one of: {law_forms()}") from None


def _service(text: str) -> Service:
    burnt = re.fullmatch(r"cpu\((.*)\)", text)
    if burnt is not None:
        return Service(_above_0(read_time(burnt[1].strip()), text), burns=True)
    each, star, workers = (part.strip() for part in text.partition("*"))
    count = int(workers) if workers.isascii() and workers.isdigit() and len(workers) < 9 else 0
    if star and not 0 < count <= MOST_WORKERS:
        raise UsageError(
            f"{workers!r} is no number of workers", remedy=f"Write 1 to {MOST_WORKERS}, such as service=2ms*4"
        )
    return Service(_above_0(read_time(each), text), count if star else 1)


def _growth(text: str) -> Growth:
    size, slash, each = (part.strip() for part in text.partition("/"))
    if not slash or each not in GROWS_WITH:
        raise UsageError(
            f"{text!r} does not say with what memory grows",
            remedy=f"Write SIZE/EACH, such as 1kB/delivery, with EACH one of: {', '.join(GROWS_WITH)}",
        )
    return Growth(read_size(size), each)


def _above_0(seconds: float, text: str) -> float:
    if not seconds:
        raise UsageError(f"{text} is no time to wait", remedy="Give more than 0")
    return seconds


def _when(kind: Kind, text: str | None) -> When:
    if text is None:
        if kind.when == "span":
            return When()
        raise UsageError(f"{kind.name} must say when", remedy=f"Add @ and {_WHEN[kind.when]}")
    mark = ".." if kind.when == "span" else "/"
    begin, found, end = (part.strip() for part in text.partition(mark))
    try:
        from_s, end_s = read_time(begin), read_time(end) if found else math.inf
    except UsageError as error:
        raise UsageError(f"after @, {error.what}", remedy=f"Write {_WHEN[kind.when]}") from None
    if kind.when != "span":
        return When(from_s, every_s=_above_0(end_s, end) if found else 0.0)
    if end_s <= from_s:
        raise UsageError(f"it ends at {end}, before it begins", remedy="Write FROM..UNTIL with the later time last")
    return When(from_s, end_s)


def _reached(term: Term, earlier: Iterable[Term]) -> None:
    """Refuse a term that never decides, since another one of its kind fits whatever it fits."""
    if term.kind.when != "span" or term.kind.name in ("leak", "memory-leak"):
        return
    for other in earlier:
        if (
            other.kind is term.kind
            and _covers(other.events, term.events)
            and _covers(other.calls, term.calls)
            and _covers(other.roles, term.roles)
            and not (PRESENCE in term.events and not other.events and other.kind.narrowed == "deliveries")
            and other.when.from_s <= term.when.from_s
            and term.when.until_s <= other.when.until_s
        ):
            raise UsageError(
                f"it is never reached, because {other.text!r} before it fits first",
                remedy="Write the narrower term first",
            )


def _covers(these: frozenset[str], those: frozenset[str]) -> bool:
    return not these or (bool(those) and those <= these)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]}? Known: {', '.join(names)}" if near else f"Known: {', '.join(names)}"
