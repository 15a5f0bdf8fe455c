"""Service level objectives: a TOML file of limits by summary key, all of which must hold.

    [fanout."message.created".agent]
    p99_ms = { max = 500 }            # or just: p99_ms = 500
    [delivery."message.created"]
    lost = 0
    [presence.agent]
    p_a = 0.95                        # more is better here, so a bare number is a minimum

A bare number is a maximum, or a minimum where more is better (:mod:`loadtest.analysis.keys`). ``"*"`` in place of an
event, role, call or name means each one that the run brought, every one judged by itself.

A limit is judged on the 95 % interval of the value where it has one: PASS when the whole interval keeps the limit,
FAIL when the whole interval breaks it, else INCONCLUSIVE with what it would take to decide. A value that was not
measured, or has too few samples, is INCONCLUSIVE.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.analysis.keys import JUDGEABLE, Branch, Key
from loadtest.analysis.model import Bound
from loadtest.api.calls import ENDPOINTS
from loadtest.contract import EVENTS
from loadtest.errors import UsageError

ROLES = ("agent", "contact")
WILDCARD = "*"

_BOUNDS: tuple[Bound, ...] = ("max", "min")
_BARE_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TYPO = 0.8


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.

    Attributes:
        path: the key in summary.json; ``*`` stands for each name at that place.
        key: what the key is.
        bound: whether the limit is a maximum or a minimum.
        value: the limit, in the key's unit.
    """

    path: tuple[str, ...]
    key: Key
    bound: Bound
    value: float

    def name_of(self, path: Sequence[str]) -> str:
        """What a check of this limit is called at one path it stands for: the key as TOML writes it, and its bound."""
        return f"{dotted(path)} {self.bound}"


@dataclass(frozen=True, slots=True)
class Slo:
    """A conjunction of limits.

    Attributes:
        source: the file it was read from.
        limits: in the order of the file; never empty.
    """

    source: str
    limits: tuple[Limit, ...]


def dotted(path: Sequence[str]) -> str:
    """A key path as TOML writes it: names with other characters are quoted."""
    return ".".join(name if _BARE_NAME.fullmatch(name) else f'"{name}"' for name in path)


def load_slo(path: Path | str) -> Slo:
    """Read an SLO file.

    Args:
        path: a TOML file.

    Raises:
        UsageError: the file cannot be read, is no TOML, holds no limit, or names a key that summary.json does not
            have; the error names file, line where it can be told, key and the nearest known name.
    """
    source = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read the SLO file ({error.strerror or error})", where=source, remedy="Give a TOML file of limits"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"no UTF-8 text at byte {error.start}", where=source, remedy="Save it as UTF-8") from None
    return parse_slo(text, source)


