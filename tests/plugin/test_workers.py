"""What a conductor leads: this process's own fleet, or Locust's workers over a real channel."""

import json

import pytest
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.event import Events

from loadtest.distributed import RunKeeper, messages
from loadtest.metrics import Batch, Gauge
from loadtest.plugin.workers import LocalWorkers, RemoteWorkers
from loadtest.store import open_run
from loadtest.users import AgentUser, ContactUser
from loadtest.users.dispatch import EvenDispatcher
from tests.plugin.conftest import eventually

META = {"run_id": "run", "started_at": "2026-11-23T00:00:00.000+00:00", "window_s": 1.0}


class Team:
    """A master with workers, all in this process, each with what it was sent."""

    def __init__(self, keeper, count):
        class Agent(AgentUser):
            fixed_count = 5

        class Contact(ContactUser):
            fixed_count = 2

        self.users = [Agent, Contact]
        self.master = self._environment().create_master_runner("127.0.0.1", 0)
        self.received = {}
        self.runners = {}
        for _ in range(count):
            self.add()
        self.led = RemoteWorkers(self.master, keeper, 7)

    def add(self):
        """One worker more; returns its name."""
        worker = self._environment().create_worker_runner("127.0.0.1", self.master.server.port)
        box = self.received[worker.client_id] = []
        for kind in (messages.SETUP, messages.HOLD, messages.RATE, messages.DRAIN):
            worker.register_message(kind, lambda environment, msg, box=box, **_: box.append((msg.type, msg.data)))
        self.runners[worker.client_id] = worker
        eventually(lambda: len(self.master.clients.ready) == len(self.runners))
        return worker.client_id

    def _environment(self):
        options = get_parser(default_config_files=[]).parse_args([])
        made = Environment(user_classes=self.users, events=Events(), parsed_options=options)
        made.dispatcher_class = EvenDispatcher
        return made

    def kinds(self, client_id):
        """The kinds of messages a worker got."""
        return [kind for kind, _ in self.received[client_id]]

    def close(self):
        """End all of them, and the sockets that Locust leaves to the process's end."""
        self.master.quit()
        for runner in self.runners.values():
            runner.quit()
        for peer in (self.master.server, *(runner.client for runner in self.runners.values())):
            peer.socket.context.destroy(linger=0)


@pytest.fixture
def keeper(tmp_path):
    """A keeper with a store."""
    made = RunKeeper(tmp_path / "run", META, 1.0, print)
    yield made
    made.close()


@pytest.fixture
def team(keeper):
    """A master with two workers, dealt to."""
    made = Team(keeper, 2)
    made.led.deal(lambda share, quotas: [{"share": share, "quotas": quotas}])
    yield made
    made.led.tell_of_lost()
    made.close()


def tell(keeper, worker, **gauges):
    """Let a keeper take a worker's gauges; a dot in a name is written as two underscores."""
    batch = Batch()
    batch.gauges = [Gauge(0, name.replace("__", "."), worker, float(value)) for name, value in gauges.items()]
    keeper.take(batch)


def test_every_worker_is_told_its_share(team):
    """Each gets its number and everybody's quotas, which sum up to the planned users."""
    eventually(lambda: all(team.received.values()))
    setups = [box[0][1] for box in team.received.values()]

    assert [0, 1] == sorted(setup["share"] for setup in setups)
    assert [5, 2] == [sum(column) for column in zip(*setups[0]["quotas"], strict=True)]
    assert json.dumps(setups[0]["quotas"]) == json.dumps(setups[1]["quotas"])
    assert 2 == team.led.count


def test_the_workers_are_ready_when_all_users_of_all_are_confirmed(team, keeper):
    """Planned users are counted over all workers, and compared with those that should be connected."""
    steps = [team.led.ready()]
    first, second = team.received
    tell(keeper, first, users__planned__agent=3, users__connected__agent=3, users__due=3, users__awaited=0)
    steps.append(team.led.ready())
    tell(keeper, second, users__planned__contact=4, users__connected__contact=3, users__due=4, users__awaited=0)
    steps.append(team.led.ready())
    tell(keeper, second, users__connected__contact=4, users__awaited=1)
    steps.append(team.led.ready())
    tell(keeper, second, users__awaited=0)
    steps.append(team.led.ready())

    assert [False, False, False, False, True] == steps


def test_hold_and_drain_reach_every_worker(team):
    """Both messages go to all that were dealt to, in order."""
    team.led.begin_hold()
    team.led.end_hold()
    expected = [messages.SETUP, messages.HOLD, messages.DRAIN]

    assert eventually(lambda: all(team.kinds(client_id) == expected for client_id in team.received))


def test_a_rate_reaches_every_worker(team):
    """With the moment of the plan from which on it holds."""
    team.led.change_rate(12.5, 40.0)

    for client_id in team.received:
        eventually(lambda: messages.RATE in team.kinds(client_id))  # noqa: B023 - awaited here
        assert team.received[client_id][-1] == (messages.RATE, {"at_s": 12.5, "emit_rate": 40.0})


