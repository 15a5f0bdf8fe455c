"""A tab in Locust's web UI that says how a long run stands (:mod:`loadtest.distributed.progress`).

Locust's page shows tables that ``template_args`` announces and ``/stats/requests`` fills, under ``extended_stats``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.distributed.progress import Standing

KEY = "cable-progress"
_ROUTE = "/stats/requests"


def ended_rows(result: str, report: Path) -> list[tuple[str, str]]:
    """What the tab says of a test that is over: Locust itself goes on, and shows no verdict."""
    return [("run", "over"), ("result", result), ("report", str(report))]


def show(web_ui: Any, newest: Callable[[], Standing | None], ended: Callable[[], list[tuple[str, str]]] = list) -> None:
    """Add the tab.

    Args:
        web_ui: Locust's; its application must not have answered a request yet.
        newest: how the run stands; None before it does.
        ended: names and values of a test that is over; empty before it is.
    """
    columns = [{"key": "name", "title": "What"}, {"key": "value", "title": "How it stands"}]
    arguments = web_ui.template_args
    arguments["extended_tabs"] = [*(arguments.get("extended_tabs") or []), {"title": "Cable", "key": KEY}]
    arguments["extended_tables"] = [*(arguments.get("extended_tables") or []), {"key": KEY, "structure": columns}]

    def fill(response: Any) -> Any:
        from flask import request

        if request.path.endswith(_ROUTE) and response.status_code == 200:
            found = json.loads(response.get_data(as_text=True))
            standing = newest()
            rows = [] if standing is None else [(name or "run", value) for name, value in standing.rows() if value]
            rows = ended() or rows
            data = [{"name": name, "value": value} for name, value in rows]
            found["extended_stats"] = [*(found.get("extended_stats") or []), {"key": KEY, "data": data}]
            response.set_data(json.dumps(found))
        return response

    web_ui.app.after_request(fill)
