"""A visit: how it begins, and every way in which it ends."""

import gc

import gevent
import pytest

from loadtest.cable.liveness import RECONNECT_POLICIES
from loadtest.collect import EndCause
from loadtest.directory import Agent, Contact
from loadtest.users.session import Session
from tests.users.conftest import eventually


def agent_session(fleet, token=None):
    """A session of the first agent, with another token if asked for."""
    who = fleet.collector.people.agents[0]
    if token is not None:
        who = Agent(who.account_ids, who.user_id, who.role, who.inbox_ids, token, who.access_token)
    return Session(fleet, 0, who)


def sessions_in_memory():
    """All that there are."""
    return [one for one in gc.get_objects() if type(one) is Session]


@pytest.fixture
def visit(launch, directory, scripted):
    """Runs a visit to a scripted cable to its end."""

    def run(script, stay_s=None, **settings):
        fleet = launch(scripted.host, directory, cable_path=scripted.cable(script), **settings)
        return agent_session(fleet).visit(stay_s)

    return run


def test_a_stay_ends_by_plan(launch, directory, server):
    """Who stays a while is confirmed, leaves by plan, and is gone when the visit returns."""
    fleet = launch(server.url, directory)

    outcome = agent_session(fleet).visit(0.01)

    assert ("left", True) == (outcome.ending, outcome.confirmed)
    assert (0, 0) == (fleet.collector.connected_count, fleet.poller.connections)
    assert (1, 1) == (launch.total("cable.connects"), launch.total("cable.disconnects", "by_us"))


def test_what_is_over_is_gone(launch, directory, server):
    """Nothing holds a session that ended, no beat to come nor a circle, which the garbage collector may never see."""
    fleet = launch(server.url, directory)
    gc.collect()
    gc.disable()
    try:
        before = len(sessions_in_memory())
        outcomes = [agent_session(fleet).visit(0.01).ending for _ in range(3)]
        after = len(sessions_in_memory())
    finally:
        gc.enable()

    assert outcomes == ["left"] * 3
    assert after == before


def test_beats_are_answered(launch, directory, server):
    """A confirmed subscription beats presence, and its own presence.update answers each beat."""
    fleet = launch(server.url, directory, heartbeat_s=0.02)
    visiting = gevent.spawn(agent_session(fleet).visit, None)
    eventually(lambda: launch.total("presence.answered") >= 3)
    visiting.kill()

    assert launch.total("presence.beats") >= 3


def test_a_contact_stands_in_its_own_subscription(launch, directory, server):
    """A contact's token confirms without an account or user id."""
    fleet = launch(server.url, directory)
    who = fleet.collector.people.contacts[0]
    assert isinstance(who, Contact)

    outcome = Session(fleet, len(fleet.collector.people.agents), who).visit(0.01)

    assert ("left", True) == (outcome.ending, outcome.confirmed)


def test_the_stay_counts_from_the_confirm(launch, directory, scripted):
    """A target slow to confirm takes nothing off the stay: nobody leaves before it was there."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("slow"))
    visiting = gevent.spawn(agent_session(fleet).visit, 0.0)
    scripted.seen(2)  # the socket and its subscribe
    assert not visiting.ready()
    scripted.go()

    outcome = visiting.get(timeout=60)

    assert ("left", True) == (outcome.ending, outcome.confirmed)


def test_a_cut_connection_is_dropped(launch, directory, scripted):
    """A server that dies under a subscription ends the visit, by the peer, with the close code counted."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("cut"))
    visiting = gevent.spawn(agent_session(fleet).visit, None)
    eventually(lambda: fleet.collector.connected_count)
    scripted.go()

    outcome = visiting.get(timeout=60)

    assert ("dropped", True, True, True) == (outcome.ending, outcome.confirmed, outcome.closed, outcome.reconnect)
    assert {"1006": 1} == launch.names("cable.disconnects")


def test_a_close_before_the_welcome_is_dropped(visit, launch):
    """A server that closes at once ends the visit unconfirmed, with its close code counted."""
    outcome = visit("hang-up")

    assert ("dropped", False) == (outcome.ending, outcome.confirmed)
    assert {"1013": 1} == launch.names("cable.disconnects")


