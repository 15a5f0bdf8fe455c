"""``loadtest capacity``: how many agents, contacts and messages an installation carries."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from loadtest.analysis.capacity_search import AXES
from loadtest.cli.run_options import bounded, read_locust_options, stamped
from loadtest.errors import GeneratorError, UsageError

EXIT_INTERRUPTED = 130

_FIXED = frozenset(
    {"axis", "host", "slo", "factor", "tolerance", "hold", "settle", "confirm", "resume", "report-dir", "run-id",
     "headless", "max-users", "max-emit-rate", "users", "u", "run-time", "t"}
)  # fmt: skip
_DEFAULT = {"agents": 20.0, "contacts": 20.0, "emit-rate": 2.0}
_OURS = {"typing": 0, "canary": 0, "spawn-rate": 20}


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "capacity",
        help="how many agents, contacts or messages a target carries",
        description="Raise one axis in geometric steps until the limits are broken in two of three windows, bisect "
        "between the last pass and the first failure, hold 90 % of it for long, and tell the interval in users, "
        "messages/s and deliveries/s, with what failed first. One Locust run, one store. Without --host: on the "
        "embedded server. Exits with 0 where there is an answer, 1 where the least load fails already, 3 where it is "
        "not at its end, 4 where the load generator was the limit.",
        epilog="Example: loadtest capacity --axis emit-rate --slo slo.toml --hold 30 --confirm 60",
    )
    parser.add_argument("--host", metavar="URL", help="the target (default: the embedded server)")
    parser.add_argument(
        "--slo", metavar="FILE", type=Path, help="limits, as of runs (default: the checks of every run)"
    )
    parser.add_argument("--axis", choices=AXES, default="emit-rate", help="what is raised (default: %(default)s)")
    parser.add_argument(
        "--at",
        metavar="NAME=VALUE,...",
        default="",
        help="where the axis begins and the others stand still, such as agents=50,contacts=200,emit-rate=5 "
        "(default: 20, 20, 2)",
    )
    parser.add_argument("--max-users", metavar="N", type=int, help="never more users; required off loopback")
    parser.add_argument("--max-emit-rate", metavar="N", type=float, help="never more messages/s; required off loopback")
    parser.add_argument("--hold", metavar="SECONDS", type=float, default=60.0, help="judged of a step (%(default)g)")
    parser.add_argument("--settle", metavar="SECONDS", type=float, default=10.0, help="before that (%(default)g)")
    parser.add_argument(
        "--confirm", metavar="SECONDS", type=float, default=600.0, help="for which 90 %% are held; 0: not (%(default)g)"
    )
    parser.add_argument("--factor", metavar="FACTOR", type=float, default=2.0, help="between two levels (%(default)g)")
    parser.add_argument(
        "--tolerance", metavar="SHARE", type=float, default=0.05, help="width of the answer, as a share (%(default)g)"
    )
    parser.add_argument("--max-time", metavar="HOURS", type=float, default=6.0, help="end it after this (%(default)g)")
    parser.add_argument("--processes", metavar="N", type=int, default=1, help="workers (%(default)s)")
    parser.add_argument("--report-dir", metavar="DIR", type=Path, default=Path("reports"), help="default: %(default)s")
    parser.add_argument("--run-id", metavar="NAME", help="name of the folder (default: capacity and time)")
    parser.add_argument("--resume", action="store_true", help="go on with the search in --run-id's folder")
    parser.add_argument("options", nargs="*", metavar="-- OPTION", help="options of locust")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Search; print progress and what was found.

    Raises:
        UsageError: an option is unusable, or the run was refused.
        GeneratorError: the search left no answer.
    """
    from loadtest.drive.capacity import search
    from loadtest.report.capacity import JSON_NAME, read_answer, terminal

    if options.resume and not options.run_id:
        raise UsageError("which search?", where="--resume", remedy="Give its --run-id")
    folder: Path = options.report_dir / (options.run_id or stamped("capacity"))
    given = run_options(options)
    print(f"searching into {folder}; Ctrl-C ends it with what it has, --resume goes on\n", flush=True)
    try:
        outcome = search(
            folder,
            given,
            timeout_s=bounded(options.max_time, 0.01, 48.0, "--max-time") * 3600.0,
            workers=int(bounded(options.processes, 1, 256, "--processes")),
            resumes=options.resume,
            on_line=lambda line: print(line, flush=True),
        )
    except KeyboardInterrupt:
        if (folder / JSON_NAME).exists():
            print("\n" + terminal(read_answer(folder), folder), flush=True)
        print(f"loadtest: interrupted. --run-id {folder.name} --resume goes on.", file=sys.stderr)
        return EXIT_INTERRUPTED
    if outcome.exit_code == 2:
        raise UsageError("the search was refused", where="capacity", remedy=outcome.complaint())
    if not (folder / JSON_NAME).exists():
        raise GeneratorError(f"the search in {folder} left no answer", remedy=outcome.complaint())
    answer = read_answer(folder)
    print("\n" + terminal(answer, folder))
    return int(answer["exit_code"])


def run_options(options: argparse.Namespace) -> dict[str, object]:
    """The options of the run.

    Raises:
        UsageError: one of them is unusable.
    """
    from loadtest.analysis import load_slo

    if options.slo is not None:
        load_slo(str(options.slo))
    return {
        **_OURS,
        "members": 20,
        **read_at(options.at),
        **read_locust_options(options.options, _FIXED, "See the options of loadtest capacity"),
        "host": options.host,
        "slo": None if options.slo is None else options.slo.absolute(),
        "axis": options.axis,
        "max-users": options.max_users,
        "max-emit-rate": options.max_emit_rate,
        "hold": bounded(options.hold, 3.0, 86_400.0, "--hold"),
        "settle": bounded(options.settle, 0.0, 3600.0, "--settle"),
        "confirm": bounded(options.confirm, 0.0, 86_400.0, "--confirm"),
        "factor": bounded(options.factor, 1.05, 100.0, "--factor"),
        "tolerance": bounded(options.tolerance, 0.001, 10.0, "--tolerance"),
    }


def read_at(text: str) -> dict[str, object]:
    """Where the axes stand.

    Raises:
        UsageError: a part names no axis, or its value is no number above 0.
    """
    found: dict[str, object] = {name: _written(name, value) for name, value in _DEFAULT.items()}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in AXES:
            raise UsageError(f"{name!r} is no axis", where="--at", remedy=f"Known: {', '.join(AXES)}")
        try:
            found[name] = _written(name, float(value))
        except ValueError:
            raise UsageError(f"{value!r} is no number", where=f"--at {name}", remedy="Write agents=50") from None
    return found


def _written(name: str, value: float) -> float | int:
    bounded(value, 0.0, 1e6, f"--at {name}")
    return value if name == "emit-rate" else round(value)
