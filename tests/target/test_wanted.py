"""What is wanted, as a plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.target.wanted import Wanted

numbers = st.integers(1, 40)


@given(numbers, st.integers(0, 60), numbers)
def test_every_inbox_is_as_wide_as_wanted(agents: int, contacts: int, members: int) -> None:
    """Each agent is a member somewhere, each inbox has its members, and contacts are dealt to all inboxes in turn."""
    wanted = Wanted(agents, contacts, members)
    everybody = {number for inbox in wanted.members_of.values() for number in inbox}
    filled = [list(wanted.inbox_of.values()).count(inbox) for inbox in wanted.members_of]

    assert set(range(1, agents + 1)) == everybody
    # One member an inbox means the administrator and the inbox's own agent.
    assert all(len(inbox) == min(max(members, 2), agents) for inbox in wanted.members_of.values())
    assert sum(filled) == contacts
    assert max(filled) - min(filled) <= 1


def test_the_first_agent_of_an_account_of_its_own_is_its_administrator() -> None:
    """In an account that is there, nobody is: an administrator would see what is none of the load's business."""
    own, there = Wanted(2, 1, 2), Wanted(2, 1, 2, account_id=7)

    assert ["administrator", "agent"] == [own.role_of(1), own.role_of(2)]
    assert ["agent", "agent"] == [there.role_of(1), there.role_of(2)]


@pytest.mark.parametrize(
    "numbers", [{"agents": 0}, {"agents": -1}, {"contacts": -1}, {"members": 0}, {"teams": -1}], ids=str
)
def test_impossible_numbers_are_wrong_usage(numbers: dict[str, int]) -> None:
    """Said with the option."""
    with pytest.raises(UsageError, match=f"--{next(iter(numbers))}"):
        Wanted(**{"agents": 2, "contacts": 2, "members": 2} | numbers)


def test_it_is_kept_in_plain_types() -> None:
    """A journal can tell it from another wish."""
    wanted = Wanted(2, 3, 2, given=(4, 5))

    assert {**wanted.to_plain()} == {
        "agents": 2,
        "contacts": 3,
        "members": 2,
        "teams": 2,
        "conversations": True,
        "account_id": 0,
        "given": [4, 5],
    }
