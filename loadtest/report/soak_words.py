"""How a soak's numbers are said: growth in the unit people budget it in, hours, names of levels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from loadtest.analysis.model import Interval
from loadtest.analysis.quantity import Dimension
from loadtest.report.wording import MISSING, significant

_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def name(path: Sequence[str]) -> str:
    """A level's name as the report says it: ``target web rss_bytes`` is ``rss_bytes of web``."""
    match list(path):
        case ["target", source, what]:
            return f"{what} of {source}"
        case ["target", what]:
            return f"{what} of the target"
        case ["generator", *worker, what]:
            return f"{what} of the generator" + (f" ({worker[0]})" if worker else "")
        case ["fanout", event, role, key]:
            return f"{event} to {role}s, {key.removesuffix('_ms')}"
        case ["rest", call, key]:
            return f"{call}, {key.removesuffix('_ms')}"
        case ["presence", role, key]:
            return f"{key.removesuffix('_ms').replace('_', ' ')} of {role}s"
        case _:
            return " ".join(path).replace("_", " ")


def amount(value: float | None, dimension: Dimension, *, signed: bool = False) -> str:
    """A level in the unit that reads best, in decimal prefixes as budgets use them."""
    if value is None:
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    sign = ("+" if value >= 0 else "-") if signed else ("-" if value < 0 else "")
    size = abs(value)
    if dimension == "bytes":
        factor, unit = next(((f, u) for f, u in _BYTES if size >= f), _BYTES[-1])
        return f"{sign}{significant(size / factor)} {unit}"
    if dimension == "share":
        return f"{sign}{significant(100 * size)} %"
    unit = f" {dimension}" if dimension else ""
    return f"{sign}{significant(size)}{unit}"


def rate(value: float | None, dimension: Dimension) -> str:
    """A growth an hour, signed."""
    return MISSING if value is None else f"{amount(value, dimension, signed=True)}/h"


def span(interval: Interval | None, dimension: Dimension) -> str:
    """An interval of a growth: ``+1.2 to +3.4 MB/h``."""
    if interval is None:
        return ""
    return f"{amount(interval[0], dimension, signed=True)} to {amount(interval[1], dimension, signed=True)}/h"


def ticks(low: float, high: float, dimension: Dimension) -> Callable[[float], str]:
    """How the ticks of an axis from ``low`` to ``high`` are written: one unit, and digits enough to tell them apart."""
    most = max(abs(low), abs(high))
    factor, unit = 1.0, str(dimension)
    if dimension == "bytes":
        factor, unit = next(((f, u) for f, u in _BYTES if most >= f), _BYTES[-1])
    elif dimension == "share":
        factor, unit = 0.01, "%"
    step = max(high - low, 1e-12 * max(most, 1e-9)) / 4 / factor
    digits = min(max(0, 1 - math.floor(math.log10(step))), 9)
    return lambda value: f"{value / factor:,.{digits}f} {unit}".rstrip()
