"""``loadtest export RUN``: a run's data for other tools."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "export",
        help="write a run's data as CSV, Parquet or a HdrHistogram log",
        description="Write a run's tables (one file a subject, units in column names) as CSV or Parquet, or all its "
        "histograms as one HdrHistogram log. Works while the run goes on.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run's folder")
    parser.add_argument("--format", choices=("csv", "parquet", "hlog"), default="csv", help="default: %(default)s")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where to (default: export/ in the run's folder)")
    parser.add_argument(
        "--coarsen", metavar="N", type=int, default=1, help="windows to a row or an interval (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the files and name them.

    Raises:
        UsageError: the run cannot be read, the files not be written, or a number is none.
    """
    from loadtest.report.export import export

    if options.coarsen < 1:
        raise UsageError(f"{options.coarsen} windows to a row", where="--coarsen", remedy="Give 1 or more")
    for path in export(options.run_folder, options.format, options.out, options.coarsen):
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0
