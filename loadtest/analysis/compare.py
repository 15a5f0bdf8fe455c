"""The regression gate: runs of a candidate against runs of a baseline, metric by metric, and one verdict.

Primary metrics decide, the rest is shown. Latencies are compared as ratios, shares (of lost deliveries, of errors, of
presence time shown wrongly) as differences. The rule for one metric is that of :mod:`loadtest.analysis.pairs`; over all
primaries, FAIL takes a p-value that stands after Holm's adjustment, and PASS takes a PASS of every one of them (an
intersection-union test needs no adjustment). A leak, or a contract violation that the baseline does not have, fails at
once: no margin is meant for it.

Runs that a load test calls INVALID measured nothing: their pair is left out, and said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.analysis.comparable import Kind, Margins, Metric, RunSummary, metrics_of
from loadtest.analysis.model import EXIT_CODES, Result
from loadtest.analysis.pairs import ALPHA, Paired, holm, judge_pairs, judge_unpaired, log_ratios, rate_upper_bound

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One metric compared.

    Attributes:
        name: the metric.
        primary: whether it decides.
        kind: ``ratio`` or ``share``.
        unit: of the values.
        baseline: the baseline's values, a run each; None where not measured.
        candidate: the candidate's.
        change: mean change: a ratio minus 1, or a difference of shares; None where there is none.
        interval: its 90 % interval.
        margin: what is still good enough.
        sd: standard deviation of the (log) differences over pairs.
        p_worse: p-value of "not worse than the margin".
        p_holm: the same, adjusted for all primaries; None for the others.
        p_sign_flip: exact p-value of "no difference".
        result: PASS, FAIL or INCONCLUSIVE.
        more_pairs: how many more pairs decide with 80 % power.
        why: why it is inconclusive, or what decided besides the interval.
    """

    name: str
    primary: bool
    kind: Kind
    unit: str
    baseline: list[float | None]
    candidate: list[float | None]
    change: float | None
    interval: tuple[float, float] | None
    margin: float
    sd: float | None
    p_worse: float | None
    p_holm: float | None
    p_sign_flip: float | None
    result: Result
    more_pairs: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        result: PASS, FAIL or INCONCLUSIVE.
        reasons: what decided, a sentence each.
        pairs: pairs (or, unpaired, runs of the smaller arm) that counted.
        paired: whether runs were interleaved and compared pair by pair.
        more_pairs: how many more pairs decide all primaries with 80 % power, where that is known.
        rows: the metrics, primaries first.
        warnings: what a reader should know.
    """

    result: Result
    reasons: list[str]
    pairs: int
    paired: bool
    more_pairs: int | None
    rows: list[Row]
    warnings: list[str]

    @property
    def exit_code(self) -> int:
        """0 PASS, 1 FAIL, 3 INCONCLUSIVE."""
        return EXIT_CODES[self.result]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; infinite is the string "inf"."""
        plain: dict[str, Any] = _plain({"schema_version": SCHEMA_VERSION, "exit_code": self.exit_code, **asdict(self)})
        return plain


def compare(
    baseline: Sequence[RunSummary],
    candidate: Sequence[RunSummary],
    margins: Margins | None = None,
    *,
    paired: bool = True,
) -> Comparison:
    """Compare a candidate's runs with a baseline's.

    Args:
        baseline: contents of summary.json; paired, the n-th belongs to the n-th of the candidate.
        candidate: the same of the candidate.
        margins: how much worse is still good enough; None for the defaults.
        paired: whether runs were interleaved and are compared pair by pair.

    Raises:
        ValueError: an arm is empty, or paired arms differ in length.
    """
    if not baseline or not candidate:
        raise ValueError("both arms need a run")
    if paired and len(baseline) != len(candidate):
        raise ValueError(f"{len(baseline)} runs of the baseline and {len(candidate)} of the candidate are no pairs")
    margins = margins or Margins()
    warnings = [] if paired else [_UNPAIRED]
    reasons = list(_absolute(baseline, candidate))
    base, cand = _usable(baseline, candidate, paired, warnings)
    rows = [_compared(metric, base, cand, paired) for metric in metrics_of([*baseline, *candidate], margins)]
    rows = _adjusted(rows)
    primaries = [row for row in rows if row.primary and (row.result != "INCONCLUSIVE" or row.why != _NEVER)]
    failed = [row for row in primaries if row.result == "FAIL"]
    open_rows = [row for row in primaries if row.result == "INCONCLUSIVE"]
    reasons += [_sentence(row) for row in failed]
    result: Result = "PASS"
    more = None
    if reasons:
        result = "FAIL"
    elif open_rows or not primaries or not base or not cand:
        result = "INCONCLUSIVE"
        reasons = [_sentence(row) for row in open_rows] or ["No pair of valid runs is left to compare."]
        needs = [row.more_pairs for row in open_rows]
        more = max((need for need in needs if need is not None), default=None) if None not in needs else None
    return Comparison(result, reasons, min(len(base), len(cand)), paired, more, rows, warnings)


