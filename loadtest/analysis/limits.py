"""Limits that were met, called by their names: the target's rate limits, and descriptors and ports of this machine.

A rate limit is a rule of the target and says nothing of its capacity (upstream: rack-attack answers 429, the model's
limit of messages a minute in one conversation 422). What this machine lacks says nothing of the target at all: the run
is INVALID.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest.analysis.model import Check
from loadtest.nouns import many

_OWN = {
    "no_files": "open files: raise ulimit -n (LimitNOFILE), or spread the run (--processes)",
    "no_ports": "local ports: give more addresses (--source-address), or use more machines",
    "source_address": "the address to connect from: give addresses of this machine to --source-address",
}
"""Failures of connections and calls that are this machine's, and what to do."""


def _failures(sections: Mapping[str, Any], kind: str) -> tuple[int, int]:
    """Connects and calls that failed in a way; HTTP statuses are called ``http_429`` at the cable, ``429`` at REST."""
    connects = int(sections["cable"]["connect_failed"].get(kind, 0))
    status = kind.removeprefix("http_")
    return connects, sum(int(call["errors"].get(status, 0)) for call in sections["rest"].values())


def own_limits(sections: Mapping[str, Any]) -> list[Check]:
    """A check for each limit of this machine that was met; none where none was.

    Args:
        sections: the summary's sections over the windows judged.
    """
    checks = []
    for kind, remedy in _OWN.items():
        connects, calls = _failures(sections, kind)
        if connects or calls:
            note = f"{many(connects, 'connection')} and {many(calls, 'call')} failed for want of {remedy}."
            checks.append(Check(f"this machine ({kind})", connects + calls, 0, "max", "", "INVALID", note=note))
    return checks


def limit_warnings(sections: Mapping[str, Any]) -> list[str]:
    """What a reader should know of the target's limits that were met, a sentence or two each."""
    found = []
    connects, calls = _failures(sections, "http_429")
    if connects or calls:
        found.append(
            f"The target's rate limit refused {many(calls, 'call')} and {many(connects, 'upgrade')} (HTTP 429), so its "
            f"limit was measured and not its capacity. Have this machine's address allowed there, or lower the load; "
            f"upstream allows 3,000 requests and upgrades a minute and address."
        )
    _, calls = _failures(sections, "http_422")
    if calls:
        found.append(
            f"The target refused {many(calls, 'call')} by a rule of its own (HTTP 422); upstream takes 200 messages a "
            f"minute in one conversation. Spread them over more --contacts, or lower --emit-rate."
        )
    return found
