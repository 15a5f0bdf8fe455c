"""How a value of summary.json is said to a person: units, three significant digits, and what is missing.

Shared by the terminal, Markdown and HTML, so that one number reads the same everywhere.
Two values of summary.json are not numbers: ``None`` (too few samples, or not measured) and ``"inf"`` (lost deliveries
reach up to that percentile).
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

from loadtest.nouns import noun

MISSING = "n/a"
INFINITE = "∞"
_MINUTES_FROM_S = 120
_SYMBOLS = frozenset({"s", "ms"})


def number(value: Any) -> float | None:
    """The float behind a value of summary.json, or None when it holds no number ("inf" gives infinity)."""
    if value is None or isinstance(value, bool):
        return None
    if value == "inf":
        return math.inf
    if isinstance(value, int | float):
        return None if math.isnan(value) else float(value)
    return None


def missing(n: Any = None) -> str:
    """What stands where a number could not be told: never a blank, and with the sample count where it is known."""
    return f"{MISSING} (n={count(n)})" if number(n) is not None else MISSING


def significant(value: float) -> str:
    """``value`` with three significant digits and no exponent, trailing zeros kept below 100."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(float(f"{value:.2e}"))))
    if magnitude >= 2:
        return f"{value:,.0f}"
    return f"{value:.{min(2 - magnitude, 6)}f}"


def milliseconds(value: Any, n: Any = None) -> str:
    """A duration given in milliseconds, in the unit that reads best: ``0.420 ms``, ``87.0 ms``, ``1.25 s``."""
    ms = number(value)
    if ms is None:
        return missing(n)
    if math.isinf(ms):
        return INFINITE
    if abs(ms) < 999.5:
        return f"{significant(ms)} ms"
    if abs(ms) < _MINUTES_FROM_S * 1000.0:
        return f"{significant(ms / 1000.0)} s"
    return seconds(ms / 1000.0)


def seconds(value: Any, n: Any = None) -> str:
    """A duration given in seconds, without trailing zeros: ``0.25 s``, ``75 s``, ``12 min 30 s``, ``3 h 05 min``."""
    s = number(value)
    if s is None:
        return missing(n)
    if math.isinf(s):
        return INFINITE
    if abs(s) < _MINUTES_FROM_S:
        text = significant(s)
        return f"{text.rstrip('0').rstrip('.') if '.' in text else text} s"
    whole = round(s)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(s / 60), 60)
    return f"{hours} h {rest:02d} min" if rest else f"{hours} h"


def count(value: Any) -> str:
    """A whole number with thousands separated; a fraction keeps three digits."""
    n = number(value)
    if n is None:
        return MISSING
    if math.isinf(n):
        return INFINITE
    return f"{n:,.0f}" if n == int(n) else significant(n)


def percent(share: Any, n: Any = None) -> str:
    """A share (0..1) in percent; what is not whole never rounds to 0 % or 100 %."""
    value = number(share)
    if value is None:
        return missing(n)
    if math.isinf(value):
        return INFINITE
    points = value * 100
    if points in (0, 100):
        return f"{points:.0f} %"
    for digits in (1, 2, 3, 4):
        text = f"{points:.{digits}f}"
        if float(text) not in (0.0, 100.0):
            return f"{text} %"
    return "< 0.0001 %" if points < 50 else "> 99.9999 %"


def rate(value: Any, unit: str = "/s") -> str:
    """A rate with three significant digits."""
    n = number(value)
    return MISSING if n is None else f"{INFINITE if math.isinf(n) else count(float(f'{n:.3g}'))}{unit}"


def bytes_(value: Any) -> str:
    """A size in bytes, in binary units: ``812 B``, ``45.2 MiB``."""
    size = number(value)
    if size is None:
        return MISSING
    for unit in ("B", "KiB", "MiB"):
        if abs(size) < 1024:
            return f"{significant(size)} {unit}"
        size /= 1024
    return f"{significant(size)} GiB"


def plain(text: Any) -> str:
    """``text`` on one line without control, format or unassigned characters.

    Names come from servers that nobody vouches for: an escape sequence must reach no terminal.
    """
    one_line = " ".join(str(text).split())
    return "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in one_line)


def many(n: float, one: str, more: str = "") -> str:
    """``n`` with its noun in the right number: ``1 check``, ``3 checks``."""
    return f"{count(n)} {noun(n, one, more)}"


def unit_of(value: Any, unit: str) -> str:
    """A unit in the number of its value: ``window`` of 1, ``windows`` of 2; symbols such as ``ms`` stay."""
    return unit if unit in _SYMBOLS or number(value) != 1 else unit.removesuffix("s")


def clock_time(started_at: Any, offset_s: float) -> str:
    """The UTC time of day ``offset_s`` after the ISO 8601 stamp ``started_at``; empty when that is not a stamp."""
    try:
        start = datetime.fromisoformat(str(started_at))
    except ValueError:
        return ""
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return f"{start.astimezone(UTC) + timedelta(seconds=offset_s):%H:%M:%S}"


def run_time(offset_s: float) -> str:
    """Time since the run's start, as on a stop watch: ``0:07``, ``12:30``, ``1:02:03``."""
    sign = "-" if offset_s < 0 else ""
    minutes, s = divmod(int(abs(offset_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{s:02d}" if hours else f"{sign}{minutes}:{s:02d}"
