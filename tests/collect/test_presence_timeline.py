"""Presence of people in several processes: the same stream, judged by one collector and by three, is the same time."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from locust.rpc.protocol import Message

from loadtest.clock import NS_PER_MS, NS_PER_S, VirtualClock
from loadtest.collect import Collector, CollectorSettings
from loadtest.collect.presence_timeline import MARGIN_NS, PATIENCE_NS, Timeline
from loadtest.directory import Agent, Population, generate
from loadtest.distributed import messages
from loadtest.metrics import Batch
from loadtest.users.ensemble import ensemble_of

WHOLE = generate(Population(agents=6, contacts=6, members=6))
PEOPLE = (*WHOLE.agents, *WHOLE.contacts)
END_S = 120
HOLD_S = (10, 100)
LIMIT_BYTES = 100 * 1024

Happening = tuple[int, str, int, Any]
"""When (nanoseconds), what, who (place in PEOPLE), and further values."""


def name_of(who: Any) -> str:
    """OneChat's id of somebody."""
    return str(who.user_id if isinstance(who, Agent) else who.contact_id)


def stream(seed: int) -> list[Happening]:
    """Two minutes of people who come, beat, are told what a slow and forgetful server says, choose, and go."""
    draw = random.Random(seed)
    found: list[Happening] = []
    for number, who in enumerate(PEOPLE):
        at_ns = round(draw.uniform(0, 8) * NS_PER_S)
        while at_ns < END_S * NS_PER_S:
            found.append((at_ns, "arrive", number, None))
            until_ns = at_ns + round(draw.uniform(5, 80) * NS_PER_S)
            beat_ns = at_ns + draw.randrange(NS_PER_S)
            while beat_ns < until_ns:
                found.append((beat_ns, "beat", number, None))
                answer_ns = beat_ns + draw.randrange(1, 400) * NS_PER_MS + draw.randrange(1000)
                if answer_ns < until_ns and draw.random() < 0.9:
                    shown = [other for other in range(len(PEOPLE)) if draw.random() < 0.8]
                    found.append((answer_ns, "told", number, (shown, beat_ns)))
                beat_ns += round(draw.choice([4, 5, 5, 9]) * NS_PER_S) + draw.randrange(1000)
            if isinstance(who, Agent) and draw.random() < 0.5:
                status = draw.choice(["busy", "offline", "online"])
                found.append((at_ns + draw.randrange(1, until_ns - at_ns), "choose", number, status))
            found.append((until_ns, "leave", number, draw.choice(["left", "cut", "silent"])))
            at_ns = until_ns + round(draw.uniform(2, 30) * NS_PER_S)
    return sorted(one for one in found if one[0] < END_S * NS_PER_S)


def frame(number: int, shown: list[int]) -> bytes:
    """A presence.update's data; contacts are told of agents alone."""
    users = {name_of(PEOPLE[n]): "busy" if n % 3 == 0 else "online" for n in shown if n < len(WHOLE.agents)}
    data = {"account_id": 1, "users": users}
    if number < len(WHOLE.agents):
        data["contacts"] = {name_of(PEOPLE[n]): "online" for n in shown if n >= len(WHOLE.agents)}
    return json.dumps(data).encode()


