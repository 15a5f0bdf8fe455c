"""The table of a connection's life against its rules."""

from __future__ import annotations

from itertools import product

import pytest

from loadtest.cable.transitions import TRANSITIONS, Input, State

FRAMES = [Input.WELCOME, Input.PING, Input.CONFIRM, Input.REJECT, Input.MESSAGE, Input.DISCONNECT]
TEXTS = [*FRAMES, Input.NO_FRAME]
ORDER = list(State)


def test_every_pair_is_covered() -> None:
    """Each state has a step for each input, and there is none besides."""
    assert set(product(State, Input)) == set(TRANSITIONS)


def test_no_step_goes_back() -> None:
    """A connection's life has one direction."""
    back = [pair for pair, step in TRANSITIONS.items() if ORDER.index(step.to) < ORDER.index(pair[0])]

    assert not back


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_opens(text: Input) -> None:
    """Rule 1: a text that comes before the opening was told opens, and is judged again."""
    step = TRANSITIONS[State.CONNECTING, text]

    assert (step.to, step.again) == (State.OPEN, True)


def test_only_the_opening_is_judged_again() -> None:
    """No input is judged for ever: what is judged again is so in a state where nothing is."""
    again = {(pair[0], step.to) for pair, step in TRANSITIONS.items() if step.again}

    expected = {(State.CONNECTING, State.OPEN)}
    assert expected == again


def test_only_a_welcome_welcomes() -> None:
    """Rule 2: the one way into the welcomed state is the welcome, from the open one."""
    ways = {pair for pair, step in TRANSITIONS.items() if step.to is State.WELCOMED is not pair[0]}

    expected = {(State.OPEN, Input.WELCOME)}
    assert expected == ways


@pytest.mark.parametrize("frame", [Input.PING, Input.CONFIRM, Input.REJECT, Input.MESSAGE])
def test_what_precedes_the_welcome_is_a_fault_and_taken(frame: Input) -> None:
    """Rule 2: nothing is lost by a server's wrong order."""
    step = TRANSITIONS[State.OPEN, frame]

    assert (step.fault, step.taken) == ("before_welcome", True)


def test_commands_are_legal_while_open() -> None:
    """Rule 3: from the opening until the disconnect frame or the end."""
    legal = {state for state in State if TRANSITIONS[state, Input.COMMAND].taken}

    expected = {State.OPEN, State.WELCOMED}
    assert expected == legal


@pytest.mark.parametrize("frame", [Input.PING, Input.CONFIRM, Input.REJECT, Input.MESSAGE])
def test_what_was_in_flight_at_a_disconnect_is_taken(frame: Input) -> None:
    """Rule 4: frames behind a disconnect frame are no fault."""
    step = TRANSITIONS[State.DISCONNECTING, frame]

    assert (step.fault, step.taken) == ("", True)


@pytest.mark.parametrize("given", Input)
def test_nothing_is_taken_after_the_end(given: Input) -> None:
    """Rule 5: the end is final."""
    step = TRANSITIONS[State.CLOSED, given]

    assert (step.to, step.taken) == (State.CLOSED, False)


@pytest.mark.parametrize("state", [State.OPEN, State.WELCOMED, State.DISCONNECTING])
def test_what_is_no_frame_changes_nothing(state: State) -> None:
    """Rule 6: a text that is not the protocol leaves the state as it was."""
    assert state is TRANSITIONS[state, Input.NO_FRAME].to


def test_every_fault_has_a_state_to_happen_in() -> None:
    """The faults of the order of frames, all of them."""
    faults = {step.fault for step in TRANSITIONS.values()} - {""}

    expected = {
        "before_welcome",
        "duplicate_welcome",
        "welcome_after_disconnect",
        "duplicate_disconnect",
        "after_close",
    }
    assert expected == faults
