"""Which first copies were overtaken, by happens-before."""

from __future__ import annotations

import pytest

from loadtest.collect.entry import Entry
from loadtest.collect.order import Order


def sent(written: int, answered: int | None, *ticks: tuple[int, int], status: str = "ok") -> Entry:
    """An emission whose copies arrived at (epoch, time)."""
    entry = Entry(str(written).encode())
    entry.written_ns, entry.responded_ns, entry.status = written, answered, status
    for epoch, arrival in ticks:
        entry.who.append(epoch)
        entry.when.append(arrival)
    return entry


def overtaken(order: Order, entry: Entry, epochs: int = 4) -> list[int]:
    """The epochs at which an emission was overtaken."""
    seen = entry.seen()
    for _ in order.sweep([seen], epochs):
        pass
    return seen.epochs[seen.overtaken].tolist()


def ordered(*entries: Entry) -> Order:
    """An order of these sends."""
    order = Order()
    for entry in entries:
        order.add(entry)
    return order


def test_a_copy_after_that_of_a_later_send_was_overtaken() -> None:
    """Only on the socket where it came second."""
    first, second = sent(0, 10, (0, 30), (1, 15)), sent(11, 20, (0, 25), (1, 26))

    assert [0] == overtaken(ordered(first, second), first)


@pytest.mark.parametrize(("written", "expected"), [(9, []), (10, []), (11, [0])])
def test_posts_that_overlap_have_no_order(written: int, expected: list[int]) -> None:
    """The second must have been written after the first one's answer."""
    first, second = sent(0, 10, (0, 30)), sent(written, 40, (0, 25))

    assert expected == overtaken(ordered(first, second), first)


@pytest.mark.parametrize(("written", "expected"), [(30, []), (31, [0])])
def test_two_workers_clocks_may_be_wrong_about_what_was_first(written: int, expected: list[int]) -> None:
    """Each by 10: another worker's emission was surely written after the answer when it seems so by more than both."""
    first, second = sent(0, 10, (0, 60)), sent(written, 70, (0, 55))
    first.bound_ns = second.bound_ns = 10

    assert expected == overtaken(ordered(first, second), first)


def test_arrivals_at_the_same_instant_have_no_order() -> None:
    """One read may bring both."""
    first, second = sent(0, 10, (0, 30)), sent(11, 20, (0, 30))

    assert [] == overtaken(ordered(first, second), first)


@pytest.mark.parametrize("status", ["uncertain", "void"])
def test_without_an_answer_nothing_happened_after(status: str) -> None:
    """A request that timed out may be carried out at any time."""
    first, second = sent(0, 10, (0, 30), status=status), sent(11, 20, (0, 25))

    assert [] == overtaken(ordered(first, second), first)


def test_a_second_copy_is_no_overtaking() -> None:
    """Duplicates of the first after the second arrived are duplicates."""
    first, second = sent(0, 10, (0, 15), (0, 30)), sent(11, 20, (0, 25))

    assert [] == overtaken(ordered(first, second), first)


def test_forgotten_sends_are_still_known_to_late_copies() -> None:
    """What was dropped had arrived before whatever comes from now on."""
    first, second = sent(0, 10), sent(11, 20, (0, 25))
    order = ordered(first, second)
    order.forget(12, 100)
    first.who.append(0)
    first.when.append(200)

    assert (0, [0]) == (len(order), overtaken(order, first))


def test_late_copies_of_forgotten_sends_are_noted() -> None:
    """The later one was late itself, yet before the earlier one."""
    first, second = sent(0, 10), sent(11, 20)
    order = ordered(first, second)
    order.forget(12, 100)
    second.who.append(300)
    second.when.append(200)
    order.came_late(second.seen())
    first.who.append(300)
    first.when.append(201)

    assert [300] == overtaken(order, first, epochs=301)


def test_what_is_open_is_kept() -> None:
    """Its copies may still come."""
    order = ordered(sent(0, 10), sent(11, 20))
    order.forget(11, 100)

    assert 1 == len(order)


def test_epochs_that_came_during_the_sweep_are_passed_over() -> None:
    """Nobody asks about a subscription that is newer than the question."""
    first, second = sent(0, 10, (0, 30)), sent(11, 20, (9, 25), (0, 26))

    assert [0] == overtaken(ordered(first, second), first, epochs=4)


def test_many_sends_are_swept_in_steps() -> None:
    """The caller gets its turns in between, however few emissions it asks about."""
    first = sent(0, 10, (0, 9_999))
    order = ordered(first, *(sent(11 + n, 12 + n, (0, 20 + n)) for n in range(1000)))

    assert len(list(order.sweep([first.seen()], 1))) > 10
