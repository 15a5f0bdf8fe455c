"""A run on disk: written once, read at any time, as tidy pandas frames.

    from loadtest.store import open_run
    run = open_run("reports/2026-01-31-agents")
    run.hist_frame(), run.count_frame(), run.closing_frame()

The writer needs no pandas, so the reader is imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from loadtest.store.phases import Phases
from loadtest.store.writer import RunWriter

if TYPE_CHECKING:
    from loadtest.store.reader import Run, open_run

__all__ = ["Phases", "Run", "RunWriter", "open_run"]


def __getattr__(name: str) -> Any:
    if name in {"Run", "open_run"}:
        from loadtest.store import reader

        return getattr(reader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
