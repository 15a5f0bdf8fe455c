"""Make a run's report from its store alone; works on a run that still goes on.

What reads and draws (pandas, numpy, matplotlib) is imported when the first report is made: whoever imports this
package for a terminal summary, as the command line does, must not wait a second for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.analysis.model import Summary
    from loadtest.analysis.slo import Slo


def build(run_folder: Path | str, slo: Slo | None = None) -> Summary:
    """Make summary.json, summary.md, junit.xml, report.html and figures/ of a run.

    Args:
        run_folder: the run's folder, or the run.sqlite in it.
        slo: limits to judge by; None for the default checks.

    Returns:
        The run's summary.

    Raises:
        UsageError: the run cannot be read, or its folder cannot be written.
    """
    from loadtest.analysis.summary import summarise
    from loadtest.report.writing import run_data, write
    from loadtest.store import open_run

    path = Path(run_folder)
    with open_run(path) as run:
        data = run_data(run)
    summary = summarise(data, slo)
    write(path.parent if path.is_file() else path, data, summary)
    return summary
