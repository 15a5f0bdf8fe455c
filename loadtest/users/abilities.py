"""What the target can do, as far as it is known: a cause that it cannot do is told once and left alone.

It shows in the target's answers: a version without a route refuses each call to it, an account may have no teams. Such
a cause is *not driven*, and none of its events failed to come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from loadtest.contract.consequences import CAPABILITIES, Capability
from loadtest.plan import ACTS, Act, Step

TRIES = 3
"""A route that refused its first calls, so many of them, is not there."""

_NO_ROUTE = frozenset({404, 405, 501})
#: the plan's purpose: a target that refuses these has failed, whatever its version
_ESSENTIAL = frozenset({"agent.send_message", "contact.send_message", "contact.create_conversation"})
_CAUSES: Mapping[str, str] = {
    "read": "contact.update_last_seen",
    "resolve": "agent.toggle_status",
    "reopen": "agent.toggle_status",
    "assign": "agent.assign_agent",
    "team": "agent.assign_team",
    "ask_email": "agent.send_message",
    "give_email": "contact.update_message",
    "update_contact": "agent.update_contact",
    "create_contact": "agent.create_contact",
    "open_conversation": "contact.create_conversation",
    "merge": "agent.merge_contacts",
    "note": "agent.send_message",
}

Tell = Callable[[str, str, Mapping[str, object]], None]


def cause_of(kind: str, role: str) -> str:
    """The REST call that a step of the plan makes.

    Args:
        kind: of the step.
        role: who does it.
    """
    if kind in ("typing_on", "typing_off"):
        return f"{role}.toggle_typing"
    return f"{role}.send_message" if kind == "message" else _CAUSES[kind]


class Abilities:
    """Which causes can be done.

    Args:
        tell: writes a note, once a cause: kind, text, data.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._missing: dict[str, str] = {}
        self._refusals: Counter[str] = Counter()
        self._proved: set[str] = set()

    def can_do(self, cause: str) -> bool:
        """Whether a cause can be done, for all that is known."""
        return cause not in self._missing

    def can_take(self, step: Step) -> bool:
        """Whether a step of the plan can be done; one of an act only if all of the act's steps can."""
        if step.act is None:
            return self.can_do(cause_of(step.kind, step.role))
        return all(self.can_do(cause) for cause in causes_of(step.act))

    def lacks(self, cause: str, missing: str) -> None:
        """The target cannot do it for want of something, in words."""
        if cause in self._missing:
            return
        self._missing[cause] = missing
        self._tell("not_driven", f"{cause} is not driven: it needs {missing}", {"cause": cause, "missing": missing})

    def lacks_capability(self, cause: str, capability: Capability) -> None:
        """The target cannot do it for want of one of :data:`loadtest.contract.consequences.CAPABILITIES`."""
        self.lacks(cause, CAPABILITIES[capability])

    def answered(self, cause: str, status: int | None) -> None:
        """A call was answered, or not; a route that refuses its first calls is not there."""
        if status is not None and 200 <= status < 300:
            self._proved.add(cause)
        elif status in _NO_ROUTE and cause not in self._proved and cause not in _ESSENTIAL:
            self._refusals[cause] += 1
            if self._refusals[cause] >= TRIES:
                self.lacks(cause, f"a route that it does not have (it answered {status} to the first {TRIES} calls)")


def causes_of(act: Act) -> frozenset[str]:
    """The REST calls of an act."""
    return frozenset(cause_of(kind, role) for _, kind, role in ACTS[act])
