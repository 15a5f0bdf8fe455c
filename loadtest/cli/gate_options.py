"""The options of verbs that compare builds: margins, noise, what may differ."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.cli.run_options import bounded
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.report.gate import Gate

_MOST_WARM_UP_S = 3600.0


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides how runs are judged."""
    parser.add_argument(
        "--margin",
        metavar="NAME=5%",
        action="append",
        default=[],
        help="how much worse is still good enough, of a metric as the table names it, or of latency (5%%), connect "
        "(10%%), lost (0.05%%), errors (0.1%%), presence (1%%), connected (1%%); of shares "
        "it is a difference. May be repeated",
    )
    parser.add_argument(
        "--noise", metavar="FILE", type=Path, help="margins that `calibrate --aa` found for this machine"
    )
    parser.add_argument(
        "--allow-unlike",
        metavar="WHAT",
        action="append",
        default=[],
        help="compare runs although they differ in this, such as 'CPU model'; may be repeated",
    )
    parser.add_argument(
        "--warm-up", metavar="SECONDS", type=float, default=5.0, help="dropped from each hold (default: %(default)g)"
    )


def gate_of(options: argparse.Namespace, **more: Any) -> Gate:
    """How to judge, from the options of :func:`add_gate_options`.

    Raises:
        UsageError: a margin that is none, or a warm-up out of bounds.
    """
    from loadtest.report.gate import Gate

    return Gate(
        margins=read_margins(options.margin),
        noise=options.noise,
        allow_unlike=tuple(options.allow_unlike),
        warm_up_s=bounded(options.warm_up, 0.0, _MOST_WARM_UP_S, "--warm-up"),
        **more,
    )


def read_margins(texts: Sequence[str]) -> dict[str, float]:
    """Margins by name, from ``NAME=5%`` or ``NAME=0.05``.

    Raises:
        UsageError: one of them is no margin.
    """
    found = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        try:
            number = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError:
            number = math.nan
        if not sign or not name or not 0 < number <= 10:
            raise UsageError(
                f"{text!r} is no margin", where="--margin", remedy="Write it as latency=5% or cable.connect_p99_ms=0.1"
            )
        found[name] = number
    return found
