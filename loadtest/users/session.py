"""One visit: a socket, its subscription, its beats, until one side ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gevent

from loadtest.cable import (
    CableConnection,
    Confirmed,
    Disconnected,
    NoWelcome,
    Rejected,
    Stale,
    Unconfirmed,
    Welcomed,
    agent_identifier,
    contact_identifier,
    reconnect_policy,
)
from loadtest.collect import Receiver
from loadtest.directory import Agent, Contact, Role
from loadtest.errors import TransportError
from loadtest.plan import Scenario
from loadtest.plan.scenario import Departure
from loadtest.plan.storm import SlowReaders
from loadtest.transport.interface import Socket
from loadtest.users.attendance import Attendance, Surroundings
from loadtest.users.gate import Gate, Waiter
from loadtest.users.outcome import Ending, Outcome, disconnect_name
from loadtest.users.settings import FleetSettings
from loadtest.users.slow_readers import read_slowly
from loadtest.users.storms import Storms

_SLOW_BUFFER_BYTES = 4096
"""What the kernel keeps for a slow reader: what it keeps, the server need not."""


class Home(Surroundings, Protocol):
    """What a session needs of its process's fleet."""

    @property
    def slow_readers(self) -> SlowReaders:
        """Who has a further socket that does not keep up."""

    @property
    def settings(self) -> FleetSettings:
        """Options of the run."""

    @property
    def scenario(self) -> Scenario:
        """How people behave."""

    @property
    def storms(self) -> Storms:
        """Drops sockets in bulk, and measures who comes back."""

    @property
    def connecting(self) -> Gate:
        """Bounds handshakes in flight."""

    def connect(self, receiver: Receiver) -> Socket:
        """Open a WebSocket to the cable."""

    def failed(self, error: TransportError) -> None:
        """Remember a failure."""

    def watch(self, receiver: Receiver) -> None:
        """Check the receiver's deadlines from now on."""

    def unwatch(self, receiver: Receiver) -> None:
        """Check them no more."""

    def online(self, session: Session) -> None:
        """A session was confirmed."""

    def offline(self, session: Session) -> None:
        """A session ended."""


