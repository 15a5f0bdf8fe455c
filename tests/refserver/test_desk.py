"""What people do: the records change before anything is told, and what is told is in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadtest import api
from loadtest.api import records
from loadtest.refserver.desk import EMAIL_QUESTION
from tests.refserver.site import ADMIN, CONTACT, MEMBER, OTHER, QUIET, Site, on_site


def told(event: str, *calls: api.Call, dialect: str = "seed") -> Any:
    """The data of an event that a member hears of the last of these calls."""

    async def scenario(site: Site) -> Any:
        for call in calls[:-1]:
            await site.done(call)
        listener = await site.listen(MEMBER)
        await site.done(calls[-1])
        return await listener.data(event)

    return on_site(scenario, replace(QUIET, dialect=dialect))


def test_a_status_is_told_as_it_is_then() -> None:
    """conversation.status_changed shows the new status, and the assignee and last message that are."""
    data = told(
        "conversation.status_changed",
        api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id),
        api.contact_send_message(CONTACT, 3, "hi", "e"),
        api.agent_toggle_status(MEMBER, 1, 3, "pending"),
    )

    assert ("pending", 1, ["hi"], 1) == (
        data["status"],
        data["meta"]["assignee"]["id"],
        [message["content"] for message in data["messages"]],
        data["unread_count"],
    )


def test_a_contacts_message_reopens() -> None:
    """What was resolved is told as open before the message that opened it."""
    data = told(
        "conversation.status_changed",
        api.agent_toggle_status(MEMBER, 1, 3, "resolved"),
        api.contact_send_message(CONTACT, 3, "again", "e"),
    )

    assert ("open", []) == (data["status"], data["messages"])


def test_a_pending_conversation_stays_pending() -> None:
    """Only what was resolved or snoozed is opened by a message."""

    async def scenario(site: Site) -> list[str]:
        await site.done(api.agent_toggle_status(MEMBER, 1, 3, "pending"))
        listener = await site.listen(MEMBER)
        await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
        return await listener.events()

    assert on_site(scenario) == ["message.created"]


def test_a_merge_shows_the_contact_that_stays() -> None:
    """conversation.contact_changed has the contact that stays as sender, in the place and in the messages too."""
    data = told(
        "conversation.contact_changed",
        api.contact_send_message(CONTACT, 3, "hi", "e"),
        api.agent_merge_contacts(ADMIN, 1, OTHER.contact_id, CONTACT.contact_id),
    )

    assert [OTHER.contact_id] * 4 == [
        data["meta"]["sender"]["id"],
        data["contact_inbox"]["contact_id"],
        data["messages"][0]["sender"]["id"],
        data["messages"][0]["sender_id"],
    ]


def test_a_team_is_shown_in_current() -> None:
    """In the current version the team that was assigned to is told."""
    data = told("team.changed", api.agent_assign_team(MEMBER, 1, 3, 2), dialect="current")

    assert {"id": 2, "name": "Team 2"} == data["meta"]["team"]


@pytest.mark.parametrize(("status", "waits"), [("pending", True), ("resolved", False)])
def test_resolving_ends_the_waiting(status: Any, waits: bool) -> None:
    """In the current version a resolved conversation waits no longer; one event tells both."""
    data = told("conversation.updated", api.agent_toggle_status(MEMBER, 1, 3, status), dialect="current")

    assert waits is (data["waiting_since"] > 0)


def test_a_contact_is_asked_for_its_address() -> None:
    """The template after a first message asks by the document's words, and its answer is the document's."""

    async def scenario(site: Site) -> list[Any]:
        listener = await site.listen(CONTACT)
        await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
        question = (await listener.frames())[-1]["message"]["data"]
        await site.done(api.contact_update_message(CONTACT, 3, question["id"], "jane@acme.inc"))
        answered = await listener.data("message.updated")
        return [question["content"], question["message_type"], question["sender_type"], answered["content_attributes"]]

    expected = [EMAIL_QUESTION, 3, None, {"submitted_email": "jane@acme.inc"}]
    assert expected == on_site(scenario, replace(QUIET, email_collect=True))


def test_a_contact_whose_address_is_known_is_not_asked() -> None:
    """The template is for contacts without an address."""

    async def scenario(site: Site) -> list[str]:
        await site.done(api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"email": "cleo@acme.inc"}))
        listener = await site.listen(CONTACT)
        await site.done(api.contact_send_message(CONTACT, 3, "hi", "e"))
        return await listener.events()

    assert on_site(scenario, replace(QUIET, email_collect=True)) == ["message.created"]


def test_an_assignee_whose_membership_changed_is_the_same() -> None:
    """Assigning to whom it is assigned already is told to nobody, though the user's data is other data by now."""

    async def scenario(site: Site) -> list[str]:
        await site.done(api.agent_assign_agent(ADMIN, 1, 3, MEMBER.user_id))
        staff = site.server.state.staff
        user = staff.user(MEMBER.user_id)
        assert user is not None
        staff.add_members(6, [user])
        listener = await site.listen(ADMIN)
        await site.done(api.agent_assign_agent(ADMIN, 1, 3, MEMBER.user_id))
        return await listener.events()

    assert [] == on_site(scenario)


def test_labels_are_told_where_the_dialect_knows_it() -> None:
    """conversation.updated shows them."""
    data = told(
        "conversation.updated", records.set_labels(MEMBER.access_token, 1, 3, ["vip", "late"]), dialect="current"
    )

    assert data["labels"] == ["vip", "late"]
