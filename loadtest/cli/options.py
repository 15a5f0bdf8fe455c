"""``loadtest options``: the options that a run adds to Locust's own.

Locust prints its help before it reads a locustfile, so that ``locust -f ... --help`` cannot show them.
"""

from __future__ import annotations

import argparse
import os
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "options",
        help="list the options of a run",
        description="List the options that a run adds to Locust's own, each with its environment variable.",
    )
    parser.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    """Print the option group."""
    os.environ.setdefault("LOCUST_SKIP_MONKEY_PATCH", "1")  # nothing runs here, so nothing needs patching
    import configargparse

    from loadtest.users.options import add_options

    parser = configargparse.ArgumentParser(
        prog="locust -f LOCUSTFILE",
        add_help=False,
        add_config_file_help=False,
        usage="locust -f LOCUSTFILE [--headless] [OPTION ...]",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="A locustfile may have other defaults; `locust --help` lists Locust's own options.",
    )
    add_options(parser)
    print(parser.format_help())
    return 0
