"""Ctrl-C reaches the main greenlet, whoever runs when it comes."""

import os
import signal

import gevent
import pytest
from gevent.event import Event as Signal

from loadtest.plugin.interrupts import reach_main_greenlet


@pytest.fixture
def reaching():
    """The handler is in place; what was there before comes back."""
    put_back = reach_main_greenlet()
    yield
    put_back()


def press():
    """Press Ctrl-C, and swallow it as Locust's listener does."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
    except KeyboardInterrupt:
        return "swallowed"
    return "passed by"


def test_a_greenlet_that_swallows_it_does_not_get_it(reaching):
    """It is raised where the main greenlet waits, not where the signal came in."""
    pressing = gevent.spawn(press)
    with pytest.raises(KeyboardInterrupt):
        Signal().wait(timeout=60)

    assert "passed by" == pressing.get()


def test_it_comes_every_time(reaching):
    """A second Ctrl-C interrupts what the first has led to."""
    for _ in range(2):
        gevent.spawn(press)
        with pytest.raises(KeyboardInterrupt):
            Signal().wait(timeout=60)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGTERM)]
)
def test_a_second_signal_stops_at_once(signals):
    """The first is for a graceful end; whoever sends another does not wait for it."""
    stopped = Signal()
    put_back = reach_main_greenlet(stopped.set)
    first, second = signals
    try:
        os.kill(os.getpid(), first)
        try:
            early = stopped.wait(timeout=0.2)
        except KeyboardInterrupt:
            early = False
        os.kill(os.getpid(), second)

        assert (False, True) == (early, stopped.wait(timeout=60))
    finally:
        put_back()


def test_a_sigterm_that_locust_does_not_hear_is_raised_as_ctrl_c_is():
    """Under a shape nobody else would answer the first one; a second one still stops at once."""
    stopped = Signal()
    put_back = reach_main_greenlet(stopped.set, lambda: True)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            stopped.wait(timeout=60)
        os.kill(os.getpid(), signal.SIGTERM)

        assert stopped.wait(timeout=60)
    finally:
        put_back()


def test_what_was_there_comes_back():
    """After a run Python's own handler is in place again."""
    put_back = reach_main_greenlet()
    during = signal.getsignal(signal.SIGINT)
    put_back()

    assert during is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_another_handler_is_left_alone(handler):
    """A background job ignores SIGINT, and somebody else's handler is theirs."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        reach_main_greenlet()()
        during = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert handler == during
