"""What checking costs: CPU per delivery of the receive path, with the contract's checks and without.

Run as ``python -m tests.bench.checker_cost``. Both ways take the same frames in turn, round by round; medians over the
rounds are told. Nothing else differs: without checks no frame's audience is judged and the sampler wants none. The mean
weighs the three frames as a run of ``locustfiles/mixed.py`` receives them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from loadtest.cable import CableConnection, agent_identifier
from loadtest.clock import SystemClock
from loadtest.collect import Action, Collector, CollectorSettings, Receiver, emission_key, write_mark
from loadtest.collect.checks import Checks
from loadtest.collect.subjects import read_subject, subject_key
from loadtest.contract import Recipient, Sampler
from loadtest.directory import Agent, Contact, Directory

TARGET = 1.20
RUN = "benchm"
NEVER = 2**62
BATCH = 50
"""Frames an emission: an audience of fifty, all on one socket here."""
AGENT = Agent((1,), 2, "agent", (5,), "p-bench-0123456789abcdef", "a-bench", "Max")
CONTACT = Contact(1, 10, 5, "s-10", "c-10", "inbox-5", conversation_ids=(3,), name="Cleo")
IDENTIFIER = agent_identifier(AGENT.pubsub_token, 1, AGENT.user_id)
#: how often each frame comes among these three, in a run of mixed.py
WEIGHTS = {"message.created": 0.30, "conversation.typing_on": 0.55, "conversation.status_changed": 0.15}

SENDER = {
    "additional_attributes": {},
    "custom_attributes": {},
    "email": None,
    "id": 10,
    "identifier": None,
    "name": "Cleo",
    "phone_number": None,
    "pubsub_token": "c-10",
    "thumbnail": "",
    "type": "contact",
}
USER = {
    "id": 2,
    "name": "Max",
    "available_name": "Max",
    "avatar_url": "",
    "type": "user",
    "availability_status": "online",
}


def message(content: str) -> dict[str, Any]:
    """A contact's message as events carry it."""
    return {
        "id": 7,
        "content": content,
        "account_id": 1,
        "inbox_id": 5,
        "conversation_id": 3,
        "message_type": 0,
        "created_at": 1627035000,
        "updated_at": "2021-07-23T10:10:00.000Z",
        "private": False,
        "status": "sent",
        "source_id": None,
        "content_type": "text",
        "content_attributes": {},
        "sender_type": "Contact",
        "sender_id": 10,
        "external_source_ids": {},
        "sender": SENDER,
    }


def conversation(*messages: dict[str, Any]) -> dict[str, Any]:
    """A conversation as events carry it."""
    return {
        "additional_attributes": {},
        "can_reply": True,
        "channel": "Channel::Api",
        "id": 3,
        "inbox_id": 5,
        "contact_inbox": {
            "id": 1,
            "contact_id": 10,
            "inbox_id": 5,
            "source_id": "s-10",
            "created_at": "2021-07-23T10:10:00.000Z",
            "updated_at": "2021-07-23T10:10:00.000Z",
            "hmac_verified": False,
        },
        "messages": list(messages),
        "meta": {"sender": SENDER, "assignee": USER},
        "status": "resolved",
        "unread_count": 0,
        "agent_last_seen_at": 0,
        "contact_last_seen_at": 0,
        "timestamp": 1627035000,
    }


class NoChecks(Checks):
    """Reads of a frame what accounts for it, and judges nothing."""

    def look(self, event: str, data: Any, recipient: Recipient) -> tuple[bytes | None, bool]:
        """The key of the frame's emission."""
        return read_subject(event, data), False


