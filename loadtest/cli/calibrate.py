"""``loadtest calibrate``: does this toolkit, on this machine, find what was done? Known faults beside what is found."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.cli import aa
from loadtest.cli.run_options import bounded, new_folder
from loadtest.errors import UsageError
from loadtest.nouns import many

if TYPE_CHECKING:
    from loadtest.drive.calibration import RowResult
    from loadtest.drive.matrix import Row, Scale

JSON_NAME = "calibration.json"
_LEAST_HOLD_S = 6.0
_MOST_HOLD_S = 600.0
_MOST_RATE = 20_000.0


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "calibrate",
        help="inject known faults and show what is found",
        description="Run the fault matrix on the embedded server: each row injects faults of known size, and what the "
        "toolkit finds is held against what the server did. Exits with 0 when all agree, 1 when one does not, 3 when a "
        "row could not tell (its generator was not fit to measure, or no fault struck), 4 when a row could not be run.",
    )
    parser.add_argument(
        "--rows", metavar="NAME,...", default="", help="only these rows (default: all; --list names them)"
    )
    parser.add_argument("--list", action="store_true", help="list the rows and end")
    parser.add_argument("--quick", action="store_true", help="300 deliveries/s for 6 s a row, to see that all works")
    parser.add_argument("--rate", metavar="N", type=float, help="deliveries a second of the rows that count (2000)")
    parser.add_argument("--duration", metavar="SECONDS", type=float, help="hold of a row, at least 6 (12)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of plan and faults (%(default)s)")
    parser.add_argument("--report-dir", metavar="DIR", type=Path, default=Path("reports"), help="default: %(default)s")
    parser.add_argument("--run-id", metavar="NAME", help="name of the folder (default: calibration and time)")
    aa.add_aa_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the matrix, print each row as it is judged, write JSON and figure.

    Raises:
        UsageError: an unknown row, a number out of bounds, or a folder that exists or cannot be written.
    """
    if options.aa:
        return aa.run(options)
    from loadtest.drive.calibration import calibrate
    from loadtest.drive.matrix import batches, chosen
    from loadtest.report import calibration as text

    rows = chosen([name.strip() for name in options.rows.split(",") if name.strip()])
    scale = _scale(options)
    if options.list:
        for row in rows:
            print(f"{row.name:<15} {row.title}  {row.faults(scale)}".rstrip())
        return 0
    folder = new_folder(options.report_dir, options.run_id, "calibration")
    expected_s = sum(max(row.expected_s(scale) for row in batch) for batch in batches(rows))
    print(f"{many(len(rows), 'row')} into {folder}, about {max(1, round(expected_s / 60))} min\n")
    ticker, clear = _ticker(scale)

    def on_row(result: RowResult) -> None:
        clear()
        print(text.row(result.as_dict()) + "\n", flush=True)

    found = calibrate(rows, scale, folder, on_progress=ticker, on_row=on_row)
    clear()
    content = found.as_dict()
    _write(folder, content)
    print(text.verdict(content))
    print(f"{folder / JSON_NAME}, {folder / 'calibration.svg'}")
    return found.exit_code


def _scale(options: argparse.Namespace) -> Scale:
    from dataclasses import replace

    from loadtest.drive.matrix import FULL, QUICK

    scale = QUICK if options.quick else FULL
    scale = replace(scale, seed=options.seed)
    if options.rate is not None:
        scale = replace(scale, deliveries_per_s=bounded(options.rate, 1, _MOST_RATE, "--rate"))
    if options.duration is not None:
        scale = replace(scale, hold_s=bounded(options.duration, _LEAST_HOLD_S, _MOST_HOLD_S, "--duration"))
    if options.seed < 0:
        raise UsageError(f"{options.seed} is below 0", where="--seed", remedy="Give 0 or more")
    return scale


def _ticker(scale: Scale) -> tuple[Callable[[Row, float], None] | None, Callable[[], None]]:
    """What shows a row's progress on a terminal, and what takes it away again."""
    if not sys.stderr.isatty():
        return None, lambda: None

    def tick(row: Row, passed_s: float) -> None:
        print(
            f"\r{row.name:<15} {passed_s:3.0f} s of about {row.expected_s(scale):.0f} s ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    return tick, lambda: print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)


def _write(folder: Path, content: dict[str, Any]) -> None:
    """Write calibration.json and the figure for both pages."""
    from loadtest.report.figures_calibration import picture

    drawn = picture(content)
    files = {
        JSON_NAME: json.dumps(content, indent=2, allow_nan=False) + "\n",
        "calibration.svg": drawn.light,
        "calibration.dark.svg": drawn.dark,
    }
    try:
        for name, written in files.items():
            (folder / name).write_text(written, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"it cannot be written to ({error.strerror})", where=str(folder), remedy="Free space on its disk"
        ) from error
