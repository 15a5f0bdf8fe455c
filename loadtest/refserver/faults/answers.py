"""Faults of REST answers: what a call does is done at once, and its answer comes late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from aiohttp import web

from loadtest.api import Endpoint
from loadtest.clock import NS_PER_S, NS_PER_US, Clock
from loadtest.refserver.exchange import Handler
from loadtest.refserver.faults.grammar import Term
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog, line


class FaultyAnswers:
    """Holds answers.

    Args:
        plan: which, and how long.
        schedule: since when.
        clock: what measures.
        truth: where lines go.
    """

    def __init__(self, plan: FaultPlan, schedule: Schedule, clock: Clock, truth: TruthLog) -> None:
        self._plan = plan
        self._schedule = schedule
        self._clock = clock
        self._truth = truth
        self._ordinals: Counter[str] = Counter()

    def holding(self, calls: Sequence[Endpoint], handler: Handler) -> Handler:
        """A handler whose answers are held; the one given where no term means its calls.

        Args:
            calls: those that share the handler; the truth knows them by the first one's name.
            handler: answers them.
        """
        names = {call.name for call in calls}
        role = "agent" if calls[0].auth == "agent" else "contact"
        delays, stalls = (
            [t for t in self._plan.of_kind(kind) if t.fits_role(role) and (not t.calls or names & t.calls)]
            for kind in ("rest-delay", "rest-stall")
        )
        if not delays and not stalls:
            return handler

        async def answer(request: web.Request) -> web.StreamResponse:
            begun_s = self._schedule.at_s()
            response = await handler(request)
            await self._hold(delays, stalls, calls[0].name, role, begun_s)
            return response

        return answer

    async def _hold(self, delays: Sequence[Term], stalls: Sequence[Term], call: str, role: str, begun_s: float) -> None:
        at_ns, at_s = self._clock.now_ns(), self._schedule.at_s()
        kind, wait_s = "", 0.0
        delay = next((term for term in delays if term.when.holds(begun_s)), None)
        if delay is not None:
            ordinal = self._ordinals[call]
            self._ordinals[call] = ordinal + 1
            kind, wait_s = "rest-delay", delay.law.draw_s(self._plan.uniform("rest-delay", call, ordinal))
        if at_s >= 0:
            while ends := [e for t in stalls if (e := t.when.stall_end_s(at_s + wait_s, t.time_s)) is not None]:
                kind, wait_s = "rest-stall", max(ends) - at_s + 1e-6
        if not kind:
            return
        planned_ns = round(wait_s * NS_PER_S)
        await asyncio.sleep(wait_s)
        held_us = (self._clock.now_ns() - at_ns) // NS_PER_US
        self._truth.add(
            line(
                self._schedule.wall_ns(),
                kind,
                held_us=held_us,
                call=call,
                role=role,
                planned_us=planned_ns // NS_PER_US,
            )
        )
