"""``loadtest events``: the events of the contract, for whom they are, what causes them, since when."""

from __future__ import annotations

import argparse
import json
from typing import Any

from loadtest.contract import EventSpec, events_of
from loadtest.contract.versions import DIALECTS, written


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "events",
        help="list the events of the contract",
        description="List every event that the contract knows: for whom it is, what causes it, and the first version "
        "it is known in.",
    )
    parser.add_argument(
        "--dialect",
        choices=sorted(DIALECTS),
        default="seed",
        help="seed: the document's 13; current: today's; auto: those of any version (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    events = list(events_of(options.dialect).values())
    if options.json:
        print(json.dumps([as_json(spec) for spec in events], indent=2))
    else:
        print(table(events))
    return 0


def as_json(spec: EventSpec) -> dict[str, Any]:
    """An event as JSON values."""
    return {
        "event": spec.name,
        "for": spec.for_whom(),
        "agents": spec.to_agents,
        "contacts": spec.to_contacts,
        "scope": spec.scope,
        "trigger": spec.trigger,
        "since": written(spec.since),
        "contacts_since": None if spec.contacts_since is None else written(spec.contacts_since),
        "documented": spec.documented,
    }


def table(events: list[EventSpec]) -> str:
    """Events in aligned columns, a heading above them."""
    rows = [("event", "for", "since", "trigger")]
    rows += [(spec.name, spec.for_whom(), written(spec.since), spec.trigger) for spec in events]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])) for row in rows
    )
