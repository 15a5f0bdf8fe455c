"""The replay of presence, on timelines computed by hand."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from loadtest.analysis.presence_replay import US_PER_S, Server, replay
from loadtest.collect.presence_log import Line


@dataclass(frozen=True)
class Fault:
    """A line of the server's truth."""

    t: float
    kind: str
    receiver: str


ANN, BOB, CLEO = "agent:1", "agent:2", "contact:1"
AGENTS = ("agent", "agent")
EXPIRY_S = 5
SERVER = Server({"agent": EXPIRY_S * US_PER_S, "contact": EXPIRY_S * US_PER_S})


def line(at_s: float, kind: str, who: str = "", *, shown: tuple[str, ...] = (), asked_s: float = 0) -> Line:
    """A line of the log."""
    return Line(round(at_s * US_PER_S), kind, who, 1 if who else 0, round(asked_s * US_PER_S), list(shown))


def beaten(who: str, sent_s: float, *shown: str) -> list[Line]:
    """A beat and its answer, five milliseconds apart."""
    return [line(sent_s, "beat", who), line(sent_s + 0.005, "told", who, shown=shown, asked_s=sent_s)]


def told(*parts: list[Line], end_s: float) -> list[Line]:
    """Two agents come, are told of each other, and the hold lasts from 1 s to the end."""
    lines = [
        line(0.5, "arrive", ANN),
        line(0.5, "arrive", BOB),
        line(0.6, "told", ANN, shown=(ANN, BOB)),
        line(0.6, "told", BOB, shown=(ANN, BOB)),
        line(1, "hold"),
        *(one for part in parts for one in part),
        line(end_s, "drain"),
    ]
    return sorted(lines, key=lambda one: one.t)


def test_beats_within_the_expiry_are_right_all_of_the_time() -> None:
    """A beat every three seconds on an expiry of five."""
    beats = [beaten(who, at, ANN, BOB) for at in (3, 6, 9) for who in (ANN, BOB)]
    found = replay(told(*beats, end_s=11), [], SERVER)

    assert (found.p_a(AGENTS), found.mistakes[AGENTS], found.wrong) == (1.0, 0, 0)


def test_what_the_server_cannot_have_said_is_wrong_and_the_rule_counts() -> None:
    """A frame that hides somebody who beat a second ago: the replay goes by the rule, and says so."""
    found = replay(told(beaten(BOB, 3, ANN, BOB), beaten(ANN, 4, ANN), end_s=6), [], SERVER)

    assert (found.p_a(AGENTS), found.mistakes[AGENTS], found.wrong) == (1.0, 0, 1)


def test_a_beat_slower_than_the_expiry_is_a_mistake_that_lasts() -> None:
    """Bob's last beat is six seconds old when Ann asks at 6.5 s: wrong until she asks again at 8.5 s."""
    log = told(beaten(ANN, 4, ANN, BOB), beaten(ANN, 6.5, ANN), beaten(BOB, 7, ANN, BOB), beaten(ANN, 8.5, ANN, BOB),
               end_s=9)  # fmt: skip
    found = replay(log, [], SERVER)

    assert found.mistakes[AGENTS] == 1
    assert found.wrong == 0
    assert found.p_a(AGENTS) == pytest.approx(1 - 2 / 16)  # of both pairs' eight seconds


def test_a_beat_that_the_server_forgot_does_not_count() -> None:
    """The truth file says so; Ann is told as if Bob had not beaten."""
    log = told(beaten(BOB, 3, ANN, BOB), beaten(ANN, 7, ANN), end_s=8)
    lost = Fault(3.002, "beat-loss", BOB)
    found = replay(log, [lost], SERVER)

    assert (found.mistakes[AGENTS], found.wrong) == (1, 0)


def test_a_ghost_is_shown_until_it_beats() -> None:
    """From its expiry on, whatever its age."""
    log = told([line(2, "leave", BOB)], beaten(ANN, 4, ANN, BOB), beaten(ANN, 9, ANN, BOB), end_s=10)
    ghost = Fault(5.5, "ghost", BOB)
    found = replay(log, [ghost], SERVER)

    assert (found.wrong, found.detection_s[AGENTS]) == (0, [])
    assert found.false_us[AGENTS] == found.absent_us[AGENTS] == 8 * US_PER_S


def test_a_frozen_view_repeats_the_first_one_it_was_frozen_at() -> None:
    """Bob is long gone, and Ann is told what was so at 4 s."""
    log = told(
        [line(2, "leave", BOB)], beaten(ANN, 4, ANN, BOB), beaten(ANN, 9, ANN, BOB), beaten(ANN, 10, ANN), end_s=11
    )
    stands = [Fault(at, "frozen", ANN) for at in (4.002, 9.002)]
    found = replay(log, stands, SERVER)

    assert found.wrong == 0
    assert found.detection_s[AGENTS] == [pytest.approx(8.005)]


def test_near_the_expiry_the_frame_is_believed() -> None:
    """An age of five seconds and a millisecond may have been either when the frame was made."""
    for shown in ((ANN, BOB), (ANN,)):
        log = told(beaten(BOB, 2, ANN, BOB), beaten(ANN, 7.001, *shown), end_s=8)
        found = replay(log, [], SERVER)

        assert (found.wrong, found.mistakes[AGENTS]) == (0, int(shown == (ANN,)))
        assert found.believed >= 1


def test_whole_seconds_blur_by_one() -> None:
    """Upstream's rounding: five seconds last from five to six."""
    log = told(beaten(BOB, 2, ANN, BOB), beaten(ANN, 7.5, ANN, BOB), beaten(ANN, 8.5, ANN), end_s=9)
    blurred = Server(SERVER.expiry_us, whole_seconds=True)

    assert (replay(log, [], blurred).wrong, replay(log, [], SERVER).wrong) == (0, 1)


def test_contacts_are_not_held_against_contacts() -> None:
    """A contact's pairs are those with agents."""
    lines = [line(0.5, "arrive", CLEO), line(0.5, "arrive", "contact:2"), line(0.6, "told", CLEO, shown=(ANN,))]
    found = replay(told(lines, end_s=4), [], SERVER)

    assert found.alive_us["contact", "contact"] == 0
    assert found.alive_us["agent", "contact"] > 0


def test_ideal_frames_made_by_the_rule_are_never_wrong() -> None:
    """Random beats of three agents, each answered by the rule itself."""
    chance = random.Random(5)
    people = (ANN, BOB, "agent:3")
    beats = dict.fromkeys(people, 0.5)
    lines = [line(0.5, "arrive", who) for who in people] + [line(0.9, "hold")]
    at = 1.0
    for _ in range(300):
        at += chance.uniform(0.02, 1.5)
        who = chance.choice(people)
        beats[who] = at
        shown = tuple(one for one in people if at + 0.002 - beats[one] <= EXPIRY_S)
        lines += beaten(who, at, *shown)
    found = replay(sorted([*lines, line(at + 1, "drain")], key=lambda one: one.t), [], SERVER)

    assert (found.wrong, found.decided > 500) == (0, True)
