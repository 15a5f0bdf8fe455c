"""Kept addresses of hosts."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from loadtest.clock import VirtualClock
from loadtest.transport.names import AddressBook

ONE, TWO, SIX = ("192.0.2.1", 80), ("192.0.2.2", 80), ("2001:db8::1", 80, 0, 0)


class Resolver:
    """A resolver that counts, and answers what it is told to."""

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.asked = 0
        self.answers = answers

    def __call__(self, host: str, port: int) -> list[tuple[Any, ...]]:
        self.asked += 1
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if len(answer) == 4 else socket.AF_INET, socket.SOCK_STREAM, 6, "", answer)
            for answer in self.answers
        ]


def book_of(resolver: Resolver, clock: VirtualClock) -> AddressBook:
    """A book that keeps answers for 30 s and doubts them after 1 s."""
    return AddressBook(resolver, contextlib.nullcontext(), keep_s=30, retry_s=1, now_ns=clock.now_ns)


def test_asked_once_while_fresh() -> None:
    """A name is resolved again only after its time."""
    clock, resolver = VirtualClock(), Resolver(ONE)
    book = book_of(resolver, clock)
    for seconds in (0, 10, 19.9, 0.1, 1):
        clock.advance(seconds)
        book.addresses("host", 80)

    assert resolver.asked == 2


def test_addresses_of_the_first_family_take_turns() -> None:
    """Connections spread over a host's addresses; the other family stays the last resort."""
    book = book_of(Resolver(ONE, TWO, SIX), VirtualClock())

    turns = [[address for _, address in book.addresses("host", 80)] for _ in range(3)]

    assert turns == [[ONE, TWO, SIX], [TWO, ONE, SIX], [ONE, TWO, SIX]]


def test_doubt_asks_again_but_not_in_a_storm() -> None:
    """A failed connection has the name resolved again, unless that was done within the last second."""
    clock, resolver = VirtualClock(), Resolver(ONE)
    book = book_of(resolver, clock)
    asked = []
    for seconds in (0, 0.5, 0.5, 0.5):
        clock.advance(seconds)
        book.addresses("host", 80)
        book.doubt("host", 80)
        asked.append(resolver.asked)

    assert asked == [1, 1, 1, 2]


def test_failure_is_not_kept() -> None:
    """A name that cannot be resolved is an error each time."""
    resolver = Resolver()
    book = book_of(resolver, VirtualClock())
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            book.addresses("host", 80)

    assert resolver.asked == 2


def test_hosts_are_kept_apart() -> None:
    """Each host and port has its own entry."""
    resolver = Resolver(ONE)
    book = book_of(resolver, VirtualClock())
    for host, port in (("a", 80), ("a", 81), ("b", 80), ("a", 80)):
        book.addresses(host, port)

    assert resolver.asked == 3