def test_an_announced_restart_is_the_servers(visit, launch):
    """A disconnect frame ends the visit under the server's own reason, whichever side closes the socket first."""
    outcome = visit("restart")

    assert ("disconnected", True, True, "server_restart") == (
        outcome.ending,
        outcome.confirmed,
        outcome.reconnect,
        outcome.detail,
    )
    assert {"server_restart": 1} == launch.names("cable.disconnects")


def test_who_is_unauthorized_does_not_come_back(visit, launch):
    """A disconnect frame may say that a reconnect is not wanted."""
    outcome = visit("unauthorized")

    assert ("disconnected", False) == (outcome.ending, outcome.reconnect)
    assert {"unauthorized": 1} == launch.names("cable.disconnects")


def test_silence_after_a_bad_token_is_unconfirmed(launch, directory, server):
    """OneChat answers a bad token with silence, which ends the visit after the confirm timeout."""
    fleet = launch(server.url, directory, confirm_timeout_s=1.0)

    outcome = agent_session(fleet, token="nobody's").visit(None)

    assert ("unconfirmed", False) == (outcome.ending, outcome.confirmed)
    assert 1 == launch.total("cable.unconfirmed")


def subscribes(scripted):
    """How many subscribe commands the scripted cable has read so far."""
    return sum(what.get("command") == "subscribe" for what in scripted.seen())


def test_the_official_client_repeats_a_subscribe_that_nobody_answers(launch, directory, scripted):
    """Its guarantor asks again every 500 ms; the wait for the confirm still counts from the first command."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("mute"), confirm_timeout_s=1.8)

    outcome = agent_session(fleet).visit(None)

    assert "unconfirmed" == outcome.ending
    assert 2 <= subscribes(scripted) <= 5  # of three repetitions a busy machine may be late with some
    assert 1 == launch.total("cable.unconfirmed")


def test_the_older_client_asks_once(launch, directory, scripted):
    """The client 6.1.3 has no guarantor."""
    fleet = launch(
        scripted.host, directory, cable_path=scripted.cable("mute"), confirm_timeout_s=1.8, reconnect="chatwoot"
    )
    agent_session(fleet).visit(None)

    assert 1 == subscribes(scripted)


@pytest.mark.parametrize("reconnect", RECONNECT_POLICIES)
def test_a_rejected_subscription_is_forgotten_and_its_socket_stays(launch, directory, scripted, reconnect):
    """As in the published clients nothing more is asked of the server, and nobody hangs up before the stay is over."""
    guarantor_s = RECONNECT_POLICIES[reconnect].subscribe_again_s or 0.01
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("reject"), reconnect=reconnect)

    outcome = agent_session(fleet).visit(2.5 * guarantor_s)

    assert ("left", False, True) == (outcome.ending, outcome.confirmed, outcome.rejected)
    assert (1, 1, 0) == (launch.total("cable.rejected"), subscribes(scripted), launch.total("cable.confirmed"))


def test_a_socket_after_a_rejection_asks_for_nothing(launch, directory, scripted):
    """The client has forgotten the subscription: on the next socket it says nothing at all."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("slow"))
    session = Session(fleet, 0, fleet.collector.people.agents[0], forgotten=True)

    outcome = session.visit(0.01)

    assert ("left", False, True) == (outcome.ending, outcome.confirmed, outcome.rejected)
    assert 0 == subscribes(scripted)


def test_a_confirm_after_a_rejection_finds_nobody(launch, directory, scripted):
    """Published clients have forgotten the subscription by then: nothing is expected on it, and it is counted."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("reject-confirm"), reconnect="immediate")
    session = agent_session(fleet)
    visiting = gevent.spawn(session.visit, None)
    eventually(lambda: launch.names("cable.protocol_error"))

    assert {"confirm_after_reject": 1} == launch.names("cable.protocol_error")
    assert (0, 0, False) == (launch.total("cable.confirmed"), len(fleet.collector.epochs), session.is_confirmed)
    visiting.kill()


def test_a_rejection_after_the_confirm_ends_the_subscription(launch, directory, scripted):
    """Who is thrown out of its room hears nothing from then on, so that nothing counts as lost; its socket stays."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("throw-out"))
    session = agent_session(fleet)
    visiting = gevent.spawn(session.visit, None)
    eventually(lambda: fleet.here())
    scripted.go()
    eventually(lambda: not fleet.here())

    assert (1, 0, False) == (fleet.poller.connections, fleet.collector.connected_count, session.is_confirmed)
    assert [EndCause.BY_PEER] == fleet.collector.epochs.cause[: len(fleet.collector.epochs)].tolist()
    visiting.kill()


