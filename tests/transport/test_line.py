"""One direction of a connection: what scripted faults do to texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import NS_PER_MS, VirtualClock
from loadtest.transport.line import Fault, Line, delay, deliver, drop, duplicate, reorder
from loadtest.transport.timeline import Timeline

LATENCY_MS = 10


class Wire:
    """A line with a latency of 10 ms and what arrived at its end, with times in milliseconds."""

    def __init__(self) -> None:
        self.timeline = Timeline(VirtualClock(start_ns=0))
        self.arrived: list[tuple[str, int]] = []
        self.line = Line(self.timeline, LATENCY_MS * NS_PER_MS, self._arrive)

    def _arrive(self, data: bytes) -> None:
        self.arrived.append((data.decode(), self.timeline.clock.now_ns() // NS_PER_MS))

    def send(self, *texts: str, every_ms: int = 1) -> None:
        """Send texts, one a millisecond from time 0."""
        for number, text in enumerate(texts):
            self.timeline.call_at(number * every_ms * NS_PER_MS, lambda text=text: self.line.send(text.encode()))  # type: ignore[misc]

    def run(self) -> list[tuple[str, int]]:
        """Let everything arrive."""
        self.timeline.run_until_idle()
        return self.arrived


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        pytest.param([], [("a", 10), ("b", 11), ("c", 12)], id="none"),
        pytest.param([deliver(), drop()], [("a", 10), ("c", 12)], id="drop"),
        pytest.param([duplicate()], [("a", 10), ("a", 10), ("b", 11), ("c", 12)], id="duplicate"),
        pytest.param([duplicate(3)], [("a", 10), ("a", 10), ("a", 10), ("b", 11), ("c", 12)], id="triplicate"),
        pytest.param([delay(0.1)], [("b", 11), ("c", 12), ("a", 110)], id="delay"),
        pytest.param([reorder()], [("b", 11), ("a", 11), ("c", 12)], id="reorder"),
        pytest.param([reorder(), reorder()], [("c", 12), ("a", 12), ("b", 12)], id="reorder twice"),
        pytest.param([reorder(), drop()], [("a", 11), ("c", 12)], id="reorder past a lost one"),
        pytest.param(
            [deliver(), deliver(), reorder(0.5)], [("a", 10), ("b", 11), ("c", 512)], id="reorder with none behind"
        ),
    ],
)
def test_each_fault_happens_to_the_text_it_was_scripted_for(
    faults: list[Fault], expected: list[tuple[str, int]]
) -> None:
    """The n-th fault of a script is the n-th text's; texts behind the script just arrive."""
    wire = Wire()
    wire.line.script(*faults)
    wire.send("a", "b", "c")

    assert expected == wire.run()


def test_equal_texts_change_places_as_others_do() -> None:
    """A text that waits is told apart from another one with the same words."""
    wire = Wire()
    wire.line.script(reorder(), deliver(), reorder())
    wire.send("a", "a", "a", "b")

    expected = [("a", 11), ("a", 11), ("b", 13), ("a", 13)]
    assert expected == wire.run()


def test_a_stall_holds_everything_and_keeps_the_order() -> None:
    """What was on its way when the stall began arrives at its end, before what was sent during it."""
    wire = Wire()
    wire.send("a", "b", "c", every_ms=8)
    wire.timeline.call_at(9 * NS_PER_MS, lambda: wire.line.stall(0.1))

    expected = [("a", 109), ("b", 109), ("c", 109)]
    assert expected == wire.run()


def test_a_cut_loses_what_is_on_its_way() -> None:
    """What had arrived stays, the rest and all later texts are gone."""
    wire = Wire()
    wire.send("a", "b", "c", every_ms=8)
    wire.timeline.call_at(12 * NS_PER_MS, wire.line.cut)

    expected = [("a", 10)]
    assert expected == wire.run()


FAULTS = st.one_of(
    st.just(deliver()),
    st.just(drop()),
    st.builds(delay, st.floats(0, 5)),
    st.builds(duplicate, st.integers(1, 4)),
    st.builds(reorder, st.floats(0, 2)),
)


@given(st.lists(FAULTS, max_size=15), st.integers(0, 20))
def test_every_text_arrives_as_often_as_its_fault_says(faults: list[Fault], texts: int) -> None:
    """No combination of faults loses or multiplies a text beyond what was scripted."""
    wire = Wire()
    wire.line.script(*faults)
    wire.send(*map(str, range(texts)))
    script = [*faults, *[deliver()] * texts][:texts]
    arrived = [text for text, _ in wire.run()]

    expected = {str(n): 0 if fault == drop() else fault.times for n, fault in enumerate(script)}
    assert expected == {str(n): arrived.count(str(n)) for n in range(texts)}
