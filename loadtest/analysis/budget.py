"""Budgets of a soak: a TOML file that says how fast what may grow.

    [soak]
    warm_up = "25 %"                      # of the hold, or a time such as "1 h"
    period = "24 h"                       # a load with a day's shape: each phase against itself, days later

    [target]                              # what was watched, at every source that has it
    rss_bytes = "5 MB/h"
    [target.web]                          # at one source only
    rss_bytes = { limit = "2 GB", within = "72 h" }      # must not reach it in that time
    [generator]
    rss_bytes = "2 MB/h"
    [fanout."message.created".agent]
    p99_ms = { growth = "1 ms/h", limit = "1000 ms" }    # and says when the limit would be reached
    [drain]                               # what may stay once all have gone, or after all came back
    rss_bytes = "20 MB"

A growth is a rate in the unit of the level, or a percentage of the level after warm-up (``"5 %/run"``).
``"*"`` in place of an event, role or call means each one that the run brought.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.analysis.growth import WARM_UP_SHARE
from loadtest.analysis.quantity import Amount, dimension_of, read_amount, read_duration_s
from loadtest.analysis.slo import ROLES, WILDCARD, dotted, line_of
from loadtest.api.calls import ENDPOINTS
from loadtest.contract import EVENTS
from loadtest.errors import UsageError

PERCENTILES: Final = ("p50_ms", "p90_ms", "p99_ms", "p999_ms")
CABLE: Final = ("connect_p50_ms", "connect_p99_ms", "confirm_p50_ms", "confirm_p99_ms", "ping_gap_p99_ms")
PRESENCE: Final = ("beat_reply_p50_ms", "beat_reply_p99_ms")
_SECTIONS: Final = ("soak", "target", "generator", "fanout", "rest", "cable", "presence", "drain")
_SOAK_KEYS: Final = ("warm_up", "period")
_RULE_KEYS: Final = ("growth", "limit", "within")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How fast one level may grow.

    Attributes:
        path: which level, as in the file: ``("target", "rss_bytes")``, ``("target", source, "rss_bytes")``,
            ``("fanout", event, role, "p99_ms")``.
        growth: how fast; None where only ``within`` says it.
        limit: a level that is to be kept; None for none.
        within_s: the time in which the limit must not be reached; None for none.
    """

    path: tuple[str, ...]
    growth: Amount | None
    limit: Amount | None = None
    within_s: float | None = None

    @property
    def text(self) -> str:
        """The budget in the user's words."""
        parts = [self.growth.text] if self.growth is not None else []
        if self.limit is not None and self.within_s is not None:
            parts.append(f"not {self.limit.text} within {self.within_s / 3600:g} h")
        elif self.limit is not None:
            parts.append(f"at most {self.limit.text}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Budget:
    """A whole budget.

    Attributes:
        source: the file it was read from; empty for none.
        allowances: in the order of the file.
        drain: what may stay of a level once all have gone, by name of the level.
        warm_up_share: of the hold that is dropped, where ``warm_up_s`` is None.
        warm_up_s: seconds that are dropped; None to go by the share.
        period_s: how long until the load repeats; None for a constant load.
    """

    source: str = ""
    allowances: tuple[Allowance, ...] = ()
    drain: tuple[tuple[str, Amount], ...] = ()
    warm_up_share: float = WARM_UP_SHARE
    warm_up_s: float | None = None
    period_s: float | None = None


def load_budget(path: Path | str) -> Budget:
    """Read a budget file.

    Raises:
        UsageError: it cannot be read, is no TOML, allows nothing, or names a key that is not known; the error names
            file, line where it can be told, key and the nearest known name.
    """
    source = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read the budget ({error.strerror or error})",
            where=source,
            remedy="Give a TOML file of budgets; `loadtest init DIR` writes one to start from",
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"no UTF-8 text at byte {error.start}", where=source, remedy="Save it as UTF-8") from None
    return parse_budget(text, source)


