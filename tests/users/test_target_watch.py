"""The watch over the embedded server: its figures become gauges, and its death is told once."""

import os
import signal

import gevent
import pytest

from loadtest.directory import Population
from loadtest.distributed import RunKeeper
from loadtest.refserver import ServerSettings, start_child
from loadtest.users import target_watch as module
from loadtest.users.target_watch import TargetWatch
from tests.users.conftest import eventually


@pytest.fixture
def child():
    """A server of this test's own."""
    started = start_child(ServerSettings(population=Population(agents=1, contacts=1, members=1)))
    yield started
    started.stop()


@pytest.fixture
def keeper(tmp_path):
    """A run's keeper."""
    made = RunKeeper(tmp_path / "run", {}, 1.0, print)
    yield made
    made.close()


@pytest.fixture
def watch(child, keeper, monkeypatch):
    """A watch that looks often, with what it told of a death."""
    monkeypatch.setattr(module, "_PERIOD_S", 0.05)
    deaths = []
    started = TargetWatch(child, keeper, deaths.append)
    started.start()
    yield started, deaths
    started.stop()


def test_the_servers_figures_become_gauges(watch, keeper):
    """What waits in the server is told by itself."""
    eventually(lambda: ("", "target.backlog_bytes") in keeper.gauges)

    assert keeper.total("target.backlog_bytes") == 0


def test_a_death_is_told_once(watch, child):
    """A server that was killed ends the watch with a reason."""
    os.kill(child.pid, signal.SIGKILL)

    subject, deaths = watch
    eventually(lambda: subject._greenlet.dead)

    assert 1 == len(deaths)
    assert "the embedded server ended during the run" in deaths[0]


def test_a_stopped_watch_tells_nothing(child, keeper):
    """Whoever ends the server on purpose stops the watch first; stopping twice does nothing."""
    deaths = []
    subject = TargetWatch(child, keeper, deaths.append)
    subject.start()
    subject.stop()
    subject.stop()
    child.stop()
    gevent.sleep(0)

    assert not deaths
