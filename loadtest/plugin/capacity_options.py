"""The option group "capacity" of ``locustfiles/capacity.py``, and the search that follows from all options.

The axis begins where its own option says (``--agents``, ``--contacts`` or ``--emit-rate``), and ends at the brake that
runs have for it anyway (``--max-users``, ``--max-emit-rate``); the other two options hold still.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from loadtest.analysis.capacity_search import AXES, Axis, SearchPlan
from loadtest.directory import Role, read_identities
from loadtest.errors import UsageError
from loadtest.plan import LoadProfile
from loadtest.users.option_values import number
from loadtest.users.preflight import is_loopback

LOOPBACK_USERS = 2000
LOOPBACK_RATE = 500.0
"""Bounds of a search on this machine that gives none."""

LEAST_RATE = 0.1
_RECOMMENDED_S = 60.0
_BOOKS_S = 3.0
_WINDOW_S = 1.0
"""After a deadline: until a worker has handed its last books over, and they are written."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the parts of a step take, in seconds.

    Attributes:
        settle_s: from the moment the load is there until the hold begins.
        hold_s: the hold.
        confirm_s: the hold at 90 % in the end; 0 for none.
        books_s: until a hold's deliveries are accounted for.
        rest_most_s: at most, after a step that failed.
    """

    settle_s: float
    hold_s: float
    confirm_s: float
    books_s: float
    rest_most_s: float = 60.0

    def step_s(self, *, confirm: bool = False) -> float:
        """About how long a step takes; that its users have to come first is left out."""
        return self.settle_s + (self.confirm_s if confirm else self.hold_s) + self.books_s + 3.0


@dataclass(frozen=True, slots=True)
class Load:
    """A level, as the users and the rate that it stands for."""

    agents: int
    contacts: int
    emit_rate: float

    @property
    def users(self) -> int:
        """Agents and contacts."""
        return self.agents + self.contacts


def add_capacity_options(parser: Any, **_: Any) -> None:
    """Locust builds the command line of a locustfile that searches."""
    group = parser.add_argument_group("capacity", "A search for what the target carries; see also --slo")

    def add(flag: str, text: str, **kwargs: Any) -> None:
        name = "LOADTEST_" + flag.removeprefix("--").upper().replace("-", "_")
        group.add_argument(flag, env_var=name, help=text, **kwargs)

    above_0 = functools.partial(number, 0, above=True)
    add("--axis", "What is raised, from its own option on", choices=AXES, default="emit-rate")
    add("--factor", "From one level to the next", type=number(1, above=True), default=2.0, metavar="FACTOR")
    add(
        "--tolerance",
        "Width of the answer at which the search ends, as a share of it",
        type=above_0(),
        default=0.05,
        metavar="SHARE",
    )
    add("--hold", "Seconds of a step that are judged", type=above_0(), default=_RECOMMENDED_S, metavar="SECONDS")
    add("--settle", "Seconds of a step before that", type=number(0), default=10.0, metavar="SECONDS")
    add(
        "--confirm",
        "Seconds for which 90 % of the answer are held in the end; 0 for not at all",
        type=number(0),
        default=600.0,
        metavar="SECONDS",
    )


def timing(options: Any) -> Timing:
    """How long the parts of a step take."""
    return Timing(options.settle, options.hold, options.confirm, options.deadline + _BOOKS_S)


def search_plan(options: Any, host: str | None) -> SearchPlan:
    """The search that options ask for.

    Args:
        options: Locust's parsed options, as the user gave them.
        host: the target, or None for the embedded server.

    Raises:
        UsageError: a bound is missing off loopback, or lies below the first level; the load has a profile of its own.
    """
    axis: Axis = options.axis
    if not LoadProfile.parse(options.load_profile).is_flat:
        raise UsageError(
            "a search sets the load itself, and a profile would change it within a step",
            where=f"--load-profile {options.load_profile}",
            remedy="Leave it out",
        )
    options.window = options.window or _WINDOW_S  # not by the run's length: a step is short, however long the search
    if options.hold < 3 * options.window:
        raise UsageError(
            f"a hold of {options.hold:g} s has no three windows of {options.window:g} s",
            where="--hold",
            remedy="Hold longer, or give a smaller --window",
        )
    away = host is not None and not is_loopback(host)
    if axis == "emit-rate":
        bound, start, flag = options.max_emit_rate, float(options.emit_rate), "--max-emit-rate"
        if bound is None and not away:
            bound = max(LOOPBACK_RATE, start)
        least = LEAST_RATE
    else:
        other = options.contacts if axis == "agents" else options.agents
        start, flag = float(getattr(options, axis)), "--max-users"
        bound = None if options.max_users is None else float(options.max_users - other)
        if bound is None and not away:
            bound = max(float(LOOPBACK_USERS - other), start)
        if bound is not None and host is not None and options.identities:
            bound = min(bound, float(len(getattr(read_identities(options.identities), axis))))
        least = 1.0
    if bound is None:
        raise UsageError(
            "a search has to know what the target may be asked to bear at most",
            where=f"--axis {axis}",
            remedy=f"Give {flag}",
        )
    start = max(start, least)
    if start > bound:
        raise UsageError(
            f"the first level is {start:g}, and at most {bound:g} are allowed",
            where=f"--axis {axis}",
            remedy=f"Raise {flag}, add identities, or begin lower (--{axis})",
        )
    return SearchPlan(
        axis=axis,
        start=start,
        bound=float(bound),
        least=min(least, start),
        factor=options.factor,
        tolerance=options.tolerance,
        confirm=options.confirm > 0,
    )


def load_at(plan: SearchPlan, options: Any, level: float) -> Load:
    """The load of a level.

    Args:
        plan: the search.
        options: Locust's parsed options, as the user gave them.
        level: of its axis.
    """
    agents, contacts, rate = options.agents, options.contacts, float(options.emit_rate)
    if plan.axis == "agents":
        return Load(round(level), contacts, rate)
    if plan.axis == "contacts":
        return Load(agents, round(level), rate)
    return Load(agents, contacts, level)


def turns_of(plan: SearchPlan, most: Load) -> tuple[tuple[Role, int], ...]:
    """The order in which users are started: who holds still comes first, so that whoever leaves is of the axis."""
    if plan.axis == "agents":
        return (("contact", most.contacts), ("agent", most.agents))
    if plan.axis == "contacts":
        return (("agent", most.agents), ("contact", most.contacts))
    return ()
