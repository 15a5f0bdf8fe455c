"""``loadtest annotate RUN TEXT``: mark a moment on a run's time line, while it goes on or afterwards."""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "annotate",
        help="mark a moment on a run's time line",
        description="Write a note such as 'deploy 4.13' into a run, at this moment or at --at; reports show it on "
        "their time line. Works while the run goes on.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run's folder")
    parser.add_argument("text", metavar="TEXT", help="what happened")
    parser.add_argument(
        "--at",
        metavar="WHEN",
        help="when: a time such as 2026-11-28T15:04:05+01:00, or since the run's start such as '90 min' (default: now)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the note.

    Raises:
        UsageError: there is no such run, it cannot be written, or the text or the time is none.
    """
    from loadtest.store.annotation import annotate, moment_us

    text = " ".join(options.text.split())
    if not text:
        raise UsageError("there is nothing to note", where="TEXT", remedy="Say what happened, such as 'deploy 4.13'")
    at_us = time.time_ns() // 1000 if options.at is None else moment_us(options.run_folder, options.at)
    at_s = annotate(options.run_folder, text, at_us)
    over = _ended_before(options.run_folder, at_us)
    print(f"noted at {at_s:.0f} s of the run{over}: {text}")
    return 0


def _ended_before(run_folder: Path, at_us: int) -> str:
    """What to say where the run was over at that moment."""
    from loadtest.store import open_run

    ended = open_run(run_folder).meta.get("ended_at")
    if not isinstance(ended, str):
        return ""
    after_s = at_us / 1_000_000 - datetime.datetime.fromisoformat(ended).timestamp()
    return f", which had ended {after_s:.0f} s before (--at says when something happened)" if after_s > 0 else ""
