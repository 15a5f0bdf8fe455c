"""The application API: answers with upstream's fields, and refusals with upstream's status codes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from loadtest import api
from loadtest.api import Call
from loadtest.directory import Agent
from tests.refserver.site import (
    ADMIN,
    AGENT_MESSAGES,
    BOTH,
    CONTACT,
    FOREIGN,
    MEMBER,
    OUTSIDER,
    STRANGER,
    Site,
    on_site,
)

NOBODY = Agent((1,), 9, "agent", (5,), "p", "a-nobody")
CONVERSATION = "/api/v1/accounts/1/conversations/3"


def answer_of(*calls: Call) -> Any:
    """The decoded answer to the last of these calls."""

    async def scenario(site: Site) -> Any:
        answers = [await site.done(call) for call in calls]
        return json.loads(answers[-1])

    return on_site(scenario)


def test_a_message_is_answered_with_its_echo_id() -> None:
    """An agent reads back what it wrote, its echo_id and privacy included."""
    answer = answer_of(api.agent_send_message(MEMBER, 1, 3, "note", "e", private=True))
    shown = {key: answer[key] for key in ("id", "content", "echo_id", "private", "conversation_id", "message_type")}

    expected = {"id": 1, "content": "note", "echo_id": "e", "private": True, "conversation_id": 3, "message_type": 1}
    assert expected == shown


def test_reading_is_answered_with_the_conversation() -> None:
    """When the agent has read, nothing is unread any more."""
    answer = answer_of(api.contact_send_message(CONTACT, 3, "hi", "e"), api.agent_update_last_seen(MEMBER, 1, 3))

    assert (3, 0, True) == (answer["id"], answer["unread_count"], answer["agent_last_seen_at"] > 0)


@pytest.mark.parametrize(("before", "expected"), [("open", "resolved"), ("resolved", "open"), ("pending", "open")])
def test_a_status_may_be_left_to_the_server(before: Any, expected: str) -> None:
    """Without a status an open conversation is resolved, any other opened (``toggle_status``)."""

    async def scenario(site: Site) -> Any:
        await site.done(api.agent_toggle_status(MEMBER, 1, 3, before))
        return await site.post(f"{CONVERSATION}/toggle_status", {}, MEMBER)

    status, answer = on_site(scenario)

    assert (200, expected) == (status, answer["payload"]["current_status"])


def test_an_assignee_is_shown() -> None:
    """The agent or team assigned to is answered; nothing for an assignment that names neither."""

    async def scenario(site: Site) -> list[Any]:
        agent = json.loads(await site.done(api.agent_assign_agent(MEMBER, 1, 3, ADMIN.user_id)))
        team = json.loads(await site.done(api.agent_assign_team(MEMBER, 1, 3, 2)))
        _, neither = await site.post(f"{CONVERSATION}/assignments", {}, MEMBER)
        return [agent["name"], team["name"], neither]

    assert on_site(scenario) == ["Ada", "Team 2", None]


@pytest.mark.parametrize(
    "call", [api.agent_assign_agent(MEMBER, 1, 3, STRANGER.user_id), api.agent_assign_team(MEMBER, 1, 3, 3)]
)
def test_whoever_is_of_another_account_is_nobody(call: Call) -> None:
    """Assigning to a user or team of elsewhere assigns to nobody, as upstream's lookup has it."""
    assert answer_of(api.agent_assign_agent(MEMBER, 1, 3, 1), call) is None


def test_a_contact_is_made_and_changed() -> None:
    """A contact's answer has its data and its places; a change keeps what is not given."""
    made = answer_of(api.agent_create_contact(MEMBER, 1, 5, "Nora", email="nora@acme.inc", identifier="n-1"))
    changed = answer_of(api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"email": "cleo@acme.inc"}))
    contact = made["payload"]["contact"]

    assert ("Nora", "nora@acme.inc", "n-1") == tuple(contact[key] for key in ("name", "email", "identifier"))
    assert contact["contact_inboxes"] == [made["payload"]["contact_inbox"]]
    assert ("Cleo", "cleo@acme.inc") == (changed["payload"]["name"], changed["payload"]["email"])


def test_a_merge_is_answered_with_the_contact_that_stays() -> None:
    """The contact that stays is shown with the places of both."""
    answer = answer_of(api.agent_merge_contacts(MEMBER, 1, 11, 10))

    assert (11, ["s-11", "s-10"]) == (answer["id"], [place["source_id"] for place in answer["contact_inboxes"]])


