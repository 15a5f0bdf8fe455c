"""Presence accuracy against hand-computed timelines and a brute-force replay second by second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import VirtualClock
from loadtest.collect.people import People
from loadtest.collect.presence import Presence
from loadtest.metrics import Batch
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, CONTACT_2, DIRECTORY

SECOND = 10**9


def _presence(agent_expiry_s=20.0, contact_expiry_s=20.0):
    clock = VirtualClock()
    people = People(DIRECTORY)
    subject = Presence(
        people,
        clock,
        window_ns=SECOND,
        agent_expiry_s=agent_expiry_s,
        contact_expiry_s=contact_expiry_s,
    )
    return subject, clock


def _totals(batch):
    """Pair seconds by (metric, target role, observer role), and plain counts."""
    totals = {}
    for (_, metric, target, observer), value in batch.counts.items():
        key = (metric.removeprefix("presence.").removesuffix("_us"), target, observer)
        totals[key] = totals.get(key, 0) + (value / 1e6 if metric.endswith("_us") else value)
    return {key: value for key, value in totals.items() if value}


def test_a_beat_slower_than_the_expiry_is_right_two_thirds_of_the_time():
    """With E = 20 s and H = 30 s, views updated at every second show a beating agent 20 of 30 seconds (Chen et al.)."""
    subject, clock = _presence()
    batch = Batch()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, {"1": "online", "2": "online"}, {}, clock.now_ns(), batch)
    subject.count_from(clock.now_ns())
    for second in range(90):
        clock.advance(1)
        subject.beat(ADMIN, clock.now_ns(), batch)
        if (second + 1) % 30 == 0:
            subject.beat(BOB, clock.now_ns(), batch)
        since_beat = (second + 1) % 30
        users = {"1": "online"} | ({"2": "online"} if since_beat < 20 else {})
        subject.told(ADMIN, users, {}, clock.now_ns(), batch)
    subject.count_until(clock.now_ns(), batch)
    totals = _totals(batch)

    assert totals["right", "agent", "agent"] / totals["alive", "agent", "agent"] == pytest.approx(2 / 3)
    assert totals["mistakes", "agent", "agent"] == 3


def test_somebody_who_left_and_is_still_shown_is_falsely_online():
    """Time shown after leaving is false online time, out of the time the target was absent."""
    subject, clock = _presence()
    batch = Batch()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, {"2": "online"}, {}, clock.now_ns(), batch)
    subject.count_from(clock.now_ns())
    clock.advance(10)
    subject.left(BOB, clock.now_ns(), batch)
    clock.advance(15)
    subject.told(ADMIN, {}, {}, clock.now_ns(), batch)
    clock.advance(5)
    subject.count_until(clock.now_ns(), batch)

    assert {key: round(value, 6) for key, value in _totals(batch).items() if key[1] == "agent"} == {
        ("alive", "agent", "agent"): 10,
        ("right", "agent", "agent"): 10,
        ("ideal_right", "agent", "agent"): 10,
        ("absent", "agent", "agent"): 20,
        ("false_online", "agent", "agent"): 15,
    }


def test_contacts_observe_agents_and_nobody_observes_itself():
    """A contact's view is judged on agents only, and its own presence is no target."""
    subject, clock = _presence()
    batch = Batch()
    for identity in (ADMIN, CONTACT_1, CONTACT_2):
        subject.arrived(identity, clock.now_ns())
    subject.told(CONTACT_1, {"1": "online"}, None, clock.now_ns(), batch)
    subject.told(ADMIN, {"1": "online"}, {"1": "online"}, clock.now_ns(), batch)
    subject.count_from(clock.now_ns())
    clock.advance(4)
    subject.count_until(clock.now_ns(), batch)
    totals = _totals(batch)

    assert (totals["alive", "agent", "contact"], totals["right", "agent", "contact"]) == (4, 4)
    assert (totals["alive", "contact", "agent"], totals["right", "contact", "agent"]) == (8, 4)
    assert ("alive", "contact", "contact") not in totals
    assert ("alive", "agent", "agent") not in totals


def test_without_a_known_expiry_there_is_no_ceiling():
    """The ideal server cannot be replayed when nobody knows its expiry."""
    subject, clock = _presence(agent_expiry_s=None)
    batch = Batch()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, {"2": "online"}, {}, clock.now_ns(), batch)
    subject.count_from(clock.now_ns())
    clock.advance(4)
    subject.count_until(clock.now_ns(), batch)

    assert not [key for key in _totals(batch) if key[0] == "ideal_right"]


def test_only_the_hold_counts():
    """What was shown before the hold began is no part of the integrals."""
    subject, clock = _presence()
    batch = Batch()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, {"2": "online"}, {}, clock.now_ns(), batch)
    clock.advance(100)
    subject.count_from(clock.now_ns())
    clock.advance(3)
    subject.count_until(clock.now_ns(), batch)
    clock.advance(50)
    subject.told(ADMIN, {"2": "online"}, {}, clock.now_ns(), batch)

    assert _totals(batch)["alive", "agent", "agent"] == 3


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("toggle", "beat", "told")),
        st.sampled_from((ADMIN, BOB, CLEO)),
        st.sets(st.sampled_from((ADMIN, BOB, CLEO))),
        st.integers(0, 7),
    ),
    max_size=40,
)


@given(_EVENTS)
def test_integrals_are_those_of_a_replay_second_by_second(events):
    """Random arrivals, leavings, beats and views give the integrals that a walk over every second gives."""
    subject, clock = _presence()
    batch = Batch()
    here, planned, beats, views, ideals = set(), set(), {}, {}, {}
    expected = {"alive": 0, "right": 0, "ideal_right": 0, "absent": 0, "false_online": 0}
    subject.count_from(clock.now_ns())
    now = 0
    for kind, who, shown, wait in events:
        if kind == "toggle" and who in here:
            here.discard(who)
            views.pop(who, None)
            subject.left(who, clock.now_ns(), batch)
        elif kind == "toggle":
            here.add(who)
            planned.add(who)
            beats[who] = now
            subject.arrived(who, clock.now_ns())
        elif kind == "beat" and who in here:
            beats[who] = now
            if who in views:
                ideals[who] = {t for t, at in beats.items() if at >= now - 20}
            subject.beat(who, clock.now_ns(), batch)
        elif kind == "told" and who in here:
            if who not in views:
                ideals[who] = {t for t, at in beats.items() if at >= now - 20}
            views[who] = set(shown)
            subject.told(who, {str(t + 1): "online" for t in shown}, None, clock.now_ns(), batch)
        for _ in range(wait):
            for observer, view in views.items():
                for target in planned - {observer}:
                    if target in here:
                        expected["alive"] += 1
                        expected["right"] += target in view
                        expected["ideal_right"] += target in ideals[observer]
                    else:
                        expected["absent"] += 1
                        expected["false_online"] += target in view
        now += wait
        clock.advance(wait)
    subject.count_until(clock.now_ns(), batch)
    totals = _totals(batch)
    found = {name: round(totals.get((name, "agent", "agent"), 0)) for name in expected}

    assert expected == found
