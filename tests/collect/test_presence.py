"""Presence accuracy against theory and a brute-force replay second by second."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import VirtualClock
from loadtest.collect.people import People
from loadtest.collect.presence import Presence, PresenceSettings
from loadtest.collect.presence_truth import DEPARTURES
from loadtest.metrics import Batch
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, CONTACT_2, DIRECTORY

SECOND = 10**9


def opened(clock=None, **settings):
    """Presence on a virtual clock, with expiries of 20 s unless told otherwise."""
    clock = VirtualClock() if clock is None else clock
    values = {"agent_expiry_s": 20.0, "contact_expiry_s": 20.0, **settings}
    return Presence(People(DIRECTORY), clock, window_ns=SECOND, settings=PresenceSettings(**values)), clock


def data(users=(), contacts=None):
    """A frame's data: everybody named is online, a mapping says how."""
    told = {"account_id": 1, "users": users if isinstance(users, dict) else {str(u): "online" for u in users}}
    if contacts is not None:
        told["contacts"] = {str(c): "online" for c in contacts}
    return json.dumps(told).encode()


def found(subject, clock):
    """Everything found so far."""
    batch = Batch()
    subject.collect(clock.now_ns(), batch)
    return batch


def totals(batch):
    """Pair seconds by (metric, target role, observer role), and plain counts; zeros left out."""
    sums = Counter()
    for (_, metric, target, observer), value in batch.counts.items():
        key = (metric.removeprefix("presence.").removesuffix("_us"), target, observer)
        sums[key] += value / 1e6 if metric.endswith("_us") else value
    return {key: round(value, 6) for key, value in sums.items() if value}


def seconds(batch, metric):
    """What a histogram holds, in whole seconds, by (target role, observer role)."""
    held = {}
    for (_, found_metric, target, observer), hist in batch.hists.items():
        if found_metric == metric:
            values, counts = hist.buckets("lowest")
            times = [round(v / 1e6) for v, n in zip(values, counts, strict=True) for _ in range(n)]
            held.setdefault((target, observer), []).extend(times)
    return {key: sorted(times) for key, times in held.items()}


