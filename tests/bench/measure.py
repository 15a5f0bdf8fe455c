"""The measurements: CPU a frame behind a gate, and the latency that a client adds at a given rate.

All clients of a setting are connected to servers of their own and stay connected; rounds go from one to the next, so
that what disturbs the machine disturbs all of them. A client's CPU is its process's own clock, read from outside.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.peers import ALL_STAMPS, OURS, Peer
from tests.bench.processes import CLIENT_CORE, SERVER_CORE, PeerError, Process

_CONNECT_S = 90.0
_GATE_S = 60.0
_TOO_SLOW_S = 8.0
_GRACE_S = 1.5
PACED_AUDIENCE = 200

Say = Callable[[str], None]


@dataclass(frozen=True)
class Gated:
    """A setting behind the gate.

    Attributes:
        sockets: how many there are.
        kind: of frame.
        a_write: frames that come in one write, and so in one read.
        audience: sockets that one emission goes to (matters to ours, which accounts for emissions).
        only: the one peer that is measured in it; empty for all.
    """

    sockets: int
    kind: str
    a_write: int
    audience: int
    only: str = ""


@dataclass
class Measured:
    """What came of a peer in a setting.

    Attributes:
        us: CPU a frame, a round each, in microseconds.
        note: why there is nothing, or what is to be said beside it.
    """

    us: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def median_us(self) -> float | None:
        return statistics.median(self.us) if self.us else None


@dataclass
class Paced:
    """A paced stretch of one peer.

    Attributes:
        received: share of the frames that had been received a moment after the last was due.
        cpu_share: of a core.
        p50_us: median of read - server's stamp.
        p99_us: its 99th percentile.
        arrival_p99_us: 99th percentile of kernel's arrival - server's stamp, for ours.
        marked: windows that ours has marked as untrusted.
        windows: of ours: frames due in it, p99 of their error in us and of how long the server took by its own stamp,
            whether it is marked, whether it is rough.
        note: why there is nothing.
    """

    received: float = 0.0
    cpu_share: float = 0.0
    p50_us: float | None = None
    p99_us: float | None = None
    arrival_p50_us: float | None = None
    arrival_p99_us: float | None = None
    marked: int = 0
    windows: list[tuple[int, float, float, bool, bool]] = field(default_factory=list)
    note: str = ""


class Station:
    """A peer, connected to a server of its own.

    Args:
        peer: who.
        server: the server's command.
        sockets: how many to open.

    Raises:
        PeerError: it could not connect them all.
    """

    def __init__(self, peer: Peer, server: list[str], sockets: int) -> None:
        self.peer = peer
        self.sockets = sockets
        self._sequence = 1
        self._server = Process(server, SERVER_CORE)
        try:
            port = int(self._server.heard().split()[1])
        except PeerError:
            self._server.end()
            raise
        began_s = time.monotonic()
        self._client = Process(peer.line(port, sockets), CLIENT_CORE, peer.environment)
        try:
            self._client.heard(_CONNECT_S)
            self.connect_s = time.monotonic() - began_s
            self._count()
            self.block(
                Gated(sockets, "message.created", 1, PACED_AUDIENCE), 0.0
            )  # what a connection's first frame costs is not what a frame costs
        except PeerError:
            self.end()
            raise

    def _count(self) -> None:
        there = int(self._server.ask("count").split()[1])
        if there != self.sockets:
            raise PeerError(f"only {there} of {self.sockets} sockets are subscribed")

    def block(self, setting: Gated, seconds: float) -> float:
        """Bursts for so many seconds of CPU, at least one; returns CPU a frame in microseconds.

        Raises:
            PeerError: it hung, died, or its books do not balance.
        """
        frames = 0
        groups = -(-self.sockets // setting.audience)
        began_s = self._client.cpu_s
        while not frames or self._client.cpu_s - began_s < seconds:
            words = f"{setting.kind} {setting.a_write} {self._sequence} {setting.audience}"
            self._client.ask(f"expect {self.sockets * setting.a_write} {words}")
            written = int(self._server.ask(f"burst {words}", _GATE_S).split()[1])
            self._client.ask("go", _GATE_S)
            self._sequence += groups * setting.a_write
            frames += written
        books = json.loads(self._client.ask("settle"))
        used_s = self._client.cpu_s - began_s
        if self.peer.name == OURS:
            _check(books, frames, setting.kind)
        return used_s / frames * 1e6

    def pace(self, rate: float, seconds: float, grace_s: float = _GRACE_S) -> Paced:
        """A paced stretch of chat messages.

        Args:
            rate: frames a second.
            seconds: how long.
            grace_s: how long after it the last frame may come.

        Raises:
            PeerError: it hung, died, or its books do not balance.
        """
        emissions = round(rate * seconds / PACED_AUDIENCE)
        frames = emissions * PACED_AUDIENCE
        t0_us = round((time.time() + 0.4) * 1e6)
        limit_s = seconds + 0.4 + grace_s
        words = f"{t0_us} {self._sequence} {PACED_AUDIENCE}"
        began_s = self._client.cpu_s
        self._client.ask(f"pace message.created {frames} {rate} {limit_s} {words}")
        self._server.tell(f"pace message.created {rate} {emissions} {words}")
        self._sequence += emissions
        asked_s = time.monotonic()
        told = self._client.value(limit_s + _GATE_S)
        late = time.monotonic() - asked_s > limit_s + _GRACE_S / 2  # too busy even to see that its time was over
        cpu_share = (self._client.cpu_s - began_s) / seconds
        received = told["received"] / frames
        paced = Paced(received, cpu_share, told["p50_us"], told["p99_us"])
        if received < 1.0 or late:
            return Paced(received, cpu_share, note="falls behind")
        self._server.heard(_GATE_S)
        if self.peer.name.startswith(ALL_STAMPS):
            paced.arrival_p50_us, paced.arrival_p99_us = told["arrival_p50_us"], told["arrival_p99_us"]
            books = json.loads(self._client.ask("settle"))
            paced.marked = int(books["marked"])
            paced.windows = [tuple(window) for window in books["windows"]]
            _check(books, frames, "message.created")
        return paced

    def end(self) -> None:
        """End both processes."""
        self._client.end()
        self._server.end()


def _check(books: dict[str, Any], frames: int, kind: str) -> None:
    """Ours has to account for every frame; on a busy machine some may come after the deadline."""
    wrong = {name: books["balance"][name] for name in ("lost", "duplicated", "reordered", "leaked", "unmatched")}
    received = books["received"] if kind != "ping" else frames
    if received != frames or any(wrong.values()):
        raise PeerError(f"the books do not balance: {received} of {frames} frames received, {wrong}")


class Connected:
    """All peers of a number of sockets, connected; a context manager.

    Args:
        peers: who.
        server: the server's command.
        sockets: how many each opens.
        say: is told how it goes.
    """

    def __init__(self, peers: Iterable[Peer], server: list[str], sockets: int, say: Say) -> None:
        self._peers = list(peers)
        self._server = server
        self._sockets = sockets
        self._say = say
        self.stations: list[Station] = []
        self.absent: dict[str, str] = {}

    def __enter__(self) -> Connected:
        for peer in self._peers:
            if peer.missing:
                self.absent[peer.name] = peer.missing
                continue
            try:
                station = Station(peer, self._server, self._sockets)
            except PeerError as error:
                self.absent[peer.name] = f"cannot hold {self._sockets:,} sockets: {error}"
                self._say(f"  {peer.name}: {self.absent[peer.name]}")
                continue
            self.stations.append(station)
            self._say(f"  {peer.name}: {self._sockets:,} sockets after {station.connect_s:.1f} s")
        return self

    def __exit__(self, *_: object) -> None:
        for station in self.stations:
            station.end()

    def gate(self, settings: list[Gated], rounds: int, seconds: float) -> dict[tuple[str, Gated], Measured]:
        """Measure every peer in every setting, round by round."""
        found = {
            (peer.name, setting): Measured(note=self.absent.get(peer.name, ""))
            for peer in self._peers
            for setting in settings
        }
        for number in range(rounds):
            for setting in settings:
                for station in list(self.stations):
                    name = station.peer.name
                    if name == ALL_STAMPS or setting.only not in ("", name):
                        continue
                    measured = found[name, setting]
                    if not measured.note:
                        self._one(station, setting, measured, seconds, found)
            self._say(f"  round {number + 1} of {rounds} done")
        return found

    def _one(
        self,
        station: Station,
        setting: Gated,
        measured: Measured,
        seconds: float,
        found: dict[tuple[str, Gated], Measured],
    ) -> None:
        known = [
            m.median_us or 0.0
            for (name, s), m in found.items()
            if name == station.peer.name and s.sockets == setting.sockets and m.us
        ]
        if known and max(known) * setting.sockets * setting.a_write / 1e6 > _TOO_SLOW_S:
            measured.note = f"a burst would take {max(known) * setting.sockets * setting.a_write / 1e6:.0f} s"
            return
        try:
            measured.us.append(station.block(setting, seconds))
        except PeerError as error:
            measured.note = str(error)
            self._say(f"  {station.peer.name}: {error}")
            station.end()
            self.stations.remove(station)
            self.absent[station.peer.name] = str(error)

    def pace(self, rates: list[float], seconds: float, repeats: int) -> dict[tuple[str, float], list[Paced]]:
        """Pace every peer at every rate, slow rates first; one that falls behind is measured no further."""
        found: dict[tuple[str, float], list[Paced]] = {}
        behind: dict[str, str] = {}
        for rate in sorted(rates):
            for _ in range(repeats):
                for station in list(self.stations):
                    name = station.peer.name
                    if name == OURS:
                        continue
                    try:
                        paced = station.pace(rate, seconds)
                    except PeerError as error:
                        paced = Paced(note=str(error))
                    found.setdefault((name, rate), []).append(paced)
                    if paced.note:
                        behind[name] = f"{paced.note} at {rate:,.0f}/s"
                        station.end()
                        self.stations.remove(station)
            self._say(f"  {rate:,.0f} frames/s done")
        for peer in self._peers:
            for rate in rates:
                if peer.name != OURS and (peer.name, rate) not in found:
                    reason = behind.get(peer.name) or self.absent.get(peer.name, "")
                    found[peer.name, rate] = [Paced(note=reason)]
        return found


def server_command(program: Path, bodies: Path) -> list[str]:
    """How the frame server is started."""
    return [str(program), str(bodies)]


def ratios(ours: Measured, theirs: Measured) -> list[float]:
    """Theirs over ours, of rounds that both were in."""
    return [b / a for a, b in zip(ours.us, theirs.us, strict=False)]


def progress(text: str) -> None:
    """Tell how it goes, beside the results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
