"""The faults' own time: it begins with the first subscription, and moments come when they are due."""

import asyncio
from pathlib import Path

from loadtest.clock import SystemClock, VirtualClock
from loadtest.refserver.faults.grammar import Term, parse_faults
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog, read_truth


def test_time_begins_once() -> None:
    """Before the first subscription it is negative; a second beginning changes nothing."""

    async def run() -> list[float]:
        clock = VirtualClock()
        schedule = Schedule(clock, FaultPlan((), 0), TruthLog(None))
        times = [schedule.at_s()]
        clock.advance(3)
        schedule.begin()
        clock.advance(2)
        schedule.begin()
        times += [schedule.at_s(), (schedule.ns_at(2.0) - clock.now_ns()) / 1e9]
        return times

    assert [-1.0, 2.0, 0.0] == asyncio.run(run())


def test_moments_come_and_come_again() -> None:
    """A moment is told with its term and how often it came before; after the end none comes."""

    async def run() -> list[tuple[str, int]]:
        clock = SystemClock()
        schedule = Schedule(clock, FaultPlan(parse_faults("cut=1%@10ms/20ms,restart=1s@1ms"), 0), TruthLog(None))
        came: list[tuple[str, int]] = []
        enough = asyncio.Event()

        def moment(term: Term, ordinal: int) -> None:
            came.append((term.kind.name, ordinal))
            if came[-1] == ("cut", 2):
                schedule.end()
                enough.set()

        schedule.on_moment = moment
        schedule.begin()
        await enough.wait()
        return came

    assert [("restart", 0), ("cut", 0), ("cut", 1), ("cut", 2)] == asyncio.run(run())


def test_what_lasts_is_told_when_it_begins_and_ends(tmp_path: Path) -> None:
    """The truth knows the windows of spans and stalls; what lasts for ever from the beginning has none."""

    async def run() -> None:
        clock = SystemClock()
        truth = TruthLog(str(tmp_path / "t"))
        plan = FaultPlan(parse_faults("loss=1%,deaf@1ms..10ms,stall=5ms@20ms/30ms"), 0)
        schedule = Schedule(clock, plan, truth)
        truth.open(schedule.wall_ns(), "", 0)
        ended = asyncio.Event()
        schedule.begin()
        schedule.later(0.07, ended.set)
        await ended.wait()
        schedule.end()
        truth.close(schedule.wall_ns())

    asyncio.run(run())
    told = [(line.fault, line.state) for line in read_truth(tmp_path / "t").lines]

    assert [("deaf", "begin"), ("deaf", "end"), *([("stall", "begin"), ("stall", "end")] * 2)] == told[:6]
