"""Lanes: a socket's frames keep their order whatever they wait for, and only what is to be overtaken is."""

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.clock import NS_PER_MS, NS_PER_S, SystemClock
from loadtest.refserver.faults.emissions import Emission
from loadtest.refserver.faults.lanes import Frame, Lanes
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLine, TruthLog, read_truth
from loadtest.refserver.rooms import Broadcast, Subscription
from tests.refserver.site import CONTACT, MEMBER
from tests.refserver.test_rooms import Tape


class Stage:
    """Lanes with two sockets, and what went out."""

    def __init__(self, path: Path | None = None) -> None:
        self.clock = SystemClock()
        self.truth = TruthLog(None if path is None else str(path))
        schedule = Schedule(self.clock, FaultPlan((), 0), self.truth)
        self.truth.open(schedule.wall_ns(), "", 0)
        self.handed = 0
        self.done = asyncio.Event()
        self.wanted = 1000
        self.tapes = {"a": Tape(), "b": Tape()}
        self.to = {
            "a": Subscription("a", MEMBER, 1, self.tapes["a"]),
            "b": Subscription("b", CONTACT, 1, self.tapes["b"]),
        }
        self.lanes = Lanes(self.clock, self.truth, schedule.later, self._took)

    def _took(self) -> None:
        self.handed += 1
        if self.handed >= self.wanted:
            self.done.set()

    def frame(self, socket: str, number: int, event: str = "e", due_ns: int = 0, extra: str = "") -> Frame:
        broadcast = Broadcast.of(event, number, 1)
        emission = Emission(event, str(number), str(number), due_ns=due_ns)
        return Frame(broadcast, emission, self.to[socket], self.clock.now_ns(), extra)

    def hold(self, socket: str, number: int, held_ms: float, event: str = "e") -> None:
        frame = self.frame(socket, number, event)
        frame.held_by, frame.planned_ns = "delay", round(held_ms * NS_PER_MS)
        self.lanes.put(frame, frame.at_ns + frame.planned_ns)

    def put(self, socket: str, number: int, event: str = "e") -> None:
        frame = self.frame(socket, number, event)
        self.lanes.put(frame, frame.at_ns)

    async def all_out(self, wanted: int) -> None:
        self.wanted = wanted
        if self.handed < wanted:
            await self.done.wait()

    def heard(self, socket: str) -> list[int]:
        return [int(bytes(frame).rsplit(b'"data":', 1)[1].rstrip(b"}")) for frame in self.tapes[socket].frames]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.floats(0, 8)), min_size=1, max_size=40))
def test_a_sockets_order_is_kept(frames: list[tuple[str, float | None]]) -> None:
    """However long each is held, or not at all, a socket hears its frames in the order in which they came."""

    async def run() -> dict[str, list[int]]:
        stage = Stage()
        for number, (socket, held_ms) in enumerate(frames):
            if held_ms is None:
                stage.put(socket, number)
            else:
                stage.hold(socket, number, held_ms)
        await stage.all_out(len(frames))
        assert stage.lanes.is_empty
        return {socket: stage.heard(socket) for socket in "ab"}

    expected = {socket: [n for n, (to, _) in enumerate(frames) if to == socket] for socket in "ab"}
    assert expected == asyncio.run(run())


def test_nothing_leaves_before_its_time_and_the_truth_says_how_long_it_was_held(tmp_path: Path) -> None:
    """Each held frame has one line, whose time is at least what was meant; what waited behind it has one too."""

    async def run() -> None:
        stage = Stage(tmp_path / "t")
        stage.hold("a", 0, 30)
        stage.hold("a", 1, 1)
        stage.put("a", 2)
        stage.put("b", 3)
        await stage.all_out(4)
        stage.truth.close(0)

    asyncio.run(run())
    lines = read_truth(tmp_path / "t").lines

    assert [("delay", "0", 30_000), ("delay", "1", 1_000), ("delay", "2", 0)] == [
        (line.kind, line.mark, line.planned_us) for line in lines
    ]
    assert all(line.held_us >= 29_000 for line in lines)
    assert lines[0].held_us >= 30_000


def test_an_answer_to_a_beat_waits_for_nobody() -> None:
    """presence.update is no delivery: it goes by what is held, unless it is held itself."""

    async def run() -> list[int]:
        stage = Stage()
        stage.hold("a", 0, 20)
        stage.put("a", 1, "presence.update")
        stage.hold("a", 2, 0, "presence.update")
        await stage.all_out(3)
        return stage.heard("a")

    assert [1, 0, 2] == asyncio.run(run())


