"""``loadtest sizing``: how full an installation is at a load, from the capacity searches that were made on it."""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path
from typing import Any

from loadtest.cli.run_options import bounded
from loadtest.errors import UsageError
from loadtest.nouns import many

_MOST = 1e9


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "sizing",
        help="how full a target is at a load, from capacity searches",
        description="Tell which share of the capacity found a load takes, with its interval; nothing is told outside "
        "what was measured, and an axis that no search varied is named. --scaling compares searches of installations "
        "of 1, 2, 4 server processes instead: how capacity grows. Exits with 3 where nothing can be told.",
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
    parser.add_argument("--out", metavar="DIR", type=Path, help="write sizing.json and sizing.html into DIR")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer.

    Raises:
        UsageError: a search cannot be read, the question is not whole, or the page cannot be written.
    """
    from loadtest.analysis.model import plain
    from loadtest.analysis.scaling import scaling
    from loadtest.analysis.sizing import Asked, size
    from loadtest.report import sizing_page
    from loadtest.report.capacity import read_answer
    from loadtest.report.sizing import scaling_text, sizing_text

    answers = [read_answer(folder) for folder in options.folders]
    names = [str(folder) for folder in options.folders]
    if options.scaling is not None:
        grown = scaling(read_processes(options.scaling, len(answers)), answers)
        content, text, told = grown.as_dict(), scaling_text(grown), grown.growth != "unknown"
        make = functools.partial(sizing_page.of_scaling, grown, answers, names, options.scaling)
    else:
        missing = [name for name in ("agents", "contacts", "rate") if getattr(options, name) is None]
        if missing:
            raise UsageError(
                "the load asked about is not whole",
                where=f"--{missing[0]}",
                remedy="Give --agents, --contacts and --rate",
            )
        asked = [bounded(getattr(options, name), 0.0, _MOST, f"--{name}") for name in ("agents", "contacts", "rate")]
        found = size(Asked(*asked), answers)
        content, text, told = found.as_dict(), sizing_text(found), found.share is not None
        make = functools.partial(sizing_page.of_sizing, found, answers, names)
    print(json.dumps(plain(content), indent=2) if options.json else text)
    if options.out is not None:
        files = sizing_page.write(options.out, content, make())
        if not options.json:
            print("\n" + ", ".join(map(str, files)))
    return 0 if told else 3


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
            f"{text!r} does not name the processes of {many(searches, 'search', 'searches')}",
            where="--scaling",
            remedy="Write 1,2,4",
        )
    return found
