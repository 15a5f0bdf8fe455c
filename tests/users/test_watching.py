"""The watch over a run's sources: readings become gauges, failures are told once and never end anything."""

import os

import pytest

from loadtest.distributed import RunKeeper
from loadtest.errors import TransportError
from loadtest.target.watch_process import ProcessSource
from loadtest.target.watch_source import Look
from loadtest.users import watching as module
from loadtest.users.watching import Watching
from tests.users.conftest import eventually


class Played:
    """A source that does what a test lists, one after the other, and then the last again."""

    def __init__(self, name, *acts):
        self.name = name
        self.acts = list(acts)
        self.looks = 0
        self.closed = False

    def fetch(self):
        self.looks += 1
        act = self.acts[min(self.looks, len(self.acts)) - 1]
        if isinstance(act, Exception):
            raise act
        return act

    def digest(self, raw):
        if isinstance(raw, str):
            raise TypeError(raw)
        return raw

    def close(self):
        self.closed = True


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    """A run's keeper; the watch looks often."""
    monkeypatch.setattr(module, "LEAST_PERIOD_S", 0.01)
    made = RunKeeper(tmp_path / "run", {}, 0.01, print)
    yield made
    made.close()


@pytest.fixture
def watch(keeper):
    """Starts watches that are stopped after the test."""
    started = []

    def start(*sources):
        watching = Watching(sources, keeper, 0.01)
        watching.start()
        started.append(watching)
        return watching

    yield start
    for watching in started:
        watching.stop()


def kinds(keeper):
    """Kinds of the notes that wait to be written."""
    return [note.kind for note in keeper._pending.notes]


def test_readings_become_gauges_of_their_source(keeper, watch):
    """A real process and a played source, each under its name."""
    watch(ProcessSource("me", os.getpid()), Played("cache", Look({"redis_keys": 3.0})))

    eventually(lambda: {("me", "target.rss_bytes"), ("cache", "target.redis_keys")} <= keeper.gauges.keys())

    assert keeper.gauges["cache", "target.redis_keys"] == 3.0


def test_a_failure_is_told_once_until_it_is_over(keeper, watch, capsys):
    """The same failure again and again is one note; its end is another."""
    gone = TransportError("watch", "cache", "Redis does not answer")
    source = Played("cache", gone, gone, gone, Look({"redis_keys": 3.0}))
    watch(source)

    eventually(lambda: source.looks > 5)

    assert kinds(keeper) == ["watch_failed", "watch_recovered"]
    assert capsys.readouterr().err.count("not watched: cache: Redis does not answer") == 1


def test_a_source_that_breaks_ends_nothing(keeper, watch):
    """An error that nobody thought of, in the thread as well, is a failure like any other; the others go on."""
    broken, fine = Played("broken", "what is this", RuntimeError("oh")), Played("fine", Look({"x": 1.0}))
    watch(broken, fine)

    eventually(lambda: broken.looks > 3 and fine.looks > 3)

    assert [note.text for note in keeper._pending.notes] == [
        "broken: TypeError: what is this",
        "broken: RuntimeError: oh",
    ]


def test_events_become_notes(keeper, watch):
    """A restart that a source saw is on the time line, with the source's name."""
    watch(Played("web", Look({}, (("restart", "web was restarted"),)), Look({})))

    eventually(lambda: kinds(keeper))

    assert kinds(keeper) == ["restart"]
    assert keeper._pending.notes[0].data == {"source": "web"}


def test_a_stopped_watch_lets_go(keeper, watch):
    """Stopping closes the sources, reads on for as long as asked first, and may be done twice."""
    source = Played("web", Look({"x": 1.0}))
    watching = watch(source)
    watching.stop(0.05)
    looks = source.looks
    watching.stop()

    assert source.closed
    assert looks >= 1


def test_nothing_to_watch_costs_nothing(keeper):
    """Without sources there is neither greenlet nor thread."""
    watching = Watching([], keeper, 1.0)
    watching.start()

    assert watching._pool is None
    watching.stop(10.0)