def test_a_target_that_is_let_go_is_let_go_by_every_worker(team):
    """The message says within which time the books are to be closed."""
    team.led.end_hold(3.0)

    for client_id in team.received:
        eventually(lambda: messages.DRAIN in team.kinds(client_id))  # noqa: B023 - awaited here
        assert team.received[client_id][-1] == (messages.DRAIN, {"limit_s": 3.0})


def test_the_drain_is_over_when_every_worker_has_said_so(team):
    """One worker's word is not enough."""
    first, second = team.received
    before = team.led.drained()
    team.led.drained_by(first, "")
    between = team.led.drained()
    team.led.drained_by(second, "")

    assert [False, False, True] == [before, between, team.led.drained()]


def test_a_lost_worker_is_not_waited_for(team):
    """A worker that is gone is named, and the others' word is enough."""
    first, second = team.received
    team.led.drained_by(first, "")
    nobody = team.led.lost()
    team.runners[second].environment.events.quitting.fire(environment=team.runners[second].environment)
    eventually(lambda: team.led.lost())

    assert ([], [second]) == (nobody, team.led.lost())
    assert team.led.drained()


def test_a_lost_worker_is_told_of_at_the_moment_it_was_last_heard(team, keeper):
    """With its users, in a note that invalidates the run."""
    second = list(team.received)[1]
    tell(keeper, second, users__planned__agent=3, users__planned__contact=1)
    team.led.heard(second)
    team.runners[second].environment.events.quitting.fire(environment=team.runners[second].environment)
    eventually(lambda: team.led.lost())
    team.led.tell_of_lost()
    keeper.flush()
    notes = open_run(keeper.folder).note_frame()
    (lost,) = notes[notes["kind"] == "worker_lost"].to_dict("records")

    assert f"worker {second} was lost with its 4 users" in lost["text"]
    assert second == lost["data"]["worker"]


def test_a_late_worker_is_taken_in_once(team, keeper):
    """It gets a number of its own and, where the others emit already, the word to emit."""
    late = team.add()
    for _ in range(2):
        team.led.join(late, lambda share: [{"late": share}], holding=True)
    eventually(lambda: team.kinds(late) == [messages.SETUP, messages.HOLD])

    assert (3, {"late": 2}) == (team.led.count, team.received[late][0][1])


def test_the_plan_is_played_out_when_it_is_in_every_worker(team, keeper):
    """A lost worker plays nothing any more."""
    first, second = team.received
    tell(keeper, first, plan__left=0)
    steps = [team.led.played_out()]
    tell(keeper, second, plan__left=1)
    steps.append(team.led.played_out())
    tell(keeper, second, plan__left=0)

    assert [False, False, True] == [*steps, team.led.played_out()]


def test_clocks_are_waited_for(team):
    """Once all workers have measured theirs nothing is waited for."""
    team.led.await_clocks(set(team.received))

    assert not [note for note in team.led._keeper._pending.notes if note.kind == "error"]


def test_books_are_closed_once(team):
    """After a drain there is nothing to ask for; without one, every worker is asked."""
    team.led.drained_by(next(iter(team.received)), "")
    team.led.drained_by(list(team.received)[1], "")
    team.led.close_books()
    team.led.close_books()
    eventually(lambda: all(messages.DRAIN in team.kinds(client_id) for client_id in team.received))

    assert [1, 1] == [team.kinds(client_id).count(messages.DRAIN) for client_id in team.received]


@pytest.mark.parametrize(("limit_s", "told"), [(None, 1), (3.0, 0)])
def test_books_that_a_worker_leaves_open_are_told_of(team, keeper, limit_s, told):
    """What it had open is in no balance; where the target is let go, nobody has the time for that."""
    team.led.end_hold(limit_s)
    team.led.drained_by(next(iter(team.received)), "")
    team.led.close_books()
    keeper.flush()
    notes = open_run(keeper.folder).note_frame()

    assert told == len(notes[(notes["kind"] == "generator_error") & notes["text"].str.contains("its books")])


def test_why_nobody_is_connected_is_asked_of_the_workers(team):
    """The first sentence that a worker gives is the answer."""
    first, second = team.received
    team.led.drained_by(first, "")
    team.led.drained_by(second, "No user could connect.")

    assert "No user could connect." == team.led.shortage()


def test_somebody_connected_is_no_shortage(team, keeper):
    """Then nobody is asked."""
    tell(keeper, next(iter(team.received)), users__connected__agent=1)

    assert "" == team.led.shortage()


def test_the_local_fleet_is_led_directly(ready):
    """From the first confirm to closed books."""
    environment = ready()
    run = environment.cable_run
    environment.runner.start(6, spawn_rate=50)
    led = eventually(lambda: run.workers)
    early = led.shortage()
    eventually(led.ready)
    led.begin_hold()
    holding = run.fleet.collector.holding
    led.end_hold()
    eventually(led.drained)
    led.close_books()

    assert isinstance(led, LocalWorkers)
    assert "No subscription was confirmed" in early
    assert holding
    assert not run.fleet.collector.holding
    assert ("", []) == (led.shortage(), led.lost())
