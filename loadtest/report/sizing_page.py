"""sizing.html: the report's own page, filled with an answer of ``loadtest sizing``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from loadtest import __version__
from loadtest.analysis.model import plain as plain_values
from loadtest.analysis.scaling import Scaling, work_carried
from loadtest.analysis.sizing import Sizing
from loadtest.errors import UsageError
from loadtest.report import figures_sizing, html, wording
from loadtest.report.capacity_text import UNIT
from loadtest.report.facts import Fact
from loadtest.report.ink import Picture
from loadtest.report.model import Report, Section
from loadtest.report.sizing import asked_said, growth_said, law_said, row_said, share_said, work_said
from loadtest.report.tables import Cell, Column, Table
from loadtest.report.wording import count, percent, plain, rate

JSON_NAME: Final = "sizing.json"
PAGE_NAME: Final = "sizing.html"
EASY: Final = 0.9
"""Up to this share of the capacity a search has held its load for long."""

Values = Mapping[str, Any]

_GROWTH_WORD: Final = {
    "linear": ("LINEAR", "good", "✓"),
    "less than linear": ("LESS THAN LINEAR", "warn", "!"),
    "more than linear": ("MORE THAN LINEAR", "warn", "?"),
    "falling": ("FALLING", "bad", "✗"),
    "unknown": ("NOT TOLD", "void", "?"),
}
_TERMS: Final = (
    ("Share of the capacity", "1 is as much as the searches found to be carried within the limits, and not more."),
    (
        "Last pass, first failure",
        "The highest level that kept the limits below the lowest that broke one: the capacity lies in between.",
    ),
    (
        "By deliveries, by people",
        "Off the lines on which searches were made axes meet in the product: what counts is the sum of what deliveries "
        "and people ask of the bottleneck, which is 1 at each limit found.",
    ),
    ("Not told", "Nothing is told outside what was measured with success. Search there to know."),
)
_SCALING_TERMS: Final = (
    (
        "Of linear growth",
        "Capacity a process, over that of the smallest installation; the interval holds what both searches leave open.",
    ),
    (
        "Contention, coherency",
        "What is serialised, and what keeping processes in step costs, by the Universal Scalability Law. 0 is linear.",
    ),
    ("At least", "The search found no limit of the target, so that what it carried is a lower bound."),
)


def of_sizing(found: Sizing, answers: Sequence[Values], names: Sequence[str]) -> str:
    """The page of a load.

    Args:
        found: the answer.
        answers: the searches behind it.
        names: their folders, as the user wrote them.
    """
    asked = found.asked
    command = ["loadtest", "sizing", *names, "--agents", f"{asked.agents:g}", "--contacts", f"{asked.contacts:g}"]
    told = share_said(found)
    return _page(
        answers,
        names,
        verdict=_word(found),
        meaning=f"{asked_said(asked)}.",
        reasons=[f"{told[0].upper()}{told[1:]}.", *found.notes] if told else list(found.outside),
        warnings=[],
        numbers=[
            Fact("agents", count(asked.agents), "online"),
            Fact("contacts", count(asked.contacts), "online"),
            Fact("messages", rate(asked.rate), "of all of them"),
            Fact("deliveries", wording.MISSING if found.deliveries is None else rate(found.deliveries), "what costs"),
        ],
        section=Section(
            "axes",
            "On each axis",
            work_said(found) or "How the load lies to what was searched.",
            ["sizing_places"],
            [_places(found)],
            "No step of these searches kept its limits.",
        ),
        picture=figures_sizing.places(found),
        command=[*command, "--rate", f"{asked.rate:g}"],
        kind="Sizing",
        terms=_TERMS,
    )


def of_scaling(found: Scaling, answers: Sequence[Values], names: Sequence[str], processes: str) -> str:
    """The page of a comparison of sizes.

    Args:
        found: how capacity grows.
        answers: the searches behind it.
        names: their folders, as the user wrote them.
        processes: of each, as the user wrote them.
    """
    ends = [row for row in found.rows if row.deliveries is not None]
    numbers = [
        Fact(wording.many(row.processes, "process", "processes"), row_said(row)[1], "deliveries/s")
        for row in found.rows[:4]
    ]
    if len(ends) > 1:
        numbers.append(
            Fact("of linear growth", percent(round(ends[-1].efficiency or 0.0, 3)), f"with {count(ends[-1].processes)}")
        )
    return _page(
        answers,
        names,
        verdict=_GROWTH_WORD[found.growth],
        meaning=growth_said(found),
        reasons=[],
        warnings=found.notes,
        numbers=numbers,
        section=Section(
            "growth",
            "Growth",
            "Capacity of installations of different size, in deliveries a second.",
            ["sizing_growth"],
            [_sizes(found)],
            "Nothing was carried.",
            said=law_said(found.law),
        ),
        picture=figures_sizing.growth(found),
        command=["loadtest", "sizing", *names, "--scaling", processes],
        kind="Scaling",
        terms=_SCALING_TERMS,
    )


def _page(
    answers: Sequence[Values],
    names: Sequence[str],
    *,
    verdict: tuple[str, str, str],
    meaning: str,
    reasons: Sequence[str],
    warnings: Sequence[str],
    numbers: Sequence[Fact],
    section: Section,
    picture: Picture | None,
    command: Sequence[str],
    kind: str,
    terms: Sequence[tuple[str, str]],
) -> str:
    """A page about searches: what was found, and below it the searches; ``verdict`` is word, tone and sign."""
    word, tone, sign = verdict
    report = Report(
        run_id="",
        target=_target(answers),
        word=word,
        sign=sign,
        tone=tone,
        meaning=meaning,
        reasons=reasons,
        warnings=warnings,
        notices=_notices(answers),
        facts=_facts(answers),
        numbers=numbers,
        checks=None,
        sections=[section, _searches(answers, names)],
        moments=None,
        moments_left_out=0,
        command=f"{shlex.join(command)} --out DIR",
        version=__version__,
        kind=kind,
        terms=terms,
    )
    return html.page(report, {} if picture is None else {picture.name: picture})


def write(folder: Path, content: Values, page: str) -> tuple[Path, Path]:
    """Write sizing.json and sizing.html.

    Args:
        folder: where to; made where it is missing.
        content: of the JSON file.
        page: the page's text.

    Raises:
        UsageError: the folder cannot be written.
    """
    files = folder / JSON_NAME, folder / PAGE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files[0].write_text(
            json.dumps(plain_values(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )
        files[1].write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the page cannot be written ({error.strerror or error})",
            where=f"--out {folder}",
            remedy="Name a folder that can be written",
        ) from error
    return files


def _word(found: Sizing) -> tuple[str, str, str]:
    if found.share is None or found.interval is None:
        return "NOT TOLD", "void", "?"
    high = found.interval[1]
    tone, sign = ("good", "✓") if high <= EASY else ("warn", "!") if found.share <= 1 else ("bad", "✗")
    return f"{percent(found.share)} FULL", tone, sign


def _target(answers: Sequence[Values]) -> str:
    """What was searched: one address, or how many."""
    targets = [(answer.get("run") or {}).get("target") or {} for answer in answers]
    if all(target.get("embedded") for target in targets):
        return "the embedded server"
    urls = {plain(target.get("url") or wording.MISSING) for target in targets}
    return urls.pop() if len(urls) == 1 else f"{len(urls)} targets"


def _notices(answers: Sequence[Values]) -> list[str]:
    if any(((answer.get("run") or {}).get("target") or {}).get("embedded") for answer in answers):
        return ["The target was the embedded reference server: this says nothing about an installation."]
    return []


def _facts(answers: Sequence[Values]) -> list[Fact]:
    started = sorted(plain((answer.get("run") or {}).get("started_at") or wording.MISSING)[:19] for answer in answers)
    return [
        Fact("searches", count(len(answers))),
        Fact("axes", ", ".join(sorted({answer["axis"] for answer in answers}))),
        Fact("started", started[0] if len(started) == 1 else f"{started[0]} to {started[-1]}"),
    ]


def _places(found: Sizing) -> Table:
    rows = []
    for place in found.places:
        limit, share = wording.MISSING, wording.MISSING
        if place.limit is not None:
            low, high = place.limit
            limit = f"{count(low)} to {count(high)}"
            share = f"{percent(place.asked / high)} to {percent(place.asked / low)}"
        run = rate(place.high, "")
        run = run if place.high - place.low <= 0.02 * place.high else f"{rate(place.low, '')} to {run}"
        rows.append([Cell(UNIT[place.axis]), Cell(count(place.asked)), Cell(run), Cell(limit), Cell(share)])
    columns = [
        Column("axis", numeric=False),
        Column("asked"),
        Column("kept the limits", "What was run with success in any of the searches."),
        Column("limit", "Last pass to first failure of the axis's own search."),
        Column("of that limit", "The asked value alone, with the other axes as that search held them."),
    ]
    return Table("places", "On each axis", columns, rows)


def _sizes(found: Scaling) -> Table:
    rows = [
        [Cell(wording.many(row.processes, "process", "processes")), Cell(row.axis), *map(Cell, row_said(row))]
        for row in found.rows
    ]
    columns = [
        Column("installation", numeric=False),
        Column("axis", numeric=False),
        Column("levels", "Last pass to first failure."),
        Column("deliveries/s", "The same in deliveries a second."),
        Column("of linear growth", "Capacity a process over that of the smallest."),
    ]
    return Table("sizes", "Capacity by size", columns, rows)


def _searches(answers: Sequence[Values], names: Sequence[str]) -> Section:
    rows = []
    for answer, name in zip(answers, names, strict=True):
        passed, failed, work = answer["last_pass"], answer["first_fail"], work_carried(answer)
        unit = UNIT[answer["axis"]]
        found = wording.MISSING if passed is None else f"at least {count(passed)} {unit}"
        if failed is not None:
            found = f"{'below' if passed is None else f'{count(passed)} to'} {count(failed)} {unit}"
        rows.append(
            [
                Cell(plain(name)),
                Cell(answer["ending"], "", "" if answer["ending"] in ("found", "bound") else "warn"),
                Cell(found),
                Cell(wording.MISSING if work is None else f"{rate(work[0], '')} to {rate(work[1], '')}"),
                Cell(_held(answer)),
                Cell(plain(", ".join(answer["failed_first"][:2])) or wording.MISSING),
            ]
        )
    columns = [
        Column("search", numeric=False),
        Column("ending", numeric=False),
        Column("found", "Last pass to first failure."),
        Column("deliveries/s", "The same in deliveries a second."),
        Column("held still", numeric=False),
        Column("failed first", numeric=False),
    ]
    lead = "What this rests on; each has a page of its own, capacity.html."
    return Section("searches", "The searches", lead, [], [Table("searches", "The searches", columns, rows)], "")


def _held(answer: Values) -> str:
    """Where the other axes stood, as they were at the last pass."""
    at = answer["at_last_pass"]
    if at is None:
        return wording.MISSING
    figures = {"agents": at["agents"], "contacts": at["contacts"], "emit-rate": at["messages_per_s"]}
    return ", ".join(
        f"{rate(value, '')} {UNIT[axis]}"
        for axis, value in figures.items()
        if axis != answer["axis"] and value is not None
    )
