"""The fault matrix: what each row injects, into which load, and by what it is judged.

Faults of deliveries begin two seconds after the first subscription, when everybody is confirmed: before that a receiver
may miss what was not yet required for it. A row's load is sized so that it offers the deliveries a second asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.drive import judges, judges_delay
from loadtest.drive.judges import Drawn, Judge
from loadtest.drive.matrix_presence import PRESENCE
from loadtest.errors import UsageError

SETTLED = "@2s"
"""When faults of deliveries begin."""

RAMP_S = 1.5
"""About how long the users of a row take to be there; a row's run is so much longer than its hold."""

AT_ONCE = 3
"""Rows that are run at the same time at most."""

_QUIET: Mapping[str, object] = {"emit-rate": 10.0}

_NARROW: dict[str, Any] = {
    "agents": 4,
    "contacts": 20,
    "members": 1,
    "options": {"accounts": 4, "emit-rate": 60.0, "window": 0.5, "kernel-stamps": 1},
    "per_message": 0.0,
    "deliveries": True,
}
"""Delays are told from single deliveries: a message has two, one for an agent and one for a contact, and many sockets
share them, so that few are read together and the kernel's stamp is that of one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the matrix is.

    Attributes:
        deliveries_per_s: offered by the rows that count and time messages.
        hold_s: how long such a row emits.
        seed: of plan and faults.
    """

    deliveries_per_s: float = 2000.0
    hold_s: float = 12.0
    seed: int = 0

    @property
    def stall(self) -> str:
        """A stall that fits into the hold with time before and after it: its length and when it begins."""
        return f"{5 if self.hold_s >= 12 else 2}s@{self.hold_s / 3:.1f}s"


