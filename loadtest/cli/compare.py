"""``loadtest compare``: did the candidate get worse? One verdict over runs that are there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from loadtest.cli.gate_options import add_gate_options, gate_of

EPILOG = (
    "Exits with 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 2 when runs cannot be made, read or compared, 4 when this tool failed."
)


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "compare",
        help="judge a candidate's runs against a baseline's",
        description="Compare the runs of two builds, metric by metric: pair by pair where they were interleaved, as "
        "`loadtest ab` makes them, else as two groups, with a warning. FAIL when a metric that decides is worse than "
        "its margin for certain, PASS when all are certainly not, else INCONCLUSIVE.",
        epilog=EPILOG,
    )
    for arm in ("baseline", "candidate"):
        parser.add_argument(
            f"--{arm}", metavar="RUN", type=Path, nargs="+", required=True, help="run folders, or packed baselines"
        )
    parser.add_argument("--unpaired", action="store_true", help="compare two groups even if runs were interleaved")
    add_gate_options(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, help="write compare.json, compare.md and junit.xml into DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print, write.

    Raises:
        UsageError: a run cannot be read, runs are unlike, or a margin is none.
    """
    from loadtest.report import comparison
    from loadtest.report.gate import judge, write

    content = judge(options.baseline, options.candidate, gate_of(options, unpaired=options.unpaired))
    print(comparison.terminal(content, written=options.out is not None))
    if options.out is not None:
        files = write(content, options.out)
        print("\n" + ", ".join(map(str, files)))
    code: int = content["exit_code"]
    return code
