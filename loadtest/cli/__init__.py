"""``loadtest VERB``: the command line around runs. The load itself is started by ``locust -f ...``.

One module a verb; this is the only package that prints or exits.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence

from loadtest import __version__
from loadtest.cli import (
    ab,
    annotate,
    asyncapi,
    baseline,
    calibrate,
    capacity,
    compare,
    events,
    export,
    init,
    judge_step,
    options,
    presence_sweep,
    probe,
    provision,
    report,
    serve,
    sizing,
    soak,
)
from loadtest.errors import LoadtestError, UsageError

EXIT_USAGE = 2
EXIT_INVALID = 4
EXIT_INTERRUPTED = 130
INTERNAL = ("judge-step",)
"""Verbs that a run starts for itself."""


class _Shown:
    """The verbs as a wrong one is answered: what runs start for themselves is taken, and not offered."""

    def __init__(self, verbs: Mapping[str, object]) -> None:
        self._verbs = verbs

    def __contains__(self, verb: object) -> bool:
        return verb in self._verbs

    def __iter__(self) -> Iterator[str]:
        return (verb for verb in self._verbs if verb not in INTERNAL)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="loadtest",
        description="Load and soak testing for OneChat /cable deployments. A run is started by Locust: "
        "locust -f locustfiles/agents.py --headless",
    )
    parser.add_argument("--version", action="version", version=f"loadtest {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in (
        serve,
        provision,
        probe,
        report,
        soak,
        annotate,
        export,
        ab,
        compare,
        baseline,
        calibrate,
        capacity,
        sizing,
        presence_sweep,
        init,
        options,
        events,
        asyncapi,
        judge_step,
    ):
        verb.add_parser(verbs)
    verbs.choices = _Shown(verbs.choices)  # type: ignore[assignment]  # any container will do
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: arguments without the program's name, or None for the process's own.

    Returns:
        The exit code: the verb's own, 2 for wrong usage, 4 when the toolkit itself failed, 130 when it was interrupted.
    """
    chosen = build_parser().parse_args(argv)
    try:
        code: int = chosen.run(chosen)
    except LoadtestError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_INVALID
    except KeyboardInterrupt:
        print("loadtest: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone, as with `| head`
        sys.stderr.close()
        return 0
    except Exception:  # Python's own exit code would be 1, and 1 says that a target failed
        traceback.print_exc()
        print("loadtest: this is a defect of this tool: report it with the lines above", file=sys.stderr)
        return EXIT_INVALID
    return code
