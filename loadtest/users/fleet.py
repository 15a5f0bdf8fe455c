"""What the users of one process share: transport, REST, collectors, beats, the plan, and who is online.

Wiring only: what is decided is decided in ``plan``, what is judged is judged in ``collect``.
"""

from __future__ import annotations

import gc
import inspect
import math
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore

from loadtest.api import Call
from loadtest.clock import NS_PER_S, NS_PER_US, SystemClock
from loadtest.collect import Collector, CollectorSettings, Receiver
from loadtest.collect.alike import take_alike
from loadtest.directory import Agent, Contact, Directory, Role
from loadtest.errors import LoadtestError, TransportError
from loadtest.metrics import Batch, Gauge
from loadtest.plan import Canary, LoadProfile, Mix, Pacer, Scenario, Talk, Turnstile, Visits
from loadtest.plan.scenario import Departure
from loadtest.plan.storm import SlowReaders, parse_storms
from loadtest.rest import Reply, RestClient
from loadtest.transport.gevent_ws import Poller
from loadtest.transport.interface import Socket
from loadtest.transport.sources import bind_source
from loadtest.users.canaries import Canaries
from loadtest.users.chat import Chat
from loadtest.users.ensemble import Ensemble
from loadtest.users.flat_memory import fill_tuples
from loadtest.users.gate import Gate
from loadtest.users.heartbeat import Heartbeats
from loadtest.users.presence_acts import PresenceActs
from loadtest.users.refetch import Refetcher
from loadtest.users.scene import Moment
from loadtest.users.session import Session
from loadtest.users.settings import FleetSettings
from loadtest.users.shifts import Shifts
from loadtest.users.storms import Storms

