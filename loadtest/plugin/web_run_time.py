"""How long a run from Locust's web page is to last: as its form says, whatever the command line has as default.

The page's field may be emptied, or left out by a program that posts the form. Locust (2.47) then ends the run by no
timer, and yet keeps the length that it had before among its options, where a locustfile's default or the run before
may have put it; a run that somebody was to stop would be held against a length that nobody asked for. Its answer to
the form says which timer it has set, before the test begins. A form that comes while a test runs sets the timer anew,
or takes it away; the timer of ``--autostart`` stays, since Locust knows it no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ENDPOINT = "swarm"


def follow_run_time(web_ui: Any, planned: Callable[[float | None], None]) -> None:
    """Tell how long a run is to last, each time that the page's form has been taken.

    Args:
        web_ui: Locust's; its application must not have answered a request yet.
        planned: is given the seconds from now, or None where the run has no such end.
    """

    def follow(response: Any) -> Any:
        from flask import request

        answer = response.get_json(silent=True) if _is_form(request.endpoint) else None
        if isinstance(answer, dict) and answer.get("success"):
            planned(answer.get("run_time"))
        return response

    web_ui.app.after_request(follow)


def _is_form(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.rpartition(".")[2] == _ENDPOINT
