"""The course of a run: ramp, hold, drain, end, each once and in order, however it is ended."""

import gevent
import pytest
from gevent.event import Event as Signal

from loadtest.distributed import RunKeeper
from loadtest.distributed.conductor import Conductor, Patience, warn
from loadtest.store import open_run

META = {"run_id": "run", "started_at": "2023-11-14T22:13:20.000+00:00", "window_s": 1.0}
LONG_S = 60.0
PATIENT = Patience(confirm_s=LONG_S, drain_s=LONG_S, flush_s=0.01)
HASTY = Patience(confirm_s=0.05, drain_s=0.05, flush_s=0.01)


class Scripted:
    """Workers that are ready and drained when a test says so, and write down what they are told."""

    def __init__(self, *, ready=True, drained=True, shortage=""):
        self.is_ready = ready
        self.is_drained = drained
        self.is_played_out = False
        self.reason = shortage
        self.told = []
        self.holding = Signal()
        self.draining = Signal()

    def ready(self):
        return self.is_ready

    def begin_hold(self):
        self.told.append("begin_hold")
        self.holding.set()

    def end_hold(self, limit_s=None):
        self.told.append("end_hold" if limit_s is None else f"end_hold within {limit_s:g} s")
        self.draining.set()

    def drained(self):
        return self.is_drained

    def close_books(self):
        self.told.append("close_books")

    def played_out(self):
        return self.is_played_out

    def shortage(self):
        return self.reason


class Stage:
    """A conductor with what it leads."""

    def __init__(self, folder, workers, patience):
        self.workers = workers
        self.reasons = []
        self.gave_up = Signal()
        self.keeper = RunKeeper(folder, META, 1.0, print)
        self.ended = Signal()
        self.conductor = Conductor(self.keeper, workers, patience, self._give_up, self.ended.set)
        self.conductor.start()

    def _give_up(self, reason):
        self.reasons.append(reason)
        self.gave_up.set()

    def phases(self):
        """The phases as the store has them."""
        frame = open_run(self.keeper.folder).note_frame()
        return [note.data["phase"] for note in frame.itertuples() if note.kind == "phase"]


@pytest.fixture
def stage(tmp_path):
    """Sets a stage; its store is closed after the test."""
    stages = []

    def make(patience=PATIENT, **workers):
        stages.append(Stage(tmp_path / "run", Scripted(**workers), patience))
        return stages[-1]

    yield make
    for made in stages:
        made.conductor.stopping()
        made.keeper.close()


def test_a_run_goes_through_its_phases(stage):
    """Ramp, hold, drain, end: the workers are told at each step, and the store has the marks."""
    run = stage()
    run.conductor.spawning_complete()
    assert run.workers.holding.wait(timeout=LONG_S)
    run.conductor.stopping()

    assert ["begin_hold", "end_hold", "close_books"] == run.workers.told
    assert ["ramp", "hold", "drain", "end"] == run.phases()


def test_a_target_that_is_let_go_is_not_waited_for(stage):
    """At once nothing is emitted any more, and the drain is bounded by what is left of its patience."""
    run = stage(drained=False)
    run.conductor.spawning_complete()
    assert run.workers.holding.wait(timeout=LONG_S)
    run.conductor.hurry(0.05)
    told = list(run.workers.told)
    with gevent.Timeout(LONG_S / 2):
        run.conductor.stopping()

    assert ["begin_hold", "end_hold within 0.05 s"] == told
    assert [*told, "close_books"] == run.workers.told
    assert ["ramp", "hold", "drain", "end"] == run.phases()


def test_the_hold_waits_for_the_users(stage):
    """Nothing is emitted before everybody is there, nor before all were spawned."""
    run = stage(ready=False)
    before_spawning = run.conductor.phase
    run.conductor.spawning_complete()
    gevent.sleep(0)
    waiting = run.conductor.phase
    run.workers.is_ready = True
    assert run.workers.holding.wait(timeout=LONG_S)

    assert ("ramp", "ramp", "hold") == (before_spawning, waiting, run.conductor.phase)


def test_a_plan_that_is_played_out_ends_the_run(stage):
    """Whoever owns the run is told once it is, not before."""
    run = stage()
    run.conductor.spawning_complete()
    assert run.workers.holding.wait(timeout=LONG_S)
    gevent.sleep(0)
    before = run.ended.is_set()
    run.workers.is_played_out = True

    assert not before
    assert run.ended.wait(timeout=LONG_S)


