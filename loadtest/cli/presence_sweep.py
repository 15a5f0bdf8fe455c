"""``loadtest presence-sweep``: which heartbeat shows people rightly, and what it costs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.cli.run_options import bounded, new_folder, read_locust_options
from loadtest.errors import UsageError
from loadtest.nouns import many

if TYPE_CHECKING:
    from loadtest.analysis.presence_sweep import Point

JSON_NAME = "presence-sweep.json"
SCHEMA_VERSION = 1
EXIT_INTERRUPTED = 130
_LEAST_S, _MOST_S = 1.0, 3600.0
_FIXED = frozenset({"heartbeat", "run-time", "t", "report-dir", "run-id", "headless"})
_REMEDY = "See --heartbeats, --duration, --report-dir, --run-id"
_MOST_PROCESSES = 256


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "presence-sweep",
        help="run one heartbeat after another: accuracy, detection time and cost of presence",
        description="Run the same presence load with one heartbeat after another, on the embedded server or, with "
        "`-- --host URL --identities FILE`, on a target. Everything behind -- goes to every run. Exits with 0 when all "
        "runs could be measured, 4 when the generator was not fit in one of them.",
        epilog="Example: loadtest presence-sweep -- --agents 50 --contacts 100 --agent-expiry 20 --contact-expiry 90",
    )
    parser.add_argument(
        "--heartbeats", metavar="SECONDS,...", default="10,15,20,30,60", help="which (default: %(default)s)"
    )
    parser.add_argument(
        "--duration",
        metavar="SECONDS",
        type=float,
        default=120.0,
        help="measured of each heartbeat, after two beats to settle; two beats at least (default: %(default)g)",
    )
    parser.add_argument("--processes", metavar="N", type=int, default=1, help="workers of each run (%(default)s)")
    parser.add_argument("--report-dir", metavar="DIR", type=Path, default=Path("reports"), help="default: %(default)s")
    parser.add_argument("--run-id", metavar="NAME", help="name of the folder (default: presence-sweep and time)")
    parser.add_argument("options", nargs="*", metavar="-- OPTION", help="options of locust, for every run")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the sweep; print each point as it is there; write table, figure and JSON.

    Raises:
        UsageError: a number that is none, or a folder that exists or cannot be written.
        GeneratorError: a run could not be made.
    """
    from loadtest.drive.presence_sweep import expected_s, sweep
    from loadtest.report.presence_sweep import figure, markdown

    heartbeats_s = read_heartbeats(options.heartbeats)
    duration_s = bounded(options.duration, _LEAST_S, _MOST_S, "--duration")
    workers = int(bounded(options.processes, 1, _MOST_PROCESSES, "--processes"))
    given = read_locust_options(options.options, _FIXED, _REMEDY)
    folder = new_folder(options.report_dir, options.run_id, "presence-sweep")
    minutes = max(1, round(expected_s(heartbeats_s, duration_s) / 60))
    print(f"{many(len(heartbeats_s), 'heartbeat')} into {folder}, about {minutes} min\n", flush=True)
    tick, clear = _ticker(duration_s)

    points: list[Point] = []

    def on_point(found: Point) -> None:
        points.append(found)
        clear()
        share = "n/a" if found.p_a is None else f"{found.p_a:.1%}"
        print(f"{found.heartbeat_s:>5g} s  shown right {share}  {found.verdict}", flush=True)

    interrupted = False
    try:
        sweep(heartbeats_s, duration_s, folder, given, workers=workers, on_tick=tick, on_point=on_point)
    except KeyboardInterrupt:
        interrupted = True
    clear()
    if interrupted:
        print(f"loadtest: interrupted after {len(points)} of {len(heartbeats_s)} heartbeats.", file=sys.stderr)
        if not points:
            return EXIT_INTERRUPTED
    rows = [point.as_dict() for point in points]
    content = {"schema_version": SCHEMA_VERSION, "duration_s": duration_s, "options": given, "points": rows}
    (folder / JSON_NAME).write_text(json.dumps(_plain(content), indent=2) + "\n", encoding="utf-8")
    (folder / "presence-sweep.md").write_text(markdown(rows), encoding="utf-8")
    (folder / "presence-sweep.svg").write_text(figure(rows).light, encoding="utf-8")
    print("\n" + markdown(rows))
    print(f"{folder / JSON_NAME}, {folder / 'presence-sweep.md'}, {folder / 'presence-sweep.svg'}")
    if interrupted:
        return EXIT_INTERRUPTED
    return 4 if any(point.verdict == "INVALID" for point in points) else 0


def read_heartbeats(text: str) -> list[float]:
    """Heartbeats in ascending order.

    Raises:
        UsageError: one of them is no number of seconds.
    """
    found = []
    for part in text.split(","):
        try:
            found.append(bounded(float(part), _LEAST_S, _MOST_S, "--heartbeats"))
        except ValueError:
            raise UsageError(
                f"{part.strip()!r} is no number", where="--heartbeats", remedy="Write it as 10,15,20,30,60"
            ) from None
    return sorted(set(found))


def _ticker(duration_s: float) -> tuple[Callable[[float, float], None] | None, Callable[[], None]]:
    """What shows progress on a terminal, and what takes it away again."""
    if not sys.stderr.isatty():
        return None, lambda: None

    def tick(heartbeat_s: float, passed_s: float) -> None:
        from loadtest.drive.presence_sweep import OVERHEAD_S, hold_s

        whole_s = hold_s(heartbeat_s, duration_s) + OVERHEAD_S
        sys.stderr.write(f"\r{heartbeat_s:>5g} s  {min(passed_s, whole_s):.0f} of about {whole_s:.0f} s ")
        sys.stderr.flush()

    def clear() -> None:
        sys.stderr.write("\r" + " " * 60 + "\r")
        sys.stderr.flush()

    return tick, clear


def _plain(value: Any) -> Any:
    """Infinity as "inf", as in summary.json."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return "inf" if value == float("inf") else value
