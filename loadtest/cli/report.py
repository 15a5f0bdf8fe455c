"""``loadtest report RUN``: make a run's report again from its store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from loadtest.analysis import load_slo
from loadtest.errors import UsageError
from loadtest.report import build, capacity, terminal


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "report",
        help="make a run's report again",
        description="Make summary.json, summary.md, report.html and figures/ again from run.sqlite, also while the run "
        "goes on. Exits with 0 whatever the verdict, unless --check is given.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run's folder")
    parser.add_argument("--slo", metavar="FILE", help="judge by these limits instead of the default checks")
    parser.add_argument("--check", action="store_true", help="exit with the verdict's code")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Build the report and print its summary."""
    if capacity.is_search(options.run_folder):
        return _capacity(options)
    slo = load_slo(options.slo) if options.slo else None
    summary = build(options.run_folder, slo).as_dict()
    print(terminal(summary, options.run_folder))
    code: int = summary["verdict"]["exit_code"]
    return code if options.check else 0


def _capacity(options: argparse.Namespace) -> int:
    """Make the pages of a capacity search, whose steps were judged by the limits of their time."""
    if options.slo:
        raise UsageError(
            "the steps of a search were judged when they were made",
            where=f"--slo {options.slo}",
            remedy="Leave it out, or search again with these limits",
        )
    answer = capacity.build(options.run_folder)
    print(capacity.terminal(answer, options.run_folder))
    return int(answer["exit_code"]) if options.check else 0