def test_patience_ends_the_ramp(stage):
    """Where some stay away the hold begins without them."""
    run = stage(HASTY, ready=False)
    run.conductor.spawning_complete()

    assert run.workers.holding.wait(timeout=LONG_S)
    assert not run.reasons


def test_nobody_connected_gives_up(stage):
    """Where nobody could be connected there is no hold, and the reason is told."""
    run = stage(HASTY, ready=False, shortage="No user could connect")
    run.conductor.spawning_complete()
    assert run.gave_up.wait(timeout=LONG_S)
    run.conductor.stopping()

    assert ["No user could connect"] == run.reasons
    assert ["close_books"] == run.workers.told
    assert ["ramp", "end"] == run.phases()


def test_giving_up_may_stop_the_run_itself(stage):
    """The reason's taker may stop the test at once."""
    run = stage(HASTY, ready=False, shortage="nobody")
    run.conductor._give_up = lambda reason: gevent.spawn(run.conductor.stopping).join()
    run.conductor.spawning_complete()
    run.conductor._ramp.join(timeout=LONG_S)

    assert "end" == run.conductor.phase


def test_a_ramp_that_is_stopped_has_no_drain(stage):
    """Stopped before the hold, the books are closed at once, and the hold never begins."""
    run = stage(ready=False)
    run.conductor.spawning_complete()
    run.conductor.stopping()
    run.workers.is_ready = True

    assert ["close_books"] == run.workers.told
    assert ["ramp", "end"] == run.phases()


def test_a_run_that_is_stopped_while_it_spawns_ends(stage):
    """A test can be stopped before its users are all there."""
    run = stage()
    run.conductor.stopping()

    assert ["ramp", "end"] == run.phases()


def test_a_healed_worker_begins_no_second_hold(stage):
    """Locust says spawning_complete again when a worker heals: in the ramp, in the hold and after it."""
    run = stage(ready=False)
    run.conductor.spawning_complete()
    run.conductor.spawning_complete()
    run.workers.is_ready = True
    assert run.workers.holding.wait(timeout=LONG_S)
    run.conductor.spawning_complete()
    run.conductor.stopping()
    run.conductor.spawning_complete()

    assert ["begin_hold", "end_hold", "close_books"] == run.workers.told


def test_the_drain_waits_for_the_books(stage):
    """Sockets stay up until every worker has closed its books."""
    run = stage(drained=False)
    run.conductor.spawning_complete()
    assert run.workers.holding.wait(timeout=LONG_S)
    stopping = gevent.spawn(run.conductor.stopping)
    assert run.workers.draining.wait(timeout=LONG_S)
    told = list(run.workers.told)
    run.workers.is_drained = True
    stopping.get(timeout=LONG_S)

    assert ["begin_hold", "end_hold"] == told
    assert "end" == run.conductor.phase


def test_patience_ends_the_drain(stage):
    """A worker that never answers does not hold the run up for ever."""
    run = stage(HASTY, drained=False)
    run.conductor.spawning_complete()
    assert run.workers.holding.wait(timeout=LONG_S)
    run.conductor.stopping()

    assert ["begin_hold", "end_hold", "close_books"] == run.workers.told


def test_a_second_stop_waits_for_the_first(stage):
    """A signal during the drain does not cut it short: both return when the books are closed, once."""
    run = stage(drained=False)
    run.conductor.spawning_complete()
    assert run.workers.holding.wait(timeout=LONG_S)
    first = gevent.spawn(run.conductor.stopping)
    assert run.workers.draining.wait(timeout=LONG_S)
    second = gevent.spawn(run.conductor.stopping)
    gevent.sleep(0)
    told = list(run.workers.told)
    run.workers.is_drained = True
    gevent.joinall([first, second], timeout=LONG_S, raise_error=True)

    assert ["begin_hold", "end_hold"] == told
    assert ["begin_hold", "end_hold", "close_books"] == run.workers.told
    assert ["ramp", "hold", "drain", "end"] == run.phases()


def test_the_store_is_written_as_the_run_goes(stage):
    """A killed run is readable up to its last flush."""
    run = stage()
    run.keeper.note("annotation", "here")
    with gevent.Timeout(LONG_S):
        while "here" not in set(open_run(run.keeper.folder).note_frame().text):
            gevent.sleep(0.01)

    assert "ramp" == run.conductor.phase


def test_a_warning_is_a_line(capsys):
    """What cannot wait is said on standard error, with the tool's name."""
    warn("the disk is full")

    assert "loadtest: the disk is full\n" == capsys.readouterr().err
