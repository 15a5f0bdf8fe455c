"""The REST calls as the toolkit makes them: status codes, bodies, and refusals."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from loadtest import api
from loadtest.api import Call
from loadtest.directory import Agent
from tests.refserver.site import (
    ADMIN,
    AGENT_MESSAGES,
    AGENT_TYPING,
    BOTH,
    CONTACT,
    CONVERSATIONS,
    MEMBER,
    MESSAGES,
    OTHER,
    OUTSIDER,
    STRANGER,
    TYPING,
    Site,
    serving,
)

_T = TypeVar("_T")


def on_site(scenario: Callable[[Site], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        async with serving() as site:
            return await scenario(site)

    return asyncio.run(run())


async def send(site: Site, call: Call) -> tuple[int, bytes]:
    """Send one of the toolkit's own calls as it stands."""
    async with site.http.request(
        call.endpoint.method, site.server.url + call.path, data=call.body, headers=call.headers
    ) as response:
        return response.status, await response.read()


CALLS = (
    api.contact_create_conversation(CONTACT),
    api.contact_send_message(CONTACT, 3, "hi", "e-1"),
    api.contact_toggle_typing(CONTACT, 3, typing=True),
    api.agent_send_message(MEMBER, 1, 3, "hi", "e-1"),
    api.agent_toggle_typing(MEMBER, 1, 3, typing=False),
)


def test_every_endpoint_of_the_toolkit_is_served() -> None:
    """There is a call in this test for each endpoint the toolkit knows."""
    assert set(api.ENDPOINTS) == {call.endpoint for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.endpoint.name)
def test_the_toolkits_calls_succeed(call: Call) -> None:
    """Each call, exactly as the toolkit builds it, is answered with 200."""
    status, _ = on_site(lambda site: send(site, call))

    assert status == 200


def test_the_toolkit_reads_the_new_conversations_id() -> None:
    """The id the toolkit reads from the answer is the conversation's display id."""
    _, body = on_site(lambda site: send(site, CALLS[0]))

    assert api.parse_created(body).id == 5


def test_a_new_conversations_answer_has_upstreams_fields() -> None:
    """A contact's new conversation is answered with the fields of the public API."""
    _, answer = on_site(lambda site: site.post(CONVERSATIONS, {}))
    fields = ["id", "uuid", "inbox_id", "contact_last_seen_at", "status", "agent_last_seen_at", "messages", "contact"]

    assert fields == list(answer)


def test_a_contacts_message_is_answered_without_its_echo_id() -> None:
    """The public API answers with the message but not with the echo_id, which only the event carries."""
    _, answer = on_site(lambda site: site.post(MESSAGES, {"content": "hi", "echo_id": "e"}))
    fields = ["id", "content", "message_type", "content_type", "content_attributes", "created_at", "conversation_id"]

    assert [*fields, "sender"] == list(answer)


def test_an_agents_message_is_answered_with_its_echo_id() -> None:
    """An agent reads back what it wrote, its echo_id and privacy included."""
    _, answer = on_site(
        lambda site: site.post(AGENT_MESSAGES, {"content": "note", "echo_id": "e", "private": True}, MEMBER)
    )
    shown = {key: answer[key] for key in ("id", "content", "echo_id", "private", "conversation_id", "message_type")}

    expected = {"id": 1, "content": "note", "echo_id": "e", "private": True, "conversation_id": 3, "message_type": 1}
    assert expected == shown


def test_typing_is_answered_with_nothing() -> None:
    """A typing call is answered 200 with an empty body, also for a status that means nothing."""
    answers = on_site(
        lambda site: gathered(site, [(TYPING, {"typing_status": "on"}, None), (TYPING, {"typing_status": "x"}, None)])
    )

    assert answers == [(200, None)] * 2


async def gathered(site: Site, posts: list[tuple[str, Any, Agent | None]]) -> list[tuple[int, Any]]:
    return [await site.post(path, body, who) for path, body, who in posts]


def test_an_unknown_typing_status_causes_no_event() -> None:
    """A typing status beside on and off is accepted and told to nobody."""

    async def scenario(site: Site) -> list[str]:
        listener = await site.listen(MEMBER)
        await site.post(TYPING, {"typing_status": "maybe"})
        return await listener.events()

    assert on_site(scenario) == []


@pytest.mark.parametrize(
    ("path", "body", "who", "status"),
    [
        (AGENT_MESSAGES, {"content": "x"}, None, 401),
        (AGENT_MESSAGES, {"content": "x"}, Agent((1,), 9, "agent", (5,), "p", "a-nobody"), 401),
        (AGENT_MESSAGES, {"content": "x"}, OUTSIDER, 401),
        (AGENT_MESSAGES, {"content": "x"}, STRANGER, 401),
        (AGENT_TYPING, {"typing_status": "on"}, OUTSIDER, 401),
        ("/api/v1/accounts/9/conversations/3/messages", {"content": "x"}, MEMBER, 404),
        ("/api/v1/accounts/one/conversations/3/messages", {"content": "x"}, MEMBER, 404),
        ("/api/v1/accounts/1/conversations/99/messages", {"content": "x"}, MEMBER, 404),
        ("/api/v1/accounts/1/conversations/" + "9" * 5000 + "/messages", {"content": "x"}, MEMBER, 404),
        ("/public/api/v1/inboxes/none/contacts/s-10/conversations", {}, None, 404),
        ("/public/api/v1/inboxes/inbox-5/contacts/none/conversations", {}, None, 404),
        ("/public/api/v1/inboxes/inbox-5/contacts/s-10/conversations/4/messages", {"content": "x"}, None, 404),
        (MESSAGES, {"content": 1}, None, 422),
        (MESSAGES, {}, None, 422),
        (MESSAGES, [], None, 422),
        (AGENT_MESSAGES, {"content": "x", "message_type": "incoming"}, MEMBER, 422),
    ],
)
def test_refusals_are_upstreams(path: str, body: Any, who: Agent | None, status: int) -> None:
    """What is not allowed is 401, what does not exist 404, what cannot be a message 422; each with an error in JSON."""

    async def scenario(site: Site) -> tuple[int, Any, list[str]]:
        listener = await site.listen(ADMIN)
        answer = await site.post(path, body, who)
        return *answer, await listener.events()

    got, answer, events = on_site(scenario)

    assert (status, True, []) == (got, "error" in answer or "errors" in answer, events)


def test_a_body_that_is_no_json_is_refused() -> None:
    """A body that is no JSON is 400, and the server goes on."""

    async def scenario(site: Site) -> list[int]:
        statuses = []
        for body in (b"{", b"\xff", b'{"x":' + b"[" * 100_000, b'{"content":"ok"}'):
            async with site.http.post(site.server.url + MESSAGES, data=body) as response:
                statuses.append(response.status)
        return statuses

    assert on_site(scenario) == [400, 400, 400, 200]


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


def test_a_contact_cannot_write_into_anothers_conversation() -> None:
    """A conversation of another contact does not exist for a contact."""
    call = api.contact_send_message(OTHER, 3, "hi", "e")
    status, _ = on_site(lambda site: send(site, call))

    assert status == 404


@pytest.mark.parametrize(("path", "key"), [("/api", "queue_services"), ("/health", "status")])
def test_health_is_answered(path: str, key: str) -> None:
    """The two health checks of upstream answer with JSON."""
    status, text = on_site(lambda site: site.get(path))

    assert (status, key in json.loads(text)) == (200, True)
