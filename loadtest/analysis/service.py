"""Where an emission's time goes, stage by stage, as far as it can be known from outside.

    due ─ lateness ─ dispatched ─ wait ─ written ─ answer ─ answered ─ first ─ first receiver ─ spread ─ last receiver

``lateness`` is this tool's; ``wait`` is for a connection of the pool, which the target holds; ``answer`` is the REST
call's; ``first`` is what a broker or a job queue adds after it, nothing where the first frame came before the answer
(``before_answer_share`` says how often); ``spread`` is the fan-out itself. Percentiles of stages do not add up.
``sent_first`` is the server's whole way to the first receiver, from the written request.
"""

from __future__ import annotations

from loadtest.analysis.emissions import Emissions, pool_of
from loadtest.analysis.sections import Section, percentile_keys
from loadtest.analysis.windows import Scope

STAGES = ("lateness", "wait", "answer", "first", "spread", "sent_first")
"""The stages that have percentiles, in their order."""

_QUANTILES = (("p50", 0.5), ("p99", 0.99))


def service(emissions: Emissions, scope: Scope) -> Section:
    """The stages of the emissions of each event, over those whose answer and first receiver are known."""
    section: Section = {}
    windows = scope.hold
    for event, rows in emissions.whole.groupby("event"):
        held = rows[rows["window"].isin(windows)]
        if held.empty:
            continue
        sent_us = held["lateness_us"] + held["rest_wait_us"]
        after_us = held["first_us"] - sent_us - held["response_us"]
        complete = held[held["complete"]]
        values = {
            "lateness": held["lateness_us"],
            "wait": held["rest_wait_us"],
            "answer": held["response_us"],
            "first": after_us.clip(lower=0),
            "spread": complete["last_us"] - complete["first_us"],
            "sent_first": held["first_us"] - sent_us,
        }
        row: Section = {"n": len(held), "spread_n": len(complete)}
        row["before_answer_share"] = float((after_us < 0).mean())
        for stage in STAGES:
            its_windows = complete["window"] if stage == "spread" else held["window"]
            row |= percentile_keys(f"{stage}_", _QUANTILES, pool_of(values[stage], its_windows, windows))
        section[str(event)] = row
    return section
