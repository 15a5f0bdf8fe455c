"""This project's transport with full accounting: contract checks, ledger, windows, Locust's statistics.

Run as ``python -m tests.bench.client_ours PORT SOCKETS STAMPS KIND [LATENCY_MS]``; STAMPS is the share of the sockets
with kernel receive stamps, KIND ``plain`` or ``latency``, which holds each frame against the server's own stamp, and
LATENCY_MS how long before it was written each emission was due, as of a server that takes so long.

A receiver a socket, as a run has it; emissions are opened in the ledger as a run's are, and once a second all
that was gathered is judged, binned and fed to Locust's statistics.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402
from collections import Counter  # noqa: E402

import numpy as np  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.lock import BoundedSemaphore  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from locust.stats import RequestStats  # noqa: E402

from loadtest.cable import CableConnection, Confirmed, Welcomed  # noqa: E402
from loadtest.clock import NS_PER_MS, NS_PER_S, NS_PER_US, SystemClock  # noqa: E402
from loadtest.collect import Action, Collector, CollectorSettings, Entry, Receiver, emission_key  # noqa: E402
from loadtest.collect.alike import take_alike  # noqa: E402
from loadtest.collect.marks import DUE_WIDTH, SEQUENCE_WIDTH  # noqa: E402
from loadtest.collect.subjects import actor_name, subject_key  # noqa: E402
from loadtest.directory import Agent, Contact, Directory  # noqa: E402
from loadtest.errors import LoadtestError  # noqa: E402
from loadtest.metrics import Batch  # noqa: E402
from loadtest.transport.address import cable_endpoint  # noqa: E402
from loadtest.transport.gevent_ws import Poller  # noqa: E402
from loadtest.users.fleet import Fleet  # noqa: E402
from loadtest.users.stats_feed import feed  # noqa: E402
from tests.bench import frames  # noqa: E402
from tests.bench.gate import Burst, Commands, Pace, percentiles, say, stamp_of, told  # noqa: E402

AUDIENCES = (10, 200, 2000)
"""How many sockets an emission may go to: an inbox of each agent's for each."""

_DEADLINE_S = 2.0
_AHEAD_NS = 300_000_000
_BREATH_S = 0.0005  # as Fleet's
_LAG_PERIOD_S = 0.02  # as Fleet's
_RIPE_S = 3.0  # windows are judged when nothing of them can be expected any more


