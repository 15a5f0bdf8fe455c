"""Keeps Locust's own statistics bounded over a long run.

Locust keeps a key a second and entry for ever (``num_reqs_per_sec``: 79 bytes each), a row of history every five
seconds, and every error and exception by its text. It reads the newest seconds only, and history only for charts; so
older seconds are dropped, history is thinned evenly, and of many errors the rare ones go first.

It also copies each entry's table of response times once a second, and keeps twenty copies, which grow with every value
that was not there before (10 MB an hour, early in a run with twenty entries). It reads those of its total only
(``get_current_response_time_percentile`` in ``stats_history``), so the entries make none, and of the total's those are
kept that are five seconds apart: it takes whichever is nearest to ten seconds old.
"""

from __future__ import annotations

import time
from typing import Any

import gevent

KEEP_S = 20
"""Seconds of rates that are kept; Locust looks twelve seconds back."""

MOST_HISTORY = 120
"""Rows of history (1 kB each, of Locust's ten minutes); with more, every second one goes, so that charts of a long
run are fine near its end and coarse before."""

MOST_ERRORS = 200
"""Distinct errors, and exceptions, that are kept."""

COPY_EVERY_S = 5
"""Seconds between two copies of the total's response times that are kept; Locust takes one of 2 to 18 seconds ago."""

_EVERY_S = 10.0


def bound(environment: Any, now_s: float | None = None) -> None:
    """Drop what Locust no longer needs.

    Args:
        environment: Locust's.
        now_s: Unix time, the present one where not given.
    """
    stats = environment.stats
    oldest = int((time.time() if now_s is None else now_s) - KEEP_S)
    for entry in (stats.total, *stats.entries.values()):
        for name in ("num_reqs_per_sec", "num_fail_per_sec"):
            seconds = getattr(entry, name)
            if len(seconds) > KEEP_S:
                for second in [one for one in seconds if one < oldest]:
                    del seconds[second]
    for entry in stats.entries.values():
        entry.use_response_times_cache = False
        entry.response_times_cache = None
    if len(stats.history) > MOST_HISTORY:
        del stats.history[1:-1:2]
    _drop_rarest(stats.errors, lambda error: error.occurrences)
    runner = environment.runner
    if runner is not None:
        _drop_rarest(runner.exceptions, lambda exception: exception["count"])


def thin_copies(total: Any) -> None:
    """Keep few copies of the total's response times: one every few seconds, and the newest.

    Args:
        total: Locust's entry for everything.
    """
    copies = total.response_times_cache
    if not copies:
        return
    newest = next(reversed(copies))
    for second in [one for one in copies if abs(newest - one) > KEEP_S]:  # the clock may have been set back
        del copies[second]
    seconds = list(copies)
    if len(seconds) > 2 and abs(seconds[-2] - seconds[-3]) < COPY_EVERY_S:
        del copies[seconds[-2]]


def keep_bounded(environment: Any) -> None:
    """Do so every ten seconds; runs until its greenlet is killed."""
    while True:
        gevent.sleep(_EVERY_S)
        bound(environment)


def _drop_rarest(kept: dict[Any, Any], times: Any) -> None:
    if len(kept) > MOST_ERRORS:
        for key in sorted(kept, key=lambda key: times(kept[key]))[: len(kept) - MOST_ERRORS]:
            del kept[key]
