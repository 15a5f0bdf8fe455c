"""How much two runs of one and the same build differ on this machine, and what a gate can see through it.

From pairs of a build with itself (A/A): the standard deviation of each metric's differences over pairs, and from it
the margin at which an unchanged build passes and the smallest regression that fails. A handful of pairs know their
standard deviation badly, so its upper 80 % bound is used (chi-squared), never the estimate itself. That all primaries
pass together with the stated power, each must pass with a higher one (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy import stats

from loadtest.analysis.comparable import Kind, Margins, RunSummary, at, metrics_of
from loadtest.analysis.compare import Row, compare, is_silent
from loadtest.analysis.pairs import POWER, detectable, rate_upper_bound

PAIRS = (3, 4, 5, 6, 8, 10, 12, 16, 20)
"""Numbers of pairs for which it is told what can be seen."""

SD_CONFIDENCE = 0.8
SCHEMA_VERSION = 1
_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Sight:
    """What so many pairs see of one metric.

    Attributes:
        pairs: how many.
        passes: the margin at which an unchanged build passes; a share of the value, or a difference of shares.
        sees: the smallest regression that fails at the margin to use, in the same unit.
    """

    pairs: int
    passes: float
    sees: float


@dataclass(frozen=True, slots=True)
class MetricNoise:
    """One metric's noise.

    Attributes:
        name: the metric.
        kind: ``ratio`` or ``share``.
        sd: of the (log) differences over pairs; 0 where nothing ever went wrong.
        sd_upper: its upper bound, which everything else is made from.
        margin: the margin to use.
        sights: what numbers of pairs see.
    """

    name: str
    kind: Kind
    sd: float
    sd_upper: float
    margin: float
    sights: tuple[Sight, ...]

    def sight(self, pairs: int) -> Sight:
        """What so many pairs see."""
        return next(one for one in self.sights if one.pairs == pairs)


@dataclass(frozen=True, slots=True)
class Noise:
    """A machine's noise.

    Attributes:
        measured: pairs it was measured with.
        pairs: how many pairs a gate should take.
        metrics: the primaries.
        unknown: primaries of which nothing is known, with the reason.
        undecided: those of them that were measured all the same: a gate of such runs stays open by them.
        like: what runs must have alike with those it was measured with, by its name.
    """

    measured: int
    pairs: int
    metrics: tuple[MetricNoise, ...]
    unknown: Mapping[str, str]
    undecided: tuple[str, ...]
    like: Mapping[str, Any]

    @property
    def margins(self) -> dict[str, float]:
        """The margins to use, by metric."""
        return {metric.name: metric.margin for metric in self.metrics}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {"schema_version": SCHEMA_VERSION, "kind": "noise", **asdict(self)}


def noise(
    first: Sequence[RunSummary], second: Sequence[RunSummary], *, most_pairs: int = 8, margins: Margins | None = None
) -> Noise:
    """The noise that pairs of one build with itself show.

    Args:
        first: contents of summary.json, one a pair.
        second: those of the pairs' other runs.
        most_pairs: how many pairs a gate may take; one of :data:`PAIRS`. Where the given margins can be held with
            fewer, fewer are named; where they cannot be held at all, margins are widened.
        margins: the margins wished for.

    Raises:
        ValueError: ``most_pairs`` is not one of them, or the arms are empty or uneven.
    """
    if most_pairs not in PAIRS:
        raise ValueError(f"{most_pairs} pairs are none of {', '.join(map(str, PAIRS))}")
    wished = margins or Margins()
    found = compare(first, second, wished)
    primaries = [row for row in found.rows if row.primary]
    trials = {metric.name: [one[1] for run in first if (one := metric.of(run))] for metric in metrics_of(first, wished)}
    usable = [row for row in primaries if row.sd or row.result == "PASS" or _bounded(row, trials.get(row.name))]
    power = 1 - (1 - POWER) / max(1, len(usable))
    spreads = {row.name: _Spread.of(row, found.pairs, min(trials.get(row.name) or [0])) for row in usable}
    needed = [k for k in PAIRS if k <= most_pairs and all(s.passes(k, power) <= s.wished for s in spreads.values())]
    pairs = needed[0] if needed else most_pairs
    return Noise(
        measured=found.pairs,
        pairs=pairs,
        metrics=tuple(spread.told(pairs, power) for spread in spreads.values()),
        unknown={row.name: row.why for row in primaries if row.name not in spreads},
        undecided=tuple(row.name for row in primaries if row.name not in spreads and not is_silent(row)),
        like={
            "plan": at(first[0], ("run", "plan")),
            "population": at(first[0], ("run", "population")),
            "workers": at(first[0], ("run", "workers")),
            **{what: at(first[0], ("run", "versions", key)) for what, key in _MACHINE.items()},
        },
    )


def _bounded(row: Row, trials: Sequence[int] | None) -> bool:
    """Whether it is a share of which nothing went wrong, in a known number of trials."""
    return row.kind == "share" and bool(trials) and min(trials or [0]) > 0 and not any((*row.baseline, *row.candidate))


_MACHINE = {"CPU model": "cpu", "cores": "cores", "kernel": "kernel"}


@dataclass(frozen=True, slots=True)
class _Spread:
    """One metric's spread, and from it what can be seen.

    Attributes:
        row: the metric, compared with itself.
        sd: of the differences.
        upper: its upper bound.
        trials: behind a share in one run; 0 for a ratio.
        wished: its margin.
    """

    row: Row
    sd: float
    upper: float
    trials: int
    wished: float

    @classmethod
    def of(cls, row: Row, pairs: int, trials: int) -> _Spread:
        sd = row.sd or 0.0
        upper = sd * math.sqrt((pairs - 1) / float(stats.chi2.ppf(1 - SD_CONFIDENCE, pairs - 1))) if pairs > 1 else sd
        return cls(row, sd, upper, trials, row.margin)

    def passes(self, pairs: int, power: float) -> float:
        """The margin at which an unchanged build passes with this power."""
        distance = detectable(self.upper, pairs, power=power) if self.upper else 0.0
        if self.row.kind == "ratio":
            return math.expm1(distance)
        return max(distance, rate_upper_bound(0, pairs * self.trials)) if self.trials else distance

    def told(self, pairs: int, power: float) -> MetricNoise:
        needs = self.passes(pairs, power)
        margin = self.wished if needs <= self.wished else _rounded_up(needs)
        sights = tuple(Sight(k, self.passes(k, power), self._sees(k, margin)) for k in PAIRS)
        return MetricNoise(self.row.name, self.row.kind, self.sd, self.upper, margin, sights)

    def _sees(self, pairs: int, margin: float) -> float:
        if self.row.kind == "ratio":
            return math.expm1(detectable(self.upper, pairs, math.log1p(margin)))
        return detectable(self.upper, pairs, margin)


def _rounded_up(value: float) -> float:
    """With two digits, never below the value."""
    step = 10.0 ** (math.floor(math.log10(value)) - _DIGITS + 1)
    return round(math.ceil(value / step - 1e-9) * step, 12)
