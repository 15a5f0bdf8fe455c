"""A week of a soak in a minute: what grows with it, how large its file is, and how long its report takes.

Run as ``python -m tests.bench.week [--windows N]``. Collectors on a virtual clock account for people who come and go,
messages that reach everybody, somebody who misses some, conversations that people open and sockets that the peer cuts;
their batches travel as a worker's do, are merged by a keeper and written. Nothing is kept of a window but its rows, so
what is in memory at the end must be what was in memory after a day.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from loadtest.clock import NS_PER_S, NS_PER_US, VirtualClock
from loadtest.collect import Action, Collector, CollectorSettings, EndCause, emission_key
from loadtest.directory import Agent, Contact, Directory
from loadtest.distributed.keeper import RunKeeper
from loadtest.metrics import Batch, Note
from loadtest.plan import window_s
from loadtest.report import build, soak

AGENTS, CONTACTS = 12, 24
DAY_S = 86_400
DEADLINE_S = 10
WINDOW_S = window_s(7 * DAY_S)
WINDOWS = round(7 * DAY_S / WINDOW_S)
_STARTED_S = 1_767_225_600


@dataclass(frozen=True)
class Sizes:
    """What is in memory at a moment.

    Attributes:
        python_bytes: everything that was allocated since the beginning, as tracemalloc counts it.
        counts: elements of everything that could grow, by name.
    """

    python_bytes: int
    counts: dict[str, int]


@dataclass(frozen=True)
class Week:
    """What came of it.

    Attributes:
        windows: how many there were.
        early: what was in memory after a seventh.
        late: what was at the end.
        file_bytes: of the run's file.
        closings: records of emissions in it.
        emissions: how many there were.
        reported: how many the report says there were, from the records that were kept.
        report_s: how long the report took.
        soak_s: how long the soak's page took.
    """

    windows: int
    early: Sizes
    late: Sizes
    file_bytes: int
    closings: int
    emissions: int
    reported: int
    report_s: float
    soak_s: float


class _Office:
    """People, their collector, and the keeper that takes its batches."""

    def __init__(self, folder: Path, length_s: float, most_closings: int) -> None:
        agents = tuple(Agent((1,), n, "agent", (5,), f"p{n}", f"a{n}") for n in range(1, AGENTS + 1))
        contacts = tuple(
            Contact(1, n, 5, f"s{n}", f"c{n}", "inbox-5", conversation_ids=(n,)) for n in range(1, CONTACTS + 1)
        )
        self.clock = VirtualClock(wall_start_ns=_STARTED_S * NS_PER_S)
        directory = Directory(agents, contacts, "bench")
        self.books = Collector(
            directory, self.clock, CollectorSettings("weekly", window_s=length_s, deadline_s=DEADLINE_S, worker="w")
        )
        started = datetime.fromtimestamp(_STARTED_S, UTC).isoformat()
        meta = {"window_s": length_s, "started_at": started, "run_id": "week", "deadline_s": DEADLINE_S}
        self.keeper = RunKeeper(folder, meta, length_s, print)
        self.keeper._writer._closings._most = most_closings
        self.here: dict[int, int] = {}
        self.number = count()
        self.opened = count(1_000)
        self.emissions = 0

    def phase(self, name: str) -> None:
        at_us = self.clock.wall_ns(self.clock.now_ns()) // NS_PER_US
        self.keeper.take(Batch(notes=[Note(at_us, "phase", name, {"phase": name})]))

    def come(self, identity: int) -> None:
        self.here[identity] = self.books.confirmed(identity, self.clock.now_ns())

    def go(self, identity: int, cause: EndCause) -> None:
        self.books.ended(identity, self.here.pop(identity), self.clock.now_ns(), cause)

    def window(self, length_s: float, emissions: int, sessions: int) -> None:
        clock, books = self.clock, self.books
        begun_ns = clock.now_ns()
        for n in range(sessions):
            identity = AGENTS + (next(self.number) % CONTACTS)
            self.go(identity, EndCause.BY_PEER if n % 2 else EndCause.BY_US)
            self.come(identity)
        clock.advance(1)
        for n in range(emissions):
            self.emit(n)
        books.count("rest.n", "contact.send_message", value=emissions)
        books.dispatched(clock.now_ns(), clock.now_ns() + 1_000_000)
        books.people.converses(1, next(self.opened), 999_999)
        clock.advance(DEADLINE_S + 1)
        self.hand_over()
        clock.advance(length_s - (clock.now_ns() - begun_ns) / NS_PER_S)
        self.hand_over()

    def emit(self, n: int) -> None:
        books, now_ns = self.books, self.clock.now_ns()
        key = emission_key(0, self.emissions).encode()
        self.emissions += 1
        contact = 1 + n % CONTACTS
        action = Action(
            event="message.created",
            call="contact.send_message",
            account_id=1,
            inbox_id=5,
            conversation_id=contact,
            contact_id=contact,
            actor_role="contact",
            actor_id=contact,
            private=False,
            due_ns=now_ns,
            dispatched_ns=now_ns,
        )
        entry = books.ledger.open(key, action)
        books.ledger.written(entry, now_ns)
        books.ledger.responded(entry, now_ns + 2_000_000, "ok")
        missing = self.emissions % 50 == 0
        for identity in [*range(AGENTS), AGENTS + contact - 1]:
            if not (missing and identity == 0):
                books.tick(key, self.here[identity], now_ns + 5_000_000 + 100_000 * identity)

    def hand_over(self) -> None:
        batch = Batch.from_plain(self.books.collect(self.clock.now_ns()).to_plain())
        self.books.ledger.announcements.clear()
        self.keeper.take(batch)
        self.keeper.flush(final=True)

    def sizes(self) -> Sizes:
        books, writer = self.books, self.keeper._writer
        gc.collect()
        grown = {
            "epochs": len(books.epochs),
            "entries": len(books.ledger.entries),
            "retired subjects": books.ledger.resting.retired,
            "conversations": len(books.people._held),
            "emissions in order": len(books.ledger._order),
            "lateness windows": len(books._lateness),
            "open histograms": len(writer._open),
            "series": len(writer._series),
            "levels": len(writer._gauges._levels),
            "last receivers": len(self.keeper._lasts),
            "gauges": len(self.keeper.gauges),
            "breached windows": len(self.keeper._note_bounds._breached),
        }
        return Sizes(tracemalloc.get_traced_memory()[0], grown)


def play(
    folder: Path,
    *,
    windows: int = WINDOWS,
    emissions: int = 4,
    sessions: int = 4,
    most_closings: int = 200_000,
    trace: bool = True,
) -> Week:
    """Let a week, or as much of it as so many windows are, pass on a virtual clock.

    Args:
        folder: the run's folder, to be made.
        windows: how many.
        emissions: a window.
        sessions: of contacts that end and begin anew, a window.
        most_closings: records that a file holds at most.
        trace: count the bytes of Python's objects, which takes thrice the time.
    """
    if trace:
        tracemalloc.start()
    try:
        office = _Office(folder, WINDOW_S, most_closings)
        office.phase("ramp")
        for identity in range(AGENTS + CONTACTS):
            office.books.user_started("agent" if identity < AGENTS else "contact")
            office.come(identity)
        office.clock.advance(60)
        office.phase("hold")
        office.books.hold(office.clock.now_ns())
        early = None
        for n in range(windows):
            office.window(WINDOW_S, emissions, sessions)
            if n + 1 == max(windows // 7, 1):
                early = office.sizes()
        late = office.sizes()
        assert early is not None
        office.phase("drain")
        office.phase("end")
        office.keeper.close()
    finally:
        tracemalloc.stop()
    began_s = time.monotonic()
    summary = build(folder).as_dict()
    report_s = time.monotonic() - began_s
    began_s = time.monotonic()
    soak.build(folder)
    soak_s = time.monotonic() - began_s
    file = folder / "run.sqlite"
    from loadtest.store import open_run

    closings = len(open_run(folder).closing_frame())
    reported = summary["fanout"]["message.created"]["agent"]["emissions"]
    return Week(windows, early, late, file.stat().st_size, closings, office.emissions, reported, report_s, soak_s)


def report(say: Callable[[str], None], week: Week) -> None:
    """Say what came of it."""
    say(f"{week.windows:,} windows, {week.emissions:,} emissions; in memory after a seventh and at the end:")
    say(f"  {'Python objects':<20} {week.early.python_bytes / 1e6:>9.2f} MB {week.late.python_bytes / 1e6:>9.2f} MB")
    for name, early in week.early.counts.items():
        say(f"  {name:<20} {early:>12,} {week.late.counts[name]:>12,}")
    share = week.closings / max(2 * week.emissions, 1)
    say(f"file {week.file_bytes / 1e6:.1f} MB, {week.closings:,} records of emissions ({share:.1%})")
    say(f"report {week.report_s:.1f} s, soak's page {week.soak_s:.1f} s (each below 10)")


def main() -> None:
    """Play, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.week", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--windows", type=int, default=WINDOWS, help="of two minutes; a week has 5,040")
    parser.add_argument("--emissions", type=int, default=4, help="a window")
    parser.add_argument("--trace", action="store_true", help="count bytes as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(
            print,
            play(Path(folder) / "week", windows=options.windows, emissions=options.emissions, trace=options.trace),
        )


if __name__ == "__main__":
    import locust  # noqa: F401 - patches the process, as in a run

    main()
