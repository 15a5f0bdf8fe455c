"""A connection: both ends through scripted exchanges, and random ones that it must survive."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.cable import (
    Confirmed,
    Disconnected,
    Event,
    NoWelcome,
    Pinged,
    ProtocolFault,
    Received,
    Rejected,
    Stale,
    State,
    SubscriptionState,
    Unconfirmed,
    Welcomed,
    agent_identifier,
)
from loadtest.cable.connection import CableConnection
from loadtest.clock import NS_PER_S
from loadtest.errors import TransportError, UsageError
from tests.cable.pair import ALICE, BOB, ConnectionPair, ServerSide, kinds

S = NS_PER_S


# -- from connecting to the end ----------------------------------------------------------------------------------------


def test_a_session_in_its_usual_order() -> None:
    """Welcome, subscribe, confirm, beat, broadcast: each is told as what it is."""
    pair = ConnectionPair()
    pair.open()
    pair.wait(0.1)
    events = pair.serve(pair.server.welcome())
    pair.subscribe(ALICE)
    pair.wait(0.2)
    events += pair.serve(pair.server.confirm(ALICE))
    events += pair.serve(pair.server.ping())
    pair.wait(3)
    events += pair.serve(pair.server.ping())
    events += pair.serve(pair.server.broadcast(ALICE, {"event": "message.created"}))

    expected = [
        Welcomed(S // 10),
        Confirmed(ALICE, S // 5),
        Pinged(None),
        Pinged(3 * S),
        Received(ALICE, b'{"event":"message.created"}', confirmed=True),
    ]
    assert expected == events


def test_a_frame_opens_a_connection_whose_opening_was_not_told() -> None:
    """A welcome that shares a segment with the handshake's answer is taken before the opener hears of the opening."""
    pair = ConnectionPair()
    events = pair.serve(pair.server.welcome())
    pair.open()

    assert ([Welcomed(0)], State.WELCOMED) == (events, pair.client.state)


def test_a_welcome_too_many_is_a_fault() -> None:
    """Twice welcomed is a fault of the server, and changes nothing."""
    pair = ConnectionPair().welcomed()

    assert kinds(pair.serve(pair.server.welcome())) == ["duplicate_welcome"]


def test_frames_before_the_welcome_are_taken_and_reported_once() -> None:
    """A server without a welcome is one fault, and its broadcasts still count."""
    pair = ConnectionPair()
    pair.open()
    pair.subscribe(ALICE)
    events = pair.serve(pair.server.confirm(ALICE)) + pair.serve(pair.server.broadcast(ALICE, 1))

    assert kinds(events) == ["before_welcome", "Confirmed", "Received"]


def test_a_disconnect_frame_is_told_in_its_words() -> None:
    """Reason and permission to come back are the server's."""
    pair = ConnectionPair().welcomed()
    events = pair.serve(pair.server.disconnect("server_restart", reconnect=True))

    assert ([Disconnected("server_restart", True)], State.DISCONNECTING) == (events, pair.client.state)


def test_unauthorized_comes_without_a_welcome() -> None:
    """A refusal right after the handshake is no fault."""
    pair = ConnectionPair()
    pair.open()
    events = pair.serve(pair.server.disconnect("unauthorized", reconnect=False))

    expected = [Disconnected("unauthorized", False)]
    assert expected == events


def test_what_was_in_flight_at_a_disconnect_counts() -> None:
    """A broadcast behind a disconnect frame is received, another disconnect frame is a fault."""
    pair = ConnectionPair().subscribed()
    farewell = pair.server.disconnect("remote", reconnect=True)
    pair.serve(farewell)
    events = pair.serve(pair.server.broadcast(ALICE, 1)) + pair.serve(farewell)

    assert kinds(events) == ["Received", "duplicate_disconnect"]


def test_after_the_end_texts_are_faults() -> None:
    """Frames and garbage alike change nothing more."""
    pair = ConnectionPair().subscribed()
    pair.client.closed(pair.now_ns)
    events = pair.serve(pair.server.broadcast(ALICE, 1)) + pair.serve("garbage")

    assert kinds(events) == ["after_close", "after_close"]


