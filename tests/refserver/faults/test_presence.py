"""Faults of presence, on a virtual clock and as plain clients observe them."""

import json
from pathlib import Path
from typing import Any

from loadtest.clock import VirtualClock
from loadtest.refserver.faults.grammar import parse_faults
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.presence import FaultyPresence
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLine, TruthLog, read_truth
from loadtest.refserver.rooms import Subscription
from tests.refserver.faults.scene import with_faults
from tests.refserver.site import CONTACT, MEMBER, Site
from tests.refserver.test_rooms import Tape

BEGUN_S = 1_700_000_000


class World:
    """Presence with faults, 20 s and 90 s of expiry, on a clock that is turned by hand."""

    def __init__(self, faults: str, path: Path) -> None:
        self.clock = VirtualClock(wall_start_ns=BEGUN_S * 1_000_000_000)
        plan = FaultPlan(parse_faults(faults), 0)
        self._truth = TruthLog(str(path))
        schedule = Schedule(self.clock, plan, self._truth)
        self._truth.open(schedule.wall_ns(), faults, 0)
        self.presence = FaultyPresence(self.clock, 20, 90, plan=plan, schedule=schedule, truth=self._truth)
        self.agent, self.contact = (Subscription("i", who, 1, Tape()) for who in (MEMBER, CONTACT))
        self._path = path

    def told(self, observer: Subscription) -> Any:
        return json.loads(self.presence.answer(observer).suffix[:-1])["data"]

    def truth(self) -> list[TruthLine]:
        self._truth.close(0)
        return list(read_truth(self._path).lines)


def test_a_lost_beat_does_not_count(tmp_path: Path) -> None:
    """Somebody whose beat was lost is not shown, and the truth says when and whose."""
    world = World("beat-loss[contact]=100%", tmp_path / "t")
    world.clock.advance(5)
    world.presence.beat(1, "agent", 2)
    world.presence.beat(1, "contact", 10)
    view = world.told(world.agent)

    assert {"account_id": 1, "users": {"2": "online"}, "contacts": {}} == view
    assert [("beat-loss", "contact:10", "contact", 1, BEGUN_S + 5)] == [
        (line.kind, line.receiver, line.role, line.account, line.t) for line in world.truth()
    ]


def test_lost_beats_are_chosen_one_by_one_by_the_seed(tmp_path: Path) -> None:
    """Of one identity's beats a share is lost, the same in every run whatever others do."""

    def lost(name: str, others: int) -> list[float]:
        world = World("beat-loss=30%", tmp_path / name)
        for _ in range(50):
            world.clock.advance(1)
            for other in range(100, 100 + others):
                world.presence.beat(1, "agent", other)
            world.presence.beat(1, "agent", 2)
        return [line.t - BEGUN_S for line in world.truth() if line.receiver == "agent:2"]

    alone = lost("a", 0)

    assert 5 <= len(alone) <= 25
    assert alone == lost("b", 3)


def test_a_late_expiry_is_told_with_its_length(tmp_path: Path) -> None:
    """A beat counts longer; the truth says from when it should not have, and for how long it did."""
    world = World("late-expiry[agent]=10s", tmp_path / "t")
    world.presence.beat(1, "agent", 2)
    world.presence.beat(1, "contact", 10)
    seen = []
    for _ in range(4):
        world.clock.advance(9.5)
        seen.append((list(world.told(world.agent)["users"]), list(world.told(world.agent)["contacts"])))

    assert [(["2"], ["10"])] * 3 + [([], ["10"])] == seen
    assert [("late-expiry", "agent:2", BEGUN_S + 20, 10_000_000)] == [
        (line.kind, line.receiver, line.t, line.held_us) for line in world.truth()
    ]


def test_a_beat_during_a_late_expiry_ends_it(tmp_path: Path) -> None:
    """Whoever comes back within the time was shown wrongly only until then."""
    world = World("late-expiry=10s", tmp_path / "t")
    world.presence.beat(1, "agent", 2)
    world.clock.advance(24)
    world.presence.beat(1, "agent", 2)
    world.clock.advance(15)
    world.presence.beat(1, "agent", 2)

    assert [(BEGUN_S + 20, 4_000_000)] == [(line.t, line.held_us) for line in world.truth()]


def test_a_ghost_stays_until_it_comes_back(tmp_path: Path) -> None:
    """A ghost is shown for ever after its expiry; the truth says since when."""
    world = World("ghost=100%", tmp_path / "t")
    world.presence.beat(1, "agent", 2)
    world.clock.advance(1000)
    haunted = (world.told(world.agent)["users"], world.presence.availability(1, 2))
    world.presence.beat(1, "agent", 2)
    world.clock.advance(21)

    assert ({"2": "online"}, "online") == haunted
    assert {"2": "online"} == world.told(world.contact)["users"]
    assert [("ghost", "agent:2", BEGUN_S + 20), ("ghost", "agent:2", BEGUN_S + 1020)] == [
        (line.kind, line.receiver, line.t) for line in world.truth()
    ]


def test_a_frozen_view_is_told_again_and_again(tmp_path: Path) -> None:
    """An observer is told what it was told first, with its age, and whether it had become wrong."""
    world = World("frozen[contact]=100%", tmp_path / "t")
    world.presence.beat(1, "agent", 2)
    first = world.told(world.contact)
    world.clock.advance(5)
    again = world.told(world.contact)
    world.clock.advance(20)

    assert first == again == world.told(world.contact)
    assert {} == world.told(world.agent)["users"]
    assert [("contact:10", 0, False), ("contact:10", 5_000_000, False), ("contact:10", 25_000_000, True)] == [
        (line.receiver, line.held_us, line.stale) for line in world.truth()
    ]


def test_contacts_leak_into_a_contacts_presence() -> None:
    """A contact's answer holds the contacts, an agent's is as ever; each is in the truth."""

    async def scenario(site: Site) -> tuple[Any, Any]:
        agent, contact = await site.listen(MEMBER), await site.listen(CONTACT)
        return await contact.presence(), await agent.presence()

    (contact, agent), truth = with_faults("presence-leak=100%", scenario)

    assert ({"10": "online"}, {"10": "online"}) == (contact["contacts"], agent["contacts"])
    assert [("presence-leak", "contact:10")] * 2 == [(line.kind, line.receiver) for line in truth.lines]


def test_a_lost_beat_is_answered_all_the_same() -> None:
    """The client that beats is told the presence in which it is missing."""

    async def scenario(site: Site) -> Any:
        return await (await site.listen(MEMBER)).presence()

    seen, truth = with_faults("beat-loss=100%", scenario)

    assert {} == seen["users"]
    assert ["beat-loss", "beat-loss"] == [line.kind for line in truth.lines]
