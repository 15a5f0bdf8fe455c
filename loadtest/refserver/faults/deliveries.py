"""Faults of deliveries: loss, duplication, reordering, leaks, delays, stalls, service time, and a dead pub/sub side.

Takes the place of :func:`loadtest.refserver.rooms.deliver_now`, which it calls for events that nothing is to happen to.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from loadtest.clock import NS_PER_S, Clock
from loadtest.directory import Agent
from loadtest.refserver.faults.emissions import Emission, Emissions, receiver_name
from loadtest.refserver.faults.grammar import Service, Term
from loadtest.refserver.faults.lanes import Frame, Lanes
from loadtest.refserver.faults.memory import Memory
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog
from loadtest.refserver.rooms import Broadcast, Rooms, Subscription, deliver_now

_KINDS = ("loss", "dup", "reorder", "leak", "delay", "stall", "deaf", "service")
_NOTES = frozenset({"message.created", "message.updated"})


class FaultyDeliveries:
    """Delivers broadcasts with faults.

    Args:
        plan: what happens to what.
        schedule: since when.
        clock: what measures.
        truth: where lines go.
        memory: told of what leaks with broadcasts and deliveries.

    Attributes:
        rooms: all subscriptions; set once they are there.
    """

    def __init__(self, plan: FaultPlan, schedule: Schedule, clock: Clock, truth: TruthLog, memory: Memory) -> None:
        self.rooms = Rooms()
        self.lanes = Lanes(clock, truth, schedule.later, self._handed)
        self._plan = plan
        self._schedule = schedule
        self._clock = clock
        self._truth = truth
        self._memory = memory
        self._emissions = Emissions()
        self._touched: dict[str, bool] = {}
        self._free_ns: dict[Term, list[int]] = {}

    def __call__(self, broadcast: Broadcast, audience: Sequence[Subscription]) -> int:
        """Deliver a broadcast; see :data:`loadtest.refserver.rooms.Deliver`.

        What is handed over later, or by way of a fault, is counted when it is.
        """
        emission = self._emissions.name(broadcast, audience)
        self._memory.grow("broadcast")
        if not self._is_touched(broadcast) and self.lanes.is_empty:
            handed = deliver_now(broadcast, audience)
            self._memory.grow("delivery", handed)
            return handed
        now_ns, at_s = self._clock.now_ns(), self._schedule.at_s()
        for subscription in audience:
            self._deliver(Frame(broadcast, emission, subscription, now_ns), at_s)
        self._leak(broadcast, emission, now_ns, at_s)
        return 0

    def _is_touched(self, broadcast: Broadcast) -> bool:
        event = broadcast.event
        touched = self._touched.get(event)
        if touched is None:
            touched = self._touched[event] = any(self._plan.of_event(kind, event) for kind in _KINDS)
        return touched or (broadcast.private and "note-leak" in self._plan.kinds)

    def _handed(self) -> None:
        self.rooms.deliveries += 1
        self._memory.grow("delivery")

    # -- one delivery ------------------------------------------------------------------------------------------------

    def _deliver(self, frame: Frame, at_s: float) -> None:
        plan, event, emission = self._plan, frame.emission.event, frame.emission.name
        role, receiver = frame.subscription.role, receiver_name(frame.subscription)
        deaf = plan.deciding("deaf", role, at_s, event)
        if deaf is not None and plan.happens(deaf, receiver):
            self._drop(frame, "deaf")
            return
        loss = plan.deciding("loss", role, at_s, event)
        if loss is not None and plan.happens(loss, event, emission, receiver):
            self._drop(frame, "loss")
            return
        frames = [frame]
        dup = plan.deciding("dup", role, at_s, event)
        if dup is not None and plan.happens(dup, event, emission, receiver):
            frames.append(Frame(frame.broadcast, frame.emission, frame.subscription, frame.at_ns, "dup"))
        reorder = plan.deciding("reorder", role, at_s, event)
        if reorder is not None and plan.happens(reorder, event, emission, receiver):
            self.lanes.put_aside(frames)
            return
        for one in frames:
            self._put(one, at_s, receiver)

    def _drop(self, frame: Frame, kind: str) -> None:
        if frame.subscription.outlet.is_open:
            self._truth.add(frame.line(kind, frame.at_ns, self._clock.wall_ns(frame.at_ns)))

    def _put(self, frame: Frame, at_s: float, receiver: str) -> None:
        """Work out when a frame may leave, and let it go the way of its socket's frames."""
        plan, event, role = self._plan, frame.emission.event, frame.subscription.role
        release_ns = frame.at_ns
        service = plan.deciding("service", role, at_s, event)
        if service is not None:
            release_ns = self._serve(service, frame)
            frame.held_by = "service"
        delay = plan.deciding("delay", role, at_s, event)
        if delay is not None:
            uniform = plan.uniform("delay", event, frame.emission.name, receiver)
            drawn_ns = round(delay.law.draw_s(uniform) * NS_PER_S)
            if drawn_ns and drawn_ns >= release_ns - frame.at_ns:
                frame.held_by = "delay"
            release_ns += drawn_ns
        if at_s >= 0 and "stall" in plan.kinds:
            while True:
                leaves_s = at_s + (release_ns - frame.at_ns) / NS_PER_S
                end_s = plan.stall_end_s("stall", role, leaves_s, event)
                if end_s is None:
                    break
                release_ns = max(release_ns + 1, self._schedule.ns_at(end_s))
                frame.held_by = "stall"
        frame.planned_ns = release_ns - frame.at_ns
        self.lanes.put(frame, release_ns)

    def _serve(self, term: Term, frame: Frame) -> int:
        """Give a frame to the worker that is free first; returns when it is done with it."""
        service = term.value
        assert isinstance(service, Service)
        each_ns = round(service.each_s * NS_PER_S)
        if service.burns:
            frame.burns_ns = each_ns
            return frame.at_ns
        free_ns = self._free_ns.setdefault(term, [0] * service.workers)
        done_ns = max(frame.at_ns, free_ns[0]) + each_ns
        heapq.heapreplace(free_ns, done_ns)
        return done_ns

    # -- leaks -------------------------------------------------------------------------------------------------------

    def _leak(self, broadcast: Broadcast, emission: Emission, now_ns: int, at_s: float) -> None:
        plan, event = self._plan, broadcast.event
        for term in plan.of_event("leak", event):
            if term.when.holds(at_s) and plan.happens(term, event, emission.name, *sorted(term.roles)):
                outsiders = [
                    (plan.uniform("leak to", event, emission.name, receiver_name(other)), other)
                    for other in self.rooms.everybody()
                    if term.fits_role(other.role) and _is_outsider(broadcast, other)
                ]
                chosen = min((rank for rank, _ in outsiders), default=1.0)
                for rank, other in outsiders:
                    if rank == chosen:
                        self._put(Frame(broadcast, emission, other, now_ns, "leak"), at_s, receiver_name(other))
        if broadcast.private and event in _NOTES:
            leak = plan.deciding("note-leak", "", at_s)
            if leak is not None and plan.happens(leak, event, emission.name):
                for other in self.rooms.everybody():
                    if other.role == "contact" and _is_with(broadcast, other):
                        self._put(Frame(broadcast, emission, other, now_ns, "note-leak"), at_s, receiver_name(other))


def _is_outsider(broadcast: Broadcast, subscription: Subscription) -> bool:
    """Whether no rule whatever lets this identity see this broadcast."""
    identity = subscription.identity
    if not isinstance(identity, Agent):
        return not _is_with(broadcast, subscription)
    if broadcast.account_id not in identity.account_ids:
        return True
    is_shown_inbox = identity.role == "administrator" or broadcast.inbox_id in identity.inbox_ids
    return broadcast.inbox_id != 0 and not is_shown_inbox


def _is_with(broadcast: Broadcast, subscription: Subscription) -> bool:
    """Whether the broadcast's conversation is held with this contact."""
    return (subscription.account_id, subscription.identity_id) == (broadcast.account_id, broadcast.contact_id)
