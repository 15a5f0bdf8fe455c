"""A subscription's life against its rules."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.cable.events import Confirmed, Received, Rejected, Unconfirmed
from loadtest.cable.subscription import TRANSITIONS, Subscription, SubscriptionInput, SubscriptionState
from tests.cable.pair import kinds

TIMEOUT_NS = 10_000


def subscription() -> Subscription:
    """One that was just asked for, at time 0."""
    return Subscription("id", TIMEOUT_NS, 0)


def test_every_pair_is_covered() -> None:
    """Each state has a step for each input, and there is none besides."""
    assert set(product(SubscriptionState, SubscriptionInput)) == set(TRANSITIONS)


def test_a_confirm_tells_how_long_it_took() -> None:
    """The time runs from the subscribe command."""
    assert [Confirmed("id", 40)] == subscription().confirm(40)


def test_repeating_the_command_moves_no_deadline() -> None:
    """Rule 1: a client that asks every 500 ms is not waiting for ever."""
    waiting = subscription()
    waiting.subscribe(TIMEOUT_NS - 1)

    assert [Unconfirmed("id")] == waiting.check(TIMEOUT_NS)


def test_unconfirmed_is_told_once() -> None:
    """Rule 2: silence is told at its deadline, and not again."""
    waiting = subscription()
    told = [waiting.check(at_ns) for at_ns in (TIMEOUT_NS - 1, TIMEOUT_NS, TIMEOUT_NS + 1, 9 * TIMEOUT_NS)]

    expected = [[], [Unconfirmed("id")], [], []]
    assert expected == told


def test_a_confirm_after_the_deadline_is_late() -> None:
    """Rule 2: it is taken all the same."""
    waiting = subscription()
    waiting.check(TIMEOUT_NS)

    assert [Confirmed("id", TIMEOUT_NS + 5, late=True)] == waiting.confirm(TIMEOUT_NS + 5)


def test_subscribing_again_begins_a_new_wait() -> None:
    """Rule 2: after an unconfirmed subscribe another has a deadline of its own."""
    waiting = subscription()
    waiting.check(TIMEOUT_NS)
    waiting.subscribe(TIMEOUT_NS + 1)

    assert waiting.deadline_ns == 2 * TIMEOUT_NS + 1


def test_a_reject_after_a_confirm_ends_it() -> None:
    """Rule 3: it is a fault, and counts."""
    standing = subscription()
    standing.confirm(1)
    events = standing.reject()

    expected = (["reject_after_confirm", "Rejected"], SubscriptionState.REJECTED)
    assert expected == (kinds(events), standing.state)


def test_a_confirm_after_a_reject_finds_nobody() -> None:
    """Rule 3: it is a fault, and the subscription stays rejected, as the published clients forget it."""
    refused = subscription()
    refused.reject()
    events = refused.confirm(7)

    expected = (["confirm_after_reject"], SubscriptionState.REJECTED)
    assert expected == (kinds(events), refused.state)


def test_an_owed_confirm_after_a_reject_is_no_fault_and_finds_nobody() -> None:
    """Rules 3 and 4: a server may refuse one of two commands and take the other; the client has forgotten both."""
    refused = subscription()
    refused.subscribe(1)
    refused.reject()

    expected: tuple[list[str], SubscriptionState] = ([], SubscriptionState.REJECTED)
    assert expected == (kinds(refused.confirm(7)), refused.state)


def test_subscribing_again_after_a_reject_begins_a_new_wait() -> None:
    """Rule 3: its confirm is taken, and counts from the new command."""
    refused = subscription()
    refused.reject()
    refused.subscribe(TIMEOUT_NS)

    expected = ([Confirmed("id", 5)], SubscriptionState.CONFIRMED)
    assert expected == (refused.confirm(TIMEOUT_NS + 5), refused.state)


def test_a_second_confirm_is_a_fault() -> None:
    """Rule 4: one command is owed one answer."""
    standing = subscription()
    standing.confirm(1)

    assert kinds(standing.confirm(2)) == ["duplicate_confirm"]


def test_an_owed_second_confirm_is_none() -> None:
    """Rule 4: a server that confirms a repeated command has broken nothing."""
    standing = subscription()
    standing.subscribe(1)
    standing.confirm(2)

    assert standing.confirm(3) == []


def test_a_second_reject_is_a_fault() -> None:
    """Rule 4, for a refusal."""
    refused = subscription()

    expected = [["Rejected"], ["duplicate_reject"]]
    assert expected == [kinds(refused.reject()), kinds(refused.reject())]


@pytest.mark.parametrize("answer", ["confirm", "reject"])
def test_an_answer_may_cross_the_unsubscribe(answer: str) -> None:
    """Rule 5: the owed answer is nothing to tell, one more is a fault."""
    ended = subscription()
    ended.unsubscribe()

    def answered() -> list[str]:
        return kinds(ended.confirm(5) if answer == "confirm" else ended.reject())

    expected = [[], [f"{answer}_after_unsubscribe"], SubscriptionState.ENDED]
    assert expected == [answered(), answered(), ended.state]


@pytest.mark.parametrize("state", SubscriptionState)
def test_a_message_is_told_in_every_state(state: SubscriptionState) -> None:
    """Rule 6: it says whether the subscription was confirmed, and changes nothing."""
    target = subscription()
    target.state = state
    event = target.message(b"{}")

    expected = (Received("id", b"{}", confirmed=state is SubscriptionState.CONFIRMED), state)
    assert expected == (event, target.state)


@given(st.lists(st.sampled_from(["subscribe", "unsubscribe", "confirm", "reject", "message", "wait"]), max_size=30))
def test_answers_told_never_outnumber_commands_without_a_fault(steps: list[str]) -> None:
    """In whatever order: answers beyond the commands sent are faults, and each deadline is told once."""
    target = subscription()
    commands, answers, faults, silences, now_ns = 1, 0, 0, 0, 0
    for step in steps:
        now_ns += 1
        match step:
            case "subscribe":
                target.subscribe(now_ns)
                commands += 1
            case "unsubscribe":
                target.unsubscribe()
            case "wait":
                now_ns += TIMEOUT_NS
                silences += len(target.check(now_ns))
            case "message":
                target.message(b"1")
            case _:
                events = target.confirm(now_ns) if step == "confirm" else target.reject()
                answers += sum(isinstance(event, Confirmed | Rejected) for event in events)
                faults += sum(hasattr(event, "error") for event in events)

    assert answers - faults <= commands
    assert silences <= commands
