"""A capacity search as one Locust run: a shape that holds all its steps.

``locustfiles/capacity.py`` subclasses :class:`CapacityShape`. Locust asks it once a second how many users there are to
be; what decides lives in :class:`CapacitySearch`, which runs beside the users in the process that owns the run: it
makes a step (load, settling, hold, deadline), has it judged, writes the judgement into the run's store, and asks
:func:`loadtest.analysis.capacity_search.decide` for the next one. Rates go to the workers as a message, users through
Locust's own dispatcher.

A step is judged by a process of its own (``loadtest judge-step``), from the store: reading frames takes a second of a
core, which would hold up the loop that simulates users.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
import locust
from gevent import subprocess
from gevent.event import Event as Signal
from locust import LoadTestShape

from loadtest.analysis import load_slo
from loadtest.analysis.capacity_search import Finding, NextStep, SearchPlan, decide, steps_left
from loadtest.analysis.capacity_step import Span, Step
from loadtest.clock import NS_PER_US
from loadtest.directory import Role
from loadtest.distributed.conductor import Conductor, warn
from loadtest.distributed.keeper import RunKeeper
from loadtest.errors import GeneratorError, UsageError
from loadtest.nouns import many
from loadtest.plugin.capacity_options import Load, Timing, add_capacity_options, load_at, search_plan, timing, turns_of
from loadtest.plugin.preparation import pool_size
from loadtest.plugin.steering import RateWorkers
from loadtest.report import capacity as capacity_report
from loadtest.users.cable_user import AgentUser, ContactUser

NOTE = capacity_report.NOTE
_POLL_S = 0.2
_AHEAD_S = 2.0
"""How long before it takes hold a rate is told: more than a worker plans ahead."""

_JUDGE_S = 180.0
_GUARD_AGAIN_S = 20.0
"""Within so long after a step, or after the guard ended one, its alarms are of that step still: what piled up in it."""

_REST_FACTOR = 1.5
_LOOK_S = 1.0


class CapacitySearch:
    """Leads a run through the steps of a search; a :class:`loadtest.plugin.steering.Steering`.

    Attributes:
        wanted: the load that is asked for; None once the search is over.
        turns: roles in the order in which they are started.
        initial_users: users of the first load.
        resumes: whether the store of an earlier part of the search is gone on with.
    """

    def __init__(self) -> None:
        self.wanted: Load | None = Load(0, 0, 0.0)
        self.turns: Sequence[tuple[Role, int]] = ()
        self.initial_users = 0
        self.resumes = False
        self._options: Any = None
        self._given: Any = None
        self._plan: SearchPlan | None = None
        self._timing = Timing(0.0, 1.0, 0.0, 1.0)
        self._steps: list[Step] = []
        self._keeper: RunKeeper | None = None
        self._conductor: Conductor | None = None
        self._workers: RateWorkers | None = None
        self._greenlet: gevent.Greenlet | None = None
        self._abort = Signal()
        self._abort_reason = ""
        self._aborted_ns = -(10**18)
        self._step_ended_ns = -(10**18)
        self._held_since_ns = 0
        self._rate = 0.0
        self._in_step = False

    # -- before the test ---------------------------------------------------------------------------------------------

    def plan(self, options: Any, host: str | None) -> None:
        """Work out the search; what a run is prepared by are its bounds."""
        self._options = options
        self._given = type(options)(**vars(options))
        self._plan = plan = search_plan(options, host)
        self._timing = timing(options)
        self.resumes = bool(options.resume)
        if self.resumes:
            folder = Path(options.resume)
            then, self._steps = capacity_report.read_steps(folder)
            if then != plan:
                raise UsageError(
                    f"that search was another one ({_told(then)}; now {_told(plan)})",
                    where=f"--resume {folder}",
                    remedy="Give the options of the first time",
                )
            following = decide(plan, self._trials(), fresh=True)
            if isinstance(following, Finding):
                raise UsageError(
                    "that search is at its end",
                    where=f"--resume {folder}",
                    remedy=f"See its capacity.md, or `loadtest report {folder}`",
                )
        most = load_at(plan, self._given, plan.bound)
        options.agents, options.contacts, options.num_users = most.agents, most.contacts, None
        following = decide(plan, self._trials(), fresh=True)
        first = load_at(plan, self._given, following.level if isinstance(following, NextStep) else plan.start)
        options.emit_rate = first.emit_rate
        if plan.axis == "emit-rate" and options.rest_pool is None:
            options.rest_pool = pool_size(plan.bound, options.rest_timeout)
        self.turns, self.initial_users, self.wanted = turns_of(plan, most), first.users, first
        self._rate = first.emit_rate
        about_s = steps_left(plan, self._trials()) * self._timing.step_s() + self._timing.confirm_s
        warn(f"search: {_told(plan)}; each step about {self._timing.step_s():.0f} s, at least {about_s / 60:.0f} min")

    def describe(self) -> dict[str, Any]:
        """The search, as the store keeps it."""
        assert self._plan is not None
        return {"search": capacity_report.plan_as_dict(self._plan), "slo": self._options.slo}

    # -- the test ----------------------------------------------------------------------------------------------------

    def begin(self, keeper: RunKeeper, conductor: Conductor, workers: RateWorkers) -> None:
        """Search, once the hold has begun."""
        self._keeper, self._conductor, self._workers = keeper, conductor, workers
        self._greenlet = gevent.spawn(self._run)

    def is_first_load(self, user_count: int) -> bool:
        """Whether everybody of the first load was started."""
        return user_count >= self.initial_users

    def takes_over(self, reason: str) -> bool:
        """The abort guard ends the step; where it says so again and again the run has to end."""
        now_ns = time.monotonic_ns()
        if self._abort.is_set() or (now_ns - self._aborted_ns) * 1e-9 < _GUARD_AGAIN_S:
            return True
        if self._greenlet is None:
            return False
        if not self._in_step:
            return (now_ns - self._step_ended_ns) * 1e-9 < _GUARD_AGAIN_S
        self._aborted_ns = now_ns
        self._abort_reason = reason
        warn(f"search: this step ends at once: {reason}")
        self._abort.set()
        return True

    def stop(self) -> None:
        """Search no more."""
        self.wanted = None
        if self._greenlet is not None and self._greenlet is not gevent.getcurrent():
            self._greenlet.kill()
        self._greenlet = None

    def report(self, folder: Path) -> tuple[str, int]:
        """Write capacity.json, its pages and figures; the finding in words, and the process's exit code."""
        answer = capacity_report.build(folder)
        return capacity_report.terminal(answer, folder), int(answer["exit_code"])

    # -- the search --------------------------------------------------------------------------------------------------

    def _trials(self) -> list[Any]:
        return [step.trial for step in self._steps]

    def _run(self) -> None:
        assert self._plan is not None
        assert self._conductor is not None
        try:
            while self._conductor.phase == "ramp":
                gevent.sleep(_POLL_S)
            if self._conductor.phase != "hold":
                return
            self._held_since_ns = time.monotonic_ns()
            fresh = True
            while isinstance(following := decide(self._plan, self._trials(), fresh=fresh), NextStep):
                fresh = False
                self._tell(following)
                step = self._judged(self._make(following))
                self._steps.append(step)
                self._keep(step)
                self._rest(step, decide(self._plan, self._trials()))
            warn(f"search: over ({following.ending})")
        except GeneratorError as error:
            warn(f"search: {error}")
        finally:
            self.wanted = None  # the shape ends the test

    def _tell(self, following: NextStep) -> None:
        assert self._plan is not None
        left = steps_left(self._plan, self._trials())
        confirms = self._plan.confirm and following.kind != "confirm"
        about_s = left * self._timing.step_s() + (self._timing.confirm_s if self._plan.confirm else 0.0)
        again = f", trial {following.again}" if following.again > 1 else ""
        warn(
            f"search: step {len(self._steps) + 1}, {following.kind} to {_level(self._plan, following.level)}{again}; "
            f"about {many(left, 'step')} and {math.ceil(about_s / 60)} min left"
            f"{' with the hold in the end' if confirms else ''}"
        )

    def _make(self, following: NextStep) -> Span:
        """Bring the load there, let it settle, hold it."""
        assert self._plan is not None
        assert self._keeper is not None
        self._abort.clear()
        self._in_step = True
        began_us = self._now_us()
        load = load_at(self._plan, self._given, following.level)
        self._ask(load)
        missing = self._await_users(load)
        held_us = self._now_us()
        if not self._abort.wait(timeout=self._timing.settle_s):
            held_us = self._now_us()
            hold_s = self._timing.confirm_s if following.kind == "confirm" else self._timing.hold_s
            hold_s *= following.longer
            self._abort.wait(timeout=hold_s + self._options.window)  # what is held are whole windows
        ended_us = self._now_us()
        aborted = self._abort_reason if self._abort.wait(timeout=self._timing.books_s) else ""
        self._in_step = False
        if aborted:
            self._ask(self._lowest())
            gevent.sleep(self._timing.books_s)
        self._abort.clear()
        self._step_ended_ns = time.monotonic_ns()
        return Span(
            len(self._steps) + 1, following.kind, following.level, began_us, held_us, ended_us, aborted, missing
        )

    def _ask(self, load: Load) -> None:
        """Ask for a load: users of the shape, the rate of the workers."""
        assert self._workers is not None
        self.wanted = load
        if load.emit_rate != self._rate:
            at_s = (time.monotonic_ns() - self._held_since_ns) * 1e-9 + _AHEAD_S
            self._workers.change_rate(at_s, load.emit_rate)
            self._rate = load.emit_rate
            gevent.sleep(_AHEAD_S)

    def _await_users(self, load: Load) -> int:
        """Wait until everybody is subscribed; returns how many are not when waiting is over."""
        assert self._keeper is not None
        total = self._keeper.total
        patience_s = 30.0 + load.users / max(float(self._options.connect_rate or self._options.spawn_rate or 1), 0.1)
        until_ns = time.monotonic_ns() + round(patience_s * 1e9)
        while True:
            planned = total("users.planned.agent") + total("users.planned.contact")
            here = total("users.connected.agent") + total("users.connected.contact")
            due = total("users.due")
            if planned == load.users and here >= due and not total("users.awaited"):
                return 0
            if time.monotonic_ns() >= until_ns or self._abort.is_set():
                return max(0, round(max(due, planned) - here))
            gevent.sleep(_POLL_S)

    def _judged(self, span: Span) -> Step:
        """Have a step judged from the store, by another process.

        Raises:
            GeneratorError: it could not be.
        """
        assert self._keeper is not None
        self._keeper.flush()
        argv = [
            sys.executable,
            "-m",
            "loadtest",
            "judge-step",
            str(self._keeper.folder),
            json.dumps(span_as_dict(span)),
        ]
        if self._options.slo:
            load_slo(self._options.slo)
            argv += ["--slo", str(self._options.slo)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_JUDGE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GeneratorError(
                f"a step could not be judged: {error}", remedy="Free memory and CPU, then --resume"
            ) from error
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
            raise GeneratorError(f"a step could not be judged: {said[0]}", remedy="Go on with --resume")
        return Step.from_dict(json.loads(done.stdout))

    def _keep(self, step: Step) -> None:
        assert self._plan is not None
        assert self._keeper is not None
        text = f"{_level(self._plan, step.span.level)}: {step.outcome}"
        if step.why:
            text += f" ({step.why[0]})"
        self._keeper.note(NOTE, text, step.as_dict())
        deliveries = step.figures.get("deliveries_per_s")
        told = "" if deliveries is None else f", {deliveries:,.0f} deliveries/s"
        warn(f"search: {text}{told}")

    def _rest(self, step: Step, following: NextStep | Finding) -> None:
        """Let the target come back from a failure, before anything but a look at whether it does."""
        if step.outcome != "fail" or isinstance(following, Finding) or following.kind == "hysteresis":
            return
        self._ask(self._lowest())
        behind_s = (step.figures.get("max_ms") or 0.0) / 1000.0
        gevent.sleep(min(self._timing.rest_most_s, _REST_FACTOR * behind_s) + self._timing.settle_s)

    def _lowest(self) -> Load:
        """The load to rest at."""
        assert self._plan is not None
        passed = [step.span.level for step in self._steps if step.outcome == "pass"]
        level = min([self._plan.start, *passed]) if passed else self._plan.level(self._plan.least)
        return load_at(self._plan, self._given, level)

    def _now_us(self) -> int:
        assert self._keeper is not None
        clock = self._keeper.clock
        return clock.wall_ns(clock.now_ns()) // NS_PER_US


def span_as_dict(span: Span) -> dict[str, Any]:
    """A span's fields."""
    return {name: getattr(span, name) for name in Span.__slots__}


def _told(plan: SearchPlan) -> str:
    return (
        f"{plan.axis} from {plan.start:g} to at most {plan.bound:g} by {plan.factor:g}, to within {plan.tolerance:.0%}"
    )


def _level(plan: SearchPlan, level: float) -> str:
    return f"{level:,.4g} messages/s" if plan.axis == "emit-rate" else f"{level:,.0f} {plan.axis}"


class CapacityShape(LoadTestShape):
    """Locust's shape of a search: subclass it in a locustfile, beside an :class:`AgentUser` and a :class:`ContactUser`.

    Attributes:
        steering: what decides.
    """

    abstract = True

    def __init_subclass__(cls, **how: Any) -> None:
        """A locustfile that searches has the options of a search."""
        super().__init_subclass__(**how)
        events: Any = locust.events
        if add_capacity_options not in events.init_command_line_parser._handlers:
            events.init_command_line_parser.add_listener(add_capacity_options)

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Locust's
        self.steering = CapacitySearch()

    def tick(self) -> tuple[int, float] | tuple[int, float, list[type[locust.User]] | None] | None:
        """How many users there are to be, and of which class the next ones are; None when the search is over."""
        wanted = self.steering.wanted
        if wanted is None:
            return None
        assert self.runner is not None
        options: Any = self.runner.environment.parsed_options
        rate = float(options.spawn_rate or 1)
        if not self.steering.turns:
            return wanted.users, rate
        (first, _), (second, _) = self.steering.turns
        counts = {"agent": wanted.agents, "contact": wanted.contacts}
        if counts[first] and self.runner.user_count < counts[first]:
            return counts[first], rate, self._classes(first)
        return wanted.users, rate, self._classes(second)

    def _classes(self, role: Role) -> list[type[locust.User]]:
        assert self.runner is not None
        kind = AgentUser if role == "agent" else ContactUser
        return [found for found in self.runner.user_classes if issubclass(found, kind)]
