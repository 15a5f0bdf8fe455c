"""The rows of the fault matrix that are about presence.

Few people with a short beat make in half a minute what an installation makes in a quarter of an hour: two seconds
between beats, three until somebody is forgotten.
"""

from __future__ import annotations

from typing import Any

from loadtest.drive import judges_presence as judges

_COMING: dict[str, object] = {
    "heartbeat": 2,
    "agent-expiry": 3.1,
    "contact-expiry": 3.1,
    "emit-rate": 1,
    "presence-scenario": "churn=9/7,silent=40%",
}


def _row(name: str, title: str, faults: str, judge: Any = judges.accuracy, **options: object) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "faults": lambda scale: faults,
        "judge": judge,
        "agents": 8,
        "contacts": 8,
        "members": 8,
        "options": {**_COMING, **options},
        "per_message": 0.0,
        "least_hold_s": 25.0,
        "presence": True,
    }


PRESENCE: tuple[dict[str, Any], ...] = (
    _row("presence", "people who come and go, some without a word", ""),
    _row(
        "presence-slow",
        "a beat slower than the expiry: two thirds at best",
        "",
        **{"heartbeat": 3, "agent-expiry": 2, "contact-expiry": 2, "presence-scenario": "steady"},
    ),
    _row("presence-beats", "beats that are answered and forgotten", "beat-loss=20%"),
    _row("presence-late", "people forgotten too late", "late-expiry=2s"),
    _row("presence-ghosts", "people who are never forgotten", "ghost=50%"),
    _row("presence-frozen", "views that stand still", "frozen=50%@6s..16s"),
    _row("presence-leak", "contacts told of contacts", "presence-leak=30%", judges.leaks),
)
"""Arguments of the matrix's rows."""