_UNPAIRED = (
    "The runs were not interleaved: whatever changed on the machine between the two groups counts as a difference of "
    "the builds, and about one comparison in eight of a build with itself is wrong on a shared machine. Use `ab`."
)
_NEVER = "not measured in any run"


def _absolute(baseline: Sequence[RunSummary], candidate: Sequence[RunSummary]) -> Iterator[str]:
    """What fails without any margin."""
    for run in candidate:
        leaked = {event: row.get("leaked") or 0 for event, row in run["delivery"].items()}
        if sum(leaked.values()):
            events = ", ".join(f"{count:,} of {event}" for event, count in leaked.items() if count)
            yield f"Leaked in {run['run']['id']}: {events}."
    before = {kind for run in baseline for kind, count in (run["contract"].get("violations") or {}).items() if count}
    for run in candidate:
        new = {
            kind: count
            for kind, count in (run["contract"].get("violations") or {}).items()
            if count and kind not in before
        }
        if new:
            kinds = ", ".join(f"{kind} ({count:,})" for kind, count in new.items())
            yield f"Contract violations in {run['run']['id']} that the baseline does not have: {kinds}."


def _usable(
    baseline: Sequence[RunSummary], candidate: Sequence[RunSummary], paired: bool, warnings: list[str]
) -> tuple[list[RunSummary], list[RunSummary]]:
    """The runs that measured something; paired, both of a pair must have."""
    bad = [run for run in (*baseline, *candidate) if run["verdict"]["result"] == "INVALID"]
    if bad:
        names = ", ".join(str(run["run"]["id"]) for run in bad)
        warnings.append(f"{len(bad)} of {len(baseline) + len(candidate)} runs are INVALID and left out: {names}.")
    if not paired:
        keep = [[run for run in arm if run["verdict"]["result"] != "INVALID"] for arm in (baseline, candidate)]
        return keep[0], keep[1]
    good = [
        (a, b)
        for a, b in zip(baseline, candidate, strict=True)
        if "INVALID" not in (a["verdict"]["result"], b["verdict"]["result"])
    ]
    return [a for a, _ in good], [b for _, b in good]