class Session:
    """A user's connection; used for one visit.

    A subscription that the server rejects is forgotten, and the socket stays: so do the published clients, today's and
    the older one (``reject`` in their ``subscriptions.js``). A socket that follows it subscribes to nothing.

    Args:
        fleet: the process's users and what they share.
        identity: number of the identity.
        who: the identity.
        second: a further tab of somebody who acts in another one.
        lost_ns: monotonic time at which its connection before this one was lost; None where it left by itself.
        forgotten: its subscription was rejected on a socket before: connect, and ask for nothing.
    """

    __slots__ = (
        "_attendance",
        "_changed",
        "_confirmed",
        "_departure",
        "_fleet",
        "_gone",
        "_outcome",
        "_receiver",
        "_rejected",
        "_second",
        "_socket",
        "_welcomed",
        "_who",
        "identifier",
        "identity",
        "lost_ns",
        "role",
    )

    def __init__(
        self,
        fleet: Home,
        identity: int,
        who: Agent | Contact,
        *,
        second: bool = False,
        lost_ns: int | None = None,
        forgotten: bool = False,
    ) -> None:
        self._fleet = fleet
        self.lost_ns = lost_ns
        self._second = second
        self._who = who
        self.identity = identity
        self.role: Role = "agent" if isinstance(who, Agent) else "contact"
        if isinstance(who, Agent):
            self.identifier = agent_identifier(who.pubsub_token, who.account_id, who.user_id)
        else:
            self.identifier = contact_identifier(who.pubsub_token)
        self._socket: Socket | None = None
        self._receiver: Receiver | None = None
        period_s = fleet.scenario.period_s(identity, fleet.settings.heartbeat_s)
        self._attendance = Attendance(fleet, identity, period_s)
        self._changed = Waiter()  # for one of those below; only the visit's greenlet waits
        self._welcomed = False
        self._confirmed = False
        self._gone = False
        self._outcome: Outcome | None = None
        self._rejected = forgotten
        self._departure: Departure = "left"

    @property
    def who(self) -> Agent | Contact:
        """The identity."""
        return self._who

    @property
    def receiver(self) -> Receiver | None:
        """What its socket's frames are handed to; None before there is a socket."""
        return self._receiver

    @property
    def is_confirmed(self) -> bool:
        """Whether the subscription stands."""
        return self._confirmed and not self._rejected and self._outcome is None

    def visit(self, stay_s: float | None, departure: Departure = "left", silence_s: float = 0.0) -> Outcome:
        """Connect, subscribe, and stay.

        Args:
            stay_s: seconds to stay once confirmed or rejected, or None to stay until the visit is ended otherwise.
            departure: how to go at its end. Who falls ``silent`` does not go: its beats stop for ``silence_s``, and
                come back, again and again. Of who is ``frozen`` the socket stays open, unread, until :meth:`drop`.
            silence_s: how long.

        Returns:
            How it ended; the socket is closed by then, unless it is frozen.
        """
        fleet = self._fleet
        try:
            with fleet.connecting:
                self._open()
            self._await_answer()
            while not self._until(self._is_over, stay_s) and departure == "silent":
                self._attendance.hush()
                self._until(self._is_over, silence_s)
                if self.is_confirmed:
                    self._attendance.resume(self._beat)
            if self._outcome is None:
                self._departure = departure
            outcome = self._end(self._ended("left"))
        except TransportError as error:
            self._failed(error)
            return Outcome("refused", detail=str(error))
        else:
            return outcome
        finally:
            self._part()

    def leave(self) -> None:
        """Leave now, with a close frame."""
        if self.is_confirmed:
            self._end(self._ended("left"))

    def strike(self, departure: Departure) -> bool:
        """Lose the socket now, as planned by a storm: the user comes back as the client does.

        Args:
            departure: ``left`` with a close frame, ``cut`` without, ``frozen`` leaves it open and unread.

        Returns:
            Whether there was one to lose.
        """
        if not self.is_confirmed:
            return False
        self._departure = departure
        self._end(self._ended("dropped", closed=True, detail="storm"))
        return True

    def read_slowly(self) -> None:
        """Be a socket that does not keep up, until it is over: connect, subscribe, then read as the plan says.

        Nothing is expected of it any more once it is confirmed.
        """
        fleet = self._fleet
        try:
            with fleet.connecting:
                self._open()
            self._await_answer()
            if self._outcome is None and self._receiver is not None and self._socket is not None:
                self._receiver.retire(fleet.clock.now_ns())
                fleet.unwatch(self._receiver)
                self._attendance.end()
                self._socket.pause(_SLOW_BUFFER_BYTES)
                read_slowly(self._socket, fleet.slow_readers, self._is_gone)
        except TransportError as error:
            self._failed(error)
        finally:
            if self._receiver is not None:
                fleet.unwatch(self._receiver)
            self._end(self._ended("left"))
            self.drop()

    def drop(self) -> None:
        """Let go of what a frozen visit has left open."""
        if self._socket is not None and not self._gone:
            self._socket.abort()

    def _until(self, done: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until ``done()``, or until the time is over; returns whether it is done."""
        if timeout_s is None:
            while not done():
                self._changed.wait()
            return True
        with gevent.Timeout(timeout_s, exception=False):
            while not done():
                self._changed.wait()
        return done()

    def _is_over(self) -> bool:
        return self._outcome is not None

    def _is_welcomed(self) -> bool:
        return self._welcomed or self._outcome is not None

    def _is_settled(self) -> bool:
        return self._confirmed or self._rejected or self._outcome is not None

    def _is_gone(self) -> bool:
        return self._gone

    def _await_answer(self) -> None:
        """Wait until the subscription is confirmed or the visit is over; repeat the command as the client would.

        The protocol's deadlines, which the fleet watches, end it.
        """
        again_s = reconnect_policy(self._fleet.settings.reconnect).subscribe_again_s
        while not self._until(self._is_settled, again_s):
            if self._receiver is not None and self._outcome is None:
                self._send(self._receiver.cable.subscribe(self.identifier, self._fleet.clock.now_ns()))

    def _failed(self, error: TransportError) -> None:
        self._fleet.collector.count("cable.connect_failed", error.kind, self.role)
        self._fleet.failed(error)

    def _open(self) -> None:
        fleet = self._fleet
        self._attendance.promise()
        began_ns = fleet.clock.now_ns()
        fleet.storms.attempt(self.identity, began_ns)
        timeout_s = fleet.settings.confirm_timeout_s
        cable = CableConnection(
            confirm_timeout_s=timeout_s,
            welcome_timeout_s=timeout_s,
            stale_after_s=fleet.settings.stale_after_s,
            only_pings_count=reconnect_policy(fleet.settings.reconnect).only_pings_count,
        )
        self._receiver = Receiver(
            fleet.collector, cable, self.identity, self.role, self.identifier, self._on_event, self._on_closed
        )
        self._socket = fleet.connect(self._receiver)
        cable.opened(fleet.clock.now_ns())  # nothing is handed on before this greenlet waits
        fleet.watch(self._receiver)
        self._until(self._is_welcomed)
        if self._outcome is None:
            at_ns = fleet.clock.now_ns()
            fleet.collector.count("cable.connects", "", self.role)
            fleet.collector.duration("connect", "", self.role, at_ns, at_ns - began_ns)
            fleet.storms.connected(self.identity, self.role, at_ns - began_ns)
            if not self._rejected:
                self._send(cable.subscribe(self.identifier, at_ns))

    def _send(self, text: str) -> int | None:
        socket = self._socket
        if socket is None or not socket.is_open:
            return None
        try:
            return socket.send_text(text)
        except TransportError:  # it closed under us; on_closed says how
            return None

    def _beat(self) -> None:
        receiver = self._receiver
        if receiver is None or not self.is_confirmed:
            return
        sent_ns = self._send(receiver.cable.perform(self.identifier, "update_presence"))
        if sent_ns is not None:
            self._attendance.sent(sent_ns)
            receiver.beat_sent(sent_ns)

    def _part(self) -> None:
        fleet = self._fleet
        receiver, socket = self._receiver, self._socket
        was_killed = self._outcome is None
        self._end(self._ended("left"))
        fleet.offline(self)
        if receiver is not None:
            fleet.unwatch(receiver)
        if socket is None or self._gone:
            return
        now_ns = fleet.clock.now_ns()
        if self._departure == "cut":
            self._attendance.left("cut")
            socket.abort()
        elif self._departure == "frozen" and receiver is not None:
            self._attendance.left("frozen")
            receiver.retire(now_ns)
            socket.pause()
        else:
            socket.close(timeout_s=fleet.settings.close_timeout_s)
            # a killed greenlet waits no further: the transport's own timer ends the close handshake
            if not was_killed:
                self._until(self._is_gone, fleet.settings.close_timeout_s + 1.0)

    # -- in the hub --------------------------------------------------------------------------------------------------

    def _ended(self, ending: Ending, *, reconnect: bool = True, closed: bool = False, detail: str = "") -> Outcome:
        """How a visit ended that had come as far as it has."""
        return Outcome(ending, self._confirmed, self._rejected, reconnect, closed, detail)

    def _end(self, outcome: Outcome) -> Outcome:
        """The visit is over, unless it was already; beats no more. Returns how it ended."""
        if self._outcome is not None:
            return self._outcome
        self._outcome = outcome
        self._attendance.end()
        self._changed.wake()
        return outcome

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Welcomed):
            self._welcomed = True
            self._changed.wake()
        elif isinstance(event, Confirmed):
            if not self.is_confirmed and self._outcome is None:
                self._confirmed = True
                self._changed.wake()
                now_ns = self._fleet.clock.now_ns()
                self._fleet.storms.confirmed(self.identity, self.role, now_ns, event.elapsed_ns)
                self._attendance.begin(self._beat)
                if not self._second:
                    gevent.get_hub().loop.run_callback(self._fleet.online, self)
        elif isinstance(event, Rejected):
            self._on_rejected()
        elif isinstance(event, Unconfirmed):
            self._end(self._ended("unconfirmed"))
        elif isinstance(event, Stale):
            self._end(self._ended("stale"))
        elif isinstance(event, NoWelcome):
            peer = "" if self._socket is None else self._socket.peer
            self._failed(
                TransportError("no_welcome", peer, "the WebSocket is open, but Action Cable's welcome is missing")
            )
            self._end(Outcome("no_welcome"))
        elif isinstance(event, Disconnected):
            self._end(self._ended("disconnected", reconnect=event.reconnect, closed=True, detail=event.reason or ""))

    def _on_rejected(self) -> None:
        """The server will not have the subscription: nothing is asked of it any more, and the socket stays."""
        was_here, self._rejected = self.is_confirmed, True
        self._fleet.collector.count("cable.rejected", "", self.role)
        self._changed.wake()
        self._attendance.end()
        if was_here and not self._second:
            gevent.get_hub().loop.run_callback(self._fleet.offline, self)

    def _on_closed(self, code: int, reason: str, by_us: bool, at_ns: int) -> None:
        name = disconnect_name(self._outcome, code, by_us=by_us)
        if self._confirmed or name != "by_us":
            self._fleet.collector.count("cable.disconnects", name, self.role)
        self._gone = True
        self._changed.wake()
        self._end(self._ended("dropped", closed=True, detail=f"{code} {reason}".strip()))
