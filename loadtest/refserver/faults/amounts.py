"""Amounts as people write them in a fault: times, shares, sizes, and laws by which times are drawn.

A law maps a number that is uniform between 0 and 1 to a time, by the inverse of its distribution function, so that a
draw is as reproducible as the number it is made from. Every law is cut off below at 0 and above at its cap.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

from loadtest.errors import UsageError

CAP_S = 60.0
"""The longest time a law draws unless it is given another; a heavy tail has no longest time of its own."""

_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|min|h)")
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|kB|MB)")
_SIZES = {"B": 1, "kB": 1000, "MB": 1_000_000}
_CALL = re.compile(r"([a-z]+)\((.*)\)", re.DOTALL)
_STANDARD = NormalDist()


def read_time(text: str) -> float:
    """Seconds of ``100us``, ``100ms``, ``5s``, ``2min`` or ``1h``.

    Raises:
        UsageError: it is not written so, or longer than a day.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no time", remedy="Write a number with us, ms, s, min or h, such as 100ms")
    seconds = float(found[1]) * _TIMES[found[2]]
    if seconds > 86400:
        raise UsageError(f"{text} is longer than a day", remedy="Give at most 24h")
    return seconds


def read_share(text: str) -> float:
    """A share between 0 and 1 of ``2%`` or ``0.02``.

    Raises:
        UsageError: it is not written so, or not between 0 and 1.
    """
    percent = text.endswith("%")
    try:
        share = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is no share", remedy="Write 0% to 100%, or 0 to 1, such as 2% or 0.02")
    return share


def read_size(text: str) -> int:
    """Bytes of ``500B``, ``1kB`` or ``2MB``.

    Raises:
        UsageError: it is not written so, or nothing at all.
    """
    found = _SIZE.fullmatch(text)
    size = round(float(found[1]) * _SIZES[found[2]]) if found else 0
    if not 0 < size <= 1_000_000_000:
        raise UsageError(f"{text!r} is no size", remedy="Write a number above 0 with B, kB or MB, such as 1kB")
    return size


@dataclass(frozen=True, slots=True)
class Law:
    """How long something takes.

    Attributes:
        name: of :data:`LAWS`, or ``constant``.
        first: its first parameter, a time in seconds.
        second: its second parameter, a time in seconds or a plain number; 0 where it has none.
        cap_s: the longest time it draws.
    """

    name: str
    first: float
    second: float = 0.0
    cap_s: float = CAP_S

    def draw_s(self, uniform: float) -> float:
        """The time in seconds that belongs to a number at least 0 and below 1."""
        if self.name == "constant":
            return self.first
        return min(self.cap_s, max(0.0, _QUANTILES[self.name](self, uniform)))


def _normal(law: Law, uniform: float) -> float:
    return law.first + law.second * _deviate(uniform)


def _lognormal(law: Law, uniform: float) -> float:
    return law.first * math.exp(law.second * _deviate(uniform))


def _exponential(law: Law, uniform: float) -> float:
    return -law.first * math.log1p(-uniform)


def _pareto(law: Law, uniform: float) -> float:
    return law.first * math.exp(-math.log1p(-uniform) / law.second)


def _uniform(law: Law, uniform: float) -> float:
    return law.first + (law.second - law.first) * uniform


def _deviate(uniform: float) -> float:
    return _STANDARD.inv_cdf(min(1 - 2**-53, max(2**-54, uniform)))


_QUANTILES: Mapping[str, Callable[[Law, float], float]] = {
    "uniform": _uniform,
    "normal": _normal,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "pareto": _pareto,
}

LAWS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("LOW", "HIGH"),
    "normal": ("MEAN", "DEVIATION"),
    "exponential": ("MEAN",),
    "lognormal": ("MEDIAN", "sigma"),
    "pareto": ("LEAST", "shape"),
}
"""Parameters of each law; those in small letters are plain numbers above 0, the others times. A cap may follow."""


def law_forms() -> str:
    """How laws are written, for messages."""
    return ", ".join(("100ms", *(f"{name}({','.join(parameters)})" for name, parameters in LAWS.items())))


def read_law(text: str) -> Law:
    """A law of ``100ms``, ``normal(100ms,20ms)`` or ``pareto(10ms,1.5,5s)``.

    Raises:
        UsageError: it is not written so.
    """
    found = _CALL.fullmatch(text)
    if found is None:
        return Law("constant", read_time(text))
    name = found[1]
    parameters = LAWS.get(name)
    if parameters is None:
        raise UsageError(f"there is no law {name!r}", remedy=f"Known: {law_forms()}")
    given = [part.strip() for part in found[2].split(",")]
    if not len(parameters) <= len(given) <= len(parameters) + 1:
        raise UsageError(
            f"{name} takes {len(parameters)} parameters and perhaps a cap, not {len(given)}",
            remedy=f"Write {name}({','.join(parameters)}) or {name}({','.join(parameters)},CAP)",
        )
    values = [_parameter(*pair) for pair in zip(parameters, given, strict=False)]
    if name == "uniform" and values[1] < values[0]:
        raise UsageError(f"{given[1]} is less than {given[0]}", remedy="Write uniform(LOW,HIGH)")
    cap_s = read_time(given[-1]) if len(given) > len(parameters) else CAP_S
    return Law(name, values[0], values[1] if len(values) > 1 else 0.0, cap_s)


def _parameter(name: str, text: str) -> float:
    if name.isupper():
        return read_time(text)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UsageError(f"{text!r} is no {name}", remedy="Write a number above 0, such as 1.5")
    return value
