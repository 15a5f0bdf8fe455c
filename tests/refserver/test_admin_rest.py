"""The calls that set an account up: what they change, and who may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from loadtest import api
from loadtest.api import Call, provisioning
from tests.refserver.administration import answered, done
from tests.refserver.site import ADMIN, BOTH, MEMBER, OUTSIDER, STRANGER, Site, on_site

T, M = ADMIN.access_token, MEMBER.access_token


def answers(*calls: Call) -> list[Any]:
    """The decoded answers to calls that must succeed, one after the other."""

    async def scenario(site: Site) -> list[Any]:
        return [await done(site, call) for call in calls]

    return on_site(scenario)


def test_a_profile_is_ones_own() -> None:
    """With tokens, and the role in each account."""
    (shown,) = answers(provisioning.own_profile(BOTH.access_token))

    assert (5, "p-both", "a-both") == (shown["id"], shown["pubsub_token"], shown["access_token"])
    assert [(2, "agent"), (1, "agent")] == [(one["id"], one["role"]) for one in shown["accounts"]]


def test_an_agent_is_added_by_address_and_removed() -> None:
    """Somebody who is a user already joins; a user without any account is removed."""

    async def scenario(site: Site):
        added = await done(site, provisioning.add_agent(T, 1, "Eve", "eve@acme.inc", "agent"))
        joined = await done(site, provisioning.add_agent(T, 1, "", f"user-{STRANGER.user_id}@onechat.invalid", "agent"))
        listed = [one["id"] for one in await done(site, provisioning.list_agents(M, 1))]
        for user_id in (added["id"], joined["id"]):
            await site.done(provisioning.remove_agent(T, 1, user_id))
        staff = site.server.state.staff
        return added["id"], joined["id"], listed, staff.user(added["id"]), staff.user(joined["id"]) is None

    added, joined, listed, gone, is_gone = on_site(scenario)

    assert STRANGER.user_id == joined
    assert {ADMIN.user_id, MEMBER.user_id, OUTSIDER.user_id, BOTH.user_id, joined, added} == set(listed)
    assert (None, False) == (gone, is_gone)


def test_notifications_can_be_turned_off() -> None:
    """By each user for itself; by default an assignment is mailed."""

    async def scenario(site: Site):
        user = site.server.state.staff.user(MEMBER.user_id)
        assert user is not None
        before = list(user.email_flags)
        await done(site, provisioning.quiet_notifications(M, 1))
        return before, user.email_flags

    assert (["email_conversation_assignment"], []) == on_site(scenario)


def test_an_inbox_is_made_shown_and_removed() -> None:
    """With an identifier by which contacts come."""

    async def scenario(site: Site):
        made = await done(site, provisioning.create_api_inbox(T, 1, "Support"))
        shown = await done(site, provisioning.show_inbox(T, 1, made["id"]))
        names = [one["name"] for one in (await done(site, provisioning.list_inboxes(T, 1)))["payload"]]
        come = provisioning.register_contact(made["inbox_identifier"], "s", "Jane", "jane@acme.inc", "j", "tag")
        await done(site, come)
        await site.done(provisioning.delete_inbox(T, 1, made["id"]))
        gone, _ = await answered(site, come)
        return made, shown, names, gone

    made, shown, names, gone = on_site(scenario)

    assert (made, 404) == (shown, gone)
    assert "Support" in names
    assert ("Channel::Api", False, False) == (
        made["channel_type"],
        made["enable_auto_assignment"],
        made["greeting_enabled"],
    )


def test_agents_see_their_own_inboxes() -> None:
    """And administrators all."""
    all_of_them, own = answers(provisioning.list_inboxes(T, 1), provisioning.list_inboxes(M, 1))

    assert ([5, 6], [5]) == tuple([one["id"] for one in answer["payload"]] for answer in (all_of_them, own))


def test_a_new_member_hears_the_inbox() -> None:
    """From the next event on, over the socket it had before."""

    async def scenario(site: Site) -> tuple[list[str], list[str], list[int]]:
        listener = await site.listen(OUTSIDER)
        write = api.agent_send_message(ADMIN, 1, 3, "hi", "e")
        await site.done(write)
        before = await listener.events()
        await done(site, provisioning.set_inbox_members(T, 1, 5, [OUTSIDER.user_id]))
        await site.done(write)
        listed = await done(site, provisioning.list_inbox_members(T, 1, 5))
        return before, await listener.events(), [one["id"] for one in listed["payload"]]

    before, after, members = on_site(scenario)

    assert ([], True) == (before, "message.created" in after)
    assert [MEMBER.user_id, OUTSIDER.user_id, BOTH.user_id] == members


def test_a_team_is_made_filled_shown_and_removed() -> None:
    """Its conversations are assigned to none afterwards."""

    async def scenario(site: Site):
        team = await done(site, provisioning.create_team(T, 1, "Night Shift"))
        await done(site, provisioning.add_team_members(T, 1, team["id"], [MEMBER.user_id]))
        shown = await done(site, provisioning.show_team(M, 1, team["id"]))
        await site.done(api.agent_assign_team(MEMBER, 1, 3, team["id"]))
        await site.done(provisioning.delete_team(T, 1, team["id"]))
        conversation = site.server.state.conversation(1, 3)
        assert conversation is not None
        return team, shown, conversation.team

    team, shown, assigned = on_site(scenario)

    assert ("night shift", team, None) == (team["name"], shown, assigned)


def test_nothing_acts_by_itself() -> None:
    """There are no webhooks, bots and rules, and each is answered in upstream's wrapping."""
    assert [{"payload": {"webhooks": []}}, [], {"payload": []}] == answers(
        provisioning.list_webhooks(T, 1), provisioning.list_agent_bots(M, 1), provisioning.list_automation_rules(T, 1)
    )


