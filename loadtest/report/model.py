"""The report's view model: what a report says, in which order, before anyone decides how it looks.

It is made from the summary and the run's notes and holds finished sentences; HTML only places them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest import __version__
from loadtest.report import (
    evidence,
    facts,
    tables,
    tables_contract,
    tables_health,
    tables_presence,
    tables_service,
    tables_storms,
    wording,
)
from loadtest.report.evidence import Fold
from loadtest.report.facts import Fact
from loadtest.report.tables import Table, part
from loadtest.report.wording import plain

if TYPE_CHECKING:
    import pandas as pd

MOST_MOMENTS = 60
"""Notes shown on the time line."""

_MEANING = {
    "PASS": "Every check kept its limit.",
    "FAIL": "At least one check broke its limit.",
    "INCONCLUSIVE": "There was not enough data to decide.",
    "INVALID": "These numbers must not be read as the target's.",
}
_TONE = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn", "INVALID": "void"}
_SIGN = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "INVALID": "!"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A note on the run's time line.

    Attributes:
        at: time since the run began, as on a stop watch.
        clock: UTC time of day.
        kind: what kind of note it is.
        text: what happened.
        tone: ``bad``, ``warn`` or empty.
    """

    at: str
    clock: str
    kind: str
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes:
        name: its anchor.
        title: its heading.
        lead: a sentence or two under it.
        figures: names of its figures, in order; one that was not drawn is passed over.
        tables: its tables; one without rows is passed over.
        nothing: what it says when there is neither table nor figure.
        folds: evidence that opens on demand.
        numbers: its key numbers, in plain words.
        said: sentences that change how its numbers are to be read.
        folded: tables that open on demand.
        folded_figures: names of figures that open with them.
    """

    name: str
    title: str
    lead: str
    figures: Sequence[str]
    tables: Sequence[Table]
    nothing: str
    folds: Sequence[Fold] = ()
    numbers: Sequence[Fact] = ()
    said: Sequence[str] = ()
    folded: Sequence[Table] = ()
    folded_figures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    Attributes:
        run_id: the run; empty for what is told of several.
        target: what was tested, for the title.
        word: the verdict, one word.
        sign: a sign for it, so that colour is not needed.
        tone: its colour's name.
        meaning: what the word means, a sentence.
        reasons: why, a sentence each.
        warnings: what must be known besides, a sentence each.
        notices: what changes how everything is to be read (embedded server, faults, still running).
        facts: what was tested.
        numbers: the key numbers.
        checks: the checks' table; None where nothing is checked.
        sections: the details.
        moments: the time line; None for what is told of several runs.
        moments_left_out: notes that are not shown.
        command: the command that makes this report again.
        version: version of this tool that made the report.
        kind: what the page is about, for its title.
        terms: how to read it, as (term, meaning); empty for a run's own.
    """

    run_id: str
    target: str
    word: str
    sign: str
    tone: str
    meaning: str
    reasons: Sequence[str]
    warnings: Sequence[str]
    notices: Sequence[str]
    facts: Sequence[Fact]
    numbers: Sequence[Fact]
    checks: Table | None
    sections: Sequence[Section]
    moments: Sequence[Moment] | None
    moments_left_out: int
    command: str
    version: str
    kind: str = "Load test"
    terms: Sequence[tuple[str, str]] = ()


def view(summary: Mapping[str, Any], meta: Mapping[str, Any], notes: pd.DataFrame, folder: str) -> Report:
    """Say what a run comes to.

    Args:
        summary: summary.json's content.
        meta: the run's description.
        notes: columns at_s, kind, text, data.
        folder: the run folder as the reader names it, for the command.
    """
    word = verdict(summary)
    moments = _moments(notes, meta.get("started_at"))
    shown = _chosen(moments)
    return Report(
        run_id=plain(part(summary, "run").get("id") or meta.get("run_id") or folder),
        target=_target(part(summary, "run", "target")),
        word=word,
        sign=_SIGN.get(word, "?"),
        tone=_TONE.get(word, "void"),
        meaning=_MEANING.get(word, ""),
        reasons=reasons(summary),
        warnings=warnings(summary),
        notices=notices(summary, meta),
        facts=facts.tested(summary, meta),
        numbers=facts.numbers(summary),
        checks=tables.checks(summary),
        sections=_sections(summary, notes),
        moments=shown,
        moments_left_out=len(moments) - len(shown),
        command=f"loadtest report {shlex.quote(folder)}",
        version=__version__,
    )


def _target(target: Mapping[str, Any]) -> str:
    return "the embedded server" if target.get("embedded") else plain(target.get("url") or "an unknown target")


def verdict(summary: Mapping[str, Any]) -> str:
    """The verdict's word; INVALID for a summary without one."""
    word = str(part(summary, "verdict").get("result") or "INVALID").upper()
    return word if word in _MEANING else "INVALID"


def reasons(summary: Mapping[str, Any]) -> list[str]:
    """Why the verdict is what it is, in sentences: the verdict's own, else the generator's, else the broken checks."""
    found = [sentence(text) for text in part(summary, "verdict").get("reasons") or []]
    word = verdict(summary)
    if not found and word == "INVALID":
        found = [sentence(text) for text in part(summary, "generator").get("reasons") or []]
    judged = [c for c in part(summary, "verdict").get("checks") or [] if isinstance(c, Mapping)]
    if not found and word != "PASS":
        found = [_said(check) for check in judged if str(check.get("result")).upper() == word]
    if not found and word == "PASS":
        found = [f"{wording.many(len(judged), 'check')} kept {'its limit' if len(judged) == 1 else 'their limits'}."]
    return list(dict.fromkeys(found))


