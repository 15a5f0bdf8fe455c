"""The regression gate: runs of a candidate against runs of a baseline, metric by metric, and one verdict.

Primary metrics decide, the rest is shown. Latencies are compared as ratios, shares (of lost deliveries, of errors, of
presence time shown wrongly) as differences. The rule for one metric is that of :mod:`loadtest.analysis.pairs`; over all
primaries, FAIL takes a p-value that stands after Holm's adjustment, and PASS takes a PASS of every one of them (an
intersection-union test needs no adjustment). A leak, or a contract violation that the baseline does not have, fails at
once: no margin is meant for it.

Runs that a load test calls INVALID measured nothing: their pair is left out, and said. Where more than a quarter of the
pairs is left out, what remains is a selection that cannot PASS.

Whoever means to look twice says so before the first look; each look then decides at half the error.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from loadtest.analysis.comparable import Kind, Margins, Metric, RunSummary, metrics_of
from loadtest.analysis.model import EXIT_CODES, Result
from loadtest.analysis.pairs import (
    ALPHA,
    Paired,
    benjamini_hochberg,
    holm,
    judge_events,
    judge_pairs,
    judge_unpaired,
    log_ratios,
    rate_upper_bound,
)
from loadtest.nouns import many

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
        interval: its 90 % interval (1 - 2 alpha of the comparison).
        margin: what is still good enough.
        sd: standard deviation of the (log) differences over pairs.
        p_worse: p-value of "not worse than the margin".
        p_holm: the same, adjusted for all primaries; None for the others.
        q: Benjamini and Hochberg's q-value, of those that do not decide; None for the primaries.
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
    q: float | None
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
        alpha: one-sided error of each decision.
        more_pairs: how many more pairs decide all primaries with 80 % power, where that is known.
        rows: the metrics, primaries first.
        warnings: what a reader should know.
    """

    result: Result
    reasons: list[str]
    pairs: int
    paired: bool
    alpha: float
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
    looks: int = 1,
) -> Comparison:
    """Compare a candidate's runs with a baseline's.

    Args:
        baseline: contents of summary.json; paired, the n-th belongs to the n-th of the candidate.
        candidate: the same of the candidate.
        margins: how much worse is still good enough; None for the defaults.
        paired: whether runs were interleaved and are compared pair by pair.
        looks: how many looks at the growing number of pairs were declared before the first; the error is dealt to them.

    Raises:
        ValueError: an arm is empty, paired arms differ in length, or there is no look.
    """
    if looks < 1:
        raise ValueError(f"at least one look: {looks}")
    if not baseline or not candidate:
        raise ValueError("both arms need a run")
    if paired and len(baseline) != len(candidate):
        raise ValueError(f"{len(baseline)} runs of the baseline and {len(candidate)} of the candidate are no pairs")
    margins, alpha = margins or Margins(), ALPHA / looks
    warnings = [] if paired else [_UNPAIRED]
    reasons = list(_absolute(baseline, candidate))
    base, cand = _usable(baseline, candidate, paired, warnings)
    metrics = metrics_of([*baseline, *candidate], margins)
    rows = _adjusted([_compared(metric, base, cand, paired, alpha) for metric in metrics], alpha)
    warnings += [f"{row.name} was measured in no run and decides nothing." for row in rows if base and is_silent(row)]
    primaries = [row for row in rows if row.primary and not is_silent(row)]
    failed = [row for row in primaries if row.result == "FAIL"]
    open_rows = [row for row in primaries if row.result == "INCONCLUSIVE"]
    reasons += [_sentence(row) for row in failed]
    result: Result = "PASS"
    more = None
    if reasons:
        result = "FAIL"
    elif doubts := _doubts(open_rows, primaries, (base, baseline), (cand, candidate)):
        result, reasons = "INCONCLUSIVE", doubts
        needs = [row.more_pairs for row in open_rows]
        more = max((need for need in needs if need is not None), default=None) if None not in needs else None
    return Comparison(result, reasons, min(len(base), len(cand)), paired, alpha, more, rows, warnings)


_UNPAIRED = (
    "The runs were not interleaved: whatever changed on the machine between the two groups counts as a difference of "
    "the builds, and about one comparison in eight of a build with itself is wrong on a shared machine. Use `ab`."
)
_NEVER = "not measured in any run"
_NONE = "no pair of valid runs is left"
_FEW = "too few emissions for this percentile: longer runs, or a higher rate"
_MOST_LEFT_OUT = 0.25
_MOST_NAMED = 3


