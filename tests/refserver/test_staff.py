"""Users, and what follows from their memberships."""

from __future__ import annotations

from loadtest.directory import Agent
from loadtest.refserver.staff import Staff

ADA = Agent((1,), 1, "administrator", (), "p-ada", "a-ada", "Ada")
MAX = Agent((1,), 2, "agent", (5,), "p-max", "a-max", "Max")


def test_who_sees_an_inbox_follows_memberships() -> None:
    """Streams change with every membership, and administrators see all."""
    staff = Staff((ADA, MAX))
    before = [staff.inbox_tokens(1, 5), staff.inbox_tokens(1, 6), staff.account_tokens(1)]
    user = staff.hire("Eve", "eve@acme.inc", {})
    staff.join(user, 1, "agent")
    staff.add_members(6, [user])
    token = user.agent.pubsub_token

    assert [("p-ada", "p-max"), ("p-ada",), ("p-ada", "p-max")] == before
    assert [("p-ada", "p-max"), ("p-ada", token), ("p-ada", "p-max", token)] == [
        staff.inbox_tokens(1, 5),
        staff.inbox_tokens(1, 6),
        staff.account_tokens(1),
    ]


def test_a_new_user_has_tokens_of_its_own_and_no_account() -> None:
    """It can be found by each of them."""
    staff = Staff((ADA,))
    user = staff.hire("Eve", "Eve@Acme.inc", {"a": 1})
    agent = user.agent

    assert (2, (), "agent", {"a": 1}) == (agent.user_id, agent.account_ids, agent.role, user.custom_attributes)
    assert agent is staff.by_access_token[agent.access_token] is staff.by_pubsub_token[agent.pubsub_token]
    assert user is staff.user_by_email("eve@acme.INC")
    assert staff.agent(1, agent.user_id) is None


def test_who_leaves_an_account_leaves_its_inboxes() -> None:
    """Those of other accounts stay."""
    both = Agent((1, 2), 3, "agent", (5, 9), "p-both", "a-both")
    staff = Staff((ADA, both))
    user = staff.user(3)
    assert user is not None
    staff.leave(user, 1, [5, 6])

    assert ((2,), (9,)) == (user.agent.account_ids, user.agent.inbox_ids)
    assert ("p-ada",) == staff.inbox_tokens(1, 5)


def test_a_dismissed_users_tokens_are_worth_nothing() -> None:
    """And nobody finds it."""
    staff = Staff((ADA, MAX))
    user = staff.user(2)
    assert user is not None
    staff.dismiss(user)

    assert (None, ["p-ada"], ["a-ada"]) == (staff.user(2), list(staff.by_pubsub_token), list(staff.by_access_token))
    assert [] == staff.members(5)
    assert 3 == staff.hire("Eve", "eve@acme.inc", {}).agent.user_id


def test_a_closed_inbox_has_no_members() -> None:
    """Its administrators see it no longer either, since it is nobody's."""
    staff = Staff((ADA, MAX))
    staff.close_inbox(5)

    assert [] == staff.members(5)


def test_a_seat_can_get_another_role() -> None:
    """Joining again changes the role and doubles nothing."""
    staff = Staff((ADA, MAX))
    user = staff.user(2)
    assert user is not None
    staff.join(user, 1, "administrator")

    assert ((1,), "administrator") == (user.agent.account_ids, user.agent.role)
