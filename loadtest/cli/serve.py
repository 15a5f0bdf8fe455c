"""``loadtest serve``: the embedded reference server on its own."""

from __future__ import annotations

import argparse
from typing import Any

from loadtest.refserver import main as refserver
from loadtest.refserver.faults import described


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "serve",
        help="run the reference server",
        description="Run the reference server until SIGTERM or Ctrl-C; prints one JSON line when it is ready.",
        epilog=described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    refserver.add_options(parser)
    parser.set_defaults(run=refserver.serve)