def test_a_beat_slower_than_the_expiry_is_right_two_thirds_of_the_time():
    """With E = 20 s and H = 30 s, views updated at every second show a beating agent 20 of 30 seconds (Chen et al.)."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([1, 2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    for second in range(1, 91):
        clock.advance(1)
        subject.beat(ADMIN, clock.now_ns())
        if second % 30 == 0:
            subject.beat(BOB, clock.now_ns())
        subject.told(ADMIN, data([1, 2] if second % 30 < 20 else [1], []), clock.now_ns())
    subject.count_until(clock.now_ns())
    batch = found(subject, clock)
    sums = totals(batch)

    assert sums["right", "agent", "agent"] / sums["alive", "agent", "agent"] == pytest.approx(2 / 3)
    assert sums["mistakes", "agent", "agent"] == 3
    assert seconds(batch, "mistake_duration") == {("agent", "agent"): [10, 10, 10]}
    assert seconds(batch, "mistake_recurrence") == {("agent", "agent"): [30, 30]}


@pytest.mark.parametrize(("expiry_s", "heartbeat_s", "ceiling"), [(20, 30, 2 / 3), (20, 60, 1 / 3), (60, 30, 1.0)])
def test_the_ceiling_is_expiry_over_heartbeat(expiry_s, heartbeat_s, ceiling):
    """Over all phases between two people's beats, an ideal pull server is right min(1, E/H) of the time."""
    rights = []
    for phase in range(heartbeat_s // 20, heartbeat_s, heartbeat_s // 10):
        subject, clock = opened(agent_expiry_s=expiry_s)
        subject.arrived(ADMIN, clock.now_ns())
        subject.arrived(BOB, clock.now_ns())
        subject.told(ADMIN, data([1, 2], []), clock.now_ns())
        subject.count_from(clock.now_ns())
        for second in range(1, 10 * heartbeat_s + 1):
            clock.advance(1)
            if second % heartbeat_s == 0:
                subject.beat(BOB, clock.now_ns())
            if second % heartbeat_s == phase:
                subject.beat(ADMIN, clock.now_ns())
        subject.count_until(clock.now_ns())
        sums = totals(found(subject, clock))
        rights.append(sums["ideal_right", "agent", "agent"] / sums["alive", "agent", "agent"])
        push = sums["ideal_push_right", "agent", "agent"] / sums["alive", "agent", "agent"]
        assert push == pytest.approx(ceiling, abs=0.001)

    assert sum(rights) / len(rights) == pytest.approx(ceiling, abs=0.06)


def test_somebody_who_left_and_is_still_shown_is_falsely_online():
    """Time shown after leaving is false online time, out of the time the target was absent."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(10)
    subject.left(BOB, clock.now_ns())
    clock.advance(15)
    subject.told(ADMIN, data([], []), clock.now_ns())
    clock.advance(5)
    subject.count_until(clock.now_ns())
    batch = found(subject, clock)
    sums = {key: value for key, value in totals(batch).items() if key[1] == "agent"}

    assert {name: sums[name, "agent", "agent"] for name in ("alive", "right", "absent", "false_online")} == {
        "alive": 10,
        "right": 10,
        "absent": 20,
        "false_online": 15,
    }
    assert seconds(batch, "detection_time") == {("agent", "agent"): [15]}


def test_contacts_observe_agents_and_nobody_observes_itself():
    """A contact's view is judged on agents only, and its own presence is no target."""
    subject, clock = opened()
    for identity in (CONTACT_1, CONTACT_2, ADMIN):
        subject.arrived(identity, clock.advance(1))
    subject.told(CONTACT_1, data([1]), clock.now_ns())
    subject.told(ADMIN, data([1], [1]), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(4)
    subject.count_until(clock.now_ns())
    sums = totals(found(subject, clock))

    assert (sums["alive", "agent", "contact"], sums["right", "agent", "contact"]) == (4, 4)
    assert (sums["alive", "contact", "agent"], sums["right", "contact", "agent"]) == (8, 4)
    assert ("alive", "contact", "contact") not in sums
    assert ("alive", "agent", "agent") not in sums


def test_without_a_known_expiry_there_is_no_ceiling():
    """The ideal server cannot be replayed when nobody knows its expiry."""
    subject, clock = opened(agent_expiry_s=None)
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(4)
    subject.count_until(clock.now_ns())

    assert not [key for key in totals(found(subject, clock)) if key[0].startswith("ideal")]


def test_only_the_hold_counts():
    """What was shown before the hold began, or after its end, is no part of the integrals."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    clock.advance(100)
    subject.count_from(clock.now_ns())
    clock.advance(3)
    subject.count_until(clock.now_ns())
    clock.advance(50)
    subject.told(ADMIN, data([], []), clock.now_ns())
    sums = totals(found(subject, clock))

    assert sums["alive", "agent", "agent"] == 3
    assert ("mistakes", "agent", "agent") not in sums


def test_time_falls_into_its_own_window():
    """Half a minute between two frames is counted second by second, not where it ended."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(30)
    batch = found(subject, clock)

    rights = [value for (_, metric, *_), value in batch.counts.items() if metric == "presence.right_us"]
    assert rights == [1_000_000] * 30


def test_a_late_beat_of_our_own_is_nobodys_mistake():
    """A target that this tool lets beat late is excused from when the beat was due, and what was told of it then."""
    subject, clock = opened(heartbeat_s=19.95)  # with the grace of 50 ms: overdue after 20 s
    subject.beats_every(ADMIN, 0)
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(25)  # five seconds late
    subject.beat(ADMIN, clock.now_ns())
    subject.told(ADMIN, data([], []), clock.now_ns())
    clock.advance(1)
    subject.beat(BOB, clock.now_ns())
    clock.advance(10)  # what the observer knows is still of the time when it was overdue
    subject.beat(ADMIN, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    clock.advance(5)
    subject.count_until(clock.now_ns())
    batch = found(subject, clock)
    sums = totals(batch)

    expected = {"alive": 25, "right": 25, "excused": 16}
    assert expected == {key[0]: value for key, value in sums.items() if key[0] in (*expected, "mistakes", "mistake")}
    assert seconds(batch, "recovery_time") == {}


def test_a_status_that_was_chosen_is_held_against_the_one_that_was_told():
    """Nine cells of pair time: what an agent chose, and what an observer was told; who chose offline is not missed."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.arrived(BOB, clock.now_ns())
    subject.told(ADMIN, data([2], []), clock.now_ns())
    subject.count_from(clock.now_ns())
    clock.advance(1)
    subject.chose(BOB, "busy", clock.now_ns())
    clock.advance(2)
    subject.told(ADMIN, data({"2": "busy"}, []), clock.now_ns())
    clock.advance(3)
    subject.chose(BOB, "offline", clock.now_ns())
    clock.advance(4)
    subject.told(ADMIN, data({"2": "offline"}, []), clock.now_ns())
    clock.advance(5)
    subject.count_until(clock.now_ns())
    sums = totals(found(subject, clock))

    assert {key[1]: value for key, value in sums.items() if key[0] == "status"} == {
        "online>online": 1,
        "busy>online": 2,
        "busy>busy": 3,
        "offline>busy": 4,
        "offline>offline": 5,
    }
    assert sums["alive", "agent", "agent"] == sums["right", "agent", "agent"] == 6
    assert ("mistakes", "agent", "agent") not in sums


def test_a_contact_told_of_contacts_is_counted():
    """Contacts must not see each other."""
    subject, clock = opened()
    subject.arrived(CONTACT_1, clock.now_ns())
    subject.count_from(clock.now_ns())
    subject.told(CONTACT_1, data([1], [2]), clock.now_ns())

    assert totals(found(subject, clock))["forbidden", "contact", "contact"] == 1


def test_a_frame_nobody_asked_for_tells_of_a_push_server():
    """Answers to beats, and the first frame after a subscription, are asked for; any other is pushed."""
    subject, clock = opened()
    subject.arrived(ADMIN, clock.now_ns())
    subject.count_from(clock.now_ns())
    subject.told(ADMIN, data([1], []), clock.now_ns())
    subject.told(ADMIN, data([1], []), clock.now_ns(), clock.now_ns())
    subject.told(ADMIN, data([1, 2], []), clock.now_ns())
    subject.told(ADMIN, data([1, 2], []), clock.now_ns(), shared=True)

    assert totals(found(subject, clock))["unasked", "agent", "agent"] == 1


def test_above_the_budget_some_observers_are_followed_and_the_share_is_told():
    """The draw is the seed's, one observer of each role at least, and the frames of the others are only glanced at."""
    subject, clock = opened(most_pairs=1)
    again, _ = opened(most_pairs=1)
    subject.count_from(clock.now_ns())
    gauges = {gauge.name: gauge.value for gauge in found(subject, clock).gauges}

    assert again.pairs == subject.pairs
    assert 0 < gauges["presence.pairs"] < gauges["presence.pairs_all"]


# -- brute force -----------------------------------------------------------------------------------------------------

_WHO = (ADMIN, BOB, CLEO)
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("toggle", "beat", "told", "told", "choose")),
        st.sampled_from(_WHO),
        st.sets(st.sampled_from(_WHO)),
        st.sampled_from(("online", "busy", "offline")),
        st.integers(0, 7),
    ),
    max_size=40,
)
EXPIRY, OVERDUE = 9, 12