def test_the_end_may_be_told_twice_and_before_the_opening() -> None:
    """Whoever drives a connection may learn of things in any order."""
    pair = ConnectionPair()
    pair.client.closed(pair.now_ns)
    pair.open()
    pair.client.closed(pair.now_ns)

    assert State.CLOSED is pair.client.state


def test_the_end_tells_deadlines_that_nobody_looked_at() -> None:
    """A subscription that was silent for its time before the socket closed was unconfirmed, not cut."""
    pair = ConnectionPair(stale_after_s=60).welcomed()
    pair.subscribe(ALICE)
    pair.wait(10)

    assert [Unconfirmed(ALICE)] == pair.client.closed(pair.now_ns)


# -- subscriptions -----------------------------------------------------------------------------------------------------


def test_a_rejection_is_not_silence() -> None:
    """Rejected is told as such, and no deadline follows it."""
    pair = ConnectionPair(stale_after_s=60).welcomed()
    pair.subscribe(ALICE)
    events = pair.serve(pair.server.reject(ALICE))
    pair.wait(11)

    assert ([Rejected(ALICE)], []) == (events, pair.check())


def test_a_bad_token_is_unconfirmed() -> None:
    """Upstream answers a bad token with silence, while pings go on."""
    pair = ConnectionPair().welcomed()
    pair.subscribe(ALICE)
    told: list[Event] = []
    for _ in range(5):
        pair.wait(3)
        pair.serve(pair.server.ping())
        told += pair.check()

    assert [Unconfirmed(ALICE)] == told


def test_a_late_confirm_says_so() -> None:
    """A confirm after its deadline is taken, marked as late."""
    pair = ConnectionPair(stale_after_s=60).welcomed()
    pair.subscribe(ALICE)
    pair.wait(12)
    pair.check()

    assert [Confirmed(ALICE, 12 * S, late=True)] == pair.serve(pair.server.confirm(ALICE))


def test_broadcasts_before_the_confirm_are_kept() -> None:
    """The first presence.update may overtake the confirm; it is told, as not confirmed."""
    pair = ConnectionPair().welcomed()
    pair.subscribe(ALICE)
    events = pair.serve(pair.server.broadcast(ALICE, {"event": "presence.update"}))

    assert [Received(ALICE, b'{"event":"presence.update"}', confirmed=False)] == events


def test_broadcasts_after_an_unsubscribe_are_kept() -> None:
    """What was in flight when the client left is told, as not confirmed."""
    pair = ConnectionPair().subscribed()
    pair.unsubscribe(ALICE)

    assert [Received(ALICE, b"1", confirmed=False)] == pair.serve(pair.server.broadcast(ALICE, 1))


@pytest.mark.parametrize(
    "say",
    [
        lambda server: server.confirm(BOB),
        lambda server: server.reject(BOB),
        lambda server: server.broadcast(BOB, 1),
    ],
    ids=["confirm", "reject", "message"],
)
def test_an_identifier_never_subscribed_is_a_fault(say: Callable[[ServerSide], str]) -> None:
    """A server that speaks of somebody else's subscription is at fault."""
    pair = ConnectionPair().subscribed(ALICE)

    assert kinds(pair.serve(say(pair.server))) == ["unknown_identifier"]


def test_subscriptions_of_one_socket_are_told_apart() -> None:
    """Each frame goes to the subscription it names."""
    pair = ConnectionPair().subscribed(ALICE)
    pair.subscribe(BOB)
    events = pair.serve(pair.server.broadcast(BOB, 2)) + pair.serve(pair.server.broadcast(ALICE, 1))

    expected = [Received(BOB, b"2", confirmed=False), Received(ALICE, b"1", confirmed=True)]
    assert expected == events


