"""What presence rows are judged by: a truthful run agrees, and figures that are not the replay's are found out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loadtest.clock import VirtualClock
from loadtest.collect import Collector, CollectorSettings
from loadtest.directory import Agent, Contact, Directory
from loadtest.drive import judges_presence
from loadtest.metrics import Batch
from tests.drive.runs import evidence, line

PEOPLE = Directory(
    tuple(Agent((1,), n, "agent", (5,), f"agent-{n}", f"a{n}", f"A{n}") for n in (1, 2)),
    (Contact(1, 9, 5, "s9", "contact-9", "inbox-5"),),
    "test",
)
ANN, BOB, CLEO = 0, 1, 2
PLAN = {"agent_expiry_s": 5, "contact_expiry_s": 5, "heartbeat_s": 3}
WALL_S = 1_700_000_000


def ran(folder: Path, *, lies: float = 0.0, leaked: int = 0) -> Any:
    """A minute in which Bob beats every eight seconds on an expiry of five, logged and summarised.

    Args:
        folder: where it goes.
        lies: points by which the summary's accuracy is not the run's.
        leaked: frames that told Cleo of contacts.
    """
    clock = VirtualClock()
    path = judges_presence.log_path(folder / "run")
    settings = CollectorSettings("testrn", agent_expiry_s=5, contact_expiry_s=5, presence_log=f"{path}.local")
    books = Collector(PEOPLE, clock, settings)
    presence = books.presence
    for number in (ANN, BOB, CLEO):
        presence.arrived(number, clock.now_ns())
    beats = {number: clock.now_ns() for number in (ANN, BOB, CLEO)}

    def told(number: int, asked_ns: int | None, *, leak: bool = False) -> None:
        shown = [n for n, at_ns in beats.items() if clock.now_ns() - at_ns <= 5e9]
        users = {str(PEOPLE.agents[n].user_id): "online" for n in shown if n != CLEO}
        data: dict[str, Any] = {"account_id": 1, "users": users}
        if number != CLEO or leak:
            data["contacts"] = {"9": "online"} if CLEO in shown else {}
        presence.told(number, json.dumps(data).encode(), clock.now_ns(), asked_ns)

    for number in (ANN, BOB, CLEO):
        told(number, None)
    books.hold(clock.advance(0.1))
    for second in range(1, 61):
        clock.advance(1)
        for number, period in ((ANN, 3), (BOB, 8), (CLEO, 3)):
            if second % period == 0:
                beats[number] = clock.now_ns()
                presence.beat(number, clock.now_ns())
                asked_ns = clock.now_ns()
                clock.advance(0.002)
                told(number, asked_ns, leak=number == CLEO and second // 3 <= leaked)
    books.drain(clock.advance(0.5))
    found = books.collect(clock.now_ns())
    presence.close()
    sums = {}
    for (_, metric, target, observer), value in found.counts.items():
        sums[metric, target, observer] = sums.get((metric, target, observer), 0) + value

    def row(target: str, observer: str) -> dict[str, Any]:
        def total(name: str) -> float:
            return sums.get((f"presence.{name}", target, observer), 0)

        return {
            "p_a": total("right_us") / total("alive_us") + lies / 100,
            "mistakes": total("mistakes"),
            "false_online_share": None,
            "detection_time_s": {"n": 0, "mean": None, "max": None},
        }

    summary = {
        "agent": {"by_observer": {"agent": row("agent", "agent"), "contact": row("agent", "contact")}},
        "contact": {"by_observer": {"agent": row("contact", "agent")}, "forbidden": leaked},
    }
    lines = [line("presence-leak", role="contact", receiver="contact:9", t=WALL_S + 5) for _ in range(leaked)]
    return evidence(folder, Batch(), lines, presence=summary, run={"hold_s": 60.0, "plan": PLAN})


def wrong(comparisons: list[Any]) -> list[str]:
    """The names of the figures that do not agree."""
    return [one.what for one in comparisons if one.ok is False]


def test_a_truthful_run_agrees_with_its_replay(tmp_path: Path) -> None:
    """Accuracy and mistakes of all kinds of pairs, and no frame that cannot be."""
    compared = judges_presence.accuracy(ran(tmp_path))
    mistakes = next(one for one in compared if one.what == "mistakes, agents by agents")

    assert wrong(compared) == []
    assert mistakes.injected == mistakes.recovered
    assert (mistakes.injected or 0) > 0


def test_accuracy_that_is_two_points_off_is_found_out(tmp_path: Path) -> None:
    """A point is the tolerance."""
    found = wrong(judges_presence.accuracy(ran(tmp_path, lies=2.0)))

    assert found == ["P_A, agents by agents", "P_A, agents by contacts", "P_A, contacts by agents"]


def test_leaks_are_counted_frame_by_frame(tmp_path: Path) -> None:
    """As many as the server says it leaked during the hold."""
    compared = judges_presence.leaks(ran(tmp_path, leaked=3))

    assert (compared[0].injected, compared[0].recovered, compared[0].ok) == (3, 3, True)