def test_who_left_gets_nothing_any_more() -> None:
    """Frames held for a subscription that ended, or a connection that is gone, are dropped without a line."""

    async def run() -> tuple[int, list[int]]:
        stage = Stage()
        stage.hold("a", 0, 1)
        stage.hold("b", 1, 2)
        stage.to["a"].has_left = True
        await stage.all_out(1)
        return stage.handed, stage.heard("a")

    assert (1, []) == asyncio.run(run())


class Stamping(Tape):
    """An outlet that keeps when it was written to."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__()
        self._clock = clock
        self.written_ns = 0

    def write(self, frame: bytes) -> bool:
        self.written_ns = self._clock.now_ns()
        return super().write(frame)


def test_the_truth_does_not_count_what_a_send_takes(tmp_path: Path) -> None:
    """A frame is held until it is handed to its socket, however long the server is kept from going on after that."""

    async def run() -> int:
        stage = Stage(tmp_path / "t")
        outlet = Stamping(stage.clock)
        stage.to["a"] = Subscription("a", MEMBER, 1, outlet)
        frame = stage.frame("a", 0)
        frame.held_by = "delay"
        stage.lanes.put(frame, frame.at_ns + NS_PER_MS)
        await stage.all_out(1)
        stage.truth.close(0)
        return outlet.written_ns - frame.at_ns

    until_written_ns = asyncio.run(run())
    (line,) = read_truth(tmp_path / "t").lines

    assert NS_PER_MS <= line.held_us * 1000 <= until_written_ns


def overtaking(tmp_path: Path, *, due_after_ms: float | None) -> tuple[list[int], tuple[TruthLine, ...]]:
    """Put 0 aside, let 1 follow at once and 2 with a due time so long after 0's."""

    async def run() -> list[int]:
        stage = Stage(tmp_path / "t")
        aside = stage.frame("a", 0)
        aside.at_ns -= NS_PER_S  # it was broadcast a second ago
        stage.lanes.put_aside([aside])
        began_ns = stage.clock.wall_ns(aside.at_ns)
        for number, after_ms in ((1, 0.0), (2, due_after_ms)):
            if after_ms is not None:
                later = stage.frame("a", number, due_ns=began_ns + round(after_ms * NS_PER_MS))
                stage.lanes.put(later, later.at_ns)
        await stage.all_out(2 if due_after_ms is None else 3)
        heard = stage.heard("a")
        stage.truth.close(0, stage.lanes.waiting)
        return heard

    return asyncio.run(run()), read_truth(tmp_path / "t").lines


def test_a_frame_steps_back_behind_a_later_emission(tmp_path: Path) -> None:
    """What began surely after it was answered is followed by it; the truth names all that went by, in order."""
    heard, (line,) = overtaking(tmp_path, due_after_ms=150)

    assert [1, 2, 0] == heard
    assert ("reorder", True, ["1", "2"]) == (line.kind, line.sure, [by["mark"] for by in line.overtaken_by])


def test_behind_what_overlaps_no_frame_steps_back(tmp_path: Path) -> None:
    """An emission due at the same time goes by, and the frame waits on, until its patience is at its end."""
    heard, (line,) = overtaking(tmp_path, due_after_ms=None)

    assert [1, 0] == heard
    assert ("reorder", False, ["1"]) == (line.kind, line.sure, [by["mark"] for by in line.overtaken_by])


def test_what_nothing_overtakes_is_only_late(tmp_path: Path) -> None:
    """A frame that waited in vain leaves after three seconds, as a delay that says why."""

    async def run() -> list[int]:
        stage = Stage(tmp_path / "t")
        frame = stage.frame("a", 0)
        copy = stage.frame("a", 0, extra="dup")
        stage.lanes.put_aside([frame, copy])
        await stage.all_out(2)
        stage.truth.close(0)
        return stage.heard("a")

    assert [0, 0] == asyncio.run(run())
    line, copied = read_truth(tmp_path / "t").lines
    assert ("delay", "reorder", (), "dup") == (line.kind, line.why, tuple(line.overtaken_by), copied.kind)
    assert line.held_us >= 3_000_000
