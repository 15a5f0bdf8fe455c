"""What the emission ledger keeps in memory: bytes a delivery while it is accounted for, and what remains of it.

Run as ``python -m tests.bench.ledger_memory``. A second's emissions are opened, answered and received by everybody, as
often as a deadline has seconds, then judged until the books are closed; ``tracemalloc`` tells what each step allocates.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.clock import VirtualClock
from loadtest.collect import Action, Collector, CollectorSettings, emission_key
from loadtest.directory import Agent, Contact, Directory
from loadtest.metrics import Batch

DEADLINE_S = 10


@dataclass(frozen=True)
class Measured:
    """Bytes in the ledger.

    Attributes:
        emissions: how many were made.
        cells: deliveries that were expected, those that did not come included.
        open_bytes: while nothing was judged yet.
        judged_bytes: when latencies were taken, before the books were closed.
        closed_bytes: just after the books were closed, while further copies are still told.
        left_bytes: after that; what was lost is kept to recognise a late delivery.
    """

    emissions: int
    cells: int
    open_bytes: int
    judged_bytes: int
    closed_bytes: int
    left_bytes: int


def measure(rate: int, audience: int, lost_every: int = 0) -> Measured:
    """Let a deadline's worth of emissions happen on a virtual clock.

    Args:
        rate: emissions a second.
        audience: who is to receive each.
        lost_every: every so many emissions, one socket gets nothing; 0 for never.
    """
    agents = tuple(Agent((1,), n, "agent", (5,), f"p{n}", f"a{n}") for n in range(1, audience))
    contact = Contact(1, 10, 5, "s-10", "c-10", "inbox-5", conversation_ids=(3,))
    clock = VirtualClock()
    books = Collector(Directory(agents, (contact,)), clock, CollectorSettings("memory", deadline_s=DEADLINE_S))
    epochs = [books.confirmed(identity, clock.now_ns()) for identity in range(books.people.count)]
    clock.advance(60)
    books.ledger.judge(clock.now_ns(), Batch())
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    def used() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    emissions = rate * DEADLINE_S
    for number in range(emissions):
        now_ns = clock.advance(0 if number % rate else 0.99)
        key = emission_key(0, number).encode()
        books.ledger.open(key, _action(now_ns))
        entry = books.ledger.entries[key]
        books.ledger.written(entry, now_ns)
        deaf = epochs[number % len(epochs)] if lost_every and number % lost_every == 0 else -1
        for epoch in epochs:
            if epoch != deaf:
                books.ledger.tick(key, epoch, now_ns + 1_000_000)
        books.ledger.responded(entry, now_ns + 500_000, "ok")
        books.ledger.announcements.clear()
    steps = [used()]
    for seconds in (0.0, DEADLINE_S, 2 * DEADLINE_S):
        clock.advance(seconds)
        batch = Batch()
        books.ledger.judge(clock.now_ns(), batch)
        books.read_lags.flush(books.window(clock.now_ns()), batch)  # which is told when deliveries were read
        del batch
        steps.append(used())
    tracemalloc.stop()
    return Measured(emissions, emissions * len(epochs), *steps)


def _action(now_ns: int) -> Action:
    return Action(
        event="message.created",
        call="contact.send_message",
        account_id=1,
        inbox_id=5,
        conversation_id=3,
        contact_id=10,
        actor_role="contact",
        actor_id=10,
        private=False,
        due_ns=now_ns,
        dispatched_ns=now_ns,
    )


def report(say: Callable[[str], None] = print) -> None:
    """Measure the usual shapes and tell them."""
    heads = ("bytes/delivery, open", "judged", "closed", "left")
    titles = "".join(f"{head:>{width}}" for head, width in zip(heads, (22, 8, 8, 8), strict=True))
    say(f"{'emissions/s':>12}{'audience':>10}{'lost':>6}{titles}")
    for rate, audience, lost_every in ((100, 1, 0), (100, 11, 0), (100, 100, 0), (10, 1000, 0), (100, 11, 10)):
        m = measure(rate, audience, lost_every)
        told = (m.open_bytes, m.judged_bytes, m.closed_bytes, m.left_bytes)
        cells = "".join(f"{value / m.cells:>{width}.1f}" for value, width in zip(told, (22, 8, 8, 8), strict=True))
        say(f"{rate:>12}{audience:>10}{f'1/{lost_every}' if lost_every else '-':>6}{cells}")


def main() -> None:
    """Measure."""
    argparse.ArgumentParser(description="Bytes a delivery in the emission ledger.").parse_args()
    report()


if __name__ == "__main__":
    main()
