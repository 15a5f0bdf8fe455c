"""One process's collectors together: what receivers and users report to, and where batches come from.

Nothing per delivery leaves this process: receivers append to plain buffers, and once a tick (about a second) the
buffers are binned in numpy into a :class:`~loadtest.metrics.Batch`, which goes to the store or to the master.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
from numpy.typing import NDArray

from loadtest.clock import NS_PER_MS, NS_PER_S, NS_PER_US, Clock
from loadtest.collect.alike import Common
from loadtest.collect.checks import Checks
from loadtest.collect.delivery_log import DeliveryLog
from loadtest.collect.entry import Entry
from loadtest.collect.epochs import EndCause, Epochs
from loadtest.collect.health import Health
from loadtest.collect.hearing import Hearing
from loadtest.collect.judge import OnAway
from loadtest.collect.ledger import Ledger
from loadtest.collect.marks import PRIVATE, PUBLIC
from loadtest.collect.people import ROLES, People
from loadtest.collect.presence import MOST_PAIRS, TRUTH, Presence, PresenceSettings, Stranger
from loadtest.collect.read_lag import ReadLagLog
from loadtest.collect.subjects import MARKED, counted_events, tracked_events
from loadtest.directory import Directory, Role
from loadtest.metrics import Batch, Gauge, Note

Dialect = Literal["auto", "seed", "current"]

#: how long a tick works in one go before arrivals get their turn
_TURN_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """What a collector must know of the run.

    Attributes:
        run_tag: the run's 6 characters in marks.
        worker: name of this process.
        workers: how many processes account for the run.
        window_s: length of a window.
        deadline_s: how long a delivery, or the answer to a beat, may take.
        dialect: whose audience rules hold; ``auto`` allows what any version allows.
        agent_expiry_s: the target's presence expiry for agents, None when not known.
        contact_expiry_s: the same for contacts.
        heartbeat_s: time between two presence beats that users promise; 0 for no promise.
        presence_pairs: pairs of observer and target followed in this process at most.
        presence_log: file to log everything to that is seen of presence, or None.
        delivery_log: file to log every latency to, or None.
        seed: of what is drawn.
    """

    run_tag: str
    worker: str = ""
    workers: int = 1
    window_s: float = 1.0
    deadline_s: float = 10.0
    dialect: Dialect = "auto"
    agent_expiry_s: float | None = None
    contact_expiry_s: float | None = None
    heartbeat_s: float = 0.0
    presence_pairs: int = MOST_PAIRS
    presence_log: str | None = None
    delivery_log: str | None = None
    seed: int = 0

    @property
    def window_ns(self) -> int:
        """Length of a window in nanoseconds."""
        return round(self.window_s * NS_PER_S)


class Collector:
    """All collectors of a process.

    Args:
        directory: the identities simulated here.
        clock: what measures.
        settings: what must be known of the run.
        strangers: people whom other processes simulate.
        cpu_times: reads the machine's CPU times, as ``psutil.cpu_times`` does.
    """

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        settings: CollectorSettings,
        strangers: Sequence[Stranger] = (),
        *,
        cpu_times: Callable[[], Any] = psutil.cpu_times,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.window_ns = settings.window_ns
        self.people = People(directory)
        self.epochs = Epochs(self.people.count)
        self.hearing = Hearing(clock, self.window)
        #: told who was not there for an emission
        self.on_away: OnAway = lambda identities, written_ns, event: None
        log_path = settings.delivery_log
        self._deliveries = None if log_path is None else DeliveryLog(Path(log_path), self.people, self.epochs)
        self.health = Health(clock, window_ns=self.window_ns, worker=settings.worker, cpu_times=cpu_times)
        #: told by the transport how long the kernel had held what was read
        self.read_lags = ReadLagLog(
            clock, window_ns=self.window_ns, deadline_s=settings.deadline_s, judge=self.health.judge_read_lag
        )
        self.ledger = Ledger(
            self.people,
            self.epochs,
            clock,
            window_ns=self.window_ns,
            deadline_s=settings.deadline_s,
            dialect=settings.dialect,
            workers=settings.workers,
            worker=settings.worker,
            on_missing=self.hearing.missed,
            on_away=self._was_away,
            on_latencies=None if self._deliveries is None else self._deliveries.write,
            on_reads=self.read_lags.delivered,
        )
        self.presence = Presence(
            self.people,
            clock,
            window_ns=self.window_ns,
            settings=PresenceSettings(
                agent_expiry_s=settings.agent_expiry_s,
                contact_expiry_s=settings.contact_expiry_s,
                heartbeat_s=settings.heartbeat_s,
                most_pairs=settings.presence_pairs,
                seed=settings.seed,
                worker=settings.worker,
                log_path=settings.presence_log,
                workers=settings.workers,
                strangers=strangers,
            ),
        )
        self.checks = Checks(self.people, settings.dialect, self)
        self.batch = Batch()
        #: what a receiver's fast path searches for: the mark of this run at the start of a content
        self.needles = {
            prefix: f'"content":"{prefix}:{settings.run_tag}:'.encode("ascii") for prefix in (PUBLIC, PRIVATE)
        }
        #: events whose emissions are matched by their subject, since no text of ours is in them
        self.tracked: frozenset[str] = tracked_events(settings.dialect)
        #: events that are judged by subject and count, since several actions cause them
        self.counted: frozenset[str] = counted_events(settings.dialect)
        self.holding = False
        self._received: dict[tuple[str, Role], list[int]] = {}
        self._common: dict[tuple[Role, bool, int], Common] = {}
        self._ping_gaps: dict[Role, list[tuple[int, int]]] = {role: [] for role in ROLES}
        self._lateness: dict[int, list[int]] = {}
        self._judged_window = 0
        self._planned: dict[Role, int] = dict.fromkeys(ROLES, 0)
        self._away: dict[Role, int] = dict.fromkeys(ROLES, 0)
        self._connected: dict[Role, int] = dict.fromkeys(ROLES, 0)
        self._users_since_ns = clock.now_ns()
        self._ever_confirmed: set[int] = set()
        self._left_before: set[int] = set()  # who was confirmed in the ramp, and left again by its own plan
        self._here: dict[int, int] = {}  # identity -> its open epochs

    # -- windows and counters ----------------------------------------------------------------------------------------

    def window(self, mono_ns: int) -> int:
        """The number of the window a monotonic time falls in."""
        return self.clock.wall_ns(mono_ns) // self.window_ns

    def count(self, metric: str, name: str = "", role: str = "", value: int = 1) -> None:
        """Add to a counter of the present window."""
        self.batch.add(self.window(self.clock.now_ns()), metric, name, role, value)

    def duration(self, metric: str, name: str, role: str, at_ns: int, duration_ns: int) -> None:
        """Record a duration in the window of ``at_ns``."""
        self.batch.hist(self.window(at_ns), metric, name, role).record(duration_ns // NS_PER_US)

    def note(self, kind: str, text: str, data: Mapping[str, object] | None = None, at_ns: int | None = None) -> None:
        """Mark a moment on the time line."""
        at_ns = self.clock.now_ns() if at_ns is None else at_ns
        self.batch.notes.append(Note(self.clock.wall_ns(at_ns) // NS_PER_US, kind, text, dict(data or {})))

    def received_cell(self, event: str, role: Role) -> list[int]:
        """The counter [frames, bytes] of an event on a role's sockets, for a receiver to add to directly."""
        return self._received.setdefault((event, role), [0, 0])

    def common(self, role: Role, *, spaced: bool = False, opening_length: int = 0) -> Common:
        """What the receivers of a role need for a marked message; kept together, and once for all of them.

        Args:
            role: whose sockets.
            spaced: whether the server writes a space after a colon.
            opening_length: bytes of an event frame's text up to the end of the event's name; 0 while it is not known.
        """
        found = self._common.get((role, spaced, opening_length))
        if found is None:
            needle = self.needles[PUBLIC].replace(b'":"', b'": "') if spaced else self.needles[PUBLIC]
            cells = self.received_cell(MARKED, role), self.checks.cell(MARKED, role)
            found = Common(needle, opening_length, self.ledger.entries, *cells)
            self._common[role, spaced, opening_length] = found
        return found

    # -- connections -------------------------------------------------------------------------------------------------

    def user_started(self, role: Role) -> None:
        """A user of the plan started."""
        self._integrate_users(self.clock.now_ns())
        self._planned[role] += 1

    def user_stopped(self, role: Role) -> None:
        """A user of the plan stopped."""
        self._integrate_users(self.clock.now_ns())
        self._planned[role] -= 1

    def user_away(self, role: Role, *, away: bool) -> None:
        """A user left by its own plan, or is due back: planned absence is not missing connected time."""
        self._integrate_users(self.clock.now_ns())
        self._away[role] += 1 if away else -1

    def confirmed(self, identity: int, at_ns: int) -> int:
        """A subscription was confirmed; returns its epoch."""
        self._integrate_users(at_ns)
        role = ROLES[int(self.people.role[identity])]
        open_epochs = self._here.get(identity, 0)
        self._here[identity] = open_epochs + 1
        if not open_epochs:
            self._connected[role] += 1
            self.presence.arrived(identity, at_ns)
        if self.holding:
            self._ever_confirmed.add(identity)
        return self.epochs.open(identity, at_ns)

    def ended(self, identity: int, epoch: int, at_ns: int, cause: EndCause) -> None:
        """A confirmed subscription is over."""
        self._integrate_users(at_ns)
        self.epochs.end(epoch, at_ns, cause)
        left = self._here.pop(identity) - 1
        if left:
            self._here[identity] = left
        else:
            self._connected[ROLES[int(self.people.role[identity])]] -= 1
            self.presence.left(identity, at_ns, "left" if cause == EndCause.BY_US else "cut")
            if cause == EndCause.BY_US and not self.holding:
                self._left_before.add(identity)
            else:
                self._left_before.discard(identity)

    def sockets_of(self, identity: int) -> int:
        """How many confirmed subscriptions the identity has open now."""
        return self._here.get(identity, 0)

    @property
    def connected_count(self) -> int:
        """Users with a confirmed subscription."""
        return len(self._here)

    @property
    def planned_count(self) -> int:
        """Users that should have one now: all that were started but those that are away by plan."""
        return sum(self._planned.values()) - sum(self._away.values())

    def pinged(self, role: Role, at_ns: int, gap_ns: int | None) -> None:
        """A ping came, ``gap_ns`` after the one before on its socket."""
        self._ping_gaps[role].append((at_ns, -1 if gap_ns is None else gap_ns))

    # -- emissions ---------------------------------------------------------------------------------------------------

    def dispatched(self, due_ns: int, dispatched_ns: int) -> None:
        """An action of the plan was taken up."""
        self._lateness.setdefault(self.window(due_ns), []).append((dispatched_ns - due_ns) // NS_PER_US)

    def tick(self, key: bytes, epoch: int, arrival_ns: int, lag_ns: int = -1) -> Entry:
        """A mark of this run was found on an epoch's socket (the slow path's way in)."""
        ledger = self.ledger
        entry = ledger.entries.get(key) or ledger.unknown(key, arrival_ns)
        if len(entry.who) < entry.room:
            if lag_ns >= 0:
                entry.lag(lag_ns)
            entry.who.append(epoch)
            entry.when.append(arrival_ns)
        else:
            entry.overflow += 1
        return entry

    def announce(self, plain: list[Any]) -> None:
        """Take what another process announced: an emission, or what became of its people."""
        if plain[0] == TRUTH:
            self.presence.take(plain)
        else:
            self.ledger.announce(plain)

    # -- phases ------------------------------------------------------------------------------------------------------

    def hold(self, at_ns: int) -> None:
        """The hold begins: from now on presence and users' time count."""
        self._integrate_users(at_ns)
        self.holding = True
        self._ever_confirmed.update(self._here, self._left_before)
        self.presence.count_from(at_ns)

    def drain(self, at_ns: int) -> None:
        """The hold is over."""
        self._integrate_users(at_ns)
        self.presence.count_until(at_ns)
        self.holding = False

    # -- ticks -------------------------------------------------------------------------------------------------------

    def collect(self, now_ns: int, *, final: bool = False, breathe: Callable[[], None] | None = None) -> Batch:
        """Bin what was gathered since the last call and hand it over.

        Args:
            now_ns: monotonic time.
            final: the last call of the run: open entries are closed, their missing deliveries undetermined.
            breathe: called about every millisecond of work; what it lets happen is still of this batch.
        """
        self._integrate_users(now_ns)
        batch = self.batch
        turn_ns = self.clock.now_ns()
        for _ in self.ledger.judging(now_ns, batch, final=final):
            if breathe is not None and self.clock.now_ns() - turn_ns > _TURN_NS:
                breathe()
                turn_ns = self.clock.now_ns()
        now_window = self.window(now_ns)
        for (event, role), cell in self._received.items():
            if cell[0]:
                batch.add(now_window, "delivery.received", event, role, cell[0])
                batch.add(now_window, "delivery.bytes", event, role, cell[1])
                cell[0] = cell[1] = 0
        for (event, on_role), checked in self.checks.drain().items():
            batch.add(now_window, "contract.checked", event, on_role, checked)
        for role, gaps in self._ping_gaps.items():
            for at_ns, gap_ns in gaps:
                window = self.window(at_ns)
                batch.add(window, "cable.pings", "", role)
                if gap_ns >= 0:
                    batch.hist(window, "ping_gap", "", role).record(gap_ns // NS_PER_US)
            gaps.clear()
        self.hearing.flush(now_ns, batch)
        self.health.look_at_machine(now_ns, batch)
        self._flush_windows(now_window, batch, final=final)
        self.read_lags.flush(now_window, batch, held_up=self.health.pending_lags(), final=final)
        self.health.sample(now_ns, batch, final=final)
        self._gauges(now_ns, batch)
        self.ledger.announcements += self.presence.news(now_ns, final=final)
        self.presence.collect(now_ns, batch, final=final)
        self.batch = Batch()
        return batch

    def close(self) -> None:
        """Write the logs to their ends, where there are any; after the last batch."""
        self.presence.close()
        if self._deliveries is not None:
            self._deliveries.close()

    def _flush_windows(self, now_window: int, batch: Batch, *, final: bool) -> None:
        over = now_window if not final else now_window + 1
        for window in sorted(w for w in self._lateness.keys() | self.health.dropped_windows() if w < over):
            late_us = np.array(self._lateness.pop(window, ()), dtype=np.int64)
            self.health.judge_dropped(window, batch, len(late_us))
            batch.hist(window, "lateness").record_many(np.maximum(late_us, 0))
            self.health.judge_lateness(window, batch, (late_us / 1000).tolist())
        lag_max: dict[int, float] = {}
        for at_ns, lag_ns in self.health.pending_lags():
            window = self.window(at_ns)
            lag_max[window] = max(lag_max.get(window, 0.0), lag_ns / NS_PER_MS)
        for window, worst_ms in lag_max.items():
            self.health.judge_lag(window, batch, worst_ms)

    def _gauges(self, now_ns: int, batch: Batch) -> None:
        at_us = self.clock.wall_ns(now_ns) // NS_PER_US
        worker = self.settings.worker
        ever: dict[Role, int] = dict.fromkeys(ROLES, 0)
        for identity in self._ever_confirmed:
            ever[ROLES[int(self.people.role[identity])]] += 1
        for role in ROLES:
            batch.gauges.append(Gauge(at_us, f"users.planned.{role}", worker, self._planned[role]))
            batch.gauges.append(Gauge(at_us, f"users.connected.{role}", worker, self._connected[role]))
            batch.gauges.append(Gauge(at_us, f"users.ever_confirmed.{role}", worker, ever[role]))
        batch.gauges.append(Gauge(at_us, "users.due", worker, self.planned_count))
        batch.gauges.append(Gauge(at_us, "generator.open_entries", worker, self.ledger.open_count))

    def _was_away(self, identities: NDArray[np.int64], written_ns: int, event: str) -> None:
        self.on_away(identities, written_ns, event)

    def _integrate_users(self, now_ns: int) -> None:
        since_ns = self._users_since_ns
        if now_ns <= since_ns:  # a stamp from before what was told last
            return
        self._users_since_ns = now_ns
        if not self.holding:
            return
        passed_us = (now_ns - since_ns) / NS_PER_US
        window = self.window(now_ns)
        for role in ROLES:
            due = self._planned[role] - self._away[role]
            if due:
                self.batch.add(window, "users.planned_us", "", role, round(passed_us * due))
                connected = min(self._connected[role], due)
                self.batch.add(window, "users.connected_us", "", role, round(passed_us * connected))
