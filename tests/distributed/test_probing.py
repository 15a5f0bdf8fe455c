"""Probes of a worker's clock, answered by a master over a channel that holds them up and loses some."""

import random

import gevent
import pytest
from locust.rpc.protocol import Message

from loadtest.clock import NS_PER_MS
from loadtest.distributed import messages, probing
from loadtest.distributed.probing import FIRST_PROBES, Answerer, Prober
from tests.plugin.conftest import eventually


class Channel:
    """Between one worker and its master, through Locust's serialisation.

    Args:
        lost: share of the probes that vanish.
        delay_s: mean of the delay either way.
    """

    def __init__(self, lost=0.0, delay_s=0.0):
        self.master = Answerer()
        self.prober = Prober(self._there)
        self.sent = []
        self.stepped_ns = 0
        self._draw = random.Random(1)
        self._lost, self._delay_s = lost, delay_s

    def _there(self, data):
        self.sent.append(data)
        if self._draw.random() >= self._lost:
            gevent.spawn_later(self._draw.uniform(0, 2 * self._delay_s), self._take, _sent(data))

    def _take(self, data):
        answer = self.master.answer("worker", data)
        if answer is not None:
            answer["anchor_ns"] += self.stepped_ns
            gevent.spawn_later(self._draw.uniform(0, 2 * self._delay_s), self.prober.answered, _sent(answer))


def _sent(data):
    return Message.unserialize(Message(messages.CLOCK, data, "worker").serialize()).data


def bound_of(channel):
    """How far the worker's clock may be wrong now."""
    return channel.prober.clock.bound_at_ns(channel.prober.clock.now_ns())


@pytest.fixture
def channel():
    """Makes channels whose probers end with the test."""
    made = []

    def make(**path):
        made.append(Channel(**path))
        made[-1].prober.start()
        return made[-1]

    yield make
    for one in made:
        one.prober.stop()


def test_the_master_learns_who_has_measured(channel):
    """After its first round a worker counts as measured."""
    one = channel()
    before = set(one.master.measured)
    eventually(lambda: one.master.measured)

    assert (set(), {"worker"}) == (before, one.master.measured)
    assert FIRST_PROBES == sum(data["number"] >= 0 for data in one.sent[:FIRST_PROBES])


def test_a_clock_of_this_machine_is_found_to_be_its_own(channel):
    """Through a channel with milliseconds of jitter the offset is zero within a bound below them."""
    one = channel(delay_s=0.002)
    eventually(lambda: one.master.measured)

    assert 0 == one.prober.clock.offset_ns
    assert 0 < bound_of(one) < 50 * NS_PER_MS


def test_a_step_of_the_masters_wall_clock_is_told(channel, monkeypatch):
    """The round that finds it keeps it for whoever anchors the clock next, who is told of it once."""
    monkeypatch.setattr(probing, "_SOON_S", 0.01)
    monkeypatch.setattr(probing, "EVERY_S", 0.01)
    one = channel()
    eventually(lambda: one.master.measured)
    clock = one.prober.clock
    clock.anchor()
    one.stepped_ns = 2_000 * NS_PER_MS
    rounds = sum(data["number"] < 0 for data in one.sent)
    eventually(lambda: sum(data["number"] < 0 for data in one.sent) >= rounds + 2)

    assert abs(clock.anchor() - one.stepped_ns) < NS_PER_MS
    assert abs(clock.anchor()) < NS_PER_MS


def test_lost_probes_do_no_harm(channel, monkeypatch):
    """What is not answered in time counts for nothing, and the round goes on."""
    monkeypatch.setattr(probing, "_ANSWER_S", 0.02)
    one = channel(lost=0.2)
    eventually(lambda: bound_of(one))

    assert 0 == one.prober.clock.offset_ns


def test_an_answer_nobody_waits_for_is_passed_over(channel):
    """One that came after its time changes nothing."""
    one = channel()
    eventually(lambda: one.master.measured)
    bound_ns = bound_of(one)
    one.prober.answered({"number": 10**6})

    assert bound_ns == bound_of(one)


def test_a_master_that_never_answers_leaves_an_ordinary_clock(channel, monkeypatch):
    """Without an answer there is neither offset nor bound, and nobody counts as measured."""
    monkeypatch.setattr(probing, "_ANSWER_S", 0.0001)
    monkeypatch.setattr(probing, "_BETWEEN_S", 0)
    one = channel(lost=1.0)
    eventually(lambda: len(one.sent) >= FIRST_PROBES)

    assert (0, 0, set()) == (one.prober.clock.offset_ns, bound_of(one), one.master.measured)
