"""A locustfile that simulates nobody: it leaves a made-up run in the folder it is told, and ends.

``--story`` says what happened: fields of a ``Story`` by arm, as JSON; the arm is the port of ``--host``, 1 the baseline
and 2 the candidate. So everything around runs can be tested without a load whose numbers nobody knows beforehand.
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

import locust

sys.path.append(str(Path(__file__).parents[2]))

from tests.drive.pairs import SHORT, leave_run
from tests.report.synthetic import Story


class Idle(locust.User):
    """Somebody must be there."""

    wait_time = locust.constant(1)

    @locust.task
    def idle(self) -> None:
        """Do nothing."""


@locust.events.init_command_line_parser.add_listener
def add_options(parser: Any, **_: Any) -> None:
    """Those that every run of pairs is given."""
    for name in ("report-dir", "run-id", "identities"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--story", default="{}")
    parser.add_argument("--seed", type=int)


@locust.events.init.add_listener
def leave_a_run(environment: Any, **_: Any) -> None:
    """Write store and summary; no load, no report, and no test after it."""
    options = environment.parsed_options
    is_candidate = str(options.host).endswith(":2")
    fields = json.loads(options.story)["candidate" if is_candidate else "baseline"]
    story = Story(**{**SHORT, "seed": 2 * options.seed + is_candidate, **fields})
    began = datetime.datetime.now(datetime.UTC).isoformat()
    leave_run(Path(options.report_dir) / options.run_id, story, seed=options.seed, started_at=began)
    sys.exit(0)
