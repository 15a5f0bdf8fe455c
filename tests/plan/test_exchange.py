"""An exchange is a question and its answer, planned together."""

from hypothesis import given
from hypothesis import strategies as st

from loadtest.plan import Talk


@given(st.floats(0, 100), st.floats(0, 20), st.integers(0, 1000), st.integers(0, 100_000))
def test_steps_ascend_and_the_contact_asks_first(think_s, typing_s, seed, slot):
    """Steps come in due order, and the question is due no later than its answer."""
    steps = Talk(think_s, typing_s, seed).steps(slot)
    messages = [step for step in steps if step.kind == "message"]

    assert [s.due_s for s in steps] == sorted(s.due_s for s in steps)
    assert [m.role for m in messages] == ["contact", "agent"]


@given(st.floats(0.1, 100), st.integers(0, 1000), st.integers(0, 100_000))
def test_the_answer_is_due_a_thinking_time_after_the_question(think_s, seed, slot):
    """Thinking takes between a half and one and a half of its mean, whatever the target does."""
    question, answer = (s for s in Talk(think_s, 0.0, seed).steps(slot) if s.kind == "message")
    thought_s = answer.due_s - question.due_s

    assert 0.5 * think_s <= thought_s * (1 + 1e-9)
    assert thought_s <= 1.5 * think_s * (1 + 1e-9)


def test_typing_surrounds_each_message():
    """Who types starts typing_s before the message and stops right after it."""
    kinds = [(s.role, s.kind) for s in Talk(5.0, 1.0).steps(7)]

    assert kinds == [(role, kind) for role in ("contact", "agent") for kind in ("typing_on", "message", "typing_off")]


def test_without_typing_there_are_only_messages():
    """A typing time of 0 plans no typing at all."""
    assert [s.kind for s in Talk(2.0, 0.0).steps(0)] == ["message", "message"]