FULL = Scale()
QUICK = Scale(deliveries_per_s=300.0, hold_s=6.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the matrix.

    Attributes:
        name: how it is chosen and called.
        title: what it is about.
        faults: what is injected, by the scale.
        judge: compares.
        curve: gives the latency's distribution to draw, where the row is about latency.
        presence: presence is logged, to be replayed.
        deliveries: each delivery is logged, to be paired with what the server did to it.
        beside: it loads the machine so little that it may run beside others of its kind.
        agents: simulated, all of them members of an inbox unless there are more than ``members``.
        contacts: simulated.
        members: agents that see an inbox.
        options: of the run, over the common ones.
        per_message: deliveries of one message of the plan, to size its rate; 0 where the row has a rate of its own.
        least_hold_s: the row needs a hold at least so long, whatever the scale.
        more_s: its ramp takes so much longer than others'.
    """

    name: str
    title: str
    faults: Callable[[Scale], str]
    judge: Judge
    agents: int = 20
    contacts: int = 10
    members: int = 20
    options: Mapping[str, object] = field(default_factory=dict)
    per_message: float = 21.0
    least_hold_s: float = 0.0
    more_s: float = 0.0
    curve: Drawn | None = None
    presence: bool = False
    deliveries: bool = False
    beside: bool = False

    def hold_s(self, scale: Scale) -> float:
        """How long it emits."""
        return max(scale.hold_s, self.least_hold_s)

    def deadline_s(self) -> float:
        """The deadline of its deliveries."""
        return float(str(self.options.get("deadline", COMMON["deadline"])))

    def expected_s(self, scale: Scale) -> float:
        """About how long the row takes: start, ramp, hold, drain and report."""
        return 5.0 + self.more_s + RAMP_S + self.hold_s(scale) + self.deadline_s()

    def run_options(self, scale: Scale) -> dict[str, object]:
        """The options of its run, but where it is written."""
        run_s = round(self.hold_s(scale) + self.more_s + RAMP_S)
        sized = {"emit-rate": round(scale.deliveries_per_s / self.per_message, 2)} if self.per_message else {}
        people = {"agents": self.agents, "contacts": self.contacts, "members": self.members}
        return {
            **COMMON,
            **people,
            **sized,
            **self.options,
            "run-time": f"{run_s}s",
            "seed": scale.seed,
            "faults": self.faults(scale) or None,
        }


COMMON: Mapping[str, object] = {
    "mix": "none",
    "typing": 0,
    "think-time": 0.5,
    "session": 0,
    "heartbeat": 10,
    "deadline": 4,
    "spawn-rate": 200,
}


def _always(text: str) -> Callable[[Scale], str]:
    return lambda scale: text


def _in_turns(law: str) -> Callable[[Scale], str]:
    """A delay for agents in the first half of the hold and for contacts in the second.

    A message's copy for the other role is not held, and says what that very message would have taken without a fault.
    """

    def faults(scale: Scale) -> str:
        turn_s = scale.hold_s / 2
        return f"delay[agent]={law}@2s..{2 + turn_s:.1f}s,delay[contact]={law}@{2 + turn_s:.1f}s"

    return faults


MATRIX: tuple[Row, ...] = (
    Row("floor", "no fault: the instrument's own floor", _always(""), judges.floor, curve=judges.floor_curve),
    Row("delay", "constant delay", _in_turns("100ms"), judges_delay.delay, curve=judges_delay.delay_curve, **_NARROW),
    Row(
        "delay-normal",
        "normal delay",
        _in_turns("normal(100ms,20ms)"),
        judges_delay.delay,
        curve=judges_delay.delay_curve,
        **_NARROW,
    ),
    Row(
        "delay-heavy",
        "heavy-tailed delay",
        _in_turns("pareto(10ms,1.5,1s)"),
        judges_delay.delay,
        curve=judges_delay.delay_curve,
        **_NARROW,
    ),
    Row("loss", "loss", _always(f"loss=2%{SETTLED}"), judges.faults),
    Row("dup", "duplicates", _always(f"dup=1%{SETTLED}"), judges.faults),
    Row("leak", "leaks to outsiders", _always(f"leak=10%{SETTLED}"), judges.faults, agents=39),
    Row(
        "note-leak",
        "leaks of private notes",
        _always(f"note-leak=20%{SETTLED}"),
        judges.faults,
        options={"mix": "note=1"},
        per_message=31.0,  # two messages and a note an exchange
    ),
    Row("reorder", "reordering", _always(f"reorder=1%{SETTLED}"), judges.faults, options={"deadline": 6}),
    Row(
        "unmarked",
        "loss and duplicates of typing",
        _always(f"loss[conversation.typing_on]=0.5%{SETTLED},dup[conversation.typing_off]=0.5%{SETTLED}"),
        judges.faults,
        agents=5,
        contacts=100,
        members=5,
        options={"typing": 0.3, "emit-rate": 30.0},
        per_message=0.0,
    ),
    Row(
        "stall",
        "a stall of all deliveries",
        lambda scale: f"stall={scale.stall}",
        judges.delivery_stall,
        curve=judges.stall_curve,
        options={"deadline": 6},
    ),
    Row(
        "rest-stall",
        "a stall of REST answers, one connection",
        lambda scale: f"rest-stall={scale.stall}",
        judges.rest_stall,
        curve=judges.rest_stall_curve,
        agents=5,
        contacts=5,
        members=5,
        options={**_QUIET, "rest-pool": 1},
        per_message=0.0,
        beside=True,
        least_hold_s=9.0,
    ),
    Row(
        "deaf",
        "a dead pub/sub side, in a run that only beats presence",
        _always("deaf@4s"),
        judges.deaf,
        options={"emit-rate": 0, "heartbeat": 30, "canary": judges.CANARY_S, "deadline": judges.DEAF_DEADLINE_S},
        per_message=0.0,
        least_hold_s=15.0,
        beside=True,
    ),
    Row(
        "pings",
        "lost and late pings",
        _always("ping-loss[contact]=30%@5s..14s,ping-delay[agent]=uniform(0s,2s)"),
        judges.pings,
        contacts=20,
        options={
            **_QUIET,
            "heartbeat": 2,
            "deadline": 2,
        },  # answers to beats keep sockets without pings from being stale
        per_message=0.0,
        least_hold_s=17.0,
        beside=True,
    ),
    Row(
        "unconfirmed",
        "subscriptions met with silence",
        _always("unconfirmed=30%"),
        judges.unconfirmed,
        contacts=20,
        options={**_QUIET, "reconnect": "none", "deadline": 2},
        per_message=0.0,
        beside=True,
        more_s=15.0,
    ),
    Row(
        "disconnects",
        "sockets closed by the server",
        lambda scale: f"cut=30%@{scale.hold_s / 3:.1f}s,disconnect=30%@{scale.hold_s / 2:.1f}s",
        judges.disconnects,
        contacts=20,
        options=_QUIET,
        per_message=0.0,
        beside=True,
    ),
    *(Row(**row, beside=True) for row in PRESENCE),
)


def chosen(names: Sequence[str]) -> tuple[Row, ...]:
    """The rows of these names, in the matrix's order; all of them where none is named.

    Raises:
        UsageError: there is no row of a name.
    """
    known = [row.name for row in MATRIX]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"there is no row {unknown[0]!r}", where="--rows", remedy=f"Choose among: {', '.join(known)}")
    return tuple(row for row in MATRIX if not names or row.name in names)


def batches(rows: Sequence[Row]) -> tuple[tuple[Row, ...], ...]:
    """Rows that are run at the same time: neighbours that may, three at most; each other row alone."""
    found: list[list[Row]] = []
    for row in rows:
        last = found[-1] if found else []
        if row.beside and last and last[-1].beside and len(last) < AT_ONCE:
            last.append(row)
        else:
            found.append([row])
    return tuple(tuple(batch) for batch in found)
