"""What the users of one process share: transport, REST, collectors, beats, the plan, and who is online.

Wiring only: what is decided is decided in ``plan``, what is judged is judged in ``collect``.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore

from loadtest.clock import NS_PER_S, NS_PER_US, SystemClock
from loadtest.collect import Collector, CollectorSettings, Receiver
from loadtest.directory import Agent, Contact, Directory, Role
from loadtest.errors import LoadtestError, TransportError
from loadtest.metrics import Batch, Gauge
from loadtest.plan import Mix, Pacer, Talk, Visits
from loadtest.rest import RestClient
from loadtest.transport.address import cable_endpoint
from loadtest.transport.gevent_ws import Poller
from loadtest.transport.interface import Socket
from loadtest.users.chat import Chat
from loadtest.users.heartbeat import Heartbeats
from loadtest.users.session import Session
from loadtest.users.settings import FleetSettings

_LAG_PERIOD_S = 0.02
_WATCH_PERIOD_S = 0.5
_TICK_S = 1.0

Sink = Callable[[Batch, list[list[Any]]], None]


class Fleet:
    """All users of a process and what they share.

    Args:
        host: base URL of the target.
        directory: the identities dealt to this process.
        settings: options of the run.
        sink: takes a batch and the announcements of emissions, about once a second.
        share: this worker's number among the workers, from 0.
        shares: how many workers there are.
        worker: name of this process in records.
    """

    def __init__(
        self,
        host: str,
        directory: Directory,
        settings: FleetSettings,
        sink: Sink,
        *,
        share: int = 0,
        shares: int = 1,
        worker: str = "",
    ) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.endpoint = cable_endpoint(
            host,
            cable_path=settings.cable_path,
            client=settings.client,
            ca_file=settings.ca_file,
            connect_timeout_s=settings.connect_timeout_s,
        )
        self.collector = Collector(
            directory,
            self.clock,
            CollectorSettings(
                run_tag=settings.run_tag,
                worker=worker,
                workers=shares,
                window_s=settings.window_s,
                deadline_s=settings.deadline_s,
                dialect=settings.dialect,
                agent_expiry_s=settings.agent_expiry_s,
                contact_expiry_s=settings.contact_expiry_s,
            ),
        )
        self.poller = Poller()
        self.rest = RestClient(
            host,
            connections=settings.rest_connections,
            timeout_s=settings.rest_timeout_s,
            ca_file=settings.ca_file,
        )
        self.heartbeats = Heartbeats(self.clock, settings.heartbeat_s, self.collector.dispatched)
        self.visits = Visits(settings.stay_s, settings.away_s, settings.seed)
        self.connecting = BoundedSemaphore(settings.connects_at_once)
        self.chat = Chat(
            self,
            Pacer(settings.emit_rate / 2, settings.seed, share, shares),
            Talk(settings.think_s, settings.typing_s, settings.seed),
            Mix.parse(settings.mix, settings.seed),
            emitter=share,
        )
        self.failures: dict[str, LoadtestError] = {}
        self.idle_users = 0
        self._sink = sink
        self._free: dict[Role, deque[int]] = {
            "agent": deque(range(len(directory.agents))),
            "contact": deque(range(len(directory.agents), self.collector.people.count)),
        }
        self._watched: set[Receiver] = set()
        self._loops: list[gevent.Greenlet] = []
        self._ticking = BoundedSemaphore(1)

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the loops: ticks, loop lag, deadlines, beats."""
        self.settle()  # the modules loaded so far are most of what a collection would look at
        self.collector.health.watch_gc()
        for loop in (self._tick_loop, self._lag_loop, self._watch_loop, self.heartbeats.run):
            self._loops.append(gevent.spawn(loop))

    @staticmethod
    def settle() -> None:
        """Keep what there is out of later garbage collections, which would stall arrivals."""
        gc.collect()
        gc.freeze()

    def begin_hold(self) -> None:
        """The ramp is over: emit by plan from now on, and count."""
        now_ns = self.clock.now_ns()
        self.collector.hold(now_ns)
        self.chat.start(now_ns)

    def end_hold(self) -> None:
        """Emit no more; sockets stay up for what is under way."""
        if self.collector.holding:
            self.chat.stop()
            self.collector.drain(self.clock.now_ns())

    def drained(self) -> bool:
        """Whether every emission's books are closed and no REST call is under way."""
        return self.collector.ledger.open_count == 0 and not self.chat.in_flight

    def close(self) -> None:
        """Close the books, hand over the last batch, and end everything this process holds open."""
        self.end_hold()
        gevent.killall(self._loops)
        self._loops.clear()
        self.chat.abandon()
        self.tick(final=True)
        self.collector.health.unwatch_gc()
        self.poller.close()
        self.rest.close()

    # -- users -------------------------------------------------------------------------------------------------------

    def claim(self, role: Role) -> tuple[int, Agent | Contact] | None:
        """An identity nobody uses, or None when all are in use."""
        free = self._free[role]
        if not free:
            self.idle_users += 1
            return None
        number = free.popleft()
        agents = self.collector.people.agents
        if role == "agent":
            return number, agents[number]
        return number, self.collector.people.contacts[number - len(agents)]

    def release(self, role: Role, number: int) -> None:
        """The identity's user is gone; another may take it."""
        self._free[role].append(number)

    def connect(self, receiver: Receiver) -> Socket:
        """Open a WebSocket to the target's cable.

        Raises:
            TransportError: it could not be opened.
        """
        return self.poller.connect(self.endpoint, receiver)

    def failed(self, error: TransportError) -> None:
        """Remember one failure of each kind, for messages."""
        self.failures.setdefault(error.kind, error)

    def why_nobody(self) -> str:
        """What kept users from being confirmed, in a paragraph."""
        if self.failures:
            return "No user could connect. " + " ".join(f"{error}." for error in self.failures.values())
        return (
            f"No subscription was confirmed within {self.settings.confirm_timeout_s:g} s. "
            "Action Cable answers neither yes nor no to a token it does not know: check pubsub_token, account_id and "
            "user_id of the identities, and that they belong to this installation"
        )

    def online(self, session: Session) -> None:
        """A session was confirmed (called outside the receive path)."""
        if session.is_confirmed:
            self.chat.online(session)

    def offline(self, session: Session) -> None:
        """A session ended."""
        self.chat.offline(session)

    def watch(self, receiver: Receiver) -> None:
        """Check the receiver's deadlines from now on."""
        self._watched.add(receiver)

    def unwatch(self, receiver: Receiver) -> None:
        """Check them no more."""
        self._watched.discard(receiver)

    # -- loops -------------------------------------------------------------------------------------------------------

    def tick(self, *, final: bool = False) -> None:
        """Hand what was gathered to the sink."""
        with self._ticking:
            self.clock.anchor()
            now_ns = self.clock.now_ns()
            batch = self.collector.collect(now_ns, final=final)
            at_us = self.clock.wall_ns(now_ns) // NS_PER_US
            batch.gauges.append(
                Gauge(at_us, "users.awaited", self.collector.settings.worker, float(self.chat.awaited_count))
            )
            announcements, self.collector.ledger.announcements = self.collector.ledger.announcements, []
            self._sink(batch, announcements)

    def _tick_loop(self) -> None:
        while True:
            gevent.sleep(_TICK_S)
            self.tick()

    def _lag_loop(self) -> None:
        clock, health = self.clock, self.collector.health
        period_ns = round(_LAG_PERIOD_S * NS_PER_S)
        while True:
            asked_ns = clock.now_ns()
            gevent.sleep(_LAG_PERIOD_S)
            woke_ns = clock.now_ns()
            health.lag(woke_ns, max(0, woke_ns - asked_ns - period_ns))

    def _watch_loop(self) -> None:
        answer_ns = round(self.settings.deadline_s * NS_PER_S)
        while True:
            gevent.sleep(_WATCH_PERIOD_S)
            now_ns = self.clock.now_ns()
            for receiver in list(self._watched):
                receiver.check(now_ns)
                receiver.expire_beats(now_ns - answer_ns)
