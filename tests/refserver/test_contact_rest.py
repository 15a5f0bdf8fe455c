"""The public API: answers with upstream's fields, and nothing for whoever is not who the path says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from loadtest import api
from loadtest.api import provisioning
from tests.refserver.site import ADMIN, CONTACT, CONVERSATIONS, MEMBER, MESSAGES, OTHER, TYPING, Site, on_site

MESSAGE_FIELDS = [
    *("id", "content", "message_type", "content_type", "content_attributes", "created_at", "conversation_id"),
    "sender",
]


def test_a_new_conversations_answer_has_upstreams_fields() -> None:
    """A contact's new conversation is answered with the fields of the public API."""
    _, answer = on_site(lambda site: site.post(CONVERSATIONS, {}))
    fields = ["id", "uuid", "inbox_id", "contact_last_seen_at", "status", "agent_last_seen_at", "messages", "contact"]

    assert fields == list(answer)


def test_a_message_is_answered_without_its_echo_id() -> None:
    """The public API answers with the message but not with the echo_id, which only the event carries."""
    _, answer = on_site(lambda site: site.post(MESSAGES, {"content": "hi", "echo_id": "e"}))

    assert MESSAGE_FIELDS == list(answer)


def test_an_answered_question_is_shown() -> None:
    """The contact reads back the question it answered, with the answer."""

    async def scenario(site: Site) -> Any:
        await site.done(api.agent_send_message(MEMBER, 1, 3, "Your address?", "q", content_type="input_email"))
        return await site.done(api.contact_update_message(CONTACT, 3, 1, "jane@acme.inc"))

    assert b'"content_attributes":{"submitted_email":"jane@acme.inc"}' in on_site(scenario)


def test_typing_is_answered_with_nothing() -> None:
    """A typing call is answered 200 with an empty body, also for a status that means nothing."""

    async def scenario(site: Site) -> list[tuple[int, Any]]:
        return [await site.post(TYPING, {"typing_status": status}) for status in ("on", "x")]

    assert on_site(scenario) == [(200, None)] * 2


def test_an_unknown_typing_status_causes_no_event() -> None:
    """A typing status beside on and off is accepted and told to nobody."""

    async def scenario(site: Site) -> list[str]:
        listener = await site.listen(MEMBER)
        await site.post(TYPING, {"typing_status": "maybe"})
        return await listener.events()

    assert on_site(scenario) == []


def test_reading_is_kept() -> None:
    """When the contact has read the conversation, the time of it is shown."""

    async def scenario(site: Site) -> int:
        listener = await site.listen(MEMBER)
        await site.done(api.contact_update_last_seen(CONTACT, 3))
        seen: int = (await listener.data("conversation.read"))["contact_last_seen_at"]
        return seen

    assert on_site(scenario) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/public/api/v1/inboxes/none/contacts/s-10/conversations",
        "/public/api/v1/inboxes/inbox-5/contacts/none/conversations",
        "/public/api/v1/inboxes/inbox-5/contacts/s-10/conversations/4/messages",
        "/public/api/v1/inboxes/inbox-5/contacts/s-10/conversations/99/messages",
    ],
)
def test_what_is_not_the_contacts_does_not_exist(path: str) -> None:
    """An unknown inbox, contact or conversation, and a conversation of somebody else, are 404 and told to nobody."""

    async def scenario(site: Site) -> tuple[int, list[str]]:
        listener = await site.listen(ADMIN)
        status, _ = await site.post(path, {"content": "x"})
        return status, await listener.events()

    assert on_site(scenario) == (404, [])


@pytest.mark.parametrize(
    "call",
    [
        api.contact_send_message(OTHER, 3, "hi", "e"),
        api.contact_update_last_seen(OTHER, 3),
        api.contact_update_message(OTHER, 3, 1, "jane@acme.inc"),
        api.contact_update_message(CONTACT, 3, 2, "jane@acme.inc"),
        api.contact_update_message(CONTACT, 3, 99, "jane@acme.inc"),
    ],
)
def test_only_the_own_questions_can_be_answered(call: api.Call) -> None:
    """Another contact's conversation, a message that asks nothing, and one that does not exist are 404."""

    async def scenario(site: Site) -> int:
        await site.done(api.agent_send_message(MEMBER, 1, 3, "Your address?", "q", content_type="input_email"))
        await site.done(api.contact_send_message(CONTACT, 3, "why?", "e"))
        status, _ = await site.send(call)
        return status

    assert on_site(scenario) == 404


COMING = provisioning.register_contact("inbox-5", "s-new", "Jane", "jane@acme.inc", "j-1", "tag")


def test_somebody_who_comes_gets_a_place() -> None:
    """With a token to subscribe by, under the source id it gave; agents are told of a new contact."""

    async def scenario(site: Site) -> tuple[Any, Any, list[str]]:
        listener = await site.listen(MEMBER)
        made = json.loads(await site.done(COMING))
        shown = json.loads(await site.done(provisioning.show_own_contact("inbox-5", "s-new")))
        events = await listener.events()
        await site.listen(replace(CONTACT, pubsub_token=made["pubsub_token"]))
        return made, shown, events

    made, shown, events = on_site(scenario)

    assert (made, ["contact.created"]) == (shown, events)
    assert ("s-new", "Jane", "jane@acme.inc") == tuple(made[key] for key in ("source_id", "name", "email"))


def test_who_comes_again_is_the_same() -> None:
    """By source id, and a contact known by identifier or address gets a place of its own."""

    async def scenario(site: Site) -> list[Any]:
        calls = (
            COMING,
            COMING,
            provisioning.register_contact("inbox-6", "s-x", "Jane", "other@acme.inc", "j-1", "tag"),
            provisioning.register_contact("inbox-6", "s-y", "Jane", "jane@acme.inc", "j-2", "tag"),
        )
        return [json.loads(await site.done(call)) for call in calls]

    first, again, elsewhere, third = on_site(scenario)

    assert first == again
    assert (first["id"], first["id"]) == (elsewhere["id"], third["id"])
    assert 3 == len({first["pubsub_token"], elsewhere["pubsub_token"], third["pubsub_token"]})


def test_a_contact_lists_its_conversations() -> None:
    """Those of this inbox."""

    async def scenario(site: Site) -> list[int]:
        await site.done(api.contact_create_conversation(CONTACT))
        listed = await site.done(provisioning.list_own_conversations("inbox-5", CONTACT.source_id))
        return [one["id"] for one in json.loads(listed)]

    assert [3, 5] == on_site(scenario)


@pytest.mark.parametrize(
    "call",
    [
        provisioning.register_contact("inbox-9", "s", "Jane", "jane@acme.inc", "j-1", "tag"),
        provisioning.show_own_contact("inbox-5", "nobody"),
        provisioning.list_own_conversations("inbox-6", CONTACT.source_id),
    ],
)
def test_what_is_not_there_is_not_found(call: api.Call) -> None:
    """An unknown inbox or source id is 404."""
    status, _ = on_site(lambda site: site.send(call))

    assert status == 404