def judged(recorded: list[Happening], shares: int) -> dict[Any, Any]:
    """What so many collectors make of it together, their news sent in messages once a second."""
    hands = messages.deal(WHOLE, [(-(-6 // shares), -(-6 // shares))] * shares)
    clock = VirtualClock()
    zero_ns = clock.now_ns()
    crew = [
        Collector(
            hand,
            clock,
            CollectorSettings(
                "testrn",
                worker=f"w{share}",
                workers=shares,
                agent_expiry_s=7.0,
                contact_expiry_s=12.0,
                heartbeat_s=5.0,
            ),
            ensemble_of(WHOLE, hands, share).strangers,
        )
        for share, hand in enumerate(hands)
    ]
    homes = {who: (crew[s], n) for s, hand in enumerate(hands) for n, who in enumerate((*hand.agents, *hand.contacts))}
    happenings = [*recorded]
    happenings += [(s * NS_PER_S + 500, "tick", -1, None) for s in range(1, END_S + 20)]
    happenings += [(HOLD_S[0] * NS_PER_S + 17, "hold", -1, None), (HOLD_S[1] * NS_PER_S + 17, "drain", -1, None)]
    whole = Batch()
    for after_ns, what, number, value in sorted(happenings, key=lambda one: one[0]):
        at_ns = zero_ns + after_ns
        clock.advance((at_ns - clock.now_ns()) / 1e9)
        if number >= 0:
            home, identity = homes[PEOPLE[number]]
            presence = home.presence
        if what == "arrive":
            presence.arrived(identity, at_ns)
        elif what == "leave":
            presence.left(identity, at_ns, value)
        elif what == "beat":
            presence.beat(identity, at_ns)
        elif what == "choose":
            presence.chose(identity, value, at_ns)
        elif what == "told":
            shown, sent_ns = value
            presence.told(identity, frame(number, shown), at_ns, zero_ns + sent_ns)
            presence.answered(identity, zero_ns + sent_ns, at_ns)
        elif what == "tick":
            tick(crew, clock.now_ns(), whole)
        else:
            for collector in crew:
                (collector.hold if what == "hold" else collector.drain)(at_ns)
    assert all(collector.presence.is_settled for collector in crew)
    tick(crew, clock.now_ns(), whole, final=True)
    return told(whole)


def tick(crew: list[Collector], now_ns: int, whole: Batch, *, final: bool = False) -> None:
    """Everybody hands over a batch, and what others must know."""
    for collector in crew:
        whole.merge(collector.collect(now_ns, final=final))
    for collector in crew:
        news, collector.ledger.announcements = collector.ledger.announcements, []
        for part in messages.announcement_parts(news):
            for other in crew:
                for plain in part if other is not collector else ():
                    other.announce(plain)


def told(batch: Batch) -> dict[Any, Any]:
    """Time of pairs to within what microseconds are cut off, mistakes and their lengths, detection."""
    times: Counter[Any] = Counter()
    counts: Counter[Any] = Counter()
    for (_, metric, name, role), value in batch.counts.items():
        if metric.startswith("presence.") and metric.endswith("_us"):
            times[metric, name, role] += value
        elif metric.startswith(("presence.mistakes", "presence.absences", "presence.forbidden", "presence.resurr")):
            counts[metric, name, role] += value
    kept = ("mistake", "detection", "recovery")
    hists: dict[Any, Any] = {}
    for (_, metric, name, role), hist in batch.hists.items():
        if metric.startswith(kept):
            key = (metric, name, role)
            hists[key] = (
                (hists[key][0] + hist.n, hists[key][1] + hist.sum_us) if key in hists else (hist.n, hist.sum_us)
            )
    return {"times": dict(times), "counts": dict(counts), "hists": hists}


@pytest.mark.parametrize("seed", [1, 2])
def test_three_collectors_judge_the_same_pairs_as_one(seed: int) -> None:
    """An observer here and a target there are a pair like any other: the same time, the same mistakes."""
    recorded = stream(seed)
    alone, split = judged(recorded, 1), judged(recorded, 3)
    times, parts = alone.pop("times"), split.pop("times")

    assert alone == split
    assert len(alone["hists"]) > 5
    assert times.keys() == parts.keys()
    # each process cuts parts of a microsecond off, a window and a kind of pair
    assert {key: parts[key] for key in times} == pytest.approx(times, abs=3 * END_S)
    assert times["presence.alive_us", "agent", "contact"] > 60 * 1e6


def test_what_happens_waits_for_all_others() -> None:
    """It is judged in the order of its times once every other process has told up to then."""
    seen: list[str] = []
    timeline = Timeline(2)
    timeline.put(3 * NS_PER_S, lambda: seen.append("later"))
    timeline.put(2 * NS_PER_S, lambda: seen.append("earlier"))
    timeline.told("a", 9 * NS_PER_S)
    for happens in timeline.pass_to(9 * NS_PER_S, final=False):
        happens()
    assert seen == []
    timeline.told("b", 2 * NS_PER_S + 1)
    for happens in timeline.pass_to(9 * NS_PER_S, final=False):
        happens()

    assert ["earlier"] == seen


def test_nobody_waits_for_a_process_that_is_gone() -> None:
    """After a while what happened is judged without it, and what it tells later is too late."""
    seen: list[int] = []
    timeline = Timeline(1)
    timeline.put(NS_PER_S, lambda: seen.append(1))
    for happens in timeline.pass_to(NS_PER_S + PATIENCE_NS, final=False):
        happens()

    assert [1] == seen
    assert not timeline.put(NS_PER_S - 1, lambda: None)


def test_what_is_still_to_be_read_is_waited_for() -> None:
    """A process's own frames may be handed over a little after they came."""
    timeline = Timeline(1)
    timeline.told("a", 9 * NS_PER_S)
    timeline.put(5 * NS_PER_S, lambda: None)

    assert [] == list(timeline.pass_to(5 * NS_PER_S + MARGIN_NS - 1, final=False))
    assert 1 == len(list(timeline.pass_to(5 * NS_PER_S + MARGIN_NS, final=False)))


def test_a_seconds_news_of_many_people_fit_into_messages() -> None:
    """Ten thousand people who beat at once are told in parts below 100 KiB."""
    whole = generate(Population(agents=5000, contacts=5000, members=10))
    clock = VirtualClock()
    collector = Collector(whole, clock, CollectorSettings("testrn", worker="w" * 60, workers=2, presence_pairs=10))
    for identity in range(10_000):
        collector.presence.beat(identity, clock.now_ns())
    parts = list(messages.announcement_parts(collector.presence.news(clock.now_ns())))

    assert 10_001 == sum(len(part) for part in parts)
    assert max(len(Message(messages.ANNOUNCE, {"emissions": part}, "w").serialize()) for part in parts) < LIMIT_BYTES