_LAG_PERIOD_S = 0.02
_WATCH_PERIOD_S = 0.5
_TICK_S = 1.0
_FOR_GOOD_S = 3.15e7
_BREATH_S = 0.0005
_CHECKS_A_TURN = 256
_FULL_COLLECTION_EVERY = 1000  # of the middle ones: users end without garbage, so there is little for it to find

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
        clock: what measures; a worker's knows the master's wall time.
        ensemble: what has to be known of the other workers; None where there are none.
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
        clock: SystemClock | None = None,
        ensemble: Ensemble | None = None,
    ) -> None:
        self.settings = settings
        self._measures_clock = clock is not None
        self.clock = clock or SystemClock()
        self.endpoint = settings.endpoint(host)
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
                heartbeat_s=settings.heartbeat_s,
                presence_pairs=settings.presence_pairs,
                presence_log=f"{settings.presence_log}.{worker}" if settings.presence_log else None,
                delivery_log=f"{settings.delivery_log}.{worker}" if settings.delivery_log else None,
                seed=settings.seed,
            ),
            () if ensemble is None else ensemble.strangers,
        )
        self.poller = Poller(
            on_handler_error=self._receiver_failed,
            lags=self.collector.read_lags,
            stamps=settings.kernel_stamps,
            take=take_alike,
        )
        self.rest = RestClient(
            host,
            connections=settings.rest_connections,
            timeout_s=settings.rest_timeout_s,
            ca_file=settings.ca_file,
            auth_header=settings.auth_header,
            headers=settings.headers,
            bind=lambda sock, family: bind_source(sock, family, settings.source_addresses),
        )
        self.heartbeats = Heartbeats(self.clock, settings.heartbeat_s, self.collector.dispatched)
        self.visits = Visits(settings.stay_s, settings.away_s, settings.seed)
        self.scenario = Scenario.parse(settings.presence_scenario, settings.seed)
        self.presence_acts = PresenceActs(self)
        profile = LoadProfile.parse(settings.load_profile).later(settings.plan_began_s)
        self.shifts = Shifts(self, profile)
        self.storms = Storms(self, parse_storms(settings.storm, settings.seed))
        self.slow_readers = SlowReaders.parse(settings.slow_readers, settings.seed)
        self._here: set[Session] = set()
        self._turnstile = Turnstile(settings.connect_rate, share, shares)
        self.connecting = Gate(settings.connects_at_once)
        self.chat = Chat(
            self,
            Pacer(settings.emit_rate / 2, settings.seed, slots=-(-settings.emissions // 2), profile=profile),
            Talk(settings.think_s, settings.typing_s, settings.seed),
            Mix.parse(settings.mix, settings.seed),
            emitter=share,
            ensemble=ensemble,
        )
        self.canaries = Canaries(self, self.chat, Canary(settings.canary_s, share, shares))
        self.refetcher = Refetcher(settings.refetch, self.clock, self.chat)
        self.failures: dict[str, LoadtestError] = {}
        self.idle_users = 0
        self._settled_for = 0
        self._gc_threshold = gc.get_threshold()
        self._let_go = False
        self._has_defect = False
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
        self.clock.anchor()  # steps of before befell nothing of ours
        self.settle()  # the modules loaded so far are most of what a collection would look at
        self._gc_threshold = gc.get_threshold()
        gc.set_threshold(*self._gc_threshold[:2], _FULL_COLLECTION_EVERY)
        self.collector.health.watch_gc()
        for loop in (self._tick_loop, self._lag_loop, self._watch_loop, self.heartbeats.run):
            self._loops.append(gevent.spawn(loop))
        if not self.refetcher.is_idle:
            self._loops.append(gevent.spawn(self.refetcher.run))

    @property
    def all_there(self) -> bool:
        """Whether all users are confirmed and their conversations are open."""
        collector = self.collector
        return collector.connected_count >= collector.planned_count > 0 and not self.chat.awaited_count

    @property
    def settled(self) -> bool:
        """Whether what the users here were made of is out of later garbage collections."""
        return self._settled_for >= self.collector.connected_count

    @staticmethod
    def settle() -> None:
        """Do now what would stall arrivals later.

        What there is stays out of garbage collections to come. And Locust looks up who stops it, for its log: the first
        look at a stack searches the sources of all modules, which took 40 to 100 ms at the end of each hold.
        """
        gc.collect()
        gc.freeze()
        fill_tuples()
        inspect.stack()

    def begin_hold(self) -> None:
        """The ramp is over: emit by plan from now on, and count."""
        if not self.settled:  # users that come and go are never all there
            self.settle()
            self._settled_for = self.collector.connected_count
        now_ns = self.clock.now_ns()
        self.collector.hold(now_ns)
        self.chat.start(now_ns)
        self.canaries.start(now_ns)
        self.presence_acts.start(now_ns)
        self.shifts.start(now_ns)
        self.storms.start(now_ns)

    def change_rate(self, at_s: float, emit_rate: float) -> None:
        """Emit so many messages a second from so many seconds after the hold's beginning on."""
        self.chat.change_rate(at_s, emit_rate / 2)

    def end_hold(self) -> None:
        """Emit no more; sockets stay up for what is under way."""
        if self.collector.holding:
            self.canaries.stop()
            self.chat.stop()
            self.presence_acts.stop()
            self.shifts.stop()
            self.storms.stop()
            self.collector.drain(self.clock.now_ns())

    def drained(self) -> bool:
        """Whether every emission's books are closed, no REST call is under way, and the hold's presence is judged."""
        collector = self.collector
        return collector.ledger.open_count == 0 and not self.chat.in_flight and collector.presence.is_settled

    def close(self) -> None:
        """Close the books, hand over the last batch, and end everything this process holds open."""
        self.end_hold()
        gevent.killall(self._loops)
        self._loops.clear()
        self.chat.abandon()
        self.refetcher.close()
        self.tick(final=True)
        self.collector.close()
        self.collector.health.unwatch_gc()
        gc.set_threshold(*self._gc_threshold)
        self.poller.close()
        self.rest.close()

    # -- users -------------------------------------------------------------------------------------------------------

    def claim(self, role: Role) -> tuple[int, Agent | Contact] | None:
        """An identity nobody uses, or None when all are in use."""
        free = self._free[role]
        if not free:
            return None
        number = free.popleft()
        agents = self.collector.people.agents
        if role == "agent":
            return number, agents[number]
        return number, self.collector.people.contacts[number - len(agents)]

    def release(self, role: Role, number: int) -> None:
        """The identity's user is gone; another may take it."""
        self._free[role].append(number)

    def turn_s(self) -> float:
        """How long a user that was just started waits before it connects for the first time."""
        return self._turnstile.wait_s(self.clock.now_ns() / NS_PER_S)

    def let_go(self) -> None:
        """Connect nobody any more: the target is to be left alone."""
        self._let_go = True

    def connect(self, receiver: Receiver) -> Socket:
        """Open a WebSocket to the target's cable; never returns once the target is let go.

        Raises:
            TransportError: it could not be opened.
        """
        if self._let_go:
            gevent.sleep(_FOR_GOOD_S)
        return self.poller.connect(self.endpoint, receiver, client=receiver.identity)

    def failed(self, error: TransportError) -> None:
        """Remember one failure of each kind, for messages."""
        self.failures.setdefault(error.kind, error)

    def _receiver_failed(self, error: Exception) -> None:
        """A receiver raised, and its connection was cut: what it would have seen is missing. Told once."""
        if not self._has_defect:
            self._has_defect = True
            traceback.print_exception(error)
            text = f"{type(error).__name__} in what takes frames in, whose connection was cut: see the log"
            self.collector.note("generator_error", text)

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
            self._here.add(session)
            self.chat.online(session)
            if session.receiver is not None:
                number = self.chat.conversation_of(session.identity)
                self.refetcher.subscribed(session.who, session.receiver, session.lost_ns, number)

    def offline(self, session: Session) -> None:
        """A session ended."""
        self._here.discard(session)
        self.chat.offline(session)
        if session.receiver is not None:
            self.refetcher.gone(session.receiver)

    def here(self) -> list[Session]:
        """The sessions that stand."""
        return list(self._here)

    def send(self, call: Call, moment: Moment) -> Reply:
        """Send a call once and count it."""
        return self.chat.send(call, moment)

    def conduct(self, role: Role, identity: int, visit: int) -> tuple[float | None, float, Departure]:
        """How long somebody stays on a visit (None for good), how long it is away then, and how it goes."""
        stay_s, away_s = self.scenario.stays_s(identity, visit), self.scenario.pause_s(identity, visit)
        if stay_s == math.inf and role == "contact":
            stay_s, away_s = self.visits.stay(identity, visit), self.visits.away(identity, visit)
        return None if stay_s == math.inf else stay_s, away_s, self.scenario.departure(identity, visit)

    def pause_s(self, identity: int, away_s: float) -> float:
        """How long somebody who has just left stays away.

        Args:
            identity: who.
            away_s: how long it would by itself; whoever is not due at all comes back when it is.
        """
        together_s = self.presence_acts.pause_s(identity)
        return together_s if together_s is not None else self.shifts.away_s(identity) or away_s

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
            step_ns = self.clock.anchor()
            now_ns = self.clock.now_ns()
            self.collector.health.clock_stepped(now_ns, step_ns)
            batch = self.collector.collect(now_ns, final=final, breathe=None if final else _breathe)
            at_us = self.clock.wall_ns(now_ns) // NS_PER_US
            batch.gauges.append(
                Gauge(at_us, "users.awaited", self.collector.settings.worker, float(self.chat.awaited_count))
            )
            if self.idle_users:
                idle = float(self.idle_users)
                batch.gauges.append(Gauge(at_us, "users.idle", self.collector.settings.worker, idle))
            if self.settings.emissions:
                left = float(not self.chat.is_played_out)
                batch.gauges.append(Gauge(at_us, "plan.left", self.collector.settings.worker, left))
            if self._measures_clock:
                batch.gauges += self._clock_gauges(at_us, now_ns)
            if not self.collector.holding and self.all_there and not self.settled:
                self.settle()
                self._settled_for = self.collector.connected_count
            announcements, self.collector.ledger.announcements = self.collector.ledger.announcements, []
            self._sink(batch, announcements)

    def _clock_gauges(self, at_us: int, now_ns: int) -> list[Gauge]:
        """How far this machine's wall clock is from the master's, and how well that is known until the next tick."""
        worker = self.collector.settings.worker
        bound_ns = self.clock.bound_at_ns(now_ns + round(_TICK_S * NS_PER_S))
        return [
            Gauge(at_us, "generator.clock_offset_us", worker, self.clock.offset_ns / NS_PER_US),
            Gauge(at_us, "generator.clock_bound_us", worker, bound_ns / NS_PER_US),
        ]

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
        asleep_ns = 2 * round(_WATCH_PERIOD_S * NS_PER_S)
        while True:
            since_ns = self.clock.now_ns()
            gevent.sleep(_WATCH_PERIOD_S)
            now_ns = self.clock.now_ns()
            if now_ns - since_ns > asleep_ns:
                continue  # this process stood still, not its peers: what they sent meanwhile is read first
            for number, receiver in enumerate(list(self._watched)):
                receiver.check(now_ns)
                receiver.expire_beats(now_ns - answer_ns)
                if number % _CHECKS_A_TURN == _CHECKS_A_TURN - 1:
                    _breathe()


def _breathe() -> None:
    """Let arrivals, sends and answers have their turn; a sleep of zero would run greenlets, but poll no socket."""
    gevent.sleep(_BREATH_S)