def _compared(metric: Metric, baseline: list[RunSummary], candidate: list[RunSummary], paired: bool) -> Row:
    a, b = [metric.of(run) for run in baseline], [metric.of(run) for run in candidate]
    shown = ([None if x is None else x[0] for x in a], [None if x is None else x[0] for x in b])

    def row(judged: Paired | None, result: Result, why: str) -> Row:
        change = interval = None
        if judged is not None and judged.estimate is not None:
            back = math.expm1 if metric.kind == "ratio" else float
            change = back(judged.estimate)
            interval = None if judged.interval is None else (back(judged.interval[0]), back(judged.interval[1]))
        return Row(
            name=metric.name,
            primary=metric.primary,
            kind=metric.kind,
            unit=metric.unit,
            baseline=shown[0],
            candidate=shown[1],
            change=change,
            interval=interval,
            margin=metric.margin,
            sd=judged.sd if judged else None,
            p_worse=judged.p_worse if judged else None,
            p_holm=None,
            p_sign_flip=judged.p_sign_flip if judged else None,
            result=result,
            more_pairs=judged.more_pairs if judged else None,
            why=why,
        )

    if all(x is None for x in (*a, *b)):
        return row(None, "INCONCLUSIVE", _NEVER)
    infinite = [sum(1 for x in arm if x is not None and math.isinf(x[0])) for arm in (a, b)]
    if infinite[1] > infinite[0]:
        return row(None, "FAIL", f"more than 1 % lost in {infinite[1]} runs of the candidate, {infinite[0]} before")
    known = (
        [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None and math.isfinite(x[0] + y[0])]
        if paired
        else []
    )
    left = [x for x, _ in known] if paired else [x for x in a if x is not None and math.isfinite(x[0])]
    right = [y for _, y in known] if paired else [y for y in b if y is not None and math.isfinite(y[0])]
    if metric.kind == "share":
        return _shares(metric, left, right, paired, row)
    missing = max(len(a) - len(left), len(b) - len(right))
    if min(len(left), len(right)) == 0:
        return row(None, "INCONCLUSIVE", "too few emissions for this percentile: longer runs, or a higher rate")
    if any(x[0] <= 0 for x in (*left, *right)):
        return row(None, "INCONCLUSIVE", "a value is zero: a ratio needs more than that")
    lows, highs = [x[0] for x in left], [y[0] for y in right]
    margin = math.log1p(metric.margin)
    if paired:
        judged = judge_pairs(log_ratios(lows, highs), margin)
    else:
        judged = judge_unpaired([math.log(x) for x in lows], [math.log(y) for y in highs], margin)
    note = f"; {missing} pairs have no value" if missing and judged.why else ""
    return row(judged, judged.result, judged.why + note)


def _shares(
    metric: Metric,
    left: list[tuple[float, int]],
    right: list[tuple[float, int]],
    paired: bool,
    row: Callable[[Paired | None, Result, str], Row],
) -> Row:
    """Compare shares of what went wrong; a candidate in which nothing did cannot be worse, given enough trials."""
    if not left or not right:
        return row(None, "INCONCLUSIVE", "not measured in both arms")
    if all(y[0] == 0 for y in right) and min(len(left), len(right)) > 1:
        trials = sum(y[1] for y in right)
        bound = rate_upper_bound(0, trials) if trials else 0.0
        if bound <= metric.margin:
            said = f"nothing in {trials:,}" if trials else "nothing went wrong"
            return row(None, "PASS", f"{said}; at most {bound:.2g} at 95 %" if trials else said)
        enough = math.ceil(math.log(ALPHA) / math.log1p(-metric.margin))
        return row(None, "INCONCLUSIVE", f"{trials:,} trials bound it by {bound:.2g} only: {enough:,} would do")
    if paired:
        judged = judge_pairs([y[0] - x[0] for x, y in zip(left, right, strict=True)], metric.margin)
    else:
        judged = judge_unpaired([x[0] for x in left], [y[0] for y in right], metric.margin)
    return row(judged, judged.result, judged.why)


def _adjusted(rows: list[Row]) -> list[Row]:
    """Holm over the primaries: a FAIL that does not stand after it is inconclusive."""
    adjusted = holm({row.name: row.p_worse for row in rows if row.primary and row.p_worse is not None})
    found = []
    for row in rows:
        p = adjusted.get(row.name)
        changes: dict[str, Any] = {"p_holm": p}
        if row.primary and row.result == "FAIL" and p is not None and p > ALPHA:
            changes |= {
                "result": "INCONCLUSIVE",
                "why": f"worse by itself, but not after Holm's adjustment for {len(adjusted)} metrics (p {p:.2g})",
                "more_pairs": row.more_pairs or 1,
            }
        found.append(Row(**{**_fields(row), **changes}))
    return found


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__slots__}


def _sentence(row: Row) -> str:
    if row.interval is None:
        return f"{row.name}: {row.why}."
    scale, unit = 100, "%" if row.kind == "ratio" else " points"
    low, high = (f"{scale * x:+.3g}" for x in row.interval)
    change = f"{scale * (row.change or 0.0):+.3g}{unit} ({low} to {high})"
    told = f"{row.name}: {change} against a margin of {scale * row.margin:g}{unit}"
    more = f"; {row.more_pairs} more pairs for 80 % power" if row.more_pairs else ""
    return told + (f": {row.why}{more}." if row.result == "INCONCLUSIVE" else ".")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf"
    return value
