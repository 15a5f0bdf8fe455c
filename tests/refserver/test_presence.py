"""Presence: beats expire, each role in its own time, and only what changed is encoded again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import VirtualClock
from loadtest.directory import Role
from loadtest.refserver.presence import Presence
from loadtest.refserver.rooms import Subscription
from tests.refserver.site import CONTACT
from tests.refserver.test_rooms import Tape


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def presence(clock: VirtualClock) -> Presence:
    return Presence(clock, agent_expiry_s=20, contact_expiry_s=90)


def told(presence: Presence, role: Role, account_id: int = 1) -> Any:
    return json.loads(presence.update(account_id, role).suffix[:-1])["data"]


def test_agents_are_told_of_users_and_contacts(presence: Presence) -> None:
    """An agent is told of the account's online users and contacts, by ids as strings."""
    presence.beat(1, "agent", 3)
    presence.beat(1, "contact", 7)

    assert told(presence, "agent") == {"account_id": 1, "users": {"3": "online"}, "contacts": {"7": "online"}}


def test_contacts_are_never_told_of_contacts(presence: Presence) -> None:
    """A contact is told of users alone; the key for contacts is absent, not empty."""
    presence.beat(1, "agent", 3)
    presence.beat(1, "contact", 7)

    assert told(presence, "contact") == {"account_id": 1, "users": {"3": "online"}}


def test_accounts_are_apart(presence: Presence) -> None:
    """Nobody is told of another account's people."""
    presence.beat(1, "agent", 3)

    assert told(presence, "agent", account_id=2)["users"] == {}


def test_each_role_expires_in_its_own_time(presence: Presence, clock: VirtualClock) -> None:
    """An agent's beat counts for 20 s and a contact's for 90 s, both ends included."""
    presence.beat(1, "agent", 3)
    presence.beat(1, "contact", 7)
    seen = []
    for step_s in (20, 0.001, 69.999, 0.001):
        clock.advance(step_s)
        data = told(presence, "agent")
        seen.append((list(data["users"]), list(data["contacts"])))

    assert seen == [(["3"], ["7"]), ([], ["7"]), ([], ["7"]), ([], [])]


def test_a_beat_renews(presence: Presence, clock: VirtualClock) -> None:
    """A beat before the expiry keeps an agent online."""
    presence.beat(1, "agent", 3)
    clock.advance(15)
    presence.beat(1, "agent", 3)
    clock.advance(15)

    assert presence.availability(1, 3) == "online"


def test_a_status_is_told_while_online(presence: Presence, clock: VirtualClock) -> None:
    """A chosen status is told as it is, and gone with the beat."""
    presence.beat(1, "agent", 3)
    told(presence, "agent")
    presence.set_status(1, 3, "busy")
    before = told(presence, "agent")["users"]
    clock.advance(21)

    assert (before, presence.availability(1, 3), presence.chosen(1, 3)) == ({"3": "busy"}, "offline", "busy")


def test_nothing_is_encoded_again_without_a_change(presence: Presence) -> None:
    """As long as nobody comes or goes, the same encoded update is used."""
    presence.beat(1, "agent", 3)
    first = presence.update(1, "agent")
    presence.beat(1, "agent", 3)

    assert first is presence.update(1, "agent")


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 30)), max_size=40))
def test_whoever_beat_within_the_expiry_is_online(steps: list[tuple[int, float]]) -> None:
    """At every moment exactly those are told who beat within the last 20 s, whatever the order of beats."""
    clock = VirtualClock()
    presence = Presence(clock, agent_expiry_s=20, contact_expiry_s=90)
    last_ns: dict[int, int] = {}
    for user_id, pause_s in steps:
        clock.advance(pause_s)
        presence.beat(1, "agent", user_id)
        last_ns[user_id] = clock.now_ns()
        expected = {str(user) for user, at_ns in last_ns.items() if clock.now_ns() - at_ns <= 20_000_000_000}

        assert expected == set(told(presence, "agent")["users"])


@pytest.mark.parametrize(
    ("beat_s", "asked_s", "is_shown"), [(0.9, 20.95, True), (0.1, 21.0, False), (0.0, 20.99, True)]
)
def test_whole_seconds_blur_the_expiry_as_upstreams_do(
    clock: VirtualClock, presence: Presence, beat_s: float, asked_s: float, is_shown: bool
) -> None:
    """Scores and the question are cut to whole seconds: 20 s lasts from 20 to 21 s."""
    presence.whole_seconds = True
    clock.advance(beat_s)
    presence.beat(1, "agent", 3)
    clock.advance(asked_s - beat_s)

    assert ("3" in told(presence, "agent")["users"]) is is_shown


def test_who_is_online_can_be_asked(clock: VirtualClock, presence: Presence) -> None:
    """By role and account, until the last beat has expired."""
    presence.beat(1, "contact", 7)
    online = [
        presence.is_online(1, "contact", 7),
        presence.is_online(1, "agent", 7),
        presence.is_online(2, "contact", 7),
    ]
    clock.advance(91)

    assert ([True, False, False], False) == (online, presence.is_online(1, "contact", 7))


def test_a_beat_is_answered_by_its_subscriptions_role_and_account(presence: Presence) -> None:
    """The answer is what identities of that role and account are told."""
    subscription = Subscription("i", CONTACT, 1, Tape())

    assert presence.update(1, "contact") is presence.answer(subscription)