FOR_ADMINISTRATORS: Sequence[Call] = (
    provisioning.add_agent(M, 1, "Eve", "eve@acme.inc", "agent"),
    provisioning.remove_agent(M, 1, OUTSIDER.user_id),
    provisioning.create_api_inbox(M, 1, "x"),
    provisioning.delete_inbox(M, 1, 5),
    provisioning.set_inbox_members(M, 1, 5, []),
    provisioning.create_team(M, 1, "x"),
    provisioning.delete_team(M, 1, 1),
    provisioning.add_team_members(M, 1, 1, []),
    provisioning.list_webhooks(M, 1),
    provisioning.list_automation_rules(M, 1),
)


@pytest.mark.parametrize("call", FOR_ADMINISTRATORS, ids=lambda call: call.endpoint.name)
def test_what_is_for_administrators_is_refused_to_agents(call: Call) -> None:
    """With 401, and nothing is changed."""
    status, answer = on_site(lambda site: answered(site, call))

    assert (401, "You are not authorized to do this action") == (status, answer["error"])


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (provisioning.own_profile("wrong"), 401),
        (provisioning.list_agents(STRANGER.access_token, 1), 401),
        (provisioning.show_inbox(M, 1, 6), 401),
        (provisioning.show_inbox(T, 1, 7), 404),
        (provisioning.delete_inbox(T, 1, 7), 404),
        (provisioning.remove_agent(T, 1, STRANGER.user_id), 404),
        (provisioning.set_inbox_members(T, 1, 5, [STRANGER.user_id]), 404),
        (provisioning.add_team_members(T, 1, 1, [99]), 404),
        (provisioning.show_team(T, 1, 3), 404),
        (provisioning.add_agent(T, 1, "Max", f"user-{MEMBER.user_id}@onechat.invalid", "agent"), 422),
        (provisioning.create_team(T, 1, "TEAM 1"), 422),
        (
            provisioning.CREATE_INBOX.call(
                {"account_id": 1}, {"name": "x", "channel": {"type": "web_widget"}}, token=T
            ),
            422,
        ),
    ],
)
def test_other_refusals_are_upstreams(call: Call, status: int) -> None:
    """What is foreign is 401, what is not there 404, what cannot be 422."""
    got, answer = on_site(lambda site: answered(site, call))

    assert (status, True) == (got, "error" in answer or "message" in answer)
