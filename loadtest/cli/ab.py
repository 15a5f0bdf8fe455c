"""``loadtest ab``: baseline and candidate in interleaved pairs on one machine, and the verdict."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.cli.compare import EPILOG
from loadtest.cli.gate_options import add_gate_options, gate_of
from loadtest.cli.pairs_progress import PairsProgress
from loadtest.cli.run_options import bounded, read_locust_options, stamped
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.drive.ab import Experiment
    from loadtest.drive.target_server import TargetServer

EXIT_INTERRUPTED = 130
_FIXED = frozenset({"host", "H", "run-time", "t", "seed", "report-dir", "run-id", "headless", "processes", "f"})
_REMEDY = "See --baseline, --candidate, --duration, --seed, --processes, --locustfile, --out"
_MOST_PAIRS = 200
_MOST_LOOKS = 2


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "ab",
        help="run baseline and candidate in interleaved pairs, and judge",
        description="Run two builds in pairs on this machine, in the order A B, B A, A B ..., both runs of a pair with "
        "one plan, and judge the candidate as `loadtest compare` does. An arm is a URL, a target's profile (*.toml), "
        "or a command that starts a server afresh for every run, such as 'loadtest serve --port 0'. Started again "
        "with the same --out it goes on where it was left. Everything behind -- goes to every run.",
        epilog=EPILOG + " Example: loadtest ab --baseline 'docker run --rm -p 3000:3000 chat:1.4' --baseline-url "
        "http://127.0.0.1:3000 --candidate ... --pairs 8 --identities identities.jsonl -- --agents 20 --emit-rate 10",
    )
    for arm in ("baseline", "candidate"):
        parser.add_argument(f"--{arm}", metavar="URL|COMMAND", required=True, help=f"the {arm}")
        parser.add_argument(
            f"--{arm}-url", metavar="URL", default="", help="where its command listens, if it does not say"
        )
        parser.add_argument(f"--{arm}-identities", metavar="FILE", default="", help="who there is on it")
    parser.add_argument(
        "--pairs",
        metavar="K,K2",
        default="8",
        help="how many; with two numbers a first look, and a second if that was inconclusive (default: %(default)s)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of all runs (default: reports/ab and time)")
    add_run_options(parser)
    add_gate_options(parser)
    parser.set_defaults(run=run)


def add_run_options(parser: argparse.ArgumentParser, *, known: bool = False) -> None:
    """Add what decides how pairs are run.

    Args:
        parser: of the verb.
        known: whether the verb has a duration and a seed already.
    """
    if not known:
        parser.add_argument(
            "--duration", metavar="SECONDS", type=float, default=60.0, help="of each run (default: %(default)g)"
        )
        parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the first pair's plan (%(default)s)")
    parser.add_argument("--processes", metavar="N", type=int, default=1, help="workers of each run (%(default)s)")
    parser.add_argument("--locustfile", metavar="FILE", default="", help="yours (default: agents and contacts)")
    parser.add_argument("--identities", metavar="FILE", default="", help="who there is, on both arms")
    parser.add_argument("--ready-path", metavar="PATH", default="/", help="asked until it answers (%(default)s)")
    parser.add_argument("--ready-timeout", metavar="SECONDS", type=float, default=60.0, help="default: %(default)g")
    parser.add_argument("--stop-timeout", metavar="SECONDS", type=float, default=30.0, help="default: %(default)g")
    parser.add_argument("options", nargs="*", metavar="-- OPTION", help="options of locust, for every run")


def run(options: argparse.Namespace) -> int:
    """Run the pairs, judge, print, write.

    Raises:
        UsageError: an option is unusable, a server does not start, a run was refused, the folder holds something else
            or another process works in it.
        GeneratorError: a run could not be made.
    """
    from loadtest.drive.ab import Folder, conduct
    from loadtest.report import comparison
    from loadtest.report.gate import write

    gate = gate_of(options)
    for arm in ("baseline", "candidate"):
        if not getattr(options, arm).strip():  # a variable that is not set, say: it would be our own embedded server
            raise UsageError("it is empty", where=f"--{arm}", remedy="Give a URL, a profile, or a command")
    experiment = experiment_of(
        options,
        server_of(options, options.baseline, options.baseline_url, options.baseline_identities),
        server_of(options, options.candidate, options.candidate_url, options.candidate_identities),
        read_pairs(options.pairs),
        gate.warm_up_s,
    )
    experiment.baseline.check("--baseline")
    experiment.candidate.check("--candidate")
    with Folder(options.out or Path("reports") / stamped("ab"), experiment) as folder:
        progress = PairsProgress(experiment, folder)
        progress.begin()
        try:
            content = conduct(
                experiment, folder, gate, on_start=progress.start, on_tick=progress.tick, on_run=progress.end
            )
        except KeyboardInterrupt:
            return interrupted(progress, folder.path)
        print("\n" + comparison.terminal(content))
        print("\n" + ", ".join(map(str, write(content, folder.path))))
    code: int = content["exit_code"]
    return code


def interrupted(progress: PairsProgress, folder: Path) -> int:
    """Say how to go on; the exit code of an interruption."""
    progress.clear()
    print(f"loadtest: interrupted. The same command with --out {folder} goes on.", file=sys.stderr)
    return EXIT_INTERRUPTED


def server_of(options: argparse.Namespace, given: str, url: str, identities: str) -> TargetServer:
    """An arm, from its options."""
    from loadtest.drive.target_server import TargetServer

    return TargetServer(
        given=given,
        url=url,
        identities=identities or options.identities,
        ready_path=options.ready_path,
        ready_s=bounded(options.ready_timeout, 0.1, 3600.0, "--ready-timeout"),
        stop_s=bounded(options.stop_timeout, 0.1, 3600.0, "--stop-timeout"),
    )


def experiment_of(
    options: argparse.Namespace,
    baseline: TargetServer,
    candidate: TargetServer,
    looks: tuple[int, ...],
    warm_up_s: float,
) -> Experiment:
    """What to run, from the options of :func:`add_run_options`.

    Raises:
        UsageError: one of them is unusable.
    """
    from loadtest.drive.ab import Experiment

    duration_s = 60.0 if options.duration is None else options.duration
    if not bounded(duration_s, 1.0, 86_400.0, "--duration") > warm_up_s:
        raise UsageError(
            f"{duration_s:g} s hold no more than the warm-up of {warm_up_s:g} s",
            where="--duration",
            remedy="Run longer, or give a smaller --warm-up",
        )
    if options.locustfile and not Path(options.locustfile).is_file():
        raise UsageError("there is no such file", where=f"--locustfile {options.locustfile}", remedy="Check the path")
    return Experiment(
        baseline=baseline,
        candidate=candidate,
        duration_s=duration_s,
        warm_up_s=warm_up_s,
        looks=looks,
        seed=int(bounded(options.seed, 0, 2**31 - 1, "--seed")),
        workers=int(bounded(options.processes, 1, 256, "--processes")),
        locustfile=str(Path(options.locustfile).absolute()) if options.locustfile else "",
        options=read_locust_options(options.options, _FIXED, _REMEDY),
    )


def read_pairs(text: str) -> tuple[int, ...]:
    """After how many pairs to look.

    Raises:
        UsageError: it is no number of pairs, or more than two looks.
    """
    try:
        looks = tuple(int(part) for part in text.split(","))
    except ValueError:
        looks = ()
    if not looks or len(looks) > _MOST_LOOKS or list(looks) != sorted({*looks}) or not 1 <= looks[0] <= _MOST_PAIRS:
        raise UsageError(
            f"{text!r} is no number of pairs", where="--pairs", remedy="Write 8, or 6,12 for a second look at 12"
        )
    bounded(looks[-1], 1, _MOST_PAIRS, "--pairs")
    return looks
