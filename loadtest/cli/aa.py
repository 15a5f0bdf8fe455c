"""``loadtest calibrate --aa``: how much runs of one build differ on this machine, and the margins that follow."""

from __future__ import annotations

import argparse
from pathlib import Path

from loadtest.cli.ab import add_run_options, experiment_of, interrupted, read_pairs, server_of
from loadtest.cli.pairs_progress import PairsProgress
from loadtest.cli.run_options import bounded, stamped
from loadtest.errors import UsageError
from loadtest.nouns import noun


def add_aa_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``--aa`` to the verb's parser, which has --duration, --seed, --report-dir and --run-id."""
    group = parser.add_argument_group("pairs of a build with itself")
    group.add_argument(
        "--aa",
        action="store_true",
        help="run a build against itself instead, and write noise.json: the margins and the number of pairs for "
        "`compare` and `ab` on this machine, by --noise",
    )
    group.add_argument(
        "--pairs", metavar="K", default="8", help="how many pairs to measure with (default: %(default)s)"
    )
    group.add_argument("--gate-pairs", metavar="K", type=int, default=8, help="how many a gate may take (%(default)s)")
    group.add_argument(
        "--server", metavar="URL|COMMAND", default="", help="the build, as for `ab` (default: the embedded server)"
    )
    group.add_argument("--server-url", metavar="URL", default="", help="where its command listens, if it does not say")
    group.add_argument("--warm-up", metavar="SECONDS", type=float, default=5.0, help="dropped from each hold (5)")
    add_run_options(parser, known=True)


def run(options: argparse.Namespace) -> int:
    """Run the pairs, write noise.json, print what the machine can see.

    Raises:
        UsageError: an option is unusable, or as of ``loadtest ab``.
        GeneratorError: a run could not be made, or too few were fit to measure.
    """
    from loadtest.analysis.noise import PAIRS
    from loadtest.drive.aa import JSON_NAME, LEAST_PAIRS, measure
    from loadtest.drive.ab import Folder
    from loadtest.report.noise import terminal

    looks = read_pairs(options.pairs)
    if len(looks) > 1 or looks[0] < LEAST_PAIRS:
        raise UsageError(
            f"{options.pairs} {noun(looks[-1], 'pair says', 'pairs say')} nothing of noise",
            where="--pairs",
            remedy=f"Give one number, at least {LEAST_PAIRS}",
        )
    if options.gate_pairs not in PAIRS:
        raise UsageError(
            f"{options.gate_pairs} is not looked at",
            where="--gate-pairs",
            remedy=f"Give one of {', '.join(map(str, PAIRS))}",
        )
    server = server_of(options, options.server, options.server_url, "")
    server.check("--server")
    warm_up_s = bounded(options.warm_up, 0.0, 3600.0, "--warm-up")
    experiment = experiment_of(options, server, server, looks, warm_up_s)
    place: Path = options.report_dir / (options.run_id or stamped("noise"))
    with Folder(place, experiment) as folder:
        progress = PairsProgress(experiment, folder)
        progress.begin()
        try:
            content = measure(
                experiment,
                folder,
                most_pairs=options.gate_pairs,
                on_start=progress.start,
                on_tick=progress.tick,
                on_run=progress.end,
            )
        except KeyboardInterrupt:
            return interrupted(progress, folder.path)
    print("\n" + terminal(content))
    print(f"\n{folder.path / JSON_NAME}: give it to `loadtest ab` and `loadtest compare` as --noise.")
    return 3 if content["undecided"] else 0
