"""``loadtest baseline pack``: runs as one small file, for a repository or a CI cache."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from loadtest.cli.run_options import bounded
from loadtest.nouns import many


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser("baseline", help="pack runs into one small file to compare with later")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    pack = actions.add_parser(
        "pack",
        help="write runs into a baseline file",
        description="Write what comparisons need of some runs into one file; `compare --baseline FILE` reads it. Runs "
        "that are compared with it later are not interleaved with it: for a gate that does not flake use `ab`.",
    )
    pack.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run folders")
    pack.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the file; replaced if there")
    pack.add_argument(
        "--warm-up", metavar="SECONDS", type=float, default=5.0, help="dropped from each hold (default: %(default)g)"
    )
    pack.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Pack the runs.

    Raises:
        UsageError: a run cannot be read, or the file cannot be written.
    """
    from loadtest.report.compared import load
    from loadtest.store.baseline import pack

    runs = load(options.runs, bounded(options.warm_up, 0.0, 3600.0, "--warm-up"))
    pack(runs, options.output)
    size = options.output.stat().st_size
    print(f"{options.output}: {many(len(runs), 'run')}, {size:,} bytes")
    return 0