def _inboxes(user: int) -> tuple[int, ...]:
    return tuple(frames.inbox(audience, user // audience) for audience in AUDIENCES)


def sequence_of(text: bytes) -> int:
    """The sequence in the mark of a frame that has the server's stamp, which follows the mark."""
    end = text.find(b":ns=") - DUE_WIDTH - 1
    return int(text[end - SEQUENCE_WIDTH : end], 36)


class StampedReceiver(Receiver):
    """A receiver that also holds each frame's arrival against the server's own stamp, for paced stretches."""

    __slots__ = ("arrived", "read", "sent")

    read: list[int]
    sent: list[tuple[int, int]]
    arrived: list[int]

    def on_text(self, data: bytes, start: int, end: int, arrival_ns: int, lag_ns: int = -1) -> None:
        text = bytes(data[start:end])
        sent_ns = stamp_of(text)
        if sent_ns:
            self.read.append(arrival_ns - sent_ns)
            self.sent.append((sequence_of(text), sent_ns))
            if lag_ns >= 0:
                self.arrived.append(arrival_ns - lag_ns - sent_ns)
        super().on_text(data, start, end, arrival_ns, lag_ns)


class GatedPoller(Poller):
    """A poller that says when so many frames have been handed on, at no cost to a frame."""

    target = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.reached = Event()

    def _turn(self) -> None:
        super()._turn()
        if self.frames >= self.target:
            self.reached.set()


class Client:
    """All sockets and their books."""

    def __init__(
        self, port: int, sockets: int, stamps: float, *, stamped_receivers: bool, latency_ms: float = 0.0
    ) -> None:
        self.sockets = sockets
        agents = tuple(
            Agent((frames.ACCOUNT,), user, "agent", _inboxes(user), frames.token(user), f"access-{user}", "Max")
            for user in range(sockets)
        )
        contacts = (Contact(frames.ACCOUNT, frames.CONTACT, frames.inbox(AUDIENCES[0], 0), "s", "contact", "inbox"),)
        self.clock = SystemClock()
        settings = CollectorSettings(frames.RUN, worker="bench", deadline_s=_DEADLINE_S, dialect="auto")
        self.collector = Collector(Directory(agents, contacts, "bench"), self.clock, settings)
        take = None if stamped_receivers else take_alike  # which looks at no frame of its own
        self.poller = GatedPoller(lags=self.collector.read_lags, stamps=stamps, take=take)
        self.endpoint = cable_endpoint(f"http://127.0.0.1:{port}", connect_timeout_s=60.0)
        self.stats = RequestStats()
        self._ticking = BoundedSemaphore(1)
        self.totals: Counter[str] = Counter()
        self.read: list[int] = []
        self.sent: list[tuple[int, int]] = []  # of each: its emission's sequence, and the server's stamp
        self.paced: Pace | None = None
        self.arrived: list[int] = []
        self.judged: dict[str, set[int]] = {"marked": set(), "rough": set()}
        self._latency_ns = round(latency_ms * NS_PER_MS)
        self._receiver_class = StampedReceiver if stamped_receivers else Receiver

    def connect(self, user: int) -> None:
        """Open one socket and subscribe."""
        cable = CableConnection(confirm_timeout_s=60.0, welcome_timeout_s=60.0, stale_after_s=1e6)
        identifier = frames.identifier(user)
        welcomed, confirmed = Event(), Event()

        def on_event(event: Any) -> None:
            if isinstance(event, Welcomed):
                welcomed.set()
            elif isinstance(event, Confirmed):
                confirmed.set()

        receiver = self._receiver_class(
            self.collector, cable, user, "agent", identifier, on_event, lambda *_: say({"error": "a socket was closed"})
        )
        if isinstance(receiver, StampedReceiver):
            receiver.read, receiver.sent, receiver.arrived = self.read, self.sent, self.arrived
        socket = self.poller.connect(self.endpoint, receiver)
        cable.opened(self.clock.now_ns())
        welcomed.wait()
        socket.send_text(cable.subscribe(identifier, self.clock.now_ns()))
        confirmed.wait()

    def open(self, kind: str, sequence: int, inbox: int, at_ns: int) -> None:
        """Open an emission as a run does."""
        conversation = frames.FIRST_CONVERSATION + sequence
        action = Action(
            event=kind,
            call="contact.send_message",
            account_id=frames.ACCOUNT,
            inbox_id=inbox,
            conversation_id=conversation,
            contact_id=frames.CONTACT,
            actor_role="contact",
            actor_id=frames.CONTACT,
            private=False,
            due_ns=at_ns - self._latency_ns,
            dispatched_ns=at_ns,
        )
        if kind == "message.created":
            key = emission_key(0, sequence).encode()
        elif kind in self.collector.tracked:
            key = subject_key(kind, frames.ACCOUNT, conversation, actor_name("contact", frames.CONTACT))
        else:
            return  # counted, and held against the contract, but no emission of its own
        entry: Entry = self.collector.ledger.open(key, action)
        self.collector.ledger.written(entry, at_ns)
        self.collector.ledger.responded(entry, at_ns, "ok")

    def tick(self, ahead_s: float = 0.0, breathe: Callable[[], None] | None = None) -> None:
        """What a run does once a second; as a run does, arrivals may have their turn in between."""
        with self._ticking:
            self.clock.anchor()
            now_ns = self.clock.now_ns() + round(ahead_s * NS_PER_S)
            batch: Batch = self.collector.collect(now_ns, breathe=breathe)
            self.collector.ledger.announcements = []
            feed(self.stats, batch)
            for (window, metric, _, _), value in batch.counts.items():
                self.totals[metric] += int(value)
                if metric == "generator.read_rough":
                    self.judged["rough"].add(window)
            for note in batch.notes:
                if note.kind == "breach" and note.data.get("measure") == "read_lag":
                    self.totals["marked"] += 1
                    self.judged["marked"].add(note.data["window"])

    def tick_loop(self) -> None:
        """Once a second."""
        while True:
            gevent.sleep(1.0)
            self.tick(breathe=lambda: gevent.sleep(_BREATH_S))

    def lag_loop(self) -> None:
        """How late a sleeper wakes, as a run measures it."""
        while True:
            asked_ns = self.clock.now_ns()
            gevent.sleep(_LAG_PERIOD_S)
            woke_ns = self.clock.now_ns()
            self.collector.health.lag(woke_ns, max(0, woke_ns - asked_ns - round(_LAG_PERIOD_S * NS_PER_S)))

    def run(self, commands: Commands) -> None:
        """Do as the bench says."""
        gevent.spawn(self.tick_loop)
        gevent.spawn(self.lag_loop)
        while True:
            command = commands.next()
            if command == "quit":
                return
            if isinstance(command, Burst):
                self.burst(command, commands)
            elif isinstance(command, Pace):
                self.pace(command)
            else:
                self.settle()

    def burst(self, burst: Burst, commands: Commands) -> None:
        """Open the burst's emissions, wait for the go, and drain it."""
        now_ns = self.clock.now_ns()
        if burst.kind != "ping":
            for group in range(-(-self.sockets // burst.audience)):
                for number in range(burst.a_write):
                    sequence = burst.sequence + group * burst.a_write + number
                    self.open(burst.kind, sequence, frames.inbox(burst.audience, group), now_ns)
        poller = self.poller
        poller.target = poller.frames + burst.frames
        poller.reached.clear()
        say("ready")
        commands.line()
        poller.reached.wait()
        say("done")

    def pace(self, pace: Pace) -> None:
        """Open emissions as they fall due and receive them."""
        for kept in (self.read, self.sent, self.arrived, *self.judged.values()):
            kept.clear()
        self.paced = pace
        emissions = pace.frames // pace.audience
        groups = self.sockets // pace.audience
        target = self.poller.frames + pace.frames
        limit_ns = self.clock.now_ns() + round(pace.seconds * NS_PER_S)
        opened = 0
        say("ready")
        while self.poller.frames < target and self.clock.now_ns() < limit_ns:
            until_ns = self.clock.now_ns() + _AHEAD_NS
            while opened < emissions:
                due_ns = self.clock.mono_ns(round(pace.due_us(opened)) * NS_PER_US)
                if due_ns > until_ns:
                    break
                self.open(pace.kind, pace.sequence + opened, frames.inbox(pace.audience, opened % groups), due_ns)
                opened += 1
            gevent.sleep(0.02)
        received = pace.frames - max(0, target - self.poller.frames)
        say(told(received, self.read) | percentiles("arrival_", self.arrived) | {"arrivals": len(self.arrived)})

    def settle(self) -> None:
        """Close the books of all that was emitted, and tell what they say."""
        self.tick(ahead_s=_DEADLINE_S + 1.0)
        self.tick(ahead_s=2 * _DEADLINE_S + _RIPE_S)
        columns = ("delivered", "late", "lost", "duplicated", "reordered", "leaked", "unmatched", "foreign")
        balance = {c: self.totals[f"delivery.{c}"] for c in ("expected", *columns)}
        books = {"received": self.totals["delivery.received"], "balance": balance, "marked": self.totals["marked"]}
        say(books | {"windows": self.windows()})
        self.totals.clear()

    def windows(self) -> list[tuple[int, float, float, bool, bool]]:
        """Of each window of the last stretch: frames due in it, p99 of their error in us and of how long the server
        took by its own stamp, whether it is marked, whether it is rough.
        """
        if self.paced is None or not self.read:
            return []
        errors_us = np.array(self.read, np.int64) / NS_PER_US
        sequence, sent_ns = np.array(self.sent, np.int64).T
        due_us = self.paced.due_us(sequence - self.paced.sequence)
        due_ns = due_us.astype(np.int64) * NS_PER_US - self._latency_ns
        took_us = (sent_ns + self.clock.wall_ns(0) - due_ns) / NS_PER_US
        windows = due_ns // self.collector.window_ns
        told = []
        for window in np.unique(windows).tolist():
            here = windows == window
            p99s_us = (float(np.percentile(of[here], 99)) for of in (errors_us, took_us))
            how = (window in self.judged[name] for name in ("marked", "rough"))
            told.append((int(here.sum()), *p99s_us, *how))
        return told


def main() -> None:
    """Connect all, then obey."""
    port, sockets, stamps, kind = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    latency_ms = float(sys.argv[5]) if len(sys.argv) > 5 else 0.0
    client = Client(port, sockets, stamps, stamped_receivers=kind == "latency", latency_ms=latency_ms)
    pool = Pool(64)
    began = time.monotonic()
    try:
        greenlets = [pool.spawn(client.connect, user) for user in range(sockets)]
        gevent.joinall(greenlets, raise_error=True)
    except LoadtestError as error:
        say({"error": str(error)})
        return
    Fleet.settle()
    say({"connected": sockets, "connect_s": time.monotonic() - began})
    client.run(Commands(gevent.monkey.get_original("os", "read")))
    os._exit(0)


if __name__ == "__main__":
    main()
