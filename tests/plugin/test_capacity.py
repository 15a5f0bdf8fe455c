"""The search inside a run: it asks for loads, waits, holds, has them judged, and ends the test.

The run here is made up (a keeper, workers and a conductor that do as they are told), so that no step takes longer than
its events; ``tests/e2e/test_capacity.py`` makes a real one.
"""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest

from loadtest.analysis.capacity_search import Finding, decide
from loadtest.analysis.capacity_step import Step
from loadtest.clock import SystemClock
from loadtest.errors import UsageError
from loadtest.metrics import Batch, Note
from loadtest.plugin import capacity
from loadtest.plugin.capacity import CapacitySearch, CapacityShape
from loadtest.plugin.capacity_options import Load
from loadtest.report.capacity import plan_as_dict, read_steps
from loadtest.store import RunWriter
from loadtest.users import AgentUser, ContactUser
from tests.analysis.builders import FIRST, US, meta
from tests.analysis.search_runs import PLAN, found
from tests.plugin.conftest import eventually
from tests.plugin.test_capacity_options import options as some_options


class Keeper:
    """Knows whatever users the search asks for as connected."""

    def __init__(self, search, folder):
        self.clock = SystemClock()
        self.folder = folder
        self.notes = []
        self.absent = 0
        self._search = search

    def total(self, name):
        """Gauges of a fleet that does at once as it is told."""
        wanted = self._search.wanted.users
        return {
            "users.planned.agent": wanted,
            "users.connected.agent": wanted - self.absent,
            "users.due": wanted,
        }.get(name, 0.0)

    def note(self, kind, text, data=None):
        """Keep a note."""
        self.notes.append((kind, text, data))

    def flush(self):
        """Nothing to write."""