def parse_budget(text: str, source: str = "budget") -> Budget:
    """Read a budget from TOML text; ``source`` names it in errors.

    Raises:
        UsageError: as :func:`load_budget`.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"not valid TOML: {error}", where=source, remedy="Correct that line") from None
    return _Reader(source, text).budget(tree)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Walks a parsed file."""

    source: str
    text: str

    def budget(self, tree: Mapping[str, Any]) -> Budget:
        for name in tree:
            self._known(name, _SECTIONS, (name,), "section")
        for name, table in tree.items():
            self._table(table, (name,))
        allowances = tuple(
            allowance
            for name, table in tree.items()
            if name not in {"soak", "drain"}
            for allowance in self._section(name, table)
        )
        drain = tuple(
            (name, self._amount(value, name, ("drain", name), rate=False))
            for name, value in tree.get("drain", {}).items()
        )
        if not allowances and not drain:
            raise self._error("the file holds no budget", (), 'Add one, such as [target] with rss_bytes = "5 MB/h"')
        return Budget(self.source, allowances, drain, **self._soak(tree.get("soak", {})))

    def _soak(self, table: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in table.items():
            path = ("soak", name)
            self._known(name, _SOAK_KEYS, path, "key")
            if not isinstance(value, str):
                raise self._error(f"{dotted(path)} is {value!r}", path, "Write a time in quotes, such as '24 h'")
            if name == "warm_up" and value.strip().endswith("%"):
                share = self._share(value, path)
                found["warm_up_share"] = share
            else:
                found["warm_up_s" if name == "warm_up" else "period_s"] = self._duration(value, path)
        return found

    def _share(self, text: str, path: tuple[str, ...]) -> float:
        try:
            share = float(text.strip().removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not 0 <= share < 0.9:
            raise self._error(f"{dotted(path)} is {text!r}", path, "Give a percentage from 0 to 90, such as '25 %'")
        return share

    def _section(self, name: str, table: Mapping[str, Any]) -> Iterator[Allowance]:
        match name:
            case "target" | "generator":
                for key, value in table.items():
                    inner = isinstance(value, Mapping) and not set(value) & set(_RULE_KEYS)
                    if not inner or name == "generator":
                        yield self._allowance(value, (name, key))
                        continue
                    if not value or any(dimension_of(key) for _ in value):
                        # a level's own table without a known key, not a source's
                        wrong = next(iter(value), "")
                        self._known(wrong, _RULE_KEYS, (name, key, wrong), "key")
                    for what, rule in value.items():
                        yield self._allowance(rule, (name, key, what))
            case "fanout":
                for event, roles in table.items():
                    self._known(event, (*sorted(EVENTS), WILDCARD), (name, event), "event")
                    for role, keys in self._table(roles, (name, event)).items():
                        self._known(role, (*ROLES, WILDCARD), (name, event, role), "role")
                        yield from self._keys(keys, (name, event, role), PERCENTILES)
            case "rest":
                calls = [endpoint.name for endpoint in ENDPOINTS]
                for call, keys in table.items():
                    if call not in calls and difflib.get_close_matches(call, calls, n=1, cutoff=0.8):
                        self._known(call, calls, (name, call), "call")
                    yield from self._keys(keys, (name, call), PERCENTILES)
            case "cable":
                yield from self._keys(table, (name,), CABLE)
            case "presence":
                for role, keys in table.items():
                    self._known(role, (*ROLES, WILDCARD), (name, role), "role")
                    yield from self._keys(keys, (name, role), PRESENCE)

    def _keys(self, table: Any, path: tuple[str, ...], known: Sequence[str]) -> Iterator[Allowance]:
        for key, value in self._table(table, path).items():
            self._known(key, known, (*path, key), "key")
            yield self._allowance(value, (*path, key))

    def _allowance(self, value: Any, path: tuple[str, ...]) -> Allowance:
        if not isinstance(value, Mapping):
            return Allowance(path, self._amount(value, path[-1], path, rate=True))
        for key in value:
            self._known(key, _RULE_KEYS, (*path, key), "key")
        growth, limit, within = (value.get(key) for key in _RULE_KEYS)
        if within is not None and limit is None:
            raise self._error(f"{dotted(path)} has a within but no limit", path, 'Add limit = "..."')
        if growth is None and within is None:
            raise self._error(f"{dotted(path)} does not say how fast", path, 'Add growth = "..." or within = "..."')
        return Allowance(
            path,
            None if growth is None else self._amount(growth, path[-1], (*path, "growth"), rate=True),
            None if limit is None else self._limit(limit, path),
            None if within is None else self._duration(within, (*path, "within")),
        )

    def _limit(self, value: Any, path: tuple[str, ...]) -> Amount:
        found = self._amount(value, path[-1], (*path, "limit"), rate=False)
        if found.relative:
            raise self._error(
                f"{dotted(path)} has a limit of {found.text}", path, "Write the limit itself, not a share"
            )
        return found

    def _amount(self, value: Any, name: str, path: tuple[str, ...], *, rate: bool) -> Amount:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._error(f"{dotted(path)} is {value!r}", path, "Write a quantity in quotes, such as '5 MB/h'")
        try:
            return read_amount(str(value), dimension_of(name), rate=rate)
        except UsageError as error:
            raise self._error(f"{dotted(path)}: {error.what}", path, error.remedy) from None

    def _duration(self, value: Any, path: tuple[str, ...]) -> float:
        try:
            return read_duration_s(str(value))
        except UsageError as error:
            raise self._error(f"{dotted(path)}: {error.what}", path, error.remedy) from None

    def _table(self, value: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        raise self._error(
            f"{dotted(path)} is {value!r}, not a table", path, f"Write [{dotted(path)}] and keys below it"
        )

    def _known(self, name: str, known: Sequence[str], path: tuple[str, ...], noun: str) -> None:
        if name in known:
            return
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        remedy = f"Did you mean {nearest[0]}?" if nearest else f"Known here: {', '.join(known)}"
        raise self._error(f"unknown {noun} {name!r} in {dotted(path)}", path, remedy)

    def _error(self, what: str, path: tuple[str, ...], remedy: str) -> UsageError:
        line = line_of(self.text, path)
        return UsageError(what, where=f"{self.source}:{line}" if line else self.source, remedy=remedy)