def test_a_wrong_path_is_refused(launch, directory, server):
    """A handshake answered with 404 ends the visit before it began, counted by its status."""
    fleet = launch(server.url, directory, cable_path="/nowhere")

    outcome = agent_session(fleet).visit(None)

    assert ("refused", False) == (outcome.ending, outcome.confirmed)
    assert {"http_404": 1} == launch.names("cable.connect_failed")
    assert "http_404" in fleet.why_nobody()


def test_a_socket_without_a_welcome_is_counted(visit, launch):
    """A WebSocket that is no cable ends the visit, and counts as a failed connect."""
    outcome = visit("no-welcome", confirm_timeout_s=0.1)

    assert "no_welcome" == outcome.ending
    assert {"no_welcome": 1} == launch.names("cable.connect_failed")
    assert "welcome is missing" in launch.fleets[0].why_nobody()


def test_a_silent_server_is_left(visit, launch):
    """Where pings stay away the client gives the connection up, and that is the server's doing."""
    outcome = visit("silent", stale_after_s=0.1)

    assert ("stale", True) == (outcome.ending, outcome.confirmed)
    assert {"stale": 1} == launch.names("cable.disconnects")


@pytest.mark.parametrize("script", ["no-welcome", "mute", "silent"])
def test_a_killed_visit_leaves_nothing_open(launch, directory, scripted, script):
    """A user stopped at any stage closes its socket and stands in no list."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable(script))
    visiting = gevent.spawn(agent_session(fleet).visit, None)
    scripted.seen(1 if script == "no-welcome" else 2)
    if script == "silent":
        eventually(lambda: fleet.collector.connected_count)

    visiting.kill()

    assert eventually(lambda: not fleet.poller.connections)
    assert 0 == fleet.collector.connected_count


def test_who_was_killed_at_the_confirm_is_not_online(launch, directory, scripted):
    """A confirm that comes while the user is being stopped brings nobody back."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("slow"))
    session = agent_session(fleet)
    visiting = gevent.spawn(session.visit, None)
    scripted.seen(2)
    visiting.kill()
    scripted.go()
    eventually(lambda: not fleet.poller.connections)

    assert not session.is_confirmed


@pytest.mark.parametrize("how", ["left", "cut", "frozen"])
def test_who_is_struck_by_a_storm_lost_its_socket(launch, directory, server, how):
    """Its visit ends as one whose connection was lost, so that its user comes back; half open, the socket stays."""
    fleet = launch(server.url, directory)
    session = agent_session(fleet)
    visiting = gevent.spawn(session.visit, None)
    eventually(lambda: session.is_confirmed)

    session.strike(how)
    outcome = visiting.get(timeout=60)

    assert ("dropped", True, "storm") == (outcome.ending, outcome.confirmed, outcome.detail)
    assert fleet.collector.connected_count == 0
    assert fleet.poller.connections == (1 if how == "frozen" else 0)
    session.drop()
    assert fleet.poller.connections == 0


def test_a_slow_reader_leaves_what_it_does_not_read(launch, directory, server):
    """It is confirmed, nothing is expected of it, and its bytes wait; another tab of the same person hears all."""
    fleet = launch(server.url, directory, slow_readers="100%@0", heartbeat_s=0.02)
    slow = Session(fleet, 0, fleet.collector.people.agents[0], second=True)
    reading = gevent.spawn(slow.read_slowly)
    eventually(lambda: slow.receiver is not None and slow.receiver.epoch < 0 and slow.is_confirmed)
    visiting = gevent.spawn(agent_session(fleet).visit, None)
    eventually(lambda: launch.total("presence.answered") >= 3)
    visiting.kill()
    eventually(lambda: fleet.poller.connections == 1)  # the other tab's close handshake is over

    assert launch.total("delivery.lost") == 0
    reading.kill()
    assert fleet.poller.connections == 0
