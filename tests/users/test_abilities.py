"""What a target cannot do is told once and left alone; what it merely fails at is not excused."""

import typing

import pytest

from loadtest.contract import CAUSES
from loadtest.contract.consequences import CAPABILITIES
from loadtest.plan import ACTS, Act, Kind, Step
from loadtest.users.abilities import TRIES, Abilities, cause_of, causes_of

TYPING = Step(0.0, "typing_on", "contact")
EMAIL = Step(0.0, "ask_email", "agent", "email")


def abilities():
    """Abilities, and what they told."""
    told = []
    return Abilities(lambda kind, text, data: told.append((kind, text, data))), told


@pytest.mark.parametrize("kind", typing.get_args(Kind))
def test_every_step_of_the_plan_is_a_cause_of_the_contract(kind):
    """A step of a new kind must say which call it makes."""
    role = "contact" if kind in ("read", "give_email", "open_conversation") else "agent"

    assert cause_of(kind, role) in CAUSES


@pytest.mark.parametrize("act", typing.get_args(Act))
def test_every_act_has_causes(act):
    """An act is left alone as a whole, so all of its calls are known."""
    assert causes_of(act)
    assert len(causes_of(act)) <= len(ACTS[act])


def test_a_target_can_do_everything_until_it_refuses():
    """Nothing is missing, and nothing is told."""
    subject, told = abilities()

    assert all(subject.can_do(cause) for cause in CAUSES)
    assert [] == told


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_route_that_refuses_its_first_calls_is_not_there(status):
    """After the third refusal it is told once, and whatever needs it is left alone."""
    subject, told = abilities()
    able = []
    for _ in range(TRIES + 2):
        able.append(subject.can_take(EMAIL))
        subject.answered("contact.update_message", status)

    assert [True] * TRIES + [False] * 2 == able
    assert [("not_driven", "contact.update_message")] == [(kind, data["cause"]) for kind, _, data in told]


@pytest.mark.parametrize("status", [401, 403, 422, 429, 500, None])
def test_other_failures_are_the_targets(status):
    """A server that fails has the route."""
    subject, told = abilities()
    for _ in range(3 * TRIES):
        subject.answered("contact.toggle_typing", status)

    assert (True, []) == (subject.can_take(TYPING), told)


def test_a_route_that_once_worked_is_there():
    """A conversation that is gone answers 404 too."""
    subject, told = abilities()
    subject.answered("contact.toggle_typing", 200)
    for _ in range(3 * TRIES):
        subject.answered("contact.toggle_typing", 404)

    assert (True, []) == (subject.can_take(TYPING), told)


def test_messages_are_never_left_alone():
    """They are what the run is for: a target that refuses them has failed."""
    subject, _ = abilities()
    for _ in range(3 * TRIES):
        subject.answered("contact.send_message", 404)

    assert subject.can_take(Step(0.0, "message", "contact"))


def test_a_capability_is_told_in_the_contracts_words():
    """The reader learns what to give the target."""
    subject, told = abilities()
    subject.lacks_capability("agent.assign_team", "teams")

    assert [f"agent.assign_team is not driven: it needs {CAPABILITIES['teams']}"] == [text for _, text, _ in told]