def test_a_server_that_encodes_identifiers_again_is_understood() -> None:
    """Sorted keys are one fault a connection; the frames are routed, under the identifier that was subscribed."""
    agent = agent_identifier("token", 1, 2)
    sorted_keys = '{"account_id": 1, "channel": "RoomChannel", "pubsub_token": "token", "user_id": 2}'
    pair = ConnectionPair().welcomed()
    pair.subscribe(agent)
    events = [
        *pair.serve(pair.server.confirm(sorted_keys)),
        *pair.serve(pair.server.broadcast(sorted_keys, 1)),
        *pair.serve(pair.server.broadcast(sorted_keys.replace(" ", ""), 2)),
    ]

    assert kinds(events) == ["identifier_reencoded", "Confirmed", "Received", "Received"]
    assert [agent] * 3 == [event.identifier for event in events if not isinstance(event, ProtocolFault)]  # type: ignore[union-attr]


def test_another_value_is_no_encoding_of_ours() -> None:
    """An identifier that differs in a number's kind alone is somebody else's."""
    pair = ConnectionPair().welcomed()
    pair.subscribe(agent_identifier("token", 1, 2))
    theirs = '{"channel":"RoomChannel","pubsub_token":"token","account_id":true,"user_id":2}'

    assert kinds(pair.serve(pair.server.confirm(theirs))) == ["unknown_identifier"]


def test_an_identifier_need_not_be_json() -> None:
    """Identifiers are opaque: compared as strings, whatever they hold."""
    pair = ConnectionPair().welcomed()
    pair.subscribe("not json")

    assert [Confirmed("not json", 0)] == pair.serve(pair.server.confirm("not json"))


def test_a_subscriptions_state_can_be_asked_for() -> None:
    """None where it never was, else where it stands."""
    pair = ConnectionPair().subscribed(ALICE)

    expected = (SubscriptionState.CONFIRMED, None)
    assert expected == (pair.client.subscription_state(ALICE), pair.client.subscription_state(BOB))


# -- commands ----------------------------------------------------------------------------------------------------------


def test_the_server_hears_what_the_client_says() -> None:
    """Commands arrive with the identifier's exact string and the action inside its data."""
    pair = ConnectionPair().subscribed(ALICE)
    pair.server.hear(pair.client.perform(ALICE, "update_presence"))
    pair.unsubscribe(ALICE)

    expected = [
        {"command": "subscribe", "identifier": ALICE},
        {"command": "message", "identifier": ALICE, "data": '{"action":"update_presence"}'},
        {"command": "unsubscribe", "identifier": ALICE},
    ]
    assert expected == pair.server.commands


def test_a_command_may_precede_the_welcome() -> None:
    """The document's snippet subscribes as soon as the socket is open; servers keep such commands."""
    pair = ConnectionPair()
    pair.open()
    pair.subscribe(ALICE)
    events = pair.serve(pair.server.welcome()) + pair.serve(pair.server.confirm(ALICE))

    assert kinds(events) == ["Welcomed", "Confirmed"]


def connecting() -> ConnectionPair:
    """Not open yet."""
    return ConnectionPair()


def disconnecting() -> ConnectionPair:
    """Told to go."""
    pair = ConnectionPair().subscribed()
    pair.serve(pair.server.disconnect("remote", reconnect=True))
    return pair


def closed() -> ConnectionPair:
    """Gone."""
    pair = ConnectionPair().subscribed()
    pair.client.closed(pair.now_ns)
    return pair


@pytest.mark.parametrize("make", [connecting, disconnecting, closed])
@pytest.mark.parametrize(
    "command",
    [
        lambda client: client.subscribe(ALICE, 0),
        lambda client: client.unsubscribe(ALICE),
        lambda client: client.perform(ALICE, "update_presence"),
    ],
    ids=["subscribe", "unsubscribe", "perform"],
)
def test_a_connection_that_is_not_open_takes_no_command(
    make: Callable[[], ConnectionPair], command: Callable[[CableConnection], str]
) -> None:
    """A beat that falls due after the end is the same error as on a closed socket."""
    with pytest.raises(TransportError) as caught:
        command(make().client)

    assert caught.value.kind == "closed"


@pytest.mark.parametrize(
    "command",
    [lambda client: client.unsubscribe(BOB), lambda client: client.perform(BOB, "update_presence")],
    ids=["unsubscribe", "perform"],
)
def test_a_command_needs_a_subscription(command: Callable[[CableConnection], str]) -> None:
    """A caller that never subscribed is told so, without its token."""
    with pytest.raises(UsageError) as caught:
        command(ConnectionPair().subscribed(ALICE).client)

    assert "bob-token" not in str(caught.value)


