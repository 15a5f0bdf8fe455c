"""What the analysis is given and what it hands back: the frames of a run, and results that carry their doubt.

Every result holds an estimate, its interval, the number of samples behind it and warnings that name cause and remedy,
so that no number is printed as surer than it is.
Nothing here does I/O; values leave through :func:`plain`, which knows what JSON can hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

Result = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID"]
Bound = Literal["max", "min"]
Interval = tuple[float, float]
Value = float | int | bool | str | None

SCHEMA_VERSION = 1
"""Version of summary.json, raised when a fixed key changes its name or meaning."""

EXIT_CODES: dict[Result, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "INVALID": 4}
"""Exit code of a run by its verdict; 2 is wrong usage and never a verdict."""


@dataclass(frozen=True, slots=True)
class RunData:
    """A run as frames, as ``loadtest.store`` hands them out (so that the analysis needs no store).

    Attributes:
        meta: the run's description (table ``meta``).
        hists: columns ``window, start_s, phase, metric, name, role, hist``, one row a key, ``hist`` a ``Histogram``.
        counts: columns ``window, start_s, phase, metric, name, role, value``.
        gauges: columns ``at_s, name, worker, value``.
        closings: columns as the fields of ``Closing``, plus ``due_s``.
        notes: columns ``at_s, kind, text, data``.

    ``start_s``, ``at_s`` and ``due_s`` are seconds since the run's start; ``window`` is ``wall time // window length``.
    """

    meta: Mapping[str, Any]
    hists: pd.DataFrame
    counts: pd.DataFrame
    gauges: pd.DataFrame
    closings: pd.DataFrame
    notes: pd.DataFrame

    @property
    def window_s(self) -> float:
        """Length of a window in seconds."""
        return float(self.meta.get("window_s") or 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and how sure it is.

    Attributes:
        value: the estimate; None where it was not measured or the samples are too few; ``inf`` where it is infinite.
        interval: 95 % interval, or None where there is none.
        n: samples behind it.
        warnings: sentences that name cause and remedy.
    """

    value: float | None
    interval: Interval | None = None
    n: int = 0
    warnings: tuple[str, ...] = ()

    def scaled(self, factor: float, digits: int | None = None) -> Estimate:
        """The same estimate in another unit, rounded to ``digits`` decimals where given."""

        def scale(number: float) -> float:
            result = number * factor
            return round(result, digits) if digits is not None and math.isfinite(result) else result

        value = None if self.value is None else scale(self.value)
        interval = None if self.interval is None else (scale(self.interval[0]), scale(self.interval[1]))
        return Estimate(value, interval, self.n, self.warnings)


@dataclass(frozen=True, slots=True)
class Check:
    """One limit and how the run stands to it.

    Attributes:
        name: what is judged.
        value: what was measured; None where it was not.
        limit: the limit, in the same unit.
        bound: whether the limit is a maximum or a minimum.
        unit: unit of value and limit; empty for plain counts.
        result: the outcome of this limit alone.
        interval: 95 % interval of the value, where it has one.
        note: a sentence that names cause and remedy; empty where the numbers say it all.
        final: a FAIL of this check decides the run, whatever else is wrong with it.
    """

    name: str
    value: Value
    limit: float
    bound: Bound
    unit: str
    result: Result
    interval: Interval | None = None
    note: str = ""
    final: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The check as summary.json holds it."""
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "bound": self.bound,
            "unit": self.unit,
            "result": self.result,
            "interval": self.interval,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run comes to.

    Attributes:
        result: the verdict.
        checks: the limits it follows from.
        reasons: why the verdict is not PASS, a sentence each.
        warnings: what a reader must know besides, naming cause and remedy.
    """

    result: Result
    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The process exit code that states this verdict."""
        return EXIT_CODES[self.result]

    def as_dict(self) -> dict[str, Any]:
        """The verdict as summary.json holds it."""
        return {
            "result": self.result,
            "exit_code": self.exit_code,
            "checks": [check.as_dict() for check in self.checks],
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """A summarised run.

    Attributes:
        sections: summary.json without its verdict: ``run, fanout, delivery, rest, presence, cable, contract,
            generator``; infinite values are ``math.inf`` here.
        verdict: the verdict with its checks.
    """

    sections: Mapping[str, Any]
    verdict: Verdict
    schema_version: int = field(default=SCHEMA_VERSION)

    def as_dict(self) -> dict[str, Any]:
        """The content of summary.json: plain JSON values only, infinite as ``"inf"``, unknown as None."""
        content = {"schema_version": self.schema_version, **self.sections, "verdict": self.verdict.as_dict()}
        result = plain(content)
        assert isinstance(result, dict)
        return result


def plain(value: Any) -> Any:
    """Reduce a value to what JSON holds.

    Infinity becomes ``"inf"`` (``"-inf"``), NaN becomes None, numpy scalars and arrays become Python's own.

    Raises:
        TypeError: the value has no JSON form.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    raise TypeError(f"summary.json cannot hold a {type(value).__name__}: {value!r}")