class Path:
    """One receive path with its books, and three kinds of frame to feed it.

    Args:
        checking: whether the sampler wants any frame.
    """

    def __init__(self, *, checking: bool) -> None:
        self.clock = SystemClock()
        self.books = Collector(Directory((AGENT,), (CONTACT,)), self.clock, CollectorSettings(RUN, dialect="seed"))
        if not checking:
            self.books.checks = NoChecks(self.books.people, "seed", self.books, Sampler(0, NEVER))
        cable = CableConnection()
        self.receiver = Receiver(self.books, cable, 0, "agent", IDENTIFIER, lambda event: None, lambda *how: None)
        cable.opened(self.clock.now_ns())
        self.feed(b'{"type":"welcome"}')
        cable.subscribe(IDENTIFIER, self.clock.now_ns())
        self.feed(_encode({"identifier": IDENTIFIER, "type": "confirm_subscription"}))
        self.feed(_frame("presence.update", {"account_id": 1, "users": {}, "contacts": {}}))
        self._emissions = 0

    def feed(self, text: bytes) -> None:
        """Take one frame, at now."""
        self.receiver.on_text(text, 0, len(text), time.monotonic_ns())

    def emit(self, event: str) -> bytes:
        """Open an entry as an emission does; returns the frame that is delivered."""
        self._emissions += 1
        now_ns = self.clock.now_ns()
        action = Action(
            event=event,
            call="bench",
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
        ledger = self.books.ledger
        key = emission_key(0, self._emissions)
        content = f"{write_mark(RUN, key, 1)} Hello, could you help me with my order?"
        if event == "message.created":
            ledger.open(key.encode(), action)
            return _frame(event, message(content))
        if event == "conversation.typing_on":
            ledger.open(subject_key(event, 1, 3, "contact:10"), action)
            return _frame(event, {"conversation": conversation(), "user": SENDER, "account_id": 1})
        ledger.open(subject_key(event, 1, 3), action)
        return _frame(event, {**conversation(message(content)), "account_id": 1})

    def cpu_ns(self, event: str, emissions: int) -> float:
        """CPU time a delivery, over so many emissions; what a tick of the collector costs is not in it."""
        spent = 0
        for _ in range(emissions):
            text = self.emit(event)
            feed, size, now_ns = self.receiver.on_text, len(text), self.clock.now_ns()
            since = time.process_time_ns()
            for _ in range(BATCH):
                feed(text, 0, size, now_ns)
            spent += time.process_time_ns() - since
            self.books.ledger.entries.clear()
        return spent / (emissions * BATCH)


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _frame(event: str, data: Any) -> bytes:
    return _encode({"identifier": IDENTIFIER, "message": {"event": event, "data": data}})


def measure(rounds: int, emissions: int, say: Callable[[str], None] = print) -> float:
    """Measure and tell; returns the ratio of the weighted means.

    Args:
        rounds: how often both ways are measured, in turn.
        emissions: emissions a round, of fifty deliveries each.
        say: is told each line.
    """
    checked, unchecked = Path(checking=True), Path(checking=False)
    say(f"{'event':30}{'bytes':>7}{'without':>12}{'with':>12}{'ratio':>8}")
    means = {True: 0.0, False: 0.0}
    for event, weight in WEIGHTS.items():
        taken: dict[bool, list[float]] = {True: [], False: []}
        for path in (checked, unchecked):
            path.cpu_ns(event, 2)  # the first frames of a kind, all checked, are a run's beginning
        for number in range(rounds):
            for checking in (True, False) if number % 2 else (False, True):
                taken[checking].append((checked if checking else unchecked).cpu_ns(event, emissions))
        median = {checking: statistics.median(values) for checking, values in taken.items()}
        for checking, value in median.items():
            means[checking] += weight * value
        size = len(checked.emit(event))
        say(_row(event, size, median[False], median[True]))
    say(_row("weighted mean", 0, means[False], means[True]))
    ratio = means[True] / means[False]
    say(f"target: at most {TARGET:.2f} times the CPU per delivery: {'met' if ratio <= TARGET else 'MISSED'}")
    return ratio


def _row(name: str, size: int, without_ns: float, with_ns: float) -> str:
    ratio = with_ns / without_ns
    return f"{name:30}{size or '':>7}{without_ns / 1000:>9.2f} us{with_ns / 1000:>9.2f} us{ratio:>8.2f}"


def main() -> None:
    """Measure with the rounds that the command line asks for."""
    parser = argparse.ArgumentParser(description="CPU per delivery with the contract's checks and without.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--emissions", type=int, default=40, help="a round, of fifty deliveries each")
    options = parser.parse_args()
    measure(options.rounds, options.emissions)


if __name__ == "__main__":
    main()