def test_availability_is_told_at_the_next_beat() -> None:
    """A chosen availability is shown in the answer, and to others once they ask."""

    async def scenario(site: Site) -> tuple[Any, Any]:
        await site.listen(MEMBER)
        listener = await site.listen(ADMIN)
        answer = json.loads(await site.done(api.agent_set_availability(MEMBER, 1, "busy")))
        return answer["accounts"], (await listener.presence())["users"]

    accounts, users = on_site(scenario)

    assert [{"id": 1, "role": "agent", "availability": "busy", "availability_status": "busy"}] == accounts
    assert {"1": "online", "2": "busy"} == users


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (api.agent_send_message(NOBODY, 1, 3, "x", "e"), 401),
        (api.agent_send_message(replace(MEMBER, access_token=""), 1, 3, "x", "e"), 401),
        (api.agent_send_message(OUTSIDER, 1, 3, "x", "e"), 401),
        (api.agent_send_message(STRANGER, 1, 3, "x", "e"), 401),
        (api.agent_toggle_typing(OUTSIDER, 1, 3, typing=True), 401),
        (api.agent_toggle_status(OUTSIDER, 1, 3, "open"), 401),
        (api.agent_assign_agent(OUTSIDER, 1, 3, 1), 401),
        (api.agent_update_last_seen(OUTSIDER, 1, 3), 401),
        (api.agent_list_teams(STRANGER, 1), 401),
        (api.agent_create_contact(STRANGER, 1, 5, "Nora"), 401),
        (api.agent_update_contact(STRANGER, 1, 10, {}), 401),
        (api.agent_merge_contacts(STRANGER, 1, 10, 11), 401),
        (api.agent_set_availability(MEMBER, 2, "busy"), 401),
        (api.agent_send_message(MEMBER, 9, 3, "x", "e"), 404),
        (api.agent_send_message(MEMBER, 1, 99, "x", "e"), 404),
        (api.agent_create_contact(MEMBER, 1, 7, "Nora"), 404),
        (api.agent_update_contact(MEMBER, 1, FOREIGN.contact_id, {}), 404),
        (api.agent_merge_contacts(MEMBER, 1, 10, FOREIGN.contact_id), 404),
        (api.agent_merge_contacts(MEMBER, 1, FOREIGN.contact_id, 10), 404),
        (api.agent_toggle_status(MEMBER, 1, 3, "done"), 422),  # type: ignore[arg-type]
        (api.agent_set_availability(MEMBER, 1, "asleep"), 422),  # type: ignore[arg-type]
        (api.agent_send_message(MEMBER, 1, 3, "x", "e", content_type="cards"), 422),  # type: ignore[arg-type]
        (api.agent_update_contact(MEMBER, 1, 10, {"email": 1}), 422),
    ],
)
def test_refusals_are_upstreams(call: Call, status: int) -> None:
    """What is not allowed is 401, what does not exist 404, what cannot be 422; each with an error, told to nobody."""

    async def scenario(site: Site) -> tuple[int, Any, list[str]]:
        listener = await site.listen(ADMIN)
        got, body = await site.send(call)
        return got, json.loads(body), await listener.events()

    got, answer, events = on_site(scenario)

    assert (status, True, []) == (got, "error" in answer or "errors" in answer, events)


def test_an_incoming_message_is_not_served() -> None:
    """Contacts write through the public API here."""
    body = {"content": "x", "message_type": "incoming"}
    status, _ = on_site(lambda site: site.post(AGENT_MESSAGES, body, MEMBER))

    assert status == 422


@pytest.mark.parametrize(
    "call",
    [
        api.agent_create_contact(MEMBER, 1, 5, "Nora", email="nora@acme.inc"),
        api.agent_update_contact(MEMBER, 1, CONTACT.contact_id, {"email": "nora@acme.inc"}),
    ],
)
def test_an_address_that_is_taken_is_refused(call: Call) -> None:
    """No two contacts have an address in common; the refusal says which attribute it is."""

    async def scenario(site: Site) -> tuple[int, Any]:
        await site.done(api.agent_create_contact(MEMBER, 1, 5, "Nora", email="nora@acme.inc"))
        status, body = await site.send(call)
        return status, json.loads(body)

    status, answer = on_site(scenario)

    assert (422, ["email"], "Email has already been taken") == (status, answer["attributes"], answer["error"])


def test_the_token_header_may_have_dashes() -> None:
    """The token is found under api-access-token too, as Rack folds the names into one."""

    async def scenario(site: Site) -> int:
        headers = {"api-access-token": MEMBER.access_token}
        async with site.http.post(site.server.url + AGENT_MESSAGES, json={"content": "x"}, headers=headers) as response:
            return response.status

    assert on_site(scenario) == 200


@pytest.mark.parametrize("who", [ADMIN, MEMBER, BOTH], ids=["administrator", "member", "of two accounts"])
def test_whoever_sees_a_conversation_may_write(who: Agent) -> None:
    """Administrators and members of the inbox may write into its conversations."""
    status, _ = on_site(lambda site: site.post(AGENT_MESSAGES, {"content": "x"}, who))

    assert status == 200


def test_contacts_are_changed_by_any_agent_of_the_account() -> None:
    """Contacts are the account's: an agent may change one that writes to an inbox it does not see."""
    status, _ = on_site(
        lambda site: site.send(api.agent_update_contact(OUTSIDER, 1, CONTACT.contact_id, {"name": "C"}))
    )

    assert status == 200