def is_silent(row: Row) -> bool:
    """Whether a primary decides nothing because it was never measured."""
    return row.primary and row.why == _NEVER


def _doubts(
    open_rows: list[Row], primaries: list[Row], *arms: tuple[Sequence[RunSummary], Sequence[RunSummary]]
) -> list[str]:
    """Why nothing is decided, a sentence each; an arm is the runs that are left and all of its runs."""
    if not primaries or not all(left for left, _ in arms):
        return ["No pair of valid runs is left to compare."]
    found = [*_open(open_rows)]
    left, whole = min(((len(left), len(whole)) for left, whole in arms), key=lambda arm: arm[0] / arm[1])
    if whole - left > _MOST_LEFT_OUT * whole:
        found.append(f"{whole - left} of {whole} are left out: what remains is a selection, and cannot PASS.")
    return found


def _absolute(baseline: Sequence[RunSummary], candidate: Sequence[RunSummary]) -> Iterator[str]:
    """What fails without any margin."""
    for run in candidate:
        leaked = {event: row.get("leaked") or 0 for event, row in run["delivery"].items()}
        if sum(leaked.values()):
            events = ", ".join(f"{count:,} of {event}" for event, count in leaked.items() if count)
            yield f"Leaked in {run['run']['id']}: {events}."
        frames: Counter[str] = Counter()
        for row in run["contract"].get("leaks") or ():
            frames[row["kind"]] += row["n"]
        if frames:
            kinds = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(frames.items()))
            yield f"Frames in the wrong hands in {run['run']['id']}: {kinds}."
    if not any(run["run"].get("target_lost") for run in baseline):
        for run in candidate:
            if run["run"].get("target_lost"):
                yield f"The target was lost during {run['run']['id']}, and in no run of the baseline."
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
        named = [f"{run['run']['id']}{_because(run, whole=not n)}" for n, run in enumerate(bad[:_MOST_NAMED])]
        names = ", ".join(named) + (" and more" if len(bad) > _MOST_NAMED else "")
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


def _because(run: RunSummary, *, whole: bool) -> str:
    """Why a run is INVALID; not whole, its first sentence, since what to do about it is mostly the same for all."""
    reasons = run["verdict"].get("reasons") or []
    if not reasons:
        return ""
    told = str(reasons[0])
    return f" ({(told if whole else told.partition('. ')[0]).rstrip('.')})"


def _compared(
    metric: Metric, baseline: list[RunSummary], candidate: list[RunSummary], paired: bool, alpha: float
) -> Row:
    a, b = _values(metric, baseline), _values(metric, candidate)
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
            q=None,
            p_sign_flip=judged.p_sign_flip if judged else None,
            result=result,
            more_pairs=judged.more_pairs if judged else None,
            why=why,
        )

    if all(x is None for x in (*a, *b)):
        if not a and not b:
            return row(None, "INCONCLUSIVE", _NONE)
        return row(None, "INCONCLUSIVE", _FEW if metric.name.startswith("fanout.") else _NEVER)
    before, after = ([x is not None and math.isinf(x[0]) for x in arm] for arm in (a, b))
    if sum(after) > sum(before):
        told = judge_events(before, after, metric.margin, paired=paired, alpha=alpha)
        said = f"more than 1 % lost in {many(sum(after), 'run')} of the candidate, {sum(before)} before"
        return row(told, told.result, "; ".join(filter(None, (said, told.why))))
    known = (
        [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None and math.isfinite(x[0] + y[0])]
        if paired
        else []
    )
    left = [x for x, _ in known] if paired else [x for x in a if x is not None and math.isfinite(x[0])]
    right = [y for _, y in known] if paired else [y for y in b if y is not None and math.isfinite(y[0])]
    missing = max(len(a) - len(left), len(b) - len(right))
    note = f"{missing} of {max(len(a), len(b))} {'pairs' if paired else 'runs'} have no value" if missing else ""
    if metric.kind == "share":
        found = _shares(metric, left, right, paired, alpha, row)
        return replace(found, why="; ".join(filter(None, (found.why, note))))
    if min(len(left), len(right)) == 0:
        return row(None, "INCONCLUSIVE", _FEW)
    if any(x[0] <= 0 for x in (*left, *right)):
        return row(None, "INCONCLUSIVE", "a value is zero: a ratio needs more than that")
    lows, highs = [x[0] for x in left], [y[0] for y in right]
    margin = math.log1p(metric.margin)
    if paired:
        judged = judge_pairs(log_ratios(lows, highs), margin, alpha=alpha)
    else:
        judged = judge_unpaired([math.log(x) for x in lows], [math.log(y) for y in highs], margin, alpha=alpha)
    return row(judged, judged.result, "; ".join(filter(None, (judged.why, note))))


