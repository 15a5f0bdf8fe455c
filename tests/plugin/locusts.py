"""Runs Locust as a user would: in a process of its own, with everything it printed kept."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120


@dataclass
class Ran:
    """A Locust process that ended."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def summary(self):
        """The run's summary.json."""
        return json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))

    def sums(self, event="message.created"):
        """The ledger's row of an event."""
        return self.summary["delivery"][event]


def command(locustfile, folder, *options):
    """The command line of a short headless run into ``folder``."""
    return [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(ROOT / "locustfiles" / locustfile),
        "--headless",
        "--only-summary",
        "--report-dir",
        str(folder.parent),
        "--run-id",
        folder.name,
        *map(str, options),
    ]


def environment():
    """This process's environment without what would change a run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "LOADTEST_"))}
    return kept | {"PYTHONUNBUFFERED": "1"}


def locust(locustfile, folder, *options, cwd=ROOT):
    """Run a locustfile to its end."""
    done = subprocess.run(
        command(locustfile, folder, *options),
        check=False,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)