@dataclass
class Slow:
    """The same definitions, pair by pair and second by second."""

    now: int = 0
    since: dict = field(default_factory=dict)
    died: dict = field(default_factory=dict)
    beats: dict = field(default_factory=dict)
    chosen: dict = field(default_factory=dict)
    views: dict = field(default_factory=dict)  # observer -> {target: (shown as, known, ideal, excused)}
    overdue_at_beat: dict = field(default_factory=dict)
    sums: Counter = field(default_factory=Counter)
    times: dict = field(default_factory=dict)
    began: dict = field(default_factory=dict)
    follow: dict = field(default_factory=dict)  # (observer, target) -> noticed at, or None
    silent: set = field(default_factory=set)

    def overdue(self, who):
        return who in self.since and self.now >= self.beats[who] + OVERDUE

    def up(self, who):
        return who in self.beats and self.now - self.beats[who] <= EXPIRY

    def ideal(self, who):
        return self.up(who) and self.chosen.get(who) != "offline"

    def record(self, metric, value):
        self.times.setdefault(metric, []).append(value)

    def end_absence(self, pair, *, returned):
        noticed = self.follow.pop(pair)
        died = self.died[pair[1]]
        if noticed is None:
            self.record("detection_censored", self.now - died)
        else:
            self.record("detection_time", max(0, noticed - died))
        if returned:
            self.sums["absences"] += 1
            self.sums["noticed"] += noticed is not None

    def arrive(self, who):
        for pair in [pair for pair in self.follow if pair[1] == who]:
            self.end_absence(pair, returned=True)
        self.since[who] = self.beats[who] = self.now
        for view in self.views.values():
            if who in view["targets"]:
                view["targets"][who]["known"] = view["targets"][who]["shown"] is not None
                view["targets"][who]["quiet"] = False

    def leave(self, who):
        self.began = {pair: at for pair, at in self.began.items() if pair[0] != who}
        if self.views.pop(who, None) is not None:
            for pair in [pair for pair in self.follow if pair[0] == who]:
                self.end_absence(pair, returned=False)
        del self.since[who]
        self.died[who] = self.now
        for observer, view in self.views.items():
            cell = view["targets"][who]
            if cell["known"] and self.chosen.get(who) != "offline":
                self.follow[observer, who] = None if cell["shown"] is not None else self.now
            cell["known"] = False

    def beat(self, who):
        self.beats[who] = self.now
        if who in self.views:
            self.overdue_at_beat[who] = {t for t in _WHO if self.overdue(t)}
            for target, cell in self.views[who]["targets"].items():
                cell["ideal"] = self.ideal(target)

    def choose(self, who, status):
        was = self.chosen.get(who, "online")
        self.chosen[who] = status
        if was == "offline":
            for view in self.views.values():
                cell = view["targets"].get(who)
                if cell is not None and cell["shown"] is None:
                    cell["known"], cell["quiet"] = False, True

    def tell(self, who, shown):
        first = who not in self.views
        if first:
            self.overdue_at_beat[who] = set()
            blank = {"shown": None, "known": False, "ideal": False, "excused": False, "quiet": False}
            self.views[who] = {"targets": {t: dict(blank, ideal=self.ideal(t)) for t in _WHO if t != who}}
        for target, cell in self.views[who]["targets"].items():
            excused = self.overdue(target) or target in self.overdue_at_beat[who]
            there, status = target in self.since, "online" if target in shown else None
            away = self.chosen.get(target) == "offline"
            pair = (who, target)
            if first:
                if there and status:
                    cell["known"] = True
                elif there and not away and not excused and self.since[target] < self.since[who]:
                    cell["known"] = True
                    self.began[pair] = self.now
                    self.sums["mistakes"] += 1
            elif there and cell["shown"] and not status and not away:
                if excused:
                    cell["known"], cell["quiet"] = False, True
                else:
                    self.sums["mistakes"] += 1
                    if self.began.get(pair, -1) >= self.since[target]:
                        self.record("mistake_recurrence", self.now - self.began[pair])
                    self.began[pair] = self.now
            elif there and status and not cell["shown"]:
                if cell["known"] and self.began.get(pair, -1) >= self.since[target]:
                    self.record("mistake_duration", self.now - self.began[pair])
                elif not cell["known"] and not cell["quiet"]:
                    self.record("recovery_time", self.now - self.since[target])
                cell["known"], cell["quiet"] = True, False
            elif not there and pair in self.follow:
                if cell["shown"] and not status:
                    self.follow[pair] = self.now
                elif status and not cell["shown"]:
                    self.sums["resurrected"] += self.follow[pair] is not None
                    self.follow[pair] = None
            cell["shown"], cell["excused"] = status, excused
        self.overdue_at_beat[who] = set()

    def second(self):
        for observer, view in self.views.items():
            for target, cell in view["targets"].items():
                there, excused = target in self.since, cell["excused"] or self.overdue(observer)
                away = self.chosen.get(target) == "offline"
                if there and (excused or self.overdue(target)):
                    self.sums["excused"] += 1
                elif there and not away:
                    self.sums["alive"] += 1
                    self.sums["right"] += cell["shown"] is not None
                    self.sums["mistake"] += cell["shown"] is None and cell["known"]
                    self.sums["unseen"] += cell["shown"] is None and not cell["known"]
                    self.sums["ideal_right"] += cell["ideal"]
                    self.sums["ideal_push_right"] += self.up(target) and self.now - self.beats[target] < EXPIRY
                elif target in self.died and not there and not excused:
                    self.sums["absent"] += 1
                    self.sums["false_online"] += cell["shown"] is not None
                    self.sums["ideal_false_online"] += cell["ideal"]
        self.now += 1


