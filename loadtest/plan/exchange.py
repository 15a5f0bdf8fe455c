"""What the plan does: exchanges of a question and its answer, with the typing around them.

An answer is planned with its question (due = question's due + thinking time), so that the plan stays open: the answer
does not wait for the question to be delivered. That is what keeps its latency free of coordinated omission.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadtest.directory import Role
from loadtest.plan.pacer import uniform

Kind = Literal[
    "typing_on",
    "message",
    "typing_off",
    "read",
    "resolve",
    "reopen",
    "assign",
    "team",
    "ask_email",
    "give_email",
    "update_contact",
    "create_contact",
    "open_conversation",
    "merge",
    "note",
]
Act = Literal[
    "read", "status", "assign", "team", "email", "contact_update", "contact_create", "merge", "conversation", "note"
]


@dataclass(frozen=True, slots=True)
class Step:
    """One action of an exchange.

    Attributes:
        due_s: seconds from the exchange's own due time.
        kind: what is done.
        role: who does it.
        act: the act it is a step of; None for the talk itself.
    """

    due_s: float
    kind: Kind
    role: Role
    act: Act | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """How people talk.

    Attributes:
        think_s: mean time from a question to its answer; drawn uniformly between a half and one and a half of it.
        typing_s: how long somebody types before sending; 0 sends no typing at all.
        seed: of the draws.
    """

    think_s: float = 2.0
    typing_s: float = 1.0
    seed: int = 0

    @property
    def lead_s(self) -> float:
        """How long before the question's message the exchange's first action is due."""
        return self.typing_s

    def steps(self, slot: int) -> tuple[Step, ...]:
        """The actions of the exchange in ``slot``, ascending by due time.

        The contact asks, the agent answers. Typing starts ``typing_s`` before a message and stops with it; the stop is
        due 50 ms after the message so that the two requests leave in the order in which a person's client sends them.
        """
        think_s = self.think_s * (0.5 + uniform(self.seed, "think", slot))
        question_s = self.lead_s
        answer_s = question_s + max(think_s, self.typing_s)
        steps: list[Step] = []
        for at_s, role in ((question_s, "contact"), (answer_s, "agent")):
            actor: Role = "contact" if role == "contact" else "agent"
            if self.typing_s > 0:
                steps.append(Step(at_s - self.typing_s, "typing_on", actor))
            steps.append(Step(at_s, "message", actor))
            if self.typing_s > 0:
                steps.append(Step(at_s + 0.05, "typing_off", actor))
        return tuple(sorted(steps, key=lambda step: step.due_s))
