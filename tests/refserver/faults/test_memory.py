"""Memory that is not given back: as much as was asked for, really there, and told."""

import psutil

from loadtest.clock import VirtualClock
from loadtest.refserver.faults.grammar import parse_faults
from loadtest.refserver.faults.memory import Memory
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog
from tests.refserver.faults.scene import heard, with_faults, write
from tests.refserver.site import CONTACT, MEMBER, Site


def memory(faults: str) -> Memory:
    plan, truth = FaultPlan(parse_faults(faults), 0), TruthLog(None)
    return Memory(plan, Schedule(VirtualClock(), plan, truth), truth)


def test_it_grows_with_what_it_was_told_to_grow_with() -> None:
    """Each term counts its own occasions, and terms add up."""
    grown = memory("memory-leak=100B/delivery,memory-leak=1kB/connection")
    grown.grow("broadcast")
    grown.grow("delivery", 7)
    grown.grow("connection")

    assert grown.leaked_bytes == 1700


def test_it_is_really_there() -> None:
    """What leaked is resident."""
    process = psutil.Process()
    before = process.memory_info().rss
    grown = memory("memory-leak=50MB/connection")
    grown.grow("connection", 2)

    assert process.memory_info().rss - before >= 90_000_000
    assert grown.leaked_bytes == 100_000_000


def test_nothing_grows_before_its_time() -> None:
    """A leak that begins later has not begun."""
    grown = memory("memory-leak=1kB/delivery@20s")
    grown.grow("delivery")

    assert grown.leaked_bytes == 0


def test_the_truth_is_told_each_mebibyte_and_at_the_end() -> None:
    """A server's leak is what it broadcast and delivered and who connected, times their sizes."""

    async def scenario(site: Site) -> int:
        ears = [await site.listen(MEMBER), await site.listen(CONTACT)]
        await write(site, range(10))
        for ear in ears:
            await heard(ear)
        return site.server.stats()["deliveries"]

    deliveries, truth = with_faults(
        "memory-leak=200kB/delivery,memory-leak=7B/connection,memory-leak=1kB/broadcast", scenario
    )
    told = [line.bytes for line in truth.lines if line.kind == "memory-leak"]

    assert deliveries == 2 + 20 + 2
    assert 200_000 * deliveries + 2 * 7 + 1000 * (2 + 10 + 2) == told[-1]
    assert sorted(told) == told
    assert len(told) >= 4