def parse_slo(text: str, source: str = "slo") -> Slo:
    """Read limits from TOML text; ``source`` names it in errors.

    Raises:
        UsageError: as :func:`load_slo`.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"not valid TOML: {error}", where=source, remedy="Correct that line") from None
    limits = tuple(_Reader(source, text).limits(tree, JUDGEABLE, ()))
    if not limits:
        raise UsageError(
            "the file holds no limit",
            where=source,
            remedy='Add one, such as [delivery."message.created"] with lost = 0',
        )
    return Slo(source, limits)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Walks a parsed file along the tree of judgeable keys."""

    source: str
    text: str

    def limits(self, table: Mapping[str, Any], branch: Branch, path: tuple[str, ...]) -> Iterator[Limit]:
        for name, value in table.items():
            here = (*path, name)
            node = self._child(branch, name, here)
            if isinstance(node, Key):
                yield from self._limits_of(node, value, here)
            elif isinstance(value, Mapping):
                yield from self.limits(value, node, here)
            else:
                inner = [known for known in node if not known.startswith("<")] or [_example(node)]
                raise self._error(
                    f"{dotted(here)} is a table, not a number", here, f"Name a key in it, such as {inner[0]}"
                )

    def _child(self, branch: Branch, name: str, path: tuple[str, ...]) -> Key | Branch:
        if name in branch and not name.startswith("<"):
            return branch[name]
        kinds = [known for known in branch if known.startswith("<")]
        if kinds and _fits(kinds[0], name):
            return branch[kinds[0]]
        known = [option for option in branch if not option.startswith("<")]
        for kind in kinds:
            known += _names_of(kind)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        remedy = f"Did you mean {nearest[0]}?" if nearest else f"Known here: {', '.join(sorted(known))}"
        raise self._error(f"unknown {_noun(kinds)} {name!r} in {dotted(path)}", path, remedy)

    def _limits_of(self, key: Key, value: Any, path: tuple[str, ...]) -> Iterator[Limit]:
        if not isinstance(value, Mapping):
            yield Limit(path, key, key.bound, self._number(key, value, path))
            return
        if not value:
            raise self._error(f"{dotted(path)} has no limit", path, "Write { max = ... } or { min = ... }")
        numbers: dict[Bound, float] = {}
        for bound, number in value.items():
            if bound not in _BOUNDS:
                nearest = difflib.get_close_matches(bound, _BOUNDS, n=1, cutoff=0.3)
                remedy = f"Did you mean {nearest[0]}?" if nearest else "Known here: max, min"
                raise self._error(f"unknown bound {bound!r} in {dotted(path)}", (*path, bound), remedy)
            numbers["max" if bound == "max" else "min"] = self._number(key, number, (*path, bound))
        if numbers.get("min", 0.0) > numbers.get("max", math.inf):
            raise self._error(f"{dotted(path)} has a min above its max", path, "Nothing can keep both: swap them")
        for its_bound, number in numbers.items():
            yield Limit(path, key, its_bound, number)

    def _number(self, key: Key, value: Any, path: tuple[str, ...]) -> float:
        name = dotted(path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(f"{name} is {value!r}, not a number", path, f"Give a number{_in_unit(key)}")
        if not math.isfinite(value):
            raise self._error(f"{name} is {value}, which limits nothing", path, f"Give a finite number{_in_unit(key)}")
        if value < 0:
            raise self._error(f"{name} is negative ({value})", path, f"Give a number{_in_unit(key)} from 0 on")
        if key.unit == "share" and value > 1:
            raise self._error(f"{name} is {value}, but a share lies between 0 and 1", path, "Write 95 % as 0.95")
        return float(value)

    def _error(self, what: str, path: tuple[str, ...], remedy: str) -> UsageError:
        line = line_of(self.text, path)
        return UsageError(what, where=f"{self.source}:{line}" if line else self.source, remedy=remedy)


def _fits(kind: str, name: str) -> bool:
    """Whether a name may stand in a place; a call of a user's own is fine unless it is nearly a known one."""
    if name == WILDCARD:
        return True
    known = _names_of(kind)
    if kind == "<call>":
        return name in known or not difflib.get_close_matches(name, known, n=1, cutoff=_TYPO)
    return kind == "<name>" or name in known


def _names_of(kind: str) -> list[str]:
    names: dict[str, Sequence[str]] = {
        "<event>": sorted(EVENTS),
        "<role>": ROLES,
        "<call>": [endpoint.name for endpoint in ENDPOINTS],
    }
    return list(names.get(kind, ()))


def _noun(kinds: Sequence[str]) -> str:
    return kinds[0].strip("<>") if kinds else "key"


def _example(node: Branch) -> str:
    names = _names_of(next(iter(node)))
    return f'"{names[0]}"' if names else '"*"'


def _in_unit(key: Key) -> str:
    return f" in {key.unit}" if key.unit not in {"", "share"} else (" between 0 and 1" if key.unit else "")


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line on which a key stands, where only one can be meant (tomllib keeps no positions)."""
    for name in reversed(path):
        key = re.compile(rf"""(^|[\s.{{,\["']){re.escape(name)}["']?\s*[.=\]]""")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if key.search(line.split("#")[0])]
        if len(lines) == 1:
            return lines[0]
    return None
