"""A run judged as a soak: read it in coarse steps, judge it, write soak.json, soak.md and the page soak.html.

Works on a run that still goes on and on one that was killed. What is read is bounded, however long the run was: windows
are joined while they are read, gauges averaged by the database.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from loadtest import __version__
from loadtest.analysis import plain
from loadtest.analysis.budget import Budget
from loadtest.analysis.model import RunData
from loadtest.analysis.soak import Soak, as_dict, hours, judge
from loadtest.errors import UsageError
from loadtest.metrics.batch import CLOSING_FIELDS
from loadtest.report import facts, figures_soak, html, ink, soak_tables, soak_text
from loadtest.report.facts import Fact
from loadtest.report.model import Moment, Report, Section
from loadtest.report.soak_words import name, rate
from loadtest.report.tables import Table
from loadtest.report.timeline import Timeline, timeline
from loadtest.report.wording import clock_time, run_time
from loadtest.report.wording import plain as one_line
from loadtest.store import open_run
from loadtest.store.steps import gauge_steps, windows_per_step

JSON_NAME: Final = "soak.json"
MARKDOWN_NAME: Final = "soak.md"
PAGE_NAME: Final = "soak.html"
MOST_MOMENTS: Final = 200
_HISTS: Final = ("fanout", "rest", "connect", "confirm", "ping_gap", "beat_reply")
_COUNTS: Final = ("users.planned_us", "generator.wall_us")
_LOUD: Final = {
    **dict.fromkeys(("error", "restart", "abort", "deaf", "worker_lost", "generator_error"), "bad"),
    **dict.fromkeys(("watch_failed", "breach", "disconnect"), "warn"),
}
_TONE: Final = {**soak_tables.TONE, soak_text.NOT_JUDGED: "void"}
_SIGN: Final = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "INVALID": "!"}
_TERMS: Final = (
    (
        "Growth",
        "The median of all slopes between block medians (Theil and Sen) after the warm-up, with a 95 % interval. "
        "Outliers and collected garbage hardly move it.",
    ),
    (
        "FAIL",
        "The whole interval lies above the budget, and the last half alone grew as fast as the budget allows or "
        "faster: a warm-up that ended is no leak.",
    ),
    ("PASS", "The whole interval lies below the budget, or growth above it has certainly ended."),
    ("INCONCLUSIVE", "The interval holds the budget: the page says how long a run would tell."),
    (
        "Like load",
        "Only readings with about as many connections as usual are compared. With a period given, each phase of the "
        "load is compared with itself, a period later.",
    ),
    (
        "What a connection adds",
        "Memory that comes and goes with connections is no leak. It is read off the ramp, where they come.",
    ),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run as a soak is judged by it.

    Attributes:
        data: its frames, coarse and without closings.
        joined: how many windows a row joins.
        folder: the run's folder.
    """

    data: RunData
    joined: int
    folder: Path


def load(run_folder: Path | str) -> Loaded:
    """Read a run in steps coarse enough to be few.

    Raises:
        UsageError: it cannot be read.
    """
    with open_run(run_folder) as run:
        joined = windows_per_step(run)
        data = RunData(
            meta=run.meta,
            hists=run.hist_frame(_HISTS, coarsen=joined),
            counts=run.count_frame(_COUNTS, coarsen=joined),
            gauges=gauge_steps(run, joined * run.window_s),
            closings=pd.DataFrame(columns=[*CLOSING_FIELDS, "due_s"]),
            notes=run.note_frame(),
        )
        return Loaded(data, joined, run.folder)


def build(run_folder: Path | str, budget: Budget | None = None) -> tuple[Soak, Loaded]:
    """Judge a run as a soak and write soak.json, soak.md and soak.html into its folder.

    Raises:
        UsageError: the run cannot be read, or its folder cannot be written.
    """
    loaded = load(run_folder)
    soak = judge(loaded.data, budget, loaded.joined)
    write(soak, loaded, budget)
    return soak, loaded


def content(soak: Soak, loaded: Loaded) -> dict[str, Any]:
    """The content of soak.json."""
    found = plain({"run": loaded.data.meta.get("run_id"), **as_dict(soak)})
    assert isinstance(found, dict)
    return found


