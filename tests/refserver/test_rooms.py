"""Rooms: who is in them, and how a broadcast leaves."""

import json
from collections.abc import Sequence

import pytest

from loadtest.refserver.frames import text_header
from loadtest.refserver.rooms import Broadcast, Rooms, Subscription, account_stream, deliver_now
from tests.refserver.site import CONTACT, MEMBER, OUTSIDER


class Tape:
    """An outlet that keeps what is written."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.frames: list[bytes] = []
        self._is_open = is_open

    def write(self, frame: bytes) -> bool:
        if self._is_open:
            self.frames.append(frame)
        return self._is_open


def test_a_broadcast_reaches_its_tokens_alone() -> None:
    """Subscriptions of the tokens given receive the broadcast, others do not."""
    rooms, inside, outside = Rooms(), Tape(), Tape()
    rooms.join(Subscription("a", MEMBER, 1, inside))
    rooms.join(Subscription("b", OUTSIDER, 1, outside))
    rooms.broadcast(Broadcast.of("e", {}, 1), [MEMBER.pubsub_token])

    assert (len(inside.frames), len(outside.frames)) == (1, 0)


def test_each_subscription_hears_its_own_identifier() -> None:
    """Two subscriptions of one token on one socket each receive a frame, with the identifier they were opened by."""
    rooms, tape = Rooms(), Tape()
    for name in ('{"a":1}', '{"a": 1}'):
        rooms.join(Subscription(name, MEMBER, 1, tape))
    rooms.broadcast(Broadcast.of("e", {"x": 1}, 1), [MEMBER.pubsub_token])

    header = len(text_header(100))
    assert [json.loads(frame[header:])["identifier"] for frame in tape.frames] == ['{"a":1}', '{"a": 1}']


def test_sending_one_and_sending_all_are_the_same_bytes() -> None:
    """A single send writes the very frame that a broadcast writes, whatever the length of the body."""
    for size in (1, 100, 70000):
        broadcast, one, all_ = Broadcast.of("e", "x" * size, 1), Tape(), Tape()
        Subscription("i", MEMBER, 1, one).send(broadcast.suffix)
        deliver_now(broadcast, [Subscription("i", MEMBER, 1, all_)])

        assert one.frames == all_.frames


def test_who_left_hears_nothing() -> None:
    """A subscription that left is in no audience and in no count."""
    rooms = Rooms()
    subscription = Subscription("a", MEMBER, 1, Tape())
    rooms.join(subscription)
    rooms.leave(subscription)

    assert (rooms.audience([MEMBER.pubsub_token]), rooms.subscriptions) == ([], 0)


def test_an_accounts_stream_is_heard_by_those_who_hear_accounts() -> None:
    """A subscription hears its own token, and its account's stream where it is told to; leaving ends both."""
    rooms = Rooms()
    hearing = Subscription("a", MEMBER, 1, Tape(), hears_account=True)
    for subscription in (hearing, Subscription("b", OUTSIDER, 1, Tape())):
        rooms.join(subscription)
    before = rooms.audience([account_stream(1)])
    rooms.leave(hearing)

    assert ([hearing], []) == (before, rooms.audience([account_stream(1), MEMBER.pubsub_token]))


def test_leaving_twice_is_an_error() -> None:
    """A subscription cannot leave a room it is not in."""
    with pytest.raises(ValueError, match="not in list"):
        Rooms().leave(Subscription("a", MEMBER, 1, Tape()))


def test_closed_connections_are_not_counted_as_delivered() -> None:
    """Only frames that a connection took count as deliveries."""
    rooms = Rooms()
    rooms.join(Subscription("a", MEMBER, 1, Tape()))
    rooms.join(Subscription("a", MEMBER, 1, Tape(is_open=False)))
    rooms.broadcast(Broadcast.of("e", {}, 1), [MEMBER.pubsub_token])

    assert (rooms.broadcasts, rooms.deliveries) == (1, 1)


def test_every_delivery_passes_the_seam() -> None:
    """What delivers sees the event, its text and each receiver's identity, and decides who gets it."""
    seen: list[tuple[str, str, str, int]] = []

    def only_agents(broadcast: Broadcast, audience: Sequence[Subscription]) -> int:
        seen.extend((broadcast.event, broadcast.text, s.role, s.identity_id) for s in audience)
        return deliver_now(broadcast, [s for s in audience if s.role == "agent"])

    rooms = Rooms(only_agents)
    rooms.join(Subscription("a", MEMBER, 1, Tape()))
    rooms.join(Subscription("c", CONTACT, 1, Tape()))
    rooms.broadcast(Broadcast.of("e", {}, 1, text="mark"), [MEMBER.pubsub_token, CONTACT.pubsub_token])

    assert (seen, rooms.deliveries) == ([("e", "mark", "agent", 2), ("e", "mark", "contact", 10)], 1)


def test_everybody_is_every_subscription_once() -> None:
    """Who hears two streams is one subscription all the same; who left is told apart and is none."""
    rooms = Rooms()
    both = Subscription("a", MEMBER, 1, Tape(), hears_account=True)
    again, left = Subscription("b", MEMBER, 1, Tape()), Subscription("c", CONTACT, 1, Tape())
    for subscription in (both, again, left):
        rooms.join(subscription)
    rooms.leave(left)

    assert [both, again] == list(rooms.everybody())
    assert [False, False, True] == [subscription.has_left for subscription in (both, again, left)]