def _said(check: Mapping[str, Any]) -> str:
    unit = str(check.get("unit") or "")
    value, note = tables.measured(check.get("value"), unit), sentence(check.get("note") or "")
    return f"{plain(check.get('name'))} was {value}; the limit is {tables.limit(check)}. {note}".strip()


def sentence(text: Any) -> str:
    """A text as one line that ends like a sentence."""
    one_line = plain(text)
    return one_line if not one_line or one_line[-1] in ".!?" else f"{one_line}."


def warnings(summary: Mapping[str, Any]) -> list[str]:
    """The verdict's warnings, in sentences."""
    return list(dict.fromkeys(sentence(text) for text in part(summary, "verdict").get("warnings") or []))


def notices(summary: Mapping[str, Any], meta: Mapping[str, Any]) -> list[str]:
    """What changes how every number is to be read."""
    run = part(summary, "run")
    said = []
    if part(run, "target").get("embedded"):
        said.append(
            "The target was the reference server embedded in this tool, on this machine. "
            "The numbers show how tool and machine do; they say nothing about an installation of OneChat."
        )
    if meta.get("faults"):
        said.append(f"Faults were injected on purpose: {plain(meta['faults'])}.")
    if meta.get("target_lost"):
        said.append("The target was lost during the run.")
    return said


def _sections(summary: Mapping[str, Any], notes: pd.DataFrame) -> list[Section]:
    driven = sentence(tables_contract.driven(summary, tables_contract.MOST_UNDRIVEN))
    checked = "Event frames checked against OneChat's documented events, over the whole run."
    return [
        Section(
            "fanout", "Fan-out", "How long after an action was due its event reached the sockets that had to see it.",
            ("fanout_over_time", "fanout_distribution"), (tables.fanout(summary), tables_service.service(summary)),
            "No delivery with a known due time arrived in the hold.",
        ),
        Section(
            "delivery", "Delivery",
            "Each expected delivery is counted once: delivered, late, lost, cut or undetermined.",
            ("load_over_time",), (tables.delivery(summary), tables.users(summary)), "No event was expected or seen.",
        ),
        Section(
            "presence", "Presence", "Who observers were told is online, against who was there and beating.",
            ("who_was_there",), (), "No presence was observed.",
            numbers=tables_presence.plain_numbers(summary), said=tables_presence.reasons(summary),
            folded=tables_presence.folded(summary), folded_figures=("presence_over_time",),
        ),
        *_storms(summary),
        Section(
            "rest", "REST and cable", "How the target answered requests and kept its connections.",
            ("answers_distribution",), (tables.rest(summary), tables_health.cable(summary)),
            "No request was answered and no connection opened.",
        ),
        Section(
            "generator", "Generator", "Whether this tool was fast enough to measure the target at all.",
            ("generator_over_time",), (tables_health.generator(summary),),
            "The generator recorded nothing about itself.",
        ),
        Section(
            "contract", "Contract", f"{checked} {driven[:1].upper()}{driven[1:]}".strip(),
            (), (tables_contract.contract(summary), tables_contract.events(summary)), "No event was checked.",
            evidence.folds(notes, part(summary, "contract")),
        ),
    ]  # fmt: skip


def _storms(summary: Mapping[str, Any]) -> list[Section]:
    """The drills, where there were any."""
    table = tables_storms.storms(summary)
    if not table.rows:
        return []
    lead = "Sockets that were dropped in bulk: who was there again when, and what the herd looked like to the target."
    return [Section("storms", "Storms", lead, ("storm_herds",), (table,), "")]


_LOUD = {
    "abort": "bad",
    "deaf": "bad",
    "violation": "bad",
    "error": "bad",
    "worker_lost": "bad",
    "generator_error": "bad",
    "breach": "warn",
    "disconnect": "warn",
    "tolerated": "warn",
}
_TOLD_ONCE = frozenset({"unknown", "tolerated"})
"""Kinds of notes that keep evidence of what is no fault: the time line names the first of each."""


def _moments(notes: pd.DataFrame, started_at: Any) -> list[Moment]:
    found = []
    previous: tuple[str, str] | None = None
    told: set[tuple[str, str]] = set()
    for at_s, kind, text, data in zip(*(notes[c].tolist() for c in ("at_s", "kind", "text", "data")), strict=True):
        said = plain(text) or _phase(data)
        if kind == "breach":
            remedy = plain(data.get("remedy") or "") if isinstance(data, Mapping) else ""
            said = f"{sentence(said)} {sentence(remedy)}".strip()
            if previous == (kind, said):
                continue
        previous = (kind, said)
        if kind in _TOLD_ONCE:
            if (kind, said) in told:
                continue
            told.add((kind, said))
        clock = wording.clock_time(started_at, at_s)
        found.append(Moment(wording.run_time(at_s), clock, plain(kind), said, _LOUD.get(kind, "")))
    return found


def _phase(data: Any) -> str:
    phase = data.get("phase") if isinstance(data, Mapping) else None
    return f"{plain(phase)} begins" if phase else ""


def _chosen(moments: Sequence[Moment]) -> list[Moment]:
    """At most :data:`MOST_MOMENTS`: phases and annotations always, of the rest the earliest."""
    if len(moments) <= MOST_MOMENTS:
        return list(moments)
    kept = {i for i, moment in enumerate(moments) if moment.kind in {"phase", "annotation", "storm", "resumed"}}
    for i in range(len(moments)):
        if len(kept) >= MOST_MOMENTS:
            break
        kept.add(i)
    return [moment for i, moment in enumerate(moments) if i in kept][:MOST_MOMENTS]
