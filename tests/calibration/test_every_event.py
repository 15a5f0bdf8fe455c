"""Every event in both dialects: what the reference server loses, doubles and leaks of it is what the ledger says.

All acts are played against a server that spoils deliveries of all events alike, and its truth is held against the
books, event by event and role by role. Most events are exact. Of some nobody can tell which action a frame is of: in
newer versions several actions cause them, how often is upstream's business, and a copy of one makes up for the loss of
another. Those are judged by least and most (:mod:`loadtest.collect.tallies`): never more is found than there was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from loadtest.analysis import calibration
from loadtest.analysis.calibration import Comparison
from loadtest.collect.subjects import MARKED, counted_events, tracked_events
from loadtest.contract import DialectName
from loadtest.drive.calibration import RowResult, calibrate
from loadtest.drive.evidence import Evidence
from loadtest.drive.judges import LEDGER
from loadtest.drive.matrix import Row, Scale

DIALECTS: tuple[DialectName, ...] = ("seed", "current")
FAULTS = "loss=4%@2s,dup=4%@2s,leak=15%@2s"
ACTS = (
    "read=0.5,status=0.5,assign=0.5,team=0.5,email=0.4,contact_update=0.4,contact_create=0.3,merge=0.5,"
    "conversation=0.3,note=0.3"
)
PRESENCE = "presence.update"
#: without a mark a contact's message may change the contact as well, in some servers of the document's time
REPEATED = {"seed": frozenset({"contact.updated"}), "current": frozenset[str]()}

Found = dict[tuple[str, str, str], tuple[int, int]]
"""(column, event, role) -> injected, recovered."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[RowResult, Found, dict[str, int]]]:
    """By dialect: the run, what was injected and recovered in it, and how many of each event were emitted."""
    found: dict[str, tuple[Found, dict[str, int]]] = {}

    def judge(evidence: Evidence) -> list[Comparison]:
        table = {
            (column, event, role): (injected, recovered)
            for column, kinds in LEDGER.items()
            for (event, role), injected, recovered in _beside(evidence.injected(*kinds), evidence.recovered(column))
        }
        for column in ("undetermined", "reordered"):
            table |= {
                (column, event, role): (0, n) for (event, role), _, n in _beside(Counter(), evidence.recovered(column))
            }
        emitted = {
            event: row["emitted"] or 0 for event, row in evidence.summary["delivery"].items() if "emitted" in row
        }
        found[str(evidence.summary["run"]["target"]["dialect"])] = (table, emitted)
        return [calibration.shown("cells", len(table), "cells")]

    rows = [
        Row(
            dialect,
            "every event",
            lambda scale: FAULTS,
            judge,
            agents=9,
            contacts=30,
            members=4,
            options={"mix": ACTS, "typing": 0.3, "emit-rate": 10.0, "dialect": dialect},
            per_message=0.0,
            beside=True,
        )
        for dialect in DIALECTS
    ]
    folder = tmp_path_factory.mktemp("every-event")
    results = calibrate(rows, Scale(hold_s=10.0, seed=7), folder).rows
    return {result.row.name: (result, *found[result.row.name]) for result in results}


def _beside(
    injected: Counter[tuple[str, str, str]], recovered: Counter[tuple[str, str, str]]
) -> Iterator[tuple[tuple[str, str], int, int]]:
    sums = [Counter[tuple[str, str]](), Counter[tuple[str, str]]()]
    for total, cells in zip(sums, (injected, recovered), strict=True):
        for (_, event, role), n in cells.items():
            if event != PRESENCE:  # the truth of beats is another matter
                total[event, role] += n
    for cell in sums[0].keys() | sums[1].keys():
        yield cell, sums[0][cell], sums[1][cell]


def is_exact(dialect: DialectName, column: str, event: str) -> bool:
    """Whether each single fault of this kind is found: a leak always, what is missing or too much where it is told."""
    if column == "leaked" or event == MARKED:
        return True
    return event in tracked_events(dialect) and not (column == "duplicated" and event in REPEATED[dialect])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_fault_is_found_and_none_is_invented(
    played: dict[str, tuple[RowResult, Found, object]], dialect: DialectName
) -> None:
    """Exactly where emissions are told one by one; elsewhere no more than there was."""
    result, found, _ = played[dialect]
    wrong = {
        cell: (injected, recovered)
        for cell, (injected, recovered) in found.items()
        if (recovered != injected if is_exact(dialect, cell[0], cell[1]) else recovered > injected)
    }

    assert result.outcome != "BROKEN", result.reasons
    assert {} == wrong


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_event_is_played(
    played: dict[str, tuple[RowResult, Found, dict[str, int]]], dialect: DialectName
) -> None:
    """Whatever the ledger accounts for in the dialect was emitted, and faults were injected into most of it."""
    _, found, emitted = played[dialect]
    accounted = {MARKED, *tracked_events(dialect), *counted_events(dialect)}

    assert set() == {event for event in accounted if not emitted.get(event)}
    assert len({event for (column, event, _), (n, _) in found.items() if column == "lost" and n}) > len(accounted) / 2
