"""Quantities as people write them: ``5 MB``, ``5 MB/h``, ``1 ms/h``, ``3/day``, ``0.5 %/h``, ``24 h``.

Decimal prefixes are powers of 1000 (kB, MB, GB), binary ones of 1024 (KiB, MiB, GiB). A rate is per second, minute,
hour, day or week, or per ``run``: over all that is measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.errors import UsageError

Dimension = Literal["bytes", "ms", "s", "share", ""]
"""What a level is measured in; empty for plain numbers."""

SECONDS: Final = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0, "week": 604800.0,
}  # fmt: skip
_BYTES: Final = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip
_TIMES_MS: Final = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 60e3}
_RUN: Final = "run"
_GRAMMAR: Final = re.compile(
    r"\s*(?P<number>\d[\d,_]*(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)\s*(?P<unit>[A-Za-zµ%]*)\s*(?:/\s*(?P<per>[A-Za-z]+))?\s*"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity that was written down.

    Attributes:
        value: in the unit of the dimension it was read for; a share of the level where ``relative``.
        relative: whether it is a percentage of a level that is no share itself.
        per_s: seconds it is per; None for no rate, infinite for per run.
        text: as it was written.
    """

    value: float
    relative: bool
    per_s: float | None
    text: str

    def per_hour(self, level: float | None, hours: float) -> float | None:
        """A rate as growth an hour.

        Args:
            level: the level that a percentage is of.
            hours: what is measured, for what is per run.

        Returns:
            None where a percentage's level, or the measured time, is not there.
        """
        assert self.per_s is not None
        value = self.value if not self.relative else None if level is None else self.value * abs(level)
        if value is None or (self.per_s == float("inf") and hours <= 0):
            return None
        return value / hours if self.per_s == float("inf") else value * 3600.0 / self.per_s


def dimension_of(name: str) -> Dimension:
    """What the level of this name is measured in, by how the name ends."""
    if name.endswith("_per_s"):
        return ""
    for ending in ("bytes", "ms", "s", "share"):
        if name.endswith(f"_{ending}"):
            return ending
    return ""


def read_amount(text: str, dimension: Dimension, *, rate: bool) -> Amount:
    """Read a quantity.

    Args:
        text: such as ``5 MB/h``.
        dimension: what it must be measured in.
        rate: whether it must be a rate, or must not.

    Raises:
        UsageError: it is no quantity, has another unit, or is (not) a rate; the remedy shows one that would do.
    """
    example = {"bytes": "5 MB", "ms": "1 ms", "s": "0.1 s", "share": "0.5 %", "": "10"}[dimension]
    example += "/h" if rate else ""
    found = _GRAMMAR.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no {'growth' if rate else 'quantity'}", remedy=f"Write one such as {example!r}")
    value, unit, per = float(found["number"].replace(",", "").replace("_", "")), found["unit"], found["per"]
    if rate and per is None:
        raise UsageError(f"{text!r} does not say per what time", remedy=f"Write it such as {example!r}")
    if not rate and per is not None:
        raise UsageError(f"{text!r} is a rate, and a level is asked for", remedy=f"Write it such as {example!r}")
    if rate and not value > 0:
        raise UsageError(
            f"{text!r} allows no growth at all, which no measurement can show",
            remedy=f"Allow a little, such as {example!r}",
        )
    if per is not None and per != _RUN and per not in SECONDS:
        raise UsageError(f"{text!r} is per {per!r}", remedy=f"Known: {', '.join([*SECONDS, _RUN])}")
    per_s = None if per is None else float("inf") if per == _RUN else SECONDS[per]
    relative = unit == "%" and dimension != "share"
    return Amount(value * _factor(text, unit, dimension, example), relative, per_s, text.strip())


def read_duration_s(text: str) -> float:
    """Seconds of a duration such as ``30 min`` or ``24 h``.

    Raises:
        UsageError: it is none, or not above 0.
    """
    found = _GRAMMAR.fullmatch(text)
    if found is None or found["per"] is not None or found["unit"] not in SECONDS:
        raise UsageError(f"{text!r} is no duration", remedy=f"Write one such as '24 h'; units: {', '.join(SECONDS)}")
    value = float(found["number"].replace(",", "").replace("_", "")) * SECONDS[found["unit"]]
    if not value > 0:
        raise UsageError(f"{text!r} is no time at all", remedy="Give more than 0")
    return value


def _factor(text: str, unit: str, dimension: Dimension, example: str) -> float:
    if unit == "%":
        return 0.01
    units = {"bytes": _BYTES, "ms": _TIMES_MS, "s": {k: v / 1e3 for k, v in _TIMES_MS.items()}}.get(
        dimension, {"": 1.0}
    )
    if unit in units:
        return units[unit]
    what = f"the unit {unit!r}" if unit else "no unit"
    known = ", ".join(repr(name) for name in units if name) or "none"
    raise UsageError(f"{text!r} has {what}", remedy=f"Write it such as {example!r}; units here: {known}, or '%'")
