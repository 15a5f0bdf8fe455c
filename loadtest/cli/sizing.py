"""``loadtest sizing``: how full an installation is at a load, from the capacity searches that were made on it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "sizing",
        help="how full a target is at a load, from capacity searches",
        description="Tell which share of the capacity found a load takes, with its interval; nothing is told outside "
        "what was measured, and an axis that no search varied is named. --scaling compares searches of installations "
        "of 1, 2, 4 server processes instead. Exits with 3 where nothing can be told.",
        epilog="Example: loadtest sizing reports/capacity-agents reports/capacity-rate --agents 200 --contacts 500 "
        "--rate 3",
    )
    parser.add_argument("folders", nargs="+", metavar="SEARCH", type=Path, help="folders of loadtest capacity")
    parser.add_argument("--agents", metavar="N", type=float, help="agents online")
    parser.add_argument("--contacts", metavar="N", type=float, help="contacts online")
    parser.add_argument("--rate", metavar="N", type=float, help="messages a second of all of them")
    parser.add_argument(
        "--scaling", metavar="N,...", help="server processes of each search, such as 1,2,4: show how capacity grows"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer.

    Raises:
        UsageError: a search cannot be read, or the question is not whole.
    """
    from loadtest.analysis.model import plain
    from loadtest.analysis.sizing import Asked, scaling, size
    from loadtest.report.capacity import read_answer
    from loadtest.report.sizing import scaling_text, sizing_text

    answers = [read_answer(folder) for folder in options.folders]
    if options.scaling is not None:
        rows = scaling(read_processes(options.scaling, len(answers)), answers)
        print(json.dumps(plain([row.as_dict() for row in rows]), indent=2) if options.json else scaling_text(rows))
        return 0
    missing = [name for name in ("agents", "contacts", "rate") if getattr(options, name) is None]
    if missing:
        raise UsageError(
            "the load asked about is not whole", where=f"--{missing[0]}", remedy="Give --agents, --contacts and --rate"
        )
    found = size(Asked(options.agents, options.contacts, options.rate), answers)
    print(json.dumps(plain(found.as_dict()), indent=2) if options.json else sizing_text(found))
    return 0 if found.share is not None else 3


def read_processes(text: str, searches: int) -> list[int]:
    """Server processes, one number a search.

    Raises:
        UsageError: they are no whole numbers, or not as many as searches.
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != searches or any(processes < 1 for processes in found):
        raise UsageError(
            f"{text!r} does not name the processes of {searches} searches", where="--scaling", remedy="Write 1,2,4"
        )
    return found