# -- time --------------------------------------------------------------------------------------------------------------


def test_no_welcome_is_told_once() -> None:
    """At its deadline and not before; a welcome that still comes is taken."""
    pair = ConnectionPair(welcome_timeout_s=10)
    pair.open()
    told = []
    for seconds in (9.9, 0.1, 5):
        pair.wait(seconds)
        told.append(pair.check())

    expected = ([[], [NoWelcome()], []], [Welcomed(15 * S)])
    assert expected == (told, pair.serve(pair.server.welcome()))


def test_silence_is_stale_once() -> None:
    """After six seconds, once a silence: a frame ends it and another may begin."""
    pair = ConnectionPair().welcomed()
    told: list[Event] = []
    for _ in range(9):
        pair.wait(1)
        told += pair.check()
    pair.serve(pair.server.ping())
    for _ in range(9):
        pair.wait(1)
        told += pair.check()

    assert [Stale(6 * S), Stale(6 * S)] == told


@pytest.mark.parametrize(
    "sign",
    [
        lambda pair: pair.serve(pair.server.ping()),
        lambda pair: pair.serve(pair.server.broadcast(ALICE, 1)),
        lambda pair: pair.client.pinged(pair.now_ns),
        lambda pair: pair.client.alive(pair.now_ns),
    ],
    ids=["ping", "message", "ping recognised", "message recognised"],
)
def test_any_frame_is_a_sign_of_life(sign: Callable[[ConnectionPair], object]) -> None:
    """Decoded or recognised, a frame starts the silence anew."""
    pair = ConnectionPair().subscribed()
    pair.wait(5)
    sign(pair)
    pair.wait(5)

    assert pair.check() == []


def test_garbage_is_no_sign_of_life() -> None:
    """A peer that talks nonsense is as stale as a silent one."""
    pair = ConnectionPair().welcomed()
    pair.wait(5)
    pair.serve("garbage")
    pair.wait(1)

    assert [Stale(6 * S)] == pair.check()


@pytest.mark.parametrize(
    ("sign", "stale"),
    [
        (lambda pair: pair.serve(pair.server.ping()), False),
        (lambda pair: pair.client.pinged(pair.now_ns), False),
        (lambda pair: pair.serve(pair.server.broadcast(ALICE, 1)), True),
        (lambda pair: pair.client.alive(pair.now_ns), True),
    ],
    ids=["ping", "ping recognised", "message", "message recognised"],
)
def test_for_the_older_client_only_pings_are_signs_of_life(
    sign: Callable[[ConnectionPair], object], stale: bool
) -> None:
    """The official client 6.1.3 records pings and the welcome, and nothing else."""
    pair = ConnectionPair(only_pings_count=True)
    pair.open()
    pair.wait(5)
    pair.serve(pair.server.welcome())
    pair.subscribe(ALICE)
    pair.serve(pair.server.confirm(ALICE))
    pair.wait(5)
    sign(pair)
    pair.wait(5)

    assert stale == bool(pair.check())


def test_a_frame_handed_in_again_is_no_sign_of_life() -> None:
    """A frame with an older arrival time does not set the silence back."""
    pair = ConnectionPair().welcomed()
    pair.wait(5)
    pair.client.alive(pair.now_ns)
    pair.client.alive(pair.now_ns - 4 * S)
    pair.wait(5)

    assert pair.check() == []


def test_ping_gaps_count_both_ways_in() -> None:
    """A gap is the same whether its ends were decoded or recognised."""
    pair = ConnectionPair().welcomed()
    first = pair.client.pinged(pair.now_ns)
    pair.wait(3)
    second = pair.serve(pair.server.ping())
    pair.wait(2)
    third = pair.client.pinged(pair.now_ns)

    expected = (None, [Pinged(3 * S)], 2 * S)
    assert expected == (first, second, third)


