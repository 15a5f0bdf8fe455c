"""Faults of connections: slow accepts, subscriptions without a yes, late and missing pings, sockets that are cut."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from loadtest.clock import NS_PER_US, Clock
from loadtest.refserver.cable import Connection
from loadtest.refserver.faults.emissions import receiver_name
from loadtest.refserver.faults.grammar import Term
from loadtest.refserver.faults.memory import Memory
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog, line
from loadtest.refserver.frames import disconnect
from loadtest.refserver.rooms import Subscription


class FaultyConnections:
    """What goes wrong with connections; a :class:`loadtest.refserver.cable.CableFaults`.

    Args:
        plan: what happens to what.
        schedule: since when.
        clock: what measures.
        truth: where lines go.
        memory: told of what leaks with connections.

    Attributes:
        connections: all of them; set once there is a server.
        restart: ends and begins the server's listening, away for so many seconds; where it is to, it tells its sockets
            before it cuts them; returns how many there were.
    """

    def __init__(self, plan: FaultPlan, schedule: Schedule, clock: Clock, truth: TruthLog, memory: Memory) -> None:
        self._plan = plan
        self._schedule = schedule
        self._clock = clock
        self._truth = truth
        self._memory = memory
        self._accepted = 0
        self._beats = 0
        self._subscribed: Counter[tuple[str, str]] = Counter()
        self._closing: set[asyncio.Task[None]] = set()
        self.connections: Callable[[], Iterable[Connection]] = tuple
        self.restart: Callable[[float, bool], int] = lambda away_s, told: 0
        schedule.on_moment = self._moment

    # -- what a server asks ------------------------------------------------------------------------------------------

    async def accepting(self) -> None:
        """A client asks to connect; returns when it may be accepted."""
        self._memory.grow("connection")
        ordinal = self._accepted
        self._accepted += 1
        term = self._plan.deciding("accept-delay", "", self._schedule.at_s())
        if term is None:
            return
        begun_ns = self._clock.now_ns()
        planned_s = term.law.draw_s(self._plan.uniform("accept-delay", ordinal))
        await asyncio.sleep(planned_s)
        held_us = (self._clock.now_ns() - begun_ns) // NS_PER_US
        planned_us = round(planned_s * 1e6)
        self._truth.add(line(self._schedule.wall_ns(), "accept-delay", held_us=held_us, planned_us=planned_us))

    def confirms(self, subscription: Subscription) -> bool:
        """Whether a good subscription is confirmed; each of an identity's is judged anew."""
        return not self._strikes("unconfirmed", subscription)

    def rejects(self, subscription: Subscription) -> bool:
        """Whether a good subscription is refused; each try is judged anew. Time begins with the first refusal too."""
        if not self._strikes("rejected", subscription):
            return False
        self._schedule.begin()
        return True

    def _strikes(self, kind: str, subscription: Subscription) -> bool:
        receiver = receiver_name(subscription)
        ordinal = self._subscribed[kind, receiver]
        self._subscribed[kind, receiver] = ordinal + 1
        term = self._plan.deciding(kind, subscription.role, self._schedule.at_s())
        if term is None or not self._plan.happens(term, receiver, ordinal):
            return False
        self._tell(kind, subscription)
        return True

    def confirmed(self, subscription: Subscription) -> None:
        """A subscription was confirmed: with the first one time begins."""
        self._schedule.begin()

    def ping(self, connections: Iterable[Connection], frame: bytes) -> None:
        """Ping these connections, some of them late and some not at all; those without a subscription as ever."""
        ordinal = self._beats
        self._beats += 1
        plan, at_s = self._plan, self._schedule.at_s()
        late: dict[Term, list[Connection]] = {}
        for connection in connections:
            subscription = _first(connection)
            if subscription is not None:
                role, receiver = subscription.role, receiver_name(subscription)
                loss = plan.deciding("ping-loss", role, at_s)
                if loss is not None and plan.happens(loss, receiver, ordinal):
                    self._tell("ping-loss", subscription)
                    continue
                delay = plan.deciding("ping-delay", role, at_s)
                if delay is not None:
                    late.setdefault(delay, []).append(connection)
                    continue
            connection.write(frame)
        for term, waiting in late.items():
            self._ping_late(term, ordinal, waiting, frame)

    def _ping_late(self, term: Term, ordinal: int, connections: list[Connection], frame: bytes) -> None:
        begun_ns = self._clock.now_ns()
        planned_s = term.law.draw_s(self._plan.uniform("ping-delay", ordinal))

        def send() -> None:
            sockets = sum(connection.write(frame) for connection in connections)
            held_us = (self._clock.now_ns() - begun_ns) // NS_PER_US
            planned_us = round(planned_s * 1e6)
            self._truth.add(
                line(self._schedule.wall_ns(), "ping-delay", held_us=held_us, planned_us=planned_us, sockets=sockets)
            )

        self._schedule.later(planned_s, send)

    # -- moments -----------------------------------------------------------------------------------------------------

    def _moment(self, term: Term, ordinal: int) -> None:
        kind = term.kind.name
        if kind in ("restart", "redeploy"):
            wall_ns = self._schedule.wall_ns()
            sockets = self.restart(term.time_s, kind == "redeploy")
            self._truth.add(line(wall_ns, kind, held_us=round(term.time_s * 1e6), sockets=sockets))
            return
        for connection in tuple(self.connections()):
            subscription = _first(connection)
            if subscription is None or not term.fits_role(subscription.role) or not connection.is_open:
                continue
            if self._plan.happens(term, receiver_name(subscription), ordinal):
                self._tell(kind, subscription)
                if kind == "cut":
                    connection.transport.abort()
                else:
                    connection.write(disconnect("server_restart", reconnect=True))
                    task = asyncio.get_running_loop().create_task(connection.close(1000))
                    self._closing.add(task)
                    task.add_done_callback(self._closing.discard)

    def _tell(self, kind: str, subscription: Subscription) -> None:
        self._truth.add(
            line(
                self._schedule.wall_ns(),
                kind,
                receiver=receiver_name(subscription),
                role=subscription.role,
                account=subscription.account_id,
            )
        )


def _first(connection: Connection) -> Subscription | None:
    """The subscription that a connection is known by: its first good one."""
    return next((found for found in connection.subscriptions.values() if found is not None), None)