class Workers:
    """Remembers the rates it was told."""

    def __init__(self):
        self.rates = []

    def change_rate(self, at_s, emit_rate):
        """Take a rate."""
        self.rates.append((at_s, emit_rate))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes a search whose target carries so much; steps take no time."""
    monkeypatch.setattr(capacity, "_AHEAD_S", 0.0)
    monkeypatch.setattr(capacity, "_POLL_S", 0.001)
    searches = []

    def make(carries=25.0, **changes):
        given = {
            "hold": 3.0,
            "settle": 0.0,
            "confirm": 0.0,
            "deadline": 0.0,
            "tolerance": 0.2,
            "emit_rate": 10.0,
            "max_emit_rate": 100.0,
            "report_dir": str(tmp_path),
            "run_id": "search",
            "resume": None,
            "rest_pool": None,
            "rest_timeout": 5.0,
            "connect_rate": 50.0,
            "spawn_rate": 50.0,
            "num_users": None,
            "slo": None,
            **changes,
        }
        search = CapacitySearch()
        search.plan(some_options(**given), None)
        search._timing = capacity.Timing(0.0, -1.0, -1.0, 0.0)  # windows are waited for on top of a hold

        def judge(span):
            outcome = "pass" if span.level <= carries and not span.aborted else "fail"
            return Step(span, outcome, True, figures={"deliveries_per_s": 10 * span.level, "max_ms": 0.0})

        monkeypatch.setattr(search, "_judged", judge)
        conductor = SimpleNamespace(phase="ramp")
        keeper, workers = Keeper(search, tmp_path), Workers()
        searches.append(search)
        search.begin(keeper, conductor, workers)
        return search, conductor, keeper, workers

    yield make
    for search in searches:
        search.stop()


def test_it_searches_from_the_hold_on_until_there_is_an_answer(made):
    """Nothing before the hold; then step after step, each noted with its judgement; then the shape ends the test."""
    search, conductor, keeper, workers = made()
    gevent.sleep(0.01)
    assert not keeper.notes

    conductor.phase = "hold"
    eventually(lambda: search.wanted is None)

    steps = [Step.from_dict(data) for kind, _, data in keeper.notes if kind == "step"]
    answer = decide(search._plan, [step.trial for step in steps])
    assert isinstance(answer, Finding)
    assert answer.last_pass <= 25 < answer.first_fail
    assert 20.0 in [rate for _, rate in workers.rates]
    assert max(rate for _, rate in workers.rates) <= 100.0


def test_rates_are_told_with_their_moments(made):
    """Moments of the plan, which began with the hold, never go back."""
    search, conductor, _, workers = made()
    conductor.phase = "hold"
    eventually(lambda: search.wanted is None)

    moments = [at_s for at_s, _ in workers.rates]
    assert moments == sorted(moments)
    assert moments[0] >= 0


def test_the_abort_guard_ends_a_step_not_the_search(made, monkeypatch):
    """The step has failed, the load goes down at once, and the search goes on below."""
    search, conductor, keeper, workers = made()
    search._timing = capacity.Timing(0.0, 1000.0, 0.0, 0.0)
    conductor.phase = "hold"
    eventually(lambda: search._in_step and search.wanted.emit_rate == 10.0)

    assert search.takes_over("the target fails")
    assert search.takes_over("the target fails")  # the same trouble, told again
    eventually(lambda: keeper.notes)

    (_, _, data), *_ = keeper.notes
    assert (data["outcome"], data["span"]["aborted"]) == ("fail", "the target fails")
    eventually(lambda: (5.0) in [rate for _, rate in workers.rates])


def test_trouble_that_a_step_left_behind_ends_nothing(made, monkeypatch):
    """While a step is judged calls of it still fail; the guard is taken over, and the step is judged as it was."""
    search, conductor, keeper, _ = made()
    answers = []
    judged = search._judged

    def judge(span):
        answers.append(search.takes_over("the target fails"))
        return judged(span)

    monkeypatch.setattr(search, "_judged", judge)
    conductor.phase = "hold"
    eventually(lambda: keeper.notes)

    (_, _, data), *_ = keeper.notes
    assert (True, "") == (answers[0], data["span"]["aborted"])


def test_trouble_that_goes_on_without_load_ends_the_run(made):
    """Between steps, and long after one that was aborted, the guard is not taken over."""
    search, _, _, _ = made()

    assert not search.takes_over("the target fails")


def test_users_that_stay_away_are_counted(made, monkeypatch):
    """When waiting is over, a step knows how many were not subscribed."""
    search, _, keeper, _ = made()
    keeper.absent = 3
    search._abort.set()  # waiting is over at once

    assert search._await_users(search.wanted) == 3


def test_what_a_run_is_prepared_by_are_the_bounds(tmp_path):
    """Identities and REST connections suffice for the highest level; the first load is the first level."""
    given = some_options(
        axis="agents", max_users=100, confirm=0.0, report_dir=str(tmp_path), run_id=None, resume=None,
        rest_pool=None, rest_timeout=5.0, num_users=None, slo=None,
    )  # fmt: skip
    search = CapacitySearch()

    search.plan(given, None)

    assert (given.agents, given.contacts) == (90, 10)
    assert search.wanted == Load(20, 10, 2.0)
    assert search.initial_users == 30
    assert not search.is_first_load(10)
    assert search.is_first_load(30)


@pytest.fixture
def stored(tmp_path):
    """A search that was broken off after its third step."""
    batch = Batch()
    for step in found()[:3]:
        batch.notes.append(Note(step.span.end_us, "step", "", step.as_dict()))
    batch.notes.append(Note(FIRST * US, "phase", "ramp", {"phase": "ramp"}))
    with RunWriter.create(tmp_path / "search", meta(search=plan_as_dict(PLAN))) as writer:
        writer.write(batch)
    return tmp_path


def resuming(folder, **changes):
    """The options of going on with it."""
    return some_options(
        **{
            "emit_rate": 10.0, "max_emit_rate": 500.0, "report_dir": str(folder), "run_id": "search",
            "resume": str(folder / "search"),
            "rest_pool": 8, "num_users": None, "slo": None, **changes,
        }
    )  # fmt: skip


def test_a_search_goes_on_where_it_was_broken_off(stored):
    """The steps of its store are known, and the next one follows from them."""
    search = CapacitySearch()

    search.plan(resuming(stored), None)

    assert search.resumes
    assert search.wanted.emit_rate == pytest.approx(28.28)
    assert read_steps(stored / "search")[1] == found()[:3]


def test_another_search_is_not_gone_on_with(stored):
    """Other options would mix two searches."""
    with pytest.raises(UsageError, match="another one"):
        CapacitySearch().plan(resuming(stored, factor=3.0), None)


def test_the_shape_starts_who_stands_still_first():
    """Locust is asked for the fixed role, then for the axis's; with none left to search it ends."""

    class Agent(AgentUser):
        """An agent."""

    class Contact(ContactUser):
        """A contact."""

    shape = CapacityShape.__new__(CapacityShape)
    shape.steering = SimpleNamespace(wanted=Load(40, 10, 1.0), turns=(("contact", 10), ("agent", 90)))
    environment = SimpleNamespace(parsed_options=SimpleNamespace(spawn_rate=25))
    shape.runner = SimpleNamespace(user_count=0, environment=environment, user_classes=[Agent, Contact])
    assert shape.tick() == (10, 25.0, [Contact])
    shape.runner.user_count = 10
    assert shape.tick() == (50, 25.0, [Agent])
    shape.steering.turns = ()
    assert shape.tick() == (50, 25.0)
    shape.steering.wanted = None

    assert shape.tick() is None