def _values(metric: Metric, runs: Sequence[RunSummary]) -> list[tuple[float, int] | None]:
    """A metric's value in each run; NaN is no value."""
    found = [metric.of(run) for run in runs]
    return [None if x is None or math.isnan(x[0]) else x for x in found]


def _shares(
    metric: Metric,
    left: list[tuple[float, int]],
    right: list[tuple[float, int]],
    paired: bool,
    alpha: float,
    row: Callable[[Paired | None, Result, str], Row],
) -> Row:
    """Compare shares of what went wrong; a candidate in which nothing did cannot be worse, given enough trials."""
    if not left or not right:
        return row(None, "INCONCLUSIVE", "not measured in both arms")
    if all(y[0] == 0 for y in right) and min(len(left), len(right)) > 1:
        trials = sum(y[1] for y in right)
        bound = rate_upper_bound(0, trials, alpha=alpha) if trials else 0.0
        if bound <= metric.margin:
            said = f"nothing in {trials:,}" if trials else "nothing went wrong"
            return row(None, "PASS", f"{said}; at most {bound:.2g} at {100 * (1 - alpha):g} %" if trials else said)
        enough = math.ceil(math.log(alpha) / math.log1p(-metric.margin))
        return row(None, "INCONCLUSIVE", f"{trials:,} trials bound it by {bound:.2g} only: {enough:,} would do")
    if paired:
        judged = judge_pairs([y[0] - x[0] for x, y in zip(left, right, strict=True)], metric.margin, alpha=alpha)
    else:
        judged = judge_unpaired([x[0] for x in left], [y[0] for y in right], metric.margin, alpha=alpha)
    return row(judged, judged.result, judged.why)


def _adjusted(rows: list[Row], alpha: float) -> list[Row]:
    """Holm over the primaries: a FAIL that does not stand after it is inconclusive; q-values for the others."""
    adjusted = holm({row.name: row.p_worse for row in rows if row.primary and row.p_worse is not None})
    others = benjamini_hochberg({row.name: row.p_worse for row in rows if not row.primary and row.p_worse is not None})
    found = []
    for row in rows:
        p = adjusted.get(row.name)
        changes: dict[str, Any] = {"p_holm": p, "q": others.get(row.name)}
        if row.primary and row.result == "FAIL" and p is not None and p > alpha:
            changes |= {
                "result": "INCONCLUSIVE",
                "why": f"worse by itself, but not after Holm's adjustment for {len(adjusted)} metrics (p {p:.2g})",
                "more_pairs": row.more_pairs or 1,
            }
        found.append(replace(row, **changes))
    return found


def _open(rows: Sequence[Row]) -> Iterator[str]:
    """Why metrics decide nothing: what holds for several of them is said once."""
    by_why: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_why[row.why if row.interval is None else row.name].append(row)
    for why, alike in by_why.items():
        if len(alike) == 1:
            yield _sentence(alike[0])
        else:
            yield f"{why[:1].upper()}{why[1:]}: {', '.join(row.name for row in alike)}."


def _sentence(row: Row) -> str:
    if row.interval is None:
        return f"{row.name}: {row.why}."
    scale, unit = 100, "%" if row.kind == "ratio" else " points"
    low, high = (f"{scale * x:+.3g}" for x in row.interval)
    change = f"{scale * (row.change or 0.0):+.3g}{unit} ({low} to {high})"
    margin = f"{scale * row.margin:g}"
    told = (
        f"{row.name}: {change} against a margin of {margin}{' point' if (margin, unit) == ('1', ' points') else unit}"
    )
    more = f"; {many(row.more_pairs, 'more pair')} for 80 % power" if row.more_pairs else ""
    return told + (f": {row.why}{more}." if row.result == "INCONCLUSIVE" else ".")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf"
    return value
