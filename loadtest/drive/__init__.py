"""Runs Locust in processes of its own: for verbs that need one run, or many, and what each of them found.

Nothing here imports Locust or gevent: a verb's process is never patched, and a run that fails takes nothing with it.
"""

from loadtest.drive.locustfile import write_locustfile
from loadtest.drive.runner import RunOutcome, run

__all__ = ["RunOutcome", "run", "write_locustfile"]
