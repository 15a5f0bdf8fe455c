"""``loadtest soak RUN``: what grew over a run, and whether faster than it may."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "soak",
        help="judge what grew over a long run against a budget",
        description="Measure how fast memory, latency and whatever else was watched grew over a run, and hold it "
        "against a budget in your words (5 MB/h, not 2 GB within 72 h). Works while the run goes on, and on one that "
        "was killed. Writes soak.json, soak.md and soak.html into the run's folder.",
        epilog="Exits with 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 INVALID; without a budget nothing is judged, and it exits "
        "with 0. `loadtest init DIR` writes a budget.toml to start from.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run's folder")
    parser.add_argument("--budget", metavar="FILE", help="how fast what may grow (TOML)")
    parser.add_argument("--json", action="store_true", help="print soak.json instead of the tables")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge, write, print.

    Raises:
        UsageError: the run or the budget cannot be read, or the run's folder cannot be written.
    """
    from loadtest.analysis.budget import load_budget
    from loadtest.report import soak_text
    from loadtest.report.soak import PAGE_NAME, build, content

    budget = load_budget(options.budget) if options.budget else None
    soak, loaded = build(options.run_folder, budget)
    if options.json:
        print(json.dumps(content(soak, loaded), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(soak_text.terminal(soak, str(loaded.data.meta.get("run_id") or loaded.folder.name)))
        print(f"\n{loaded.folder / PAGE_NAME}")
    return soak.exit_code
