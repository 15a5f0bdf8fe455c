"""What a capacity search found, in the terms an operator asks in: the content of capacity.json.

The level of the axis alone is no answer: what costs is deliveries a second (messages times how wide they fan out), so
the interval is told in users, messages/s and deliveries/s, as measured in the steps at its two ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.analysis.capacity_search import Finding, SearchPlan, decide
from loadtest.analysis.capacity_step import Step
from loadtest.analysis.cost_model import CostModel, fit_costs
from loadtest.analysis.littles_law import LittlesLaw
from loadtest.analysis.model import plain
from loadtest.analysis.usl import UslFit
from loadtest.analysis.usl import fit as fit_usl

SCHEMA_VERSION = 1

EXIT_CODES = {"found": 0, "bound": 0, "least": 1, "unconfirmed": 3, "short": 3, "unfinished": 3, "generator": 4}
"""Exit code by how a search ended: as a run's verdict (1 is the target's failure at the least load there is)."""

WORK = "deliveries_per_s"
_ENDS = (
    "agents",
    "contacts",
    "users",
    "messages_per_s",
    "deliveries_per_s",
    "p99_ms",
    "target_cpu",
    "target_rss_bytes",
)


def answer(
    plan: SearchPlan,
    steps: Sequence[Step],
    *,
    meta: Mapping[str, Any],
    littles: Mapping[int, LittlesLaw] | None = None,
) -> dict[str, Any]:
    """Everything that is known of a search, finished or not, as plain JSON values.

    Args:
        plan: the search.
        steps: its steps so far.
        meta: the description of its run.
        littles: Little's law by the number of the step, where it was looked at.
    """
    decided = decide(plan, [step.trial for step in steps], fresh=True)
    finding = decided if isinstance(decided, Finding) else None
    last_pass, first_fail = _ends(plan, steps, finding)
    failed = next((s for s in steps if s.outcome == "fail" and s.span.level == first_fail), None)
    unfit = [s for s in steps if s.outcome == "invalid" and s.workers_needed]
    figures = [dict(step.figures) for step in steps if step.outcome in ("pass", "fail")]
    settled = [s.figures for s in steps if s.outcome in ("pass", "fail") and s.span.kind != "hysteresis"]
    content = {
        "schema_version": SCHEMA_VERSION,
        "kind": "capacity",
        "axis": plan.axis,
        "plan": {
            "start": plan.start,
            "bound": plan.bound,
            "least": plan.least,
            "factor": plan.factor,
            "tolerance": plan.tolerance,
            "confirm": plan.confirm,
        },
        "ending": "unfinished" if finding is None else finding.ending,
        "exit_code": EXIT_CODES["unfinished" if finding is None else finding.ending],
        "last_pass": last_pass,
        "first_fail": first_fail,
        "at_last_pass": _figures_at(steps, last_pass, "pass"),
        "at_first_fail": _figures_at(steps, first_fail, "fail"),
        "failed_first": list(failed.failed) if failed else [],
        "failed_why": list(failed.why) if failed else [],
        "generator_at": None if finding is None else finding.generator_at,
        "workers": meta.get("workers"),
        "workers_needed": max((s.workers_needed or 0 for s in unfit), default=None) if unfit else None,
        "confirmed_at": None if finding is None else finding.confirmed_at,
        "recovered": None if finding is None else finding.recovered,
        "watched": any(step.figures.get("target_cpu") is not None for step in steps),
        "usl": _usl(fit_usl([_load(plan, f) for f in settled], [f.get(WORK) or 0.0 for f in settled])),
        "cpu": _costs(fit_costs("target_cpu", figures)),
        "memory": _costs(fit_costs("target_rss_bytes", figures)),
        "littles_law": {
            str(number): {**_slots(law), "holds": law.holds} for number, law in sorted((littles or {}).items())
        },
        "run": {
            key: meta.get(key) for key in ("run_id", "started_at", "target", "population", "plan", "versions", "seed")
        },
        "steps": [step.as_dict() for step in steps],
    }
    result = plain(content)
    assert isinstance(result, dict)
    return result


def _slots(law: LittlesLaw) -> dict[str, float]:
    return {"counted": law.counted, "expected": law.expected, "hidden": law.hidden, "allowed": law.allowed}


def _load(plan: SearchPlan, figures: Mapping[str, float | None]) -> float:
    """Where a step really stood on the axis: who was connected, or what was emitted."""
    key = "messages_per_s" if plan.axis == "emit-rate" else plan.axis
    return figures.get(key) or 0.0


def _ends(plan: SearchPlan, steps: Sequence[Step], finding: Finding | None) -> tuple[float | None, float | None]:
    """The interval, also of a search that is not at its end."""
    if finding is not None:
        return finding.last_pass, finding.first_fail
    failed = [s.span.level for s in steps if s.outcome == "fail" and s.span.kind != "hysteresis"]
    bad = min(failed, default=None)
    good = [s.span.level for s in steps if s.outcome == "pass" and (bad is None or s.span.level < bad)]
    return max(good, default=None), bad


def _figures_at(steps: Sequence[Step], level: float | None, outcome: str) -> dict[str, float | None] | None:
    """The figures of the first step at a level that came out so."""
    for step in steps:
        if step.span.level == level and step.outcome == outcome and step.span.kind != "hysteresis":
            return {key: step.figures.get(key) for key in _ENDS}
    return None


def _usl(found: UslFit | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        key: getattr(found, key)
        for key in (
            "unit", "scale", "sigma", "kappa", "sigma_interval", "kappa_interval", "peak", "peak_interval",
            "loads", "works", "residuals", "note",
        )
    }  # fmt: skip


def _costs(model: CostModel | None) -> dict[str, Any] | None:
    if model is None:
        return None
    return {
        "of": model.of,
        "idle": model.idle,
        "idle_interval": model.idle_interval,
        "costs": [{"driver": c.driver, "value": c.value, "interval": c.interval} for c in model.costs],
        "unvaried": list(model.unvaried),
        "merged": dict(model.merged),
        "explained": model.explained,
        "steps": model.steps,
    }
