"""What nobody caught is told of; what somebody waits for, and what is no error, is not."""

from __future__ import annotations

import gevent
import pytest
from gevent.threadpool import ThreadPool

from loadtest.metrics import Batch
from loadtest.plugin.defects import Defects


@pytest.fixture
def defects():
    """Watching this test's hub."""
    made = Defects()
    made.watch()
    yield made
    made.unwatch()


def fail():
    """Whatever it does, it raises."""
    raise LookupError("a secret of somebody's")


def test_a_greenlet_that_dies_is_told_of_once(defects, capsys):
    """By type and place, without what it said; printed as gevent does."""
    gevent.spawn(fail).join()
    first, second = Batch(), Batch()
    defects.tell(first)
    defects.tell(second)

    assert [note.kind for note in first.notes] == ["generator_error"]
    assert "(LookupError at test_defects.py:" in first.notes[0].text
    assert "secret" not in first.notes[0].text
    assert second.is_empty
    assert "a secret of somebody's" in capsys.readouterr().err


def test_a_callback_that_raises_is_told_of(defects, capsys):
    """Receivers and sessions are told of things in the hub."""
    gevent.get_hub().loop.run_callback(fail)
    gevent.sleep(0)
    gevent.sleep(0)

    assert "(LookupError at" in defects.take()
    assert "LookupError" in capsys.readouterr().err


def test_the_end_of_a_greenlet_is_no_defect(defects):
    """One that is killed, or that ends the test, raised nothing that matters."""

    def leave():
        raise SystemExit(3)

    gevent.spawn(gevent.sleep, 60).kill()
    with pytest.raises(SystemExit):
        gevent.spawn(leave).join()

    assert defects.take() == ""


def test_what_a_thread_raises_is_for_whoever_waits(defects):
    """A name that cannot be resolved is an error of the call that asked."""
    pool = ThreadPool(1)
    try:
        with pytest.raises(LookupError):
            pool.spawn(fail).get()
    finally:
        pool.kill()

    assert defects.take() == ""


def test_the_hub_is_left_as_it_was():
    """Watching twice and ending it leaves gevent's own handler."""
    made = Defects()
    made.watch()
    made.watch()
    made.unwatch()
    made.unwatch()

    assert "handle_error" not in vars(gevent.get_hub())