def both(events):
    """What the subject and the slow replay find: (sums, times) each."""
    subject, clock = opened(agent_expiry_s=EXPIRY, heartbeat_s=OVERDUE - 0.05)
    slow = Slow()
    subject.count_from(clock.now_ns())
    for kind, who, shown, status, wait in events:
        now_ns = clock.now_ns()
        if kind == "toggle" and who in slow.since:
            slow.leave(who)
            subject.left(who, now_ns, DEPARTURES[len(shown)])
        elif kind == "toggle":
            slow.arrive(who)
            subject.arrived(who, now_ns)
        elif kind == "beat" and who in slow.since:
            slow.beat(who)
            subject.beat(who, now_ns)
        elif kind == "told" and who in slow.since:
            slow.tell(who, shown)
            subject.told(who, data([t + 1 for t in shown], []), now_ns)
        elif kind == "choose":
            slow.choose(who, status)
            subject.chose(who, status, now_ns)
        for _ in range(wait):
            slow.second()
        clock.advance(wait)
    for pair in list(slow.follow):
        slow.end_absence(pair, returned=False)
    subject.count_until(clock.now_ns())
    batch = found(subject, clock)
    sums = totals(batch)
    got = {name: sums.get((name, "agent", "agent"), 0) for name in slow.sums if name not in ("absences", "noticed")}
    got["absences"] = sum(value for (name, *_), value in sums.items() if name.startswith("absences."))
    got["noticed"] = sum(value for (name, *_), value in sums.items() if name.startswith("absences_noticed."))
    got = {name: value for name, value in got.items() if value}
    wanted = {name: value for name, value in slow.sums.items() if value}
    times = {metric: sorted(values) for metric, values in slow.times.items()}
    return (wanted, times), (got, {metric: seconds(batch, metric).get(("agent", "agent"), []) for metric in times})


@given(_EVENTS)
def test_what_is_found_is_what_a_replay_second_by_second_finds(events):
    """Random arrivals, departures, beats, choices and views give the same integrals, mistakes and times."""
    (wanted, slow_times), (got, times) = both(events)

    assert wanted == pytest.approx(got, abs=1e-5)
    assert slow_times == times


@pytest.mark.parametrize("seed", range(12))
def test_hours_of_presence_are_those_of_the_replay(seed):
    """Long random histories reach what short ones do not: absences that end, ghosts, late beats of our own."""
    chance = random.Random(seed)
    events = [
        (
            chance.choices(("toggle", "beat", "told", "choose"), (2, 8, 8, 1))[0],
            chance.choice(_WHO),
            {who for who in _WHO if chance.random() < 0.6},
            chance.choice(("online", "busy", "offline")),
            chance.choice((0, 0, 1, 2, 3)),
        )
        for _ in range(800)
    ]
    (wanted, slow_times), (got, times) = both(events)

    assert wanted == pytest.approx(got, abs=1e-4)
    assert slow_times == times
