"""Contacts and conversations as records: pages, searches, labels, and what can be removed."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest import api
from loadtest.api import Call, records
from loadtest.refserver import ServerSettings
from tests.refserver.administration import answered, done
from tests.refserver.site import ADMIN, CONTACT, FOREIGN, MEMBER, OTHER, OUTSIDER, STRANGER, Site, on_site

T, M = ADMIN.access_token, MEMBER.access_token


async def with_contacts(site: Site, count: int) -> None:
    """Make contacts of names 00, 01 ..."""
    for number in range(count):
        name = f"{number:02}"
        await site.done(api.agent_create_contact(ADMIN, 1, 5, name, email=f"{name}@acme.inc", identifier=f"id-{name}"))


async def pages(site: Site, page: Any) -> list[int]:
    """The sizes of pages up to the first empty one."""
    sizes = []
    for number in range(1, 100):
        shown = await done(site, page(number))
        rows = shown["payload"] if "payload" in shown else shown["data"]["payload"]
        if not rows:
            return sizes
        sizes.append(len(rows))
    raise AssertionError("pages without end")


def test_contacts_come_in_pages() -> None:
    """Of 15; those whom nobody could know again, without address, number and identifier, are not listed."""

    async def scenario(site: Site) -> list[int]:
        await with_contacts(site, 17)
        return await pages(site, lambda number: records.list_contacts(T, 1, number))

    assert [15, 2] == on_site(scenario)


def test_contacts_are_found_by_what_they_hold() -> None:
    """Name, address or identifier, in any case of letters."""

    async def scenario(site: Site) -> list[list[str]]:
        await with_contacts(site, 3)
        return [
            [one["name"] for one in (await done(site, records.search_contacts(T, 1, text, 1)))["payload"]]
            for text in ("01@ACME", "id-0", "cleo", "nobody")
        ]

    assert [["01"], ["00", "01", "02"], ["Cleo"], []] == on_site(scenario)


def test_conversations_come_in_pages() -> None:
    """Of 25, of any status; agents see those of their inboxes, and one inbox can be asked for."""

    async def scenario(site: Site) -> list[Any]:
        for _ in range(26):
            await site.done(api.contact_create_conversation(CONTACT, "tag"))
        await site.done(api.agent_toggle_status(MEMBER, 1, 3, "resolved"))
        return [
            await pages(site, lambda number: records.list_conversations(T, 1, number)),
            await pages(site, lambda number: records.list_conversations(OUTSIDER.access_token, 1, number)),
            await pages(site, lambda number: records.list_conversations(T, 1, number, 5)),
        ]

    assert [[25, 3], [1], [25, 2]] == on_site(scenario)


def test_a_conversation_keeps_what_it_was_opened_with() -> None:
    """Its custom attributes tell whose it is."""

    async def scenario(site: Site) -> Any:
        number = api.parse_created(await site.done(api.contact_create_conversation(CONTACT, "tag"))).id
        return await done(site, records.show_conversation(T, 1, number))

    shown = on_site(scenario)

    assert ({"loadtest": "tag"}, CONTACT.contact_id) == (shown["custom_attributes"], shown["meta"]["sender"]["id"])


def test_a_contact_goes_with_its_conversations_and_tokens() -> None:
    """The account's agents are told, and the contact can do nothing any more."""

    async def scenario(site: Site) -> tuple[list[str], list[int]]:
        listener = await site.listen(MEMBER)
        await site.done(records.delete_contact(T, 1, CONTACT.contact_id))
        calls = (
            records.show_contact(T, 1, CONTACT.contact_id),
            records.show_conversation(T, 1, 3),
            api.contact_send_message(CONTACT, 3, "hi", "e"),
        )
        return await listener.events(), [(await answered(site, call))[0] for call in calls]

    events, statuses = on_site(scenario, ServerSettings(ping_interval_s=3600, dialect="current"))

    assert (["contact.deleted"], [404, 404, 404]) == (events, statuses)


def test_a_contact_that_is_online_is_not_removed() -> None:
    """422, as upstream answers until the presence has expired."""

    async def scenario(site: Site) -> tuple[int, int]:
        await site.listen(CONTACT)
        online, _ = await answered(site, records.delete_contact(T, 1, CONTACT.contact_id))
        offline, _ = await answered(site, records.delete_contact(T, 1, OTHER.contact_id))
        return online, offline

    assert (422, 200) == on_site(scenario)


def test_a_conversation_can_be_removed() -> None:
    """Its contact stays."""

    async def scenario(site: Site) -> list[int]:
        await site.done(records.delete_conversation(T, 1, 3))
        calls = (records.show_conversation(T, 1, 3), records.show_contact(T, 1, CONTACT.contact_id))
        return [(await answered(site, call))[0] for call in calls]

    assert [404, 200] == on_site(scenario)


def test_labels_are_set_and_told() -> None:
    """Other labels cause conversation.updated, the same ones nothing."""

    async def scenario(site: Site) -> tuple[Any, list[str]]:
        listener = await site.listen(MEMBER)
        for _ in range(2):
            await site.done(records.set_labels(M, 1, 3, ["vip"]))
        return await done(site, records.list_labels(M, 1, 3)), await listener.events()

    labels, events = on_site(scenario, ServerSettings(ping_interval_s=3600, dialect="current"))

    assert ({"payload": ["vip"]}, ["conversation.updated"]) == (labels, events)


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (records.delete_contact(M, 1, CONTACT.contact_id), 401),
        (records.delete_conversation(M, 1, 3), 401),
        (records.show_conversation(OUTSIDER.access_token, 1, 3), 401),
        (records.list_contacts(STRANGER.access_token, 1, 1), 401),
        (records.show_contact(T, 1, FOREIGN.contact_id), 404),
        (records.delete_contact(T, 1, 99), 404),
        (records.search_contacts(T, 1, " ", 1), 422),
    ],
)
def test_refusals_are_upstreams(call: Call, status: int) -> None:
    """What is for administrators or of others is 401, what is not there 404, what cannot be 422."""
    got, _ = on_site(lambda site: answered(site, call))

    assert status == got
