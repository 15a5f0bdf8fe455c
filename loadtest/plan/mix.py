"""What happens around the talk: how often each further act takes place, and of which steps it consists.

Acts are given as so many per exchange. They are spread by systematic sampling, so that over any stretch of the plan
their number is exact to within one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

from loadtest.errors import UsageError
from loadtest.plan.exchange import Act, Kind, Step
from loadtest.plan.pacer import uniform

#: act -> its steps: seconds after the exchange's answer, what is done, who does it
ACTS: Mapping[Act, tuple[tuple[float, Kind, str], ...]] = {
    "read": ((0.3, "read", "contact"),),
    "status": ((0.4, "resolve", "agent"), (1.4, "reopen", "agent")),
    "assign": ((0.5, "assign", "agent"),),
    "team": ((0.6, "team", "agent"),),
    "email": ((0.7, "ask_email", "agent"), (1.7, "give_email", "contact")),
    "contact_update": ((0.8, "update_contact", "agent"),),
    "contact_create": ((0.9, "create_contact", "agent"),),
    "merge": ((0.2, "create_contact", "agent"), (1.2, "open_conversation", "contact"), (2.2, "merge", "agent")),
    "conversation": ((1.0, "open_conversation", "contact"),),
    "note": ((0.1, "note", "agent"),),
}


@dataclass(frozen=True, slots=True)
class Mix:
    """Acts per exchange.

    Attributes:
        rates: how many of an act follow one exchange in the mean, by its name; 0 to 1.
        seed: where in the sequence each act falls.
    """

    rates: Mapping[Act, float] = field(default_factory=dict)
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Mix:
        """Read ``read=0.5,status=0.1``; an empty text is no acts.

        Raises:
            UsageError: an unknown act, or a rate that is no number from 0 to 1.
        """
        rates: dict[Act, float] = {}
        known = {name: name for name in get_args(Act)}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, sign, value = part.partition("=")
            act = known.get(name.strip())
            if act is None or not sign:
                raise UsageError(
                    f"{part!r} is no act with a rate",
                    where="--mix",
                    remedy=f"Write ACT=RATE, with acts out of {', '.join(known)}",
                )
            try:
                rate = float(value)
            except ValueError:
                rate = math.nan
            if not 0 <= rate <= 1:
                raise UsageError(
                    f"{value!r} is no rate", where=f"--mix, {act}", remedy="Give acts per exchange, from 0 to 1"
                )
            rates[act] = rate
        return cls(rates, seed)

    def acts(self, slot: int) -> Iterator[Act]:
        """The acts that follow the exchange in ``slot``."""
        for act, rate in self.rates.items():
            offset = uniform(self.seed, f"mix:{act}", 0)
            if math.floor((slot + 1) * rate + offset) > math.floor(slot * rate + offset):
                yield act

    def steps(self, slot: int, after_s: float) -> tuple[Step, ...]:
        """The steps of those acts.

        Args:
            slot: the exchange's number.
            after_s: when its answer is due, in seconds from the exchange's own due time.
        """
        return tuple(
            Step(after_s + at_s, kind, "contact" if role == "contact" else "agent", act)
            for act in self.acts(slot)
            for at_s, kind, role in ACTS[act]
        )
