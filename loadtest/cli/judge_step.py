"""``loadtest judge-step``: judge one step of a capacity search that is under way.

Called by the search itself (:mod:`loadtest.plugin.capacity`), as a process of its own; no help names it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser("judge-step", description="Judge a step of a capacity search; prints it as JSON.")
    parser.add_argument("folder", metavar="RUN", type=Path, help="the run's folder")
    parser.add_argument("span", metavar="SPAN", help="where the step lies, as JSON")
    parser.add_argument("--slo", metavar="FILE", type=Path, help="limits (TOML)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge it, and print the judgement.

    Raises:
        UsageError: the span cannot be read, or the run or the limits.
    """
    from loadtest.analysis.capacity_step import Span
    from loadtest.analysis.model import plain
    from loadtest.report.capacity import judge_step

    try:
        span = Span(**json.loads(options.span))
    except (ValueError, TypeError) as error:
        raise UsageError(f"it is no step ({error})", where="SPAN", remedy="Give the fields of a step as JSON") from None
    step = judge_step(options.folder, span, options.slo)
    print(json.dumps(plain(step.as_dict()), allow_nan=False))
    return 0
