"""``loadtest presence-sweep``: which heartbeat shows people rightly, and what it costs."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.analysis.presence_sweep import Point

JSON_NAME = "presence-sweep.json"
SCHEMA_VERSION = 1
_MOST_S = 3600.0
_FIXED = frozenset({"heartbeat", "run-time", "t", "report-dir", "run-id", "headless"})


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
    duration_s = _bounded(options.duration, "--duration")
    if options.processes < 1:
        raise UsageError(f"{options.processes} processes", where="--processes", remedy="Give 1 or more")
    given = read_options(options.options)
    folder = _folder(options)
    minutes = max(1, round(expected_s(heartbeats_s, duration_s) / 60))
    print(f"{len(heartbeats_s)} heartbeats into {folder}, about {minutes} min\n", flush=True)
    tick, clear = _ticker(duration_s)

    def on_point(found: Point) -> None:
        clear()
        share = "n/a" if found.p_a is None else f"{found.p_a:.1%}"
        print(f"{found.heartbeat_s:>5g} s  shown right {share}  {found.verdict}", flush=True)

    points = sweep(heartbeats_s, duration_s, folder, given, workers=options.processes, on_tick=tick, on_point=on_point)
    clear()
    rows = [point.as_dict() for point in points]
    content = {"schema_version": SCHEMA_VERSION, "duration_s": duration_s, "options": given, "points": rows}
    (folder / JSON_NAME).write_text(json.dumps(_plain(content), indent=2) + "\n", encoding="utf-8")
    (folder / "presence-sweep.md").write_text(markdown(rows), encoding="utf-8")
    (folder / "presence-sweep.svg").write_text(figure(rows).light, encoding="utf-8")
    print("\n" + markdown(rows))
    print(f"{folder / JSON_NAME}, {folder / 'presence-sweep.md'}, {folder / 'presence-sweep.svg'}")
    return 4 if any(point.verdict == "INVALID" for point in points) else 0


def read_heartbeats(text: str) -> list[float]:
    """Heartbeats in ascending order.

    Raises:
        UsageError: one of them is no number of seconds.
    """
    found = []
    for part in text.split(","):
        try:
            found.append(_bounded(float(part), "--heartbeats"))
        except ValueError:
            raise UsageError(
                f"{part.strip()!r} is no number", where="--heartbeats", remedy="Write it as 10,15,20,30,60"
            ) from None
    return sorted(set(found))


def read_options(words: list[str]) -> dict[str, object]:
    """Options as a run takes them: ``--name value``, ``--name=value``, or ``--name`` alone.

    Raises:
        UsageError: a word that belongs to no option, or an option that is the sweep's own.
    """
    found: dict[str, object] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, sign, value = word[2:].partition("=")
            found[name] = value if sign else True
            if name in _FIXED:
                raise UsageError(
                    f"--{name} is set by the sweep", where="--", remedy="See --heartbeats, --duration, --run-id"
                )
        elif name and found[name] is True:
            found[name] = word
        else:
            raise UsageError(f"{word!r} belongs to no option", where="--", remedy="Write options as --name value")
    return found


def _bounded(seconds: float, where: str) -> float:
    if not 1 <= seconds <= _MOST_S:
        raise UsageError(f"{seconds:g} s is out of bounds", where=where, remedy=f"Give 1 to {_MOST_S:g} seconds")
    return seconds


def _folder(options: argparse.Namespace) -> Path:
    stamp = datetime.datetime.now(datetime.UTC)
    folder: Path = options.report_dir / (options.run_id or f"presence-sweep-{stamp:%Y%m%d-%H%M%S}")
    if folder.exists():
        raise UsageError(
            "it exists, and a sweep is never overwritten",
            where=str(folder),
            remedy="Give another --run-id, or move the folder away",
        )
    return folder


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