def write(soak: Soak, loaded: Loaded, budget: Budget | None) -> None:
    """Write the three files.

    Raises:
        UsageError: the folder cannot be written.
    """
    run_id = str(loaded.data.meta.get("run_id") or loaded.folder.name)
    pictures = draw(soak, loaded)
    files = {
        JSON_NAME: json.dumps(content(soak, loaded), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        MARKDOWN_NAME: soak_text.markdown(soak, run_id),
        PAGE_NAME: html.page(view(soak, loaded, budget), pictures),
    }
    try:
        for file, text in files.items():
            (loaded.folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the soak's page cannot be written ({error.strerror or error})",
            where=str(loaded.folder),
            remedy="Make the run folder writable, or free space on its disk",
        ) from error


def draw(soak: Soak, loaded: Loaded) -> Mapping[str, ink.Picture]:
    """The page's figures by name."""
    data, line = loaded.data, _timeline(loaded)
    with ink.style():
        found = (
            figures_soak.drift(soak, line, data.notes),
            figures_soak.days(soak),
            figures_soak.heat(data.hists, data.window_s, loaded.joined, line, data.notes),
        )
    return {picture.name: picture for picture in found if picture is not None}


def view(soak: Soak, loaded: Loaded, budget: Budget | None) -> Report:
    """What the page says."""
    meta = loaded.data.meta
    run_id = one_line(meta.get("run_id") or loaded.folder.name)
    word = soak_text.word(soak)
    target = meta.get("target") or {}
    shown, left_out = _moments(loaded)
    drift = soak_tables.drift(soak)
    command = f"loadtest soak {shlex.quote(str(loaded.folder.name))}"
    command += f" --budget {shlex.quote(budget.source)}" if budget is not None and budget.source else ""
    return Report(
        run_id=run_id,
        target="the embedded server" if target.get("embedded") else one_line(target.get("url") or "an unknown target"),
        word=word,
        sign=_SIGN.get(word, "·"),
        tone=_TONE[word],
        meaning=soak_text.meaning(soak),
        reasons=soak.reasons,
        warnings=soak.warnings,
        notices=(),
        facts=_facts(soak, meta, budget),
        numbers=_numbers(soak),
        checks=drift,
        sections=_sections(soak),
        moments=shown,
        moments_left_out=left_out,
        command=command,
        version=__version__,
        kind="Soak",
        terms=_TERMS,
    )


def _timeline(loaded: Loaded) -> Timeline:
    """The run's time line; a row that joins windows ends later than its first window does."""
    data = loaded.data
    line = timeline(data.hists, data.counts, data.notes, data.window_s)
    if not line.phases:
        return line
    *before, (phase, begin_s, end_s) = line.phases
    return replace(line, phases=[*before, (phase, begin_s, end_s + (loaded.joined - 1) * data.window_s)])


def _facts(soak: Soak, meta: Mapping[str, Any], budget: Budget | None) -> list[Fact]:
    profile = one_line((meta.get("plan") or {}).get("load_profile") or "flat")
    shape = "constant" if profile == "flat" else profile
    period = "" if soak.period_h is None else f", repeats every {hours(soak.period_h)}"
    return [
        Fact("started", one_line(meta.get("started_at") or "")),
        Fact("hold", f"{hours(soak.hold_h)}, of which {hours(soak.warm_up_h)} is warm-up"),
        Fact("load", f"{shape}{period}"),
        Fact("population", facts.population(meta.get("population") or {})),
        Fact("budget", one_line(budget.source) if budget is not None and budget.source else "none"),
    ]


def _numbers(soak: Soak) -> list[Fact]:
    """The worst few levels."""
    order = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS", None)
    told = [one for one in soak.drifts if one.level is not None and one.is_told]
    shown = sorted(told, key=lambda one: order.index(one.result))
    return [
        Fact(
            name(one.path),
            rate(one.growth.per_hour, one.level.dimension),
            f"budget {one.budget}" if one.budget else "no budget",
            soak_tables.TONE.get(one.result or "", ""),
        )
        for one in shown[:4]
        if one.level is not None
    ]


def _sections(soak: Soak) -> list[Section]:
    def section(
        anchor: str, title: str, lead: str, figures: tuple[str, ...], tables: tuple[Table, ...], nothing: str
    ) -> Section:
        return Section(anchor, title, lead, figures, tables, nothing)

    found = [
        section(
            "drift", "Drift", "What was read of each level, and what was fitted to it.", ("soak_drift",), (),
            "Nothing was read that could drift: give the run --watch.",
        ),
        section(
            "heat", "Latency over time", "How many deliveries of each while took how long.", ("soak_heat",), (),
            "No delivery with a known due time arrived.",
        ),
        section(
            "connections", "Connections and what stays",
            "Memory that comes with connections is no leak; what stays once all have gone is.",
            (), (soak_tables.per_connection(soak), soak_tables.drain(soak)),
            "The target's memory was not read during the ramp, nor after all had gone.",
        ),
    ]  # fmt: skip
    if soak.period_h is not None:
        lead = "The same phase of the load, a period later: at the same load, only growth remains."
        found.insert(1, section("days", "Day over day", lead, ("soak_days",), (), "There are less than two periods."))
    return found


def _moments(loaded: Loaded) -> tuple[list[Moment], int]:
    """The time line: everything but the breaches, which the figures shade."""
    notes = loaded.data.notes
    started_at = loaded.data.meta.get("started_at")
    rows = zip(*(notes[c].tolist() for c in ("at_s", "kind", "text")), strict=True)
    found = [
        Moment(run_time(at_s), clock_time(started_at, at_s), one_line(kind), one_line(text), _LOUD.get(kind, ""))
        for at_s, kind, text in rows
        if kind not in {"breach", "unknown", "tolerated"}
    ]
    return found[:MOST_MOMENTS], max(len(found) - MOST_MOMENTS, 0)
