"""What a run's owner looks out for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from loadtest.clock import NS_PER_S
from loadtest.distributed.progress import Progress
from loadtest.metrics import Batch, Gauge
from loadtest.plan import LoadProfile
from loadtest.plugin.lookout import Lookout
from tests.plugin.conftest import eventually

HELD_NS = 5 * NS_PER_S


class Notes:
    """Stands where the keeper does: what it was told."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def note(self, kind: str, text: str) -> None:
        self.noted.append((kind, text))


def failing() -> Batch:
    """Calls of a target that does nothing else than fail."""
    batch = Batch()
    batch.add(0, "rest.n", "contact.send_message", "", 20)
    batch.add(0, "rest.error", "contact.send_message", "503", 20)
    return batch


@pytest.fixture
def made() -> Callable[..., Any]:
    """Makes lookouts, with what they told."""

    def make(*, guarded: bool, goes_on: bool = False, phase: str = "hold") -> Any:
        reasons: list[str] = []
        keeper = Notes()

        def let_go(reason: str) -> bool:
            reasons.append(reason)
            return goes_on

        conductor = SimpleNamespace(phase=phase, hold_ns=HELD_NS if phase == "hold" else None)
        lookout = Lookout(keeper, conductor, guarded=guarded, let_go=let_go)  # type: ignore[arg-type]
        return SimpleNamespace(lookout=lookout, reasons=reasons, keeper=keeper)

    return make


def test_the_plans_day_begins_with_the_hold(made: Callable[..., Any]) -> None:
    """Whenever the first look is: a line a minute apart tells the load of its own moment."""
    watching = made(guarded=False)
    progress = Progress(LoadProfile.parse("day=24s@9"), 60.0, 0)
    watching.lookout.tell(progress, 3600.0, lambda text: None)
    watching.lookout.take(failing())
    standing = progress.look(HELD_NS + 4 * NS_PER_S, "hold")
    watching.lookout.stop()

    assert standing.hour == pytest.approx(13.0)


def test_the_guard_asks_to_let_a_failing_target_go(made: Callable[..., Any]) -> None:
    """Once, with its reason; without a guard nobody asks."""
    guarded, bare = made(guarded=True), made(guarded=False)
    for one in (guarded, bare):
        for _ in range(3):
            one.lookout.take(failing())

    assert (len(guarded.reasons), bare.reasons) == (1, [])


def test_a_run_that_goes_on_has_a_new_guard(made: Callable[..., Any]) -> None:
    """Where the load is lowered instead, the target may fail again."""
    one = made(guarded=True, goes_on=True)
    for _ in range(3):
        one.lookout.take(failing())

    assert len(one.reasons) == 3


def test_progress_takes_what_comes(made: Callable[..., Any]) -> None:
    """It is told of every batch, and says in which phase the run is."""
    one = made(guarded=False)
    said: list[str] = []
    batch = Batch()
    batch.gauges.append(Gauge(0, "users.due", "local", 7.0))
    one.lookout.tell(Progress(LoadProfile.parse(""), None, 0), 0.01, said.append)
    one.lookout.take(batch)
    eventually(lambda: said and "of 7" in said[-1])
    one.lookout.stop()
    told = len(said)
    gevent.sleep(0)

    assert "hold" in said[-1]
    assert len(said) == told