@pytest.mark.parametrize("make", [connecting, disconnecting, closed])
def test_nothing_is_awaited_outside_the_open_states(make: Callable[[], ConnectionPair]) -> None:
    """Before the opening and after the goodbye there is no deadline, however late it gets."""
    pair = make()
    deadline_ns = pair.client.next_deadline_ns()
    pair.wait(100)

    assert (deadline_ns, pair.check()) == (None, [])


def test_the_next_deadline_is_the_nearest() -> None:
    """Welcome, then silence or confirm, whichever is first."""
    pair = ConnectionPair(welcome_timeout_s=9, confirm_timeout_s=4, stale_after_s=6)
    pair.open()
    begun_ns = pair.now_ns
    deadlines = [pair.client.next_deadline_ns()]
    pair.serve(pair.server.welcome())
    deadlines.append(pair.client.next_deadline_ns())
    pair.subscribe(ALICE)
    deadlines.append(pair.client.next_deadline_ns())
    pair.wait(4)
    pair.check()
    deadlines.append(pair.client.next_deadline_ns())
    pair.wait(2)
    pair.check()
    deadlines.append(pair.client.next_deadline_ns())

    expected = [begun_ns + 9 * S, begun_ns + 6 * S, begun_ns + 4 * S, begun_ns + 6 * S, None]
    assert expected == deadlines


# -- anything ----------------------------------------------------------------------------------------------------------

SERVER_SAYS = st.one_of(
    st.sampled_from(
        [
            ServerSide.say(type="welcome"),
            ServerSide.say(type="ping", message=1),
            ServerSide.say(type="disconnect", reason="remote", reconnect=True),
            *(
                ServerSide.say(identifier=who, **what)
                for who in (ALICE, BOB, "stranger")
                for what in ({"type": "confirm_subscription"}, {"type": "reject_subscription"}, {"message": 1})
            ),
        ]
    ),
    st.binary(max_size=20),
)
STEPS = st.one_of(
    st.tuples(st.just("say"), SERVER_SAYS),
    st.tuples(st.just("wait"), st.floats(0, 12)),
    st.tuples(st.sampled_from(["open", "close"]), st.none()),
    st.tuples(st.sampled_from(["subscribe", "unsubscribe", "perform"]), st.sampled_from([ALICE, BOB])),
)


def play(steps: list[tuple[str, object]]) -> list[Event]:
    """Do all that and return what was told; only refusals of commands may be raised."""
    pair = ConnectionPair()
    told: list[Event] = []
    for step, what in steps:
        try:
            match step, what:
                case "say", str() | bytes():
                    told += pair.serve(what)
                case "wait", float():
                    pair.wait(what)
                    told += pair.check()
                    deadline_ns = pair.client.next_deadline_ns()
                    assert deadline_ns is None or deadline_ns > pair.now_ns
                case "open", _:
                    pair.open()
                case "close", _:
                    told += pair.client.closed(pair.now_ns)
                case "subscribe", str():
                    pair.subscribe(what)
                case "unsubscribe", str():
                    pair.unsubscribe(what)
                case "perform", str():
                    pair.server.hear(pair.client.perform(what, "update_presence"))
        except (TransportError, UsageError) as refusal:
            assert step in {"subscribe", "unsubscribe", "perform"}, refusal  # noqa: PT017
    return told


@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_is_survived_and_told_once(steps: list[tuple[str, object]]) -> None:
    """No order of texts, commands and time raises; a check leaves no deadline behind; one-time events come once."""
    told = play(steps)

    assert sum(isinstance(event, NoWelcome) for event in told) <= 1
    assert sum(isinstance(event, Welcomed) for event in told) <= 1
    assert sum(isinstance(event, Disconnected) for event in told) <= 1
    assert kinds(told).count("before_welcome") <= 1


@given(st.lists(STEPS, max_size=40))
def test_only_what_was_subscribed_is_told_of(steps: list[tuple[str, object]]) -> None:
    """No event names an identifier that was never subscribed."""
    asked = {what for step, what in steps if step == "subscribe"}
    named = {getattr(event, "identifier", None) for event in play(steps)} - {None}

    assert named <= asked
