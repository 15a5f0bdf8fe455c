"""A process's users together: a whole small run against the reference server, and what users share."""

import gc
import inspect

import gevent
import pytest

from loadtest.errors import TransportError
from loadtest.users.fleet import Fleet
from loadtest.users.session import Session
from tests.users.conftest import POPULATION, eventually

EVERYBODY = POPULATION.agents + POPULATION.contacts


@pytest.fixture
def connected(launch, directory, server):
    """A fleet with everybody confirmed and every contact's conversation open."""
    fleet = launch(server.url, directory, emit_rate=40.0, think_s=0.1, typing_s=0.0, heartbeat_s=0.5)
    people = fleet.collector.people
    visits = [
        gevent.spawn(Session(fleet, number, who).visit, None)
        for number, who in enumerate([*people.agents, *people.contacts])
    ]
    eventually(lambda: fleet.collector.connected_count == EVERYBODY)
    eventually(lambda: fleet.chat.ready_count == POPULATION.contacts)
    yield fleet
    gevent.killall(visits)


def _messages(launch):
    """Announcements of messages (conversations are announced too, from the ramp on)."""
    return [plain for plain in launch.announcements if "message.created" in plain]


def test_every_delivery_of_a_run_is_accounted_for(connected, launch):
    """What was emitted reached everybody whom the contract names, once, and nobody else."""
    connected.begin_hold()
    eventually(lambda: len(_messages(launch)) >= 20)
    connected.end_hold()
    eventually(lambda: not connected.chat.in_flight)
    connected.tick()
    emitted = len(_messages(launch))
    copies = emitted * (POPULATION.members + 1)
    eventually(lambda: launch.total("delivery.received", "message.created") >= copies)
    connected.close()
    closings = [c for c in launch.batch.closings if c.event == "message.created"]
    balance = {
        name: sum(getattr(c, name) for c in closings) for name in ("lost", "duplicated", "leaked", "undetermined")
    }

    assert {"lost": 0, "duplicated": 0, "leaked": 0, "undetermined": 0} == balance
    assert copies == launch.total("delivery.received", "message.created")
    assert emitted == sum(c.emitted for c in closings)
    assert sum(c.expected for c in closings) == sum(c.delivered for c in closings) > 0


def test_a_receiver_that_raises_is_told_of_once(connected, launch, capsys):
    """The connection is cut by us, so that nothing is lost on it: that this was a defect of ours must be said."""

    def pinged(*_):
        raise LookupError("a defect")

    connected.collector.pinged = pinged
    eventually(lambda: connected.poller.handler_errors >= 2)
    connected.tick()
    told = [note.text for note in launch.batch.notes if note.kind == "generator_error"]

    assert len(told) == 1
    assert "LookupError" in told[0]
    assert capsys.readouterr().err.count("LookupError: a defect") == 1


def test_nothing_is_emitted_before_the_hold(connected, launch):
    """In the ramp users connect and beat; the plan begins with the hold."""
    assert 0 == launch.total("delivery.emitted", "message.created")
    assert not _messages(launch)


def test_a_fleet_hands_over_once_a_tick(launch, directory, server):
    """Ticks hand batches over by themselves, with the users' gauges in them."""
    launch(server.url, directory)

    eventually(lambda: launch.batch.gauges)

    assert "users.awaited" in {gauge.name for gauge in launch.batch.gauges}


def test_the_loops_lag_is_measured(launch, directory, server):
    """The generator watches its own event loop from the start."""
    fleet = launch(server.url, directory)

    assert eventually(fleet.collector.health.pending_lags)


def test_an_identity_is_used_once(launch, directory, server):
    """Every identity is claimed by one user; who comes when all are taken gets none and is counted."""
    fleet = launch(server.url, directory)
    claimed = [fleet.claim("agent") for _ in range(POPULATION.agents)]
    spare = fleet.claim("agent")

    assert list(directory.agents) == [who for _, who in claimed]
    assert spare is None


def test_contacts_are_numbered_after_agents(launch, directory, server):
    """A contact's number leads back to it."""
    number, who = launch(server.url, directory).claim("contact")

    assert (POPULATION.agents, directory.contacts[0]) == (number, who)


def test_a_released_identity_is_free_again(launch, directory, server):
    """Another user may take what one gave back."""
    fleet = launch(server.url, directory)
    for _ in range(POPULATION.contacts):
        number, _ = fleet.claim("contact")
    fleet.release("contact", number)

    assert number == fleet.claim("contact")[0]


def test_without_a_failure_nobody_means_unconfirmed(launch, directory, server):
    """Where connects worked, what kept users from being confirmed is their tokens."""
    assert "pubsub_token" in launch(server.url, directory).why_nobody()


def test_failures_are_told_once_a_kind(launch, directory, server):
    """Ten thousand refused connects make one sentence."""
    fleet = launch(server.url, directory)
    for number in range(3):
        fleet.failed(TransportError("refused", f"127.0.0.1:{number}"))
    fleet.failed(TransportError("timeout", "127.0.0.1:9"))

    assert "No user could connect. 127.0.0.1:0: refused. 127.0.0.1:9: timeout." == fleet.why_nobody()


def test_an_end_without_a_hold_changes_nothing(launch, directory, server):
    """A run stopped in its ramp has nothing to drain."""
    fleet = launch(server.url, directory)
    fleet.end_hold()

    assert fleet.drained()
    assert not fleet.collector.holding


def test_a_closed_fleet_holds_nothing_open(connected, launch):
    """Closing cuts the sockets and hands over the last batch."""
    connected.close()

    assert (0, 0) == (connected.poller.connections, connected.collector.connected_count)
    assert launch.batch.counts


def test_the_hold_waits_until_the_ramp_is_out_of_collections(connected):
    """What the ramp made is frozen at a tick after everybody is there."""
    collector = connected.collector
    for _ in range(EVERYBODY):
        collector.user_started("agent")
    eventually(lambda: connected.settled)
    frozen = gc.get_freeze_count()

    assert (True, True) == (connected.all_there, frozen > 0)


def test_the_search_for_who_stops_a_run_is_done_before_its_end(monkeypatch):
    """Locust asks for the stack when it is stopped; the modules' files are known by then."""
    monkeypatch.setattr(inspect, "modulesbyfile", {})
    monkeypatch.setattr(inspect, "_filesbymodname", {})
    Fleet.settle()
    gc.unfreeze()

    assert "loadtest.users.fleet" in inspect.modulesbyfile.values()


def test_settled_objects_are_left_alone_by_collections(launch, directory, server):
    """After the ramp what there is is kept out of later garbage collections."""
    fleet = launch(server.url, directory)
    try:
        fleet.settle()

        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
