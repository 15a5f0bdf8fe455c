"""Reports of a stored run: the terminal's summary, Markdown, HTML and figures.

:func:`build` makes every file of a run's report from its store; :func:`terminal` sums a summary up in a few lines.
"""

from loadtest.report.build import build
from loadtest.report.text import terminal

__all__ = ["build", "terminal"]
