"""How long the server shows somebody after a beat: measured by somebody who leaves, and an agent who keeps looking.

Source of what is expected: upstream's ``OnlineStatusTracker`` (20 s for agents and 90 s for contacts today, 60 s for
both in the document's time), which compares whole seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.directory import Agent, Contact
from loadtest.target.probe_findings import Finding
from loadtest.target.probe_socket import ProbeSocket, seconds_between

LONGEST_S = 130.0
_LOOK_S = 0.5
_ANSWER_S = 2.0


@dataclass(slots=True)
class _Leaver:
    """Somebody who beats once more and leaves.

    Attributes:
        role: agent or contact.
        key: its id, as presence names it.
        left_ns: monotonic time of its last beat.
        shown_ns: when it was last shown, or 0.
        gone_ns: when it was first missing after that, or 0.
    """

    role: str
    key: str
    left_ns: int = 0
    shown_ns: int = 0
    gone_ns: int = 0


async def expiry(
    observer: ProbeSocket,
    observer_id: str,
    leavers: Mapping[str, tuple[ProbeSocket, str, Agent | Contact]],
    say: Callable[[str], None],
    longest_s: float = LONGEST_S,
) -> list[Finding]:
    """Let an agent and a contact leave, and watch until they are no longer shown.

    Args:
        observer: an agent's confirmed socket; must stay open.
        observer_id: its identifier.
        leavers: by role, a confirmed socket, its identifier and whose it is; their sockets are closed.
        say: told what is waited for.
        longest_s: after so long they count as shown for ever.
    """
    watched: list[_Leaver] = []
    for role, (socket, identifier, who) in leavers.items():
        leaver = _Leaver(role, str(who.user_id if isinstance(who, Agent) else who.contact_id))
        before = len(socket.arrivals)
        await socket.beat(identifier)
        leaver.left_ns = time.monotonic_ns()
        await socket.until(lambda a: a.name == "presence.update", _ANSWER_S, since=before)
        await socket.close()
        watched.append(leaver)
    say(f"waiting up to {longest_s:g} s for those who left to be shown no more")
    began_ns = time.monotonic_ns()
    while not all(leaver.gone_ns for leaver in watched):
        if observer.is_closed or seconds_between(began_ns, time.monotonic_ns()) > longest_s:
            break
        before = len(observer.arrivals)
        await observer.beat(observer_id)
        told = await observer.until(lambda a: a.name == "presence.update", _ANSWER_S, since=before)
        if told is not None and isinstance(told.data, dict):
            for leaver in watched:
                _look(leaver, told.data, told.at_ns)
        await asyncio.sleep(_LOOK_S)
    return [_finding(leaver, longest_s) for leaver in watched]


def _look(leaver: _Leaver, told: Mapping[str, Any], at_ns: int) -> None:
    people = told.get("users" if leaver.role == "agent" else "contacts") or {}
    if leaver.key in people:
        leaver.shown_ns, leaver.gone_ns = at_ns, 0
    elif not leaver.gone_ns:
        leaver.gone_ns = at_ns


def _finding(leaver: _Leaver, longest_s: float) -> Finding:
    name = f"{leaver.role} expiry"
    if not leaver.shown_ns:
        return Finding(
            name,
            "warning",
            f"the {leaver.role} was never shown to the observer",
            "Presence does not reach an agent of the same account.",
            "Look whether both are of one account, and at Redis",
        )
    if not leaver.gone_ns:
        return Finding(
            name,
            "note",
            f"still shown after {longest_s:g} s",
            "An agent who is set to stay online (auto_offline off) is always shown; nobody else should be.",
            "Use an agent with auto_offline on to measure it",
        )
    least_s = seconds_between(leaver.left_ns, leaver.shown_ns)
    most_s = seconds_between(leaver.left_ns, leaver.gone_ns)
    middle_s = (least_s + most_s) / 2
    option = f"--{leaver.role}-expiry"
    return Finding(
        name,
        "ok",
        f"{least_s:.1f} to {most_s:.1f} s after the last beat",
        "Beats further apart than this make somebody flap." if leaver.role == "agent" else "",
        f"Give {option} {middle_s:.0f}, and presence is judged against what is possible",
        {"least_s": round(least_s, 3), "most_s": round(most_s, 3)},
    )
