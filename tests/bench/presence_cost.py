"""What presence costs: CPU of a presence.update frame through the receive path, as large accounts send them.

Run as ``python -m tests.bench.presence_cost``. A hundred agents are each told of two thousand contacts; between two
frames of an observer some contacts come and go. Three cases: nothing changed since another observer's frame (the bytes
are the same), ten people changed, and a first frame. The share of a core is that of a hundred agents that beat every
20 s. Everything counts: finding the frame, decoding, differences, pairs, detection.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence

from loadtest.cable import CableConnection, agent_identifier
from loadtest.clock import SystemClock
from loadtest.collect import Collector, CollectorSettings, Receiver
from loadtest.directory import Agent, Contact, Directory

AGENTS, CONTACTS = 100, 2_000
HEARTBEAT_S = 20.0
CHANGED = 10
LIMIT_SHARE = 0.05
"""Presence may take so much of a core at this size: the generator counts as busy from 90 %."""


def directory(agents: int, contacts: int) -> Directory:
    """Everybody in one account and inbox."""
    return Directory(
        tuple(Agent((1,), 1 + n, "agent", (5,), f"agent-{n}", f"a{n}", f"A{n}") for n in range(agents)),
        tuple(Contact(1, 100_001 + n, 5, f"s{n}", f"contact-{n}", "inbox-5") for n in range(contacts)),
        "bench",
    )


def frame(identifier: str, agents: int, online: Sequence[int]) -> bytes:
    """A presence.update as an agent gets it."""
    data = {
        "account_id": 1,
        "users": {str(1 + n): "online" for n in range(agents)},
        "contacts": {str(100_001 + n): "online" for n in online},
    }
    message = {"identifier": identifier, "message": {"event": "presence.update", "data": data}}
    return json.dumps(message, separators=(",", ":")).encode()


def receivers(books: Collector, people: Directory) -> list[Receiver]:
    """A confirmed socket for every agent; contacts are there without one."""
    made = []
    now_ns = books.clock.now_ns()
    for number, agent in enumerate(people.agents):
        cable = CableConnection()
        name = agent_identifier(agent.pubsub_token, 1, agent.user_id)
        receiver = Receiver(books, cable, number, "agent", name, lambda event: None, lambda *how: None)  # type: ignore[arg-type]
        cable.opened(now_ns)
        for text in ('{"type":"welcome"}', json.dumps({"type": "confirm_subscription", "identifier": name})):
            if "confirm" in text:
                cable.subscribe(name, now_ns)
            encoded = text.encode()
            receiver.on_text(encoded, 0, len(encoded), now_ns)
        made.append(receiver)
    for number in range(len(people.agents), books.people.count):
        books.presence.arrived(number, now_ns)
    return made


def measured(rounds: int, agents: int = AGENTS, contacts: int = CONTACTS) -> dict[str, float]:
    """Median CPU microseconds of a frame, by case, and the bytes of one."""
    people, clock = directory(agents, contacts), SystemClock()
    clock.anchor()
    books = Collector(
        people, clock, CollectorSettings("benchm", agent_expiry_s=60, contact_expiry_s=60, heartbeat_s=HEARTBEAT_S)
    )
    sockets = receivers(books, people)
    books.hold(clock.now_ns())
    cases: dict[str, list[float]] = {"first": [], "changed": [], "same": []}
    size = 0
    for turn in range(rounds + 1):
        gone = {(turn * CHANGED + n) % contacts for n in range(CHANGED)}
        for number, receiver in enumerate(sockets):
            data = frame(receiver.identifier, agents, [n for n in range(contacts) if n not in gone])
            size = len(data)
            receiver.beat_sent(clock.now_ns())
            began = time.process_time_ns()
            receiver.on_text(data, 0, len(data), clock.now_ns())
            passed_us = (time.process_time_ns() - began) / 1e3
            cases["first" if turn == 0 else "changed" if number == 0 else "same"].append(passed_us)
        books.collect(clock.now_ns())
    return {**{name: statistics.median(values) for name, values in cases.items()}, "bytes": float(size)}


def share_of_core(costs: dict[str, float], agents: int = AGENTS) -> float:
    """What a heartbeat of every agent takes of a core when each frame differs from the one before."""
    return agents * costs["changed"] / 1e6 / HEARTBEAT_S


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    costs = measured(parser.parse_args().rounds)
    print(f"presence.update of {AGENTS} agents and {CONTACTS:,} contacts: {costs['bytes'] / 1024:.0f} KiB")
    for name, what in (
        ("first", "first frame of an observer"),
        ("changed", f"{CHANGED} people changed"),
        ("same", "same bytes as another observer's"),
    ):
        print(f"{what:<34} {costs[name]:>8.0f} us of CPU a frame")
    print(f"{AGENTS} agents beating every {HEARTBEAT_S:g} s: {share_of_core(costs):.2%} of a core")


if __name__ == "__main__":
    main()
