"""capacity.html: the report's own page, filled with a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loadtest import __version__
from loadtest.report import html, wording
from loadtest.report.capacity_text import (
    UNIT,
    Values,
    costs_table,
    finding,
    fit_said,
    level,
    littles_said,
    margins_table,
    sizing_table,
    steps_table,
)
from loadtest.report.facts import Fact, population
from loadtest.report.ink import Picture
from loadtest.report.model import Moment, Report, Section
from loadtest.report.wording import count, milliseconds, number, plain, rate

_WORD = {
    "found": ("FOUND", "good", "✓", "An interval was found."),
    "bound": ("NO LIMIT", "warn", "?", "All that was allowed was carried."),
    "least": ("FAIL", "bad", "✗", "The least load failed already."),
    "unconfirmed": ("NOT HELD", "warn", "?", "An interval was found, and did not hold for long."),
    "short": ("TOO SHORT", "warn", "?", "The holds are too short for the limits."),
    "unfinished": ("UNFINISHED", "warn", "?", "The search is not at its end."),
    "generator": ("GENERATOR", "void", "!", "The load generator was the limit: this is no capacity."),
}

_TERMS: Final = (
    (
        "Last pass, first failure",
        "The highest level that kept all limits below the lowest that broke one: the capacity lies in between.",
    ),
    ("pass, fail", "Two of the three windows of a step's hold decide; where they do not agree, it is made again."),
    (
        "unsettled",
        "Throughput or latency was still moving at the end of the hold: made again for longer, and failed if it never "
        "comes to rest.",
    ),
    ("short", "Too few samples for a limit: a higher rate is tried, or the step is made again for longer."),
    ("invalid", "The load generator was not fit: nothing is said of the target."),
    (
        "back at once",
        "The level below is looked at right after the first failure. A target that fails there has something piled up "
        "(hysteresis).",
    ),
    ("in between", "Halving the interval, by factors, until it is as narrow as was asked for."),
    ("held long", "90 % of the last pass, held for long: a target may wear out below what it carries for a minute."),
    ("Deliveries", "Messages times the sockets that each reaches: what costs, and what compares two inboxes."),
    ("p99 incl. lost", "99 % of deliveries came within this time of the message being due; lost ones never came."),
    (
        "Universal Scalability Law",
        "Throughput by load, with what waiting for each other (contention) and agreeing (coherency) take from it.",
    ),
)


def page(content: Values, pictures: Mapping[str, Picture]) -> str:
    """The page as text.

    Args:
        content: capacity.json's.
        pictures: its figures by name.
    """
    return html.page(view(content), pictures)


def view(content: Values) -> Report:
    """What the page says."""
    word, tone, sign, meaning = _WORD[content["ending"]]
    run: Mapping[str, Any] = content["run"]
    target = run.get("target") or {}
    reasons = finding(content)
    notices = ["The target was the embedded reference server: this says nothing about an installation."]
    return Report(
        run_id=plain(run.get("run_id") or ""),
        target=plain(target.get("url") or wording.MISSING),
        word=word,
        sign=sign,
        tone=tone,
        meaning=meaning,
        reasons=reasons,
        warnings=[],
        notices=notices if target.get("embedded") else [],
        facts=_facts(content),
        numbers=_numbers(content),
        checks=margins_table(content),
        sections=_sections(content),
        moments=[_moment(content, step) for step in content["steps"]],
        moments_left_out=0,
        command=f"loadtest report {plain(run.get('run_id') or '')}",
        version=__version__,
        kind="Capacity",
        terms=_TERMS,
    )


def _facts(content: Values) -> list[Fact]:
    run, plan = content["run"], content["plan"]
    people = run.get("population") or {}
    return [
        Fact("axis", content["axis"]),
        Fact(
            "from",
            f"{level(content, plan['start'])} by a factor of {plan['factor']:g}, never above {count(plan['bound'])}",
        ),
        Fact("identities", f"for at most {population(people)}"),
        Fact("started", plain(run.get("started_at") or wording.MISSING)),
        Fact("workers", count(content["workers"])),
        Fact("seed", plain(run.get("seed"))),
    ]


def _numbers(content: Values) -> list[Fact]:
    passed, failed = content["last_pass"], content["first_fail"]
    unit = UNIT[content["axis"]]
    found = [
        Fact("last pass", wording.MISSING if passed is None else count(number(passed)), unit),
        Fact("first failure", wording.MISSING if failed is None else count(number(failed)), unit),
    ]
    at = content["at_last_pass"]
    if at:
        found.append(Fact("deliveries at the last pass", rate(at["deliveries_per_s"]), "what costs"))
        found.append(
            Fact("99 % within, losses included", milliseconds(at["p99_ms"]), "message.created, at the last pass")
        )
    if content["failed_first"]:
        found.append(Fact("failed first", plain(content["failed_first"][0]), "", "bad"))
    return found


def _sections(content: Values) -> list[Section]:
    return [
        Section(
            "sizing",
            "Sizing",
            "What was carried, as a share of the capacity found.",
            [],
            [sizing_table(content)],
            "There is no interval to be a share of.",
        ),
        Section(
            "steps",
            "Steps",
            "Each step is a stretch of one run: load, a time to settle, a hold of which two of three windows decide.",
            ["capacity_latency"],
            [steps_table(content)],
            "No step was made.",
        ),
        Section(
            "throughput",
            "Throughput and its fit",
            "The Universal Scalability Law over all steps; a peak is claimed only where the data pass it.",
            ["capacity_throughput"],
            [],
            "There are no figures of throughput.",
            said=[*fit_said(content), littles_said(content)],
        ),
        Section(
            "costs",
            "What it costs",
            "A regression of the target's CPU and memory over the steps.",
            [],
            [costs_table(content)],
            "The target's CPU and memory were not watched, or in too few steps.",
        ),
    ]


def _moment(content: Values, step: Values) -> Moment:
    span = step["span"]
    text = f"{level(content, span['level'])}: {step['outcome']}"
    if step["why"]:
        text += f" ({plain(step['why'][0])})"
    first = content["steps"][0]["span"]["begin_us"]
    tone = {"fail": "bad", "invalid": "warn"}.get(step["outcome"], "")
    offset_s = (span["begin_us"] - first) / 1e6
    return Moment(
        wording.run_time(offset_s), wording.clock_time(content["run"].get("started_at"), offset_s), "step", text, tone
    )
