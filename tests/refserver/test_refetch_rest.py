"""What clients fetch by themselves, on the reference server."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

from loadtest import api
from loadtest.api import refetching
from loadtest.directory import Agent
from tests.refserver.site import CONTACT, MEMBER, OUTSIDER, serving


def test_counts_are_of_what_the_agent_sees() -> None:
    """A new conversation counts for the inbox's members, and by whom it is assigned to."""

    async def scenario() -> list[Counter[str]]:
        async with serving() as site:

            async def counts(agent: Agent) -> Counter[str]:
                call = refetching.agent_conversation_meta(agent, CONTACT.account_id)
                return Counter(json.loads(await site.done(call))["meta"])

            before = {agent: await counts(agent) for agent in (MEMBER, OUTSIDER)}
            number = api.parse_created(await site.done(api.contact_create_conversation(CONTACT))).id
            opened = [await counts(agent) - before[agent] for agent in (MEMBER, OUTSIDER)]
            await site.done(api.agent_assign_agent(MEMBER, CONTACT.account_id, number, MEMBER.user_id))
            return [*opened, await counts(MEMBER) - before[MEMBER]]

    assert [
        Counter(all_count=1, unassigned_count=1),
        Counter(),
        Counter(all_count=1, assigned_count=1, mine_count=1),
    ] == asyncio.run(scenario())


def test_a_contact_lists_its_last_message() -> None:
    """Nothing at first, then what was written last."""

    async def scenario() -> list[list[str]]:
        async with serving() as site:
            number = api.parse_created(await site.done(api.contact_create_conversation(CONTACT))).id
            call = refetching.contact_list_messages(CONTACT, number)
            before = json.loads(await site.done(call))
            await site.done(api.contact_send_message(CONTACT, number, "hello", "e"))
            after = json.loads(await site.done(call))
            return [[one["content"] for one in listed] for listed in (before, after)]

    assert [[], ["hello"]] == asyncio.run(scenario())


def test_a_conversation_of_somebody_else_is_not_found() -> None:
    """Nor one that does not exist."""

    async def scenario() -> int:
        async with serving() as site:
            return (await site.send(refetching.contact_list_messages(CONTACT, 99)))[0]

    assert 404 == asyncio.run(scenario())
