"""Acts take place exactly as often as they were asked for."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.plan import ACTS, Act, Mix


@given(st.floats(0, 1), st.integers(0, 1000), st.integers(0, 500), st.integers(0, 300))
def test_over_any_stretch_an_act_is_as_frequent_as_asked(rate, seed, start, length):
    """Systematic sampling keeps the number of acts exact to within one."""
    mix = Mix({"read": rate}, seed)
    found = sum(len(list(mix.acts(slot))) for slot in range(start, start + length))

    assert abs(found - rate * length) <= 1 + 1e-9


def test_every_act_has_steps_in_order():
    """Each act that can be asked for consists of steps that ascend in time."""
    assert set(ACTS) == set(get_args(Act))
    assert all([s[0] for s in steps] == sorted(s[0] for s in steps) and steps for steps in ACTS.values())


def test_steps_are_due_after_the_answer():
    """The steps of an exchange's acts are counted from its answer."""
    steps = Mix({"status": 1.0}).steps(7, 5.0)

    assert [(round(s.due_s, 3), s.kind, s.act) for s in steps] == [
        (5.4, "resolve", "status"),
        (6.4, "reopen", "status"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"), [("", {}), ("read=0.5", {"read": 0.5}), (" read=1 , team=0 ", {"read": 1.0, "team": 0.0})]
)
def test_a_mix_is_read_from_text(text, expected):
    """Acts and rates are written as ACT=RATE, separated by commas."""
    assert expected == Mix.parse(text).rates


@pytest.mark.parametrize("text", ["dance=1", "read", "read=2", "read=-1", "read=nan", "read=x"])
def test_a_mix_that_cannot_be_is_refused(text):
    """Unknown acts and rates outside 0 to 1 are errors that say what can be written."""
    with pytest.raises(UsageError, match="--mix"):
        Mix.parse(text)
